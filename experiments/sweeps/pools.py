"""Workers for runs: processes on this machine, those of a Dask scheduler, jobs of SLURM."""

from __future__ import annotations

import logging
import math
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from lobule.errors import InputError, one_line, shown
from lobule.experiments.sweeps.warm import COMPILING, compile_kernels, is_cold

if TYPE_CHECKING:
    from distributed import Client

STARTING = 20.0  # s that workers may take to start before one says so
MOST_DEATHS = 3  # times that Dask gives a run up that no worker has even begun
LOCAL_PATIENCE = 120.0  # s without a single worker on this machine
NO_WORKERS = "no worker process stays alive"
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("NUMBA", "OMP", "OPENBLAS", "MKL", "VECLIB", "NUMEXPR")}
#: Dask looks after its workers every few milliseconds, which costs a run a tenth of its time.
CALM = {
    "distributed.scheduler.allowed-failures": 5,
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.monitor-interval": "1s",
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
}

Say = Callable[[str], None]


class NoWorkersError(RuntimeError):
    """No worker can be had."""


class Pool(NamedTuple):
    """Workers that can be given runs."""

    client: Client
    mend: Callable[[], None]
    """Replaces workers that are gone for good."""
    say: Say
    """Prints a line."""
    patience: float = math.inf
    """Seconds without a worker after which there is no hope."""


def threads_of(client: Client) -> int:
    """Return how many runs the workers can do at a time; 0 also when the scheduler does not answer."""
    try:
        return sum(client.nthreads().values())
    except (OSError, TimeoutError):
        return 0


@contextmanager
def local_pool(workers: int, say: Say) -> Iterator[Pool]:
    """Give `workers` processes on this machine, reached by loopback alone; `say` prints a line."""
    import dask
    from distributed import Client, LocalCluster

    with dask.config.set(CALM), _quiet(), _workers_import_no_script():
        cluster = LocalCluster(
            n_workers=0,  # so that one that dies while it starts is just another that died
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # any port, for two sweeps at once
            silence_logs=logging.CRITICAL,
            env=ONE_THREAD,
        )
        cluster.sync(_keep_interrupts_here)
        try:
            with Client(cluster) as client:
                pool = Pool(client, lambda: _mend(cluster, workers), say, LOCAL_PATIENCE)
                _warm(pool)
                yield pool
        finally:
            with suppress(Exception):
                cluster.close(timeout=5)


async def _keep_interrupts_here() -> None:
    """Block Ctrl-C and SIGHUP in the thread that starts workers, and so in them: this process ends them."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # in the resource tracker, too
        resource_tracker.ensure_running()  # whose first start unblocks Ctrl-C again
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _mend(cluster: Any, workers: int) -> None:
    """See to it that a local cluster has `workers` processes: those that gave up are replaced."""
    from distributed.core import Status

    async def mend() -> None:
        for name, nanny in list(cluster.workers.items()):
            if nanny.status in (Status.closed, Status.failed):
                del cluster.workers[name]
        cluster.scale(workers)

    cluster.loop.add_callback(mend)


@contextmanager
def cluster_pool(
    address: Any, say: Say, *, warm: bool = True, mend: Callable[[], None] = lambda: None
) -> Iterator[Pool]:
    """Give the workers of an existing scheduler.

    Parameters
    ----------
    address : str or Dask cluster
        ``tcp://host:port``, or a cluster object.
    say : callable
        Prints a line.
    warm : bool
        Wait for a worker, and compile the kernels where they are not yet.
    mend : callable
        Replaces workers that are gone.

    Raises
    ------
    InputError
        If nobody answers there.
    """
    from distributed import Client

    with _quiet():
        try:
            client = Client(address, timeout=10)
        except (OSError, ValueError, TypeError, ImportError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"cluster = {shown(str(address))} -> no scheduler answers: {reason}") from None
        try:
            pool = Pool(client, mend, say)
            if warm:
                _warm(pool)
            yield pool
        finally:
            client.close(timeout=2)


@contextmanager
def slurm_pool(options: Mapping[str, Any], say: Say) -> Iterator[Pool]:
    """Give workers that are jobs of SLURM, through dask-jobqueue.

    Parameters
    ----------
    options : mapping of str to object
        ``jobs``, the number of jobs, and whatever :class:`dask_jobqueue.SLURMCluster` takes.

    Raises
    ------
    InputError
        If dask-jobqueue is not installed or refuses an option.
    """
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError:
        raise InputError("--slurm -> dask-jobqueue is not installed: pip install 'lobule[slurm]'") from None
    given = {"cores": 1, "processes": 1, "memory": "4GB", **options}
    jobs = given.pop("jobs", 1)
    if not (isinstance(jobs, int) and jobs >= 1):
        raise InputError(f"--slurm -> jobs = {shown(jobs)} must be a whole number, 1 or more")
    if shutil.which(SLURMCluster.job_cls.submit_command) is None:
        raise InputError(f"--slurm -> there is no {SLURMCluster.job_cls.submit_command} on this machine")
    prologue = [f"export {name}={value}" for name, value in ONE_THREAD.items()]
    try:
        cluster = SLURMCluster(**given, job_script_prologue=prologue)
    except (TypeError, ValueError) as error:
        raise InputError(f"--slurm -> {one_line(str(error)).split('. ')[0]}") from None
    try:
        with cluster_pool(cluster, say, mend=lambda: cluster.scale(jobs=jobs)) as pool:
            yield pool
    finally:
        cluster.close()


def _warm(pool: Pool) -> None:
    """Wait for a worker, and compile the kernels once on every machine before its other workers need them.

    Workers that die meanwhile are no matter: the others compile for themselves.

    Raises
    ------
    NoWorkersError
        If none comes although they should have been there long since.
    """
    client = pool.client
    pool.mend()
    began, told = time.monotonic(), False
    while not client.nthreads():
        waited = time.monotonic() - began
        if waited > pool.patience:
            raise NoWorkersError(NO_WORKERS)
        if waited > STARTING and not told:
            pool.say("waiting for a first worker")
            told = True
        time.sleep(0.1)
        pool.mend()
    cold = client.run(is_cold, on_error="return")
    hosts = {urlsplit(address).hostname: address for address, is_so in cold.items() if is_so is True}
    if hosts:
        pool.say(COMPILING)
        futures = [
            client.submit(compile_kernels, workers=[address], allow_other_workers=True, pure=False)
            for address in hosts.values()
        ]
        client.gather(futures, errors="skip")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's own log of workers coming and going off the screen."""
    import distributed  # noqa: F401, whose loggers are there from now on

    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def _workers_import_no_script() -> Iterator[None]:
    """Keep spawned processes from importing the user's script, which would begin the sweep in each of them.

    They need nothing of it. So a script needs no ``if __name__ == "__main__"``.
    """
    main = sys.modules["__main__"]
    held = {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
    for name in held:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in held.items():
            setattr(main, name, value)
