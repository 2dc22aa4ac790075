"""What of a grid of sites can live: blood must reach it and leave it again."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lobule.errors import InputError
from lobule.geometry import CENTRAL_VEIN, PARENCHYMA, PORTAL_TRACT, Tissue
from lobule.mapped import FEWEST, NAMES, OUTSIDE, Grid, Parts, parts_of
from lobule.perfusion import Perfusion
from lobule.vessels import vessels

#: Parenchyma that less than this share of the median flow passes is poorly supplied.
POOR = 0.1


def clean(grid: Grid, origin: tuple[float, float], pitch: float) -> list[str]:
    """Take parenchyma without a tract or a vein out of `grid`, and vessels without parenchyma; return notes.

    Parameters
    ----------
    grid : int8 [rows, columns]
        Kind of each site; it is changed.
    origin : (float, float)
        Where the first site lies in the image (um).
    pitch : float
        Width of a site (um).

    Raises
    ------
    InputError
        If nothing is left.
    """
    if not np.any(grid != OUTSIDE):
        raise InputError("no hexagon is mostly tissue -> is the width of a pixel right?")
    parts = parts_of(grid)
    row, column = -parts.plane[:, 1], parts.plane[:, 0] + (parts.plane[:, 1] >> 1)
    dry = {kind: parts.dry(kind) for kind in NAMES}
    gone = np.union1d(*dry.values())
    notes, crumbs = [], 0
    for piece in gone:
        sites = parts.sites(PARENCHYMA, piece)
        grid[row[sites], column[sites]] = OUTSIDE
        if len(sites) < FEWEST:
            crumbs += 1
            continue
        x = (origin[0] + pitch * column[sites].mean()) / 1e3
        y = (origin[1] + pitch * math.sqrt(0.75) * row[sites].mean()) / 1e3
        lacks = " and ".join(f"no {name}" for kind, name in NAMES.items() if piece in dry[kind])
        notes.append(f"a piece of {len(sites)} sites at ({x:.2f}, {y:.2f}) mm touches {lacks}: left out")
    if crumbs:
        what = "1 crumb" if crumbs == 1 else f"{crumbs} crumbs"
        notes.append(f"{what} of tissue without a tract and a vein left out")
    if len(gone) == parts.count(PARENCHYMA):
        more = f": {notes[0]}" if notes else ""
        raise InputError(f"no piece of tissue touches both a portal tract and a central vein{more}")
    for kind, name in NAMES.items():
        wall = parts.walls[kind]
        touching = parts.part[wall[~np.isin(wall[:, 0], gone), 1]]
        bare = np.setdiff1d(np.arange(parts.count(kind)), touching)
        mine = (parts.kind == kind) & np.isin(parts.part, bare)
        grid[row[mine], column[mine]] = OUTSIDE
        if len(bare):
            what = f"1 {name} that touches" if len(bare) == 1 else f"{len(bare)} {name}s that touch"
            notes.append(f"{what} no kept tissue left out")
    return notes + _holes(grid)


def _holes(grid: Grid) -> list[str]:
    """Say how many holes there are in the tissue."""
    empty = np.where(grid == OUTSIDE, PARENCHYMA, OUTSIDE).astype(np.int8)
    parts = parts_of(np.pad(empty, 2, constant_values=PARENCHYMA))  # by two: rows keep their shift
    inside = parts.part[parts.part != parts.part[0]]
    if not inside.size:
        return []
    holes = "1 hole" if (count := len(np.unique(inside))) == 1 else f"{count} holes"
    sites = "1 site" if inside.size == 1 else f"{inside.size} sites"
    return [f"{holes} in the tissue ({sites}) left empty: mark those that are vessels"]


def trimmed(grid: Grid) -> tuple[Grid, tuple[int, int]]:
    """Return `grid` without empty margins, and how many rows and columns are gone before it."""
    rows, columns = (np.flatnonzero((grid != OUTSIDE).any(axis=axis)) for axis in (1, 0))
    top = int(rows[0]) // 2 * 2  # an even number, so that the same rows are shifted
    left = int(columns[0])
    return grid[top : rows[-1] + 1, left : columns[-1] + 1].copy(), (top, left)


def poorly_supplied(tissue: Tissue) -> NDArray[np.bool_]:
    """Return which sites are parenchyma that hardly any blood passes in health."""
    flow = Perfusion(tissue, np.zeros(tissue.n_sites)).flow
    passing = 0.5 * np.abs(flow).sum(axis=1)
    cells = tissue.kind == PARENCHYMA
    return cells & (passing < POOR * np.median(passing[cells]))


def remarks(tissue: Tissue, poor: NDArray[np.bool_], radius: float, origin: tuple[float, float]) -> list[str]:
    """Say what is unusual about a tissue.

    Parameters
    ----------
    tissue : Tissue
        The tissue.
    poor : bool [n]
        Sites that hardly any blood passes.
    radius : float
        Usual radius of a lobule (um).
    origin : (float, float)
        Where the tissue has its origin in the image (um).
    """
    notes = []
    places = np.stack([tissue.x, tissue.y], axis=1)[tissue.kind == PORTAL_TRACT]
    for vein in (vessel for vessel in vessels(tissue) if vessel.kind == CENTRAL_VEIN):
        distance = float(np.hypot(*(places - vein.centre).T).min())
        if distance > 2.0 * radius:
            notes.append(
                f"the nearest portal tract to the central vein at ({(origin[0] + vein.centre[0]) / 1e3:.2f}, "
                f"{(origin[1] - vein.centre[1]) / 1e3:.2f}) mm is {distance / 1e3:.2g} mm away; "
                f"usual are {radius / 1e3:.2g} mm"
            )
    share = float(np.count_nonzero(poor)) / np.count_nonzero(tissue.kind == PARENCHYMA)
    if share >= 0.01:
        notes.append(
            f"{100.0 * share:.0f} % of the parenchyma gets less than a tenth of the usual flow: "
            "a cut edge far from its vessels, or vessels not marked"
        )
    return notes


def counts(parts: Parts) -> str:
    """Say how much there is of everything."""
    cells, veins, tracts = (parts.count(kind) for kind in (PARENCHYMA, CENTRAL_VEIN, PORTAL_TRACT))
    pieces = "" if cells == 1 else f" in {cells} pieces"
    number = int(np.count_nonzero(parts.kind == PARENCHYMA))
    return (
        f"{len(parts.kind)} sites: {number} of parenchyma{pieces}, "
        f"{veins} central vein{'s' * (veins != 1)}, {tracts} portal tract{'s' * (tracts != 1)}"
    )
