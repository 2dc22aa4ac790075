"""The grids of the multigrid solver: sites joined into 2 x 2 rhombi, again and again.

In axial coordinates the sites (2Q, 2R) .. (2Q+1, 2R+1) form a rhombus, and the rhombi form a hexagonal
lattice of twice the spacing. Parts of the tissue that do not touch stay apart, and the last level has one
unknown for each, so that what a part holds is right even where it leaves only slowly. The unknowns of a level
stand in the order of the flow, upstream first: one forward sweep carries a signal from tract to vein.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

Floats = NDArray[np.float64]


class Levels(NamedTuple):
    """All levels in one set of arrays: level l holds unknowns ``start[l]`` to ``start[l + 1]``.

    Attributes
    ----------
    start : int64 [levels + 1]
        First unknown of each level.
    order : int32 [n]
        Site of each unknown of the finest level.
    parent : int32 [unknowns]
        The unknown of the next level that an unknown is part of; -1 on the last level.
    first : int64 [unknowns + 1]
        First entry of each unknown.
    column : int32 [entries]
        The unknown next to it.
    exchange : float [entries]
        Diffusive conductance (um), face area over distance.
    carried : float [entries]
        Flow that comes in from there (pL/h).
    volume, exchange_sum, leaving : float [unknowns]
        Volume (pL), sum of the conductances, and flow that leaves (pL/h), the vein's included.
    """

    start: NDArray[np.int64]
    order: NDArray[np.int32]
    parent: NDArray[np.int32]
    first: NDArray[np.int64]
    column: NDArray[np.int32]
    exchange: Floats
    carried: Floats
    volume: Floats
    exchange_sum: Floats
    leaving: Floats


class _Level(NamedTuple):
    """One level before it is ordered; the rows of its matrices are the receiving side."""

    exchange: csr_array
    carried: csr_array
    volume: Floats
    outflow: Floats
    pressure: Floats
    place: NDArray[np.int32]
    parent: NDArray[np.int64]


def build_levels(
    neighbours: NDArray[np.int32],
    conductance: Floats,
    flow: Floats,
    outflow: Floats,
    pressure: Floats,
    volume: Floats,
    axial: NDArray[np.int32],
) -> Levels:
    """Join sites into coarser and coarser levels; arrays as in `Transport`, [n, 8] and [n]."""
    site, slot = np.nonzero(neighbours >= 0)
    other = neighbours[site, slot]
    carried = np.maximum(-flow[site, slot], 0.0)
    n = len(neighbours)
    touching = csr_array((np.ones(len(site)), (site, other)), shape=(n, n))
    parts, part = connected_components(touching, directed=False)
    level = _Level(
        csr_array((conductance[site, slot], (site, other)), shape=(n, n)),
        csr_array((carried, (site, other)), shape=(n, n)),
        volume,
        outflow,
        pressure,
        np.column_stack([axial - axial.min(axis=0), part]),
        np.full(n, -1),
    )
    levels = []
    while len(level.volume) > parts:
        coarse, parent = _join(level)
        levels.append(level._replace(parent=parent))
        level = coarse
    return _flatten([*levels, level])


def _join(fine: _Level) -> tuple[_Level, NDArray[np.int64]]:
    place, parent = np.unique(fine.place // [2, 2, 2, 1], axis=0, return_inverse=True)
    parent = parent.reshape(-1)
    n, m = len(parent), len(place)
    joint = csr_array((np.ones(n), parent, np.arange(n + 1)), shape=(n, m))
    # Twice the spacing: what two fine faces pass over one distance, the coarse face passes over two.
    exchange = _between(0.5 * (joint.T @ fine.exchange @ joint))
    volume = joint.T @ fine.volume
    coarse = _Level(
        exchange,
        _between(joint.T @ fine.carried @ joint),
        volume,
        joint.T @ fine.outflow,
        (joint.T @ (fine.volume * fine.pressure)) / volume,
        place,
        np.full(m, -1),
    )
    return coarse, parent


def _between(matrix: csr_array) -> csr_array:
    """Drop what passes within an aggregate."""
    entries = matrix.tocoo()
    kept = entries.row != entries.col
    return csr_array((entries.data[kept], (entries.row[kept], entries.col[kept])), shape=matrix.shape)


def _flatten(levels: list[_Level]) -> Levels:
    sizes = [len(level.volume) for level in levels]
    start = np.concatenate([[0], np.cumsum(sizes)])
    orders = [np.argsort(-level.pressure, kind="stable") for level in levels]
    ranks = [np.argsort(order) + first for order, first in zip(orders, start, strict=False)]
    parent, counts, column, exchange, carried = [], [], [], [], []
    volume, exchange_sum, leaving = [], [], []
    for i, (level, order) in enumerate(zip(levels, orders, strict=True)):
        last = i + 1 == len(levels)
        parent.append(np.full(sizes[i], -1) if last else ranks[i + 1][level.parent[order]])
        pattern = (abs(level.exchange) + abs(level.carried))[order]
        row = np.repeat(np.arange(sizes[i]), np.diff(pattern.indptr))
        counts.append(np.diff(pattern.indptr))
        column.append(ranks[i][pattern.indices])
        exchange.append(level.exchange[order][row, pattern.indices])
        carried.append(level.carried[order][row, pattern.indices])
        volume.append(level.volume[order])
        exchange_sum.append(level.exchange.sum(axis=1)[order])
        leaving.append((level.carried.sum(axis=0) + level.outflow)[order])
    return Levels(
        start.astype(np.int64),
        orders[0].astype(np.int32),
        np.concatenate(parent).astype(np.int32),
        np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64),
        np.concatenate(column).astype(np.int32),
        np.concatenate(exchange),
        np.concatenate(carried),
        np.concatenate(volume),
        np.concatenate(exchange_sum),
        np.concatenate(leaving),
    )
