"""An optimisation from its first generation to the check of its front; the same again finds its runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from lobule.experiments.export.needed import library
from lobule.experiments.optimisations.fronts import Array, on_front, representatives, scaled
from lobule.experiments.optimisations.measures import outcome_of, quantity_of
from lobule.experiments.optimisations.menu import Value, Values
from lobule.experiments.optimisations.problem import NOTHING, Optimisation
from lobule.experiments.optimisations.search import Candidate, Outcome, search
from lobule.experiments.sweeps import pools
from lobule.experiments.sweeps.conduct import Workers, conduct
from lobule.experiments.sweeps.courses import ArmCourses
from lobule.experiments.sweeps.display import Display
from lobule.experiments.sweeps.pools import NoWorkersError, Pool
from lobule.experiments.sweeps.store import Store
from lobule.experiments.sweeps.warm import COMPILING, compile_kernels, is_cold


@dataclass(frozen=True)
class Ready(Workers):
    """Workers who stay from one generation to the next."""

    there: Pool | None = None

    def pool(self, say: pools.Say) -> AbstractContextManager[Pool] | None:
        """Return the pool that is there."""
        return None if self.there is None else nullcontext(self.there)


@dataclass(frozen=True)
class Schedule:
    """One schedule that was tried, however often the search proposed it.

    Attributes
    ----------
    number : int
        From 1, in the order in which they were first tried.
    generation : int
        From 1, the first that had it.
    values : mapping of str to value
        What was decided; None for what means nothing, since its treatment is not given.
    outcome : Outcome
        What it comes to with the patients of the search.
    """

    number: int
    generation: int
    values: Mapping[str, Value | None]
    outcome: Outcome


@dataclass(frozen=True)
class Study:
    """All that was tried, and what was found.

    Attributes
    ----------
    optimisation : Optimisation
        What was searched.
    schedules : list of Schedule
        All that were tried.
    front : list of int
        Rows of `schedules` that no other beats, within all limits.
    picked : list of int
        Rows of the front that were checked, in the order of their names: best-1, best-2 ...
    nothing : Outcome
        What nothing but the case comes to, with the patients of the search.
    checked : dict of int to Outcome
        Outcomes of the picked rows with fresh patients; empty where there are none.
    nothing_checked : Outcome, optional
        The same of nothing but the case.
    courses : ArmCourses
        Runs of the picked schedules by their names, with the fresh patients if there are any.
    """

    optimisation: Optimisation
    schedules: list[Schedule]
    front: list[int]
    picked: list[int]
    nothing: Outcome
    checked: dict[int, Outcome]
    nothing_checked: Outcome | None
    courses: ArmCourses

    @property
    def losses(self) -> Array:
        """Objectives so that less is better, shape (schedules, objectives); infinite without numbers."""
        return losses_of(self.optimisation, [schedule.outcome for schedule in self.schedules])

    def name(self, row: int) -> str:
        """Return the name of a picked schedule."""
        return name_of(self.picked.index(row))


def name_of(place: int) -> str:
    """Return the name of the picked schedule at a place, from 0."""
    return f"best-{place + 1}"


def losses_of(optimisation: Optimisation, outcomes: Sequence[Outcome]) -> Array:
    """Return objectives so that less is better, shape (outcomes, objectives); infinite without numbers."""
    number = len(optimisation.objectives)
    signs = np.array([1.0 if o.goal == "minimise" else -1.0 for o in optimisation.objectives])
    rows = [np.full(number, np.inf) if o.failure else signs * o.ranked for o in outcomes]
    return np.array(rows).reshape(-1, number)


def carry_out(
    optimisation: Optimisation, store: Store, workers: Workers, display: Callable[[], Display] = Display
) -> Study:
    """Search, choose from the front, and check what was chosen.

    Parameters
    ----------
    optimisation : Optimisation
        What is searched.
    store : Store
        Where the runs are kept. Those that are there are not done again, so that a search that was stopped
        goes on as if it had not been.
    workers : Workers
        Who does them.
    display : callable
        Makes what shows how far the runs of a generation are.

    Raises
    ------
    InputError
        If Optuna is missing, or the store cannot be used.
    KeyboardInterrupt
        When interrupted.
    NoWorkersError
        If no run can be done any more.
    """
    library("optuna", "calibrate")  # said before anything is run
    shown = display()
    pool = workers.pool(shown.say)
    if pool is None and is_cold():
        shown.say(COMPILING)
        compile_kernels()
    with pool or nullcontext() as there:
        ready = Ready(workers.number, workers.cluster, workers.slurm, there)
        return _searched(optimisation, _Runs(optimisation, store, ready, display))


class _Runs:
    """Does the runs of schedules."""

    def __init__(
        self, optimisation: Optimisation, store: Store, workers: Ready, display: Callable[[], Display]
    ) -> None:
        self.optimisation, self.store, self.workers, self.display = optimisation, store, workers, display

    def of(
        self, name: str, schedules: Mapping[str, Values | None], *, fresh: bool = False
    ) -> tuple[dict[str, Outcome], ArmCourses]:
        """Return what schedules come to by their names, and their runs."""
        plan = self.optimisation.plan(name, schedules, fresh=fresh)
        ended = conduct(plan, self.store, self.workers, display=self.display())
        if ended.interrupted:
            raise KeyboardInterrupt
        if ended.stopped:
            raise NoWorkersError(ended.stopped)
        courses = ArmCourses(self.store, plan)
        found = {}
        for arm, runs in courses.runs.items():
            wrong = [str(ended.failures[run].get("error", "")) for run in runs if run in ended.failures]
            if wrong:
                found[arm] = Outcome((), failure=f"{len(wrong)} of {len(runs)} runs failed: {wrong[0]}")
            else:
                found[arm] = outcome_of(self.optimisation, courses.cases[arm], courses.of(arm)[0])
        return found, courses


def _searched(optimisation: Optimisation, runs: _Runs) -> Study:
    menu = optimisation.menu
    nothing = runs.of(NOTHING, {NOTHING: None})[0][NOTHING]

    def evaluate(generation: int, values: Sequence[dict[str, Value]]) -> list[Outcome]:
        asked = {f"schedule {i}": menu.settled(chosen) for i, chosen in enumerate(values)}
        found, _ = runs.of(f"generation {generation + 1}", asked)
        return [found[name] for name in asked]

    candidates: list[Candidate] = []
    for generation in search(
        menu.decisions,
        [objective.goal for objective in optimisation.objectives],
        evaluate,
        population=optimisation.population,
        generations=optimisation.generations,
        seed=optimisation.file.seed,
    ):
        candidates += generation
    schedules = _different(optimisation, candidates)
    losses = losses_of(optimisation, [schedule.outcome for schedule in schedules])
    allowed = np.array([schedule.outcome.is_feasible for schedule in schedules])
    front = _least(optimisation, schedules, [int(row) for row in np.flatnonzero(on_front(losses, allowed))])
    picked = representatives(scaled(losses, allowed), front, optimisation.front) if front else []
    asked: dict[str, Values | None] = {name_of(i): schedules[row].values for i, row in enumerate(picked)}
    checks = bool(picked) and optimisation.check_patients > 0
    found, courses = runs.of("check" if checks else "front", {NOTHING: None, **asked}, fresh=checks)
    checked = {row: found[name_of(i)] for i, row in enumerate(picked)} if checks else {}
    without = found[NOTHING] if checks else None
    return Study(optimisation, schedules, front, picked, nothing, checked, without, courses)


def _least(optimisation: Optimisation, schedules: Sequence[Schedule], rows: Sequence[int]) -> list[int]:
    """Return of the rows that are equal in all objectives the one that gives the fewest doses."""
    groups: dict[tuple[float, ...], list[int]] = {}
    for row in rows:
        groups.setdefault(schedules[row].outcome.ranked, []).append(row)

    def effort(row: int) -> tuple[float, int]:
        return quantity_of("doses", optimisation.case(schedules[row].values)), row

    return sorted(min(group, key=effort) for group in groups.values())


def _different(optimisation: Optimisation, candidates: Sequence[Candidate]) -> list[Schedule]:
    """Return the schedules that differ in what is given, each once."""
    found: dict[tuple[Any, ...], Schedule] = {}
    for candidate in candidates:
        values = optimisation.menu.settled(candidate.values)
        new = Schedule(len(found) + 1, candidate.generation + 1, values, candidate.outcome)
        found.setdefault(tuple(values.values()), new)
    return list(found.values())
