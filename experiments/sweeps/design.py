"""The points of a sweep: lists are crossed, intervals are sampled together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from lobule.agents.declare import Parameter
from lobule.errors import InputError, nearest, shown
from lobule.settings import check_parameter, declared_parameters

Method = Literal["latin-hypercube", "sobol", "morris"]
Scale = Literal["linear", "log"]
MOST_SAMPLES = 1_000_000
MORRIS_LEVELS = 4


class Values(NamedTuple):
    """A parameter that takes one value after the other, each with all values of the other lists."""

    values: tuple[Any, ...]


class Sampled(NamedTuple):
    """A parameter that is sampled together with all others of its kind."""

    method: Method
    number: int
    """Samples; of ``morris`` trajectories, each of as many points as there are parameters, and one."""
    low: float | None
    high: float | None
    """Ends of the interval; those of the declared range where None."""
    scale: Scale


Axis = Values | Sampled


def latin_hypercube(
    number: int, low: float | None = None, high: float | None = None, scale: Scale = "linear"
) -> Sampled:
    """Sample a parameter on a Latin hypercube of `number` points, with all others that are.

    Parameters
    ----------
    number : int
        Number of points, the same for all sampled parameters of a sweep.
    low, high : float, optional
        Ends of the interval in the declared unit; those of the declared range unless given.
    scale : {"linear", "log"}
        Whether values or their logarithms are spread evenly.
    """
    return Sampled("latin-hypercube", number, low, high, scale)


def sobol(
    number: int, low: float | None = None, high: float | None = None, scale: Scale = "linear"
) -> Sampled:
    """Sample a parameter along a scrambled Sobol' sequence; see :func:`latin_hypercube`.

    `number` is a power of two. Twice as many begin with the same points, so that a sweep can be extended.
    """
    return Sampled("sobol", number, low, high, scale)


def morris(
    number: int, low: float | None = None, high: float | None = None, scale: Scale = "linear"
) -> Sampled:
    """Sample a parameter along `number` trajectories of Morris (1991, Technometrics 33:161).

    Each trajectory starts anywhere on a grid of four levels and changes one parameter after the other, each
    once. More trajectories begin with the same ones. See :func:`latin_hypercube` for the rest.
    """
    return Sampled("morris", number, low, high, scale)


class Point(NamedTuple):
    """One point of a design."""

    values: tuple[Any, ...]
    """A value for each axis, in their order."""
    sample: int | None
    """Number of the sample that it belongs to; None where nothing is sampled."""


def design(axes: Mapping[str, Axis], root: int) -> list[Point]:
    """Return the points of a sweep.

    Parameters
    ----------
    axes : mapping of str to Values or Sampled
        What each dotted key takes. Every sample is combined with every combination of the lists.
    root : int
        Seed of the samples.

    Raises
    ------
    InputError
        If an interval or a number of samples is wrong; the message begins with the key.
    """
    sampled = {key: axis for key, axis in axes.items() if isinstance(axis, Sampled)}
    listed = {key: axis.values for key, axis in axes.items() if isinstance(axis, Values)}
    columns = _samples(sampled, root)
    points = []
    for number, sample in enumerate(zip(*columns.values(), strict=True) if columns else [()]):
        fixed = dict(zip(columns, sample, strict=True))
        for combination in itertools.product(*listed.values()):
            value = fixed | dict(zip(listed, combination, strict=True))
            points.append(Point(tuple(value[key] for key in axes), number if columns else None))
    return points


def count(axes: Mapping[str, Axis]) -> int:
    """Return how many points `design` would give, without making them."""
    lists = math.prod(len(axis.values) for axis in axes.values() if isinstance(axis, Values))
    sampled = [axis for axis in axes.values() if isinstance(axis, Sampled)]
    if not sampled:
        return lists
    each = len(sampled) + 1 if sampled[0].method == "morris" else 1
    return lists * sampled[0].number * each


def _samples(axes: Mapping[str, Sampled], root: int) -> dict[str, list[float]]:
    """Return the samples of each key, equally many for all."""
    if not axes:
        return {}
    first, (method, number) = next(iter(axes)), next(iter(axes.values()))[:2]
    for key, axis in axes.items():
        if (axis.method, axis.number) != (method, number):
            raise InputError(
                f"{key} -> is sampled by {axis.method}, {axis.number}, but {first} by {method}, {number}; "
                "all samples of a sweep are drawn together"
            )
    _check_number(first, method, number)
    return placed(axes, _UNIT[method](len(axes), number, root))


def placed(axes: Mapping[str, Sampled], unit: NDArray[np.float64]) -> dict[str, list[float]]:
    """Return the values of each key for points of the unit cube.

    Parameters
    ----------
    axes : mapping of str to Sampled
        The keys and their intervals.
    unit : ndarray, shape (n, len(axes))
        Places in the intervals, 0 to 1.

    Raises
    ------
    InputError
        If an interval is wrong.
    """
    columns = {}
    for key, share in zip(axes, unit.T, strict=True):
        low, high = interval(key, axes[key])
        if axes[key].scale == "log":
            values = np.exp(np.log(low) + share * (np.log(high) - np.log(low)))
        else:
            values = low + share * (high - low)
        columns[key] = np.clip(values, low, high).tolist()
    return columns


def _check_number(key: str, method: str, number: Any) -> None:
    if method not in get_args(Method):
        names = get_args(Method)
        hint = nearest(str(method), names)
        raise InputError(f"{key} -> samples.method = {shown(method)} is none of {', '.join(names)}{hint}")
    if not (isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= MOST_SAMPLES):
        raise InputError(
            f"{key} -> samples.number = {shown(number)} must be a whole number from 1 to {MOST_SAMPLES}"
        )
    if method == "sobol" and number & (number - 1):
        below = 1 << (number.bit_length() - 1)
        near = f"such as {below} or {2 * below}"
        raise InputError(f"{key} -> samples.number = {number} must be a power of two for sobol, {near}")


def interval(key: str, axis: Sampled) -> tuple[float, float]:
    """Return the ends of an interval, the declared range where it names none.

    Raises
    ------
    InputError
        If it is empty, outside the declared range, or has no ends.
    """
    declared = declared_of(key)
    for end, value in (("low", axis.low), ("high", axis.high)):
        if value is None and declared is None:
            words = "only declared parameters have a range of their own"
            raise InputError(f"{key} -> needs {end}: {words}{nearest(key, declared_parameters())}")
        if value is not None and not (
            isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        ):
            raise InputError(f"{key} -> {end} = {shown(value)} must be a finite number")
        if value is not None and declared is not None:
            check_parameter(key.removeprefix("parameters."), value)
    low = float(axis.low if axis.low is not None else declared.low)  # type: ignore[union-attr]
    high = float(axis.high if axis.high is not None else declared.high)  # type: ignore[union-attr]
    if not low < high:
        raise InputError(f"{key} -> low = {low:g} must be less than high = {high:g}")
    if axis.scale not in get_args(Scale):
        raise InputError(f"{key} -> scale = {shown(axis.scale)} is neither linear nor log")
    if axis.scale == "log" and low <= 0.0:
        raise InputError(f"{key} -> low = {low:g} must be more than 0 on a log scale")
    return low, high


def declared_of(key: str) -> Parameter | None:
    """Return the declared parameter that `key` names; None for keys of the case file."""
    return declared_parameters().get(key.removeprefix("parameters."))


def spread(start: float, end: float, points: int, scale: str) -> tuple[float, ...]:
    """Return `points` values from `start` to `end`, evenly spread, or on a log scale their logarithms are."""
    space = np.geomspace if scale == "log" else np.linspace
    return tuple(space(start, end, points).tolist())


def steps(start: float, end: float, step: float) -> tuple[float, ...]:
    """Return the values from `start` to `end`, both included when `step` meets it."""
    number = math.floor((end - start) / step + 1e-9)
    return tuple(round(start + i * step, 12) for i in range(number + 1))


def _latin_hypercube(width: int, number: int, root: int) -> NDArray[np.float64]:
    from scipy.stats import qmc

    return np.asarray(qmc.LatinHypercube(width, rng=root).random(number))


def _sobol(width: int, number: int, root: int) -> NDArray[np.float64]:
    from scipy.stats import qmc

    return np.asarray(qmc.Sobol(width, rng=root).random(number))


def trajectories(width: int, number: int, root: int) -> NDArray[np.float64]:
    """Return trajectories of `width` + 1 points of the unit cube each, shape (number (width + 1), width)."""
    jump = MORRIS_LEVELS // 2  # levels; of four, a jump of two
    rows = []
    for trajectory in range(number):
        rng = np.random.default_rng([root, trajectory])
        level = rng.integers(0, MORRIS_LEVELS, width)
        rows.append(level.copy())
        for changed in rng.permutation(width):
            level[changed] += jump if level[changed] < jump else -jump
            rows.append(level.copy())
    return np.asarray(rows) / (MORRIS_LEVELS - 1)


_UNIT = {"latin-hypercube": _latin_hypercube, "sobol": _sobol, "morris": trajectories}


#: Units of the keys of a case by how they end, the longer ends first.
ENDINGS = {
    "grams_per_kg_per_day": "g/kg/d",
    "grams_per_day": "g/d",
    "cells_per_kg": "cells/kg",
    "particles_per_kg": "particles/kg",
    "ml_per_kg": "mL/kg",
    "mg_per_kg": "mg/kg",
    "mg_per_g": "mg/g",
    "mg": "mg",
    "mg_per_ml": "mg/mL",
    "g_per_dl": "g/dL",
    "ug_per_l": "ug/L",
    "percent": "%",
    "ml": "mL",
    "um": "um",
    "hours": "h",
    "days": "d",
    "day": "d",
    "cells": "cells",
    "particles": "particles",
}


def unit_of(keys: Sequence[str]) -> list[str]:
    """Return the unit of each key, as declared or as its name says; "-" where it has none."""
    return [
        found.unit if (found := declared_of(key)) is not None else _named_unit(key.rsplit(".", 1)[-1])
        for key in keys
    ]


def _named_unit(name: str) -> str:
    return next((unit for end, unit in ENDINGS.items() if f"_{name}".endswith(f"_{end}")), "-")
