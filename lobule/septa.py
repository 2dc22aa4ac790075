"""Septa: bands of collagen between portal tracts and central veins, and the stage a pathologist would give.

A site of parenchyma is *septal* when its collagen reaches a declared share of its area. Septal sites that
touch form septa. Each layer is read as a section of its own.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.agents.declare import Parameter, Parameters
from lobule.geometry import PARENCHYMA, PORTAL_TRACT, Tissue
from lobule.landmarks import Landmarks, pieces

SEPTA = Parameters(
    "septa",
    "Septa and stage of fibrosis",
    collagen=Parameter(25.0, "% area", 5.0, 60.0, "collagen from which a site is part of a septum", "assumed: the densest scar has 60"),
    edge_band=Parameter(0.25, "-", 0.05, 0.5, "distance from the lobule's edge, over its radius, within which a septum joins two portal tracts", "assumed"),
    nodule=Parameter(30.0, "cells", 5.0, 500.0, "a piece of parenchyma cut off by septa is a nodule if it has more hepatocytes", "assumed: six cells across"),
    stage1_excess=Parameter(1.0, "% area", 0.1, 10.0, "collagen area above that in health from which a liver is fibrotic (stage 1)", "assumed"),
    stage2_bridges=Parameter(0.15, "1/lobule", 0.01, 1.0, "bridges per lobule from which the stage is 2", "assumed: one in seven lobules"),
    stage2_length=Parameter(0.5, "-", 0.1, 1.0, "share of the way from portal tract to central vein from which a septum alone makes stage 2", "assumed"),
    stage3_bridges=Parameter(2.0, "1/lobule", 0.5, 6.0, "bridges per lobule from which the stage is 3", "assumed"),
    stage4_edges=Parameter(0.83, "-", 0.5, 1.0, "share of the edges between lobules that septa follow or cross in cirrhosis without nodules", "assumed: five of six"),
    stage4_area=Parameter(13.0, "% area", 5.0, 40.0, "least collagen area of cirrhosis without nodules", "Ishak 6: 13-45 % (Calvaruso et al. 2009, 10.1002/hep.22745)"),
)  # fmt: skip


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
        Pieces of parenchyma that septa cut off from the rest, and lobules with septa along all six edges.
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
    beside, walls, edges = tissue.neighbours, landmarks.walls, landmarks.edge_of
    label, n = pieces(beside, septal, np.zeros_like(edges))
    inward = _bridged(label, walls, landmarks.inward)
    across = _bridged(pieces(beside, septal, edges)[0], walls, landmarks.across)
    along = _bridged(pieces(beside, septal & landmarks.near_edge, edges)[0], walls, landmarks.along)
    ringed = 0 if drawn else int(along.reshape(-1, 6).all(axis=1).sum())
    share = max((float(pairs.mean()) for pairs in (along, across) if pairs.size), default=np.nan)
    return Septa(
        portal_portal=np.nan if drawn else float(along.sum()) / landmarks.lobules,
        portal_central=float(inward.sum()) / landmarks.lobules,
        central_central=np.nan if drawn else float(across.sum()) / landmarks.lobules,
        edges=share,
        longest=_longest(label[septal], n, tissue.portal_central[septal]),
        nodules=ringed + _nodules(tissue, walls, parenchyma & ~septal, hepatocytes, p.nodule),
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


def _bridged(
    label: NDArray[np.int32], walls: NDArray[np.int32], pairs: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Return which `pairs` [k, 2] of vessels one piece, by its `label` [n], touches both of."""
    touching: dict[int, set[int]] = defaultdict(set)
    for vessel, piece in zip(walls[:, 1].tolist(), label[walls[:, 0]].tolist(), strict=True):
        if piece >= 0:
            touching[vessel].add(piece)
    return np.array([not touching[a].isdisjoint(touching[b]) for a, b in pairs.tolist()], bool)


def _longest(label: NDArray[np.int32], pieces: int, along: NDArray[np.float64]) -> float:
    """Return the largest range of the portal-central coordinate `along` of sites with one label."""
    low, high = np.ones(pieces), np.zeros(pieces)
    np.minimum.at(low, label, along)
    np.maximum.at(high, label, along)
    return float((high - low).max(initial=0.0))


def _nodules(
    tissue: Tissue,
    walls: NDArray[np.int32],
    spared: NDArray[np.bool_],
    hepatocytes: NDArray[np.int64],
    least: float,
) -> int:
    """Return how many pieces of `spared` [n] parenchyma are cut off: from all tracts, and from the rest.

    They hold more than `least` hepatocytes, and are not the largest piece of their section: collars round all
    tracts leave it without one, and cut nothing off.
    """
    label, n = pieces(tissue.neighbours, spared, np.zeros(len(spared), np.int32))
    cells = np.bincount(label[spared], hepatocytes[spared], n)
    size, section = np.bincount(label[spared], minlength=n), np.zeros(n, np.int64)
    section[label[spared]] = tissue.axial[spared, 2]
    by_size = np.lexsort((size, section))
    cells[by_size[np.diff(section[by_size], append=-1) != 0]] = 0.0
    beside = tissue.neighbours[walls[:, 0], :6]
    at_tract = np.any((beside >= 0) & (tissue.kind[beside] == PORTAL_TRACT), axis=1)
    touched = label[walls[at_tract, 0]]
    cells[touched[touched >= 0]] = 0.0
    return int(np.count_nonzero(cells > least))
