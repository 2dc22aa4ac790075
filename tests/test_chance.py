"""Keyed chance: uniform, independent along every coordinate, and the same for ever."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from lobule.agents import chance
from lobule.agents.chance import daughter_key, poisson, uniform
from lobule.agents.jit import kernel

U = np.uint64
SEED, TICK = U(11), U(3)
N = 20_000


@kernel
def draws(seed, purpose, tick, key, index, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        out[i] = uniform(seed, purpose, tick, key[i], index)


@kernel
def counts(mean, seed, purpose, tick, key, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        out[i] = poisson(mean, seed, purpose, tick, key[i])


def sample(seed: int = 11, purpose: int = 2, tick: int = 3, index: int = 0, n: int = N) -> np.ndarray:
    out = np.empty(n)
    draws(U(seed), U(purpose), U(tick), np.arange(n, dtype=U), U(index), out)
    return out


@pytest.mark.parametrize("where", [{}, {"purpose": 7}, {"tick": 10**9}, {"seed": 2**63 - 1}, {"index": 4}])
def test_draws_are_uniform(where):
    u = sample(**where)
    assert u.min() >= 0.0 and u.max() < 1.0
    assert stats.kstest(u, "uniform").pvalue > 1e-3


def test_draws_along_every_coordinate_are_uniform():
    """A cell's draws over ticks, seeds and indices, not only those of many cells in one tick."""
    for axis in range(5):
        u = np.empty(N)
        for i in range(N):
            at = [U(5)] * 5
            at[axis] = U(i)
            u[i] = uniform(*at)
        assert stats.kstest(u, "uniform").pvalue > 1e-3, axis
        assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 4.0 / np.sqrt(N), axis


@pytest.mark.parametrize("other", [{"seed": 12}, {"purpose": 3}, {"tick": 4}, {"index": 1}])
def test_draws_for_other_seeds_purposes_ticks_and_indices_are_independent(other):
    a, b = sample(), sample(**other)
    assert not np.any(a == b)
    assert abs(stats.spearmanr(a, b).statistic) < 4.0 / np.sqrt(N)
    table = np.histogram2d(a, b, bins=8, range=[[0, 1], [0, 1]])[0]
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_coordinates_are_not_interchangeable():
    values = [U(v) for v in (1, 2, 3, 4, 5)]
    for i in range(4):
        swapped = values.copy()
        swapped[i], swapped[i + 1] = swapped[i + 1], swapped[i]
        assert uniform(*values) != uniform(*swapped)


def test_draws_never_change_between_versions():
    """The numbers are part of what a seed means: a change here changes every published run."""
    assert int(chance.bits(U(1), U(2), U(3), U(4), U(5))) == EXPECTED_BITS
    assert uniform(U(1), U(2), U(3), U(4), U(5)) == (EXPECTED_BITS >> 11) * 2.0**-53


EXPECTED_BITS = 17004016471367938282


@pytest.mark.parametrize("mean", [0.01, 0.7, 5.0, 60.0, 499.0, 501.0, 2345.0])
def test_poisson_has_its_mean_and_variance(mean):
    out = np.empty(N, np.int64)
    counts(mean, SEED, U(9), TICK, np.arange(N, dtype=U), out)
    error = np.sqrt(mean / N)
    assert abs(out.mean() - mean) < 4.0 * error
    assert abs(out.var() / mean - 1.0) < 4.0 * np.sqrt((2.0 + 1.0 / mean) / N)
    assert out.min() >= 0
    if mean <= 60.0:
        values = np.arange(out.max() + 1)
        expected = stats.poisson.pmf(values, mean) * N
        many = expected > 10
        assert np.all(np.abs(np.bincount(out)[many] - expected[many]) < 5.0 * np.sqrt(expected[many]))


def test_poisson_of_nothing_is_nothing_and_more_is_never_less():
    assert poisson(0.0, SEED, U(9), TICK, U(1)) == 0
    means = np.linspace(0.0, 499.0, 60)
    for key in range(20):
        drawn = [poisson(mean, SEED, U(9), TICK, U(key)) for mean in means]
        assert drawn == sorted(drawn)


def test_daughters_have_keys_of_their_own():
    """Three generations of 40 daughters each, from neighbouring mothers."""
    found = set(range(40))
    mothers = [U(k) for k in range(40)]
    for _ in range(2):
        mothers = [U(daughter_key(key, U(birth))) for key in mothers for birth in range(40)]
        assert found.isdisjoint(map(int, mothers)) and len(set(map(int, mothers))) == len(mothers)
        found.update(map(int, mothers))
        mothers = mothers[:400]
