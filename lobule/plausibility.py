"""What a case cannot be although each of its values is allowed: its scar, map, times, doses, its future."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lobule.doses import HOURS_PER_DAY, LARGEST, TOLERANCE_HOURS
from lobule.errors import InputError, shown
from lobule.schedule import conditions, human_only
from lobule.sections import OLDEST_DAYS

if TYPE_CHECKING:
    from lobule.case import Case
    from lobule.doses import Treatment


def check_scar(case: Case) -> None:
    """Refuse more collagen at the start than scars everywhere would hold, or less than in health.

    Raises
    ------
    InputError
        Naming what is possible.
    """
    if case.start.collagen_area_percent is not None:
        from lobule.parameters import parameter_values
        from lobule.scars import check_area

        m = parameter_values(case)["matrix"]
        check_area(case.start.collagen_area_percent, m.baseline, m.densest)


def check_map(case: Case) -> None:
    """Refuse parameters of the lattice beside a map, which has its own shape.

    Raises
    ------
    ValueError
        Naming the parameter.
    """
    for name in ("pitch", "radius", "central_vein_radius", "portal_tract_radius"):
        key = f"geometry.{name}"
        if case.tissue.map is not None and key in case.parameters:
            raise ValueError(
                f"parameters.{key} = {case.parameters[key]:g} -> a map has its own shape: leave it out"
            )


def check_times(case: Case) -> None:
    """Refuse a run that outlives its subject, what lies outside the run, and doses that are too large.

    Raises
    ------
    ValueError
        Naming key, value and what is allowed.
    """
    days = case.end_hours / HOURS_PER_DAY
    species, age = case.subject.species, case.subject.age_days + days
    if age > OLDEST_DAYS[species]:
        raise ValueError(
            f"clock.phases -> the run ends at an age of {age:g} days; "
            f"a {species} is at most {OLDEST_DAYS[species]:g} days old"
        )
    for i, dose in enumerate(case.treatments):
        _check_dose(case, f"treatments.{i}", dose)
    for i, day in enumerate(case.record.snapshot_days):
        if day * HOURS_PER_DAY > case.end_hours + TOLERANCE_HOURS:
            raise ValueError(f"record.snapshot_days.{i} = {day:g} -> the run ends after {days:g} days")


def _check_dose(case: Case, at: str, dose: Treatment) -> None:
    days, species = case.end_hours / HOURS_PER_DAY, case.subject.species
    if case.clock.step_start(dose.day * HOURS_PER_DAY) >= case.end_hours:
        raise ValueError(f"{at}.day = {dose.day:g} -> no step of the run, which has {days:g} days, is left")
    if dose.until_day is not None and dose.until_day * HOURS_PER_DAY > case.end_hours + TOLERANCE_HOURS:
        raise ValueError(f"{at}.until_day = {dose.until_day:g} -> the run ends after {days:g} days")
    for name, condition in conditions(dose).items():
        if species != "human" and condition.readout in human_only():
            value = shown(condition.readout)
            raise ValueError(
                f"{at}.{name}.readout = {value} -> is a readout of man only, and here never a number"
            )
    for name, (most, words) in LARGEST.items():
        amount = getattr(dose, name, None)
        if amount is not None and amount > most[species]:
            limit = f"in a {species} at most {most[species]:g} {words}"
            raise ValueError(f"{at}.{name} = {amount:g} -> {limit}")


def check_amendment(before: Case, after: Case, tick: int, given: int) -> None:
    """Refuse that a run of the case `before` goes on with `after` if that has another past.

    Parameters
    ----------
    before, after : Case
        The case of the run, and the one it shall go on with.
    tick : int
        Steps that have been made.
    given : int
        Visits that have been due. When their courses end may change.

    Raises
    ------
    InputError
        Naming what cannot be changed any more.
    """
    for part in ("subject", "start", "tissue", "diet", "parameters", "rules"):
        if getattr(after, part) != getattr(before, part):
            raise InputError(f"{part} -> cannot be changed while a run goes on; start it anew")
    hours, visits = before.clock.step_at(tick)[0], after.visits()
    same_past = _given(after.events()[:given]) == _given(before.events()[:given])
    to_come = visits[given:]
    comes_late = bool(to_come) and to_come[0].hours < hours - TOLERANCE_HOURS
    if not same_past or comes_late or after.clock.step_at(tick)[0] != hours:
        raise InputError(f"the run is at hour {hours:g} -> what came before cannot be changed")


def past(case: Case, hours: float) -> list[tuple[float, Treatment]]:
    """Return what `case` gives before `hours` (h): the hour and the dose, whose last day is still open."""
    return _given([event for event in case.events() if event[0] < hours - TOLERANCE_HOURS])


def _given(events: Sequence[tuple[float, Treatment]]) -> list[tuple[float, Treatment]]:
    """Return events that have been, without what may still change of a schedule that has begun."""
    return [(hour, dose.model_copy(update={"until_day": None})) for hour, dose in events]
