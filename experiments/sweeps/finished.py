"""`Run`: what one finished run has left behind, read when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from lobule.case import Case
from lobule.errors import InputError, nearest, shown
from lobule.experiments.folders import FINAL, SERIES, SUMMARY, read_manifest, snapshot_name
from lobule.units import HOURS_PER_DAY

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from lobule.model import Lobule


class Run:
    """A finished run.

    Parameters
    ----------
    folder : Path
        Its folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"<Run {self.folder}>"

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What is known of the run: case, seed, versions, treatments given."""
        return read_manifest(self.folder)

    @cached_property
    def case(self) -> Case:
        """The case that was run."""
        return Case.from_json(json.dumps(self.manifest["case"]))

    @cached_property
    def readouts(self) -> dict[str, float]:
        """The readouts at the end, by name; NaN where there is none."""
        values = json.loads((self.folder / SUMMARY).read_bytes())["readouts"]
        return {name: float("nan") if value is None else float(value) for name, value in values.items()}

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the series, a row for each recorded time; `columns` of it, or a single one, or all.

        Raises
        ------
        InputError
            If the file is damaged, or has no such column.
        """
        path = self.folder / SERIES
        columns = [columns] if isinstance(columns, str) else columns
        try:
            if columns is not None:
                _check_columns(columns, pq.read_schema(path).names)
            return pq.read_table(path, columns=None if columns is None else list(columns))
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(f"{path} -> cannot be read: {str(error).splitlines()[0]}") from None

    def to_pandas(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return :meth:`table` as a data frame."""
        return self.table(columns).to_pandas()

    @property
    def snapshots(self) -> dict[float, Path]:
        """Files of the recorded states by day, in order; the final one is there when it was kept.

        A state is kept at the end of the first step at or after the day that the case asks for; that is the
        day it has here.
        """
        folder, clock = self.folder / "snapshots", self.case.clock
        days = {
            clock.step_start(day * HOURS_PER_DAY) / HOURS_PER_DAY: folder / snapshot_name(day)
            for day in self.case.record.snapshot_days
        }
        days.setdefault(float(self.manifest["hours"]) / HOURS_PER_DAY, folder / FINAL)
        return {day: path for day, path in sorted(days.items()) if path.is_file()}

    def states(self, days: Sequence[float] | None = None) -> Iterator[Lobule]:
        """Yield the model as it was on each of `days`, or whenever it was kept; see :meth:`snapshot`."""
        kept = list(self.snapshots) if days is None else list(days)
        if not kept:
            raise InputError(f"{self.folder} -> no snapshot was kept")
        return (self.snapshot(day) for day in kept)

    def snapshot(self, day: float | None = None) -> Lobule:
        """Return the model as it was on `day`, or at the end; to be read, since it has no Mesa agents.

        Raises
        ------
        InputError
            If no state of that day was kept.
        """
        from lobule.experiments.models import load_model

        kept = self.snapshots
        if not kept:
            raise InputError(f"{self.folder} -> no snapshot was kept")
        if day is not None and day not in kept:
            asked = self.case.clock.step_start(day * HOURS_PER_DAY) / HOURS_PER_DAY
            if day in self.case.record.snapshot_days and asked in kept:
                return load_model(kept[asked])
            there = ", ".join(f"{d:g}" for d in kept)
            raise InputError(f"{self.folder} -> no state of day {day:g} was kept; there are days {there}")
        return load_model(kept[max(kept) if day is None else day])

    def fields(self, days: Sequence[float] | None = None) -> xr.Dataset:
        """Return fields and collagen as labelled arrays over day and site; see :mod:`...export.arrays`."""
        from lobule.experiments.export.arrays import run_fields

        return run_fields(self, days)

    def cells(self, kind: str = "hepatocyte", days: Sequence[float] | None = None) -> xr.Dataset:
        """Return all cells of a kind as labelled arrays over cells; see :mod:`...export.arrays`."""
        from lobule.experiments.export.arrays import run_cells

        return run_cells(self, kind, days)


def _check_columns(columns: Sequence[str], there: Sequence[str]) -> None:
    for name in columns:
        if name not in there:
            raise InputError(f"{shown(name)} -> no such column{nearest(str(name), there)}")
