"""A sweep from its plan to a full store: what is left to do, who does it, how it ended."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

from lobule.errors import InputError, shown
from lobule.experiments.folders import is_drawn
from lobule.experiments.stems import stem_id
from lobule.experiments.sweeps import engine, pools
from lobule.experiments.sweeps.display import Display
from lobule.experiments.sweeps.effort import Effort, Steps
from lobule.experiments.sweeps.plan import Plan, PlannedRun
from lobule.experiments.sweeps.sharing import Pair, in_order, shared_hours
from lobule.experiments.sweeps.store import Store
from lobule.experiments.sweeps.task import Task
from lobule.experiments.sweeps.warm import COMPILING, compile_kernels, is_cold

MOST_WORKERS = 1024


@dataclass(frozen=True)
class Workers:
    """Who does the runs.

    Attributes
    ----------
    number : int
        Processes on this machine; with one, the runs are done in this process.
    cluster : str or Dask cluster, optional
        Scheduler to use instead.
    slurm : mapping, optional
        Options of jobs to submit instead.
    """

    number: int = 1
    cluster: Any = None
    slurm: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, number: int | None, cluster: Any = None, slurm: Mapping[str, Any] | None = None) -> Workers:
        """Return the workers asked for; no number stands for one on each processor this process may use.

        Raises
        ------
        InputError
            If it is no number of workers.
        """
        if number is None:
            affinity = getattr(os, "sched_getaffinity", None)
            number = len(affinity(0)) if affinity else os.cpu_count() or 1
        if not (isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= MOST_WORKERS):
            raise InputError(f"workers = {shown(number)} -> must be a whole number from 1 to {MOST_WORKERS}")
        return cls(number, cluster, slurm)

    def at_a_time(self) -> int:
        """Return how many runs are under way at a time."""
        if self.slurm is not None:
            return int(self.slurm.get("jobs", 1))
        if self.cluster is not None:
            with pools.cluster_pool(self.cluster, print, warm=False) as pool:
                return sum(pool.client.nthreads().values())
        return min(self.number, os.cpu_count() or 1)

    def pool(self, say: pools.Say) -> AbstractContextManager[pools.Pool] | None:
        """Return what gives the workers, or None when this process does the work."""
        if self.slurm is not None:
            return pools.slurm_pool(self.slurm, say)
        if self.cluster is not None:
            return pools.cluster_pool(self.cluster, say)
        return pools.local_pool(self.number, say) if self.number > 1 else None


class Outlook(NamedTuple):
    """How far a sweep is."""

    total: int
    done: set[str]
    damaged: dict[str, str]
    """What is wrong with runs that are there but not as they were written."""
    failed: dict[str, dict[str, Any]]
    """What is known of those that failed."""
    todo: list[PlannedRun]


@dataclass
class Outcome:
    """How a sweep ended."""

    total: int
    done: set[str]
    failures: dict[str, dict[str, Any]]
    stopped: str = ""
    interrupted: bool = False

    @property
    def left(self) -> int:
        """Runs that are neither done nor have failed."""
        return self.total - len(self.done) - len(self.failures)


def look(plan: Plan, store: Store, *, only_failed: bool = False, draw: bool = False) -> Outlook:
    """Look what is left of a sweep; nothing is changed.

    Parameters
    ----------
    plan, store : Plan, Store
        The sweep, and where its runs are kept.
    only_failed : bool
        Count those runs as left that failed before, and no others; otherwise those are left alone.
    draw : bool
        Count those runs as left, too, whose pictures are not all there.
    """
    ids = [run.id for run in plan.runs]
    done, damaged = store.state(ids)
    failed = store.failed(run for run in ids if run not in done)
    wanted = set(failed) if only_failed else set(ids) - done - set(failed)
    if draw and not only_failed:
        wanted |= {run for run in done if not is_drawn(store.folder(run))}
    todo = [run for run in plan.runs if run.id in wanted]
    return Outlook(len(ids), done, damaged, failed, todo)


def conduct(
    plan: Plan,
    store: Store,
    workers: Workers,
    *,
    only_failed: bool = False,
    draw: bool = False,
    display: Display | None = None,
) -> Outcome:
    """Do what is left of a sweep.

    Parameters
    ----------
    plan, store : Plan, Store
        The sweep, and where its runs are kept.
    workers : Workers
        Who does them.
    only_failed, draw : bool
        As in :func:`look`.
    display : Display, optional
        Shows how far it is.

    Raises
    ------
    InputError
        If something of the plan is wrong, or the store cannot be used; nothing has been run then.
    """
    display = Display() if display is None else display
    if not store.exists():
        _ = plan.rows  # all combinations of values are tried before a folder is made
    store.prepare()
    store.save(plan)
    outlook = look(plan, store, only_failed=only_failed, draw=draw)
    waiting = {run.id for run in outlook.todo}
    failures = {run: record for run, record in outlook.failed.items() if run not in waiting}
    outcome = Outcome(outlook.total, outlook.done - waiting, failures)
    for run, wrong in outlook.damaged.items():
        display.say(f"damaged: {store.shown / 'runs' / run}: {wrong}; it is done again")
    if outlook.todo:
        try:
            with display:
                _work(plan, store, workers, outlook.todo, draw, outcome, display)
        except KeyboardInterrupt:
            outcome.interrupted = True
        except pools.NoWorkersError as error:
            outcome.stopped = str(error)
        if outcome.left:  # reports may have been under way
            outcome.done |= store.state(waiting - outcome.done)[0]
        outcome.failures |= store.failed(waiting - outcome.done)
    return outcome


def _work(
    plan: Plan,
    store: Store,
    workers: Workers,
    todo: Sequence[PlannedRun],
    draw: bool,
    outcome: Outcome,
    display: Display,
) -> None:
    """Hand out `todo` and follow it; `outcome` is kept up to date, so that an interruption finds it right."""
    shared = shared_hours(plan)
    order, followers = in_order(todo, shared)
    effort = Effort(
        plan, store, order, {run.id: shared[run.arm, run.point] for run in order if run.id in followers}
    )
    tasks = _tasks(plan, store, order, draw, effort, shared)
    pool = workers.pool(display.say)

    def begin() -> None:
        for note in plan.notes():
            display.say(f"note: {note}")
        display.begin(plan.name, outcome.total, len(outcome.done), len(outcome.failures))

    if pool is None:
        if is_cold():
            display.say(COMPILING)
            compile_kernels()
        begin()
        _follow(engine.in_process(tasks, Steps(effort, display)), effort, outcome, display)
    else:
        with pool as ready:
            begin()
            _follow(engine.on_workers(tasks, ready), effort, outcome, display)


def _tasks(
    plan: Plan,
    store: Store,
    todo: Sequence[PlannedRun],
    draw: bool,
    effort: Effort,
    shared: Mapping[Pair, float],
) -> Iterator[Task]:
    session = uuid.uuid4().hex
    for run in todo:
        case = plan.case(run)
        hours = shared.get((run.arm, run.point), 0.0)
        effort.begin(run.id, case.end_hours)
        yield Task(
            str(store.path),
            run.id,
            case.to_json(),
            run.seed,
            plan.labels(run),
            session,
            plan.code,
            draw,
            stem_id(case, run.seed, hours) if hours else "",
            hours,
        )


def _follow(reports: engine.Reports, effort: Effort, outcome: Outcome, display: Display) -> None:
    for report in reports:
        if report is None:
            effort.peek()
        elif report.status == "stopped":
            outcome.stopped = report.message
            return
        else:
            effort.end(report.run)
            if report.status == "done":
                outcome.done.add(report.run)
            display.ended(f"{report.run}: {report.message}" if report.status == "failed" else "")
        display.update(effort.share)
