"""How far a sweep has come: a live line on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TextIO

from lobule.experiments.progress import Screen, span

SHOWN_FAILURES = 5
LINES = 10
QUIET_SECONDS = 60.0


class Display(Screen):
    """Shows runs done, failed and left, the time left, and what the first failures were.

    Use it as a context manager.

    Parameters
    ----------
    stream : text file, optional
        Where to write; standard error unless given.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self.total = self.done = self.failed = 0
        self._share = 0.0
        self._started = self._spoken = time.monotonic()
        self._lines = self._told = 0

    def begin(self, name: str, total: int, done: int, failed: int) -> None:
        """Start showing a sweep of `total` runs; `done` are there already and `failed` have failed."""
        self.total, self.done, self.failed = total, done, failed
        self._started = self._spoken = time.monotonic()
        if self.stream.isatty():
            self._start_bar(name, percent=True)
            self.update(0.0)
        else:
            self.say(f"{name}: {self._words()}")

    def ended(self, message: str = "") -> None:
        """Count a run that has ended: a failure when there is a `message`."""
        if not message:
            self.done += 1
            return
        self.failed += 1
        self._told += 1
        if self._told <= SHOWN_FAILURES:
            self.say(f"failed: {message}")
        elif self._told == SHOWN_FAILURES + 1:
            self.say("more runs fail; all are listed at the end and kept in failures/")

    def update(self, share: float) -> None:
        """Show that `share` (0 to 1) of the work that was to be done is done."""
        self._share = share
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=share, words=self._words())
            return
        lines, now = int(LINES * share), time.monotonic()
        if lines > self._lines or now - self._spoken > QUIET_SECONDS:
            self._lines, self._spoken = lines, now
            self.say(f"{100 * share:3.0f} %  {self._words()}")

    @property
    def seconds_left(self) -> float:
        """Expected time (s) until the end, from the pace so far; not a number before there is one."""
        passed = time.monotonic() - self._started
        return passed * (1.0 - self._share) / self._share if self._share > 0.0 else float("nan")

    def _words(self) -> str:
        failed = f", {self.failed:,} failed" if self.failed else ""
        left, seconds = self.total - self.done - self.failed, self.seconds_left
        time_left = f", {span(seconds)}" if left and seconds == seconds else ""
        return f"{self.done:,} of {self.total:,} done{failed}, {left:,} left{time_left}"
