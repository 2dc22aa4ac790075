"""The table of a validation: a row for each published number."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from lobule.experiments.evidence import Evidence, Value, read_evidence
from lobule.experiments.explain import published_in_words
from lobule.experiments.validation.measures import Simulated
from lobule.experiments.validation.studies import Courses
from lobule.experiments.validation.verdict import Score, score
from lobule.files import whole

MEASURES = {
    "level": "",
    "change": "change of",
    "fold": "fold",
    "remaining": "share left of",
    "maximum": "highest",
    "day-of-maximum": "day of the highest",
    "level-when": "level at the threshold:",
    "share-above": "share above the bound:",
    "correlation": "correlation of",
}
HEADER = (
    "data_set", "arm", "against", "measure", "readout", "when", "use", "grade", "unit", "published",
    "published_error", "error_kind", "n", "simulated", "simulated_error", "seeds", "z", "inside", "passed",
    "source",
)  # fmt: skip


class Row(NamedTuple):
    """One published number and what the runs say of it."""

    evidence: Evidence
    value: Value
    simulated: Simulated
    score: Score


class Tally(NamedTuple):
    """How many targets of one use the model meets."""

    use: str
    passed: int
    total: int

    def __str__(self) -> str:
        share = f"{100.0 * self.passed / self.total:.0f} %" if self.total else "none"
        return f"{self.use}: {self.passed} of {self.total} within the error ({share})"


def rows_of(names: Iterable[str], courses: Courses) -> list[Row]:
    """Return a row for each target of the data sets `names`."""
    rows = []
    for name in names:
        evidence = read_evidence(name)
        for value in evidence.targets:
            found = courses.simulated(name, value)
            rows.append(Row(evidence, value, found, score(value, found)))
    return rows


def tallies(rows: Sequence[Row]) -> list[Tally]:
    """Return how many targets are met, for those that were fitted to and those that were not."""
    return [
        Tally(use, sum(row.score.passed for row in rows if row.value.use == use), n)
        for use in ("fitted", "tested")
        if (n := sum(row.value.use == use for row in rows)) or use == "tested"
    ]


def when(value: Value) -> str:
    """Return the time of a value in words."""
    if value.when is not None:
        return f"{value.when.readout} above {value.when.above:g}"
    if value.age_days is not None:
        years = value.age_days > 1500.0
        return f"age {value.age_days / 365.25:.3g} years" if years else f"age {value.age_days:g} d"
    if value.days_after_injury is not None:
        return f"{value.days_after_injury:g} d after the last dose"
    if value.day is None:
        return "end" if value.measure != "correlation" else "all times"
    if value.day > 1500.0 and value.from_day is None:
        return f"year {value.day / 365.25:.3g}"
    start = "to " if value.measure == "maximum" else ""
    start = start if value.from_day is None else f"day {value.from_day:g} to "
    return f"{start}day {value.day:g}"


def what(value: Value) -> str:
    """Return in words what is measured: ``"change of lic_mg_per_g against placebo"``."""
    words = f"{MEASURES[value.measure]} {value.readout}".strip()
    if value.other is not None:
        words += f" with {value.other}"
    if value.above is not None:
        words += f" > {value.above:g}"
    return words if value.against is None else f"{words} against {value.against}"


def verdict_in_words(result: Score) -> str:
    """Return ``"z = -1.2"``, ``"inside"`` or ``"outside"``."""
    if result.z is not None:
        return f"z = {result.z:+.1f}"
    return "not simulated" if result.inside is None else "inside" if result.inside else "outside"


def lines(rows: Sequence[Row]) -> list[str]:
    """Return the table as lines for a terminal."""
    shown = []
    for row in rows:
        value, found = row.value, row.simulated
        mark = "ok  " if row.score.passed else "FAIL"
        left = f"{row.evidence.name}, {value.arm}: {what(value)}, {when(value)}"
        right = f"{found.mean:.4g} beside {published_in_words(value)} [{value.use}, {value.grade}]"
        shown.append(f"{mark} {verdict_in_words(row.score):>13}  {left}: {right}")
    return shown


def write_table(rows: Sequence[Row], path: Path) -> None:
    """Write the table as CSV, in one go."""
    with whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(HEADER)
        for row in rows:
            value, found, result = row.value, row.simulated, row.score
            about: list[object] = [
                row.evidence.name,
                value.arm,
                value.against,
                value.measure,
                value.readout,
                when(value),
            ]
            about += [value.use, value.grade, value.unit, value.value, value.error, value.error_kind, value.n]
            got = [found.mean, found.error, found.seeds, result.z, result.inside, result.passed]
            table.writerow([*about, *got, value.source])
