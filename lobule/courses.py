"""Courses of treatment: what is looked at when a visit is due, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from lobule.doses import TOLERANCE_HOURS, ChelatorDose, Condition, Dose, WeighedDose, doses_before
from lobule.safety import Event
from lobule.schedule import Visit, conditions, course_keys, demanded, is_met, is_missed, shown_by
from lobule.treatments import carry_out, refusal
from lobule.units import HOURS_PER_DAY

if TYPE_CHECKING:
    from lobule.case import Case
    from lobule.model import Lobule

#: Kinds for which the subject has to come; `treatment_days` counts chelators as well.
SESSIONS = ("msc", "ev", "phlebotomy", "transfusion", "iron-injection", "partial-hepatectomy")

#: Counts of :class:`Courses` that a snapshot holds.
COUNTS = ("sessions", "days", "last_session", "last_day")


@dataclass
class Course:
    """How far the course of one treatment is; visits before it begins and after it has ended do not count."""

    has_begun: bool = False
    is_over: bool = False
    ended: int = 0
    """How often its end was reached."""
    given: int = 0
    held: int = 0
    missed: int = 0
    held_since: float | None = None
    """Hour from which on every visit was held, if the last one was."""
    held_why: str = ""

    @property
    def visits(self) -> int:
        """Visits while the course was on."""
        return self.given + self.held + self.missed


class Courses:
    """All courses of a run.

    Attributes
    ----------
    visits : list of Visit
        All that are due in the run, in order of time.
    course : dict of str to Course
        Those that have had a visit, by key.
    """

    def __init__(self, case: Case) -> None:
        self.visits: list[Visit] = []
        self.course: dict[str, Course] = {}
        self.sessions = self.days = 0
        self.last_session, self.last_day = -1.0, -1
        self.amend(case)

    def amend(self, case: Case) -> None:
        """Go on with the visits of `case`; courses that it has as well keep their state."""
        self.visits = case.visits()

    def due(self, index: int, hours: float) -> list[Any]:
        """Return the doses of the visits from `index` on that are not after `hours`."""
        end = index
        while end < len(self.visits) and self.visits[end].hours <= hours:
            end += 1
        return [visit.dose for visit in self.visits[index:end]]

    def count(self, dose: Any, hours: float) -> None:
        """Count what was given at `hours` after the start, unless the dose was nothing."""
        amount = dose.stated if isinstance(dose, WeighedDose) else getattr(dose, "share", 0.0)
        is_session, day = dose.kind in SESSIONS, int((hours + TOLERANCE_HOURS) // HOURS_PER_DAY)
        if amount > 0.0 and (is_session or dose.kind == "chelator"):
            if is_session:
                self.sessions += hours > self.last_session
                self.last_session = hours
            self.days += day > self.last_day
            self.last_day = day

    def burden(self) -> dict[str, float]:
        """Return the readouts of what all treatments asked of the subject."""
        return {
            "visits": self.sessions,
            "treatment_days": self.days,
            "doses_held": sum(course.held for course in self.course.values()),
            "doses_missed": sum(course.missed for course in self.course.values()),
        }

    def state(self) -> dict[str, Any]:
        """Return all of it as plain values, but for the visits, which the case says."""
        course = {key: asdict(course) for key, course in self.course.items()}
        return {"course": course} | {name: getattr(self, name) for name in COUNTS}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Set it from :meth:`state`."""
        self.course = {key: Course(**course) for key, course in state["course"].items()}
        for name in COUNTS:
            setattr(self, name, state[name])


class _Moment:
    """The readouts of a model before anything is given in a step, for all visits alike."""

    def __init__(self, readouts: Mapping[str, float]) -> None:
        self.readouts = readouts

    def meets(self, condition: Condition | None) -> bool:
        return condition is not None and is_met(condition, self.readouts)

    def shows(self, condition: Condition) -> str:
        return shown_by(condition, self.readouts)


def treat(model: Lobule) -> None:
    """Hold the visits that are due at the start of a step; all look at the state before any of them."""
    due = model.due
    if due:
        moment = _Moment(model.readouts() if any(map(conditions, due)) else {})
        for _ in due:
            model.log += [(model.hours, text) for text in _hold_visit(model, model.next_event, moment)]
            model.next_event += 1


