"""Septa: bands of collagen between portal tracts and central veins, and the stage a pathologist would give.

A site of parenchyma is *septal* when its collagen reaches a declared share of its area. Septal sites that
touch form septa. Each layer is read as a section of its own.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from lobule.agents.declare import Parameter, Parameters
from lobule.geometry import CENTRAL_VEIN, PARENCHYMA, PORTAL_TRACT, Tissue
from lobule.lattice import STEPS

SEPTA = Parameters(
    "septa",
    "Septa and stage of fibrosis",
    collagen=Parameter(25.0, "% area", 5.0, 60.0, "collagen from which a site is part of a septum", "assumed: half way to the densest scar"),
    edge_band=Parameter(0.25, "-", 0.05, 0.5, "distance from the lobule's edge, over its radius, within which a septum joins two portal tracts", "assumed"),
    nodule=Parameter(30.0, "cells", 5.0, 500.0, "a piece of parenchyma cut off by septa is a nodule if it has more hepatocytes", "assumed: six cells across"),
    stage1_excess=Parameter(1.0, "% area", 0.1, 10.0, "collagen area above that in health from which a liver is fibrotic (stage 1)", "assumed"),
    stage2_bridges=Parameter(0.15, "1/lobule", 0.01, 1.0, "bridges per lobule from which the stage is 2", "assumed: one in seven lobules"),
    stage2_length=Parameter(0.5, "-", 0.1, 1.0, "share of the way from portal tract to central vein from which a septum alone makes stage 2", "assumed"),
    stage3_bridges=Parameter(2.0, "1/lobule", 0.5, 6.0, "bridges per lobule from which the stage is 3", "assumed"),
    stage4_edges=Parameter(0.83, "-", 0.5, 1.0, "share of the edges between lobules that septa follow or cross in cirrhosis without nodules", "assumed: five of six"),
    stage4_area=Parameter(13.0, "% area", 5.0, 40.0, "least collagen area of cirrhosis without nodules", "Ishak 6: 13-45 % (Calvaruso et al. 2009, 10.1002/hep.22745)"),
)  # fmt: skip


class Landmarks(NamedTuple):
    """Where septa may run, for n sites; vessels count as another in every layer.

    Attributes
    ----------
    vessel : int32 [n]
        Number of the tract or vein that a site is of; -1 in the parenchyma.
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

    vessel: NDArray[np.int32]
    edge_of: NDArray[np.int32]
    near_edge: NDArray[np.bool_]
    along: NDArray[np.int32]
    across: NDArray[np.int32]
    inward: NDArray[np.int32]
    lobules: int


class Septa(NamedTuple):
    """Septa of a tissue.

    Attributes
    ----------
    portal_portal, portal_central, central_central : float
        Bridges per lobule, 0 to 6: along its edges, from its tracts to its vein, across its edges to the veins
        next door. NaN where the tissue has no such pairs.
    edges : float
        Share of the edges along which, or of those across which, there is a bridge: the larger. NaN likewise.
    longest : float
        Largest share of the way from portal tract to central vein that one septum spans.
    nodules : int
        Pieces of parenchyma cut off by septa, and lobules with septa along all six edges.
    any : bool
        Whether there is a septal site.
    """

    portal_portal: float
    portal_central: float
    central_central: float
    edges: float
    longest: float
    nodules: int
    any: bool

    @property
    def bridges(self) -> float:
        """All bridges per lobule; NaN in drawn tissue."""
        return self.portal_portal + self.portal_central + self.central_central


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
        vessel.astype(np.int32),
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
    label, first = _pieces(tissue.neighbours[:flat, :6], tracts)
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
    return Landmarks(every.astype(np.int32), edges, nowhere, none, none, inward, tissue.n_lobules * layers)


