"""The order in which unknowns are swept: watershed by watershed, and down the flow inside each.

A lobule is a watershed: what enters it leaves through its own vein. Taken one after the other they keep the
sweep inside a piece that fits the cache, and the flow hardly ever runs against the order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule.agents.jit import kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]


def flow_order(neighbours: Ints, flow: Floats, outflow: Floats, pressure: Floats) -> Ints:
    """Return the sites [n], each watershed in one piece and upstream first; arrays as in `Transport`."""
    return _by_watershed(neighbours, flow, outflow, np.argsort(-pressure, kind="stable").astype(np.int32))


@kernel
def _by_watershed(neighbours: Ints, flow: Floats, outflow: Floats, descending: Ints) -> Any:
    """Sort sites of `descending` pressure by the outlet that most of their blood runs to."""
    n = len(neighbours)
    rank, outlet = np.empty(n, np.int32), np.empty(n, np.int32)
    for place in range(n):
        rank[descending[place]] = place
    for place in range(n - 1, -1, -1):
        site = descending[place]
        largest, outlet[site] = outflow[site], site
        for k in range(neighbours.shape[1]):
            other = neighbours[site, k]
            if other >= 0 and flow[site, k] > largest and rank[other] > place:
                largest, outlet[site] = flow[site, k], outlet[other]
    watershed, watersheds = _join_outlets(neighbours, outlet)
    first = np.zeros(watersheds + 1, np.int64)
    for site in range(n):
        first[watershed[outlet[site]] + 1] += 1
    first = np.cumsum(first)
    order = np.empty(n, np.int32)
    for site in descending:
        w = watershed[outlet[site]]
        order[first[w]] = site
        first[w] += 1
    return order


@kernel
def _join_outlets(neighbours: Ints, outlet: Ints) -> Any:
    """Join outlets side by side in a layer to a vein; return the number of it [n], and of them."""
    n = len(neighbours)
    number, waiting, count = np.full(n, -1, np.int32), np.empty(n, np.int32), 0
    for seed in range(n):
        if outlet[seed] != seed or number[seed] >= 0:
            continue
        number[seed], waiting[0], held = count, seed, 1
        while held > 0:
            held -= 1
            site = waiting[held]
            for k in range(6):
                other = neighbours[site, k]
                if other >= 0 and outlet[other] == other and number[other] < 0:
                    number[other], waiting[held] = count, other
                    held += 1
        count += 1
    return number, count


@kernel
def parent_order(order: Ints, parent: Ints, count: int) -> Any:
    """Return the order [count] in which the sweep of a level first meets the parents of its unknowns."""
    met, parents, at = np.zeros(count, np.bool_), np.empty(count, np.int32), 0
    for i in order:
        if not met[parent[i]]:
            met[parent[i]] = True
            parents[at] = parent[i]
            at += 1
    return parents
