"""Keyed, counter-based random numbers.

A draw depends on (seed, purpose, tick, key, index) alone, never on row order, thread or worker. So one more
birth in one arm of a study shifts nobody else's draws, and arms that share a seed share their luck.
The mixing function is SplitMix64 (Steele, Lea and Flood 2014, OOPSLA, doi:10.1145/2660193.2660195).
"""

from __future__ import annotations

import numpy as np

from lobule.agents.jit import kernel

# Every purpose has one number for ever; add at the end.
PLACE = np.uint64(1)
DEATH = np.uint64(2)
DIVISION = np.uint64(3)
DIRECTION = np.uint64(4)
SENESCENCE = np.uint64(5)
STAGE = np.uint64(6)
FATE = np.uint64(7)
POLARISATION = np.uint64(8)
RECRUITMENT = np.uint64(9)
ENGULFMENT = np.uint64(10)
ARRIVAL = np.uint64(11)
MIGRATION = np.uint64(12)
CONVERSION = np.uint64(13)
BIRTH = np.uint64(14)
INITIAL = np.uint64(15)
REPLICATE = np.uint64(16)
COHORT = np.uint64(17)
VIABILITY = np.uint64(20)
LOT = np.uint64(21)
DEPOT = np.uint64(22)
VISIT = np.uint64(23)
SAFETY = np.uint64(24)

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_TO_UNIT = 1.0 / 9007199254740992.0  # 2**-53


@kernel
def mix(state, value):  # type: ignore[no-untyped-def]
    """Fold `value` (uint64) into `state` (uint64); every bit of the result depends on every bit of both."""
    z = (state ^ value) + _GAMMA
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@kernel
def bits(seed, purpose, tick, key, index):  # type: ignore[no-untyped-def]
    """Return 64 random bits for (seed, purpose, tick, key, index), all uint64."""
    return mix(mix(mix(mix(mix(_GAMMA, seed), purpose), tick), key), index)


@kernel
def uniform(seed, purpose, tick, key, index):  # type: ignore[no-untyped-def]
    """Return a uniform number in [0, 1) for (seed, purpose, tick, key, index)."""
    return np.float64(bits(seed, purpose, tick, key, index) >> _S11) * _TO_UNIT


@kernel
def daughter_key(parent_key, birth):  # type: ignore[no-untyped-def]
    """Return the key of a parent's `birth`-th daughter: fixed at birth, independent of all other cells."""
    return mix(mix(BIRTH, parent_key), birth)


@kernel
def poisson(mean, seed, purpose, tick, key):  # type: ignore[no-untyped-def]
    """Return a Poisson count of the given mean by inversion of one keyed uniform number per block of 500."""
    count = 0
    block = 0
    remaining = mean
    while remaining > 0.0:
        part = min(remaining, 500.0)
        remaining -= part
        u = uniform(seed, purpose, tick, key, np.uint64(block))
        block += 1
        term = np.exp(-part)
        total = term
        k = 0
        while u > total and k < 5000:
            k += 1
            term *= part / k
            total += term
        count += k
    return count
