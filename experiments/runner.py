"""One run: from a case to a folder, in checkpoints that survive a kill."""

from __future__ import annotations

import hashlib
import json
import math
import platform
import shutil
import time
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from lobule.case import Case, load_case
from lobule.cohort import drawn_values
from lobule.errors import InputError
from lobule.experiments.folders import (
    FINAL,
    FORMAT,
    MANIFEST,
    SERIES,
    SUMMARY,
    check_new_folder,
    check_resumable,
    default_folder,
    free_folder,
    manifest_seal,
    read_manifest,
    sealed_files,
    snapshot_name,
)
from lobule.experiments.identity import run_id
from lobule.experiments.models import build_model, load_model
from lobule.experiments.report import comparisons
from lobule.experiments.stems import Stem
from lobule.experiments.survival import beyond_life
from lobule.files import remove_partial, whole
from lobule.interruption import uninterrupted
from lobule.model import Lobule
from lobule.parameters import parameter_values
from lobule.units import HOURS_PER_DAY, IRON_MOLAR_MASS

CHECKPOINT_SECONDS = 30.0
CHECKPOINT = "checkpoint.npz"
PARTS = "series"
VERSIONS = ("mesa", "numpy", "numba", "scipy", "lobule")


class Watcher(Protocol):
    """What shows how far a run has come."""

    def begin(self, folder: Path, end_hours: float, hours: float = 0.0) -> None:
        """Start showing a run."""

    def update(self, hours: float) -> None:
        """Show that `hours` of it are done."""


