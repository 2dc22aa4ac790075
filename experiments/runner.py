"""One run: from a case to a folder, in checkpoints that survive a kill."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import shutil
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from lobule.case import Case, load_case
from lobule.errors import InputError
from lobule.experiments.folders import FORMAT, check_new_folder, check_resumable, read_manifest
from lobule.experiments.report import comparisons
from lobule.model import Lobule
from lobule.parameters import parameter_values
from lobule.units import HOURS_PER_DAY, IRON_MOLAR_MASS

CHECKPOINT_SECONDS = 30.0
CHECKPOINT = "checkpoint.npz"


class Watcher(Protocol):
    """What shows how far a run has come."""

    def begin(self, folder: Path, end_hours: float, hours: float = 0.0) -> None:
        """Start showing a run."""

    def update(self, hours: float) -> None:
        """Show that `hours` of it are done."""


def run_case(
    case: Case, *, seed: int | None = None, out: Path | None = None, progress: Watcher | None = None
) -> Path:
    """Run a case and return its folder.

    Parameters
    ----------
    case : Case
        What to run.
    seed : int, optional
        Seed instead of the case's.
    out : Path, optional
        Folder to write, new or empty; by default ``runs/<case>-seed<seed>``, numbered when taken.
    progress : Watcher, optional
        Told how far the run is.

    Raises
    ------
    InputError
        If the folder cannot be written or holds something already.
    """
    seed = case.seed if seed is None else seed
    folder = _free_folder(Path("runs") / f"{case.name}-seed{seed}") if out is None else out
    check_new_folder(folder)
    model = Lobule(case, rng=seed)
    folder.mkdir(parents=True, exist_ok=True)
    _write_text(folder / "case.toml", case.to_toml())
    _write_json(folder / "manifest.json", _manifest(model, "running", 0.0))
    return _Run(model, folder, progress).complete()


def resume(folder: Path, *, progress: Watcher | None = None) -> Path:
    """Go on with an interrupted run from its last checkpoint and return its folder.

    Raises
    ------
    InputError
        If `folder` is no unfinished run, or its checkpoint is damaged.
    """
    check_resumable(folder)
    checkpoint = folder / CHECKPOINT
    manifest = read_manifest(folder)
    try:
        seed, wall = int(manifest["seed"]), float(manifest["wall_seconds"])
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{folder} -> its manifest.json is damaged: no seed or no time") from None
    if checkpoint.exists():
        model = Lobule.load(checkpoint)
    else:
        model = Lobule(load_case(folder / "case.toml"), rng=seed)
    return _Run(model, folder, progress, wall).complete()


def _free_folder(path: Path) -> Path:
    number = 1
    candidate = path
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate


class _Run:
    """The state of one run that is not the model's: rows not yet written and the times of what comes next."""

    def __init__(self, model: Lobule, folder: Path, progress: Watcher | None, wall: float = 0.0) -> None:
        self.model, self.folder, self.progress = model, folder, progress
        self.wall, self.started = wall, time.monotonic()
        self.rows: list[dict[str, float]] = []
        self.every = model.case.record.every_hours
        self.snapshots = sorted(day * HOURS_PER_DAY for day in model.case.record.snapshot_days)

    def complete(self) -> Path:
        model, end = self.model, self.model.case.end_hours
        (self.folder / "snapshots").mkdir(exist_ok=True)
        (self.folder / "series").mkdir(exist_ok=True)
        if self.progress is not None:
            self.progress.begin(self.folder, end, model.hours)
        if model.hours == 0.0:
            self._record()
        saved = time.monotonic()
        try:
            while model.hours < end - 1e-6:
                model.step()
                self._record()
                if self.progress is not None:
                    self.progress.update(model.hours)
                if time.monotonic() - saved > CHECKPOINT_SECONDS:
                    self._checkpoint()
                    saved = time.monotonic()
        except KeyboardInterrupt:
            self._checkpoint()
            raise
        return self._finish()

    def _record(self) -> None:
        """Keep a row and a snapshot when this hour is the first at or after one that is due."""
        model = self.model
        before = model.hours - model.last_step_hours
        is_end = model.hours >= model.case.end_hours - 1e-6
        if model.hours == 0.0 or is_end or _due(before, model.hours, self.every):
            self.rows.append(series_row(model))
        for hours in self.snapshots:
            if before + 1e-6 < hours <= model.hours + 1e-6 or (hours == model.hours == 0.0):
                model.save(self.folder / "snapshots" / f"day-{hours / HOURS_PER_DAY:07.2f}.npz")

    def _flush(self) -> None:
        if self.rows:
            part = self.folder / "series" / f"part-{int(self.model.tick):09d}.parquet"
            _write_table(part, pa.Table.from_pylist(self.rows))
            self.rows = []

    def _checkpoint(self) -> None:
        self._flush()
        self.model.save(self.folder / CHECKPOINT)
        _write_json(self.folder / "manifest.json", _manifest(self.model, "running", self._wall()))

    def _wall(self) -> float:
        return self.wall + time.monotonic() - self.started

    def _finish(self) -> Path:
        model, folder = self.model, self.folder
        self._checkpoint()
        series = _merged(folder / "series", model.hours)
        _write_table(folder / "series.parquet", series)
        model.save(folder / "snapshots" / "final.npz")
        readouts = {k: v if math.isfinite(v) else None for k, v in model.readouts().items()}
        _write_json(
            folder / "summary.json",
            {
                "format": FORMAT,
                "readouts": readouts,
                "comparisons": comparisons(
                    model.case, {k: series[k].to_numpy() for k in series.column_names}
                ),
                "events": model.log,
            },
        )
        from lobule.experiments.figures import draw_run

        _write_json(folder / "manifest.json", _manifest(model, "running", self._wall()))
        draw_run(folder)
        _write_json(folder / "manifest.json", _manifest(model, "done", self._wall()))
        shutil.rmtree(folder / "series")
        for left in (folder / CHECKPOINT, *folder.glob(".*.partial"), *folder.glob("*/.*.partial")):
            left.unlink(missing_ok=True)
        return folder


