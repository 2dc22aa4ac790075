"""Whether a simulated number agrees with the published one."""

from __future__ import annotations

import math
from typing import NamedTuple

from lobule.experiments.evidence import Value
from lobule.experiments.validation.measures import Simulated

AGREES = 2.0
"""Absolute z-score below which two numbers agree."""


class Score(NamedTuple):
    """How a simulated number stands to the published one."""

    z: float | None
    """Their difference over the standard error of it; None where a range or a bound is published, and where
    nothing was simulated."""
    inside: bool | None
    """Whether it lies in the published range or within the bound; None where an error is published, and
    where nothing was simulated."""
    passed: bool


def score(value: Value, simulated: Simulated) -> Score:
    """Return how a simulated number stands to the published one.

    Parameters
    ----------
    value : Value
        The published number with its error.
    simulated : Simulated
        Mean over the seeds and its standard error; a single seed has none, which then counts as 0.

    Returns
    -------
    Score
        ``z = (simulated - published) / sqrt(SE_published^2 + SE_simulated^2)`` with SE = SD / sqrt(n), or
        whether the simulated mean lies inside a range or a bound. What was not simulated has neither, and
        fails.
    """
    mean = simulated.mean
    if not math.isfinite(mean):
        return Score(None, None, False)
    if value.published_error is not None:
        own = simulated.error if math.isfinite(simulated.error) else 0.0
        z = (mean - value.value) / math.hypot(value.published_error, own)
        return Score(z, None, abs(z) < AGREES)
    match value.error_kind:
        case "at most":
            inside = mean <= value.value
        case "at least":
            inside = mean >= value.value
        case _:
            inside = abs(mean - value.value) <= float(value.error or 0.0)
    return Score(None, inside, inside)
