"""What a finished run says: its readouts, and the simulated beside the published."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.case import Case, load_case
from lobule.cohort import drawn_values
from lobule.doses import HOURS_PER_DAY, ToxinDose
from lobule.errors import shown
from lobule.experiments.evidence import Value, read_evidence
from lobule.experiments.explain import published_in_words
from lobule.readouts import READOUTS


class Comparison(NamedTuple):
    """One published value beside the run."""

    readout: str
    when: str
    simulated: float
    published: str
    source: str
    z: float | None
    """Difference over the published error, where that is a standard error or deviation."""


def comparisons(case: Case, series: Mapping[str, NDArray[np.float64]]) -> list[Comparison]:
    """Return every published value of the case's evidence that falls within the run.

    Parameters
    ----------
    case : Case
        The case; its evidence and genotype decide what is compared.
    series : mapping of str to ndarray, shape (n_rows,)
        The recorded readouts, ``hours`` and ``age_days`` among them.

    Notes
    -----
    A value that belongs to a time after an injury is compared with that time after the last dose of a
    toxin, relative to the day of that dose, and for collagen in excess of the first row.
    """
    doses = [(hours, dose) for hours, dose in case.events() if isinstance(dose, ToxinDose)]
    toxin_hours = [hours for hours, dose in doses if dose.dose > 0.0]
    rows = []
    for name in case.evidence:
        for value in read_evidence(name).concerning(case):
            if value.readout in series:
                found = _at_age(value, series) or _after(value, series, toxin_hours)
                if found is not None and math.isfinite(found[1]):
                    words, source = published_in_words(value), f"{name} [{value.grade}]"
                    rows.append(Comparison(value.readout, *found, words, source, _z(value, found[1])))
    return rows


def _at_age(value: Value, series: Mapping[str, NDArray[np.float64]]) -> tuple[str, float] | None:
    if value.age_days is None:
        return None
    ages = series["age_days"]
    if not ages[0] - 1.0 <= value.age_days <= ages[-1] + 1.0:
        return None
    when = f"{value.age_days / 365.25:.3g} years" if value.age_days > 1500.0 else f"{value.age_days:g} d"
    return f"age {when}", float(np.interp(value.age_days, ages, series[value.readout]))


def _after(
    value: Value, series: Mapping[str, NDArray[np.float64]], toxin_hours: list[float]
) -> tuple[str, float] | None:
    if not toxin_hours or value.days_after_injury is None:
        return None
    hours, level = series["hours"], series[value.readout]
    end = toxin_hours[-1] + value.days_after_injury * HOURS_PER_DAY
    if hours[-1] < end:
        return None
    then, now = np.interp([toxin_hours[-1], end], hours, level)
    if value.measure != "level":
        control = level[0] if value.measure == "remaining" else 0.0
        if then == control:
            return None
        now = (now - control) / (then - control)
    return f"{value.days_after_injury:g} d after the last dose", float(now)


def _z(value: Value, simulated: float) -> float | None:
    if value.error and value.error_kind in ("SE", "SD"):
        return (simulated - value.value) / value.error
    return None


def report(folder: Path) -> Iterator[str]:
    """Yield the lines that say how the run in `folder` ended."""
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text("utf-8"))
    case = load_case(folder / "case.toml")
    readouts: dict[str, Any] = summary["readouts"]
    yield f"{case.title or case.name}: day {readouts['hours'] / HOURS_PER_DAY:g}"
    if case.drawn:
        values = (f"{key} = {shown(value)}" for key, value in drawn_values(case).items())
        yield f"  drawn for this subject: {', '.join(values)}"
    for name, number in readouts.items():
        unit, meaning = READOUTS[name]
        text = "none" if number is None else f"{number:.4g}"
        yield f"  {name:32} {text:>10} {unit if unit != '-' else '':9} {meaning}"
    if summary["comparisons"]:
        yield "beside published values (A: read in the source, B: recalled, derived: from published inputs)"
        for fields in summary["comparisons"]:
            row = Comparison(*fields)
            away = (
                "" if row.z is None else f"   {row.z:+.1f} {'SE' if '(SE)' in row.published else 'SD'} away"
            )
            start = f"  {row.readout}, {row.when}:"
            published = f"published {row.published}, {row.source}"
            yield f"{start:58} {row.simulated:8.4g}   {published}{away}"
    yield from (f"note: {note}" for note in summary["notes"])
    yield f"run folder: {folder}"
    if (folder / "figures").is_dir():
        yield f"pictures:   {folder / 'figures'}"
