"""What a comparison found, when its runs are done: tables, report, and lines for the terminal."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.parquet as pq

from lobule.errors import InputError
from lobule.experiments.comparisons.comparison import Comparison
from lobule.experiments.comparisons.findings import Findings, find
from lobule.experiments.comparisons.page import write_report
from lobule.experiments.sweeps.courses import ArmCourses
from lobule.experiments.sweeps.store import Store
from lobule.files import whole

EFFECTS, ENDPOINTS, REPORT = "effects.parquet", "endpoints.csv", "report.html"


def conclude(comparison: Comparison, store: Store) -> Findings:
    """Write ``effects.parquet``, ``endpoints.csv``, ``report.html`` and ``figures/`` into the store.

    Parameters
    ----------
    comparison : Comparison
        What was run.
    store : Store
        Where the runs are. Those that are missing are missing from the pairs.

    Raises
    ------
    InputError
        If no patient has been treated in the control and in another arm.
    """
    courses = ArmCourses(store, comparison.plan)
    findings = find(comparison, courses)
    if not findings.effects.num_rows:
        raise InputError(f"{store.shown} -> no patient has finished both the control and another arm")
    with whole(store.path / EFFECTS) as partial:
        pq.write_table(findings.effects, partial, compression="zstd")
    _write_endpoints(findings, store.path / ENDPOINTS)
    write_report(comparison, findings, courses, store.path / REPORT)
    return findings


def _write_endpoints(findings: Findings, path: Path) -> None:
    rows = [row.fields() for row in findings.endpoints]
    with whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
