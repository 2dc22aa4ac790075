"""The grids of the multigrid solver: unknowns joined into coarser ones, again and again.

In axial coordinates the sites (2Q, 2R) .. (2Q+1, 2R+1) form a rhombus, and the rhombi form a hexagonal
lattice of twice the spacing. Where layers are coupled more strongly than neighbours within one, pairs of
layers are joined instead. Parts of the tissue that do not touch stay apart, and the last level has one
unknown for each, so that what a part holds is right even where it leaves only slowly.

Who is joined depends on the tissue alone (`build_grids`, once); coefficients and order also on flow and scar
(`build_levels`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.agents.jit import kernel
from lobule.lattice import STEPS
from lobule.ordering import flow_order, parent_order

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Indices = NDArray[np.int32]

#: Unknowns that are corrected, swept and restricted together, about as many as fit the second-level cache.
CHUNK = 256

#: Slot of the neighbour at an offset in (q, r, layer), each plus one.
_SLOT = np.full((3, 3, 3), -1)
_SLOT[tuple(STEPS.T + 1)] = np.arange(8)


class Grid(NamedTuple):
    """One level as the tissue gives it.

    Attributes
    ----------
    neighbours : int32 [m, 8]
        Unknowns next door in the slots of `lobule.lattice.STEPS`, -1 where there is none.
    parent : int32 [m]
        The unknown of the next level that an unknown is part of; -1 on the last level.
    across : float
        What a face of this level adds to one of the next: 1 over the times its distance grows.
    between : float
        The same for faces between layers.
    """

    neighbours: Indices
    parent: Indices
    across: float
    between: float


class Levels(NamedTuple):
    """All levels in one set of arrays: level l holds unknowns ``start[l]`` to ``start[l + 1]``.

    Attributes
    ----------
    start : int64 [levels + 1]
        First unknown of each level.
    chunk : int64 [levels + 1]
        First chunk of each level.
    reach : int64 [chunks]
        One past the last unknown that a chunk or any before it touches.
    order : int32 [n]
        Site of each unknown of the finest level.
    parent : int32 [unknowns]
        The unknown of the next level that an unknown is part of; -1 on the last level.
    column : int32 [unknowns, 6 or 8]
        The unknowns next to it; itself, with coefficients of zero, where there is none.
    exchange : float [unknowns, 6 or 8]
        Diffusive conductance (um), face area over distance.
    carried : float [unknowns, 6 or 8]
        Flow that comes in from there (pL/h).
    against : bool [unknowns]
        Whether any of it comes from an unknown that is swept later.
    volume, exchange_sum, leaving : float [unknowns]
        Volume (pL), sum of the conductances, and flow that leaves (pL/h), the vein's included.
    """

    start: Ints
    chunk: Ints
    reach: Ints
    order: Indices
    parent: Indices
    column: Indices
    exchange: Floats
    carried: Floats
    against: NDArray[np.bool_]
    volume: Floats
    exchange_sum: Floats
    leaving: Floats


def build_grids(neighbours: Indices, conductance: Floats, axial: Indices) -> list[Grid]:
    """Join sites into coarser and coarser grids; arrays as in `Transport`."""
    part, parts = _parts(neighbours)
    place = np.column_stack([axial - axial.min(axis=0), part]).astype(np.int64)
    lateral, vertical = conductance[:, :6].max(), conductance[:, 6:].max()
    grids = []
    while len(neighbours) > parts:
        stacked = place[:, 2].any() and (vertical > lateral or not place[:, :2].any())
        factor = np.array([1, 1, 2, 1] if stacked else [2, 2, 1, 1])
        joined, parent = _unique(place // factor)
        across, between = 1.0 / factor[0], 1.0 / factor[2]
        grids.append(Grid(neighbours, parent, across, between))
        neighbours = _join(neighbours, parent, place // factor, joined, _SLOT)
        # two unknowns of a rhombus or a pair face the next one sideways, four or one the next layer
        lateral, vertical = 2.0 * across * lateral, (1.0 if stacked else 4.0) * between * vertical
        place = joined
    grids.append(Grid(neighbours, np.full(parts, -1, np.int32), 1.0, 1.0))
    return grids


def _unique(place: Ints) -> tuple[Ints, Indices]:
    """Return the different rows of `place` and the number of its own for each row."""
    key = np.ravel_multi_index(tuple(place.T), tuple(place.max(axis=0) + 1))
    _, first, number = np.unique(key, return_index=True, return_inverse=True)
    return place[first], number.astype(np.int32)


@kernel
def _parts(neighbours: Indices) -> Any:
    """Find the connected parts; return the number [n] of each site's part and their count."""
    n, parts = len(neighbours), 0
    part, waiting = np.full(n, -1, np.int32), np.empty(n, np.int32)
    for seed in range(n):
        if part[seed] >= 0:
            continue
        part[seed], waiting[0], held = parts, seed, 1
        while held > 0:
            held -= 1
            for other in neighbours[waiting[held]]:
                if other >= 0 and part[other] < 0:
                    part[other], waiting[held] = parts, other
                    held += 1
        parts += 1
    return part, parts


