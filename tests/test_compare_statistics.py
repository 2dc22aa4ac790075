"""Statistics of paired arms, on arrays with known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_rel

from lobule.experiments.comparisons.statistics import bliss, dose_response, half_width, paired

CHANCE = np.random.default_rng(7)


def test_paired_differences_of_a_small_table() -> None:
    control, arm = np.array([1.0, 2.0, 3.0, 6.0]), np.array([2.0, 4.0, 3.0, 9.0])
    found = paired(arm, control)
    assert found.n == 4 and found.mean_control == 3.0 and found.mean_arm == 4.5 and found.difference == 1.5
    spread = math.sqrt(5.0 / 3.0)  # of 1, 2, 0, 3
    assert found.dz == pytest.approx(1.5 / spread)
    assert found.variance_paired == pytest.approx(5.0 / 3.0)
    assert found.variance_independent == pytest.approx(np.var(arm, ddof=1) + np.var(control, ddof=1))
    assert found.ratio == pytest.approx(found.variance_independent / found.variance_paired)
    interval = ttest_rel(arm, control).confidence_interval(0.95)
    assert (found.ci_low, found.ci_high) == pytest.approx((interval.low, interval.high))


def test_pairs_without_a_number_are_left_out_column_by_column() -> None:
    control = np.array([[1.0, 1.0], [2.0, math.nan], [4.0, 4.0]])
    arm = control + np.array([[1.0, 2.0], [1.0, 2.0], [math.nan, 4.0]])
    found = paired(arm, control)
    assert found.n.tolist() == [2, 2] and found.difference.tolist() == [1.0, 3.0]
    assert found.mean_control.tolist() == [1.5, 2.5]


def test_a_column_does_not_depend_on_the_others() -> None:
    arm, control = CHANCE.normal(size=(2, 13, 40))
    every, alone = paired(arm, control), paired(arm[:, 5:7], control[:, 5:7])
    for whole, part in zip(every, alone, strict=True):
        assert np.array_equal(whole[5:7], part)


def test_one_patient_has_no_interval_and_equal_arms_no_effect() -> None:
    found = paired(np.array([2.0]), np.array([1.0]))
    assert found.difference == 1.0 and math.isnan(found.ci_low) and math.isnan(found.dz)
    same = paired(np.arange(5.0), np.arange(5.0))
    assert same.difference == same.ci_low == same.ci_high == 0.0 and math.isnan(same.dz)
    assert paired(np.empty(0), np.empty(0)).n == 0
    assert math.isinf(paired(np.arange(5.0) + 1.0, np.arange(5.0)).ratio)
    assert half_width(np.array([[3.0, 4.0]])).tolist() == [0.0, 0.0]


def test_the_interval_holds_the_truth_in_95_of_100_studies() -> None:
    # the doses of a patient share their luck
    shared = CHANCE.normal(0.0, 3.0, (8, 4000))
    control = shared + CHANCE.normal(0.0, 1.0, shared.shape)
    arm = shared + 0.7 + CHANCE.normal(0.0, 1.0, shared.shape)
    found = paired(arm, control)
    held = np.mean((found.ci_low <= 0.7) & (found.ci_high >= 0.7))
    assert held == pytest.approx(0.95, abs=3.0 * math.sqrt(0.95 * 0.05 / 4000))
    # variances: 2 of a pair, 2 * (9 + 1) of two strangers
    assert found.variance_paired.mean() == pytest.approx(2.0, rel=0.05)
    assert found.variance_independent.mean() == pytest.approx(20.0, rel=0.05)


def test_bliss_of_exact_independence_is_zero() -> None:
    control = CHANCE.uniform(5.0, 10.0, 12)
    found = bliss(control, 0.7 * control, 0.5 * control, 0.35 * control)
    assert (found.effect_a, found.effect_b) == pytest.approx((0.3, 0.5))
    assert found.expected == pytest.approx(0.65) and found.excess == pytest.approx(0.0, abs=1e-12)
    noisy = control[:, None] * np.array([1.0, 0.7, 0.5, 0.35]) + CHANCE.normal(0.0, 0.2, (12, 4))
    assert bliss(*noisy.T).verdict == "not found"


@pytest.mark.parametrize(
    ("left", "verdict"),
    [(0.1, "synergy"), (0.6, "antagonism"), (1.2, "not defined"), (-0.1, "not defined")],
)
def test_bliss_finds_what_is_there(left: float, verdict: str) -> None:
    control = CHANCE.uniform(5.0, 10.0, 12)
    found = bliss(control, 0.7 * control, 0.5 * control, left * control)
    assert found.verdict == verdict
    assert found.excess == pytest.approx(1.0 - left - 0.65)
    assert found.ci_low - 1e-9 <= found.excess <= found.ci_high + 1e-9
    assert found == bliss(control, 0.7 * control, 0.5 * control, left * control)  # always the same


def test_an_excess_that_does_not_matter_is_trivial() -> None:
    control = CHANCE.uniform(5.0, 10.0, 12)
    four = (control, 0.7 * control, 0.5 * control, 0.349 * control)
    assert bliss(*four).verdict == "synergy"
    assert bliss(*four, 0.02).verdict == "trivial" and bliss(*four, 0.0005).verdict == "synergy"
    four = (control, 0.7 * control, 0.5 * control, 0.351 * control)
    assert bliss(*four, 0.02).verdict == "trivial" and bliss(*four).verdict == "antagonism"


def test_bliss_without_patients_is_not_defined_and_leaves_out_gaps() -> None:
    assert bliss(*np.empty((4, 0))).verdict == "not defined"
    four = np.array([[10.0, 10.0, math.nan], [7.0, 7.0, 7.0], [5.0, 5.0, 5.0], [1.0, 1.0, 1.0]])
    assert bliss(*four).n == 2


DOSES = np.array([1e5, 3e5, 1e6, 3e6, 1e7])


def _effects(shape: np.ndarray, noise: float, n: int = 12) -> np.ndarray:
    patients = CHANCE.normal(1.0, 0.15, (n, 1))  # some answer more than others, at all doses
    return patients * shape + CHANCE.normal(0.0, noise, (n, shape.size))


def test_a_curve_that_saturates_is_found_with_its_half_dose() -> None:
    found = dose_response(DOSES, _effects(-4.0 * DOSES / (4e5 + DOSES), 0.1))
    assert found.verdict == "saturates"
    assert found.ed50_low <= 4e5 <= found.ed50_high and found.emax == pytest.approx(-4.0, rel=0.2)


def test_an_exact_curve_is_fitted_to_the_step_of_the_search() -> None:
    found = dose_response(DOSES, np.tile(-4.0 * DOSES / (4e5 + DOSES), (3, 1)))
    assert found.ed50 == pytest.approx(4e5, rel=0.02) and found.emax == pytest.approx(-4.0, rel=0.01)


def test_a_line_is_no_saturation() -> None:
    exact = np.tile(-2e-7 * DOSES, (5, 1))
    found = dose_response(DOSES, exact)
    assert found.verdict == "line" and found.slope == pytest.approx(-2e-7)
    one = np.linspace(0.5, 1.5, 5)[:, None] * exact
    slopes = paired(one @ DOSES / (DOSES @ DOSES), np.zeros(5))
    found = dose_response(DOSES, one)
    assert (found.slope_low, found.slope_high) == pytest.approx((slopes.ci_low, slopes.ci_high))
    assert dose_response(DOSES, _effects(-2e-7 * DOSES, 0.05)).verdict == "line"


def test_no_effect_is_not_found() -> None:
    assert dose_response(DOSES, np.zeros((6, 5))).verdict == "not found"
    assert dose_response(DOSES, np.empty((0, 5))).n == 0
    # the doses of a patient share their luck
    shared = CHANCE.normal(0.0, 1.0, (80, 10, 1)) * DOSES / DOSES.max()
    found = [
        dose_response(DOSES, effects).verdict for effects in shared + CHANCE.normal(0.0, 0.1, (80, 10, 5))
    ]
    assert sum(verdict != "not found" for verdict in found) <= 10  # 5 % of 80 is expected


def test_a_single_patient_saturates_nothing() -> None:
    assert dose_response(DOSES, -4.0 * DOSES[None] / (4e5 + DOSES)).verdict != "saturates"
