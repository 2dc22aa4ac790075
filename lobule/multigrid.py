"""Kernels of the implicit solver: multigrid with one Gauss-Seidel sweep down the flow a level and cycle.

Concentrations are [unknowns, LANES], species last. With positive coefficients a Gauss-Seidel sweep keeps the
sign; the correction from the coarser level may not, and is cut at zero before the sweep that follows it.
"""

from __future__ import annotations

import math

import numpy as np

from lobule.agents.jit import kernel
from lobule.hierarchy import CHUNK, Floats, Levels
from lobule.lanes import LANES, above, add_product, at, load, prefetch, reciprocal, store, zeros

_TINY = 1e-30
_AHEAD = 8  # rows asked for before they are needed: sites do not stand in the order of the sweep


@kernel
def relax(
    levels: Levels,
    start: int,
    stop: int,
    diffusivity: Floats,
    mobile: Floats,
    b: Floats,
    inverse: Floats,
    x: Floats,
    change: Floats,
    keep: bool,
) -> None:
    """Update the unknowns `start` to `stop` from their neighbours; `change` receives by how much, if kept."""
    column, exchange, carried = levels.column, levels.exchange, levels.carried
    width, ring = column.shape[1], len(change) - 1
    d, m = load(diffusivity, 0), load(mobile, 0)
    for i in range(start, stop):
        spread, brought = zeros(), zeros()
        for k in range(width):
            there = load(x, at(column, i, k))
            spread = add_product(spread, at(exchange, i, k), there)
            brought = add_product(brought, at(carried, i, k), there)
        new = add_product(add_product(load(b, i), d, spread), m, brought) * load(inverse, i)
        if keep:
            store(change, i & ring, new - load(x, i))
        store(x, i, new)


@kernel
def sweep(
    levels: Levels, level: int, diffusivity: Floats, mobile: Floats, b: Floats, inverse: Floats, x: Floats
) -> None:
    """Update each unknown of `level` from its neighbours, upstream first."""
    relax(levels, levels.start[level], levels.start[level + 1], diffusivity, mobile, b, inverse, x, x, False)


@kernel
def restrict_residual(
    levels: Levels,
    start: int,
    stop: int,
    diffusivity: Floats,
    mobile: Floats,
    b: Floats,
    change: Floats,
    norm: Floats,
) -> None:
    """Add the residual of the unknowns `start` to `stop` to `b` of their parents, its squares to `norm`.

    A row was exact when it was swept. Its residual is what later neighbours have changed since.
    """
    column, exchange, carried = levels.column, levels.exchange, levels.carried
    width, ring = column.shape[1], len(change) - 1
    d, m, total = load(diffusivity, 0), load(mobile, 0), load(norm, 0)
    for i in range(start, stop):
        spread = zeros()
        for k in range(width):
            j = at(column, i, k)
            spread = add_product(spread, at(exchange, i, k) if j > i else 0.0, load(change, j & ring))
        r = d * spread
        if levels.against[i]:
            brought = zeros()
            for k in range(width):
                j = at(column, i, k)
                brought = add_product(brought, at(carried, i, k) if j > i else 0.0, load(change, j & ring))
            r = add_product(r, m, brought)
        total = add_product(total, r, r)
        parent = levels.parent[i]
        if parent >= 0:
            store(b, parent, load(b, parent) + r)
    store(norm, 0, total)


@kernel
def prolong(levels: Levels, level: int, start: int, stop: int, x: Floats) -> None:
    """Give the unknowns `start` to `stop` the correction of their parents; on level 0 add it, cut at zero."""
    parent = levels.parent
    if level == 0:
        for i in range(start, stop):
            store(x, i, above(load(x, i) + load(x, parent[i]), 0.0))
    else:
        for i in range(start, stop):
            store(x, i, load(x, parent[i]))


@kernel
def improve(
    levels: Levels,
    level: int,
    corrected: bool,
    diffusivity: Floats,
    mobile: Floats,
    b: Floats,
    change: Floats,
    inverse: Floats,
    x: Floats,
    norm: Floats,
) -> None:
    """Correct `level` from the level above if `corrected`, sweep it, and on level 0 restrict the residual.

    All three run chunk by chunk while it is in cache: the correction ahead, as far as the sweep will
    look; the residual behind, when the last neighbour has been swept.
    """
    start, stop, chunk = levels.start[level], levels.start[level + 1], levels.chunk[level]
    ready, behind = start, chunk
    for here in range(chunk, levels.chunk[level + 1]):
        low = start + (here - chunk) * CHUNK
        high = min(low + CHUNK, stop)
        if corrected:
            prolong(levels, level, ready, levels.reach[here], x)
            ready = levels.reach[here]
        relax(levels, low, high, diffusivity, mobile, b, inverse, x, change, level == 0)
        while level == 0 and behind <= here and levels.reach[behind] <= high:
            low = start + (behind - chunk) * CHUNK
            restrict_residual(levels, low, min(low + CHUNK, stop), diffusivity, mobile, b, change, norm)
            behind += 1


