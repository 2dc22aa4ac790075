"""From what the runs have recorded to indices, their intervals, and how much of it is mere chance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.experiments.export.needed import library
from lobule.experiments.sensitivities.study import BLOCKS, LEAST, Study
from lobule.experiments.sweeps.courses import At, reduced
from lobule.experiments.sweeps.design import MORRIS_LEVELS
from lobule.experiments.sweeps.finished import Run
from lobule.experiments.sweeps.store import Store

Array = NDArray[np.float64]
RESAMPLES, CONFIDENCE = 1000, 0.95
MORRIS_STEP = MORRIS_LEVELS / (2.0 * (MORRIS_LEVELS - 1.0))  # share of a range that a trajectory steps
MAIN = {"morris": "mu_star", "sobol": "ST"}
#: Names of the indices, and of those the ones that have an interval.
INDICES = {"morris": ("mu_star", "mu", "sigma"), "sobol": ("ST", "S1")}
WITH_INTERVAL = ("mu_star", "ST", "S1", "S2")


class Chance(NamedTuple):
    """What replicates that differ by their seeds alone say about chance; NaN from a single replicate."""

    share: float
    """Of the variance between the points, each the mean of its replicates: what is mere chance."""
    share_of_a_run: float
    """Of the variance of single runs, likewise."""
    deviation: float
    """Standard deviation that chance gives to the mean of a point, in the readout's unit."""


class Analysis(NamedTuple):
    """What was found for one readout."""

    readout: str
    at: At
    means: Array
    """Mean over the replicates for each point, shape (points,); NaN where the block is left out."""
    used: int
    """Trajectories or base samples that the indices come from."""
    chance: Chance
    indices: Mapping[str, Array]
    """By name an index for each parameter, and under `<name>_conf` half the width of its 95 % interval; of
    Sobol' indices of pairs (`S2`) a triangle. Empty where there is nothing to compute."""
    trouble: str = ""
    """Why there are no indices."""


def observed(study: Study, store: Store) -> dict[str, Array]:
    """Return what is read of the runs of a study.

    Returns
    -------
    dict of str to ndarray, shape (points, replicates)
        By readout, in its unit; NaN for a run that is not there or has no number.
    """
    plan = study.plan
    place = {number: i for i, number in enumerate(plan.replicates)}
    found = {name: np.full((len(plan.points), len(place)), math.nan) for name in study.readouts}
    done = store.state(run.id for run in plan.runs)[0]
    read: dict[str, dict[str, float]] = {}
    for row in plan.rows:
        if row.id in done and row.sample is not None:
            if row.id not in read:
                read[row.id] = _read(Run(store.folder(row.id)), study.readouts)
            for name, value in read[row.id].items():
                found[name][row.sample, place[row.replicate]] = value
    return found


def _read(run: Run, readouts: Mapping[str, At]) -> dict[str, float]:
    table = run.table(["hours", *readouts])
    hours = table["hours"].to_numpy()
    return {name: reduced(hours, table[name].to_numpy(), at) for name, at in readouts.items()}


def chance_of(values: Array) -> Chance:
    """Return how much of the variance of `values` is mere chance.

    All points share the seeds of the replicates. What a seed does to all points alike changes no index; what
    differs from point to point does. So the two are told apart by an analysis of variance in two ways.

    Parameters
    ----------
    values : ndarray, shape (points, replicates)
        All finite.
    """
    points, replicates = values.shape
    if replicates < 2 or points < 2:
        return Chance(math.nan, math.nan, math.nan)
    of_points, of_seeds = values.mean(axis=1), values.mean(axis=0)
    left = values - of_points[:, None] - of_seeds + values.mean()
    own = float((left**2).sum() / ((points - 1) * (replicates - 1)))
    between = float(of_points.var(ddof=1))
    if between == 0.0:
        return Chance(math.nan, math.nan, math.sqrt(own / replicates))
    share = min(1.0, own / replicates / between)
    by_points = max(0.0, between - own / replicates)
    by_seeds = max(0.0, float(of_seeds.var(ddof=1)) - own / points)
    total = by_points + by_seeds + own
    return Chance(share, (by_seeds + own) / total, math.sqrt(own / replicates))


def analyse(study: Study, readout: str, values: Array) -> Analysis:
    """Return the indices of the mean over replicates.

    A trajectory or base sample of which a value is missing is left out as a whole.

    Parameters
    ----------
    study : Study
        The design.
    readout : str
        What `values` are of.
    values : ndarray, shape (points, replicates)
        NaN where there is none.
    """
    blocks = values.reshape(-1, study.block, values.shape[1])
    whole = np.isfinite(blocks).all(axis=(1, 2))
    rows = np.repeat(whole, study.block)
    used = int(whole.sum())
    means = np.where(rows, values.mean(axis=1), math.nan)
    chance = chance_of(values[rows])
    found = Analysis(readout, study.readouts[readout], means, used, chance, {})
    if used < LEAST:
        words = f"only {used} of {study.number} {BLOCKS[study.method]} have numbers in all their runs"
        return found._replace(trouble=words)
    if np.ptp(means[rows]) <= 1e-12 * np.abs(means[rows]).max():
        return found._replace(trouble="it is the same at all points")
    return found._replace(indices=_indices(study, rows, means[rows]))


def _indices(study: Study, rows: NDArray[np.bool_], means: Array) -> dict[str, Array]:
    width, names = len(study.axes), list(study.axes)
    problem = {"num_vars": width, "names": names, "bounds": [[0.0, 1.0]] * width}
    options: dict[str, Any] = {
        "num_resamples": RESAMPLES,
        "conf_level": CONFIDENCE,
        "seed": np.random.default_rng(study.plan.root),
    }
    if study.method == "morris":
        module = library("SALib.analyze.morris", "calibrate")
        found = module.analyze(problem, study.unit()[rows], means, num_levels=MORRIS_LEVELS, **options)
        kinds = ("mu_star", "mu_star_conf", "mu", "sigma")
    else:
        module = library("SALib.analyze.sobol", "calibrate")
        found = module.analyze(problem, means, calc_second_order=study.second_order, **options)
        kinds = ("ST", "ST_conf", "S1", "S1_conf", *(("S2", "S2_conf") if study.second_order else ()))
    return {kind: np.asarray(found[kind], float) for kind in kinds}


def ranking(study: Study, analysis: Analysis) -> list[int]:
    """Return the numbers of the parameters, those that matter most first."""
    main = analysis.indices[MAIN[study.method]]
    return [int(i) for i in np.argsort(-main, kind="stable")]


def chance_level(study: Study, analysis: Analysis) -> float:
    """Return what the main index of a parameter without any effect would be by chance; NaN where unknown.

    Sobol': the total index of pure noise is its share of the variance. Morris: the mean absolute difference
    of two means, each with the deviation of chance, over the step of a trajectory.
    """
    if study.method == "sobol":
        return analysis.chance.share
    return 2.0 * analysis.chance.deviation / (math.sqrt(math.pi) * MORRIS_STEP)
