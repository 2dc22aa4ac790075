"""What of a simulated course stands beside a published number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.case import Case
from lobule.doses import HOURS_PER_DAY, ToxinDose
from lobule.experiments.evidence import Value
from lobule.experiments.sweeps.courses import Course

RESAMPLES = 400


class Simulated(NamedTuple):
    """What the runs of an arm say of one published number."""

    mean: float
    error: float
    """Standard error over the seeds; NaN with one seed."""
    values: tuple[float, ...]
    """Of each seed, in their order; empty for what only all seeds together have (a correlation)."""
    seeds: int
    """Seeds that have a number."""


def simulated(
    value: Value, case: Case, courses: Sequence[Course], control: Sequence[Course] = ()
) -> Simulated:
    """Return what the runs of an arm say of a published number.

    Parameters
    ----------
    value : Value
        The published number: readout, measure and times.
    case : Case
        The case of its arm.
    courses : sequence of Course
        The runs of the arm, one a seed.
    control : sequence of Course
        Those of the arm `value.against`, the same seeds in the same order.

    Notes
    -----
    Arms share their seeds, so that a difference is taken within each pair. The error of a share is binomial,
    that of a correlation comes from resampling the seeds (400 times, always the same).
    """
    if value.measure == "correlation":
        return _correlation(value, courses)
    pairs = zip(courses, control, strict=True) if value.against else ((course, None) for course in courses)
    numbers = [_measured(value, case, course, other) for course, other in pairs]
    known = [number for number in numbers if math.isfinite(number)]
    if not known:
        return Simulated(math.nan, math.nan, tuple(numbers), 0)
    mean = float(np.mean(known))
    spread = float(np.std(known, ddof=1)) if len(known) > 1 else math.nan
    if value.measure == "share-above":
        # A share of 0 or 1 of few seeds is not exact: one half success and one half failure are added.
        p = (sum(known) / 100.0 + 0.5) / (len(known) + 1.0)
        return Simulated(mean, 100.0 * math.sqrt(p * (1.0 - p) / len(known)), tuple(numbers), len(known))
    return Simulated(mean, spread / math.sqrt(len(known)), tuple(numbers), len(known))


def ends(value: Value, case: Case) -> tuple[float, float]:
    """Return the days of the run between which a value is measured; the first is 0 where it says none."""
    if value.age_days is not None:
        last = value.age_days - case.subject.age_days
    elif value.days_after_injury is not None:
        last = last_injury(case) + value.days_after_injury
    else:
        last = case.end_hours / HOURS_PER_DAY if value.day is None else value.day
    first = value.from_day
    if first is None:
        first = last_injury(case) if value.days_after_injury is not None else 0.0
    return first, last


def last_injury(case: Case) -> float:
    """Return the day of the last dose of a toxin; NaN where none is given."""
    hours = [at for at, dose in case.events() if isinstance(dose, ToxinDose) and dose.dose > 0.0]
    return hours[-1] / HOURS_PER_DAY if hours else math.nan


def _at(course: Course, readout: str, day: float) -> float:
    hours = course["hours"]
    if not hours[0] - 1.0 <= day * HOURS_PER_DAY <= hours[-1] + 1.0:
        return math.nan
    return float(np.interp(day * HOURS_PER_DAY, hours, course[readout]))


def _measured(value: Value, case: Case, course: Course, control: Course | None) -> float:
    """Return the number of one run, and of the run of the control arm with the same seed."""
    first, last = ends(value, case)
    name, now = value.readout, _at(course, value.readout, last)
    other = math.nan if control is None else _at(control, name, last)
    match value.measure:
        case "level":
            return now if control is None else now - other
        case "change":
            change = now - _at(course, name, first)
            return change if control is None else change - (other - _at(control, name, first))
        case "fold":
            return _ratio(now, _at(course, name, first) if control is None else other)
        case "remaining":
            base = _at(course, name, 0.0) if control is None else other
            then = _at(course, name, first)
            return _ratio(now - base, then - (base if control is None else _at(control, name, first)))
        case "share-above":
            seen = now if value.from_day is None else now - _at(course, name, first)
            return 100.0 * (seen > float(value.above or 0.0)) if math.isfinite(seen) else math.nan
        case "level-when":
            return _level_when(value, course)
        case _:
            if not math.isfinite(now):
                return math.nan  # the span ends after the run
            hours = course["hours"]
            during = (hours >= first * HOURS_PER_DAY - 1.0) & (hours <= last * HOURS_PER_DAY + 1.0)
            top = int(np.argmax(np.where(during, course[name], -np.inf)))
            return (
                float(course[name][top]) if value.measure == "maximum" else hours[top] / HOURS_PER_DAY - first
            )


def _ratio(a: float, b: float) -> float:
    return a / b if b else math.nan


def _level_when(value: Value, course: Course) -> float:
    """Return the readout when another first exceeds a bound; NaN when it never does."""
    assert value.when is not None
    over = np.flatnonzero(course[value.when.readout] > value.when.above)
    return float(course[value.readout][over[0]]) if over.size else math.nan


def _correlation(value: Value, courses: Sequence[Course]) -> Simulated:
    """Return Pearson's r over one moment of each run, the moments spread over the time of the runs.

    A published correlation is over patients biopsied once, at different ages. So each seed gives one moment.
    """
    assert value.other is not None
    n = len(courses)
    pairs = []
    for i, course in enumerate(courses):
        row = round((i + 0.5) / n * (course["hours"].size - 1))
        pairs.append((course[value.readout][row], course[value.other][row]))
    points = np.array(pairs)
    r = _pearson(points) if n > 2 else math.nan
    if not math.isfinite(r):
        return Simulated(math.nan, math.nan, (), 0)
    chance = np.random.default_rng(1)
    drawn = [_pearson(points[chance.integers(0, n, n)]) for _ in range(RESAMPLES)]
    return Simulated(r, float(np.nanstd(drawn)), (), n)


def _pearson(points: NDArray[np.float64]) -> float:
    x, y = (points - points.mean(axis=0)).T
    norm = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / norm if norm > 0.0 else math.nan
