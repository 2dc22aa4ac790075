"""How far a run has come: a bar on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

HOURS_PER_DAY = 24.0
LINES = 10


def span(seconds: float) -> str:
    """Return a length of time in the words one would use: ``"40 s"``, ``"3 min"``, ``"2 h 10 min"``."""
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


class Screen:
    """A bar on a terminal, or lines in a file; use it as a context manager.

    Parameters
    ----------
    stream : text file, optional
        Where to write; standard error unless given.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self._bar: Bar | None = None

    def say(self, line: str) -> None:
        """Print a line of its own."""
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, file=self.stream, flush=True)

    def _start_bar(self, words: str, percent: bool) -> None:
        """Start a bar on the terminal: `words`, its percent where asked for, and a field for more words."""
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            *([TaskProgressColumn()] if percent else []),
            TextColumn("{task.fields[words]}", markup=False),
            console=Console(file=self.stream),
            refresh_per_second=4,
        )
        self._bar.start()
        self._bar.add_task(words, total=1.0, words="")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class Progress(Screen):
    """Shows percent, simulated day and time left of one run.

    Use it as a context manager; the runner calls `begin` once the run folder exists and `update` after steps.

    Parameters
    ----------
    stream : text file, optional
        Where to write; standard error unless given.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self.folder: Path | None = None
        self._end = self._first = 0.0
        self._started = 0.0
        self._lines = 0
        self._task: TaskID | None = None

    def begin(self, folder: Path, end_hours: float, hours: float = 0.0) -> None:
        """Start showing a run.

        Parameters
        ----------
        folder : Path
            Folder of the run; `folder` keeps it, to say how to go on after an interruption.
        end_hours, hours : float
            Length of the run, and how much of it is done (h).
        """
        self.folder, self._end, self._first = folder, end_hours, hours
        self._started = time.monotonic()
        self._lines = int(LINES * hours / end_hours)
        if self.stream.isatty():
            self._begin_bar()
        else:
            self.say(f"{folder}: day {hours / HOURS_PER_DAY:g} to {end_hours / HOURS_PER_DAY:g}")

    def update(self, hours: float) -> None:
        """Show that `hours` (h) of the run are done."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=hours, day=hours / HOURS_PER_DAY)
            return
        lines = int(LINES * hours / self._end) if self._end else 0
        if lines > self._lines:
            self._lines = lines
            percent, day = 100 * hours / self._end, hours / HOURS_PER_DAY
            left = f", {span(self.seconds_left(hours))} left" if hours < self._end else ""
            self.say(f"{percent:3.0f} %  day {day:.1f} of {self._end / HOURS_PER_DAY:g}{left}")

    def seconds_left(self, hours: float) -> float:
        """Return the expected time (s) until the end, from the pace since `begin`."""
        done = hours - self._first
        passed = time.monotonic() - self._started
        return passed * (self._end - hours) / done if done > 0 else 0.0

    def _begin_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            BarColumn(),
            TaskProgressColumn(),
            TextColumn(f"day {{task.fields[day]:.1f}} of {self._end / HOURS_PER_DAY:g}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=Console(file=self.stream),
            refresh_per_second=4,
        )
        self._bar.start()
        self._task = self._bar.add_task("", total=self._end, day=self._first / HOURS_PER_DAY)
        self._bar.update(self._task, completed=self._first)