@kernel
def correct(
    levels: Levels,
    diffusivity: Floats,
    mobile: Floats,
    b: Floats,
    change: Floats,
    inverse: Floats,
    x: Floats,
    norm: Floats,
) -> None:
    """Solve the coarser levels, from the last up, for the residual that stands in `b` of level 1."""
    last = len(levels.start) - 2
    for i in range(levels.start[1], levels.start[last]):
        store(b, levels.parent[i], load(b, levels.parent[i]) + load(b, i))
    for level in range(last, 0, -1):
        improve(levels, level, level < last, diffusivity, mobile, b, change, inverse, x, norm)


@kernel
def assemble(
    levels: Levels,
    c: Floats,
    c_old: Floats,
    source: Floats,
    uptake: Floats,
    inv_dt: Floats,
    diffusivity: Floats,
    decay: Floats,
    mobile: Floats,
    b: Floats,
    inverse: Floats,
    x: Floats,
    scale: Floats,
) -> None:
    """Fill right-hand side, first guess and inverse diagonal of all levels; `scale` [LANES] is ||b||^2."""
    n, lost = levels.start[1], load(inv_dt, 0) + load(decay, 0)
    step, d, m, total = load(inv_dt, 0), load(diffusivity, 0), load(mobile, 0), zeros()
    for i in range(n, len(levels.parent)):
        store(inverse, i, zeros())
    for i in range(len(levels.parent)):
        v, g, q, parent = levels.volume[i], levels.exchange_sum[i], levels.leaving[i], levels.parent[i]
        if i < n:
            site, soon = levels.order[i], levels.order[min(i + _AHEAD, n - 1)]
            for array in (c, c_old, source, uptake):
                prefetch(array, soon)
            known = add_product(load(source, site), v, step * load(c_old, site))
            total = add_product(total, known, known)
            store(b, i, known)
            store(x, i, above(load(c, site), 0.0))
            cleared = load(uptake, site)
        else:
            cleared = load(inverse, i)
        if parent >= 0:
            store(inverse, parent, load(inverse, parent) + cleared)
        store(inverse, i, reciprocal(cleared + (v * lost + (g * d + q * m))))
    store(scale, 0, total)


@kernel
def solve(
    levels: Levels,
    c: Floats,
    c_old: Floats,
    source: Floats,
    uptake: Floats,
    inv_dt: Floats,
    diffusivity: Floats,
    decay: Floats,
    mobile: Floats,
    tolerance: float,
    max_cycles: int,
    work: tuple[Floats, Floats, Floats, Floats],
    residual: Floats,
) -> int:
    """Solve every lane to `tolerance`, in place in `c`; return the coarse corrections made.

    `work` holds b, change, inverse and x; `residual` [LANES] receives ||r|| / ||b||, that of the
    concentrations handed back.
    """
    b, change, inverse, x = work
    finest = np.int64(0)  # a literal would compile every kernel twice
    n, norm, scale = levels.start[1], np.empty(LANES), np.empty(LANES)
    assemble(levels, c, c_old, source, uptake, inv_dt, diffusivity, decay, mobile, b, inverse, x, scale)
    for s in range(LANES):
        if scale[s] == 0.0:  # where b is 0 so is the answer, and no residual is relative to it
            for i in range(n):
                x[i, s] = 0.0
    cycles = 0
    while True:
        for i in range(n, len(b)):
            store(b, i, zeros())
        store(norm, 0, zeros())
        improve(levels, finest, cycles > 0, diffusivity, mobile, b, change, inverse, x, norm)
        worst = 0.0
        for s in range(LANES):
            residual[s] = math.sqrt(norm[s] / scale[s]) if scale[s] > 0.0 else 0.0
            worst = max(worst, residual[s])
        if worst <= tolerance or cycles == max_cycles:
            break
        correct(levels, diffusivity, mobile, b, change, inverse, x, norm)
        cycles += 1
    for i in range(n):
        prefetch(c, levels.order[min(i + _AHEAD, n - 1)])
        store(c, levels.order[i], above(load(x, i), _TINY))
    return cycles
