"""What is calibrated to what: priors, targets, and how far the simulated is from the published."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.case import load_case
from lobule.experiments.evidence import Value
from lobule.experiments.identity import case_hash
from lobule.experiments.sweeps.plan import Arm, Plan
from lobule.experiments.validation.measures import Simulated
from lobule.experiments.validation.studies import Courses
from lobule.experiments.validation.tally import what, when
from lobule.experiments.validation.verdict import score

BOUND_WIDTH = 0.1
"""Share of a published bound that counts as its half width: a bound has none of its own."""


class Prior(NamedTuple):
    """What is believed of a parameter before: it lies evenly between two ends, or its logarithm does."""

    key: str
    low: float
    high: float
    is_log: bool
    unit: str
    default: float | None
    """The value that the cases have, None where they differ."""

    def inner(self, value: Any) -> Any:
        """Return values on the scale on which the prior is even."""
        return np.log(value) if self.is_log else value

    def outer(self, inner: Any) -> Any:
        """Return values in the declared unit; none is outside the prior."""
        return np.clip(np.exp(inner) if self.is_log else inner, self.low, self.high)

    @property
    def ends(self) -> tuple[float, float]:
        """The ends on the scale on which the prior is even."""
        return float(self.inner(self.low)), float(self.inner(self.high))

    @property
    def deviation(self) -> float:
        """Standard deviation on that scale."""
        return (self.ends[1] - self.ends[0]) / math.sqrt(12.0)


class Target(NamedTuple):
    """One published number that is calibrated to."""

    data_set: str
    value: Value

    @property
    def label(self) -> str:
        """Name of the number: ``"zhou-1998, Hfe-/-: lic_mg_per_g, age 70 d"``."""
        return f"{self.data_set}, {self.value.arm}: {what(self.value)}, {when(self.value)}"


class Statistics(NamedTuple):
    """What the runs of a particle say of each target."""

    mean: NDArray[np.float64]
    error: NDArray[np.float64]
    """Standard error over the replicates; NaN where there is none."""


@dataclass(frozen=True)
class Calibration:
    """A calibration, checked.

    Attributes
    ----------
    name : str
        Its name.
    priors : tuple of Prior
        The parameters.
    targets : tuple of Target
        The published numbers.
    plan : Plan
        The runs of one particle, with the parameters as the cases have them.
    particles, generations : int
        Accepted particles of a generation; generations at most.
    tolerance : float, optional
        Distance at which it is done; see :meth:`aim`.
    least_acceptance : float
        Share of accepted particles below which a generation is given up.
    seed : int
        Where all chance comes from.
    """

    name: str
    priors: tuple[Prior, ...]
    targets: tuple[Target, ...]
    plan: Plan
    particles: int
    generations: int
    tolerance: float | None
    least_acceptance: float
    seed: int

    def plan_of(self, parameters: Mapping[str, float]) -> Plan:
        """Return the runs of a particle.

        Raises
        ------
        InputError
            If the values do not go together.
        """
        base = self.plan
        arms = [Arm(arm.name, load_case(arm.case, parameters)) for arm in base.arms]
        return Plan(base.name, arms, (), base.points, base.replicates, base.root)

    def statistics(self, courses: Courses) -> Statistics:
        """Return what finished runs say of each target."""
        found = [courses.simulated(target.data_set, target.value) for target in self.targets]
        return Statistics(
            np.array([each.mean for each in found]), np.array([each.error for each in found], float)
        )

    def misfits(self, statistics: Statistics) -> NDArray[np.float64]:
        """Return how far each simulated number is from the published one; NaN where it is none."""
        pairs = zip(self.targets, *statistics, strict=True)
        return np.array([misfit(target.value, mean, error) for target, mean, error in pairs])

    def distance(self, statistics: Statistics) -> float:
        """Return the root mean square of the misfits; NaN where a number could not be simulated."""
        return float(np.sqrt(np.mean(self.misfits(statistics) ** 2)))

    def aim(self, least: float) -> float:
        """Return the distance at which it is done, `least` being the least that was found so far.

        Notes
        -----
        With n misfits, S = n distance^2 is the sum of their squares. Accepting all with S - S_least up to r^2
        fills, where k parameters move the misfits linearly, a ball of k dimensions, whose points have a
        variance of r^2 / (k + 2) along each. So r^2 = k + 2 gives the spread that the published errors make.
        A smaller distance would make the parameters look better known than they are. Ranges and bounds alone
        are met, at distance 0.
        """
        if self.tolerance is not None:
            return self.tolerance
        n = sum(target.value.published_error is not None for target in self.targets)
        if n == 0:
            return 0.0
        return math.sqrt(least**2 + (min(n, len(self.priors)) + 2) / len(self.targets))

    @property
    def identity(self) -> str:
        """What tells this calibration from others; longer or further ones of the same kind share it."""
        content = {
            "priors": [[*prior[:4]] for prior in self.priors],
            "targets": [[t.data_set, t.value.model_dump(mode="json")] for t in self.targets],
            "arms": [[arm.name, case_hash(arm.case)] for arm in self.plan.arms],
            "replicates": len(self.plan.replicates),
            "particles": self.particles,
            "seed": self.seed,
            "code": self.plan.code,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def misfit(value: Value, mean: float, error: float) -> float:
    """Return how far a simulated number is from the published one, with its sign.

    Where an error is published this is the z-score. Inside a range or a bound it is 0, outside the distance
    to the nearest end over the half width of the range, or over a tenth of the bound.
    """
    result = score(value, Simulated(mean, error, (), seeds=1))
    if result.z is not None:
        return result.z
    if not math.isfinite(mean):
        return math.nan
    if result.inside:
        return 0.0
    if value.error_kind in ("at most", "at least"):
        return (mean - value.value) / (BOUND_WIDTH * abs(value.value))
    half = float(value.error or 0.0)
    beyond = mean - value.value
    return math.copysign(abs(beyond) - half, beyond) / half
