"""What a comparison found, when its runs are done: tables, report, and lines for the terminal."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from lobule.experiments.comparisons.comparison import Comparison
from lobule.experiments.comparisons.findings import EndpointRow, Findings, find
from lobule.experiments.sweeps.courses import ArmCourses
from lobule.experiments.sweeps.store import Store
from lobule.files import whole

EFFECTS, ENDPOINTS, REPORT = "effects.parquet", "endpoints.csv", "report.html"


def conclude(comparison: Comparison, store: Store) -> tuple[Findings, ArmCourses]:
    """Write ``effects.parquet``, ``endpoints.csv``, ``report.html`` and ``figures/`` into the store.

    Parameters
    ----------
    comparison : Comparison
        What was run.
    store : Store
        Where the runs are. Those that are missing are missing from the pairs.
    """
    courses = ArmCourses(store, comparison.plan)
    findings = find(comparison, courses)
    with whole(store.path / EFFECTS) as partial:
        pq.write_table(findings.effects, partial, compression="zstd")
    _write_endpoints(findings, store.path / ENDPOINTS)
    return findings, courses


def _write_endpoints(findings: Findings, path: Path) -> None:
    rows = [row.fields() for row in findings.endpoints]
    with whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def lines(comparison: Comparison, findings: Findings, store: Store) -> Iterator[str]:
    """Yield what was found in lines for a terminal."""
    yield from comparison.notes
    words = ""
    for row in findings.endpoints:
        if row.words != words:
            words = row.words
            unit = "" if row.unit == "-" else f", {row.unit}"
            yield f"{words}{unit}, against {row.control}"
        yield f"  {row.arm:24} {effect_in_words(row)}"
    yield f"report: {store.shown / REPORT}"


def effect_in_words(row: EndpointRow) -> str:
    """Return difference, interval and what pairing is worth, in words."""
    found, percent = row.found, row.percent[0]
    if not found.n:
        return "no pair of runs is there"
    if not math.isfinite(found.ci_low):
        return f"{found.difference:+.4g} (one patient: no interval)"
    share = f", {percent:+.1f} %" if math.isfinite(percent) else ""
    return (
        f"{found.difference:+.4g} [{found.ci_low:+.4g}, {found.ci_high:+.4g}]{share} (n = {found.n}; "
        f"{pairing_in_words(row)})"
    )


def pairing_in_words(row: EndpointRow) -> str:
    """Return how many times more patients independent groups would need."""
    ratio = float(row.found.ratio)
    if math.isinf(ratio) or not row.found.variance_paired:
        return "pairs do not differ in it"
    return f"pairing is worth {ratio:.3g} times the patients"
