"""How far a calibration has come: a live line on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TextIO

from lobule.experiments.progress import Screen, span

LINES = 5
QUIET_SECONDS = 60.0


class GenerationDisplay(Screen):
    """Shows accepted and simulated particles of a generation, and the time left of it.

    Use it as a context manager.

    Parameters
    ----------
    stream : text file, optional
        Where to write; standard error unless given.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._words, self._total, self._lines = "", 1, 0
        self._started = self._spoken = time.monotonic()

    def begin(self, words: str, total: int) -> None:
        """Start showing a generation of `total` accepted particles, described by `words`."""
        self._words, self._total, self._lines = words, total, 0
        self._started = self._spoken = time.monotonic()
        if not self.stream.isatty():
            self.say(words)
            return
        if self._bar is None:
            self._start_bar(words, percent=False)
        assert self._bar is not None
        task = self._bar.task_ids[0]
        self._bar.update(task, description=words, total=total, completed=0, words="")

    def update(self, accepted: int, simulated: int) -> None:
        """Show that `accepted` of `simulated` particles so far were accepted."""
        accepted = min(accepted, self._total)
        left = ""
        if 0 < accepted < self._total:
            passed = time.monotonic() - self._started
            left = f", {span(passed * (self._total - accepted) / accepted)} left"
        words = f"{accepted:,} of {self._total:,} accepted, {simulated:,} simulated{left}"
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=accepted, words=words)
            return
        lines, now = LINES * accepted // self._total, time.monotonic()
        if lines > self._lines or now - self._spoken > QUIET_SECONDS:
            self._lines, self._spoken = lines, now
            self.say(f"{100 * accepted // self._total:3d} %  {words}")