def _due(before: float, now: float, every: float) -> bool:
    """Return whether a multiple of `every` lies after `before` and at or before `now` (h)."""
    return int((now + 1e-6) // every) > int((before + 1e-6) // every)


def series_row(model: Lobule) -> dict[str, float]:
    """Return the readouts of `model` and the iron of every pool (ug): one row of the series."""
    pools = {f"pool_{name}_ug": amount * IRON_MOLAR_MASS for name, amount in model.ledger.pool.items()}
    return {name: float(value) for name, value in {**model.readouts(), **pools}.items()}


def _merged(parts: Path, hours: float) -> pa.Table:
    """Return the rows of all parts, each hour once; parts newer than the checkpoint are written again."""
    rows = {
        row["hours"]: row
        for path in sorted(parts.glob("*.parquet"))
        for row in pq.read_table(path).to_pylist()
    }
    return pa.Table.from_pylist([rows[h] for h in sorted(rows) if h <= hours + 1e-6])


def _manifest(model: Lobule, status: str, wall_seconds: float) -> dict[str, Any]:
    values = {name: group._asdict() for name, group in parameter_values(model.case).items()}
    names = ("mesa", "numpy", "numba", "scipy", "lobule")
    return {
        "format": FORMAT,
        "status": status,
        "case": json.loads(model.case.to_json()),
        "seed": int(model.seed),
        "parameters_sha256": hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest(),
        "hours": model.hours,
        "wall_seconds": round(wall_seconds, 3),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in names}},
        "events": [[hours, text] for hours, text in model.log],
    }


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, "utf-8")
    os.replace(partial, path)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    _write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def _write_table(path: Path, table: pa.Table) -> None:
    partial = path.with_name(f".{path.name}.partial")
    pq.write_table(table, partial, compression="zstd")
    os.replace(partial, path)
