"""Kernels of blood pressure: a symmetric balance over the faces between sites.

At every site inflow is outflow: ``entering (1 - p) = leaving p + sum_k face_k (p - p_k)`` for an upstream
pressure of 1. Conjugate gradients solve it, preconditioned by a modified incomplete Cholesky factorisation.
Every lobule has its inlets and its outlet, so an error reaches no further than a lobule and the number of
iterations does not grow with the tissue: no coarser grids are needed.

A face is stored once, with the site that comes first: ``face[i, k]`` leads to ``around[i, AHEAD[k]]``, which
comes later. A pass gathers from later sites and adds to them, in one written order on one thread.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lobule.agents.jit import kernel
from lobule.lattice import AHEAD, OPPOSITE

Floats = NDArray[np.float64]
Sites = NDArray[np.int32]

#: Share of the dropped fill that the diagonal makes up for; 1 would do it in theory, but is at the brink.
_MODIFIED = 0.98


@kernel
def join(around: Sites, shape: Floats, widest: float, conductance: Floats, face: Floats) -> None:
    """Fill `face` [n, 4]: shape [n, 8] over `widest`, times the harmonic mean of its two conductances."""
    for i in range(len(face)):
        for k in range(4):
            j = around[i, AHEAD[k]]
            face[i, k] = 0.0
            if j >= 0:
                a, b = conductance[i], conductance[j]
                face[i, k] = shape[i, AHEAD[k]] / widest * (2.0 * (a * b) / (a + b))


@kernel
def moved(
    before: Floats,
    after: Floats,
    plugged_before: Floats,
    plugged: Floats,
    onset: float,
    doubling: float,
    bound: float,
) -> bool:
    """Return whether any site's conductance differs by more than the share `bound` between two states.

    A state is collagen and what plugs add to the resistance, over that in health.
    """
    for i in range(len(before)):
        old = doubling + max(0.0, before[i] - onset) + doubling * plugged_before[i]
        new = doubling + max(0.0, after[i] - onset) + doubling * plugged[i]
        if abs(old - new) > bound * new:
            return True
    return False


@kernel
def spread(around: Sites, face: Floats, p: Floats, scale: float, flow: Floats) -> None:
    """Fill `flow` [n, 8]: `scale` times what runs out of each site to each neighbour, antisymmetric."""
    flow[:] = 0.0
    for i in range(len(p)):
        for k in range(4):
            j = around[i, AHEAD[k]]
            if j >= 0:
                out = scale * face[i, k] * (p[i] - p[j])
                flow[i, AHEAD[k]] = out
                flow[j, OPPOSITE[AHEAD[k]]] = -out


@kernel
def imbalance(
    around: Sites, face: Floats, entering: Floats, leaving: Floats, p: Floats, r: Floats
) -> tuple[float, float]:
    """Fill `r` [n] with what enters a site and does not leave it; return the largest of it and of inflow."""
    worst, most = 0.0, 0.0
    r[:] = 0.0
    for i in range(len(p)):
        inflow = entering[i] * (1.0 - p[i])
        r[i] += inflow - leaving[i] * p[i]
        for k in range(4):
            j = around[i, AHEAD[k]]
            if j >= 0:
                out = face[i, k] * (p[i] - p[j])
                r[i] -= out
                r[j] += out
        worst, most = max(worst, abs(r[i])), max(most, inflow)
    return worst, most


@kernel
def factorise(around: Sites, face: Floats, sink: Floats, inverse: Floats) -> None:
    """Fill `inverse` [n] with 1/D, where (D + L) D^-1 (D + U) has nearly the row sums of the matrix.

    L and U are the matrix's own. By induction D is at least the sum of the faces ahead; it is 0 only at the
    last site of a part of the tissue that has neither inlet nor outlet.
    """
    inverse[:] = sink
    for i in range(len(sink)):
        for k in range(4):
            j = around[i, AHEAD[k]]
            if j >= 0:
                inverse[i] += face[i, k]
                inverse[j] += face[i, k]
    for i in range(len(sink)):
        inverse[i] = 1.0 / inverse[i] if inverse[i] > 0.0 else 0.0
        ahead = face[i, 0] + face[i, 1] + face[i, 2] + face[i, 3]
        for k in range(4):
            j = around[i, AHEAD[k]]
            if j >= 0:
                fill = _MODIFIED * ahead + (1.0 - _MODIFIED) * face[i, k]
                inverse[j] -= face[i, k] * fill * inverse[i]


@kernel
def correct(
    around: Sites,
    face: Floats,
    sink: Floats,
    inverse: Floats,
    r: Floats,
    p: Floats,
    tolerance: float,
    limit: int,
) -> int:
    """Add to `p` the answer to the imbalance `r` until none exceeds `tolerance`; return the iterations made.

    An iteration is two passes. Forward: step along the last direction, then solve with D + L, which also
    gives r M^-1 r. Backward: solve with D + U, turn the direction, and apply the matrix to it.
    """
    n = len(p)
    z, direction, image = np.zeros(n), np.zeros(n), np.zeros(n)
    step, last = 0.0, 1.0
    for iteration in range(limit):
        worst, gain = 0.0, 0.0
        z[:] = 0.0
        for i in range(n):
            p[i] += step * direction[i]
            r[i] -= step * image[i]
            worst = max(worst, abs(r[i]))
            s = r[i] + z[i]
            z[i] = s * inverse[i]
            gain += s * z[i]
            for k in range(4):
                j = around[i, AHEAD[k]]
                if j >= 0:
                    z[j] += face[i, k] * z[i]
        if worst <= tolerance:
            return iteration
        turn = gain / last if iteration else 0.0
        last = gain
        cost = 0.0
        for i in range(n - 1, -1, -1):
            s = 0.0
            for k in range(4):
                j = around[i, AHEAD[k]]
                if j >= 0:
                    s += face[i, k] * z[j]
            z[i] += s * inverse[i]
            direction[i] = z[i] + turn * direction[i]
            image[i] = sink[i] * direction[i]
            cost += image[i] * direction[i]
            for k in range(4):
                j = around[i, AHEAD[k]]
                if j >= 0:
                    fall = direction[i] - direction[j]
                    image[i] += face[i, k] * fall
                    image[j] -= face[i, k] * fall
                    cost += face[i, k] * fall * fall
        step = last / cost
    return limit
