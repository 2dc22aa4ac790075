"""The study of a sensitivity: a sweep over a design that indices can be computed from, and what is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lobule.errors import InputError, nearest, shown
from lobule.experiments.export.needed import library
from lobule.experiments.sweeps.courses import ATS, At
from lobule.experiments.sweeps.design import Axis, Point, Sampled, design, placed, trajectories
from lobule.experiments.sweeps.plan import Plan
from lobule.experiments.sweeps.planning import MOST_RUNS, CaseLike, make_plan
from lobule.readouts import READOUTS

Method = Literal["morris", "sobol"]
METHODS: tuple[Method, ...] = get_args(Method)
LEAST = 2  # trajectories or base samples that an interval can be had from
BLOCKS = {"morris": "trajectories", "sobol": "base samples"}

#: What the runs need not keep, since only their series are read; settings may say otherwise.
LEAN = {"record.snapshot_days": [], "record.final_snapshot": False}


@dataclass(frozen=True)
class Study:
    """What is run, and what is read of it.

    Attributes
    ----------
    plan : Plan
        The runs: one arm, the points of the design, the replicates.
    axes : mapping of str to Sampled
        The parameters and their intervals.
    method : {"morris", "sobol"}
        The design, and the indices that it is made for.
    number : int
        Trajectories, or base samples.
    second_order : bool
        Whether indices of pairs are computed, too.
    readouts : mapping of str to {"end", "max", "mean"}
        What is read of the series of each run.
    """

    plan: Plan
    axes: Mapping[str, Sampled]
    method: Method
    number: int
    second_order: bool
    readouts: Mapping[str, At]

    @property
    def block(self) -> int:
        """Points of a trajectory or of a base sample."""
        return block_size(self.method, len(self.axes), self.second_order)

    def unit(self) -> NDArray[np.float64]:
        """Return the points in the unit cube, shape (points, parameters)."""
        if self.method == "morris":
            return trajectories(len(self.axes), self.number, self.plan.root)
        return saltelli(len(self.axes), self.number, self.plan.root, self.second_order)


def make_study(
    name: str,
    case: CaseLike,
    axes: Mapping[str, Sampled],
    readouts: Sequence[str],
    replicates: Iterable[int],
    *,
    at: str | Mapping[str, str] = "end",
    second_order: bool = False,
    settings: Mapping[str, Any] | None = None,
    days: float | None = None,
    root: int = 1,
    label: str = "",
) -> Study:
    """Return a study, checked before anything runs.

    Parameters
    ----------
    name, settings, days, root, label
        As for :func:`lobule.experiments.sweeps.planning.make_plan`.
    case : str, path or Case
        What is run.
    axes : mapping of str to Sampled
        What is varied, all by the same method and number.
    readouts : sequence of str
        What is looked at.
    replicates : iterable of int
        Numbers of the replicates.
    at : {"end", "max", "mean"} or mapping of readouts to them
        Whether the end, the highest value or the mean over time counts; the end of those that a mapping
        leaves out.
    second_order : bool
        Compute indices of pairs, too; of Sobol' indices alone.

    Raises
    ------
    InputError
        In one line, if anything of it is wrong.
    """
    library("SALib", "calibrate")
    if not axes:
        raise InputError("parameters -> there is none; name those that are to be compared")
    given, number = next(iter(axes.values()))[:2]
    method = _checked_design(given, number, second_order)
    found = _checked_readouts(readouts, at)
    numbers = list(replicates)
    if (runs := number * block_size(method, len(axes), second_order) * len(numbers)) > MOST_RUNS:
        raise InputError(f"{name} -> plans {runs:,} runs; at most {MOST_RUNS:,} are possible")

    def pairs_of_samples(given: Mapping[str, Axis], seed: int) -> list[Point]:
        columns = placed(axes, saltelli(len(given), number, seed, second_order))
        return [Point(values, i) for i, values in enumerate(zip(*columns.values(), strict=True))]

    plan = make_plan(
        name,
        [case],
        axes,
        numbers,
        settings={**LEAN, **(settings or {})},
        days=days,
        root=root,
        label=label,
        points=design if method == "morris" else pairs_of_samples,
    )
    return Study(plan, dict(zip(plan.keys, axes.values(), strict=True)), method, number, second_order, found)


def block_size(method: str, parameters: int, second_order: bool) -> int:
    """Return how many points a trajectory or a base sample has."""
    if method == "morris":
        return parameters + 1
    return (2 if second_order else 1) * parameters + 2


def saltelli(width: int, number: int, root: int, second_order: bool) -> NDArray[np.float64]:
    """Return the design of Saltelli (2010, Comput Phys Commun 181:259) on a scrambled Sobol' sequence.

    Twice as many base samples begin with the same ones, so that a study can be extended.

    Returns
    -------
    ndarray, shape (number x block, width)
        Points of the unit cube, the blocks of the base samples one after the other.
    """
    problem = {"num_vars": width, "names": list(map(str, range(width))), "bounds": [[0.0, 1.0]] * width}
    sampler = library("SALib.sample.sobol", "calibrate")
    return np.asarray(
        sampler.sample(problem, number, calc_second_order=second_order, seed=np.random.default_rng(root))
    )


def _checked_design(name: str, number: Any, second_order: bool) -> Method:
    method = next((method for method in METHODS if method == name), None)
    if method is None:
        words = f"not one of {', '.join(METHODS)}{nearest(str(name), METHODS)}"
        raise InputError(f"method = {shown(name)} -> {words}")
    if not (isinstance(number, int) and not isinstance(number, bool) and LEAST <= number <= MOST_RUNS):
        raise InputError(f"number = {shown(number)} -> must be a whole number from {LEAST} to {MOST_RUNS:,}")
    if method == "sobol" and number & (number - 1):
        below = 1 << (number.bit_length() - 1)
        near = f"such as {below} or {2 * below}"
        raise InputError(f"number = {number} -> must be a power of two for sobol, {near}")
    if second_order and method != "sobol":
        raise InputError('second_order = true -> is for method = "sobol"')
    return method


def _checked_readouts(names: Sequence[str], at: Any) -> dict[str, At]:
    """Return what is read of each readout."""
    names = [names] if isinstance(names, str) else list(names)
    if not names:
        raise InputError("readouts -> there is none; name what is to be explained")
    for name in names:
        if name not in READOUTS:
            raise InputError(f"readouts: {shown(name)} -> no such readout{nearest(str(name), READOUTS)}")
        if names.count(name) > 1:
            raise InputError(f"readouts: {shown(name)} -> is there twice")
    table = at if isinstance(at, Mapping) else dict.fromkeys(names, at)
    words: dict[str, At] = {}
    for name, word in table.items():
        if name not in names:
            raise InputError(f"at.{name} -> is not among the readouts{nearest(str(name), names)}")
        known = next((one for one in ATS if one == word), None)
        if known is None:
            key = f"at.{name}" if isinstance(at, Mapping) else "at"
            hint = nearest(str(word), ATS)
            raise InputError(f"{key} = {shown(word)} -> not one of {', '.join(ATS)}{hint}")
        words[name] = known
    return {name: words.get(name, "end") for name in names}
