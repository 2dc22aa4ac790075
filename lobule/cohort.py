"""Cohorts: what differs between the subjects of a case, and the subject that a seed stands for."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from statistics import NormalDist
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from lobule.doses import HOURS_PER_DAY, Section
from lobule.errors import InputError, nearest, shown
from lobule.keys import all_keys, field_at
from lobule.sections import OLDEST_DAYS

if TYPE_CHECKING:
    from lobule.case import Case

#: Keys that tell runs apart, or that say how a run is recorded: they are of the case, not of the subject.
UNDRAWN = (
    "format",
    "name",
    "title",
    "description",
    "seed",
    "evidence",
    "subject.species",
    "tissue",
    "clock",
    "record",
    "rules",
    "cohort",
    "drawn",
)
LEAST_SHARE = 1e-3  # of a distribution that must lie between its ends
_DIGITS = (
    6  # of a drawn number: a case file stays readable, and the last bits of a machine's log do not count
)

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
            raise ValueError("lognormal -> give median and log_sd, or mean and sd")
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


def flat(table: Any, before: str = "") -> Any:
    """Return ``{"subject": {"age_days": {...}}}`` as ``{"subject.age_days": {...}}``.

    Parameters go without ``parameters.``. What is no table of tables is returned as it is, to be refused.
    """
    if not isinstance(table, Mapping):
        return table
    found: dict[str, Any] = {}
    for key, entry in table.items():
        name = f"{before}.{key}" if before else str(key)
        is_branch = isinstance(entry, Mapping) and "distribution" not in entry and entry
        if is_branch and all(isinstance(below, Mapping) for below in entry.values()):
            found |= flat(entry, name)
        else:
            found[name.removeprefix("parameters.")] = entry
    return found


def subject_of(case: Case, seed: int) -> dict[str, Value]:
    """Return what is drawn for the subject `seed` of the cohort of `case`, by key.

    A draw hangs on seed and key alone: another key in the cohort shifts none.
    """
    return {
        key: _drawn(distribution, _ends(case, key, distribution), _chance(seed, key))
        for key, distribution in case.cohort.items()
    }


def _chance(seed: int, key: str) -> float:
    """Return the uniform number of `key` for the subject `seed`."""
    import numpy as np

    from lobule.agents.chance import COHORT, uniform

    name = np.uint64(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little"))
    zero = np.uint64(0)
    return float(uniform(np.uint64(seed), COHORT, zero, name, zero))


def _drawn(distribution: Any, ends: tuple[float, float], u: float) -> Value:
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
        normal, below, above, is_mirrored = _shares(distribution, ends)
        share = min(max(below + u * (above - below), 1e-300), 1.0 - 1e-16)
        number = normal.inv_cdf(share)
        number = 2.0 * normal.mean - number if is_mirrored else number
        number = math.exp(number) if isinstance(distribution, Lognormal) else number
    return min(max(float(f"{number:.{_DIGITS}g}"), low), high)


def _shares(
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


def check_cohort(case: Case) -> Iterator[tuple[str, Value]]:
    """Check the distributions of `case`; yield each key with each value that must be possible: its ends.

    Raises
    ------
    InputError
        If something cannot be drawn, or has no ends.
    """
    for key, distribution in case.cohort.items():
        at = f"cohort.{key}"
        if any(key == name or key.startswith(f"{name}.") for name in UNDRAWN):
            raise InputError(f"{at} -> is the same for all subjects of a case and cannot be drawn")
        _declared_range(case, key)  # there is such a key
        if isinstance(distribution, Choice):
            yield from ((key, value) for value in distribution.values)
            continue
        ends = _ends(case, key, distribution)
        if not isinstance(distribution, Uniform):
            _, below, above, _ = _shares(distribution, ends)
            if above - below < LEAST_SHARE:
                raise InputError(
                    f"{at} -> next to nothing of this {distribution.distribution} distribution lies "
                    f"from {ends[0]:g} to {ends[1]:g}"
                )
        yield from ((key, end) for end in ends)


def _ends(case: Case, key: str, distribution: Any) -> tuple[float, float]:
    """Return the ends of what is drawn for `key`: those given, else those of the declared range."""
    if isinstance(distribution, Choice):
        return (-math.inf, math.inf)
    found = []
    is_whole = distribution.low is not None and distribution.high is not None
    limits = (None, None) if is_whole else _declared_range(case, key)
    for name, declared in zip(("low", "high"), limits, strict=True):
        end = getattr(distribution, name)
        if end is None and name == "low" and isinstance(distribution, Lognormal):
            declared = 0.0 if declared is None else max(0.0, declared)
        value = declared if end is None else end
        if value is None:
            raise InputError(
                f"cohort.{key}.{name} is missing -> {key} has no declared range that would end it"
            )
        found.append(float(value))
    if found[0] >= found[1]:
        raise InputError(f"cohort.{key} -> low = {found[0]:g} is not below high = {found[1]:g}")
    return found[0], found[1]


def _declared_range(case: Case, key: str) -> tuple[float | None, float | None]:
    """Return the least and largest value that the declaration of a parameter or a key of the case names."""
    if key == "subject.age_days":
        return 0.0, OLDEST_DAYS[case.subject.species] - case.end_hours / HOURS_PER_DAY
    data = case.model_dump()
    if (field := field_at(type(case), key, data)) is not None:
        limits = [
            next(
                (getattr(entry, name) for entry in field.metadata for name in names if hasattr(entry, name)),
                None,
            )
            for names in (("ge", "gt"), ("le", "lt"))
        ]
        return limits[0], limits[1]
    from lobule.settings import declared_parameters

    declared = declared_parameters()
    if key not in declared:
        hint = nearest(key, [*all_keys(type(case), data), *declared])
        raise InputError(f"cohort.{key} -> no such key of the case and no such parameter{hint}")
    return declared[key].low, declared[key].high


def drawn_values(case: Case) -> dict[str, Value]:
    """Return what was drawn for the subject of a case that a cohort was resolved to, by key."""
    found: dict[str, Value] = {}
    data = case.model_dump()
    for key in case.drawn:
        value: Any = case.parameters.get(key)
        if value is None:
            value = data
            for part in key.split("."):
                value = value[int(part) if part.isdecimal() else part]
        found[key] = value
    return found


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
