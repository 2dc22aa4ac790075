"""From a run or a store of runs to one data set that other tools open."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lobule.errors import InputError, nearest, one_line, shown
from lobule.experiments.export.arrays import write_zarr
from lobule.experiments.export.images import write_ome_tiff
from lobule.experiments.export.meshes import write_vtk
from lobule.experiments.export.multicellds import write_multicellds
from lobule.experiments.sweeps.finished import Run
from lobule.experiments.sweeps.results import Results
from lobule.experiments.sweeps.store import FOLDERS
from lobule.files import whole

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
    with whole(path) as partial:
        writer: pq.ParquetWriter | None = None
        try:
            for table in _tables(source):
                writer = writer or pq.ParquetWriter(partial, table.schema, compression="zstd")
                writer.write_table(table)
        finally:
            if writer is not None:
                writer.close()


def write_csv(source: Source, path: Path) -> None:
    """Write the table to one CSV file."""
    from pyarrow import csv

    with whole(path) as partial:
        writer: csv.CSVWriter | None = None
        try:
            for table in _tables(source):
                writer = writer or csv.CSVWriter(partial, table.schema)
                writer.write_table(table)
        finally:
            if writer is not None:
                writer.close()


def _each_run(write: Callable[[Run, Path], None], ending: str) -> Callable[[Source, Path], None]:
    """Return what writes a file or a folder for each run into one folder."""

    def all_runs(source: Source, path: Path) -> None:
        path.mkdir(parents=True)
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


def collect(source: Source, format: str = "parquet", out: str | os.PathLike[str] | None = None) -> Path:
    """Write what a run or a store of runs holds in one format, and return where it is.

    Parameters
    ----------
    source : Results or Run
        What is written: the series as a table, or the snapshots as arrays, images or meshes.
    format : {"parquet", "csv", "zarr", "ome-tiff", "vtk", "multicellds"}
        Format.
    out : path, optional
        File or folder to write; beside the runs, under a name of its own, unless given.

    Raises
    ------
    InputError
        If there is nothing to write, `out` is taken, or a library is not installed.
    """
    if format not in FORMATS:
        names = ", ".join(FORMATS)
        raise InputError(f"format = {shown(format)} -> none of {names}{nearest(str(format), FORMATS)}")
    name, write = FORMATS[format]
    base = source.store.shown if isinstance(source, Results) else source.folder
    path = base / name if out is None else Path(out)
    if isinstance(source, Results) and not len(source):
        raise InputError(f"{base} -> has no finished run yet")
    if out is not None:
        _check_out(path, source)
    try:
        return _written(source, path, write, format in ONE_FILE)
    except OSError as error:
        raise InputError(f"{path} -> cannot be written: {error.strerror or one_line(str(error))}") from None


def _check_out(path: Path, source: Source) -> None:
    """Refuse a place that is taken, that has no folder, or that belongs to the store."""
    if path.exists() or path.is_symlink():
        raise InputError(f"--out {path} -> is there already; name a new one")
    if not path.parent.is_dir():
        raise InputError(f"--out {path} -> there is no folder {path.parent}")
    if isinstance(source, Results):
        own = [source.store.path.resolve() / name for name in FOLDERS]
        if any(path.parent.resolve().is_relative_to(folder) for folder in own):
            raise InputError(f"--out {path} -> is inside the store's own folders; name another place")


def _written(source: Source, path: Path, write: Callable[[Source, Path], None], is_file: bool) -> Path:
    """Write to `path` in one go."""
    if is_file:
        if path.is_dir():
            raise InputError(f"--out {path} -> is a folder, not a file")
        write(source, path)
        return path
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        write(source, partial)
        shutil.rmtree(path, ignore_errors=True)
        os.replace(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return path
