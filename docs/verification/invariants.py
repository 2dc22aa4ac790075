"""What must hold whatever the scale and the step: the iron account, bounds, and the same bits."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import model_cases
import numpy as np

from lobule import Lobule
from lobule.population import IRON_COLUMNS
from lobule.units import HOURS_PER_DAY
from verification.study import Chapter, Scale, Task, table, verdict

NAME = "invariants"
TITLE = "Invariants"

LARGEST_ERROR = 1e-9
STEPS = (0.25, 1.0, 6.0, 24.0)
SHAPES = ((1, 1), (7, 1), (1, 8))
HOSTS = ("mouse", "human")
DAYS = 6.0
_THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

TEXT = """{days:g} days with every kind of event (transfusion, phlebotomy, three chelators, poison, MSC
by four routes, vesicles, a change of diet) in a knockout that grows; after every step: the error of the
iron account, the smallest of all pools and of the iron of all cells, transferrin's saturation, and the
smallest concentration. Largest relative error of the account (at most {largest:g} is allowed):

{account}

In none of them {bounds}

### The same bits

The hash of everything that makes up a state (columns of all cells, fields, matrix, flow, account, body,
drug levels, readouts) at the end of the same {days:g} days:

{bits}
"""


class Worst(NamedTuple):
    """The extremes over all steps of a run."""

    account: float
    pool: float
    """Smallest pool, over all iron."""
    iron: float
    """Smallest iron of a cell or its parts, fmol."""
    saturation: float
    concentration: float

    @property
    def sound(self) -> bool:
        """Whether all bounds hold, the account aside."""
        rounding = 1e-12
        return (
            self.pool >= -rounding
            and self.iron >= 0.0
            and self.saturation <= 1.0 + rounding
            and self.concentration >= 0.0
        )


def eventful(host: str, step: float, lobules: int = 1, layers: int = 1, agents: bool = False) -> Lobule:
    """Return the case with every kind of event for a species, with one step length (h)."""
    changes: dict[str, Any] = {
        **model_cases.EVERYTHING,
        "clock.phases": [{"days": DAYS, "step_hours": step}],
        "tissue.lobules": lobules,
        "tissue.layers": layers,
        "tissue.agents": agents,
    }
    if host == "human":
        changes["subject.age_days"] = 5000.0
        changes["hepatocyte.normal_iron"] = 20.0
    return Lobule(f"hfe-{host}", settings=changes)


def worst(host: str, step: float, lobules: int, layers: int, days: float = DAYS) -> Worst:
    """Run its first `days` and return the extremes over all steps."""
    model, rows = eventful(host, step, lobules, layers), []
    while model.hours < days * HOURS_PER_DAY - 1e-6:
        model.step()
        tables = model.population.tables
        irons = [
            tables[n][column].min(initial=0.0) for n, columns in IRON_COLUMNS.items() for column in columns
        ]
        rows.append(
            (
                model.ledger_error(),
                min(model.ledger.pool.values()) / model.ledger.total(),
                min(irons),
                model.body.saturation,
                min(float(model.fields.c.min()), float(model.fields.iron.min())),
            )
        )
    values = np.array(rows)
    if not np.isfinite(values).all():
        raise RuntimeError(f"{host}, {step:g} h: a state is not finite")
    low, high = values.min(axis=0), values.max(axis=0)
    return Worst(*(float(v) for v in (high[0], low[1], low[2], high[3], low[4])))


def fingerprint(model: Lobule) -> str:
    """Return the hash of the whole state."""
    digest = hashlib.sha256()
    for name, value in sorted(model_cases.state(model).items()):
        array = np.asarray(value)
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes() if array.dtype != object else repr(value).encode())
    return digest.hexdigest()


def at_once(lobules: int, layers: int, agents: bool = False) -> str:
    """Return the hash after a run in one go."""
    return fingerprint(eventful("mouse", 1.0, lobules, layers, agents=agents).run())


def saved(lobules: int, layers: int, every_days: float) -> str:
    """Return the hash after a run that is saved, and goes on from the file, every few days."""
    model = eventful("mouse", 1.0, lobules, layers)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.npz"
        while model.hours < model.case.end_hours - 1e-6:
            model.run(days=every_days)
            model.save(path)
            model = Lobule.load(path)
    return fingerprint(model)


def alternating(lobules: int, layers: int) -> str:
    """Return the hash after a run whose steps alternate with those of another model in the same process."""
    model, other = eventful("mouse", 1.0, lobules, layers), eventful("human", 6.0)
    while model.hours < model.case.end_hours - 1e-6:
        model.step()
        other.step()
    return fingerprint(model)


def in_child(lobules: int, layers: int, threads: int) -> str:
    """Return the hash after a run in a process of its own with `threads` threads."""
    code = f"from verification.invariants import at_once; print(at_once({lobules}, {layers}))"
    environment: Mapping[str, str] = {
        **os.environ,
        **dict.fromkeys(_THREADS, str(threads)),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the run with {threads} threads failed: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout.split()[-1]


BITS = {
    "in one go, without handles": (at_once, ()),
    "with a Mesa agent for each cell": (at_once, (True,)),
    "saved and loaded every 9 h": (saved, (0.375,)),
    "steps alternating with those of another model": (alternating, ()),
    "a process of its own, one thread": (in_child, (1,)),
    "a process of its own, two threads": (in_child, (2,)),
}
_FIRST = next(iter(BITS))


def _plan(scale: Scale) -> tuple[list[tuple[str, float, int, int]], tuple[tuple[int, int], ...]]:
    """Return the runs of the account, and the shapes of the tissue for the bits."""
    if scale.quick:
        steps, shapes = (1.0, 6.0, 24.0), ((1, 1), (1, 2))
        return [("mouse", s, *shape) for s, shape in product(steps, shapes)], ((1, 1),)
    return [(host, s, *shape) for host, s, shape in product(HOSTS, STEPS, SHAPES)], ((7, 1), (1, 3))


def tasks(scale: Scale) -> dict[Any, Task]:
    """Return the tasks of the section."""
    runs, shapes = _plan(scale)
    asked: dict[Any, Task] = {}
    for host, step, lobules, layers in runs:
        size = lobules * layers * (3.0 if host == "human" else 1.0)
        asked[host, step, lobules, layers] = Task(
            f"account: {host}, {step:g} h, {lobules} lobules, {layers} layers",
            worst,
            (host, step, lobules, layers),
            0.2 + DAYS * HOURS_PER_DAY / step * 1.5e-3 * (1.0 + size),
        )
    for shape in shapes:
        for name, (function, more) in BITS.items():
            label = f"bits: {name}, {shape[0]} lobules, {shape[1]} layers"
            asked[name, shape] = Task(label, function, (*shape, *more), 1.0 + 0.6 * shape[0] * shape[1])
    return asked


def report(results: dict[Any, Any], scale: Scale, _images: Path | None) -> Chapter:
    """Return the chapter."""
    runs, shapes = _plan(scale)
    chapter = Chapter("")
    places = list(dict.fromkeys((host, lobules, layers) for host, _, lobules, layers in runs))
    steps = list(dict.fromkeys(step for _, step, _, _ in runs))
    rows, unsound = [], []
    for host, lobules, layers in places:
        cells, passes = [], []
        for step in steps:
            found: Worst = results[host, step, lobules, layers]
            at = f"{host}, {lobules} lobules, {layers} layers, {step:g} h"
            passes.append(found.account <= LARGEST_ERROR)
            chapter.checks += 2
            cells.append(f"{found.account:.0e}")
            if not passes[-1]:
                chapter.failures.append(f"account: {at}: error {found.account:.0e}")
            if not found.sound:
                unsound.append(at)
                chapter.failures.append(f"bounds: {at}: {found}")
        rows.append([host, str(lobules), str(layers), *cells, verdict(all(passes))])
    bits = []
    for shape in shapes:
        for name in BITS:
            same = results[name, shape] == results[_FIRST, shape]
            if name != _FIRST:
                chapter.checks += 1
                if not same:
                    chapter.failures.append(f"bits: {name}, {shape[0]} lobules, {shape[1]} layers differ")
            shown = "the first" if name == _FIRST else "same" if same else "**other: FAIL**"
            bits.append([f"{shape[0]} x {shape[1]}", name, shown])
    chapter.text = TEXT.format(
        days=DAYS,
        largest=LARGEST_ERROR,
        account=table(["species", "lobules", "layers", *(f"{step:g} h" for step in steps), "verdict"], rows),
        bounds="was a pool, the iron of a cell or a concentration negative, or transferrin fuller than full."
        if not unsound
        else "but these was a pool, a cell or a field negative or transferrin overfull: **FAIL** in "
        + "; ".join(unsound)
        + ".",
        bits=table(["lobules x layers", "run", "bits"], bits),
    )
    return chapter
