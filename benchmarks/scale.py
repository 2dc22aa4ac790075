"""Time and memory from one lobule's neighbourhood to a million sites, and two workers against one."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rounds import Goal, Section, Spread, clock

ROOT = Path(__file__).parents[1]
HOURS_PER_YEAR = 365.0 * 24.0

#: Lobules and layers of each size; the first is what the others are held against.
SIZES: dict[str, tuple[Any, int]] = {
    "2-D, 6 lobules": ((2, 3), 1),
    "2-D, 42 lobules": ((6, 7), 1),
    "3-D, 9 lobules x 50 layers": ((3, 3), 50),
    "2-D, 2,304 lobules": ((48, 48), 1),
}
QUICK = 2
WARM, LONG = 6, 240
SPENT = 0.4  # s of steps a round, at least one step
PATIENCE = 900.0  # s for one size


def run(section: Section) -> None:
    """Measure every size in a process of its own, so that its memory is seen and given back."""
    names = list(SIZES)[: QUICK if section.quick else None]
    for name in names:
        section.say(f"{name}: a child process builds the model")
        found = _in_child(name, section.rounds, LONG if name == names[0] else 0)
        if found is None:
            section.remark(f"{name}: not measured, not through after {PATIENCE / 60:.0f} minutes")
            continue
        n = found["sites"]
        label = f"{name} ({n:,} sites, {found['cells']:,} cells)"
        section.add(f"{label}: transport", Spread.of([1e6 * t / n for t in found["transport"]]), "us/site")
        section.add(f"{label}: step", Spread.of([1e6 * t / n for t in found["step"]]), "us/site")
        step = float(np.median(found["step"]))
        years = 3600.0 / step / HOURS_PER_YEAR
        section.add(f"{label}: lobule-years per core-hour", years * found["lobules"], "")
        if name.startswith("3-D"):
            section.add(f"{label}: tissue-years per core-hour", years, "", Goal(2.0))
        if name == names[0]:
            gained = found["grown"] / 2**20
            section.add(f"{label}: memory gained over {LONG} steps", gained, "MiB", Goal(2.0, at_least=False))
        else:
            ratios = [t / n / s for t, s in zip(found["step"], found["small"], strict=True)]
            goal = Goal(2.5, at_least=False) if n > 900_000 else None
            section.add(f"{label}: step per site over that of {names[0]}", Spread.of(ratios, 0.8), "x", goal)
            memory = found["memory"]
            each = ", ".join(
                f"{memory / found[key] / 1e3:.2f} kB per {key[:-1]}" for key in ("sites", "cells")
            )
            built = f"built in {found['built']:.0f} s"
            section.remark(f"{label}: {built}; resident memory {memory / 1e6:,.0f} MB, {each}")
    two_workers(section)


def _in_child(name: str, rounds: int, long: int) -> dict[str, Any] | None:
    """Return what `measure` finds in a process of its own, None where that takes too long."""
    code = f"from benchmarks.scale import measure; measure({name!r}, {rounds}, {long})"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return None
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(name: str, rounds: int, long: int) -> None:
    """Print, as JSON, what one size takes; run in a process of its own."""
    from benchmarks.hour import model_of

    small = _warm(model_of(SIZES[next(iter(SIZES))][0], **{"tissue.agents": False}))
    found: dict[str, Any] = {}
    if name != next(iter(SIZES)):
        lobules, layers = SIZES[name]
        before, start = resident(), time.perf_counter()
        model = model_of(lobules, **{"tissue.agents": False, "tissue.layers": layers})
        found["built"] = time.perf_counter() - start
        _warm(model)
        found["memory"] = resident() - before
    else:
        model = small
    n = model.tissue.n_sites
    found |= {"sites": n, "lobules": model.tissue.n_lobules}
    found["cells"] = sum(len(table) for table in model.population.tables.values())
    found |= {"step": [], "transport": [], "small": []}
    for _ in range(rounds):
        took, solving = _timed(model)
        found["step"].append(took)
        found["transport"].append(solving)
        if model is not small:
            found["small"].append(_timed(small)[0] / small.tissue.n_sites)
    if long:
        for _ in range(LONG // 2):
            model.step()
        gc.collect()
        before = resident()
        for _ in range(long):
            model.step()
        gc.collect()
        found["grown"] = resident() - before
    print(json.dumps(found))


def _warm(model: Any) -> Any:
    for _ in range(WARM):
        model.step()
    return model


def _timed(model: Any) -> tuple[float, float]:
    """Return the seconds that a step takes and those of them in the transport solve."""
    solver, spent = model.transport, 0.0
    solve: Callable[..., Any] = type(solver).solve.__get__(solver)

    def timed(*args: Any, **kwargs: Any) -> Any:
        nonlocal spent
        start = clock()
        result = solve(*args, **kwargs)
        spent += clock() - start
        return result

    solver.solve = timed
    steps, start = 0, clock()
    while steps == 0 or clock() - start < SPENT:
        model.step()
        steps += 1
    whole = clock() - start
    del solver.solve
    return whole / steps, spent / steps


def resident() -> int:
    """Return the resident memory of this process in bytes, its peak where the system tells no more."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024)


def two_workers(section: Section) -> None:
    """Let one process step its model, then two at once."""
    section.say("two worker processes")
    context = get_context("spawn")
    ends: list[Connection] = []
    workers = []
    for _ in range(2):
        here, there = context.Pipe()
        worker = context.Process(target=work, args=(there,), daemon=True)
        worker.start()
        workers.append(worker)
        ends.append(here)
    for end in ends:
        end.recv()
    gains = []
    for _ in range(section.rounds):
        alone = _together(ends[:1])
        gains.append(2.0 * alone / _together(ends))
    for end in ends:
        end.send(0)
    for worker in workers:
        worker.join()
    section.add("throughput of two workers over one", Spread.of(gains, 0.8), "x", Goal(1.8))


def _together(ends: list[Connection], steps: int = 50) -> float:
    start = time.perf_counter()
    for end in ends:
        end.send(steps)
    for end in ends:
        end.recv()
    return time.perf_counter() - start


def work(end: Connection) -> None:
    """Step a model as often as asked, until asked for nothing."""
    from benchmarks.hour import model_of

    model = _warm(model_of((2, 3)))
    end.send("ready")
    while steps := end.recv():
        for _ in range(steps):
            model.step()
        end.send("done")
