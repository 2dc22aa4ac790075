"""What a sweep will take, from short trials of some of its runs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lobule.case import Case
from lobule.experiments.sweeps.conduct import Workers
from lobule.experiments.sweeps.effort import sites, steps, weights_of
from lobule.experiments.sweeps.plan import Plan, PlannedRun
from lobule.experiments.sweeps.warm import compile_kernels
from lobule.interruption import uninterrupted
from lobule.units import HOURS_PER_DAY

TRIALS = 3
TRIAL_SECONDS = 1.5
STARTS = 2.5  # start-ups of a process that pass before the first worker has its first run
VALUE_BYTES = 8


class Estimate(NamedTuple):
    """What is to be expected."""

    seconds: float
    """Time on the clock."""
    bytes: float
    """Room on the disk."""
    workers: int
    """How many runs at a time that is."""


class Trial(NamedTuple):
    """What one run was found to take."""

    sites: float
    fixed: float
    """Seconds for building the model and writing the folder."""
    step: float
    """Seconds for a step."""
    files: float
    """Bytes of a folder with two rows and no snapshot."""
    snapshot: float
    """Bytes of a snapshot."""
    row: float
    """Bytes of a row."""


def estimate(plan: Plan, todo: Sequence[PlannedRun], workers: Workers) -> Estimate:
    """Return what doing `todo` will take, compiling not counted.

    Parameters
    ----------
    plan : Plan
        The sweep.
    todo : sequence of PlannedRun
        What is left of it.
    workers : Workers
        Who does them.
    """
    started = time.process_time()
    if not todo:
        return Estimate(0.0, 0.0, 1)
    compile_kernels()
    weights = weights_of(plan, todo)
    order = sorted(range(len(todo)), key=weights.__getitem__)
    chosen = {order[round(i * (len(order) - 1) / (TRIALS - 1))] for i in range(TRIALS)}
    by_weight = {weights[i]: todo[i] for i in sorted(chosen)}
    trials = [trial(plan.case(run), run.seed) for run in by_weight.values()]
    seconds = size = 0.0
    kinds: dict[tuple[int, float], int] = {}
    for run, weight in zip(todo, weights, strict=True):
        kinds[run.arm, weight] = kinds.get((run.arm, weight), 0) + 1
    examples = {(run.arm, weight): run for run, weight in zip(todo, weights, strict=True)}
    for kind, number in kinds.items():
        took, left = expected(plan.case(examples[kind]), trials)
        seconds += number * took
        size += number * left
    number = max(1, min(workers.at_a_time(), len(todo)))
    start = started if number == 1 else STARTS * started
    return Estimate(start + seconds / number, size, number)


def expected(case: Case, trials: Sequence[Trial]) -> tuple[float, float]:
    """Return seconds and bytes of a run of `case`, after the trial whose tissue is nearest in size."""
    own = sites(case)
    near = min(trials, key=lambda t: abs(t.sites - own))
    growth = own / near.sites
    record = case.record
    rows = case.end_hours // record.every_hours + 1
    snapshots = len(record.snapshot_days) + record.final_snapshot
    seconds = near.fixed + steps(case) * near.step * growth
    return seconds, near.files + rows * near.row + snapshots * near.snapshot * growth


def trial(case: Case, seed: int) -> Trial:
    """Run the first step of `case` as a sweep would, then step it for a moment, and measure."""
    from lobule.experiments.models import build_model
    from lobule.experiments.runner import run_case, series_row

    step_hours = case.clock.phases[0].step_hours
    short = case.with_days(step_hours / HOURS_PER_DAY)[0]
    with uninterrupted():
        build_model(case, seed).step()  # brings the kernels from the disk
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        start = time.perf_counter()
        run_case(short, seed=seed, out=out, draw=False)
        once = time.perf_counter() - start
        files = sum(path.stat().st_size for path in out.glob("*.*"))
        model = build_model(case, seed)
        start, number = time.perf_counter(), 0
        while number < steps(case) and (number == 0 or time.perf_counter() - start < TRIAL_SECONDS):
            with uninterrupted():
                model.step()
            number += 1
        step = (time.perf_counter() - start) / number
        model.save(out / "snapshot.npz")
        snapshot = (out / "snapshot.npz").stat().st_size
    fixed = max(0.0, once - step)
    return Trial(sites(case), fixed, step, files, snapshot, VALUE_BYTES * len(series_row(model)))
