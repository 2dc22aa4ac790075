"""Schedules: visits, conditions, courses; what is given depends on them alone, and nothing else shifts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobule import Lobule, load_case
from lobule.courses import Course
from lobule.errors import InputError
from lobule.experiments.explain import explain
from lobule.experiments.report import report
from lobule.experiments.runner import run_case
from lobule.schedule import course_keys, is_missed

from .model_cases import assert_iron_is_sound, assert_same, differences, small, state

BLEED = {"kind": "phlebotomy", "day": 0.0, "every_days": 1.0, "volume_ml": 0.02}
NEVER = {"readout": "lic_mg_per_g", "above": 1000.0}
ALWAYS = {"readout": "lic_mg_per_g", "above": 0.0}
DAYS = 6.0


def mouse(*treatments: Mapping[str, Any], seed: int = 1, days: float = DAYS, **more: Any) -> Lobule:
    """Return a small mouse with treatments, in steps of six hours, not yet run."""
    phases = [{"days": days, "step_hours": 6.0}]
    more = {"tissue__agents": False, "subject__age_days": 40.0, **more}
    return small(seed=seed, treatments=[dict(t) for t in treatments], clock__phases=phases, **more)


def course(model: Lobule, index: int = 0) -> Course:
    return model.courses.course[course_keys(model.case.treatments)[index]]


def days_of(model: Lobule, words: str) -> list[float]:
    return [hours / 24.0 for hours, text in model.log if words in text]


@pytest.fixture(scope="module")
def untreated() -> Lobule:
    return mouse().run()


def test_cycles_begin_with_a_visit_and_have_none_in_their_pause():
    model = mouse({**BLEED, "on_days": 2.0, "off_days": 1.0, "every_days": 1.0})
    assert [v.hours / 24.0 for v in model.courses.visits] == [0.0, 1.0, 3.0, 4.0]
    model = mouse({**BLEED, "on_days": 1.0, "off_days": 0.75, "every_days": 0.5, "until_day": 3.5})
    assert [v.hours / 24.0 for v in model.courses.visits] == [0.0, 0.5, 1.75, 2.25, 3.5]


def test_what_comes_in_at_one_time_is_one_visit():
    ev = {"kind": "ev", "day": 0.0, "every_days": 2.0, "particles": 1e9, "route": "intravenous"}
    drug = {"kind": "chelator", "drug": "deferasirox", "mg_per_kg": 20.0, "day": 4.5}
    readouts = mouse(BLEED, ev, ev, drug).run().readouts()
    assert readouts["phlebotomies"] == readouts["visits"] == readouts["treatment_days"] == 6


@pytest.mark.parametrize(
    ("changes", "told", "held"),
    [
        ({"missed_percent": 100.0}, "was never given: all its visits were missed", 0),
        ({"stop_when": ALWAYS}, "was never given: its end was reached before", 0),
        (
            {"kind": "msc", "cells": 1e6, "route": "intraportal", "potency": 0.1, "release_potency": 0.5},
            "held at all visits from day 0 on, a lot below 0.5 is not released at the last",
            6,
        ),
    ],
)
def test_a_course_of_which_nothing_was_given_is_noted(changes: dict[str, Any], told: str, held: int):
    dose = {"day": 0.0, "every_days": 1.0, **(changes if "kind" in changes else BLEED | changes)}
    model = mouse(dose).run()
    (note,) = model.notes()
    assert told in note
    assert model.readouts()["visits"] == 0 and model.readouts()["doses_held"] == held


def test_no_more_doses_than_allowed_and_none_of_a_course_of_none(untreated: Lobule):
    assert days_of(mouse({**BLEED, "doses": 2}).run(), "drawn") == [0.0, 1.0]
    none = mouse({**BLEED, "doses": 0}).run()
    assert none.log == [] and differences(state(none), state(untreated), ("courses",)) == []


def test_a_course_begins_at_the_first_visit_that_finds_its_condition_and_stays_on():
    young = {"readout": "age_days", "above": 41.5}
    model = mouse({**BLEED, "start_when": young}).run()
    assert days_of(model, "begins: age of the subject 42 d") == [2.0]
    assert days_of(model, "drawn") == [2.0, 3.0, 4.0, 5.0]
    assert course(model).visits == 4
    once = mouse({**BLEED, "start_when": young, "doses": 1}).run()
    assert days_of(once, "drawn") == [2.0]


def test_a_course_ends_at_its_target_and_goes_on_where_it_may():
    drawn = {"readout": "phlebotomies", "above": 1.5}
    model = mouse({**BLEED, "stop_when": drawn}).run()
    assert days_of(model, "drawn") == [0.0, 1.0]
    assert days_of(model, "phlebotomy ends, target reached: phlebotomies done since the start 2") == [2.0]
    assert course(model).ended == 1 and model.notes() == []
    bled = {"readout": "haemoglobin_g_per_dl", "below": 14.0}
    much = {**BLEED, "volume_ml": 0.3, "minimum_haemoglobin_g_per_dl": 5.0, "stop_when": bled}
    more = {**much, "resume_when": {"readout": "haemoglobin_g_per_dl", "above": 14.2}}
    ended, resumed = mouse(much, days=20.0).run(), mouse(more, days=20.0).run()
    assert days_of(ended, "goes on") == [] and days_of(resumed, "goes on") != []
    assert course(resumed).ended > 1 and course(resumed).given > course(ended).given > 0


def test_a_visit_is_held_while_its_condition_is_met_and_only_then():
    hold = {"readout": "age_days", "above": 41.5}
    other = {"kind": "transfusion", "day": 0.0, "every_days": 2.0, "volume_ml": 0.01, "hold_when": NEVER}
    model = mouse({**BLEED, "hold_when": hold}, other).run()
    assert days_of(model, "drawn") == [0.0, 1.0]
    assert days_of(model, "phlebotomy held: age of the subject 42 d") == [2.0]
    assert course(model).held == 4 and course(model).held_since == 48.0
    readouts = model.readouts()
    assert readouts["doses_held"] == 4 and readouts["visits"] == 4 and readouts["treatment_days"] == 4
    assert model.notes() == [
        "treatments.0 (phlebotomy): held at all visits from day 2 on, age of the subject 45 d at the last"
    ]


def test_the_limits_of_a_phlebotomy_hold_it_as_well():
    model = mouse({**BLEED, "minimum_haemoglobin_g_per_dl": 25.0, "doses": 3}).run()
    assert course(model).held == 6 and course(model).given == 0
    assert "held at all visits from day 0 on, haemoglobin 1" in model.notes()[0]


def test_all_visits_of_an_hour_look_at_the_same_state():
    limit = {"readout": "phlebotomies", "above": 0.5}
    model = mouse({**BLEED, "doses": 1}, {**BLEED, "volume_ml": 0.03, "hold_when": limit, "doses": 1})
    assert days_of(model.run(), "drawn") == [0.0, 0.0]


def test_missed_visits_are_the_same_in_all_arms_and_those_of_fewer_are_among_them():
    def missed(seed: int, **more: Any) -> list[float]:
        return days_of(mouse({**BLEED, **more}, seed=seed, days=30.0).run(), "missed")

    few, many = missed(1, missed_percent=20.0), missed(1, missed_percent=60.0)
    assert 0 < len(few) < len(many) < 30 and set(few) < set(many)
    other = mouse({**BLEED, "kind": "transfusion"}, {**BLEED, "missed_percent": 60.0, "volume_ml": 0.01})
    assert days_of(other.run(), "missed") == [day for day in many if day < DAYS]
    assert missed(1, missed_percent=60.0, hold_when=NEVER) == many != missed(2, missed_percent=60.0)
    assert missed(1, missed_percent=100.0) == [float(day) for day in range(30)]


def test_the_share_of_missed_visits_is_the_one_asked_for():
    model = mouse({**BLEED, "every_days": 0.25, "missed_percent": 30.0}, days=500.0)
    visits = model.courses.visits
    share = sum(is_missed(visit, model.seed) for visit in visits) / len(visits)
    assert share == pytest.approx(0.3, abs=0.04)


def test_what_was_never_reached_and_never_began_is_said():
    never = mouse({**BLEED, "start_when": NEVER}, {**BLEED, "stop_when": NEVER}).run()
    begun, reached = never.notes()
    assert begun.startswith("treatments.0 (phlebotomy) never began: no visit found liver iron concentration")
    assert "above 1000 mg/g dry was not reached in 6 sessions; it is" in reached
    assert mouse({**BLEED, "day": 4.0, "start_when": NEVER}).run(days=2).notes() == []


def test_the_notes_of_a_run_are_in_its_folder_and_printed(tmp_path: Path, no_figures: list[Path]):
    case = mouse({**BLEED, "stop_when": NEVER}).case
    folder = run_case(case, out=tmp_path / "run")
    for name in ("manifest.json", "summary.json"):
        (note,) = json.loads((folder / name).read_text("utf-8"))["notes"]
        assert "was not reached in 6 sessions" in note
    assert f"note: {note}" in list(report(folder))
    assert (
        json.loads((run_case(mouse().case, out=tmp_path / "b") / "summary.json").read_text())["notes"] == []
    )


def test_a_treatment_that_never_begins_leaves_the_run_as_it_is(untreated: Lobule):
    doses = ({**BLEED, "start_when": NEVER}, {"kind": "msc", "cells": 1e6, "route": "intraportal"})
    held = {**doses[1], "day": 1.0, "hold_when": ALWAYS}
    model = mouse(doses[0], {**BLEED, "stop_when": ALWAYS}).run()
    assert differences(state(model), state(untreated), ("log", "courses")) == []
    given_, beside = (mouse(*more, {**doses[1], "day": 2.0}).run() for more in ((), (held,)))
    ignored = ("log", "courses", "readout.doses_held")
    assert differences(state(beside), state(given_), ignored) == []


CONDITION = st.one_of(
    st.none(),
    st.builds(
        lambda readout, side, value: {"readout": readout, side: value},
        st.sampled_from(["age_days", "phlebotomies", "hours"]),
        st.sampled_from(["above", "below"]),
        st.sampled_from([0.5, 2.5, 41.3, 43.7, 60.0, 100.0]),
    ),
)


@st.composite
def schedules(draw: st.DrawFn) -> dict[str, Any]:
    """Return any schedule that a case accepts."""
    names = ("start_when", "stop_when", "resume_when", "hold_when")
    dose: dict[str, Any] = {**BLEED, "every_days": draw(st.sampled_from([0.25, 0.5, 0.9]))}
    dose["missed_percent"] = draw(st.sampled_from([0.0, 30.0]))
    dose["doses"] = draw(st.sampled_from([None, 0, 3]))
    dose |= draw(st.sampled_from([{}, {"on_days": 1.0, "off_days": 0.5}, {"until_day": 2.0}]))
    found = dose | {name: draw(CONDITION) for name in names}
    found = {key: value for key, value in found.items() if value is not None}
    try:
        mouse(found, days=3.0)
    except InputError:
        return {key: value for key, value in found.items() if key not in ("stop_when", "resume_when")}
    return found


@settings(max_examples=12)
@given(dose=schedules(), steps=st.integers(0, 12))
def test_any_schedule_adds_up_and_goes_on_from_any_step(tmp_path_factory, dose, steps):
    model, whole = mouse(dose, days=3.0), mouse(dose, days=3.0).run()
    for _ in range(steps):
        model.step()
    path = tmp_path_factory.mktemp("any") / "a.npz"
    model.save(path)
    assert_same(Lobule.load(path).run(), whole)
    assert_iron_is_sound(whole)
    done = course(whole)
    words = [text for _, text in whole.log]
    assert done.given == sum("drawn" in text for text in words) == whole.readouts()["phlebotomies"]
    assert done.held == sum("held:" in text or "no phleb" in text for text in words)
    assert done.missed == sum("missed" in text for text in words)
    assert done.visits == done.given + done.held + done.missed <= len(whole.courses.visits)
    if not {"start_when", "stop_when", "doses"} & dose.keys():
        assert done.visits == len(whole.courses.visits)


def test_a_course_survives_another_treatment_and_another_last_day():
    dose = {**BLEED, "until_day": 5.0, "doses": 4, "stop_when": {"readout": "age_days", "above": 44.5}}
    model = mouse(dose).run(days=2)
    added = {"kind": "transfusion", "day": 3.0, "volume_ml": 0.01}
    shorter = load_case(model.case, {"treatments": [added, {**dose, "until_day": 2.0}]})
    model.amend(shorter)
    assert course(model, 1).given == 2
    whole = Lobule(shorter, rng=1).run()
    assert_same(model.run(), whole)
    assert days_of(model, "drawn") == [0.0, 1.0, 2.0]
    with pytest.raises(InputError, match="what came before cannot be changed"):
        mouse(dose).run(days=2).amend(load_case(model.case, {"treatments": [{**dose, "until_day": 0.5}]}))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "backwards": ({"day": 2.0, "until_day": 1.0}, "until_day = 1 is before day = 2"),
    "cycle of one dose": (
        {"every_days": None, "on_days": 1.0, "off_days": 1.0},
        "on_days without every_days",
    ),
    "start of one dose": ({"every_days": None, "start_when": ALWAYS}, "start_when without every_days"),
    "half a cycle": ({"on_days": 1.0}, "on_days without off_days -> a cycle needs both"),
    "other half": ({"off_days": 1.0}, "off_days without on_days -> a cycle needs both"),
    "negative doses": ({"doses": -1}, "treatments.0.doses = -1 -> must be at least 0"),
    "too many missed": ({"missed_percent": 101.0}, "missed_percent = 101.0 -> must be at most 100"),
    "readout": (
        {"stop_when": {"readout": "feritin_ug_per_l", "below": 50.0}},
        'stop_when.readout = "feritin_ug_per_l" -> no such readout; did you mean "ferritin_ug_per_l"?',
    ),
    "both sides": (
        {"hold_when": {**ALWAYS, "below": 2.0}},
        "hold_when.above and below -> give one of the two",
    ),
    "no side": ({"hold_when": {"readout": "hours"}}, "above is missing -> give above or below"),
    "resume alone": ({"resume_when": ALWAYS}, "resume_when without stop_when"),
    "start in stop": (
        {"start_when": {"readout": "hours", "above": 5.0}, "stop_when": {"readout": "hours", "above": 4.0}},
        "start_when and stop_when -> whenever one is met the other is: nothing is ever given",
    ),
    "hold or stop": (
        {"hold_when": {"readout": "hours", "above": 5.0}, "stop_when": {"readout": "hours", "below": 6.0}},
        "hold_when and stop_when -> one of the two is always met: nothing is ever given",
    ),
    "of man": (
        {"start_when": {"readout": "icg_r15_percent", "above": 10.0}},
        'treatments.0.start_when.readout = "icg_r15_percent" -> is a readout of man only',
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_impossible_is_refused_in_one_line(name: str):
    change, words = WRONG[name]
    dose = {key: value for key, value in {**BLEED, **change}.items() if value is not None}
    with pytest.raises(InputError) as error:
        mouse(dose)
    assert words in str(error.value) and "\n" not in str(error.value)


def test_conditions_are_written_explained_and_settable(tmp_path: Path):
    dose = {**BLEED, "on_days": 2.0, "off_days": 1.0, "doses": 9, "missed_percent": 5.0, "start_when": ALWAYS}
    case = mouse({**dose, "stop_when": {"readout": "ferritin_ug_per_l", "below": 50.0}}).case
    (tmp_path / "a.toml").write_text(case.to_toml(), "utf-8")
    assert load_case(tmp_path / "a.toml") == case == type(case).from_json(case.to_json())
    (line,) = (text for text in explain(case) if "phlebotomy" in text)
    for words in (
        "for 2 of 3",
        "(4 times)",
        "at most 9 doses",
        "until serum ferritin below 50 ug/L",
        "5% of",
    ):
        assert words in line
    lower = load_case(case, {"treatments.0.stop_when.below": 20.0})
    assert lower.treatments[0].stop_when is not None and lower.treatments[0].stop_when.below == 20.0
