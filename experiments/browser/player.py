"""The thread that owns a session: plays, jumps, and carries out what the visitor asks, between two steps."""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from lobule.doses import TOLERANCE_HOURS
from lobule.errors import InputError
from lobule.experiments.browser.session import Played

#: What a player does between two steps.
Action = Callable[[Any], object]
#: What an action returns that changes nothing on the page.
QUIET = object()

FRAMES_PER_SECOND = 25.0
MOST_FRAME_SECONDS = 0.25  # of computing before something is shown
PATIENCE_SECONDS = 1.0  # for a browser that does not say that it has drawn


class Player:
    """Runs a session in a thread of its own, so that the page never waits for the model.

    Parameters
    ----------
    session : Played
        What is played; nobody else touches it once the player has started.
    show : callable
        Called in the thread whenever there is something new to show.

    Attributes
    ----------
    playing : bool
        Whether time goes on.
    speed : float
        Simulated hours a second; 0 as fast as it goes.
    message : str
        What went wrong last, in words.
    until : float or None
        Hour at which to stop.
    """

    def __init__(self, session: Played, show: Callable[[], None]) -> None:
        self.session, self.show = session, show
        self.playing = False
        self.speed = 24.0
        self.until: float | None = None
        self.message = ""
        self._orders: queue.SimpleQueue[Action | None] = queue.SimpleQueue()
        self._drawn = threading.Event()
        self._closed = False
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self.thread = threading.Thread(target=self._run, name="lobule player", daemon=True)
        self.thread.start()

    def close(self) -> None:
        """Stop, and let go of the models."""
        self._closed = True
        self._orders.put(None)

    def do(self, action: Action) -> None:
        """Have `action` carried out between two steps."""
        self._orders.put(action)

    def play(self, until: float | None = None) -> None:
        """Let time go on, to hour `until` as fast as it goes, or at the chosen speed."""

        def begin(session: Played) -> None:
            session.begin(until)
            self.until, self.playing = until, True

        self.do(begin)

    def pause(self) -> None:
        """Stop after the step that is being made."""
        self.playing, self.until = False, None
        self.do(lambda session: None)

    def drawn(self) -> None:
        """Note that the browser has drawn the last frame."""
        self._drawn.set()

    def _run(self) -> None:
        self.show()
        while not self._closed:
            try:
                orders = self._take()
                news = False
                for order in orders:
                    news = order(self.session) is not QUIET or news
                if news:
                    self.message = ""
                if self.playing:
                    self._frame()
                elif news:
                    self.show()
            except InputError as error:
                self._stop(str(error))
            except Exception as error:
                traceback.print_exc()
                self._stop(
                    f"The model stopped: {type(error).__name__}: {error}. Go back to a moment, or reset."
                )
        del self.session, self.show

    def _stop(self, message: str) -> None:
        self.playing, self.until, self.message = False, None, message
        self.show()

    def _take(self) -> list[Action]:
        """Return what was asked for since the last time; wait for it when there is nothing else to do."""
        orders: list[Action] = []
        try:
            while True:
                order = self._orders.get_nowait() if self.playing or orders else self._orders.get()
                if order is None:
                    break
                orders.append(order)
        except queue.Empty:
            pass
        return orders

    def _frame(self) -> None:
        """Compute up to a frame, show it, and wait until it is drawn and due."""
        begun = time.perf_counter()
        session, dt = self.session, self.session.step_hours
        fast = self.until is not None or self.speed <= 0.0
        steps = 10**9 if fast else max(1, round(self.speed / dt / FRAMES_PER_SECOND))
        span = 1.0 / FRAMES_PER_SECOND if fast else steps * dt / self.speed
        for _ in range(steps):
            if not self.playing or self._closed:
                break
            session.step()
            if session.is_over or (self.until is not None and session.hours >= self.until - TOLERANCE_HOURS):
                self.playing, self.until = False, None
                break
            if time.perf_counter() - begun > min(MOST_FRAME_SECONDS, 0.5 * span if fast else 1.0):
                break
        self._drawn.clear()
        self.show()
        self._drawn.wait(PATIENCE_SECONDS)
        rest = span - (time.perf_counter() - begun)
        if rest > 0.0 and self.playing and not fast:
            self._nap(rest)

    def _nap(self, seconds: float) -> None:
        """Wait, but not when there is something to do."""
        end = time.perf_counter() + seconds
        while self.playing and self._orders.empty() and (left := end - time.perf_counter()) > 0.0:
            time.sleep(min(left, 0.05))
