"""What runs have left behind, read when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lobule.case import Case
from lobule.errors import InputError, shown
from lobule.experiments.sweeps.design import unit_of
from lobule.experiments.sweeps.finished import Run
from lobule.experiments.sweeps.plan import Plan, PlannedRun
from lobule.experiments.sweeps.store import Store
from lobule.readouts import READOUTS

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


POOL_UNIT = "ug"  # of the iron pools, which are the columns that are no readouts


class Results:
    """The runs of one or more sweeps as one table: a row for each run and recorded time.

    Nothing is read before it is asked for, and no more than that. Rows stand in the order of the plans.

    Parameters
    ----------
    store : Store
        Where the runs are.
    plans : sequence of Plan
        The sweeps. One whose runs are all in another, which extends it, is left out; of the others, a run
        that is in several is there once. Where several are left, column ``sweep`` tells them apart.
    damaged : sequence of Path
        Files of plans that cannot be read.
    """

    def __init__(self, store: Store, plans: Sequence[Plan], damaged: Sequence[Path] = ()) -> None:
        self.store, self.plans, self._damaged = store, _widest(plans), damaged
        varied = [key for plan in self.plans for key in plan.keys]
        drawn = [key for plan in self.plans for arm in plan.arms for key in arm.case.cohort]
        self.varied, self.keys = list(dict.fromkeys(varied)), list(dict.fromkeys(varied + drawn))
        sampled = any(point.sample is not None for plan in self.plans for point in plan.points)
        first = ["run", *["sweep"] * (len(self.plans) > 1), "case", "arm"]
        self._names = [*first, *["sample"] * sampled, *self.keys, "replicate", "seed"]
        self._done: list[dict[str, Any]] | None = None
        self._wrong: dict[str, str] = {}
        self._missing = 0

    def __repr__(self) -> str:
        return f"<Results of {len(self)} runs in {self.store.shown}>"

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def _labels(self) -> list[dict[str, Any]]:
        """Labels of the finished runs, in order."""
        if self._done is None:
            wanted = list(self._wanted())
            done, self._wrong = self.store.state(dict.fromkeys(row["run"] for row in wanted))
            self._done = [row for row in wanted if row["run"] in done]
            self._missing = len({row["run"] for row in wanted}) - len(done) - len(self._wrong)
        return self._done

    def _wanted(self) -> Iterator[dict[str, Any]]:
        seen: set[tuple[str, int | None]] = set()
        for plan in self.plans:
            for run in plan.rows:
                if (run.id, run.sample) not in seen:
                    seen.add((run.id, run.sample))
                    yield self._labels_in(plan, run)

    def _labels_in(self, plan: Plan, run: PlannedRun) -> dict[str, Any]:
        """Return the labels of a run, with what its case says for keys that only another sweep varies."""
        labels = {"sweep": plan.stem, **plan.labels(run)}
        if self.keys != list(plan.keys):
            case = plan.case(run)
            labels |= {key: value_in(case, key) for key in self.keys if key not in labels}
        return {name: labels.get(name) for name in self._names}

    def gaps(self) -> list[str]:
        """Return a line for whatever is not in the table: runs not done, damaged folders, damaged plans."""
        there, runs = len({row["run"] for row in self._labels}), self.store.shown / "runs"
        lines = [f"damaged: {runs / run}: {wrong}; sweep again" for run, wrong in self._wrong.items()]
        if self._missing:
            lines.append(f"{self._missing:,} of {there + len(lines) + self._missing:,} runs are not there")
        return [*lines, *(f"damaged: {path}: its sweep is left out; sweep again" for path in self._damaged)]

    @property
    def runs(self) -> pd.DataFrame:
        """A row for each finished run: its name, case, arm, varied parameters, replicate and seed."""
        return self._label_table(self._labels).to_pandas()

    @property
    def failures(self) -> list[dict[str, Any]]:
        """What is known of the runs that failed: parameters, seed, error, traceback, log."""
        done = {row["run"] for row in self._labels}
        names = dict.fromkeys(run.id for plan in self.plans for run in plan.runs if run.id not in done)
        return list(self.store.failed(names).values())

    def run(self, name: str) -> Run:
        """Return one run by its name.

        Raises
        ------
        InputError
            If there is no such finished run.
        """
        if not any(row["run"] == name for row in self._labels):
            raise InputError(f"{shown(name)} -> no finished run of this name in {self.store.shown}")
        return Run(self.store.folder(name))

    def __iter__(self) -> Iterator[Run]:
        return (Run(self.store.folder(row["run"])) for row in self._labels)

    def batches(self, columns: Sequence[str] | None = None, last: bool = False) -> Iterator[pa.Table]:
        """Yield the table run by run, so that any number of runs can be read.

        Parameters
        ----------
        columns : sequence of str, optional
            Columns of the series; all unless given.
        last : bool
            The last row of each run only.
        """
        labels = self._label_table(self._labels)
        for number, run in enumerate(self):
            series = run.table(columns)
            if last:
                series = series.slice(series.num_rows - 1)
            own = labels.take(pa.array(np.full(series.num_rows, number)))
            yield pa.table(
                [*own.columns, *series.columns], schema=pa.schema([*own.schema, *_with_units(series)])
            )

    def table(self, columns: Sequence[str] | None = None, last: bool = False) -> pa.Table:
        """Return all of :meth:`batches` as one Arrow table."""
        batches = list(self.batches(columns, last))
        return pa.concat_tables(batches) if batches else self._label_table([])

    def to_pandas(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the table as a data frame: a row for each run and recorded time."""
        return self.table(columns).to_pandas()

    def final(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the end of every run as a data frame: a row for each run."""
        return self.table(columns, last=True).to_pandas()

    def fields(self, days: Sequence[float] | None = None) -> xr.Dataset:
        """Return the fields of all runs as labelled arrays over run, day and site."""
        from lobule.experiments.export.arrays import all_fields

        return all_fields(self, days)

    def cells(self, kind: str = "hepatocyte", days: Sequence[float] | None = None) -> xr.Dataset:
        """Return the cells of a kind of all runs as labelled arrays over cells."""
        from lobule.experiments.export.arrays import all_cells

        return all_cells(self, kind, days)

    def _label_table(self, rows: list[dict[str, Any]]) -> pa.Table:
        units = dict(zip(self.keys, unit_of(self.keys), strict=True))
        names = self._names
        columns = [_column([row[name] for row in rows], name) for name in names]
        fields = [
            pa.field(name, column.type, metadata={"unit": units[name]} if name in units else None)
            for name, column in zip(names, columns, strict=True)
        ]
        return pa.table(columns, schema=pa.schema(fields))


def _widest(plans: Sequence[Plan]) -> tuple[Plan, ...]:
    """Return the plans that no other one extends, in the order of their names."""
    runs = {plan.stem: {run.id for run in plan.runs} for plan in plans}
    names = sorted(runs, key=lambda name: (-len(runs[name]), name))
    kept = [name for i, name in enumerate(names) if not any(runs[name] <= runs[other] for other in names[:i])]
    return tuple(sorted((plan for plan in plans if plan.stem in kept), key=lambda plan: plan.stem))


def value_in(case: Case, key: str) -> Any:
    """Return what `case` says for a dotted key, or the declared default; None where it means nothing."""
    name = key.removeprefix("parameters.")
    if name.split(".")[0] not in Case.model_fields:
        from lobule.settings import declared_parameters

        if name in case.parameters:
            return case.parameters[name]
        declared = declared_parameters().get(name)
        return None if declared is None else declared.default(case.subject.species)
    value: Any = case.model_dump()
    for part in key.split("."):
        if isinstance(value, list | tuple) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return None
    return value


def _column(values: list[Any], name: str) -> pa.Array:
    """Return one column: numbers as numbers, whatever cannot be a number or a truth as text."""
    if name in ("sample", "replicate", "seed"):
        return pa.array(values, pa.int64())
    present = [value for value in values if value is not None]
    if all(isinstance(value, bool) for value in present) and present:
        return pa.array(values, pa.bool_())
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in present) and present:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    return pa.array(texts, pa.string())


def _with_units(table: pa.Table) -> list[pa.Field]:
    """Return the fields of a series with their units."""
    units = {name: unit for name, (unit, _) in READOUTS.items()}
    return [
        pa.field(field.name, field.type, metadata={"unit": units.get(field.name, POOL_UNIT)})
        for field in table.schema
    ]
