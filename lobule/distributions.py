"""Distributions that a cohort draws from: normal, lognormal, uniform, one of several values."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from lobule.doses import Section
from lobule.errors import shown

#: Of a drawn number: a case file stays readable, and the last bits of a machine's log do not count.
_DIGITS = 6

Value = float | int | str | bool


class Bounded(Section):
    """A distribution of numbers, cut off at its ends and renormalised."""

    low: float | None = None
    """Least value; that of the declared range when absent."""
    high: float | None = None
    """Largest value; that of the declared range when absent."""

    @model_validator(mode="after")
    def _ends_are_in_order(self) -> Self:
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low = {self.low:g} is not below high = {self.high:g}")
        return self


class Normal(Bounded):
    """A normal distribution."""

    distribution: Literal["normal"]
    mean: float
    """Mean before it is cut off."""
    sd: float = Field(gt=0)
    """Standard deviation before it is cut off."""


class Lognormal(Bounded):
    """A distribution whose logarithm is normal: by its median, or by its mean and standard deviation."""

    distribution: Literal["lognormal"]
    median: float | None = Field(default=None, gt=0)
    """Median; with `log_sd`."""
    log_sd: float | None = Field(default=None, gt=0, le=5)
    """Standard deviation of the natural logarithm."""
    mean: float | None = Field(default=None, gt=0)
    """Mean; with `sd`, instead of `median` and `log_sd`."""
    sd: float | None = Field(default=None, gt=0)
    """Standard deviation."""

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        given = [name for name in ("median", "log_sd", "mean", "sd") if getattr(self, name) is not None]
        if given not in (["median", "log_sd"], ["mean", "sd"]):
            raise ValueError("distribution -> of a lognormal one give median and log_sd, or mean and sd")
        return self

    @property
    def logarithm(self) -> NormalDist:
        """The distribution of the logarithm."""
        if self.median is not None and self.log_sd is not None:
            return NormalDist(math.log(self.median), self.log_sd)
        mean, sd = self.mean or 1.0, self.sd or 1.0
        variance = math.log1p((sd / mean) ** 2)
        return NormalDist(math.log(mean) - 0.5 * variance, math.sqrt(variance))


class Uniform(Bounded):
    """A uniform distribution."""

    distribution: Literal["uniform"]


class Choice(Section):
    """One of several values."""

    distribution: Literal["choice"]
    values: Annotated[tuple[float | int | str | bool, ...], Field(min_length=1, strict=False)]
    """What is drawn: numbers or words."""
    weights: Annotated[tuple[Annotated[float, Field(ge=0)], ...] | None, Field(strict=False)] = None
    """How often each is drawn, relative to the others; all alike when absent."""

    @model_validator(mode="after")
    def _has_a_weight_each(self) -> Self:
        if self.weights is not None and (len(self.weights) != len(self.values) or not sum(self.weights)):
            raise ValueError(f"weights -> must be {len(self.values)} numbers, one a value, not all 0")
        return self


Distribution = Annotated[Normal | Lognormal | Uniform | Choice, Field(discriminator="distribution")]


#: Keys of the distributions.
DRAW_KEYS = frozenset(name for table in (Normal, Lognormal, Uniform, Choice) for name in table.model_fields)


def drawn_at(distribution: Any, ends: tuple[float, float], u: float) -> Value:
    """Return the value at the share `u` (0 to 1) of a distribution."""
    if isinstance(distribution, Choice):
        weights = distribution.weights or (1.0,) * len(distribution.values)
        left = u * sum(weights)
        for value, weight in zip(distribution.values, weights, strict=True):
            left -= weight
            if left < 0.0:
                return value
        return next(v for v, w in zip(distribution.values[::-1], weights[::-1], strict=True) if w > 0.0)
    low, high = ends
    if isinstance(distribution, Uniform):
        number = low + u * (high - low)
    else:
        normal, below, above, is_mirrored = shares_of(distribution, ends)
        share = min(max(below + u * (above - below), 1e-300), 1.0 - 1e-16)
        number = normal.inv_cdf(share)
        number = 2.0 * normal.mean - number if is_mirrored else number
        number = math.exp(number) if isinstance(distribution, Lognormal) else number
    return min(max(float(f"{number:.{_DIGITS}g}"), low), high)


def shares_of(
    distribution: Normal | Lognormal, ends: tuple[float, float]
) -> tuple[NormalDist, float, float, bool]:
    """Return a normal distribution, its shares below both ends, and whether it is mirrored.

    It is mirrored where the ends lie in the upper half, in which shares have no digits left.
    """
    low, high = ends
    if isinstance(distribution, Lognormal):
        normal = distribution.logarithm
        low, high = (math.log(end) if end > 0.0 else -math.inf for end in (low, high))
    else:
        normal = NormalDist(distribution.mean, distribution.sd)
    if is_mirrored := low > normal.mean:
        low, high = 2.0 * normal.mean - high, 2.0 * normal.mean - low
    return normal, normal.cdf(low), normal.cdf(high), is_mirrored


def in_words(key: str, distribution: Any) -> str:
    """Return one line for what is drawn."""
    match distribution:
        case Choice():
            weights = distribution.weights
            chosen = [shown(value) for value in distribution.values]
            if weights is not None:
                chosen = [
                    f"{word} ({100.0 * w / sum(weights):.3g} %)"
                    for word, w in zip(chosen, weights, strict=True)
                ]
            return f"{key}: one of {', '.join(chosen)}"
        case Normal():
            words = f"normal, mean {distribution.mean:g}, SD {distribution.sd:g}"
        case Lognormal() if distribution.median is not None:
            words = f"lognormal, median {distribution.median:g}, SD of the logarithm {distribution.log_sd:g}"
        case Lognormal():
            words = f"lognormal, mean {distribution.mean:g}, SD {distribution.sd:g}"
        case _:
            words = "uniform"
    ends = (("from", distribution.low), ("to", distribution.high))
    limits = " ".join(f"{word} {end:g}" for word, end in ends if end is not None)
    return f"{key}: {words}{', ' * bool(limits)}{limits}"