def _hold_visit(model: Lobule, index: int, moment: _Moment) -> Iterator[str]:
    """Give what is due at a visit, if its course allows it; yield what happened, in words."""
    visit = model.courses.visits[index]
    dose, course = visit.dose, model.courses.course.setdefault(visit.key, Course())
    if course.given == dose.doses or _ended_for_good(model, dose):
        return
    missed = is_missed(visit, model.seed)
    if not missed:
        yield from _begin_or_end(dose, course, moment)
    if course.is_over or not (course.has_begun or dose.start_when is None):
        return
    if missed:
        course.missed += 1
        yield f"{named(dose)} missed"
        return
    held = dose.hold_when
    why = f"{named(dose)} held: {moment.shows(held)}" if held and moment.meets(held) else refusal(model, dose)
    if why:
        course.held += 1
        course.held_since = model.hours if course.held_since is None else course.held_since
        course.held_why = why.partition(": ")[2]
        yield why
        return
    course.held_since, course.given = None, course.given + 1
    model.courses.count(dose, model.hours)
    yield carry_out(model, dose, doses_before(model.courses.visits, index))
    yield from _harm(model, dose)


def _begin_or_end(dose: Dose, course: Course, moment: _Moment) -> Iterator[str]:
    """Let a course begin, end or go on again by the state of this visit; yield which, in words."""
    if dose.start_when is not None and not course.has_begun and moment.meets(dose.start_when):
        course.has_begun = True
        yield f"{named(dose)} begins: {moment.shows(dose.start_when)}"
    if dose.stop_when is None or not (course.has_begun or dose.start_when is None):
        return
    reached = moment.meets(dose.stop_when)
    if reached and not course.is_over:
        course.is_over, course.ended, course.held_since = True, course.ended + 1, None
        yield f"{named(dose)} ends, target reached: {moment.shows(dose.stop_when)}"
    elif course.is_over and not reached and dose.resume_when is not None and moment.meets(dose.resume_when):
        course.is_over = False
        yield f"{named(dose)} goes on: {moment.shows(dose.resume_when)}"


def _ended_for_good(model: Lobule, dose: Any) -> str:
    """Return the adverse event that ended a drug, in words; nothing while it may be given."""
    if isinstance(dose, ChelatorDose) and dose.stop_on_event is not False:
        return model.safety.ended.get(dose.drug, "")
    return ""


def _harm(model: Lobule, dose: Any) -> Iterator[str]:
    """Let a chelator do its harm in man; yield the events in words."""
    if isinstance(dose, ChelatorDose) and model.case.subject.species == "human":
        amount = dose.amount_per_kg(model.body.reference.body_weight)
        for event in model.safety.take(dose.drug, amount, model.seed):
            yield f"{event.words} under {dose.drug}"
            if _ends(event, dose):
                model.safety.ended[dose.drug] = f"{event.words} on day {model.hours / HOURS_PER_DAY:g}"
                yield f"{dose.drug} ends for good"


def _ends(event: Event, dose: ChelatorDose) -> bool:
    return event.is_severe if dose.stop_on_event is None else dose.stop_on_event


def named(dose: Any) -> str:
    """Return what is given, in a word."""
    words = {"msc": "MSC", "ev": "vesicles", "chelator": "drug", "toxin": "agent"}
    word = words.get(dose.kind, dose.kind)
    return str(getattr(dose, word, word))


def notes(model: Lobule) -> list[str]:
    """Return what did not go as planned: ends not reached, held, never begun, cells that never arrived."""
    treatments = model.case.treatments
    moment = _Moment(model.readouts() if any(map(conditions, treatments)) else {})
    attended = {visit.key for visit in model.courses.visits[: model.next_event]}
    found = []
    for i, (dose, key) in enumerate(zip(treatments, course_keys(treatments), strict=True)):
        if key not in attended:
            continue
        course, at = model.courses.course[key], f"treatments.{i} ({named(dose)})"
        if dose.start_when is not None and not course.has_begun:
            wanted, have = demanded(dose.start_when), moment.shows(dose.start_when)
            found.append(f"{at} never began: no visit found {wanted}; it is {have}")
        elif dose.stop_when is not None and not course.ended:
            wanted, have = demanded(dose.stop_when), moment.shows(dose.stop_when)
            found.append(f"{at}: {wanted} was not reached in {course.given} sessions; it is {have}")
        if course.held_since is not None:
            since = course.held_since / HOURS_PER_DAY
            found.append(f"{at}: held at all visits from day {since:g} on, {course.held_why} at the last")
        if why := _ended_for_good(model, dose):
            found.append(f"{at} ended for good: {why}")
        elif not course.given and not course.held and (course.ended or course.missed):
            why = "its end was reached before" if course.ended else "all its visits were missed"
            found.append(f"{at} was never given: {why}")
    if model.products.given and not model.products.landed:
        found.append("MSC were given, and none came to the sections: more lobules or seeds may have some")
    return found
