"""Where septa may run: tracts, veins and edges of lobules, and which sites hang together."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from lobule.agents.jit import kernel
from lobule.geometry import CENTRAL_VEIN, PARENCHYMA, PORTAL_TRACT, Tissue
from lobule.lattice import STEPS


class Landmarks(NamedTuple):
    """Where septa may run, for n sites; vessels count as another in every layer.

    Attributes
    ----------
    walls : int32 [w, 2]
        Each site of parenchyma beside a tract or vein, and the number of that vessel.
    edge_of : int32 [n]
        Number of the edge of its lobule that a site is nearest to; -1 in drawn tissue.
    near_edge : bool [n]
        Whether the site lies within the band along that edge.
    along, across, inward : int32 [k, 2]
        Vessels that a septum may join: the tracts at both ends of each edge of each lobule, the veins on both
        sides of it, and each tract round a lobule with its vein. An edge of two lobules is there twice. Drawn
        tissue has no edges, so only the last, with each tract and the vein nearest to it.
    lobules : int
        Lobules, times layers.
    """

    walls: NDArray[np.int32]
    edge_of: NDArray[np.int32]
    near_edge: NDArray[np.bool_]
    along: NDArray[np.int32]
    across: NDArray[np.int32]
    inward: NDArray[np.int32]
    lobules: int


def landmarks_of(tissue: Tissue, edge_band: float) -> Landmarks:
    """Return where septa of `tissue` may run.

    Parameters
    ----------
    tissue : Tissue
        The sites, n of them.
    edge_band : float
        Width of the band along the edges of lobules, over their radius.
    """
    if tissue.lobule_size is None:
        return _drawn(tissue)
    m = tissue.lobule_size
    layers = int(tissue.axial[-1, 2]) + 1
    radius = m * tissue.pitch / math.sqrt(3.0)
    angles = np.deg2rad(60.0 * np.arange(6))
    own = tissue.centres[tissue.lobule]
    dx, dy = tissue.x - own[:, 0], tissue.y - own[:, 1]
    side = np.rint(np.rad2deg(np.arctan2(dy, dx)) / 60.0).astype(np.int64) % 6
    from_edge = 0.5 * m * tissue.pitch - (dx * np.cos(angles)[side] + dy * np.sin(angles)[side])

    r = np.rint(tissue.centres[:, 1] / (tissue.pitch * m * math.sqrt(0.75))).astype(np.int64)
    q = np.rint(tissue.centres[:, 0] / (tissue.pitch * m) - 0.5 * r).astype(np.int64)
    lobule = np.stack([q, r], axis=1)
    step = STEPS[:6, :2].astype(np.int64)
    # In units of a third (a half) of the distance of lobules, corners (edges) have whole numbers.
    corner, corners = _numbered(3 * lobule[:, None, :] + step + np.roll(step, -1, axis=0))
    edge, _ = _numbered(2 * lobule[:, None, :] + step)
    beside = (lobule[:, None, :] + step).reshape(-1, 2)
    where = {(int(a), int(b)): number for number, (a, b) in enumerate(lobule)}
    other = np.array([where.get((int(a), int(b)), -1) for a, b in beside])
    first = len(corners)  # veins are numbered after the tracts
    this = np.repeat(np.arange(len(lobule)), 6)
    along = np.stack([corner.ravel(), np.roll(corner, 1, axis=1).ravel()], axis=1)
    across = first + np.stack([this, other], axis=1)[other >= 0]
    inward = np.stack([corner.ravel(), first + this], axis=1)

    spot = corners @ np.array([[1.0, 0.0], [0.5, math.sqrt(0.75)]]) * (m * tissue.pitch / 3.0)
    tract = np.flatnonzero(tissue.kind == PORTAL_TRACT)
    vessel = np.where(tissue.kind == CENTRAL_VEIN, first + tissue.lobule, -1)
    vessel[tract] = cKDTree(spot).query(np.stack([tissue.x[tract], tissue.y[tract]], axis=1))[1]
    count = first + len(lobule)
    vessel = np.where(vessel >= 0, vessel + count * tissue.axial[:, 2], -1)
    return Landmarks(
        _walls(tissue, vessel),
        edge[tissue.lobule, side].astype(np.int32),
        from_edge <= edge_band * radius,
        _in_layers(along, count, layers),
        _in_layers(across, count, layers),
        _in_layers(inward, count, layers),
        len(lobule) * layers,
    )


def _drawn(tissue: Tissue) -> Landmarks:
    """Return the landmarks of drawn tissue: its tracts, and the vein that each is nearest to."""
    layers = int(tissue.axial[-1, 2]) + 1
    flat = tissue.n_sites // layers
    tracts = tissue.kind[:flat] == PORTAL_TRACT
    label, first = pieces(tissue.neighbours[:flat], tracts, np.zeros(flat, np.int32))
    vein = tissue.kind[:flat] == CENTRAL_VEIN
    vessel = np.where(vein, first + tissue.lobule[:flat], label)
    nearest = np.zeros(first, np.int64)
    nearest[label[tracts]] = first + tissue.lobule[:flat][tracts]
    count = first + tissue.n_lobules
    every = np.where(vessel >= 0, vessel + count * np.arange(layers)[:, None], -1).ravel()
    none = np.empty((0, 2), np.int32)
    inward = _in_layers(np.stack([np.arange(first), nearest], axis=1), count, layers)
    nowhere = np.zeros(tissue.n_sites, bool)
    edges = np.full(tissue.n_sites, -1, np.int32)
    return Landmarks(_walls(tissue, every), edges, nowhere, none, none, inward, tissue.n_lobules * layers)


def _numbered(places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return numbers [lobules, 6] of whole-number `places` [lobules, 6, 2], and the different places."""
    different, number = np.unique(places.reshape(-1, 2), axis=0, return_inverse=True)
    return number.reshape(-1, 6), different


