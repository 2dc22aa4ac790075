"""What all sections share: tasks and how they are done, verdicts, and tables."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, Protocol

WORKERS = 2
#: Each worker computes with one thread, so that two of them fit on two cores.
ONE_THREAD = dict.fromkeys(
    ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)


class Task(NamedTuple):
    """A call to be made in a worker; equal calls are made once, whoever asks."""

    label: str
    function: Callable[..., Any]
    arguments: tuple[Hashable, ...]
    seconds: float
    """Rough guess of how long it takes; the longest come first."""

    @property
    def call(self) -> tuple[Callable[..., Any], tuple[Hashable, ...]]:
        """What makes it the same task as another."""
        return self.function, self.arguments


@dataclass(frozen=True)
class Scale:
    """How large the study is.

    Attributes
    ----------
    quick : bool
        Small cases only.
    seeds : int or None
        Seeds of each case instead of those of the sections.
    """

    quick: bool = False
    seeds: int | None = None

    def seed_list(self, full: int, quick: int) -> list[int]:
        """Return the seeds to run where a section would take `full` or, in a hurry, `quick` of them."""
        return list(range(1, 1 + (self.seeds or (quick if self.quick else full))))


@dataclass
class Chapter:
    """What a section has to say: its text, how many checks it made, and those that failed, in words."""

    text: str
    checks: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """Return one cell of the summary."""
        if not self.failures:
            return f"all {self.checks} pass"
        return f"**{len(self.failures)} of {self.checks} FAIL**"


class Section(Protocol):
    """A module of this package that makes one section."""

    NAME: str
    TITLE: str

    def tasks(self, scale: Scale) -> dict[Any, Task]:
        """Return the tasks of the section by a key of its own."""

    def report(self, results: dict[Any, Any], scale: Scale, images: Path | None) -> Chapter:
        """Return the chapter; draw into the folder `images` unless it is None."""


def perform(tasks: Iterable[Task], say: Callable[[str], None]) -> dict[Any, Any]:
    """Do all tasks in worker processes, each distinct one once; return the results by `Task.call`."""
    distinct = {task.call: task for task in tasks}
    ordered = sorted(distinct.values(), key=lambda task: -task.seconds)
    total, done, start = sum(task.seconds for task in ordered), 0.0, time.monotonic()
    os.environ.update(ONE_THREAD)  # the workers inherit it
    results: dict[Any, Any] = {}
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(task.function, *task.arguments): task for task in ordered}
        for future in as_completed(running):
            task = running[future]
            results[task.call] = future.result()
            done += task.seconds
            minutes, seconds = divmod(int(time.monotonic() - start), 60)
            say(f"[{100 * done / total:3.0f} %, {minutes}:{seconds:02d}] {task.label}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    say(f"{(used.ru_utime + used.ru_stime) / 60.0:.1f} minutes of processor time on {WORKERS} workers")
    return results


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float) -> str:
    """Return `value` to four significant digits."""
    return f"{value:.4g}" if value else "0"


def percent(value: float, signed: bool = False) -> str:
    """Return a share as a percentage to two significant digits."""
    if value == 0.0:
        return "0"
    digits = 2 if abs(value) < 0.001 else 1 if abs(value) < 0.1 else 0
    text = f"{100.0 * value:{'+' if signed else ''}.{digits}f}"
    return "0" if float(text) == 0.0 else text


def verdict(passed: bool) -> str:
    """Return what a table says of a check."""
    return "pass" if passed else "**FAIL**"


def gathered(asked: Mapping[Any, Task], results: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the results of a section's tasks by the section's own keys."""
    return {key: results[task.call] for key, task in asked.items()}