def _numbered(places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return numbers [lobules, 6] of whole-number `places` [lobules, 6, 2], and the different places."""
    different, number = np.unique(places.reshape(-1, 2), axis=0, return_inverse=True)
    return number.reshape(-1, 6), different


def _in_layers(pairs: NDArray[np.int64], count: int, layers: int) -> NDArray[np.int32]:
    return (pairs[None] + count * np.arange(layers)[:, None, None]).reshape(-1, 2).astype(np.int32)


def septa_of(
    tissue: Tissue,
    landmarks: Landmarks,
    collagen: NDArray[np.float64],
    hepatocytes: NDArray[np.int64],
    p: Any,
) -> Septa:
    """Return the septa of a tissue.

    Parameters
    ----------
    tissue : Tissue
        The sites, n of them.
    landmarks : Landmarks
        Those of `tissue`.
    collagen : float [n]
        Collagen of each site, % of its area.
    hepatocytes : int [n]
        Hepatocytes at each site.
    p : named tuple
        Values of `SEPTA`.
    """
    parenchyma = tissue.kind == PARENCHYMA
    septal = parenchyma & (collagen >= p.collagen)
    drawn = tissue.lobule_size is None
    if not septal.any():
        unknown = np.nan if drawn else 0.0
        return Septa(unknown, 0.0, unknown, unknown, 0.0, 0, any=False)
    beside, vessel, edges = tissue.neighbours[:, :6], landmarks.vessel, landmarks.edge_of
    label, n = _pieces(beside, septal)
    inward = _bridged(_touching(beside, label, n, vessel), landmarks.inward)
    between, followed = _pieces(beside, septal, edges), septal & landmarks.near_edge
    across = _bridged(_touching(beside, *between, vessel), landmarks.across)
    along = _bridged(_touching(beside, *_pieces(beside, followed, edges), vessel), landmarks.along)
    ringed = 0 if drawn else int(along.reshape(-1, 6).all(axis=1).sum())
    share = max((float(pairs.mean()) for pairs in (along, across) if pairs.size), default=np.nan)
    return Septa(
        portal_portal=np.nan if drawn else float(along.sum()) / landmarks.lobules,
        portal_central=float(inward.sum()) / landmarks.lobules,
        central_central=np.nan if drawn else float(across.sum()) / landmarks.lobules,
        edges=share,
        longest=_longest(label[septal], n, tissue.portal_central[septal]),
        nodules=ringed + _nodules(tissue, parenchyma & ~septal, hepatocytes, p.nodule),
        any=True,
    )


def fibrosis_stage(septa: Septa, area: float, healthy_area: float, p: Any) -> float:
    """Return the stage of fibrosis, 0 to 4 as in METAVIR; NaN in drawn tissue, whose bridges are unknown.

    Parameters
    ----------
    septa : Septa
        The septa.
    area, healthy_area : float
        Collagen area now and in health, %.
    p : named tuple
        Values of `SEPTA`.
    """
    bridges = septa.bridges
    if math.isnan(bridges):
        return np.nan
    if septa.nodules or (septa.edges >= p.stage4_edges and area >= p.stage4_area):
        return 4.0
    if bridges >= p.stage3_bridges:
        return 3.0
    if bridges >= p.stage2_bridges or septa.longest > p.stage2_length:
        return 2.0
    return 1.0 if septa.any or area - healthy_area >= p.stage1_excess else 0.0


def _pieces(
    beside: NDArray[np.int32], inside: NDArray[np.bool_], parts: NDArray[np.int32] | None = None
) -> tuple[NDArray[np.int32], int]:
    """Return the connected piece [n] of each site `inside`, -1 elsewhere, and how many pieces there are.

    Sites of different `parts` [n] are not connected.
    """
    member = np.flatnonzero(inside)
    place = np.full(len(inside), -1, np.int32)
    place[member] = np.arange(len(member))
    later = beside[member, :3]
    linked = (later >= 0) & inside[later]
    if parts is not None:
        linked &= parts[later] == parts[member][:, None]
    one, slot = np.nonzero(linked)
    graph = coo_array(
        (np.ones(len(one), np.int8), (one, place[later[one, slot]])), shape=(len(member), len(member))
    )
    count, found = connected_components(graph, directed=False) if len(member) else (0, place[:0])
    place[member] = found
    return place, int(count)


def _touching(
    beside: NDArray[np.int32], label: NDArray[np.int32], pieces: int, vessel: NDArray[np.int32]
) -> csr_array:
    """Return which piece touches which vessel: a sparse array [pieces, vessels] of counts."""
    member = np.flatnonzero(label >= 0)
    around = beside[member]
    reached = np.where(around >= 0, vessel[around], -1)
    one, slot = np.nonzero(reached >= 0)
    shape = (pieces, int(vessel.max()) + 1)
    ones = np.ones(len(one), np.int64)
    return coo_array((ones, (label[member[one]], reached[one, slot])), shape=shape).tocsr()


def _bridged(touching: csr_array, pairs: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return which `pairs` [k, 2] of vessels one piece touches both of."""
    joined = (touching.T @ touching).tocoo()
    size = touching.shape[1]
    key = joined.row.astype(np.int64) * size + joined.col
    return np.isin(pairs[:, 0].astype(np.int64) * size + pairs[:, 1], key)


def _longest(label: NDArray[np.int32], pieces: int, along: NDArray[np.float64]) -> float:
    """Return the largest range of the portal-central coordinate `along` of sites with one label."""
    low, high = np.ones(pieces), np.zeros(pieces)
    np.minimum.at(low, label, along)
    np.maximum.at(high, label, along)
    return float((high - low).max(initial=0.0))


def _nodules(tissue: Tissue, spared: NDArray[np.bool_], hepatocytes: NDArray[np.int64], least: float) -> int:
    """Return how many pieces of `spared` [n] parenchyma hold more than `least` hepatocytes and touch no tract."""
    beside = tissue.neighbours[:, :6]
    label, n = _pieces(beside, spared)
    cells = np.bincount(label[spared], hepatocytes[spared], n)
    touched = spared & np.any((beside >= 0) & (tissue.kind[beside] == PORTAL_TRACT), axis=1)
    cells[label[touched]] = 0.0
    return int(np.count_nonzero(cells > least))
