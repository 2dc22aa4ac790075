"""Being asked to end: SIGTERM and SIGHUP stop a command as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
TIDYING = 10.0  # s that a command is given to end; what comes meanwhile, often both signals, is the same wish


class Asked:
    """Which signal has come.

    Attributes
    ----------
    code : int
        Exit code of an interrupted command: 130, or 128 and the number of the signal that asked for its end.
    """

    def __init__(self) -> None:
        self.code = 130
        self._again_from = 0.0

    def end(self, number: int, frame: FrameType | None) -> None:
        """Interrupt, and not once more while the command tidies up."""
        if time.monotonic() < self._again_from:
            return
        self._again_from = time.monotonic() + TIDYING
        self.code = 128 + number
        raise KeyboardInterrupt


@contextmanager
def interrupting() -> Iterator[Asked]:
    """Let the signals raise `KeyboardInterrupt` inside; those that are ignored, as under nohup, stay so."""
    asked = Asked()
    held = {}
    if threading.current_thread() is threading.main_thread():
        held = {number: was for number in ENDING if (was := signal.getsignal(number)) == signal.SIG_DFL}
    for number in held:
        signal.signal(number, asked.end)
    try:
        yield asked
    finally:
        for number, was in held.items():
            signal.signal(number, was)


def leave_alone() -> None:
    """Let the signals do again what they do without us, for a server that sees to them itself."""
    for number in ENDING:
        if isinstance(getattr(signal.getsignal(number), "__self__", None), Asked):
            signal.signal(number, signal.SIG_DFL)
