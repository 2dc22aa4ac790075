"""Handing out runs and following them: in this process, or on a pool of workers."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lobule.errors import one_line
from lobule.experiments.sweeps.pools import MOST_DEATHS, NO_WORKERS, STARTING, Pool, threads_of
from lobule.experiments.sweeps.task import MOST_ATTEMPTS, Report, Task, attempts, give_up, perform

if TYPE_CHECKING:
    from distributed import Future

HEARTBEAT = 1.0  # s
WINDOW = 3  # tasks in flight for each thread of the workers
PATIENCE = 30.0  # s without a scheduler

Reports = Iterator[Report | None]


def in_process(tasks: Iterator[Task], progress: Any = None) -> Reports:
    """Do the runs one after the other in this process; yield how each went."""
    for task in tasks:
        yield perform(task, progress)


def on_workers(tasks: Iterator[Task], pool: Pool) -> Reports:
    """Do the runs on the workers of a pool; yield how each went, and None every second without news.

    A few runs for each worker are under way at a time, whatever their number. A run that kills its worker
    again and again is given up.
    """
    client = pool.client
    news: queue.SimpleQueue[Future[Report]] = queue.SimpleQueue()
    flying: dict[Any, tuple[Future[Report], Task, int]] = {}

    def launch(task: Task, deaths: int = 0) -> None:
        key = f"lobule-{task.run}-{task.session}-{deaths}"
        future = client.submit(perform, task, key=key, pure=False)
        flying[future.key] = future, task, deaths
        future.add_done_callback(news.put)

    threads, more, watch = 0, True, Watch(pool)
    while True:
        threads = threads_of(client) or threads
        while more and len(flying) < WINDOW * max(2, threads):
            if (task := next(tasks, None)) is None:
                more = False
            else:
                launch(task)
        if not flying:
            return
        try:
            future = news.get(timeout=HEARTBEAT)
        except queue.Empty:
            pool.mend()
            if gone := watch.gone():
                yield Report("", "stopped", gone)
                return
            yield None
            continue
        if future.key not in flying:
            continue
        _, task, deaths = flying.pop(future.key)
        report = _outcome(future, task, deaths)
        if report is None:
            launch(task, deaths + 1)
        else:
            yield report
        future.release()


class Watch:
    """Notices that the scheduler is gone for good, or that no worker is left."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._heard = self._seen = time.monotonic()
        self._told = False

    def gone(self) -> str:
        """Return what is gone for good, nothing when all is well; say once when there is no worker."""
        now = time.monotonic()
        if self.pool.client.status == "running":
            self._heard = now
            if threads_of(self.pool.client):
                self._seen, self._told = now, False
            elif now - self._seen > self.pool.patience:
                return NO_WORKERS
            elif now - self._seen > STARTING and not self._told:
                self._told = True
                self.pool.say("no worker is left; waiting for one")
        return "the scheduler is gone" if now - self._heard > PATIENCE else ""


def _outcome(future: Future[Report], task: Task, deaths: int) -> Report | None:
    """Return how a run went; None when it is to be tried again, since its worker died."""
    from distributed.scheduler import KilledWorker

    if future.status == "finished":
        try:
            return future.result()
        except OSError:  # whoever has the word is gone; the run, if it is complete, is found again
            gone = Report(task.run, "stopped", "the scheduler is gone, or has dropped the runs")
            return None if deaths < MOST_DEATHS else gone
    error = future.exception() if future.status == "error" else None
    if isinstance(error, KilledWorker):
        # Dask counts all runs that a dead worker had before it; a run counts only those that it began.
        times = attempts(task)
        is_innocent = 0 < times < MOST_ATTEMPTS or (times == 0 and deaths < MOST_DEATHS)
        return None if is_innocent else give_up(task)
    if error is None:
        return Report(task.run, "stopped", "the scheduler is gone, or has dropped the runs")
    return Report(
        task.run, "stopped", one_line(f"a worker cannot run lobule: {type(error).__name__}: {error}")
    )
