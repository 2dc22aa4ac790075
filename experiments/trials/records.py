"""What the runs of a trial have recorded, patient by patient: as followed, and as a trial would see it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from lobule.distributions import Value
from lobule.doses import HOURS_PER_DAY
from lobule.experiments.comparisons.comparefile import Endpoint
from lobule.experiments.comparisons.comparison import measured
from lobule.experiments.identity import run_id
from lobule.experiments.sweeps.courses import Course
from lobule.experiments.sweeps.finished import Run
from lobule.experiments.sweeps.results import value_in
from lobule.experiments.sweeps.store import Store
from lobule.experiments.trials.trial import Trial, left_name
from lobule.experiments.trials.trialfile import Subgroup


class Screened(NamedTuple):
    """How the screening ended."""

    included: tuple[int, ...]
    excluded: dict[int, tuple[int, ...]]
    """Numbers of the criteria that a patient does not meet."""
    missing: tuple[int, ...]
    """Patients whose run is not there."""
    visits: dict[int, tuple[float, ...]]
    """What was found at the visit of each criterion."""

    def failed_first(self, criteria: int) -> list[int]:
        """Return how many patients are out by each criterion, counted at the first that they do not meet."""
        return [sum(fails[0] == i for fails in self.excluded.values()) for i in range(criteria)]

    def failed(self, criteria: int) -> list[int]:
        """Return how many patients do not meet each criterion."""
        return [sum(i in fails for fails in self.excluded.values()) for i in range(criteria)]


def screened(trial: Trial, store: Store) -> Screened:
    """Return who is included, as the finished runs of the screening say."""
    plan = trial.screening()
    if plan is None:
        return Screened(tuple(range(trial.patients)), {}, (), {})
    runs = {row.replicate: row.id for row in plan.rows}
    done, _ = store.state(set(runs.values()))
    included, excluded, missing, visits = [], {}, [], {}
    for patient, run in runs.items():
        if run not in done:
            missing.append(patient)
            continue
        course = course_of(store, run)
        criteria = trial.file.inclusion
        visits[patient] = tuple(at_day(course, entry.readout, entry.at_day) for entry in criteria)
        pairs = zip(criteria, visits[patient], strict=True)
        fails = tuple(i for i, (entry, value) in enumerate(pairs) if not entry.holds(value))
        if fails:
            excluded[patient] = fails
        else:
            included.append(patient)
    return Screened(tuple(included), excluded, tuple(missing), visits)


def course_of(store: Store, run: str) -> Course:
    """Return what a finished run has recorded."""
    table = Run(store.folder(run)).table()
    return {name: table[name].to_numpy().astype(float) for name in table.column_names}


def at_day(course: Course, readout: str, day: float) -> float:
    """Return a readout as it was recorded on a day or last before it."""
    row = int(np.searchsorted(course["hours"], day * HOURS_PER_DAY + 1e-6, side="right")) - 1
    return float(course[readout][max(row, 0)])


def carried_forward(course: Course, out_day: float) -> Course:
    """Return a course in which what was recorded last before `out_day` stays until the end."""
    rows = np.arange(course["hours"].size)
    last = int(np.searchsorted(course["hours"], out_day * HOURS_PER_DAY + 1e-6, side="right")) - 1
    held = np.minimum(rows, max(last, 0))
    return {
        name: values if name in ("hours", "age_days") else values[held] for name, values in course.items()
    }


class Patients:
    """The patients of a trial and what is recorded of them, read when asked for.

    Parameters
    ----------
    trial : Trial
        The trial.
    found : Screened
        Who is included.
    store : Store
        Where the runs are.
    """

    def __init__(self, trial: Trial, found: Screened, store: Store) -> None:
        self.trial, self.found, self.store, self.included = trial, found, store, list(found.included)
        self.arm = trial.allocation(self.included)
        self.out_day = {patient: trial.out_day(patient) for patient in self.included}
        self._runs: dict[tuple[str, int], str] = {}
        for arm, patient in self._asked():
            case = trial.cases[arm] if arm in trial.cases else trial.left_case(self.arm[patient], patient)
            self._runs[arm, patient] = run_id(case, trial.seed(patient))
        self.done, _ = store.state(set(self._runs.values()))
        self._read: dict[str, Course] = {}

    def _asked(self) -> Iterator[tuple[str, int]]:
        for patient in self.included:
            if self.trial.is_counterfactual:
                yield from ((arm, patient) for arm in self.trial.arms)
            if math.isfinite(self.out_day[patient]):
                yield left_name(self.arm[patient], patient), patient
            elif not self.trial.is_counterfactual:
                yield self.arm[patient], patient

    def course(self, arm: str, patient: int) -> Course | None:
        """Return what a patient has in an arm without drop-out; None where there is no such finished run."""
        return self._course(self._runs.get((arm, patient)))

    def _course(self, run: str | None) -> Course | None:
        if run is None or run not in self.done:
            return None
        if run not in self._read:
            self._read[run] = course_of(self.store, run)
        return self._read[run]

    def followed(self, patient: int) -> Course | None:
        """Return the patient in his own arm, followed to the end although treatment ends with a drop-out."""
        return self.course(self.own(patient), patient)

    def own(self, patient: int) -> str:
        """Return the arm of the plan in which a patient is as he is in the trial."""
        arm = self.arm[patient]
        return left_name(arm, patient) if math.isfinite(self.out_day[patient]) else arm

    def seen(self, patient: int) -> Course | None:
        """Return what the trial sees of a patient: nothing new after drop-out, the last value carried on."""
        course = self.followed(patient)
        return None if course is None else carried_forward(course, self.out_day[patient])

    def level(self, group: Subgroup, patient: int) -> Value | None:
        """Return in which part of a subgroup a patient is, as it is named; None in none of them."""
        if group.key is not None:
            value = value_in(self.trial.base.for_subject(self.trial.seed(patient)), group.key)
        else:
            course = self.followed(patient)
            day = self.trial.baseline_day if group.at_day is None else group.at_day
            value = None if course is None else at_day(course, str(group.readout), day)
        if value is None or (group.levels is not None and value not in group.levels):
            return None
        if group.cut is None:
            return value
        return f"below {group.cut:g}" if value < group.cut else f"{group.cut:g} or more"


def value_of(endpoint: Endpoint, course: Course | None, baseline_day: float) -> float:
    """Return an endpoint of a course, NaN where there is none."""
    return math.nan if course is None else measured(endpoint, course, baseline_day)
