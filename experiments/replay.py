"""`Replay`: a finished run at any of its hours."""

from __future__ import annotations

import io
import math
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lobule import snapshot
from lobule.doses import TOLERANCE_HOURS
from lobule.errors import InputError, shown
from lobule.experiments.courses import Series
from lobule.experiments.figures import read_series
from lobule.experiments.folders import SERIES, check_complete
from lobule.experiments.identity import run_id
from lobule.experiments.models import build_model, load_model
from lobule.experiments.style import spread
from lobule.experiments.sweeps.finished import Run
from lobule.interruption import uninterrupted
from lobule.model import Lobule
from lobule.units import HOURS_PER_DAY

MOST_STATES = 64
MOST_BYTES = 256 * 2**20  # of all of them together
PIECES = 16  # a state is kept at the end of each on the way, so that going back is quick, too


class Replay:
    """A finished run at any of its hours, for whoever looks at it.

    A run is a function of case, seed and code, so whatever lies between its snapshots can be computed anew.
    States come from the nearest one before, kept or in a file. Any thread may ask; they take turns.

    Parameters
    ----------
    folder : Path
        The folder of the run.

    Attributes
    ----------
    case : Case
        The case that was run.
    seed : int
        Its seed.
    events : list of (float, str)
        Treatments: hours since the start, and what was given.
    series : dict of str to ndarray
        Columns of the series, equally long.
    end_hours : float
        Length of the run (h).
    stored : dict of float to Path
        Files of its snapshots by hour, in order.
    is_exact : bool
        Whether this version of the code computes the very same run; if not, there are the stored states only.

    Raises
    ------
    InputError
        If the folder holds no finished run, it is not as it was written, or no state of it can be shown.
    """

    def __init__(self, folder: Path) -> None:
        check_complete(folder)
        run = Run(folder)
        self.folder, self.case, manifest = folder, run.case, run.manifest
        try:
            self.seed, self.end_hours = int(manifest["seed"]), float(manifest["hours"])
            self.events = [(float(hours), str(text)) for hours, text in manifest["events"]]
        except (KeyError, TypeError, ValueError):
            raise InputError(f"{folder} -> its manifest is damaged: no seed, hours or events") from None
        self.series: Series = read_series(folder / SERIES)
        start = self.case.clock.step_start
        self.stored = {start(day * HOURS_PER_DAY): path for day, path in run.snapshots.items()}
        self.is_exact = manifest.get("run") == run_id(self.case, self.seed)
        if not (self.is_exact or self.stored):
            raise InputError(
                f"{folder} -> another version made this run, and there is no snapshot of it to show"
            )
        self._kept: dict[float, bytes] = {}
        self._last: Lobule | None = None
        self._lock = threading.Lock()

    def times(self, count: int) -> list[float]:
        """Return hours evenly spread over the run, the first and the last among them, for a slider or a film.

        One that lies next to a stored state is moved there: it need not be computed, and was worth keeping.

        Parameters
        ----------
        count : int
            How many, at least 2. Fewer come back where the run has fewer steps, or fewer stored states.
        """
        if count < 2:
            raise InputError(f"{shown(count)} times of a run -> must be at least 2")
        if not self.is_exact:
            return spread(list(self.stored), count)
        hours = [self.case.clock.step_start(at) for at in np.linspace(0.0, self.end_hours, count).tolist()]
        for at in self.stored:
            place = round(at / self.end_hours * (count - 1))
            if 0 < place < count - 1:
                hours[place] = at
        return sorted(set(hours))

    def model_at(self, hours: float, progress: Callable[[Lobule], None] | None = None) -> Lobule:
        """Return the state at the end of the first step at or after `hours`, the nearest one if not exact.

        Parameters
        ----------
        hours : float
            Time since the start (h).
        progress : callable, optional
            Called after each step that has to be computed, as in :meth:`Lobule.run`; what it raises ends the
            search, and what has been computed by then is not lost.

        Returns
        -------
        Lobule
            To be read only: the next to ask for this hour gets the same one. It has no Mesa agents.

        Raises
        ------
        InputError
            If the run has no such hour, or the snapshot is damaged.
        """
        if not 0.0 <= hours <= self.end_hours + TOLERANCE_HOURS:
            raise InputError(f"hours = {shown(hours)} -> must be a number from 0 to {self.end_hours:g}")
        with self._lock:
            if self.is_exact:
                at = self.case.clock.step_start(hours)
            else:
                at = min(self.stored, key=lambda stored: abs(stored - hours))
            if self._last is None or self._last.hours != at:
                self._last = self._computed(at, progress)
            return self._last

    def _computed(self, hours: float, progress: Callable[[Lobule], None] | None) -> Lobule:
        model = self._from(max((at for at in (*self.stored, *self._kept) if at <= hours), default=0.0))
        piece = self.end_hours / PIECES
        while model.hours < hours - TOLERANCE_HOURS:
            before = model.hours
            with uninterrupted():
                model.step()
            if model.hours // piece > before // piece:
                self._keep(model)
            if progress is not None:
                try:
                    progress(model)
                except BaseException:
                    self._keep(model)  # a whole step has been made
                    raise
        self._keep(model)
        return model

    def _from(self, hours: float) -> Lobule:
        """Return a model of its own at the hour of a state that is there, or at the start."""
        if hours in self._kept:
            return load_model(io.BytesIO(self._kept[hours]))
        return load_model(self.stored[hours]) if hours in self.stored else build_model(self.case, self.seed)

    def _keep(self, model: Lobule) -> None:
        """Keep the state of `model` in memory; of too many, give up the one that is missed least."""
        new = model.hours
        if new == 0.0 or new in self.stored or new in self._kept:
            return
        file = io.BytesIO()
        snapshot.write(model, file)
        self._kept[new] = file.getvalue()
        if len(self._kept) > max(2, min(MOST_STATES, MOST_BYTES // len(self._kept[new]))):
            there = sorted({0.0, *self.stored, *self._kept, math.inf})
            gaps = {b: c - a for a, b, c in zip(there, there[1:], there[2:], strict=False)}
            del self._kept[min((at for at in self._kept if at != new), key=gaps.__getitem__)]
