"""The points of a sweep: lists crossed, intervals sampled as their methods promise."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobule.errors import InputError
from lobule.experiments import latin_hypercube, morris, sobol
from lobule.experiments.sweeps.design import Axis, Sampled, Values, count, design, spread, steps
from lobule.settings import declared_parameters

RATE, LIFE, THIRD = "hepatocyte.export_rate", "stellate.stage_half_life", "stellate.threshold"


def columns(axes: dict[str, Axis], root: int = 1) -> np.ndarray[Any, Any]:
    return np.array([point.values for point in design(axes, root)], dtype=float)


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), min_size=0, max_size=4))
def test_lists_are_crossed(lists: list[list[int]]):
    axes: dict[str, Axis] = {f"key{i}": Values(tuple(values)) for i, values in enumerate(lists)}
    points = [point.values for point in design(axes, 1)]
    assert sorted(points) == sorted(product(*lists))
    assert len(points) == count(axes)


def test_a_latin_hypercube_has_one_point_in_every_row_of_every_parameter():
    n = 20
    points = columns({RATE: latin_hypercube(n, 0.02, 0.06), LIFE: latin_hypercube(n, 5.0, 50.0, "log")})
    rate = (points[:, 0] - 0.02) / 0.04
    life = np.log(points[:, 1] / 5.0) / np.log(10.0)
    for share in (rate, life):
        assert sorted(np.floor(share * n).astype(int)) == list(range(n))


def test_a_sobol_sequence_goes_on_where_it_ended():
    def points(n: int, root: int = 1) -> np.ndarray[Any, Any]:
        return columns({RATE: sobol(n), LIFE: sobol(n)}, root)

    assert np.array_equal(points(32)[:16], points(16))
    assert not np.array_equal(points(16, root=2), points(16))
    # better than chance: every quarter of every parameter holds a quarter of the points
    low, high = (getattr(declared_parameters()[RATE], end) for end in ("low", "high"))
    share = (points(64)[:, 0] - low) / (high - low)
    assert np.histogram(share, 4, (0.0, 1.0))[0].tolist() == [16] * 4


@settings(max_examples=20)
@given(st.integers(1, 6), st.integers(0, 2**32))
def test_a_morris_trajectory_changes_each_parameter_once_by_two_levels(trajectories: int, root: int):
    keys = (RATE, LIFE, THIRD)
    axes: dict[str, Axis] = {key: morris(trajectories, 1e-1, 1.9e-1) for key in (RATE, THIRD)}
    axes[LIFE] = morris(trajectories, 5.0, 50.0)
    points = columns({key: axes[key] for key in keys}, root)
    assert points.shape == (trajectories * 4, 3) == (count(axes), 3)
    unit = (points - [0.1, 5.0, 0.1]) / [0.09, 45.0, 0.09]
    assert np.allclose(unit * 3.0, np.round(unit * 3.0))  # on a grid of four levels
    for rows in unit.reshape(trajectories, 4, 3):
        change = np.diff(rows, axis=0)
        assert np.allclose(np.sort(np.abs(change), axis=None), [0.0] * 6 + [2 / 3] * 3)
        assert np.allclose(np.abs(change).sum(axis=0), 2 / 3) and np.allclose(
            np.abs(change).sum(axis=1), 2 / 3
        )


def test_more_trajectories_begin_with_the_same_ones():
    assert design({RATE: morris(5)}, 7)[:4] == design({RATE: morris(2)}, 7)


@pytest.mark.parametrize("sampler", [latin_hypercube, sobol, morris])
def test_without_ends_the_declared_range_is_sampled(sampler: Any):
    declared = declared_parameters()[RATE]
    points = columns({RATE: sampler(64), LIFE: sampler(64, 6.0, 8.0)})
    width = declared.high - declared.low
    assert declared.low <= points[:, 0].min() < declared.low + 0.05 * width
    assert declared.high >= points[:, 0].max() > declared.high - 0.05 * width
    assert points[:, 1].min() >= 6.0 and points[:, 1].max() <= 8.0


def test_samples_are_crossed_with_lists():
    axes: dict[str, Axis] = {"a": Values((1, 2)), RATE: sobol(4), "b": Values(("x", "y", "z"))}
    points = design(axes, 1)
    assert len(points) == 24 == count(axes)
    assert {point.sample: point.values[1] for point in points} == dict(
        enumerate(point.values[0] for point in design({RATE: axes[RATE]}, 1))
    )
    assert {(a, b) for (a, _, b), _ in points} == set(product((1, 2), "xyz"))


def test_ranges():
    assert spread(1.0, 3.0, 5, "linear") == (1.0, 1.5, 2.0, 2.5, 3.0)
    assert spread(1.0, 100.0, 3, "log") == pytest.approx((1.0, 10.0, 100.0))
    assert steps(0.0, 0.3, 0.1) == (0.0, 0.1, 0.2, 0.3)
    assert steps(0.0, 0.35, 0.1) == (0.0, 0.1, 0.2, 0.3)


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({RATE: sobol(10)}, "power of two"),
        ({RATE: sobol(4), LIFE: sobol(8)}, "drawn together"),
        ({RATE: sobol(4), LIFE: morris(4)}, "drawn together"),
        ({RATE: latin_hypercube(0)}, "whole number from 1"),
        ({RATE: latin_hypercube(2.5)}, "whole number from 1"),  # type: ignore[arg-type]
        ({RATE: latin_hypercube(4, 0.06, 0.02)}, "must be less than"),
        ({RATE: latin_hypercube(4, 0.02, 9.0)}, "outside its plausible range"),
        ({RATE: latin_hypercube(4, math.nan)}, "finite"),
        ({"tissue.radius_um": latin_hypercube(4, 200.0)}, "needs high"),
        ({THIRD: latin_hypercube(4, 0.0, 0.5, "log")}, "more than 0 on a log scale"),
        ({RATE: latin_hypercube(4, scale="cubic")}, "neither linear nor log"),  # type: ignore[arg-type]
        ({RATE: Sampled("halton", 4, None, None, "linear")}, "none of latin-hypercube"),  # type: ignore[arg-type]
    ],
)
def test_what_is_wrong_is_said_in_one_line(axes: dict[str, Axis], words: str):
    with pytest.raises(InputError, match=words) as error:
        design(axes, 1)
    assert "\n" not in str(error.value)
