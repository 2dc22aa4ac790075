"""One visitor's lobule: the model, its past, the moments to go back to, and a branch beside it."""

from __future__ import annotations

import io
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from lobule import snapshot
from lobule.case import Case, load_case
from lobule.doses import TOLERANCE_HOURS
from lobule.experiments.models import build_model, load_model
from lobule.model import Lobule
from lobule.units import HOURS_PER_DAY

MOST_ROWS = 1200
MOST_MOMENTS = 40
MORE_DAYS = 28.0


class Course:
    """The readouts of a model over time, thinned out when there are many, so that memory stays flat."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.every = 0.0

    def note(self, model: Lobule) -> None:
        """Keep a row of `model` unless the last one is too near."""
        least = max(self.every, 2.0 * TOLERANCE_HOURS)
        if self.rows and model.hours < self.rows[-1]["hours"] + least - TOLERANCE_HOURS:
            return
        self.rows.append(model.readouts())
        if len(self.rows) > MOST_ROWS:
            self.rows = [*self.rows[:-1:2], self.rows[-1]]
            self.every = max(self.every, self.rows[1]["hours"] - self.rows[0]["hours"])

    def until(self, hours: float) -> Course:
        """Return a copy with the rows at or before `hours`."""
        copy = Course()
        copy.every = self.every
        copy.rows = [row for row in self.rows if row["hours"] <= hours + TOLERANCE_HOURS]
        return copy


class Arm(NamedTuple):
    """A model and its course."""

    model: Lobule
    course: Course


class Saved(NamedTuple):
    """A model as a snapshot, and its course so far."""

    data: bytes
    course: Course


class Moment(NamedTuple):
    """A state to go back to."""

    hours: float
    label: str
    main: Saved
    branch: Saved | None
    origin: Case


class Played(ABC):
    """What a player plays: one model, or two side by side.

    Attributes
    ----------
    main, branch : Arm
        The model, and the one beside it, if any.
    moments : sequence of Moment
        States to go back to, oldest first.
    """

    main: Arm
    branch: Arm | None = None
    moments: Sequence[Moment] = ()

    @property
    def arms(self) -> list[Arm]:
        """The models side by side: one or two."""
        return [self.main] if self.branch is None else [self.main, self.branch]

    @property
    def model(self) -> Lobule:
        """The model of the main arm."""
        return self.main.model

    @property
    @abstractmethod
    def hours(self) -> float:
        """Time since the start, h."""

    @property
    @abstractmethod
    def step_hours(self) -> float:
        """Length of the coming step, h."""

    @property
    @abstractmethod
    def end_hours(self) -> float:
        """Length of the case, h."""

    @property
    def is_over(self) -> bool:
        """Whether it ends here."""
        return self.hours >= self.end_hours - TOLERANCE_HOURS

    @abstractmethod
    def begin(self, until: float | None) -> None:
        """Make ready to go on, to hour `until` where one is given."""

    @abstractmethod
    def step(self) -> None:
        """Advance all arms by one step."""


class Session(Played):
    """A model that is watched, questioned and treated.

    Everything it does is what a case file could say: a treatment given now is a treatment of the case, so the
    run can be computed again from the case and the seed. A branch goes on beside the model on the same random
    numbers.

    Parameters
    ----------
    start : Case, Lobule or Played
        A case, from its start; or a model, or models side by side, from copies of them.
    seed : int, optional
        Seed instead of the case's.
    """

    def __init__(self, start: Case | Lobule | Played, seed: int | None = None) -> None:
        self.moments: list[Moment] = []
        if isinstance(start, Lobule):
            self.main, self.origin = _loaded(Saved(dump(start), Course())), start.case
        elif isinstance(start, Played):
            self.main, self.origin = _loaded(_saved(start.main)), start.model.case
            if start.branch is not None and start.branch.model.hours == start.model.hours:
                self.branch = _loaded(_saved(start.branch))
        else:
            self.main = self._new(start, int(start.seed) if seed is None else seed)

    @property
    def hours(self) -> float:
        """Time since the start, h."""
        return self.model.hours

    @property
    def step_hours(self) -> float:
        """Length of the coming step, h."""
        return self.model.step_hours

    @property
    def end_hours(self) -> float:
        """Length of the case, h."""
        return self.model.case.end_hours

    def begin(self, until: float | None) -> None:
        """Draw out the case where it ends here, or before hour `until`."""
        while self.is_over or (until or 0.0) > self.end_hours + TOLERANCE_HOURS:
            self.go_on()

    def step(self) -> None:
        """Advance all arms by one step, or to the same hour."""
        if self.is_over:
            self.go_on()
        for arm in self.arms:
            arm.model.step()
            arm.course.note(arm.model)

    def go_on(self) -> None:
        """Draw out the case, and its open schedules, by four weeks or a tenth of its length."""
        for arm in self.arms:
            end = arm.model.case.end_hours / HOURS_PER_DAY
            more = max(MORE_DAYS, float(round(0.1 * end)))
            arm.model.amend(arm.model.case.with_days(end + more)[0])

    def treat(self, doses: Iterable[Mapping[str, Any]], who: str = "main") -> None:
        """Give something now, before the next step.

        Parameters
        ----------
        doses : iterable of mapping
            Treatments as in a case file, without ``day``; a schedule starts now.
        who : {"main", "branch", "both"}
            Which arm gets them.

        Raises
        ------
        InputError
            If a case file could not say so.
        """
        if self.is_over:
            self.go_on()
        day = self.hours / HOURS_PER_DAY
        new = [{**dose, "day": day} for dose in doses]
        arms = {"main": [self.main], "branch": self.arms[1:], "both": self.arms}[who]
        cases = [_with(arm.model.case, new) for arm in arms]
        self.keep(f"before {', '.join(_named(dose) for dose in new)}")
        for arm, case in zip(arms, cases, strict=True):
            arm.model.amend(case)

    def keep(self, label: str) -> None:
        """Save this moment."""
        branch = None if self.branch is None else _saved(self.branch)
        self.moments.append(Moment(self.hours, label, _saved(self.main), branch, self.origin))
        del self.moments[:-MOST_MOMENTS]

    def go_back(self, index: int = -1) -> None:
        """Go back to a saved moment; later ones are forgotten."""
        moment = self.moments[index]
        self.main, self.origin = _loaded(moment.main), moment.origin
        self.branch = None if moment.branch is None else _loaded(moment.branch)
        del self.moments[self.moments.index(moment) :]

    def fork(self) -> None:
        """Run a second model beside this one from here on: the same state and the same random numbers."""
        self.keep("before branching")
        self.branch = _loaded(_saved(self.main))

    def drop(self, keep_branch: bool = False) -> None:
        """End the comparison and go on with the main arm, or with the branch."""
        if self.branch is not None:
            self.keep("before the comparison ended")
            self.main = self.branch if keep_branch else self.main
            self.branch = None

    def reset(self, case: Case | None = None, seed: int | None = None) -> None:
        """Start anew, with another case or seed where given; treatments given by hand are forgotten.

        Of the moments only this one is kept, to undo it.
        """
        new = case or self.origin
        model_seed = int(self.model.seed) if seed is None else seed
        before = self._last("before the reset")
        self.main, self.branch, self.moments = self._new(new, model_seed), None, before

    def _last(self, label: str) -> list[Moment]:
        """Return this moment alone, where there is anything that could be lost."""
        if self.hours == 0.0 and not self.moments:
            return []
        self.keep(label)
        return self.moments[-1:]

    def _new(self, case: Case, seed: int) -> Arm:
        arm = Arm(build_model(case, seed), Course())
        arm.course.note(arm.model)
        self.origin = case
        return arm

    def load(self, data: bytes, name: str) -> None:
        """Go on from a snapshot file; of the moments only this one is kept.

        Raises
        ------
        InputError
            If `data` is none.
        """
        arm = _loaded(Saved(data, Course()), name)
        self.moments = self._last(f"before loading {name}")
        self.main, self.branch, self.origin = arm, None, arm.model.case


def dump(model: Lobule) -> bytes:
    """Return the state of `model` as a snapshot file."""
    file = io.BytesIO()
    snapshot.write(model, file)
    return file.getvalue()


def _saved(arm: Arm) -> Saved:
    return Saved(dump(arm.model), arm.course.until(arm.model.hours))


def _loaded(saved: Saved, name: str = "snapshot") -> Arm:
    arm = Arm(load_model(io.BytesIO(saved.data), name), saved.course.until(math.inf))
    arm.course.note(arm.model)
    return arm


def _with(case: Case, doses: list[dict[str, Any]]) -> Case:
    """Return `case` with treatments added, checked as a case file is."""
    have = [dose.model_dump(exclude_none=True) for dose in case.treatments]
    return load_case(case, {"treatments": [*have, *doses]})


def _named(dose: Mapping[str, Any]) -> str:
    return str(dose["kind"]).upper() if dose["kind"] in ("msc", "ev") else str(dose["kind"])
