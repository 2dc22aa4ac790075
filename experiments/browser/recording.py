"""Finished runs to be watched again: one, or two arms of a sweep beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lobule.errors import InputError
from lobule.experiments.browser.session import Arm, Course, Played
from lobule.experiments.replay import Replay
from lobule.readouts import READOUTS

POSITIONS = 120


class Recording(Played):
    """Runs that are replayed; they cannot be treated.

    Parameters
    ----------
    folders : mapping of str to Path
        Run folders by what they are called.

    Attributes
    ----------
    names : list of str
        What the runs are called.
    hours : float
        Time shown, h since the start.
    """

    hours = 0.0
    end_hours = 0.0

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = dict(folders)
        self.names = list(folders)
        self._open: dict[str, tuple[Replay, Course]] = {}
        self.shown = (self.names[0], None if len(self.names) < 2 else self.names[1])
        self._fill()

    @property
    def step_hours(self) -> float:
        """Hours between two pictures: a hundred and twentieth of the run, in whole steps."""
        return max(self.model.step_hours, self.end_hours / POSITIONS)

    def choose(self, main: str, branch: str | None) -> None:
        """Show other runs."""
        self.shown = (main, branch)
        self._fill()

    def go(self, hours: float) -> None:
        """Go to an hour."""
        self.hours = float(np.clip(hours, 0.0, self.end_hours))
        self._fill()

    def begin(self, until: float | None) -> None:
        """Go back to the start where the last picture is shown."""
        if self.is_over:
            self.go(0.0)

    def step(self) -> None:
        """Go on to the next picture."""
        self.begin(None)
        self.go(self.hours + self.step_hours)

    def _fill(self) -> None:
        replays = [self._replay(name) for name in self.shown if name is not None]
        self.end_hours = max(replay.end_hours for replay, _ in replays)
        self.hours = min(self.hours, self.end_hours)
        arms = [Arm(replay.model_at(min(self.hours, replay.end_hours)), course) for replay, course in replays]
        one, other = arms[0].model, arms[-1].model
        if one.tissue.axial.shape != other.tissue.axial.shape or np.any(
            one.tissue.axial != other.tissue.axial
        ):
            self.shown = (self.shown[0], None)
            self._fill()
            raise InputError(
                "the two runs are of different tissues -> they cannot be shown beside each other"
            )
        self.main, self.branch = arms[0], arms[1] if len(arms) > 1 else None

    def _replay(self, name: str) -> tuple[Replay, Course]:
        if name not in self._open:
            replay, course = Replay(self._folders[name]), Course()
            columns = [name for name in replay.series if name in READOUTS]
            rows = zip(*(replay.series[column].tolist() for column in columns), strict=True)
            course.rows = [dict(zip(columns, row, strict=True)) for row in rows]
            self._open = {key: self._open[key] for key in self.shown if key in self._open}
            self._open[name] = replay, course
        return self._open[name]

    def is_exact(self) -> bool:
        """Whether every hour can be shown, not only those that were kept."""
        return all(self._replay(name)[0].is_exact for name in self.shown if name is not None)


def runs_of(folder: Path) -> dict[str, Path]:
    """Return the run folders to be found at `folder`, a run or a store of sweeps, by what they are called.

    Raises
    ------
    InputError
        If there is no finished run.
    """
    if not (folder / "sweeps").is_dir():
        return {folder.resolve().name: folder}
    from lobule.experiments.scripting import load_results

    results = load_results(folder)
    found = {}
    for row in results.runs.to_dict("records"):
        told = [f"{key} {value}" for key, value in row.items() if _tells(key, value, results.runs)]
        found[", ".join(told) or str(row["run"])] = folder / "runs" / str(row["run"])
    if not found:
        raise InputError(f"{folder} -> has no finished run yet")
    return found


def _tells(key: str, value: object, runs: object) -> bool:
    """Return whether column `key` tells one run of a store from another."""
    return key not in ("run", "seed") and value == value and len(set(map(str, runs[key]))) > 1  # type: ignore[index]
