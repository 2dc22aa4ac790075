"""Snapshots as labelled arrays: fields over sites, cells over cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lobule.errors import InputError, nearest, shown
from lobule.experiments.export.needed import library
from lobule.experiments.export.values import site_quantities
from lobule.experiments.sweeps.finished import Run
from lobule.experiments.sweeps.results import Results
from lobule.population import CELLS

if TYPE_CHECKING:
    import xarray as xr

    from lobule.model import Lobule

PIECE_BYTES = 64_000_000
CELLS_IN_A_CHUNK = 65_536
KINDS = ("parenchyma", "portal tract", "central vein")


def run_fields(run: Run, days: Sequence[float] | None = None) -> xr.Dataset:
    """Return fields, oxygen tension, collagen and hepatocyte iron of a run.

    Parameters
    ----------
    run : Run
        A finished run with snapshots.
    days : sequence of float, optional
        Which snapshots; all unless given.

    Returns
    -------
    Dataset
        Variables over ``day`` and ``site``, with units; coordinates x, y, z (um), kind, zone, lobule, and
        portal_central (0 at a portal tract to 1 at the central vein).

    Raises
    ------
    InputError
        If a day was not kept, or xarray is not installed.
    """
    library("xarray")
    return _fields(run, list(run.states(days)))


def _fields(run: Run, models: Sequence[Lobule]) -> xr.Dataset:
    xr = library("xarray")
    tissue = models[0].tissue
    stacked: dict[str, Any] = {}
    for day in zip(*(site_quantities(model) for model in models), strict=True):
        first = day[0]
        values = np.stack([quantity.values for quantity in day])
        stacked[first.name] = (("day", "site"), values, {"units": first.unit, "long_name": first.label})
    um = {"units": "um"}
    return xr.Dataset(
        stacked,
        coords={
            "day": ("day", [model.hours / 24.0 for model in models], {"units": "d"}),
            "x": ("site", tissue.x, um),
            "y": ("site", tissue.y, um),
            "z": ("site", tissue.z, um),
            "kind": ("site", tissue.kind, {"values": ", ".join(f"{i} {k}" for i, k in enumerate(KINDS))}),
            "zone": ("site", tissue.zone),
            "lobule": ("site", tissue.lobule),
            "portal_central": ("site", tissue.portal_central),
        },
        attrs={"case": run.case.name, "seed": int(run.manifest["seed"]), "pitch_um": tissue.pitch},
    )


def run_cells(run: Run, kind: str = "hepatocyte", days: Sequence[float] | None = None) -> xr.Dataset:
    """Return every cell of a kind at every snapshot of a run.

    Parameters
    ----------
    run, days
        As in :func:`run_fields`.
    kind : {"hepatocyte", "stellate", "macrophage", "msc"}
        Type of cell.

    Returns
    -------
    Dataset
        The columns of the cells' table over ``cell``, with units; coordinates day and x, y, z (um) of its
        site. A cell is known by its ``key`` from one day to the next.

    Raises
    ------
    InputError
        If there is no such kind, a day was not kept, or xarray is not installed.
    """
    library("xarray")
    if kind not in CELLS:
        raise InputError(f"kind = {shown(kind)} -> none of {', '.join(CELLS)}{nearest(str(kind), CELLS)}")
    return _cells(run, kind, list(run.states(days)))


def _cells(run: Run, kind: str, models: Sequence[Lobule]) -> xr.Dataset:
    xr = library("xarray")
    tables = [model.population.tables[kind] for model in models]
    columns = tables[0].columns
    data = {
        name: ("cell", np.concatenate([table[name] for table in tables]), _column_attributes(column))
        for name, column in columns.items()
    }
    sites, tissue = data["site"][1], models[0].tissue
    day = np.repeat([model.hours / 24.0 for model in models], [len(table) for table in tables])
    coords = {
        "day": ("cell", day, {"units": "d"}),
        **{axis: ("cell", getattr(tissue, axis)[sites], {"units": "um"}) for axis in "xyz"},
    }
    return xr.Dataset(data, coords=coords, attrs={"case": run.case.name, "kind": kind})


def all_fields(results: Results, days: Sequence[float] | None = None) -> xr.Dataset:
    """Return :func:`run_fields` of all runs over ``run``, with case, arm, parameters, replicate and seed.

    Raises
    ------
    InputError
        As :func:`run_fields`, or if the runs differ in tissue or days.
    """
    parts: list[xr.Dataset] = []
    for run, labels in _labelled(results):
        part = _with_labels(run_fields(run, days), labels, "run")
        parts.append(_fitting(part, parts[0] if parts else part, run))
    return _joined(parts, "run")


def all_cells(results: Results, kind: str = "hepatocyte", days: Sequence[float] | None = None) -> xr.Dataset:
    """Return :func:`run_cells` of all runs, one after the other; coordinate ``run`` says whose a cell is.

    Raises
    ------
    InputError
        As :func:`run_cells`.
    """
    parts = [_with_labels(run_cells(run, kind, days), labels, "cell") for run, labels in _labelled(results)]
    return _joined(parts, "cell")


def write_zarr(source: Results | Run, path: Path) -> None:
    """Write all snapshots to a Zarr store: group ``fields``, and ``cells/<kind>`` for each type of cell."""
    library("zarr")
    held: dict[str, list[xr.Dataset]] = {"fields": [], **{f"cells/{kind}": [] for kind in CELLS}}
    first: xr.Dataset | None = None
    runs = _labelled(source) if isinstance(source, Results) else [(source, {})]
    written, size = False, 0

    def flush() -> None:
        for group, parts in held.items():
            along = "run" if group == "fields" else "cell"
            whole = _joined(parts, along)
            how: dict[str, Any] = (
                {"append_dim": along} if written else {"mode": "w", "encoding": _chunks(whole)}
            )
            try:
                whole.to_zarr(path, group=group, zarr_format=2, consolidated=False, **how)
            except OSError:
                _let_writing_end()
                raise
            parts.clear()

    for run, labels in runs:
        models = list(run.states())
        fields = _fields(run, models)
        fields = _with_labels(fields, labels, "run") if labels else fields
        first = fields if first is None else first
        held["fields"].append(_fitting(fields, first, run))
        for kind in CELLS:
            cells = _cells(run, kind, models)
            held[f"cells/{kind}"].append(_with_labels(cells, labels, "cell") if labels else cells)
        size += sum(parts[-1].nbytes for parts in held.values())
        if size > PIECE_BYTES:
            flush()
            written, size = True, 0
    if held["fields"]:
        flush()


def _let_writing_end() -> None:
    """Wait for the chunks that Zarr still writes after one of them failed: they would come back after it."""
    import asyncio

    from zarr.core.sync import sync

    async def rest() -> None:
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.gather(*others, return_exceptions=True)

    sync(rest())


def _chunks(part: xr.Dataset) -> dict[str, Any]:
    """Return how each array is cut on the disk: by run, or by many cells, whatever the first piece holds."""
    lengths = {"run": 1, "cell": CELLS_IN_A_CHUNK}
    return {
        str(name): {"chunks": tuple(lengths.get(str(dim), part.sizes[dim]) for dim in variable.dims)}
        for name, variable in part.variables.items()
        if variable.dims
    }


def _with_labels(part: xr.Dataset, labels: Mapping[str, Any], along: str) -> xr.Dataset:
    """Return the arrays of one run with its labels along ``run`` or, of cells, along ``cell``."""
    if along == "run":
        part.attrs = {"pitch_um": part.attrs["pitch_um"]}
        part = part.expand_dims("run")
    else:
        part.attrs = {"kind": part.attrs["kind"]}
    size = part.sizes[along]
    return part.assign_coords({name: (along, np.repeat(value, size)) for name, value in labels.items()})


def _fitting(part: xr.Dataset, first: xr.Dataset, run: Run) -> xr.Dataset:
    """Return `part`, the fields of `run`; refuse it when it does not fit to the `first` one."""
    if not all(part[name].equals(first[name]) for name in ("x", "y", "z", "day")):
        raise InputError(
            f"{run.folder} -> differs from the first run in its tissue or in the days that were kept; "
            "choose days, or take the runs one by one"
        )
    return part


def _joined(parts: Sequence[xr.Dataset], along: str) -> xr.Dataset:
    if len(parts) == 1:
        return parts[0]
    return library("xarray").concat(
        list(parts), dim=along, coords="minimal", compat="override", join="override"
    )


def _labelled(results: Results) -> Iterator[tuple[Run, dict[str, Any]]]:
    """Yield each run and its labels, arrays of one entry; texts are equally wide in all, as Zarr wants."""
    if not len(results):
        raise InputError(f"{results.store.shown} -> has no finished run yet")
    columns = {}
    for name, values in results.runs.items():
        is_text = values.dtype.kind not in "ifb"
        columns[name] = (
            np.array(["" if v is None else str(v) for v in values]) if is_text else values.to_numpy()
        )
    for number, run in enumerate(results):
        yield run, {str(name): values[number : number + 1] for name, values in columns.items()}


def _column_attributes(column: Any) -> dict[str, str]:
    return {"units": column.unit, "long_name": column.meaning}
