"""Where the vessels of a tissue are, and the borders of its lobules, as polygons to draw."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from lobule.geometry import CENTRAL_VEIN, PORTAL_TRACT, Tissue, cartesian
from lobule.lattice import STEPS

Ring = NDArray[np.float64]

_CORNERS = np.deg2rad(30.0 + 60.0 * np.arange(6))
HEXAGON = np.stack([np.cos(_CORNERS), np.sin(_CORNERS)], axis=1)  # of radius 1, with a corner on top
_AROUND = np.linspace(0.0, 2.0 * math.pi, 60, endpoint=False)
_CIRCLE = np.stack([np.cos(_AROUND), np.sin(_AROUND)], axis=1)
#: Corner c of site (q, r) lies at (3 (q, r) + _CORNER[c]) / 3: in the middle of three sites.
_CORNER = STEPS[:6, :2] + np.roll(STEPS[:6, :2], -1, axis=0)


class Vessel(NamedTuple):
    """A central vein or a portal tract.

    Attributes
    ----------
    kind : int
        `lobule.geometry.CENTRAL_VEIN` or `PORTAL_TRACT`.
    centre : (float, float)
        The place (um) deepest inside.
    radius : float
        Radius (um) of the largest disc round it that is inside.
    rings : tuple of ndarray, each shape (k, 2)
        Corners (um) of its border, counter-clockwise; then of the holes in it, clockwise.
    """

    kind: int
    centre: tuple[float, float]
    radius: float
    rings: tuple[Ring, ...]


def vessels(tissue: Tissue) -> list[Vessel]:
    """Return the vessels of a tissue: central veins in the order of the lobules, then portal tracts.

    Those of regular lobules are whole discs of seven sites' area, also where the border of the tissue cuts
    them; those of a map are the sites that they have.
    """
    if tissue.lobule_size is not None:
        radius = math.sqrt(7.0 * math.sqrt(3.0) / (2.0 * math.pi)) * tissue.pitch
        places = [(CENTRAL_VEIN, tissue.centres), (PORTAL_TRACT, _corners(tissue))]
        return [
            Vessel(kind, (float(x), float(y)), radius, (radius * _CIRCLE + (x, y),))
            for kind, at in places
            for x, y in at
        ]
    layer = tissue.axial[:, 2] == 0
    veins = np.flatnonzero(layer & (tissue.kind == CENTRAL_VEIN))
    groups = [(CENTRAL_VEIN, veins[tissue.lobule[veins] == k]) for k in range(tissue.n_lobules)]
    tracts = np.flatnonzero(layer & (tissue.kind == PORTAL_TRACT))
    groups += [(PORTAL_TRACT, sites) for sites in _connected(tissue, tracts)]
    return [_drawn(tissue, kind, sites) for kind, sites in groups]


def territory(tissue: Tissue, lobule: int) -> list[Ring]:
    """Return the border of one lobule: its hexagon, or what is nearest to its vein; rings as in `Vessel`."""
    if tissue.lobule_size is not None:
        return [tissue.centres[lobule] + tissue.lobule_size * tissue.pitch / math.sqrt(3.0) * HEXAGON]
    return outline(tissue, np.flatnonzero((tissue.axial[:, 2] == 0) & (tissue.lobule == lobule)))


def outline(tissue: Tissue, sites: NDArray[np.int64]) -> list[Ring]:
    """Return the rings that surround the hexagons of `sites` of one layer, the longest first."""
    plane = tissue.axial[sites, :2].astype(np.int64)
    low, wide = plane.min(axis=0) - 1, int(np.ptp(plane[:, 0])) + 3
    key = (plane - low) @ (1, wide)
    start, end = [], []
    for k in range(6):
        edge = plane[~np.isin(key + STEPS[k, :2] @ np.array([1, wide]), key)]
        start.append(3 * edge + _CORNER[k - 1])
        end.append(3 * edge + _CORNER[k])
    # three sites meet at a corner, so a border that comes to one leaves it by one edge alone
    following = dict(
        zip(map(tuple, np.concatenate(start).tolist()), map(tuple, np.concatenate(end).tolist()), strict=True)
    )
    rings = []
    while following:
        first, at = following.popitem()
        ring = [first]
        while at != first:
            ring.append(at)
            at = following.pop(at)
        rings.append(cartesian(np.array(ring) / 3.0, tissue.pitch))
    return sorted(rings, key=len, reverse=True)


def _corners(tissue: Tissue) -> NDArray[np.float64]:
    """Return the places [n, 2] of the portal tracts: the corners of all lobules, each once."""
    corners = np.concatenate([ring for k in range(tissue.n_lobules) for ring in territory(tissue, k)])
    _, first = np.unique(np.round(corners / tissue.pitch, 2), axis=0, return_index=True)
    return np.asarray(corners[np.sort(first)])


def _connected(tissue: Tissue, sites: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the groups of `sites` that hang together."""
    number = np.full(tissue.n_sites, -1)
    number[sites] = np.arange(len(sites))
    beside = tissue.neighbours[sites, :6]
    one, slot = np.nonzero((beside >= 0) & (number[beside] >= 0))
    links = (np.ones(len(one), np.int8), (one, number[beside[one, slot]]))
    count, group = connected_components(coo_array(links, shape=(len(sites), len(sites))), directed=False)
    return [sites[group == k] for k in range(count)]


def _drawn(tissue: Tissue, kind: int, sites: NDArray[np.int64]) -> Vessel:
    rings = outline(tissue, sites)
    wall = np.concatenate([0.5 * (ring + np.roll(ring, -1, axis=0)) for ring in rings])
    place = np.stack([tissue.x[sites], tissue.y[sites]], axis=1)
    depth = cKDTree(wall).query(place)[0]
    deepest = int(depth.argmax())
    return Vessel(
        kind, (float(place[deepest, 0]), float(place[deepest, 1])), float(depth[deepest]), tuple(rings)
    )
