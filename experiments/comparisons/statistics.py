"""Statistics of paired arms: differences, dose responses, synergy. Arrays in, numbers out."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Array = NDArray[np.float64]
CONFIDENCE = 0.95
RESAMPLES = 2000
RESAMPLING_SEED = 1
CLEAR = 2.0  # AICc by which the richer curve must be better: the usual rule of thumb
ED50_SPAN, ED50_STEPS = 100.0, 1201  # tried beyond the doses given on either side; steps of 1 % or so


class Paired(NamedTuple):
    """An arm held against its control, patient by patient; NaN for what too few patients cannot give."""

    n: NDArray[np.int64]
    """Patients with a number in both arms."""
    mean_control: Array
    mean_arm: Array
    difference: Array
    """Mean of arm less control."""
    ci_low: Array
    ci_high: Array
    dz: Array
    """Difference over the standard deviation of the differences."""
    variance_paired: Array
    """Variance of the difference of one patient treated both ways."""
    variance_independent: Array
    """Variance of the difference of two patients, one in each arm."""
    ratio: Array
    """Independent over paired: how many times more patients independent groups would need."""


def paired(arm: Array, control: Array) -> Paired:
    """Return the paired differences of an arm against its control.

    Parameters
    ----------
    arm, control : ndarray, shape (patients, ...)
        The same patients in the same order; pairs without a number are left out.

    Returns
    -------
    Paired
        Each of shape (...). The interval is Student's, 95 %.
    """
    known = np.isfinite(arm) & np.isfinite(control)
    n = known.sum(axis=0)

    def mean(values: Array) -> Array:
        return np.where(known, values, 0.0).sum(axis=0) / n

    def variance(values: Array, middle: Array) -> Array:
        off = np.where(known, values - middle, 0.0)
        return np.square(off).sum(axis=0) / np.where(n > 1, n - 1, np.nan)

    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.where(known, arm, 0.0) - np.where(known, control, 0.0)
        of_control, of_arm, middle = mean(control), mean(arm), mean(difference)
        together = variance(difference, middle)
        apart = variance(control, of_control) + variance(arm, of_arm)
        half = stdtrit(n - 1.0, 0.5 + 0.5 * CONFIDENCE) * np.sqrt(together / n)
        dz = np.where(together > 0.0, middle / np.sqrt(together), np.nan)
        ratio = np.where((together > 0.0) | (apart > 0.0), apart / together, np.nan)
    return Paired(n, of_control, of_arm, middle, middle - half, middle + half, dz, together, apart, ratio)


def half_width(values: Array) -> Array:
    """Return half the width of Student's 95 % interval of a mean over patients, 0 for a single one.

    Parameters
    ----------
    values : ndarray, shape (patients, ...)
    """
    found = paired(values, np.zeros_like(values))
    return np.nan_to_num(found.ci_high - found.difference)


BlissVerdict = Literal["synergy", "antagonism", "trivial", "not found", "not defined"]


class Bliss(NamedTuple):
    """Whether two treatments together do more than each for itself."""

    n: int
    verdict: BlissVerdict
    effect_a: float
    """Fractional effect: what the arm takes off the control's mean, 1 for all of it."""
    effect_b: float
    effect_both: float
    expected: float
    """Of both, where each acts on what the other has left."""
    excess: float
    """Effect of both less the expected one."""
    ci_low: float
    ci_high: float


def bliss(control: Array, a: Array, b: Array, both: Array, least: float = 0.0) -> Bliss:
    """Return the excess over Bliss independence of two treatments given together.

    Parameters
    ----------
    control, a, b, both : ndarray, shape (patients,)
        An endpoint of the same patients in four arms; patients without all four are left out.
    least : float
        Excess, as a share of the control's mean, below which one that chance does not explain is trivial.

    Returns
    -------
    Bliss
        With fractional effects f = 1 - mean / mean of the control, expected f_a + f_b - f_a f_b. The 95 %
        interval comes from resampling patients, each with all four arms. Where an effect lies outside 0 to 1
        Bliss independence is not defined.
    """
    four = np.stack([control, a, b, both])
    four = four[:, np.isfinite(four).all(axis=0)]
    n = four.shape[1]
    if n == 0:
        return Bliss(0, "not defined", *[float("nan")] * 7)
    picked = np.random.default_rng(RESAMPLING_SEED).integers(0, n, (RESAMPLES, n))
    f_a, f_b, f_both, expected = _effects(four.mean(axis=1))
    excess = f_both - expected
    found = _effects(four[:, picked].mean(axis=2))
    low, high = _interval(found[2] - found[3]) if n > 1 else (np.nan, np.nan)
    verdict: BlissVerdict = "not found"
    if not all(0.0 <= f <= 1.0 for f in (f_a, f_b, f_both)):
        verdict = "not defined"
    elif low > 0.0 or high < 0.0:
        verdict = "trivial" if abs(excess) < least else "synergy" if low > 0.0 else "antagonism"
    return Bliss(n, verdict, *(float(x) for x in (f_a, f_b, f_both, expected, excess, low, high)))


