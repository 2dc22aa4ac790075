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
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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

    start: Ints
    order: NDArray[np.int32]
    parent: NDArray[np.int32]
    first: Ints
    column: NDArray[np.int32]
    exchange: Floats
    carried: Floats
    volume: Floats
    exchange_sum: Floats
    leaving: Floats


class _Level(NamedTuple):
    """One level before it is ordered; a link brings `carried` from `column` to `row`."""

    row: Ints
    column: Ints
    exchange: Floats
    carried: Floats
    volume: Floats
    outflow: Floats
    pressure: Floats
    place: Ints
    parent: Ints


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
    n = len(neighbours)
    site, slot = np.nonzero(neighbours >= 0)
    other = neighbours[site, slot].astype(np.int64)
    parts, part = connected_components(coo_array((np.ones(len(site)), (site, other)), shape=(n, n)))
    place = np.column_stack([axial - axial.min(axis=0), part]).astype(np.int64)
    brought = np.maximum(-flow[site, slot], 0.0)
    level = _Level(
        site, other, conductance[site, slot], brought, volume, outflow, pressure, place, np.full(n, -1)
    )
    levels = []
    while len(level.volume) > parts:
        coarse, parent = _join(level)
        levels.append(level._replace(parent=parent))
        level = coarse
    return _flatten([*levels, level])


def _join(fine: _Level) -> tuple[_Level, Ints]:
    """Return the next level and the unknown of it [unknowns] that each of `fine` is part of."""
    place, parent = np.unique(fine.place // np.array([2, 2, 2, 1]), axis=0, return_inverse=True)
    parent = parent.reshape(-1)
    m = len(place)
    row, column = parent[fine.row], parent[fine.column]
    between = row != column
    pairs, link = np.unique(row[between] * m + column[between], return_inverse=True)
    volume = _sums(parent, fine.volume, m)
    coarse = _Level(
        row=pairs // m,
        column=pairs % m,
        # Twice the spacing: what two fine faces pass over one distance, the coarse face passes over two.
        exchange=0.5 * _sums(link, fine.exchange[between], len(pairs)),
        carried=_sums(link, fine.carried[between], len(pairs)),
        volume=volume,
        outflow=_sums(parent, fine.outflow, m),
        pressure=_sums(parent, fine.volume * fine.pressure, m) / volume,
        place=place,
        parent=np.full(m, -1),
    )
    return coarse, parent


def _sums(group: Ints, values: Floats, groups: int) -> Floats:
    return np.bincount(group, values, groups).astype(np.float64, copy=False)


def _flatten(levels: list[_Level]) -> Levels:
    """Put each level in the order of the flow, and all of them one behind the other."""
    sizes = [len(level.volume) for level in levels]
    start = np.concatenate([[0], np.cumsum(sizes)])
    orders = [np.argsort(-level.pressure, kind="stable") for level in levels]
    ranks = [np.argsort(order) + first for order, first in zip(orders, start[:-1], strict=True)]
    parents = [
        above[level.parent[order]] for level, order, above in zip(levels, orders, ranks[1:], strict=False)
    ]
    rows = np.concatenate([rank[level.row] for level, rank in zip(levels, ranks, strict=True)])
    columns = np.concatenate([rank[level.column] for level, rank in zip(levels, ranks, strict=True)])
    exchange = np.concatenate([level.exchange for level in levels])
    carried = np.concatenate([level.carried for level in levels])
    outflow = np.concatenate([level.outflow[order] for level, order in zip(levels, orders, strict=True)])
    links, n = np.lexsort((columns, rows)), start[-1]
    return Levels(
        start=start.astype(np.int64),
        order=orders[0].astype(np.int32),
        parent=np.concatenate([*parents, np.full(sizes[-1], -1)]).astype(np.int32),
        first=np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))]).astype(np.int64),
        column=columns[links].astype(np.int32),
        exchange=exchange[links],
        carried=carried[links],
        volume=np.concatenate([level.volume[order] for level, order in zip(levels, orders, strict=True)]),
        exchange_sum=_sums(rows, exchange, n),
        leaving=_sums(columns, carried, n) + outflow,
    )