def run_case(
    case: Case,
    *,
    seed: int | None = None,
    out: Path | None = None,
    progress: Watcher | None = None,
    draw: bool = True,
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
    draw : bool
        Draw the pictures at the end.

    Raises
    ------
    InputError
        If the folder cannot be written or holds something already.
    """
    seed = case.seed if seed is None else seed
    folder = free_folder(default_folder(case, seed)) if out is None else out
    check_new_folder(folder)
    return run_into(folder, case, seed, progress=progress, draw=draw)


def run_into(
    folder: Path,
    case: Case,
    seed: int,
    *,
    progress: Watcher | None = None,
    draw: bool = True,
    stem: Stem | None = None,
) -> Path:
    """Run a case into a folder that is known to be free; see :func:`run_case`.

    With `stem`, begin with the past that is saved there; where there is none yet, save it in passing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with uninterrupted():
        begun = None if stem is None else stem.begin(case, folder)
        model, rows = begun or (build_model(case, seed), [])
    run = _Run(model, folder, progress, stem=stem)
    run.rows = rows
    _write_text(folder / "case.toml", run.model.case.to_toml())
    run.write_manifest("running")
    return run.complete(draw)


def resume(
    folder: Path, *, progress: Watcher | None = None, draw: bool = True, stem: Stem | None = None
) -> Path:
    """Go on with an interrupted run from its last checkpoint and return its folder.

    With `stem`, save there what runs share, as :func:`run_into` does.

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
        raise InputError(f"{folder} -> its {MANIFEST} is damaged: no seed or no time") from None
    with uninterrupted():
        if checkpoint.exists():
            model = load_model(checkpoint)
        else:
            model = build_model(load_case(folder / "case.toml"), seed)
    return _Run(model, folder, progress, wall, stem).complete(draw)


class _Run:
    """The state of one run that is not the model's: rows not yet written and the times of what comes next."""

    def __init__(
        self,
        model: Lobule,
        folder: Path,
        progress: Watcher | None,
        wall: float = 0.0,
        stem: Stem | None = None,
    ) -> None:
        self.model, self.folder, self.progress, self.stem = model, folder, progress, stem
        self.wall, self.started = wall, time.monotonic()
        self.rows: list[dict[str, float]] = []
        self.every = model.case.record.every_hours
        self.snapshots = sorted(day * HOURS_PER_DAY for day in model.case.record.snapshot_days)
        self.fixed = _fixed_entries(model)

    def complete(self, draw: bool) -> Path:
        model, end = self.model, self.model.case.end_hours
        (self.folder / "snapshots").mkdir(exist_ok=True)
        if self.progress is not None:
            self.progress.begin(self.folder, end, model.hours)
        if model.hours == 0.0:
            self._record()
        saved = time.monotonic()
        try:
            while model.hours < end - 1e-6:
                with uninterrupted():
                    model.step()
                    self._record()
                    if self.stem is not None and self.stem.is_passed(model):
                        self.stem.save(model, self._all_rows(), self.folder / "snapshots")
                if self.progress is not None:
                    self.progress.update(model.hours)
                if time.monotonic() - saved > CHECKPOINT_SECONDS:
                    self._checkpoint()
                    saved = time.monotonic()
            if draw:
                self._checkpoint()
        except KeyboardInterrupt:
            self._checkpoint()
            raise
        except Exception:
            self.write_manifest("running")  # how far it came
            raise
        return self._finish(draw)

    def _record(self) -> None:
        """Keep a row and a snapshot when this hour is the first at or after one that is due."""
        model = self.model
        before = model.hours - model.last_step_hours
        is_end = model.hours >= model.case.end_hours - 1e-6
        if model.hours == 0.0 or is_end or _due(before, model.hours, self.every):
            self.rows.append(series_row(model))
        for hours in self.snapshots:
            if before + 1e-6 < hours <= model.hours + 1e-6 or (hours == model.hours == 0.0):
                model.save(self.folder / "snapshots" / snapshot_name(hours / HOURS_PER_DAY))

    def _checkpoint(self) -> None:
        if self.rows:
            parts = self.folder / PARTS
            parts.mkdir(exist_ok=True)
            _write_table(parts / f"part-{int(self.model.tick):09d}.parquet", pa.Table.from_pylist(self.rows))
            self.rows = []
        self.model.save(self.folder / CHECKPOINT)
        self.write_manifest("running")

    def write_manifest(self, status: str, **more: Any) -> None:
        """Write what is known of the run; it is done when this says so."""
        wall = round(self.wall + time.monotonic() - self.started, 3)
        events = [[hours, text] for hours, text in self.model.log]
        content = {"format": FORMAT, "status": status, **self.fixed, "hours": self.model.hours}
        content |= {"wall_seconds": wall, "events": events, **more}
        _write_json(self.folder / MANIFEST, {**content, "seal": manifest_seal(content)})

    def _finish(self, draw: bool) -> Path:
        with uninterrupted():
            notes = self._write_results()
        if draw:  # from the manifest of the checkpoint just made
            from lobule.experiments.figures import draw_run

            draw_run(self.folder)
        remove_partial(self.folder)
        self.write_manifest("done", notes=notes, files=sealed_files(self.folder))
        shutil.rmtree(self.folder / PARTS, ignore_errors=True)
        (self.folder / CHECKPOINT).unlink(missing_ok=True)
        return self.folder

    def _write_results(self) -> list[str]:
        """Write the series, the last snapshot and the summary; return the notes in it."""
        model, folder = self.model, self.folder
        series = pa.Table.from_pylist(self._all_rows())
        _write_table(folder / SERIES, series)
        if model.case.record.final_snapshot:
            model.save(folder / "snapshots" / FINAL)
        readouts = {k: v if math.isfinite(v) else None for k, v in model.readouts().items()}
        columns = {name: series[name].to_numpy() for name in series.column_names}
        notes = [*model.notes(), *beyond_life(columns)]
        summary = {
            "format": FORMAT,
            "readouts": readouts,
            "comparisons": comparisons(model.case, columns),
            "events": model.log,
            "notes": notes,
        }
        _write_json(folder / SUMMARY, summary)
        return notes

    def _all_rows(self) -> list[dict[str, float]]:
        """Return the rows of all parts and the ones in memory, each hour once.

        Parts newer than the checkpoint that was gone on from have been written again.
        """
        parts = sorted((self.folder / PARTS).glob("*.parquet"))
        rows = {row["hours"]: row for path in parts for row in _read_part(path)}
        rows |= {row["hours"]: row for row in self.rows}
        return [rows[hours] for hours in sorted(rows) if hours <= self.model.hours + 1e-6]


def _read_part(path: Path) -> list[dict[str, float]]:
    try:
        return list(pq.read_table(path).to_pylist())
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} -> is damaged: {str(error).splitlines()[0]}") from None


def _due(before: float, now: float, every: float) -> bool:
    """Return whether a multiple of `every` lies after `before` and at or before `now` (h)."""
    return int((now + 1e-6) // every) > int((before + 1e-6) // every)


def series_row(model: Lobule) -> dict[str, float]:
    """Return the readouts of `model` and the iron of every pool (ug): one row of the series."""
    pools = {f"pool_{name}_ug": amount * IRON_MOLAR_MASS for name, amount in model.ledger.pool.items()}
    return {name: float(value) for name, value in {**model.readouts(), **pools}.items()}


def _fixed_entries(model: Lobule) -> dict[str, Any]:
    """Return the entries of the manifest that stay the same from start to end."""
    values = {name: group._asdict() for name, group in parameter_values(model.case).items()}
    return {
        "run": run_id(model.case, int(model.seed)),
        "case": json.loads(model.case.to_json()),
        "seed": int(model.seed),
        "drawn": drawn_values(model.case),
        "parameters_sha256": hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest(),
        "versions": _versions(),
    }


@cache
def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in VERSIONS}}


def _write_text(path: Path, text: str) -> None:
    with whole(path) as partial:
        partial.write_text(text, "utf-8")


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    _write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def _write_table(path: Path, table: pa.Table) -> None:
    with whole(path) as partial:
        pq.write_table(table, partial, compression="zstd")
