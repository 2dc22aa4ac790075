"""Interruptions: Ctrl-C and its like wait for the end of a piece of work that must not be left half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let signals that Python answers be heard at the end of what is inside.

    An exception that a signal raises in the midst of a step would leave a state that no step ends in, and one
    that is raised while compiled code is called, or an archive written, can break both. What would end the
    process without Python's doing still ends it at once.
    """
    if threading.current_thread() is not threading.main_thread():  # signals are answered elsewhere
        yield
        return
    heard: list[int] = []
    held = {number: was for number in INTERRUPTING if callable(was := signal.getsignal(number))}
    try:
        for number in held:
            signal.signal(number, lambda number, frame: heard.append(number))
        yield
    finally:
        for number, was in held.items():
            signal.signal(number, was)
        if heard:
            signal.raise_signal(heard[0])
