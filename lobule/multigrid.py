"""Kernels of the implicit solver: V(1,1) multigrid with Gauss-Seidel sweeps down the flow.

Concentrations are [unknowns, LANES], species last. With positive coefficients a Gauss-Seidel sweep keeps the
sign; the correction from the coarser level may not, and is cut at zero before the sweep that follows it.
"""

from __future__ import annotations

import math

import numpy as np

from lobule.agents.jit import kernel
from lobule.hierarchy import Floats, Levels
from lobule.lanes import LANES, defect, relax

_TINY = 1e-30


@kernel
def clear(x: Floats, start: int, stop: int) -> None:
    """Set the rows `start` to `stop` of `x` to zero."""
    for i in range(start, stop):
        for s in range(x.shape[1]):
            x[i, s] = 0.0


@kernel
def sweep(
    levels: Levels, level: int, diffusivity: Floats, mobile: Floats, b: Floats, inverse: Floats, x: Floats
) -> None:
    """Update each unknown of `level` from its neighbours, upstream first."""
    first, column, exchange, carried = levels.first, levels.column, levels.exchange, levels.carried
    for i in range(levels.start[level], levels.start[level + 1]):
        relax(x, i, inverse, b, first, column, exchange, carried, diffusivity, mobile)


@kernel
def restrict_residual(
    levels: Levels,
    level: int,
    diffusivity: Floats,
    mobile: Floats,
    b: Floats,
    diagonal: Floats,
    x: Floats,
    norm: Floats,
) -> None:
    """Add up the residual of `level` for the level above, and its squares in `norm` [LANES]."""
    first, column, exchange, carried = levels.first, levels.column, levels.exchange, levels.carried
    r = np.empty(LANES)
    for s in range(len(r)):
        norm[s] = 0.0
    if level + 2 < len(levels.start):
        clear(b, levels.start[level + 1], levels.start[level + 2])
    for i in range(levels.start[level], levels.start[level + 1]):
        defect(r, x, i, diagonal, b, first, column, exchange, carried, diffusivity, mobile)
        parent = levels.parent[i]
        if parent >= 0:
            for s in range(len(r)):
                b[parent, s] += r[s]
        for s in range(len(r)):
            norm[s] += r[s] * r[s]


@kernel
def prolong(levels: Levels, level: int, x: Floats, floor: float) -> None:
    """Add to each unknown of `level` the correction of the unknown it is part of; keep it above `floor`."""
    for i in range(levels.start[level], levels.start[level + 1]):
        parent = levels.parent[i]
        for s in range(x.shape[1]):
            x[i, s] = max(x[i, s] + x[parent, s], floor)


@kernel
def assemble(
    levels: Levels,
    uptake: Floats,
    inv_dt: Floats,
    diffusivity: Floats,
    decay: Floats,
    mobile: Floats,
    diagonal: Floats,
    inverse: Floats,
) -> None:
    """Fill the diagonal [unknowns, LANES] of every level and its inverse, 0 where an unknown has no sink."""
    n, lanes = levels.start[1], diagonal.shape[1]
    for i in range(len(levels.parent)):
        for s in range(lanes):
            diagonal[i, s] = uptake[levels.order[i], s] if i < n else 0.0
    for i in range(len(levels.parent)):
        parent = levels.parent[i]
        if parent >= 0:
            for s in range(lanes):
                diagonal[parent, s] += diagonal[i, s]
        v, g, q = levels.volume[i], levels.exchange_sum[i], levels.leaving[i]
        for s in range(lanes):
            d = diagonal[i, s] + v * (inv_dt[s] + decay[s]) + g * diffusivity[s] + q * mobile[s]
            diagonal[i, s] = d
            inverse[i, s] = 1.0 / d if d > 0.0 else 0.0


@kernel
def correct(
    levels: Levels,
    diffusivity: Floats,
    mobile: Floats,
    b: Floats,
    diagonal: Floats,
    inverse: Floats,
    x: Floats,
    norm: Floats,
) -> None:
    """Correct level 0, whose residual stands in b of level 1, from the coarser levels, and smooth it."""
    last = len(levels.start) - 2
    clear(x, levels.start[1], len(x))
    for level in range(1, last):
        sweep(levels, level, diffusivity, mobile, b, inverse, x)
        restrict_residual(levels, level, diffusivity, mobile, b, diagonal, x, norm)
    sweep(levels, last, diffusivity, mobile, b, inverse, x)  # exact: nothing there touches anything
    for level in range(last - 1, -1, -1):
        prolong(levels, level, x, -math.inf if level > 0 else 0.0)
        sweep(levels, level, diffusivity, mobile, b, inverse, x)


@kernel
def load(
    levels: Levels,
    c: Floats,
    c_old: Floats,
    source: Floats,
    inv_dt: Floats,
    b: Floats,
    x: Floats,
    scale: Floats,
) -> None:
    """Put first guess and right-hand side in the order of the flow; `scale` [LANES] is ||b||^2.

    Where b is 0 so is the answer, and no residual is relative to it.
    """
    for s in range(LANES):
        scale[s] = 0.0
    for i in range(levels.start[1]):
        site, v = levels.order[i], levels.volume[i]
        for s in range(c.shape[1]):
            b[i, s] = source[site, s] + v * inv_dt[s] * c_old[site, s]
            scale[s] += b[i, s] * b[i, s]
            x[i, s] = max(c[site, s], 0.0)
    for s in range(LANES):
        if scale[s] == 0.0:
            for i in range(levels.start[1]):
                x[i, s] = 0.0


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

    `work` holds b, diagonal, inverse and x, each [unknowns, LANES]; `residual` [LANES] receives
    ||r|| / ||b||, that of the concentrations handed back.
    """
    b, diagonal, inverse, x = work
    finest = np.int64(0)  # a literal would compile every kernel twice
    norm, unused, scale = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    assemble(levels, uptake, inv_dt, diffusivity, decay, mobile, diagonal, inverse)
    load(levels, c, c_old, source, inv_dt, b, x, scale)
    cycles = 0
    while True:
        sweep(levels, finest, diffusivity, mobile, b, inverse, x)
        restrict_residual(levels, finest, diffusivity, mobile, b, diagonal, x, norm)
        worst = 0.0
        for s in range(LANES):
            residual[s] = math.sqrt(norm[s] / scale[s]) if scale[s] > 0.0 else 0.0
            worst = max(worst, residual[s])
        if worst <= tolerance or cycles == max_cycles:
            break
        correct(levels, diffusivity, mobile, b, diagonal, inverse, x, unused)
        cycles += 1
    for i in range(levels.start[1]):
        for s in range(LANES):
            c[levels.order[i], s] = x[i, s] if x[i, s] >= _TINY else 0.0
    return cycles