def _effects(means: Array) -> tuple[Array, Array, Array, Array]:
    """Return the fractional effects of a, b, both, and the one expected, from means of the four arms."""
    control, *others = means
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b, both = (1.0 - other / control for other in others)
    return a, b, both, a + b - a * b


def _interval(values: Array) -> tuple[float, float]:
    """Return the middle 95 % of resampled values."""
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.nanpercentile(values, (tail, 100.0 - tail)) if np.isfinite(values).any() else (np.nan,) * 2
    return float(low), float(high)


class DoseResponse(NamedTuple):
    """How an effect grows with the dose."""

    n: int
    verdict: Literal["saturates", "line", "not found"]
    slope: float
    """Of the line through zero, per unit of dose: the mean of the patients' own slopes."""
    slope_low: float
    slope_high: float
    emax: float
    """Effect that the curve E = emax * dose / (ed50 + dose) tends to."""
    ed50: float
    """Dose of half of it."""
    ed50_low: float
    ed50_high: float
    aicc_line: float
    aicc_emax: float


def dose_response(doses: Array, effects: Array) -> DoseResponse:
    """Return whether an effect saturates with the dose.

    Parameters
    ----------
    doses : ndarray, shape (doses,)
        All above 0, three different ones at least.
    effects : ndarray, shape (patients, doses)
        Differences to the control, so that dose 0 is 0; patients without all of them are left out.

    Returns
    -------
    DoseResponse
        An effect is found where Student's 95 % interval of the patients' slopes does not hold 0. A line
        through zero and an Emax curve are fitted by least squares and compared by AICc. The effect
        "saturates" where the curve is better by 2 and the 95 % interval of its ED50, from resampling
        patients, ends within the doses given.
    """
    effects = effects[np.isfinite(effects).all(axis=1)]
    n, k = effects.shape
    squares = float(np.square(effects).sum())
    if squares == 0.0:
        return DoseResponse(n, "not found", *[float("nan")] * 9)
    trial = np.geomspace(doses.min() / ED50_SPAN, doses.max() * ED50_SPAN, ED50_STEPS)
    curves = doses / (trial[:, None] + doses)
    totals = effects.sum(axis=0)
    slopes = effects @ doses / float(doses @ doses)
    slope = paired(slopes, np.zeros(n))
    heights, rests = _fits(totals[None], squares, curves, n)
    best = int(np.argmin(rests[0]))
    rest_line = max(squares - float(totals @ doses) ** 2 / (n * float(doses @ doses)), 0.0)
    line, emax = _aicc(rest_line, n * k, 1), _aicc(float(rests[0, best]), n * k, 2)
    low, high = np.nan, np.nan
    if n > 1:
        picked = np.random.default_rng(RESAMPLING_SEED).integers(0, n, (RESAMPLES, n))
        drawn = effects[picked].sum(axis=1)
        low, high = _interval(trial[np.argmin(_fits(drawn, 0.0, curves, n)[1], axis=1)])
    verdict: Literal["saturates", "line", "not found"] = "not found"
    if slope.ci_low > 0.0 or slope.ci_high < 0.0:
        saturates = emax < line - CLEAR and high <= float(doses.max())
        verdict = "saturates" if saturates else "line"
    return DoseResponse(
        n,
        verdict,
        slope=float(slope.difference),
        slope_low=float(slope.ci_low),
        slope_high=float(slope.ci_high),
        emax=float(heights[0, best]),
        ed50=float(trial[best]),
        ed50_low=low,
        ed50_high=high,
        aicc_line=line,
        aicc_emax=emax,
    )


def _fits(totals: Array, squares: float, curves: Array, n: int) -> tuple[Array, Array]:
    """Return height and sum of squares left of each curve, for each row of totals over patients."""
    overlap, norm = totals @ curves.T, n * np.square(curves).sum(axis=1)
    return overlap / norm, squares - np.square(overlap) / norm


def _aicc(rest: float, observations: int, parameters: int) -> float:
    """Return the AIC, corrected for few observations, of a fit by least squares; the variance is one more."""
    p = parameters + 1
    if observations - p - 1 <= 0:
        return float("inf")
    least = np.finfo(float).tiny
    return float(
        observations * np.log(max(rest, least) / observations)
        + 2 * p
        + 2 * p * (p + 1) / (observations - p - 1)
    )
