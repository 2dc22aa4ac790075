"""How much work a sweep is and how much of it is done: a run weighs as much as it has sites and steps."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lobule.case import Case
from lobule.experiments.folders import MANIFEST
from lobule.experiments.sweeps.display import Display
from lobule.experiments.sweeps.plan import Plan, PlannedRun
from lobule.experiments.sweeps.store import Store

PEEK_SECONDS = 5.0
SHOW_SECONDS = 0.25
#: First parts of the keys that a run's length and size hang on.
WEIGHTY = ("tissue", "clock", "subject", "geometry", "parameters")
BUILDING_STEPS = 6.0  # as much work as building the model and writing its folder is


def sites(case: Case) -> float:
    """Return about how many sites the tissue of `case` has."""
    from lobule.parameters import parameter_values

    shape, tissue = parameter_values(case)["geometry"], case.tissue
    return tissue.sites((tissue.radius_um or shape.radius) / shape.pitch)


def steps(case: Case, hours: float = 0.0) -> int:
    """Return how many steps a run of `case` makes from `hours` (h) on."""
    number, start = 0, 0.0
    for phase in case.clock.phases:
        number += phase.steps - min(phase.steps, max(0, round((hours - start) / phase.step_hours)))
        start += phase.steps * phase.step_hours
    return number


class Effort:
    """The work of the runs that are to be done.

    Parameters
    ----------
    plan : Plan
        The sweep.
    store : Store
        Where its runs are kept.
    todo : sequence of PlannedRun
        Those to be done.
    begun : mapping of str to float, optional
        Hours that some of them have behind them, since they begin with a saved past.
    """

    def __init__(
        self,
        plan: Plan,
        store: Store,
        todo: Sequence[PlannedRun],
        begun: Mapping[str, float] | None = None,
    ) -> None:
        self.store = store
        self._begun = dict(begun or {})
        weights = weights_of(plan, todo, self._begun)
        self._weight = {run.id: weight for run, weight in zip(todo, weights, strict=True)}
        self._total = sum(weights)
        self._done = 0.0
        self._hours: dict[str, float] = {}
        self._part: dict[str, float] = {}
        self._peeked = time.monotonic()

    @property
    def share(self) -> float:
        """Share of the work that is done, 0 to 1."""
        flying = sum(self._weight[run] * part for run, part in self._part.items())
        return (self._done + flying) / self._total

    def begin(self, run: str, end_hours: float) -> None:
        """Note that a run has been handed out."""
        self._hours[run], self._part[run] = end_hours, 0.0

    def end(self, run: str) -> None:
        """Note that a run is over, well or not."""
        self._done += self._weight[run]
        del self._hours[run], self._part[run]

    def peek(self) -> None:
        """Look how far the runs are that are under way, at most every few seconds."""
        if time.monotonic() - self._peeked > PEEK_SECONDS:
            self._peeked = time.monotonic()
            for run in self._hours:
                try:
                    manifest = json.loads((self.store.partial(run) / MANIFEST).read_bytes())
                    self._part[run] = self._done_of(run, float(manifest["hours"]))
                except (OSError, ValueError, KeyError, TypeError):  # not begun, or just finished
                    continue

    def note(self, hours: float) -> None:
        """Note how far (h) the one run is that is under way in this process."""
        for run in self._hours:
            self._part[run] = self._done_of(run, hours)

    def _done_of(self, run: str, hours: float) -> float:
        begun = self._begun.get(run, 0.0)
        return min(1.0, max(0.0, hours - begun) / (self._hours[run] - begun))


def weights_of(
    plan: Plan, runs: Sequence[PlannedRun], begun: Mapping[str, float] | None = None
) -> list[float]:
    """Return the weight of each of `runs`; runs that differ in nothing weighty share theirs.

    Of a run that has `begun` at a later hour than 0 only the steps that are left count.
    """
    weighty = [i for i, key in enumerate(plan.keys) if key.split(".")[0] in WEIGHTY]
    known: dict[tuple[object, ...], float] = {}
    weights = []
    for run in runs:
        hours = (begun or {}).get(run.id, 0.0)
        kind = (run.arm, hours, *(str(plan.points[run.point].values[i]) for i in weighty))
        if kind not in known:
            case = plan.case(run)
            known[kind] = sites(case) * (steps(case, hours) + BUILDING_STEPS)
        weights.append(known[kind])
    return weights


class Steps:
    """Passes on to the display how far a run in this process is; the runner's watcher."""

    def __init__(self, effort: Effort, display: Display) -> None:
        self.effort, self.display = effort, display
        self._shown = time.monotonic()

    def begin(self, folder: Path, end_hours: float, hours: float = 0.0) -> None:
        """Start showing a run."""

    def update(self, hours: float) -> None:
        """Show that `hours` (h) of it are done."""
        if time.monotonic() - self._shown > SHOW_SECONDS:
            self._shown = time.monotonic()
            self.effort.note(hours)
            self.display.update(self.effort.share)
