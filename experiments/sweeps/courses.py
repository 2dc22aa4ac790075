"""The recorded readouts of the arms of a plan, paired by patient."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lobule.experiments.identity import run_id
from lobule.experiments.sweeps.finished import Run
from lobule.experiments.sweeps.plan import Plan, replicate_seed
from lobule.experiments.sweeps.store import Store

Array = NDArray[np.float64]
Course = Mapping[str, Array]
"""Recorded readouts of one run, ``hours`` and ``age_days`` among them."""

At = Literal["end", "max", "mean"]
"""What of a series counts."""
ATS: tuple[At, ...] = get_args(At)


class ArmCourses:
    """The recorded readouts of the runs of a plan with a single point, read when asked for.

    Parameters
    ----------
    store : Store
        Where the runs are.
    plan : Plan
        Which runs there are.
    """

    def __init__(self, store: Store, plan: Plan) -> None:
        self.store = store
        self.cases = {arm.name: plan.resolved(number, 0) for number, arm in enumerate(plan.arms)}
        seeds = [replicate_seed(plan.root, number) for number in plan.replicates]
        self.runs = {name: [run_id(case, seed) for seed in seeds] for name, case in self.cases.items()}
        self.done, _ = store.state({run for runs in self.runs.values() for run in runs})
        self._read: dict[str, Course] = {}

    def of(self, arm: str, also: str | None = None) -> tuple[list[Course], list[Course]]:
        """Return the courses of an arm and of another, of the seeds for which both are there."""
        runs = self.runs[arm]
        others = runs if also is None else self.runs[also]
        there = [pair for pair in zip(runs, others, strict=True) if self.done.issuperset(pair)]
        first = [self.course(run) for run, _ in there]
        return first, [] if also is None else [self.course(other) for _, other in there]

    def course(self, run: str) -> Course:
        """Return what a finished run has recorded."""
        if run not in self._read:
            table = Run(self.store.folder(run)).table()
            self._read[run] = {name: table[name].to_numpy().astype(float) for name in table.column_names}
        return self._read[run]


def reduced(hours: Array, values: Array, at: At) -> float:
    """Return the end, highest value or mean over time of a series, times without a number left out."""
    if at == "end":
        return float(values[-1])
    there = np.isfinite(values)
    if not there.any():
        return math.nan
    if at == "max":
        return float(values[there].max())
    span = hours[there][-1] - hours[there][0]
    return float(np.trapezoid(values[there], hours[there]) / span) if span else float(values[there][0])
