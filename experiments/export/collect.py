"""From a run or a store of runs to one data set that other tools open."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lobule.errors import InputError, nearest, shown
from lobule.experiments.export.arrays import write_zarr
from lobule.experiments.export.images import write_ome_tiff
from lobule.experiments.export.meshes import write_vtk
from lobule.experiments.export.multicellds import write_multicellds
from lobule.experiments.folders import MANIFEST, check_complete
from lobule.experiments.scripting import load_results
from lobule.experiments.sweeps.finished import Run
from lobule.experiments.sweeps.results import Results
from lobule.experiments.sweeps.store import FOLDERS, Store
from lobule.files import checked_path, whole

ROWS_AT_A_TIME = 100_000

Source = Results | Run


def _tables(source: Source) -> Iterator[pa.Table]:
    """Yield the table of `source` in pieces that fit in memory."""
    pieces: list[pa.Table] = []
    rows = 0
    for piece in source.batches() if isinstance(source, Results) else [source.table()]:
        pieces.append(piece)
        rows += piece.num_rows
        if rows > ROWS_AT_A_TIME:
            yield pa.concat_tables(pieces).combine_chunks()
            pieces, rows = [], 0
    if pieces:
        yield pa.concat_tables(pieces).combine_chunks()


def write_parquet(source: Source, path: Path) -> None:
    """Write the table to one Parquet file, units in the metadata of its columns."""
    _write_table(source, lambda schema: pq.ParquetWriter(path, schema, compression="zstd"))


def write_csv(source: Source, path: Path) -> None:
    """Write the table to one CSV file."""
    from pyarrow import csv

    _write_table(source, lambda schema: csv.CSVWriter(path, schema))


def _write_table(source: Source, writer_for: Callable[[pa.Schema], Any]) -> None:
    writer = None
    try:
        for table in _tables(source):
            writer = writer or writer_for(table.schema)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _each_run(write: Callable[[Run, Path], None], ending: str) -> Callable[[Source, Path], None]:
    """Return what writes a file or a folder for each run into one folder."""

    def all_runs(source: Source, path: Path) -> None:
        path.mkdir()
        for run in source if isinstance(source, Results) else [source]:
            write(run, path / f"{run.folder.name}{ending}")

    return all_runs


#: Format: default name, and what writes it; the names are those of the command line.
FORMATS: dict[str, tuple[str, Callable[[Source, Path], None]]] = {
    "parquet": ("results.parquet", write_parquet),
    "csv": ("results.csv", write_csv),
    "zarr": ("results.zarr", write_zarr),
    "ome-tiff": ("ome-tiff", _each_run(write_ome_tiff, ".ome.tif")),
    "vtk": ("vtk", _each_run(write_vtk, "")),
    "multicellds": ("multicellds", _each_run(write_multicellds, "")),
}
ONE_FILE = ("parquet", "csv")


def opened(folder: str | os.PathLike[str], sweep: str | None = None) -> Source:
    """Return the run that a folder holds, or the runs of a store; `sweep` chooses as in `load_results`.

    Raises
    ------
    InputError
        If it is neither, or the run is not complete.
    """
    path = checked_path(folder, "source")
    if (path / MANIFEST).is_file():
        check_complete(path)
        return Run(path)
    return load_results(path, sweep)


def collect(
    source: Source | str | os.PathLike[str],
    format: str = "parquet",
    out: str | os.PathLike[str] | None = None,
) -> Path:
    """Write what a run or a store of runs holds in one format, and return where it is.

    Parameters
    ----------
    source : Results, Run or path
        What is written: the series as a table, or the snapshots as arrays, images or meshes.
    format : {"parquet", "csv", "zarr", "ome-tiff", "vtk", "multicellds"}
        Format.
    out : path, optional
        New file or folder to write. Unless given, it is beside the runs, under a name of its own, and
        replaces what was collected there before.

    Raises
    ------
    InputError
        If there is nothing to write, `out` is taken, or a library is not installed.
    OSError
        If it cannot be written; nothing is left of it then.
    """
    if not isinstance(format, str) or format not in FORMATS:
        names = ", ".join(FORMATS)
        raise InputError(f"format = {shown(format)} -> none of {names}{nearest(str(format), FORMATS)}")
    name, write = FORMATS[format]
    source = source if isinstance(source, Results | Run) else opened(source)
    base = source.store.shown if isinstance(source, Results) else source.folder
    is_file = format in ONE_FILE
    path = base / name if out is None else checked_path(out, "out")
    if isinstance(source, Results) and not len(source):
        raise InputError(f"{base} -> has no finished run yet")
    _check_place(path, is_file, is_own=out is None)
    with whole(path) as partial:
        write(source, partial)
        if not is_file:  # a folder takes the place of none but an empty one
            shutil.rmtree(path, ignore_errors=True)
    return path


def _check_place(path: Path, is_file: bool, is_own: bool) -> None:
    """Refuse to write where something else is; `is_own` tells the place that is renewed by every call."""
    if is_own:
        fits = not path.is_symlink() and (path.is_file() if is_file else path.is_dir())
        if os.path.lexists(path) and not fits:
            raise InputError(f"{path} -> is in the way, and no {'file' if is_file else 'folder'}; move it")
        return
    if os.path.lexists(path):
        raise InputError(f"--out {path} -> is there already; name a new one")
    if not path.parent.is_dir():
        raise InputError(f"--out {path} -> cannot be made: there is no folder {path.parent}")
    for folder in path.resolve().parents:
        if folder.name in FOLDERS and Store(folder.parent).exists():
            raise InputError(f"--out {path} -> {folder} belongs to a store of runs; name another place")
