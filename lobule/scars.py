"""Scars that are there when a run starts: where they lie, and how wide they are for an area of collagen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from lobule.errors import InputError
from lobule.geometry import CENTRAL_VEIN, PARENCHYMA, PORTAL_TRACT, Tissue

Array = NDArray[np.float64]

JOINED = (
    1.5  # times the distance to the nearest one: in a regular tissue the next but one is 1.7 times as far
)
_ROUNDS = 100  # of bisection, more than the digits of a number


def area_percent(collagen: Any) -> Any:
    """Return the collagen proportionate area (%) of sites with `collagen` (% of area, layer on layer)."""
    return 100.0 * (1.0 - np.exp(-np.asarray(collagen) / 100.0))


def check_area(area: float, baseline: float, densest: float) -> None:
    """Refuse an area of collagen (%) that is less than in health, or more than scars everywhere hold.

    Raises
    ------
    InputError
        Naming what is possible.
    """
    least, most = (float(area_percent(baseline + scar)) for scar in (0.0, densest))
    if not least <= area <= most:
        raise InputError(
            f"start.collagen_area_percent = {area:g} -> must be from {least:.4g} (health) to {most:.4g} "
            f"(matrix.densest everywhere)"
        )


def scar(tissue: Tissue, pattern: str, area: float, baseline: float, densest: float) -> Array:
    """Return the collagen above the baseline of every site (% of its area) for a mean collagen area.

    Scars are as dense as scars get and as wide as the area asks for, with an edge of one site; only a diffuse
    one is thin, and one that is less than a row of sites.

    Parameters
    ----------
    tissue : Tissue
        Sites; only the parenchyma is scarred.
    pattern : {"septal", "portal", "pericentral", "diffuse"}
        Where the scar lies.
    area : float
        Mean collagen proportionate area of the parenchyma (%).
    baseline, densest : float
        Collagen in health, and what scar can be above it (% of a site's area).
    """
    cells = tissue.kind == PARENCHYMA
    excess = np.zeros(tissue.n_sites)
    if pattern == "diffuse":
        excess[cells] = max(0.0, -100.0 * math.log(1.0 - area / 100.0) - baseline)
        return excess
    distance = _distance(tissue, pattern)[cells] / tissue.pitch
    narrow, wide = -0.5, float(distance.max()) + 0.5
    for _ in range(_ROUNDS):
        width = 0.5 * (narrow + wide)
        dense = densest * np.clip(width - distance + 0.5, 0.0, 1.0)
        narrow, wide = (width, wide) if area_percent(baseline + dense).mean() < area else (narrow, width)
    excess[cells] = dense
    return excess


def _distance(tissue: Tissue, pattern: str) -> Array:
    """Return the distance (um) of each site from where a scar of `pattern` begins."""
    places = np.stack((tissue.x, tissue.y), axis=1)
    first = tissue.axial[:, 2] == 0
    tracts, veins = (places[first & (tissue.kind == kind)] for kind in (PORTAL_TRACT, CENTRAL_VEIN))
    if pattern == "septal":
        return np.asarray(cKDTree(_lines(tissue)).query(places)[0])
    walls = veins if pattern == "pericentral" else tracts
    return np.asarray(cKDTree(walls).query(places)[0]) - tissue.pitch


def _lines(tissue: Tissue) -> Array:
    """Return points (um), a quarter of a site apart, on the lines between tracts and from tracts to veins."""
    tracts, veins = _middles(tissue, PORTAL_TRACT), _middles(tissue, CENTRAL_VEIN)
    ends = []
    for targets, itself in ((veins, False), (tracts, True)):
        apart = cdist(tracts, targets)
        if itself:
            np.fill_diagonal(apart, np.inf)
        near = apart <= JOINED * apart.min(axis=1, keepdims=True)
        near &= np.isfinite(apart)
        ends += [(tracts[i], targets[j]) for i, j in np.argwhere(near)]
    step = 0.25 * tissue.pitch
    return np.concatenate(
        [a + np.linspace(0.0, 1.0, 2 + int(np.hypot(*(b - a)) / step))[:, None] * (b - a) for a, b in ends]
    )


def _middles(tissue: Tissue, kind: int) -> Array:
    """Return the middle (um) of each tract or vein of the first layer: of each patch of sites of `kind`."""
    sites = np.flatnonzero((tissue.kind == kind) & (tissue.axial[:, 2] == 0))
    place = np.full(tissue.n_sites, -1)
    place[sites] = np.arange(sites.size)
    beside = tissue.neighbours[sites, :6]
    other = np.where(beside >= 0, place[beside], -1)
    i, k = np.nonzero(other >= 0)
    graph = csr_array((np.ones(i.size), (i, other[i, k])), shape=(sites.size, sites.size))
    count, patch = connected_components(graph, directed=False)
    size = np.bincount(patch, minlength=count)
    return np.stack([np.bincount(patch, at[sites], count) / size for at in (tissue.x, tissue.y)], axis=1)
