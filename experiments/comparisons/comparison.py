"""A comparison: its runs as a plan of sweeps, and what is read of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lobule.case import Case, load_case
from lobule.doses import HOURS_PER_DAY, Treatment
from lobule.errors import InputError
from lobule.experiments.comparisons.comparefile import (
    COMPARISONS,
    CompareArm,
    CompareFile,
    DoseResponseTable,
    Endpoint,
    SynergyTable,
)
from lobule.experiments.studyfiles import check_endpoints, check_species
from lobule.experiments.sweeps.courses import Course, reduced
from lobule.experiments.sweeps.plan import Plan
from lobule.experiments.sweeps.planning import given_beside, make_plan
from lobule.experiments.sweeps.sweepfile import located, settings_in
from lobule.readouts import READOUTS

#: Keys of the file that measure something.
ENDPOINTS = ("endpoints", "synergy", "dose_response")


@dataclass(frozen=True)
class Comparison:
    """What is run, and what is read of it.

    Attributes
    ----------
    file : CompareFile
        What the file says.
    plan : Plan
        The runs: the arms, and a replicate for each patient.
    base : Case
        The case that all arms share.
    arms : mapping of str to CompareArm
        The arms by name, in the order of the file.
    control : str
        The arm that all others are held against.
    branch_day : float
        Day from which changes are counted.
    end_day : float
        Last day of the runs.
    endpoints, synergy, dose_response
        What is measured.
    picture_days : tuple of float
        Days on which the lobules are drawn.
    notes : tuple of str
        What a shorter run or a quick look leaves out.
    """

    file: CompareFile
    plan: Plan
    base: Case
    arms: Mapping[str, CompareArm]
    control: str
    branch_day: float
    end_day: float
    endpoints: tuple[Endpoint, ...]
    synergy: tuple[SynergyTable, ...]
    dose_response: tuple[DoseResponseTable, ...]
    picture_days: tuple[float, ...]
    notes: tuple[str, ...]

    @property
    def treated(self) -> list[str]:
        """Names of the arms that are held against the control."""
        return [name for name in self.arms if name != self.control]

    def case(self, arm: str) -> Case:
        """Return the case of an arm."""
        return self.plan.resolved(list(self.arms).index(arm), 0)


def read_comparison(file: Path, *, quick: bool = False) -> Comparison:
    """Return the comparison that a file, or a built-in one by its name, describes.

    Parameters
    ----------
    file : Path
        The file, or the name.
    quick : bool
        With what the file says under ``[quick]``.

    Raises
    ------
    InputError
        One line naming the file, the key, the value, what is allowed and the nearest valid name.
    """
    path, table = COMPARISONS.read(file, CompareFile)
    try:
        return _made(path, table, quick)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _made(path: Path, table: CompareFile, quick: bool) -> Comparison:
    days = table.quick.days if quick and table.quick.days is not None else table.days
    patients = min(table.quick.patients, table.patients) if quick else table.patients
    settings = settings_in(table.settings, path)
    settings |= {f"record.{key}": value for key, value in table.record if value is not None}
    settings |= settings_in(table.quick.settings, path) if quick else {}
    base = load_case(located(table.case, path), settings)
    base, left_out = (base, []) if days is None else base.with_days(days)
    end = base.end_hours / HOURS_PER_DAY
    kept, notes = _within(table, end, quick)
    for key in ENDPOINTS:
        check_species(((f"{key}.{i}.readout", entry.readout) for i, entry in enumerate(kept[key])), base)
    shown_days = sorted({*base.record.snapshot_days, *(day for day in kept["picture_days"] if day < end)})
    base = load_case(base, {"record.snapshot_days": shown_days})
    arms = {arm.name: arm for arm in table.arms}
    given = {name: changes_of(base, arm.add, arm.settings, path) for name, arm in arms.items()}
    plan = make_plan(
        table.name or path.stem, [base], {}, range(patients), arms=given, root=table.seed, label=str(path)
    )
    first = [dose.day for arm in table.arms for dose in arm.add]
    branch = table.branch_day if table.branch_day is not None else min(first, default=0.0)
    if branch >= end:
        raise InputError(f"branch_day = {branch:g} -> must be before the end, day {end:g}")
    named = ((f"{key}.{i}", e) for key in ENDPOINTS for i, e in enumerate(kept[key]))
    notes = (*left_out, *notes, *check_endpoints(named, base, branch, min(first, default=end)))
    control = table.control or table.arms[0].name
    return Comparison(table, plan, base, arms, control, branch, end, notes=notes, **kept)


def _within(table: CompareFile, end: float, quick: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what lies within the run; whatever does not is refused, but left out of a quick look."""
    kept: dict[str, Any] = {}
    notes = []
    for key in ("endpoints", "synergy", "dose_response", "picture_days"):
        found = []
        for i, entry in enumerate(getattr(table, key)):
            day = entry if key == "picture_days" else entry.at
            if isinstance(day, str) or day <= end:
                found.append(entry)
                continue
            name = f"{key}.{i}" if key == "picture_days" else f"{key}.{i}.at"
            line = f"{name} = {day:g} -> is after the end, day {end:g}"
            if not quick:
                raise InputError(line)
            notes.append(f"{line}, and is left out")
        kept[key] = tuple(found)
    if not kept["endpoints"]:
        raise InputError(f"endpoints -> all are after the end of a quick look, day {end:g}")
    return kept, tuple(notes)


def changes_of(
    base: Case, add: Sequence[Treatment], settings: Mapping[str, Any], path: Path
) -> dict[str, Any]:
    """Return what an arm changes of the base case."""
    return (given_beside(base, add) if add else {}) | settings_in(settings, path)


def measured(endpoint: Endpoint, course: Course, branch_day: float) -> float:
    """Return what one run says of an endpoint, in the unit of its readout; NaN where there is no number."""
    hours, values = course["hours"], course[endpoint.readout]
    start = _branch_row(hours, branch_day)
    if isinstance(endpoint.at, str):
        found = reduced(hours[start:], values[start:], endpoint.at)  # type: ignore[arg-type]
    else:
        at = endpoint.at * HOURS_PER_DAY
        found = float(np.interp(at, hours, values)) if at <= hours[-1] + 1.0 else math.nan
    return found - float(values[start]) if endpoint.measure == "change" else found


def _branch_row(hours: Any, branch_day: float) -> int:
    """Return the last row before anything that the arms do not share: that of the branch day or before."""
    return max(0, int(np.searchsorted(hours, branch_day * HOURS_PER_DAY + 1e-6, side="right")) - 1)


def in_words(endpoint: Endpoint, branch_day: float, end_day: float) -> str:
    """Return an endpoint in words, such as ``"collagen proportionate area at the end (day 42)"``."""
    meaning = READOUTS[endpoint.readout][1]
    match endpoint.at:
        case "max":
            what = "highest" if endpoint.measure == "level" else "highest rise of"
            return f"{what} {meaning}, day {branch_day:g} to {end_day:g}"
        case "mean":
            what = "mean of" if endpoint.measure == "level" else "mean change of"
            return f"{what} {meaning}, day {branch_day:g} to {end_day:g}"
        case "end":
            when = f"the end (day {end_day:g})"
        case day:
            when = f"day {day:g}"
    if endpoint.measure == "change":
        return f"change of {meaning} from day {branch_day:g} to {when}"
    return f"{meaning} at {when}" if endpoint.at == "end" else f"{meaning} on {when}"
