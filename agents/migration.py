"""Chemotaxis, the same for every cell that moves."""

from __future__ import annotations

import numpy as np

from lobule.agents.chance import DIRECTION, MIGRATION, uniform
from lobule.agents.jit import kernel

FLAT = 1.001  # a tenth of a percent, far below what a cell can tell
OFTEN = 0.3  # moves expected in a round: few enough that one is all there is


@kernel
def climb(dt, seed, tick, rate, bias, order, key, site, neighbours, room, signal):  # type: ignore[no-untyped-def]
    """Move the cells of `order`: a share of the moves up the signal, the others anywhere.

    A move up goes to the neighbouring site with room where `signal` is highest; where there is no gradient
    (`FLAT`) and in the other moves the direction is drawn. In a long step a cell moves several times.

    Parameters
    ----------
    rate : float
        Moves per hour.
    bias : float
        Share of moves that go up the signal.
    order : ndarray of int64
        Rows of the cells that migrate, in the order of their keys: who comes first takes the room.
    neighbours : ndarray of int32, shape (n_sites, 8)
        Neighbour sites, -1 where there is none.
    room : ndarray of int64, shape (n_sites,)
        How many more cells find room at each site; changed as they move.
    signal : ndarray, shape (n_sites,)
        What attracts.
    """
    rounds = max(1, int(np.ceil(rate * dt / OFTEN)))
    moving = rate * dt / rounds
    for again in range(rounds):
        draw = np.uint64(4 * again)
        for i in order:
            if uniform(seed, MIGRATION, tick, key[i], draw) >= moving:
                continue
            here = site[i]
            best = here
            for k in range(neighbours.shape[1]):
                j = neighbours[here, k]
                if j >= 0 and room[j] > 0 and signal[j] > signal[best]:
                    best = j
            wanders = uniform(seed, DIRECTION, tick, key[i], draw + np.uint64(3)) >= bias
            if wanders or signal[best] <= FLAT * signal[here]:
                around = neighbours[here][neighbours[here] >= 0]
                chance = uniform(seed, DIRECTION, tick, key[i], draw + np.uint64(2))
                j = around[int(chance * around.size)]
                best = j if room[j] > 0 else here
            room[here] += 1
            room[best] -= 1
            site[i] = best
