"""Tissues of any shape: sites, pieces and vessels of a tissue map, laid on the lattice.

A map has rows of sites, from top to bottom as in the image; the second, fourth, ... row is shifted to the
right by half a site. So the site in column j of row i has the axial coordinates r = -i, q = j - floor(r/2).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from lobule.geometry import (
    CENTRAL_VEIN,
    PARENCHYMA,
    PORTAL_TRACT,
    Shape,
    Tissue,
    assemble,
    build_tissue,
    cartesian,
    face_conductance,
)
from lobule.lattice import neighbour_table
from lobule.proportions import GEOMETRY

if TYPE_CHECKING:
    from lobule.sections import Tissue as Layout

OUTSIDE = -1
#: What a site is, by its character in a map.
CHARACTERS = {".": OUTSIDE, "o": PARENCHYMA, "P": PORTAL_TRACT, "C": CENTRAL_VEIN}
NAMES = {PORTAL_TRACT: "portal tract", CENTRAL_VEIN: "central vein"}
#: Fewer sites of parenchyma are no tissue: a type of cell would have no cell.
FEWEST = 30

Grid = NDArray[np.int8]
Indices = NDArray[np.int32]


def grid_of(rows: Sequence[str]) -> Grid:
    """Return the kinds [rows, columns] of equally long `rows`, `OUTSIDE` where there is no site."""
    lookup = np.full(256, OUTSIDE, np.int8)
    for character, kind in CHARACTERS.items():
        lookup[ord(character)] = kind
    text = np.frombuffer("".join(rows).encode("ascii"), np.uint8)
    return np.asarray(lookup[text].reshape(len(rows), -1))


def rows_of(grid: Grid) -> tuple[str, ...]:
    """Return the rows of text that :func:`grid_of` reads."""
    letters = np.empty(max(CHARACTERS.values()) + 2, "U1")
    for character, kind in CHARACTERS.items():
        letters[kind + 1] = character
    return tuple("".join(line) for line in letters[grid + 1])


class Parts(NamedTuple):
    """The sites of a grid and what hangs together, for n sites.

    Attributes
    ----------
    plane : int32 [n, 2]
        Axial coordinates q, r, row by row and upward.
    kind : int8 [n]
        As in `Tissue`.
    neighbours : int32 [n, 6]
        Sites next door, -1 where there is none; a tract and a vein side by side are none: walls part them.
    part : int32 [n]
        Number of the piece of parenchyma, the tract or the vein that a site is of, each kind counted from 0.
    walls : dict of kind to int32 [k, 2]
        Piece, and site of the vessel of that kind, wherever the two touch.
    """

    plane: Indices
    kind: NDArray[np.int8]
    neighbours: Indices
    part: Indices
    walls: dict[int, Indices]

    def count(self, kind: int) -> int:
        """Return how many pieces, tracts or veins there are."""
        return int(self.part[self.kind == kind].max(initial=-1)) + 1

    def dry(self, kind: int) -> Indices:
        """Return the pieces of parenchyma that no vessel of `kind` touches."""
        return np.setdiff1d(np.arange(self.count(PARENCHYMA)), self.walls[kind][:, 0]).astype(np.int32)

    def bare(self, kind: int) -> Indices:
        """Return the vessels of `kind` that touch no parenchyma."""
        touching = self.part[self.walls[kind][:, 1]]
        return np.setdiff1d(np.arange(self.count(kind)), touching).astype(np.int32)

    def sites(self, kind: int, number: int) -> Indices:
        """Return the sites of one piece, tract or vein."""
        return np.flatnonzero((self.kind == kind) & (self.part == number)).astype(np.int32)

    def place(self, site: int) -> str:
        """Return row and column of a site, counted from 1, in words."""
        q, r = (int(v) for v in self.plane[site])
        return f"row {1 - r}, column {q + (r >> 1) + 1}"


def parts_of(grid: Grid) -> Parts:
    """Return the sites of a grid that has some, and what hangs together."""
    row, column = np.nonzero(grid[::-1] != OUTSIDE)
    r = row - (len(grid) - 1)
    plane = np.stack([column - (r >> 1), r], axis=1).astype(np.int32)
    kind = grid[-r, column]
    beside = neighbour_table(plane, 1)[:, :6]
    other = kind[np.maximum(beside, 0)]
    walled = (beside >= 0) & (other != kind[:, None]) & (other != PARENCHYMA) & (kind != PARENCHYMA)[:, None]
    beside = np.where(walled, -1, beside).astype(np.int32)
    alike = (beside >= 0) & (other == kind[:, None])
    one, slot = np.nonzero(alike)
    n = len(plane)
    graph = coo_array((np.ones(len(one), np.int8), (one, beside[one, slot])), shape=(n, n))
    _, label = connected_components(graph, directed=False)
    part = np.empty(n, np.int32)
    for k in (PARENCHYMA, PORTAL_TRACT, CENTRAL_VEIN):
        part[kind == k] = np.unique(label[kind == k], return_inverse=True)[1]
    walls = {}
    for k in NAMES:
        cell, slot = np.nonzero((beside >= 0) & (other == k) & (kind == PARENCHYMA)[:, None])
        pairs = np.stack([part[cell], beside[cell, slot]], axis=1).astype(np.int32)
        walls[k] = np.unique(pairs, axis=0)
    return Parts(plane, kind, beside, part, walls)


def flaw(grid: Grid) -> str:
    """Return, in words, why no tissue can be made of a grid; nothing when one can."""
    counts = {kind: int(np.count_nonzero(grid == kind)) for kind in CHARACTERS.values()}
    for character, kind in CHARACTERS.items():
        if kind in NAMES and not counts[kind]:
            return f"there is no {NAMES[kind]} ({character}): blood needs a way in and a way out"
    if counts[PARENCHYMA] < FEWEST:
        return f"{counts[PARENCHYMA]} sites of parenchyma (o) are too few: at least {FEWEST}"
    parts = parts_of(grid)
    for kind, name in NAMES.items():
        for piece in parts.dry(kind):
            sites = parts.sites(PARENCHYMA, piece)
            return f"the parenchyma round {parts.place(sites[-1])} ({len(sites)} sites) touches no {name}"
        for vessel in parts.bare(kind):
            return f"the {name} at {parts.place(parts.sites(kind, vessel)[-1])} touches no parenchyma"
    _, portal_central = _landmarks(parts, cartesian(parts.plane, 1.0))
    cells = portal_central[parts.kind == PARENCHYMA]
    for zone, end in ((1, cells.min() * 3.0 >= 1.0), (3, cells.max() * 3.0 < 2.0)):
        if end:
            return f"tracts and veins are too close: no parenchyma is left in zone {zone}"
    return ""


@lru_cache(maxsize=16)
def flaw_of(rows: tuple[str, ...]) -> str:
    """Return what :func:`flaw` says of the grid of `rows`."""
    return flaw(grid_of(rows))


def tissue_of(layout: Layout, species: str, parameters: Any = None) -> Tissue:
    """Return the tissue that a case describes: regular lobules, or those of a map.

    Parameters
    ----------
    layout : lobule.sections.Tissue
        The table of the case.
    species : str
        ``"mouse"``, ``"rat"`` or ``"human"``.
    parameters : named tuple, optional
        Values of `GEOMETRY`; those of `species` if not given.
    """
    if layout.map is not None:
        return build_mapped(grid_of(layout.map.rows), layout.map.pitch_um, species, layout.layers, parameters)
    assert layout.lobules is not None
    return build_tissue(
        species, layout.lobules, radius_um=layout.radius_um, layers=layout.layers, parameters=parameters
    )


def build_mapped(
    grid: Grid, pitch: float, species: str = "mouse", layers: int = 1, parameters: Any = None
) -> Tissue:
    """Lay a grid of sites on the lattice.

    Parameters
    ----------
    grid : int8 [rows, columns]
        Kind of each site, `OUTSIDE` where there is none.
    pitch : float
        Distance between neighbouring sites (um); a layer is as thick as leaves a site the volume of one
        hepatocyte.
    species : str
        ``"mouse"``, ``"rat"`` or ``"human"``; decides the defaults of `parameters`.
    layers : int
        Layers stacked in z.
    parameters : named tuple, optional
        Values of `GEOMETRY`; those of `species` if not given.

    Raises
    ------
    ValueError
        If blood could not flow through all of it; see :func:`flaw`.
    """
    if reason := flaw(grid):
        raise ValueError(reason)
    p = GEOMETRY.values(species) if parameters is None else parameters
    parts = parts_of(grid)
    vein, centres = _from_the_middle(parts)
    nearest, portal_central = _landmarks(parts, cartesian(parts.plane, 1.0))
    shape = Shape(pitch, p.thickness * (p.pitch / pitch) ** 2, None)
    tissue = assemble(
        species, parts.plane, layers, parts.kind, vein[nearest], portal_central, centres, shape, p
    )
    walled = np.tile(parts.neighbours, (layers, 1)) < 0
    tissue.neighbours[:, :6][walled] = -1
    tissue.face_conductance[:] = face_conductance(tissue.neighbours, shape, p.extracellular_fraction)
    return tissue


def _from_the_middle(parts: Parts) -> tuple[Indices, Indices]:
    """Return the number of the vein of each site of one [n], from the middle outward, and where each is."""
    place = cartesian(parts.plane, 1.0)
    middle = 0.5 * (place.min(axis=0) + place.max(axis=0))
    groups = [parts.sites(CENTRAL_VEIN, number) for number in range(parts.count(CENTRAL_VEIN))]
    hearts = [sites[_nearest_to(place[sites], place[sites].mean(axis=0))] for sites in groups]
    order = np.argsort(np.hypot(*(place[hearts] - middle).T), kind="stable")
    vein = np.full(len(parts.plane), -1, np.int32)
    for number, group in enumerate(order):
        vein[groups[group]] = number
    return vein, parts.plane[np.array(hearts)[order]]


def _nearest_to(places: NDArray[np.float64], point: NDArray[np.float64]) -> int:
    return int(np.hypot(*(places - point).T).argmin())


def _landmarks(parts: Parts, place: NDArray[np.float64]) -> tuple[Indices, NDArray[np.float64]]:
    """Return the vein site [n] that each site is nearest to, and its portal-central coordinate [n].

    Distances are straight, to the nearest vessel site that faces the same piece of parenchyma: what lies on
    the other side of a gap does not count.
    """
    veins = np.flatnonzero(parts.kind == CENTRAL_VEIN)
    nearest = np.arange(len(place), dtype=np.int32)
    tracts = np.flatnonzero(parts.kind == PORTAL_TRACT)
    nearest[tracts] = veins[cKDTree(place[veins]).query(place[tracts])[1]]
    away = {kind: np.zeros(len(place)) for kind in NAMES}
    cells = np.flatnonzero(parts.kind == PARENCHYMA)
    pieces = np.split(
        cells[np.argsort(parts.part[cells], kind="stable")], np.cumsum(np.bincount(parts.part[cells]))[:-1]
    )
    for kind, wall in parts.walls.items():
        facing = np.split(wall[:, 1], np.searchsorted(wall[:, 0], np.arange(1, len(pieces))))
        for sites, vessel in zip(pieces, facing, strict=True):
            away[kind][sites], which = cKDTree(place[vessel]).query(place[sites])
            if kind == CENTRAL_VEIN:
                nearest[sites] = vessel[which]
    portal_central = np.where(parts.kind == CENTRAL_VEIN, 1.0, 0.0)
    portal_central[cells] = away[PORTAL_TRACT][cells] / (away[PORTAL_TRACT] + away[CENTRAL_VEIN])[cells]
    return nearest, portal_central
