"""Sweeps: what a run costs beyond its simulation, two workers, finding finished work again, memory, disk."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.rounds import Goal, Section, Spread
from lobule.case import Case
from lobule.experiments.folders import MANIFEST, manifest_seal
from lobule.experiments.models import build_model
from lobule.experiments.runner import run_case
from lobule.experiments.sweeps.plan import Plan
from lobule.experiments.sweeps.planning import make_plan
from lobule.experiments.sweeps.store import Store
from lobule.experiments.sweeps.task import Task, perform
from lobule.experiments.sweeps.warm import compile_kernels

LOBULE = [sys.executable, "-m", "lobule.experiments.cli"]
ONE = {"tissue.lobules": 1, "record.snapshot_days": []}
FINISHED, PLANNED = 10_000, 100_000
DAYS, LONG_DAYS = 2.0, 14.0
RUNS, SHORT_RUNS = 320, 16  # in each sweep on two workers
WATCH_SECONDS = 20.0

FILE = """
format = 1
case = "hfe-mouse"
days = {days}
replicates = {replicates}
[settings]
tissue.lobules = 1
record.snapshot_days = []
[parameters]
hepatocyte.export_rate = {{ from = 0.02, to = 0.06, points = {points} }}
"""


def run(section: Section) -> None:
    """Measure all of it in a folder of its own."""
    compile_kernels()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        overhead(section, folder / "overhead")
        two_workers(section, folder)
        finished(section, folder, FINISHED // (20 if section.quick else 1))
        memory(section, folder, PLANNED // (20 if section.quick else 1))


def tasks_of(plan: Plan, store: Store) -> list[Task]:
    """Return what a worker is told of each run."""
    return [
        Task(
            str(store.path),
            run.id,
            plan.case(run).to_json(),
            run.seed,
            plan.labels(run),
            "benchmark",
            plan.code,
            False,
        )
        for run in plan.runs
    ]


def overhead(section: Section, folder: Path) -> None:
    """Let each run of a plan be made as a sweep does, and then be simulated alone."""
    rounds = max(20, 5 * section.rounds)
    section.say(f"overhead: {rounds} runs of {DAYS:g} days, in a store and alone")
    plan = make_plan("overhead", ["hfe-mouse"], {}, range(rounds + 1), settings=ONE, days=DAYS)
    store = Store(folder)
    store.prepare()
    extra, sizes, alone = [], [], []
    for planned, task in zip(plan.runs, tasks_of(plan, store), strict=True):
        start = time.perf_counter()
        perform(task)
        kept = time.perf_counter() - start
        start = time.perf_counter()
        simulate(plan.case(planned), planned.seed)
        alone.append(time.perf_counter() - start)
        extra.append(1e3 * (kept - alone[-1]))
        files = [path for path in store.folder(planned.id).rglob("*") if path.is_file()]
        sizes.append(sum(path.stat().st_size for path in files) / 1e3)
    note = f"the simulation itself: {Spread.of([1e3 * t for t in alone[1:]], 0.8)} ms"
    goal = Goal(60.0, at_least=False)
    section.add("overhead of a run beyond its simulation", Spread.of(extra[1:], 0.8), "ms", goal, note)
    section.add("a run on the disk, final state of one lobule kept", Spread.of(sizes), "kB")
    without = [size - final_size(store, run.id) for size, run in zip(sizes, plan.runs, strict=True)]
    section.add("a run on the disk, no snapshot", Spread.of(without), "kB")


def final_size(store: Store, run: str) -> float:
    """Return the size (kB) of the final snapshot of a run."""
    return (store.folder(run) / "snapshots" / "final.npz").stat().st_size / 1e3


def simulate(case: Case, seed: int) -> Any:
    """Run a model to its end and take its readouts."""
    return build_model(case, seed).run().readouts()


def two_workers(section: Section, folder: Path) -> None:
    """Let two workers do a sweep, and two processes side by side half of it each."""
    replicates = SHORT_RUNS if section.quick else RUNS
    section.say(f"two workers: {replicates} runs of {LONG_DAYS:g} days, together and as two halves")
    whole = folder / "whole.toml"
    whole.write_text(FILE.format(days=LONG_DAYS, replicates=replicates // 2, points=2))
    ratios, walls = [], []
    for number in range(max(1, section.rounds // 3)):
        out = [folder / f"{kind}-{number}" for kind in ("a", "b", "c")]
        start = time.perf_counter()
        halves = []
        for side, place in enumerate(out[:2]):
            half = folder / f"half-{side}.toml"
            text = FILE.format(days=LONG_DAYS, replicates=replicates // 4, points=2)
            half.write_text(f"seed = {2 + side}\n{text}")
            halves.append(_start(half, place, 1))
        for process in halves:
            process.wait()
        serial = time.perf_counter() - start
        start = time.perf_counter()
        _start(whole, out[2], 2).wait()
        walls.append(time.perf_counter() - start)
        ratios.append(serial / walls[-1])
        for place in out:
            shutil.rmtree(place)
    note = f"the sweep takes {Spread.of(walls)} s, starting included"
    section.add("two serial halves at once / sweep on two workers", Spread.of(ratios), "x", Goal(0.9), note)


def _start(file: Path, out: Path, workers: int) -> subprocess.Popen[bytes]:
    words = [*LOBULE, "sweep", str(file), "--out", str(out), "--workers", str(workers)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def finished(section: Section, folder: Path, number: int) -> None:
    """Let the command find a store in which everything is done."""
    file, out = folder / "finished.toml", folder / "finished"
    file.write_text(FILE.format(days=0.25, replicates=number // 100, points=100))
    section.say(f"a store of {number:,} finished runs is made, all copies of one under their own names")
    from lobule.experiments.sweeps.sweepfile import read_sweep

    plan, store = read_sweep(file), Store(out)
    store.prepare()
    store.save(plan)
    first = run_case(plan.case(plan.runs[0]), seed=1, out=folder / "one", draw=False)
    manifest = json.loads((first / MANIFEST).read_bytes())
    for planned in plan.runs:
        copy = shutil.copytree(first, store.folder(planned.id))
        own = {**manifest, "run": planned.id}
        (copy / MANIFEST).write_text(json.dumps({**own, "seal": manifest_seal(own)}), "utf-8")
    times = []
    for _ in range(section.rounds):
        start = time.perf_counter()
        done = subprocess.run(
            [*LOBULE, "sweep", str(file), "--out", str(out)], capture_output=True, text=True, check=True
        )
        times.append(time.perf_counter() - start)
        assert f"{number:,} of {number:,} runs done" in done.stdout, done.stdout
        assert "damaged" not in done.stderr, done.stderr  # nothing was done again
    goal = Goal(5.0, at_least=False)
    section.add(f"`lobule sweep` where all {number:,} runs are done", Spread.of(times), "s", goal)


def memory(section: Section, folder: Path, number: int) -> None:
    """Watch the memory of a driver that has `number` runs before it, for a while."""
    file = folder / "planned.toml"
    file.write_text(FILE.format(days=0.25, replicates=number // 5000, points=5000))
    section.say(f"memory of a driver with {number:,} runs planned, watched for {WATCH_SECONDS:g} s")
    process = _start(file, folder / "planned", 2)
    driver, peak, end = psutil.Process(process.pid), 0, time.monotonic() + WATCH_SECONDS
    while time.monotonic() < end and process.poll() is None:
        peak = max(peak, driver.memory_info().rss)
        time.sleep(0.05)
    process.kill()
    process.wait()
    goal = Goal(500.0, at_least=False)
    section.add(f"memory of the driver, {number:,} runs planned", peak / 1e6, "MB", goal)