@kernel
def _join(neighbours: Indices, parent: Indices, above: Ints, place: Ints, slots: Ints) -> Any:
    """Return the neighbours [m, 8] of the joined unknowns at `place`."""
    joined = np.full((len(place), 8), -1, np.int32)
    for i in range(len(neighbours)):
        for j in neighbours[i]:
            if j >= 0 and parent[i] != parent[j]:
                step = place[parent[j]] - place[parent[i]] + 1
                joined[parent[i], slots[step[0], step[1], step[2]]] = parent[j]
    return joined


class _Amounts(NamedTuple):
    """Coefficients of one grid: of its faces [m, 8] and of its unknowns [m]."""

    exchange: Floats
    carried: Floats
    volume: Floats
    outflow: Floats


def build_levels(
    grids: list[Grid],
    conductance: Floats,
    scale: Floats,
    flow: Floats,
    outflow: Floats,
    pressure: Floats,
    volume: Floats,
) -> Levels:
    """Put coefficients on the grids and their unknowns in order; arrays as in `Transport`, [n, 8] and [n]."""
    exchange, carried = _faces(grids[0].neighbours, conductance, scale, flow)
    amounts = _Amounts(exchange, carried, volume, outflow)
    order = flow_order(grids[0].neighbours, flow, outflow, pressure)
    start = np.concatenate([[0], np.cumsum([len(grid.parent) for grid in grids])])
    width = 6 if np.all(grids[0].neighbours[:, 6:] < 0) else 8
    levels = _empty_levels(start, order, width)
    rank = _ranks(order, start[0])
    for level, grid in enumerate(grids):
        _arrange(levels, start[level], grid.neighbours, amounts, order, rank)
        _set_reach(levels, level)
        if level + 1 < len(grids):
            parents = len(grids[level + 1].parent)
            above = parent_order(order, grid.parent, parents)
            above_rank = _ranks(above, start[level + 1])
            levels.parent[start[level] : start[level + 1]] = above_rank[grid.parent[order]]
            amounts = _sum_up(grid, grids[level + 1].neighbours, amounts)
            order, rank = above, above_rank
    return levels


def ring_size(levels: Levels) -> int:
    """Return the power of two of changes on the finest level that are needed at a time.

    The residual of a chunk waits until the sweep has passed the last unknown the chunk touches.
    """
    chunks = levels.chunk[1]
    waiting = levels.reach[:chunks] - CHUNK * np.arange(chunks) + CHUNK
    return 1 << int(waiting.max() - 1).bit_length()


