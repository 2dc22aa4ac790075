"""Statistics of trials: two groups, shares, power. Arrays in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr, stdtrit
from scipy.stats import nct

Array = NDArray[np.float64]
CONFIDENCE = 0.95
RESAMPLES = 2000
CHUNK = 2_000_000  # numbers drawn at a time


class Welch(NamedTuple):
    """Two independent groups held against each other; NaN for what too few patients cannot give."""

    n_arm: int
    n_control: int
    mean_arm: float
    mean_control: float
    difference: float
    """Mean of arm less control."""
    ci_low: float
    ci_high: float
    p: float
    """Two-sided, of no difference."""


def welch(arm: Array, control: Array) -> Welch:
    """Return the difference of two groups with Welch's 95 % interval; what is no number is left out."""
    arm, control = arm[np.isfinite(arm)], control[np.isfinite(control)]
    n, m = arm.size, control.size
    of_arm, of_control = (float(x.mean()) if x.size else math.nan for x in (arm, control))
    middle = of_arm - of_control
    if min(n, m) < 2:
        return Welch(n, m, of_arm, of_control, middle, math.nan, math.nan, math.nan)
    error, freedom = _error(arm.var(ddof=1), n, control.var(ddof=1), m)
    if error == 0.0:
        return Welch(n, m, of_arm, of_control, middle, middle, middle, 1.0 if middle == 0.0 else 0.0)
    half = float(stdtrit(freedom, 0.5 + 0.5 * CONFIDENCE) * error)
    p = float(2.0 * stdtr(freedom, -abs(middle) / error))
    return Welch(n, m, of_arm, of_control, middle, middle - half, middle + half, p)


def _error(var_arm: float, n: int, var_control: float, m: int) -> tuple[float, float]:
    """Return the standard error of a difference and its degrees of freedom after Welch and Satterthwaite."""
    one, two = var_arm / n, var_control / m
    if one + two == 0.0:
        return 0.0, math.nan
    return math.sqrt(one + two), (one + two) ** 2 / (one**2 / (n - 1) + two**2 / (m - 1))


class Share(NamedTuple):
    """A share of patients with Wilson's 95 % interval."""

    number: int
    n: int
    share: float
    ci_low: float
    ci_high: float


def wilson(count: int, n: int) -> Share:
    """Return the share `count` of `n` with the score interval of Wilson (1927)."""
    if n == 0:
        return Share(0, 0, math.nan, math.nan, math.nan)
    z, share = float(ndtri(0.5 + 0.5 * CONFIDENCE)), count / n
    scale = 1.0 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1.0 - share) / n + z * z / (4 * n * n))
    return Share(count, n, share, max(0.0, middle - half), min(1.0, middle + half))


def holm(p: Sequence[float]) -> list[float]:
    """Return p values adjusted for their number after Holm (1979); those that are no number count not."""
    known = sorted((value, i) for i, value in enumerate(p) if not math.isnan(value))
    found, largest = [math.nan] * len(p), 0.0
    for rank, (value, i) in enumerate(known):
        largest = max(largest, min(1.0, value * (len(known) - rank)))
        found[i] = largest
    return found


class Power(NamedTuple):
    """Share of trials of a size that find a difference."""

    size: int
    """Patients in each of two arms."""
    power: float
    error: float
    """Monte Carlo standard error; 0 where it is worked out."""


def power_by_resampling(
    arm: Array, control: Array, sizes: Sequence[int], alpha: float, seed: Sequence[int]
) -> list[Power]:
    """Return the power of parallel trials drawn from patients who were in both arms.

    Parameters
    ----------
    arm, control : ndarray, shape (patients,)
        What each patient would have in either arm; those without both are left out.
    sizes : sequence of int
        Patients in each arm.
    alpha : float
        Two-sided level.
    seed : sequence of int
        Of the drawing.

    Returns
    -------
    list of Power
        Share of :data:`RESAMPLES` trials with p < `alpha` after Welch. Patients are drawn with replacement,
        those of the two arms apart.
    """
    known = np.isfinite(arm) & np.isfinite(control)
    arm, control = arm[known], control[known]
    if arm.size < 2:
        return [Power(size, math.nan, math.nan) for size in sizes]
    found = []
    for size in sizes:
        rng = np.random.default_rng([*seed, size])
        hits, done = 0, 0
        while done < RESAMPLES:
            trials = min(RESAMPLES - done, max(1, CHUNK // size))
            one, two = (x[rng.integers(0, arm.size, (trials, size))] for x in (arm, control))
            hits += int((_p_values(one, two) < alpha).sum())
            done += trials
        share = hits / RESAMPLES
        found.append(Power(size, share, math.sqrt(share * (1.0 - share) / RESAMPLES)))
    return found


def _p_values(arm: Array, control: Array) -> Array:
    """Return Welch's p of trials, shape (trials, patients) each."""
    size = arm.shape[1]
    one, two = arm.var(axis=1, ddof=1) / size, control.var(axis=1, ddof=1) / size
    middle = arm.mean(axis=1) - control.mean(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = (one + two) ** 2 * (size - 1) / (one**2 + two**2)
        p = 2.0 * stdtr(freedom, -np.abs(middle) / np.sqrt(one + two))
    return np.where(one + two > 0.0, p, np.where(middle == 0.0, 1.0, 0.0))


def power_from_effect(arm: Array, control: Array, sizes: Sequence[int], alpha: float) -> list[Power]:
    """Return the power of Welch's test for the observed difference and spreads, by the noncentral t."""
    arm, control = arm[np.isfinite(arm)], control[np.isfinite(control)]
    if min(arm.size, control.size) < 2:
        return [Power(size, math.nan, math.nan) for size in sizes]
    middle = float(arm.mean() - control.mean())
    found = []
    for size in sizes:
        error, freedom = _error(arm.var(ddof=1), size, control.var(ddof=1), size)
        if error == 0.0:
            found.append(Power(size, float(middle != 0.0), 0.0))
            continue
        edge, shift = float(stdtrit(freedom, 1.0 - 0.5 * alpha)), abs(middle) / error
        found.append(Power(size, float(nct.sf(edge, freedom, shift) + nct.cdf(-edge, freedom, shift)), 0.0))
    return found
