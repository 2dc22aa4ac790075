"""Statistics of trials on made-up numbers whose answers are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import nct, norm, t, ttest_ind

from lobule.experiments.trials.statistics import (
    RESAMPLES,
    holm,
    power_by_resampling,
    power_from_effect,
    welch,
    wilson,
)

RNG = np.random.default_rng(7)


@pytest.mark.parametrize(("n", "m", "spread"), [(12, 12, 1.0), (5, 40, 6.0), (2, 3, 0.2), (30, 4, 0.01)])
def test_welch_is_that_of_scipy(n: int, m: int, spread: float) -> None:
    arm, control = RNG.normal(1.0, spread, n), RNG.normal(0.0, 1.0, m)
    found, known = welch(arm, control), ttest_ind(arm, control, equal_var=False)
    interval = known.confidence_interval(0.95)
    assert found.p == pytest.approx(known.pvalue, rel=1e-9)
    assert (found.ci_low, found.ci_high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert found.difference == pytest.approx(arm.mean() - control.mean())


def test_welch_leaves_out_what_is_no_number_and_says_so_where_too_few_are_left() -> None:
    some = np.array([1.0, 2.0, math.nan, 4.0])
    assert welch(some, some)[:2] == (3, 3)
    single = welch(np.array([1.0]), np.array([0.0, 0.5]))
    assert single.difference == 0.75 and math.isnan(single.ci_low) and math.isnan(single.p)
    assert math.isnan(welch(np.array([]), some).difference)


def test_welch_of_groups_without_spread() -> None:
    same = welch(np.full(3, 2.0), np.full(3, 2.0))
    assert (same.difference, same.ci_low, same.ci_high, same.p) == (0.0, 0.0, 0.0, 1.0)
    assert welch(np.full(3, 3.0), np.full(3, 2.0)).p == 0.0


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [  # Newcombe 1998, Stat Med 17:857, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_published_intervals(count: int, n: int, low: float, high: float) -> None:
    found = wilson(count, n)
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high), abs=5e-5)
    mirrored = wilson(n - count, n)
    assert (1 - mirrored.ci_high, 1 - mirrored.ci_low) == pytest.approx((low, high), abs=5e-5)


def test_wilson_of_nobody_is_no_number() -> None:
    assert wilson(0, 0).n == 0 and math.isnan(wilson(0, 0).share)


def test_holm_adjusts_as_in_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, math.nan, 0.9])[0] == 1.0
    assert holm([0.02]) == [0.02]


@pytest.fixture(scope="module")
def population() -> np.ndarray:
    """Quantiles of a normal distribution: a spread of almost exactly 1."""
    return np.asarray(norm.ppf((np.arange(2000) + 0.5) / 2000))


@pytest.mark.parametrize(("shift", "size"), [(0.5, 64), (0.8, 25), (0.3, 20)])
def test_power_of_a_known_effect(population: np.ndarray, shift: float, size: int) -> None:
    order = np.random.default_rng(1).permutation(population.size)
    (found,) = power_by_resampling(population[order] + shift, population, [size], 0.05, [3])
    freedom, centre = 2 * size - 2, shift * math.sqrt(size / 2)
    edge = t.isf(0.025, freedom)
    known = float(nct.sf(edge, freedom, centre) + nct.cdf(-edge, freedom, centre))
    assert found.power == pytest.approx(known, abs=4 * found.error)
    assert found.error == pytest.approx(math.sqrt(known * (1 - known) / RESAMPLES), rel=0.1)
    (worked_out,) = power_from_effect(population + shift, population, [size], 0.05)
    assert worked_out.power == pytest.approx(known, abs=2e-3) and worked_out.error == 0.0


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_trials_of_no_effect_are_positive_as_often_as_alpha_says(
    population: np.ndarray, alpha: float
) -> None:
    for point in power_by_resampling(population, population, [8, 40], alpha, [1]):
        assert point.power == pytest.approx(alpha, abs=4 * math.sqrt(alpha * (1 - alpha) / RESAMPLES))
    assert power_from_effect(population, population, [40], alpha)[0].power == pytest.approx(alpha, abs=1e-6)


def test_patients_of_the_two_arms_are_drawn_apart(population: np.ndarray) -> None:
    shifted = population + 0.02  # every patient is better off, by a fiftieth of the spread
    (found,) = power_by_resampling(shifted, population, [20], 0.05, [1])
    assert found.power < 0.1


def test_resampling_hangs_on_its_seed_and_size_alone(population: np.ndarray) -> None:
    both = (population + 0.5, population)
    one, two = (power_by_resampling(*both, sizes, 0.05, [5]) for sizes in ([10, 20], [20]))
    assert one[1] == two[0]
    assert power_by_resampling(*both, [20], 0.05, [6]) != two


def test_power_of_too_few_patients_is_no_number() -> None:
    few = np.array([1.0])
    assert math.isnan(power_by_resampling(few, few, [10], 0.05, [1])[0].power)
    assert math.isnan(power_from_effect(few, few, [10], 0.05)[0].power)
    flat = np.zeros(3)
    assert power_from_effect(flat + 1.0, flat, [10], 0.05)[0].power == 1.0
    assert power_from_effect(flat, flat, [10], 0.05)[0].power == 0.0