def _empty_levels(start: Ints, order: Indices, width: int) -> Levels:
    unknowns = int(start[-1])
    chunk = np.concatenate([[0], np.cumsum(-(-np.diff(start) // CHUNK))])
    return Levels(
        start=start.astype(np.int64),
        chunk=chunk.astype(np.int64),
        reach=np.empty(chunk[-1], np.int64),
        order=order,
        parent=np.full(unknowns, -1, np.int32),
        column=np.empty((unknowns, width), np.int32),
        exchange=np.zeros((unknowns, width)),
        carried=np.zeros((unknowns, width)),
        against=np.zeros(unknowns, np.bool_),
        volume=np.empty(unknowns),
        exchange_sum=np.empty(unknowns),
        leaving=np.zeros(unknowns),
    )


def _ranks(order: Indices, first: int) -> Indices:
    """Return the unknown [m] that each of `order` becomes, counted from `first`."""
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(first, first + len(order), dtype=np.int32)
    return rank


@kernel
def _faces(neighbours: Indices, conductance: Floats, scale: Floats, flow: Floats) -> Any:
    """Return what the faces of the sites [n, 8] exchange, and what flows in through them."""
    exchange, carried = np.zeros(conductance.shape), np.zeros(conductance.shape)
    for i in range(len(neighbours)):
        for k in range(neighbours.shape[1]):
            j = neighbours[i, k]
            if j >= 0:
                product = scale[i] * scale[j]
                exchange[i, k] = conductance[i, k] * (2.0 * product / (scale[i] + scale[j]))
                carried[i, k] = max(-flow[i, k], 0.0)
    return exchange, carried


@kernel
def _sum_up(fine: Grid, neighbours: Indices, amounts: _Amounts) -> _Amounts:
    """Return the amounts of the next grid, whose `neighbours` are given."""
    m = len(neighbours)
    exchange, carried = np.zeros((m, 8)), np.zeros((m, 8))
    volume, outflow = np.zeros(m), np.zeros(m)
    for i in range(len(fine.parent)):
        p = fine.parent[i]
        volume[p] += amounts.volume[i]
        outflow[p] += amounts.outflow[i]
        for k in range(8):
            j = fine.neighbours[i, k]
            if j < 0 or fine.parent[j] == p:
                continue
            slot = 0
            while neighbours[p, slot] != fine.parent[j]:
                slot += 1
            exchange[p, slot] += (fine.across if k < 6 else fine.between) * amounts.exchange[i, k]
            carried[p, slot] += amounts.carried[i, k]
    return _Amounts(exchange, carried, volume, outflow)


@kernel
def _arrange(
    levels: Levels, start: int, neighbours: Indices, amounts: _Amounts, order: Indices, rank: Indices
) -> None:
    """Write the unknowns of one level from `start` on, in their order."""
    for place in range(len(order)):
        site, i = order[place], start + place
        total = 0.0
        for k in range(levels.column.shape[1]):
            other = neighbours[site, k]
            j = rank[other] if other >= 0 else i
            levels.column[i, k] = j
            if j != i:
                levels.exchange[i, k] = amounts.exchange[site, k]
                levels.carried[i, k] = amounts.carried[site, k]
                levels.leaving[j] += amounts.carried[site, k]
                levels.against[i] |= j > i and amounts.carried[site, k] > 0.0
                total += amounts.exchange[site, k]
        levels.volume[i], levels.exchange_sum[i] = amounts.volume[site], total
        levels.leaving[i] += amounts.outflow[site]


@kernel
def _set_reach(levels: Levels, level: int) -> None:
    """Note how far each chunk of a level looks ahead."""
    start, stop = levels.start[level], levels.start[level + 1]
    reach = start
    for c in range(levels.chunk[level], levels.chunk[level + 1]):
        low = start + (c - levels.chunk[level]) * CHUNK
        for i in range(low, min(low + CHUNK, stop)):
            for j in levels.column[i]:
                reach = max(reach, j + 1)
            reach = max(reach, i + 1)
        levels.reach[c] = reach