def _walls(tissue: Tissue, vessel: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return `Landmarks.walls` for the vessel [n] that each site is of, -1 in the parenchyma."""
    inner = np.flatnonzero(vessel >= 0)
    beside = tissue.neighbours[inner, :6]
    one, slot = np.nonzero((beside >= 0) & (tissue.kind[beside] == PARENCHYMA))
    walls = np.stack([beside[one, slot], vessel[inner[one]]], axis=1)
    return np.unique(walls, axis=0).astype(np.int32)


def _in_layers(pairs: NDArray[np.int64], count: int, layers: int) -> NDArray[np.int32]:
    return (pairs[None] + count * np.arange(layers)[:, None, None]).reshape(-1, 2).astype(np.int32)


@kernel
def _fill(beside, inside, parts, label, stack):  # type: ignore[no-untyped-def]
    """Write the number of its piece, or -1, to the `label` of each site; return how many pieces there are."""
    n = 0
    label[:] = -1
    for i in range(inside.size):
        if inside[i] and label[i] < 0:
            label[i], stack[0], height = n, i, 1
            while height > 0:
                height -= 1
                here = stack[height]
                for k in range(6):
                    j = beside[here, k]
                    if j >= 0 and inside[j] and label[j] < 0 and parts[j] == parts[i]:
                        label[j], stack[height] = n, j
                        height += 1
            n += 1
    return n


def pieces(
    beside: NDArray[np.int32], inside: NDArray[np.bool_], parts: NDArray[np.int32]
) -> tuple[NDArray[np.int32], int]:
    """Return the connected piece [n] of each site `inside`, -1 elsewhere, and how many pieces there are.

    Sites of different `parts` [n], or of different layers, are not connected.
    """
    label, stack = np.empty(len(inside), np.int32), np.empty(len(inside), np.int32)
    return label, int(_fill(beside, inside, parts, label, stack))
