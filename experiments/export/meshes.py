"""Snapshots as VTK files, for ParaView."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from lobule.experiments.export.needed import library
from lobule.experiments.export.values import site_quantities
from lobule.experiments.folders import snapshot_name
from lobule.experiments.places import beside
from lobule.experiments.sweeps.finished import Run
from lobule.geometry import Tissue
from lobule.model import Lobule
from lobule.units import HOURS_PER_DAY

_CORNERS = np.deg2rad(30.0 + 60.0 * np.arange(6))


def write_vtk(run: Run, folder: Path) -> None:
    """Write all snapshots of a run to a folder: ``sites.pvd`` and ``cells.pvd`` open them in ParaView.

    Each site is a hexagon with its fields, zone and kind, each cell a point with the columns of its table.
    Lengths are in um, times in days; names of fields carry their units.

    Raises
    ------
    InputError
        If no snapshot was kept, or meshio is not installed.
    """
    meshio = library("meshio")
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, list[tuple[float, str]]] = {"sites": [], "cells": []}
    for model in run.states():
        day = model.hours / HOURS_PER_DAY
        for what, mesh in (("sites", _sites(meshio, model)), ("cells", _cells(meshio, model))):
            name = f"{what}-{snapshot_name(day).removesuffix('.npz')}.vtu"
            mesh.write(folder / name)
            files[what].append((day, name))
    for what, entries in files.items():
        (folder / f"{what}.pvd").write_text(_collection(entries), "utf-8")


def _sites(meshio: Any, model: Lobule) -> Any:
    tissue = model.tissue
    points, polygons = hexagons(tissue)
    data = {f"{q.label} ({q.unit})": [q.values] for q in site_quantities(model)}
    data |= {
        "zone": [tissue.zone.astype(np.int32)],
        "kind": [tissue.kind.astype(np.int32)],
        "lobule": [tissue.lobule.astype(np.int32)],
        "portal-central coordinate": [tissue.portal_central],
    }
    return meshio.Mesh(points, [("polygon", polygons)], cell_data=data)


def hexagons(tissue: Tissue) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the corners of all sites and which belong to each.

    Returns
    -------
    points : ndarray, shape (6 n_sites, 3)
        um, in the middle of the layer.
    polygons : ndarray of int, shape (n_sites, 6)
        Corners of each site, anticlockwise.
    """
    n, edge = tissue.n_sites, tissue.pitch / np.sqrt(3.0)
    corner = np.stack([np.cos(_CORNERS), np.sin(_CORNERS)], axis=1) * edge
    points = np.empty((n, 6, 3))
    points[..., :2] = np.stack([tissue.x, tissue.y], axis=1)[:, None, :] + corner
    points[..., 2] = tissue.z[:, None]
    return points.reshape(-1, 3), np.arange(6 * n).reshape(n, 6)


def _cells(meshio: Any, model: Lobule) -> Any:
    tables = model.population.tables
    columns: dict[str, list[NDArray[Any]]] = {}
    places, kinds = [], []
    names = dict.fromkeys(name for table in tables.values() for name in table.names if name != "key")
    for number, table in enumerate(tables.values()):
        places.append(cell_places(model, table.name))
        kinds.append(np.full(len(table), number, np.int32))
        for name in names:
            values = table[name].astype(float) if name in table.names else np.full(len(table), np.nan)
            columns.setdefault(name, []).append(values)
    points = np.concatenate(places)
    data = {name: np.concatenate(parts) for name, parts in columns.items()}
    kind = f"type ({', '.join(f'{i} {name}' for i, name in enumerate(tables))})"
    vertices = [("vertex", np.arange(len(points))[:, None])]
    return meshio.Mesh(points, vertices, point_data={kind: np.concatenate(kinds), **data})


def cell_places(model: Lobule, kind: str) -> NDArray[np.float64]:
    """Return where the cells of a kind are, shape (n, 3), um; hepatocytes in the middle of their site."""
    tissue, tables = model.tissue, model.population.tables
    if kind == "hepatocyte":
        sites = tables[kind]["site"]
        return np.stack([tissue.x[sites], tissue.y[sites], tissue.z[sites]], axis=1)
    others = [name for name in tables if name != "hepatocyte"]
    sites = np.concatenate([tables[name]["site"] for name in others]).astype(np.int64)
    x, y = beside(tissue, sites)
    start = sum(len(tables[name]) for name in others[: others.index(kind)])
    part = slice(start, start + len(tables[kind]))
    return np.stack([x[part], y[part], tissue.z[sites[part]]], axis=1)


def _collection(entries: list[tuple[float, str]]) -> str:
    lines = [f'    <DataSet timestep="{day!r}" file={quoteattr(name)}/>' for day, name in entries]
    head = '<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1">\n  <Collection>\n'
    return head + "\n".join(lines) + "\n  </Collection>\n</VTKFile>\n"
