"""Runs of cases: what is kept of them, and statistics over seeds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule import Lobule
from lobule.agents import macrophage, stellate
from lobule.geometry import PARENCHYMA
from lobule.readouts import READOUTS
from lobule.units import HOURS_PER_DAY
from verification.study import Task

Floats = NDArray[np.float64]
Lobules = int | tuple[int, int]

#: Readouts that no check compares: the clock, and the account, which the section on invariants has.
BOOKKEEPING = ("hours", "age_days", "iron_ledger_error")
COMPARED = [name for name in READOUTS if name not in BOOKKEEPING]
COUNTS = {name for name, (unit, _) in READOUTS.items() if unit == "cells"}
_SITES = {"mouse": 450, "rat": 610, "human": 1333}  # of a lobule, to guess how long a run takes


class Built(NamedTuple):
    """A built-in case as the study runs it; `step` None is the clock of the case itself."""

    days: float
    step: float | None
    every: float
    lobules: int
    steps: int
    """Steps it takes at that clock."""

    @classmethod
    def of(cls, days: float, step: float, every: float, lobules: int) -> Built:
        """Return a case with one step length throughout."""
        return cls(days, step, every, lobules, round(days * HOURS_PER_DAY / step))


#: The hours between samples are common multiples of the steps compared.
BUILT = {
    "wild-type-mouse": Built.of(49.0, 1.0, 24.0, 7),
    "hfe-mouse": Built.of(49.0, 1.0, 24.0, 7),
    "hfe-mouse-msc": Built.of(77.0, 1.0, 24.0, 7),
    "ccl4-mouse": Built.of(56.0, 1.0, 6.0, 7),
    "carbonyl-iron-rat": Built.of(365.0, 12.0, 24.0, 1),
    "healthy-human": Built.of(7320.0, 24.0, 720.0, 1),  # grown up; thirty quiet years follow
    "hfe-human": Built.of(18263.0, 24.0, 720.0, 1),
    "transfusion-human": Built(730.0, None, 24.0, 1, 910),
}


@dataclass
class Course:
    """Samples of one run.

    Attributes
    ----------
    hours : ndarray, shape (k,)
        When they were taken, h since the start.
    readouts : dict of str to ndarray, shape (k,)
        By name of the readout.
    lobules : dict of str to ndarray, shape (k, n_lobules)
        ``collagen`` (% area), ``activated`` and ``m1`` (cells), ``iron`` (fmol a hepatocyte) of each lobule.
    """

    hours: Floats
    readouts: dict[str, Floats]
    lobules: dict[str, Floats]

    def mean(self, name: str, first_day: float, last_day: float) -> float:
        """Return the mean of a readout over the samples after `first_day` up to `last_day`."""
        return float(self.readouts[name][self._within(first_day, last_day)].mean())

    def lobule_means(self, name: str, first_day: float, last_day: float) -> Floats:
        """Return the means of a quantity of each lobule over such samples, shape (n_lobules,)."""
        return np.asarray(self.lobules[name][self._within(first_day, last_day)].mean(axis=0))

    def _within(self, first_day: float, last_day: float) -> NDArray[np.bool_]:
        days = self.hours / HOURS_PER_DAY
        return (days > first_day + 1e-9) & (days <= last_day + 1e-9)


def settings(case: str, lobules: Lobules, step: float | None, changes: str = "") -> dict[str, Any]:
    """Return the settings of a run with one step length (h), or the case's own clock if it is None.

    `changes` are further settings as JSON.
    """
    made: dict[str, Any] = {
        "tissue.lobules": list(lobules) if isinstance(lobules, tuple) else lobules,
        "tissue.agents": False,
        "record.snapshot_days": [],
        **(json.loads(changes) if changes else {}),
    }
    if step is not None:
        made["clock.phases"] = [{"days": BUILT[case].days, "step_hours": step}]
    return made


def course(
    case: str,
    seed: int,
    lobules: Lobules,
    step: float | None,
    days: float,
    every: float,
    changes: str = "",
) -> Course:
    """Run a case for `days` with one step length (h), and sample it every `every` hours."""
    model = Lobule(case, rng=seed, settings=settings(case, lobules, step, changes))
    return follow(model, days, every)


def follow(model: Lobule, days: float, every: float) -> Course:
    """Run `model` for `days`, and sample it every `every` hours; times count from here."""
    start, rows, parts = model.hours, [], []
    for _ in range(int(days * HOURS_PER_DAY / every + 1e-9)):
        model.run(days=every / HOURS_PER_DAY)
        rows.append(model.readouts())
        parts.append(_by_lobule(model))
    return Course(
        hours=np.array([row["hours"] - start for row in rows]),
        readouts={name: np.array([row[name] for row in rows], float) for name in READOUTS},
        lobules={name: np.array([part[name] for part in parts]) for name in parts[0]},
    )


def _by_lobule(model: Lobule) -> dict[str, Floats]:
    tissue, tables, n = model.tissue, model.population.tables, model.tissue.n_lobules

    def total(sites: NDArray[Any], weight: Any = None) -> Floats:
        return np.bincount(tissue.lobule[sites], weight, n).astype(float)

    inside = np.flatnonzero(tissue.kind == PARENCHYMA)
    area = 100.0 * (1.0 - np.exp(-model.matrix.collagen[inside] / 100.0))
    hepatocyte, cell, phage = tables["hepatocyte"], tables["stellate"], tables["macrophage"]
    return {
        "collagen": total(inside, area) / total(inside),
        "activated": total(cell["site"], cell["stage"] >= stellate.ACTIVATED),
        "m1": total(phage["site"], phage["polarisation"] == macrophage.M1),
        "iron": total(hepatocyte["site"], hepatocyte["iron"]) / np.maximum(total(hepatocyte["site"]), 1.0),
    }


def run_task(
    case: str,
    seed: int,
    lobules: Lobules,
    step: float | None,
    days: float,
    every: float,
    changes: str = "",
) -> Task:
    """Return the task of one run; arguments as in `course`."""
    steps = BUILT[case].steps if step is None else days * HOURS_PER_DAY / step
    count = lobules if isinstance(lobules, int) else lobules[0] * lobules[1]
    species = case.rpartition("-")[2].replace("msc", "mouse")
    many = "lobule" if count == 1 else "lobules"
    at = "own clock" if step is None else f"{step:g} h"
    return Task(
        label=f"{case}, {count} {many}, {at}, {days:g} d, seed {seed}",
        function=course,
        arguments=(case, seed, lobules, step, days, every, changes),
        seconds=0.1 + 1e-3 * steps * (1.0 + 0.9 * count * _SITES[species] / 450.0),
    )


def built_task(case: str, seed: int) -> Task:
    """Return the task of a built-in case in full."""
    built = BUILT[case]
    return run_task(case, seed, built.lobules, built.step, built.days, built.every)


def spread(values: Iterable[float]) -> tuple[float, float]:
    """Return mean and standard deviation of a sample."""
    sample = np.array(list(values), float)
    return float(sample.mean()), float(sample.std(ddof=1)) if sample.size > 1 else 0.0


def pooled(samples: Iterable[Iterable[float]]) -> float:
    """Return the standard deviation within samples that may have different means."""
    squares, freedom = 0.0, 0
    for values in samples:
        sample = np.array(list(values), float)
        squares += float(((sample - sample.mean()) ** 2).sum())
        freedom += sample.size - 1
    return float(np.sqrt(squares / freedom)) if freedom else 0.0


def as_json(changes: Mapping[str, Any]) -> str:
    """Return settings as the text that `course` takes."""
    return json.dumps(changes, sort_keys=True)
