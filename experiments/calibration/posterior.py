"""What the last generation says of the parameters: intervals, and which data pin which of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.experiments.calibration.problem import Calibration, Statistics

CORRELATED = 0.8
"""Absolute correlation from which on two parameters are said to be known together only."""
PINNED = 0.75
"""Deviation over that of the prior below which a parameter is said to be pinned by the data."""
MATTERS = 1.1
"""Factor by which a parameter is less well known without a part of the data that pins it."""


class Population(NamedTuple):
    """One generation."""

    epsilon: float
    """Greatest distance accepted; infinite for the sample of the prior."""
    simulated: int
    """Particles that were simulated for it."""
    inner: NDArray[np.float64]
    """Parameters on the scales on which the priors are even, shape (n, parameters)."""
    weights: NDArray[np.float64]
    distances: NDArray[np.float64]
    """In rising order."""
    statistics: list[Statistics]

    @property
    def effective_size(self) -> float:
        """Number of particles of equal weight that would say as much."""
        return float(1.0 / np.sum(self.weights**2))


def aim_of(calibration: Calibration, populations: Sequence[Population]) -> float:
    """Return the distance that the next of `populations` aims at."""
    return calibration.aim(min((float(p.distances[0]) for p in populations), default=0.0))


class Marginal(NamedTuple):
    """What is known of one parameter, in its declared unit."""

    median: float
    low: float
    high: float
    """Ends of the interval that holds 95 % of the posterior."""
    best: float
    """Its value in the particle of the least distance."""
    shrinkage: float
    """Standard deviation over that of the prior, on the scale on which the prior is even."""


class Pin(NamedTuple):
    """What a part of the data says of a parameter."""

    part: str
    """A data set; a single value where all are of one set."""
    effect: float
    """Root of the summed squares of the changes of its misfits by one standard deviation of the prior."""
    without: float
    """How many times wider the parameter would be known without it."""


class Posterior(NamedTuple):
    """What the particles say."""

    marginals: list[Marginal]
    correlations: NDArray[np.float64]
    pins: list[list[Pin]]
    """For each parameter, what matters most first; empty where there are too few particles to tell."""
    simulated: NDArray[np.float64]
    """Of each target lower end, median and upper end (95 %) of the simulated; shape (targets, 3)."""
    best: Statistics
    misfits: NDArray[np.float64]
    """Misfit of each target in the particle of the least distance."""


def weighted_quantile(
    values: NDArray[np.float64], weights: NDArray[np.float64], *shares: float
) -> NDArray[np.float64]:
    """Return the quantiles of weighted values: a value stands at the middle of its weight."""
    order = np.argsort(values, kind="stable")
    x, w = values[order], weights[order]
    return np.asarray(np.interp(shares, (np.cumsum(w) - 0.5 * w) / w.sum(), x))


def conclude(calibration: Calibration, population: Population) -> Posterior:
    """Return what a generation says."""
    inner, weights = population.inner, population.weights
    covariance = np.atleast_2d(np.cov(inner.T, aweights=weights, ddof=0))
    deviations = np.sqrt(np.diag(covariance))
    marginals = []
    for k, prior in enumerate(calibration.priors):
        quantiles = weighted_quantile(inner[:, k], weights, 0.025, 0.5, 0.975)
        low, median, high = (float(prior.outer(quantile)) for quantile in quantiles)
        shrinkage = float(deviations[k] / prior.deviation)
        marginals.append(Marginal(median, low, high, float(prior.outer(inner[0, k])), shrinkage))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations = covariance / np.outer(deviations, deviations)
    means = np.array([statistics.mean for statistics in population.statistics])
    simulated = np.array([weighted_quantile(column, weights, 0.025, 0.5, 0.975) for column in means.T])
    found = population.statistics[0]
    pins = pinned_by(calibration, population)
    return Posterior(marginals, correlations, pins, simulated, found, calibration.misfits(found))


def correlated(calibration: Calibration, posterior: Posterior) -> list[tuple[str, str, float]]:
    """Return the pairs of parameters that are known together only, with their correlations."""
    pairs = combinations(range(len(calibration.priors)), 2)
    return [
        (calibration.priors[i].key, calibration.priors[j].key, float(posterior.correlations[i, j]))
        for i, j in pairs
        if abs(posterior.correlations[i, j]) > CORRELATED
    ]


def parts(calibration: Calibration) -> list[str]:
    """Return the part of the data that each target belongs to: its set, or itself where there is one set."""
    sets = [target.data_set for target in calibration.targets]
    return sets if len(set(sets)) > 1 else [target.label for target in calibration.targets]


def pinned_by(calibration: Calibration, population: Population) -> list[list[Pin]]:
    """Return for each parameter what each part of the data says of it.

    Notes
    -----
    A weighted linear regression over the particles gives how each misfit changes with each parameter, the
    others held, in standard deviations of the prior. With B these slopes, B'B + 1 is the precision of the
    parameters after the data, in the same unit, if all is linear and normal. Leaving out the rows of a part
    gives what would be known without it.
    """
    scale = np.array([prior.deviation for prior in calibration.priors])
    n = len(scale)
    if population.effective_size < 3.0 * (n + 1):
        return [[] for _ in range(n)]
    misfits = np.array([calibration.misfits(statistics) for statistics in population.statistics])
    root = np.sqrt(population.weights)[:, None]
    design = np.hstack([np.ones((len(root), 1)), population.inner / scale])
    slopes = np.linalg.lstsq(root * design, root * misfits, rcond=None)[0][1:].T
    of = parts(calibration)
    known = _deviations(slopes)
    found: list[list[Pin]] = [[] for _ in range(n)]
    for part in dict.fromkeys(of):
        own = np.array([name == part for name in of])
        without = _deviations(slopes[~own]) / known
        effects = np.sqrt(np.sum(slopes[own] ** 2, axis=0))
        for k in range(n):
            found[k].append(Pin(part, float(effects[k]), float(without[k])))
    return [sorted(pins, key=lambda pin: -pin.without) for pins in found]


def _deviations(slopes: NDArray[np.float64]) -> NDArray[np.float64]:
    n = slopes.shape[1]
    return np.asarray(np.sqrt(np.diag(np.linalg.inv(slopes.T @ slopes + np.eye(n)))))


def main_pins(posterior: Posterior, number: int) -> Sequence[Pin]:
    """Return the parts of the data without which a parameter would be clearly less well known."""
    return [pin for pin in posterior.pins[number] if pin.without >= MATTERS]
