"""Small sweeps for the tests, and what a test looks at in their stores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lobule.experiments import load_results, sweep
from lobule.experiments.sweeps.results import Results

#: Quarter days of one lobule: a run takes about 30 ms.
SHORT: dict[str, Any] = {"tissue.lobules": 1, "record.every_hours": 2.0, "record.snapshot_days": []}
AGES = (21.0, 30.0, 40.0)

FILE = """
format = 1
case = "hfe-mouse"
days = {days}
replicates = {replicates}
[settings]
tissue.lobules = 1
record.snapshot_days = []
[parameters]
subject.age_days = {{ from = 21, to = 40, points = {points} }}
"""


def small_sweep(out: Path, **changes: Any) -> Results:
    """Do three ages with two seeds in this process, or what `changes` say."""
    given: dict[str, Any] = {
        "parameters": {"subject.age_days": list(AGES)},
        "seeds": range(2),
        "days": 0.25,
        "workers": 1,
        "settings": SHORT,
        "progress": False,
    }
    return sweep("hfe-mouse", out=out, **{**given, **changes})


def sweep_file(path: Path, *, days: float = 0.25, points: int = 3, replicates: int = 2) -> Path:
    """Write a sweep file and return its path."""
    path.write_text(FILE.format(days=days, points=points, replicates=replicates), "utf-8")
    return path


def contents(store: Path) -> dict[str, bytes]:
    """Return series and summary of every run of a store by their names."""
    return {
        f"{folder.name}/{name}": (folder / name).read_bytes()
        for folder in sorted((store / "runs").iterdir())
        for name in ("series.parquet", "summary.json")
    }


def table_bytes(store: Path, scratch: Path) -> bytes:
    """Return the table of a store as a Parquet file."""
    pq.write_table(load_results(store).table(), scratch / "table.parquet")
    return (scratch / "table.parquet").read_bytes()


def times(store: Path) -> Mapping[str, int]:
    """Return when each file of the runs of a store was last written."""
    return {str(path): path.stat().st_mtime_ns for path in sorted((store / "runs").rglob("*"))}
