"""The runs of particles, handed out as those of a sweep are, and what they say."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lobule.errors import InputError
from lobule.experiments.calibration.problem import Calibration, Statistics
from lobule.experiments.sweeps import engine
from lobule.experiments.sweeps.plan import Plan
from lobule.experiments.sweeps.pools import NoWorkersError, Pool
from lobule.experiments.sweeps.store import Store
from lobule.experiments.sweeps.task import Task
from lobule.experiments.validation.studies import Courses


class Evaluated(list[tuple[int, Statistics | None]]):
    """Particles by their number that are through; None for one whose runs gave nothing."""


@dataclass
class _Waiting:
    """A particle some of whose runs are under way."""

    plan: Plan
    left: set[str]
    has_failed: bool = False


class Evaluation:
    """Does the runs of particles.

    Parameters
    ----------
    calibration : Calibration
        What a particle is.
    store : Store
        Where runs are kept as long as their generation is not complete; those of an interrupted one are found
        again there.
    pool : Pool, optional
        Workers; without them this process does the runs.
    session : str
        Which call asks, as in :class:`Task`.

    Attributes
    ----------
    failure : str
        What the first particle that gave nothing said.
    """

    def __init__(self, calibration: Calibration, store: Store, pool: Pool | None, session: str) -> None:
        self.calibration, self.store, self.pool, self.session = calibration, store, pool, session
        self.failure = ""

    def __call__(self, particles: Iterator[Mapping[str, float]]) -> Iterator[Evaluated]:
        """Evaluate `particles` in any order; yield what is through, often nothing.

        `particles` is drawn from only as workers become free, so that it may depend on what was yielded.

        Raises
        ------
        NoWorkersError
            If no run can be done any more.
        """
        waiting: dict[int, _Waiting] = {}
        owners: dict[str, list[int]] = {}
        through: deque[tuple[int, Statistics | None]] = deque()
        tasks = self._tasks(particles, waiting, owners, through)
        reports = engine.in_process(tasks) if self.pool is None else engine.on_workers(tasks, self.pool)
        for report in reports:
            if report is not None:
                if report.status == "stopped":
                    raise NoWorkersError(report.message)
                if report.status == "failed":
                    self.failure = self.failure or report.message
                for number in owners.pop(report.run):
                    mine = waiting[number]
                    mine.left.discard(report.run)
                    mine.has_failed |= report.status == "failed"
                    if not mine.left:
                        through.append((number, self._statistics(waiting.pop(number))))
            yield Evaluated(through)
            through.clear()
        yield Evaluated(through)

    def _tasks(
        self,
        particles: Iterator[Mapping[str, float]],
        waiting: dict[int, _Waiting],
        owners: dict[str, list[int]],
        through: deque[tuple[int, Statistics | None]],
    ) -> Iterator[Task]:
        for number, parameters in enumerate(particles):
            try:
                plan = self.calibration.plan_of(parameters)
            except InputError as error:
                self.failure = self.failure or str(error)
                through.append((number, None))
                continue
            runs = plan.runs
            waiting[number] = _Waiting(plan, {run.id for run in runs})
            fresh = [run for run in runs if run.id not in owners]
            for run in runs:
                owners.setdefault(run.id, []).append(number)
            for run in fresh:
                case = plan.case(run).to_json()
                labels = plan.labels(run)
                yield Task(
                    str(self.store.path), run.id, case, run.seed, labels, self.session, plan.code, False
                )

    def _statistics(self, particle: _Waiting) -> Statistics | None:
        if particle.has_failed:
            return None
        found = self.calibration.statistics(Courses(self.store, particle.plan))
        if not self.calibration.distance(found) >= 0.0:
            self.failure = self.failure or "a published value has no simulated counterpart"
            return None
        return found
