"""What the runs of a comparison say: effects over time, endpoints, placebo, dose responses, synergy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lobule.doses import HOURS_PER_DAY
from lobule.experiments.comparisons.comparefile import DoseResponseTable, Endpoint, SynergyTable
from lobule.experiments.comparisons.comparison import Comparison, in_words, measured
from lobule.experiments.comparisons.statistics import (
    Array,
    Bliss,
    DoseResponse,
    Paired,
    bliss,
    dose_response,
    paired,
)
from lobule.experiments.sweeps.courses import ArmCourses, Course
from lobule.experiments.sweeps.results import POOL_UNIT
from lobule.readouts import READOUTS

CLOCK = ("hours", "age_days")
"""Columns of the series that are no result."""

TALLIES = ("msc_given", "ev_given", "lots_rejected", "burden_cell_production", "visits", "treatment_days")
"""Readouts of what was given, not of the subject: a lot of no potency is given, too."""


class EndpointRow(NamedTuple):
    """One endpoint of one arm against the control."""

    endpoint: Endpoint
    words: str
    unit: str
    arm: str
    control: str
    found: Paired

    @property
    def percent(self) -> tuple[float, float, float]:
        """Difference and its interval as % of the control's mean.

        NaN where that is 0, and for changes, which may come to next to nothing in the control.
        """
        base = abs(float(self.found.mean_control)) if self.endpoint.measure == "level" else 0.0
        numbers = (self.found.difference, self.found.ci_low, self.found.ci_high)
        low, middle, high = (100.0 * float(x) / base if base else float("nan") for x in numbers)
        return low, middle, high

    def fields(self) -> dict[str, Any]:
        """Return the row of ``endpoints.csv``."""
        percent, low, high = self.percent
        about: dict[str, Any] = {"arm": self.arm, "control": self.control, "endpoint": self.words}
        about |= {"readout": self.endpoint.readout, "at": self.endpoint.at, "measure": self.endpoint.measure}
        numbers = {name: value.item() for name, value in self.found._asdict().items()}
        relative = {"percent_of_control": percent, "percent_low": low, "percent_high": high}
        return {**about, "unit": self.unit, **numbers, **relative}


class Placebo(NamedTuple):
    """How far an arm with dose 0 is from the one it must equal."""

    arm: str
    reference: str
    n: int
    largest: float
    """Largest absolute difference of any recorded number at any time; 0 when equal to the bit."""
    where: str
    """The readout that differs most; none when all are equal."""
    counts_differ: bool
    """Whether `TALLIES` differ, which are left out of all this."""


class Findings(NamedTuple):
    """Everything that is read of the runs."""

    effects: pa.Table
    endpoints: tuple[EndpointRow, ...]
    placebos: tuple[Placebo, ...]
    synergy: tuple[tuple[SynergyTable, Bliss], ...]
    dose_response: tuple[tuple[DoseResponseTable, DoseResponse], ...]


def find(comparison: Comparison, courses: ArmCourses) -> Findings:
    """Return all that the finished runs say; those that are missing are missing from the pairs."""
    return Findings(
        effects(comparison, courses),
        tuple(endpoint_rows(comparison, courses)),
        tuple(placebos(comparison, courses)),
        tuple((table, synergy_of(table, comparison, courses)) for table in comparison.synergy),
        tuple((table, dose_response_of(table, comparison, courses)) for table in comparison.dose_response),
    )


def unit_of(column: str) -> str:
    """Return the unit of a column of the series."""
    return READOUTS[column][0] if column in READOUTS else POOL_UNIT


def stacked(courses: Sequence[Course], column: str) -> Array:
    """Return a column of several runs, shape (patients, times)."""
    return np.stack([course[column] for course in courses])


def effects(comparison: Comparison, courses: ArmCourses) -> pa.Table:
    """Return the paired differences of every arm, column and recorded time as one long table."""
    parts = []
    for arm in comparison.treated:
        treated, control = courses.of(arm, comparison.control)
        if not treated:
            continue
        days = control[0]["hours"] / HOURS_PER_DAY
        for column in (name for name in control[0] if name not in CLOCK):
            found = paired(stacked(treated, column), stacked(control, column))
            about = {"arm": arm, "control": comparison.control, "readout": column, "unit": unit_of(column)}
            words = {name: pa.array([text] * days.size) for name, text in about.items()}
            parts.append(pa.table({**words, "day": days, **found._asdict()}))
    return pa.concat_tables(parts) if parts else pa.table({})


def effects_in(table: pa.Table, arm: str, readout: str) -> dict[str, Array]:
    """Return the numbers of one arm and readout over the recorded times."""
    mask = pc.and_(pc.equal(table["arm"], arm), pc.equal(table["readout"], readout))
    found = table.filter(mask)
    return {name: found[name].to_numpy() for name in ("day", *Paired._fields)}


def endpoint_rows(comparison: Comparison, courses: ArmCourses) -> list[EndpointRow]:
    """Return a row for each endpoint and arm."""
    rows = []
    for endpoint in comparison.endpoints:
        words = in_words(endpoint, comparison.branch_day, comparison.end_day)
        for arm in comparison.treated:
            treated, control = courses.of(arm, comparison.control)
            found = paired(numbers(endpoint, comparison, treated), numbers(endpoint, comparison, control))
            unit = unit_of(endpoint.readout)
            rows.append(EndpointRow(endpoint, words, unit, arm, comparison.control, found))
    return rows


def numbers(endpoint: Endpoint, comparison: Comparison, courses: Sequence[Course]) -> Array:
    """Return what each run says of an endpoint, shape (patients,)."""
    return np.array([measured(endpoint, course, comparison.branch_day) for course in courses], float)


def placebos(comparison: Comparison, courses: ArmCourses) -> list[Placebo]:
    """Return how far each arm with dose 0 is from the arm that nothing is given to, or from the control."""
    plain = [name for name, arm in comparison.arms.items() if not arm.add and not arm.settings]
    reference = plain[0] if plain else comparison.control
    found = []
    for name, arm in comparison.arms.items():
        if arm.dose == 0 and name != reference:
            pairs = list(zip(*courses.of(name, reference), strict=True))
            found.append(_placebo(name, reference, pairs))
    return found


def _placebo(name: str, reference: str, pairs: Sequence[tuple[Course, Course]]) -> Placebo:
    gaps = dict.fromkeys(pairs[0][0], 0.0) if pairs else {}
    for one, other in pairs:
        gaps = {column: max(gap, _gap(one[column], other[column])) for column, gap in gaps.items()}
    counts = max([gaps.pop(tally, 0.0) for tally in TALLIES])
    where = max(gaps, key=lambda column: gaps[column], default="")
    largest = gaps.get(where, float("nan"))
    return Placebo(name, reference, len(pairs), largest, where if largest else "", counts_differ=counts > 0.0)


def _gap(one: Array, other: Array) -> float:
    """Return the largest absolute difference of two series; what both lack is equal."""
    if np.array_equal(one, other, equal_nan=True):
        return 0.0
    gap = np.abs(one - other)[~(np.isnan(one) & np.isnan(other))]
    return float("inf") if np.isnan(gap).any() else float(gap.max())


def in_all(arms: Sequence[str], endpoint: Endpoint, comparison: Comparison, courses: ArmCourses) -> Array:
    """Return an endpoint of the patients whose runs are there in all of `arms`, shape (arms, patients)."""
    runs = [courses.runs[arm] for arm in arms]
    there = [row for row in zip(*runs, strict=True) if courses.done.issuperset(row)]
    columns = [numbers(endpoint, comparison, [courses.course(run) for run in row]) for row in there]
    return np.array(columns).T if columns else np.empty((len(arms), 0))


def synergy_of(table: SynergyTable, comparison: Comparison, courses: ArmCourses) -> Bliss:
    """Return whether two treatments together do more than each for itself."""
    arms = (comparison.control, table.a, table.b, table.both)
    control, a, b, both = in_all(arms, table, comparison, courses)
    return bliss(control, a, b, both, table.least)


def doses_of(table: DoseResponseTable, comparison: Comparison) -> Mapping[str, float]:
    """Return the doses above 0 of a dose response by arm."""
    given = {name: comparison.arms[name].dose for name in table.arms}
    return {name: dose for name, dose in given.items() if dose}


def effects_by_dose(table: DoseResponseTable, comparison: Comparison, courses: ArmCourses) -> Array:
    """Return the differences to the control, shape (arms with a dose above 0, patients)."""
    arms = (comparison.control, *doses_of(table, comparison))
    found = in_all(arms, table, comparison, courses)
    return found[1:] - found[0]


def dose_response_of(table: DoseResponseTable, comparison: Comparison, courses: ArmCourses) -> DoseResponse:
    """Return whether an effect saturates with the dose."""
    effects = effects_by_dose(table, comparison, courses)
    return dose_response(np.array(list(doses_of(table, comparison).values())), effects.T)
