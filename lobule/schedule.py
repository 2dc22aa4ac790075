"""Schedules: the visits at which something may be given, and schedules that no visit could follow."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lobule.errors import nearest, shown

if TYPE_CHECKING:
    import numpy as np

    from lobule.doses import Condition, Dose, Treatment

CONDITIONS = ("start_when", "stop_when", "resume_when", "hold_when")
#: Keys that mean nothing for something given once.
_OF_MANY = ("until_day", "on_days", "off_days", "doses", "start_when", "stop_when", "resume_when")


class Visit(NamedTuple):
    """A time at which a dose is due."""

    hours: float
    """Start of its step, h since the start of the run."""
    dose: Treatment
    key: str
    """What tells the course of this treatment from others."""
    number: int
    """How many visits of the treatment come before it."""


def visits_of(
    treatments: Sequence[Treatment], step_start: Callable[[float], float], end_hours: float
) -> list[Visit]:
    """Return the visits of all treatments in order of time, those of one hour in the order of the file.

    Parameters
    ----------
    treatments : sequence of Treatment
        What the case prescribes.
    step_start : callable
        Returns the start of the first step at or after an hour.
    end_hours : float
        Length of the run, h.
    """
    visits = [
        Visit(step_start(hours), dose, key, number)
        for dose, key in zip(treatments, course_keys(treatments), strict=True)
        for number, hours in enumerate(dose.due_hours(end_hours))
    ]
    return sorted((visit for visit in visits if visit.hours < end_hours), key=lambda visit: visit.hours)


def course_keys(treatments: Sequence[Treatment]) -> list[str]:
    """Return the key of each treatment's course: what it says but its last day, and which of equal ones."""
    keys = [
        _digest(dose.model_dump_json(exclude={"until_day"}, exclude_defaults=True)) for dose in treatments
    ]
    seen: Counter[str] = Counter()
    for i, key in enumerate(keys):
        keys[i] = f"{key}-{seen[key]}"
        seen[key] += 1
    return keys


def is_missed(visit: Visit, seed: np.uint64) -> bool:
    """Return whether chance lets a visit be missed.

    The draw hangs on the seed, on what is given from which day on how often, and on the number of the visit.
    So arms that differ in amounts or conditions miss the same visits.
    """
    import numpy as np

    from lobule.agents.chance import VISIT, uniform

    dose = visit.dose
    if not dose.missed_percent:
        return False
    words = [value for value in dose.model_dump().values() if isinstance(value, str)]
    key = np.uint64(int(_digest(f"{words} {dose.day} {dose.every_days}"), 16))
    zero = np.uint64(0)
    return bool(100.0 * uniform(seed, VISIT, zero, key, np.uint64(visit.number)) < dose.missed_percent)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def conditions(dose: Dose) -> dict[str, Condition]:
    """Return the conditions of a treatment by their keys."""
    found = ((name, getattr(dose, name)) for name in CONDITIONS)
    return {name: condition for name, condition in found if condition is not None}


def human_only() -> tuple[str, ...]:
    """Return the readouts that are no number in animals."""
    from lobule.readouts import HUMAN_ONLY  # compiles the cells' modules: not where there is no condition

    return HUMAN_ONLY


def is_met(condition: Condition, readouts: Mapping[str, float]) -> bool:
    """Return whether `condition` is met by `readouts`; what is no number meets none."""
    value = readouts[condition.readout]
    is_above = condition.above is not None and value > condition.above
    return is_above or (condition.below is not None and value < condition.below)


def shown_by(condition: Condition, readouts: Mapping[str, float]) -> str:
    """Return what a condition looks at, such as ``"serum ferritin 48.2 ug/L"``."""
    from lobule.readouts import READOUTS

    unit, meaning = READOUTS[condition.readout]
    return f"{meaning.partition(',')[0]} {readouts[condition.readout]:.4g} {unit}".removesuffix(" -")


def demanded(condition: Condition) -> str:
    """Return what a condition asks for, such as ``"serum ferritin below 50 ug/L"``."""
    from lobule.readouts import READOUTS

    unit, meaning = READOUTS[condition.readout]
    side, value = ("below", condition.below) if condition.above is None else ("above", condition.above)
    return f"{meaning.partition(',')[0]} {side} {value:g} {unit}".removesuffix(" -")


def check_condition(condition: Condition) -> None:
    """Refuse a condition on what is no readout, or on both sides or on none.

    Raises
    ------
    ValueError
        Naming what is allowed.
    """
    from lobule.readouts import READOUTS

    if condition.readout not in READOUTS:
        hint = nearest(condition.readout, READOUTS)
        raise ValueError(f"readout = {shown(condition.readout)} -> no such readout{hint}")
    if condition.above is not None and condition.below is not None:
        raise ValueError("above and below -> give one of the two, not both")
    if condition.above is None and condition.below is None:
        raise ValueError("above is missing -> give above or below")


def check_schedule(dose: Dose) -> None:
    """Refuse a schedule that is not whole, or that could never give anything.

    Raises
    ------
    ValueError
        Naming key, value and what is allowed.
    """
    for name in _OF_MANY:
        if getattr(dose, name) is not None and dose.every_days is None:
            raise ValueError(f"{name} without every_days -> a schedule needs both; or remove {name}")
    if dose.until_day is not None and dose.until_day < dose.day:
        raise ValueError(f"until_day = {dose.until_day:g} is before day = {dose.day:g}")
    for one, other in (("on_days", "off_days"), ("off_days", "on_days")):
        if getattr(dose, one) is not None and getattr(dose, other) is None:
            raise ValueError(f"{one} without {other} -> a cycle needs both")
    start, stop, resume, hold = (getattr(dose, name) for name in CONDITIONS)
    if resume is not None and stop is None:
        raise ValueError("resume_when without stop_when -> nothing ends that could go on again")
    for name, begin in (("start_when", start), ("resume_when", resume)):
        if begin is not None and stop is not None and _lies_within(begin, stop):
            raise ValueError(
                f"{name} and stop_when -> whenever one is met the other is: nothing is ever given"
            )
    if hold is not None and stop is not None and _leave_nothing(hold, stop):
        raise ValueError("hold_when and stop_when -> one of the two is always met: nothing is ever given")


def _lies_within(inner: Condition, outer: Condition) -> bool:
    """Return whether `outer` is met whenever `inner` is."""
    if inner.readout != outer.readout:
        return False
    if inner.above is not None and outer.above is not None:
        return inner.above >= outer.above
    return inner.below is not None and outer.below is not None and inner.below <= outer.below


def _leave_nothing(one: Condition, other: Condition) -> bool:
    """Return whether any value of a readout meets one of the two, a single value perhaps excepted."""
    if one.readout != other.readout:
        return False
    return any(
        a.above is not None and b.below is not None and a.above <= b.below
        for a, b in ((one, other), (other, one))
    )
