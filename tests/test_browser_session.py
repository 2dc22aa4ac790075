"""The session behind the page: treatments, moments, branches, and the thread that plays it."""

import threading
import time

import numpy as np
import pytest

from lobule import load_case
from lobule.errors import InputError
from lobule.experiments.browser import charts
from lobule.experiments.browser.controls import read_number
from lobule.experiments.browser.player import Player
from lobule.experiments.browser.quantities import Scale, lookup, quantities
from lobule.experiments.browser.recording import Recording
from lobule.experiments.browser.scene import Painter, View, stage
from lobule.experiments.browser.session import MOST_MOMENTS, MOST_ROWS, Course, Session, dump
from lobule.experiments.browser.site import acting, describe, tip
from lobule.experiments.browser.treat import fields, initial, is_complete, is_weighed, kinds
from lobule.experiments.models import build_model
from lobule.experiments.runner import run_case

MSC = {"kind": "msc", "cells": 3e7, "route": "intraportal"}
SMALL = {"tissue.lobules": 1, "tissue.radius_um": 150.0}


@pytest.fixture
def session():
    return Session(load_case("ccl4-mouse", SMALL), 3)


def steps(session, n):
    for _ in range(n):
        session.step()


def test_a_run_with_treatments_by_hand_is_the_run_of_its_case(session):
    steps(session, 30)
    session.treat([MSC, {"kind": "phlebotomy", "volume_ml": 0.1, "every_days": 1.0}])
    steps(session, 50)
    again = build_model(session.model.case, 3)
    while again.hours < session.hours:
        again.step()
    assert again.readouts() == session.model.readouts()
    assert again.log == session.model.log
    assert sum("blood drawn" in text for _, text in again.log) == 3


def test_undo_gives_back_the_state_before_the_treatment(session):
    steps(session, 24)
    before = session.model.readouts()
    session.treat([MSC])
    steps(session, 5)
    session.go_back()
    assert session.model.readouts() == before
    assert not session.moments
    assert [row["hours"] for row in session.main.course.rows][-1] == session.hours
    steps(session, 5)
    assert session.model.readouts()["msc"] == 0


def test_branches_without_a_difference_stay_equal_and_differ_by_the_treatment_alone(session):
    steps(session, 24)
    session.fork()
    steps(session, 24)
    a, b = (arm.model for arm in session.arms)
    assert a.readouts() == b.readouts()
    session.treat([MSC])
    steps(session, 24)
    assert a.readouts()["msc"] > 0 == b.readouts()["msc"]
    assert a.hours == b.hours
    alone = Session(load_case("ccl4-mouse", SMALL), 3)
    steps(alone, 72)
    assert alone.model.readouts() == b.readouts()
    session.drop(keep_branch=True)
    assert session.branch is None
    assert session.model is b


def test_a_wrong_treatment_is_refused_in_one_line_and_changes_nothing(session):
    steps(session, 2)
    case = session.model.case
    with pytest.raises(InputError) as error:
        session.treat([{"kind": "msc", "cells": -1.0, "route": "intraportal"}])
    assert "\n" not in str(error.value)
    assert "cells = -1" in str(error.value)
    assert session.model.case == case
    assert not session.moments


def test_a_case_is_drawn_out_past_its_end():
    session = Session(load_case("wild-type-mouse", SMALL).with_days(1)[0])
    steps(session, 24)
    assert session.is_over
    session.step()
    assert session.hours == 25.0
    assert not session.is_over


def test_a_state_goes_out_and_comes_back(session):
    steps(session, 10)
    data = dump(session.model)
    other = Session(load_case("hfe-mouse", SMALL))
    other.load(data, "state.npz")
    steps(other, 3)
    steps(session, 3)
    assert other.model.readouts() == session.model.readouts()
    with pytest.raises(InputError, match=r"nonsense.npz -> is no snapshot"):
        other.load(b"nonsense", "nonsense.npz")


def test_a_session_of_a_model_leaves_the_model_alone():
    model = build_model(load_case("hfe-mouse", SMALL), 1)
    model.run(days=1)
    before = model.readouts()
    session = Session(model)
    steps(session, 5)
    assert model.readouts() == before
    assert session.model.readouts()["hours"] == 29.0


def test_memory_of_courses_and_moments_is_bounded(session):
    course = Course()

    class Ticking:
        hours = 0.0

        def readouts(self):
            return {"hours": self.hours}

    model = Ticking()
    for hour in range(20 * MOST_ROWS):
        model.hours = float(hour)
        course.note(model)
    assert MOST_ROWS / 2 <= len(course.rows) <= MOST_ROWS + 1
    gaps = np.diff([row["hours"] for row in course.rows])
    assert gaps.max() <= 2 * gaps.min()
    for _ in range(MOST_MOMENTS + 5):
        session.keep("again")
    assert len(session.moments) == MOST_MOMENTS


def test_every_quantity_gives_a_picture(session):
    painter = Painter()
    session.fork()
    for hours in (0, 2):
        while session.hours < hours:
            session.step()
        main, branch = (arm.model for arm in session.arms)
        n = len(stage(main)["site"]) // 4
        for key in quantities():
            for of in ("main", "branch", "difference"):
                picture = painter.picture(View(key, of), main, branch)
                assert len(picture["values"]) == 4 * n
                assert picture["low"] < picture["high"]
                assert len(picture["lut"]) == 768
                charts.zonal(View(key, of), main, branch, "AB")
    assert np.isfinite(np.frombuffer(painter.picture(View("oxygen"), main, None)["values"], "<f4")).any()


def test_a_difference_of_equals_is_zero_in_the_middle_of_its_colours(session):
    steps(session, 2)
    session.fork()
    main, branch = (arm.model for arm in session.arms)
    picture = Painter().picture(View("tnf", "difference"), main, branch)
    values = np.frombuffer(picture["values"], "<f4")
    assert np.all(values[np.isfinite(values)] == 0.0)
    assert picture["low"] == -picture["high"]


def test_colours_grow_steadily_lighter_or_darker():
    for name in ("perls", "sirius", "viridis", "cividis", "inferno"):
        rgb = np.frombuffer(lookup(name), np.uint8).reshape(256, 3) / 255.0
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        lightness = linear @ [0.2126, 0.7152, 0.0722]
        steps_ = np.diff(lightness[::8])
        assert np.all(steps_ > -1e-3) or np.all(steps_ < 1e-3), name


def test_a_scale_is_round_and_does_not_flicker():
    scale = Scale()
    rng = np.random.default_rng(1)
    ends = {scale.ends("x", [rng.normal(10.0, 1.0, 500).clip(0.1)], 1e-9) for _ in range(20)}
    assert len(ends) == 1
    assert scale.ends("x", [np.full(9, 300.0)], 1e-9)[1] >= 300.0


def test_charts_have_one_line_for_each_arm_and_mark_treatments(session):
    steps(session, 24)
    session.fork()
    session.treat([MSC])
    steps(session, 24)
    drawn = charts.time_courses(session.arms, list(charts.COURSES), "AB")
    for chart, panel in zip(drawn, charts.COURSES.values(), strict=True):
        assert len(chart["lines"]) == 2 * len(panel.lines)
        assert any("MSC" in mark["label"] for mark in chart["marks"])
        for line in chart["lines"]:
            assert len(line["x"]) == len(line["y"]) <= charts.MOST_POINTS


def test_many_doses_are_a_row_of_ticks(session):
    session.treat([{"kind": "phlebotomy", "volume_ml": 0.001, "every_days": 1 / 24}])
    for hours, rows in ((15, [None]), (30, [0])):
        steps(session, hours - round(session.hours))
        marks = charts.time_courses(session.arms, ["ALT"], "A")[0]["marks"]
        assert [mark["row"] for mark in marks if "blood drawn" in mark["label"]] == rows


def test_a_site_is_told_in_words_with_its_rules_and_sources(session):
    steps(session, 30)
    model = session.model
    toxin = model.levels.ccl4
    assert toxin > 0.0
    home = model.population.tables["hepatocyte"]["site"]
    site = int(home[model.tissue.zone[home] == 3][0])
    text = describe(model, site)
    for words in ("pericentral", "hepatocyte", "Around them", "TNF-α", "Source:"):
        assert words in text
    assert "hepatocyte" in tip(model, site, "tnf")
    found = acting(model, site)
    assert any("toxin" in sentence for _, _, sentence in found)
    assert all(0.05 <= share <= 1.0 for share, _, _ in found)
    vein = int(np.flatnonzero(model.tissue.kind == 2)[0])
    assert "central vein" in describe(model, vein)


@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize("species", ["mouse", "rat", "human"])
def test_the_form_of_every_treatment_starts_with_a_dose_that_can_be_given(kind, species):
    case = {"mouse": "wild-type-mouse", "rat": "carbonyl-iron-rat", "human": "hfe-human"}[species]
    session = Session(load_case(case, {"tissue.lobules": 1}))
    dose = initial(kind, species)
    assert set(dose) == set(fields(kind))
    session.treat([{"kind": kind, **dose}])
    session.step()
    assert len(session.model.log) == 1


def test_a_new_seed_is_another_subject_of_a_cohort():
    ages = {"distribution": "uniform", "low": 30.0, "high": 90.0}
    session = Session(load_case("hfe-mouse", {"tissue.lobules": 1, "cohort": {"subject.age_days": ages}}))
    first = session.model.case.subject.age_days
    session.treat([MSC])
    session.step()
    session.reset(seed=77)
    assert session.model.case.subject.age_days != first and not session.model.case.cohort
    session.reset(seed=1)
    assert session.model.case.subject.age_days == first


def test_a_player_plays_jumps_pauses_and_tells_what_went_wrong(session):
    shown = []
    player = Player(session, lambda: shown.append(session.hours))
    player.drawn = lambda: None
    player.start()
    player.play(until=24.0)
    deadline = time.monotonic() + 120
    while (session.hours < 24.0 or player.playing) and time.monotonic() < deadline:
        player._drawn.set()
        time.sleep(0.01)
    assert session.hours == 24.0
    assert not player.playing
    player.speed = 0.0
    player.play()
    while session.hours < 30.0 and time.monotonic() < deadline:
        player._drawn.set()
        time.sleep(0.01)
    player.pause()
    player.do(lambda s: s.treat([{"kind": "msc"}]))
    while not player.message and time.monotonic() < deadline:
        player._drawn.set()
        time.sleep(0.01)
    assert "treatments" in player.message
    player.do(lambda s: 1 / 0)
    while "ZeroDivisionError" not in player.message and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "The model stopped: ZeroDivisionError" in player.message
    player.close()
    player.thread.join(10)
    assert not player.thread.is_alive()
    assert shown


def test_two_threads_in_the_kernels_at_once_give_the_same_bits():
    alone = Session(load_case("ccl4-mouse", SMALL), 1)
    steps(alone, 60)
    sessions = [Session(load_case("ccl4-mouse", SMALL), 1) for _ in range(3)]
    threads = [threading.Thread(target=steps, args=(s, 60)) for s in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(s.model.readouts() == alone.model.readouts() for s in sessions)


def test_a_recording_ends_where_it_ends_whatever_is_asked(tmp_path):
    case = load_case("wild-type-mouse", SMALL).with_days(2)[0]
    recording = Recording({"run": run_case(case, out=tmp_path / "run", draw=False)})
    player = Player(recording, lambda: player.drawn())
    player.start()
    player.play(until=1e6)  # a key that jumps a week means no more than the end
    deadline = time.monotonic() + 120
    while not recording.is_over and time.monotonic() < deadline:
        time.sleep(0.01)
    assert recording.hours == 48.0
    player.play()  # begins again
    while recording.is_over and time.monotonic() < deadline:
        time.sleep(0.01)
    assert recording.hours < 48.0
    player.close()
    player.thread.join(10)
    assert not player.thread.is_alive()


def test_a_reset_and_a_loaded_state_can_be_undone(session):
    steps(session, 24)
    before, origin = session.model.readouts(), session.origin
    session.treat([MSC])
    session.go_back()
    session.keep("one")
    session.keep("two")
    session.reset(load_case("wild-type-mouse", SMALL), 5)
    assert len(session.moments) == 1  # so that memory does not grow with resets
    session.go_back()
    assert session.model.readouts() == before
    assert session.origin == origin
    other = Session(load_case("hfe-mouse", SMALL))
    steps(other, 3)
    session.load(dump(other.model), "state.npz")
    assert session.model.readouts() == other.model.readouts()
    session.go_back()
    assert session.model.readouts() == before


def test_a_session_takes_over_two_models_with_their_courses(session):
    steps(session, 5)
    session.fork()
    session.treat([MSC])
    steps(session, 5)
    taken = Session(session)
    assert [a.model.readouts() for a in taken.arms] == [a.model.readouts() for a in session.arms]
    assert [len(a.course.rows) for a in taken.arms] == [len(a.course.rows) for a in session.arms]
    marks = charts.time_courses(taken.arms, ["ALT"], "AB")[0]["marks"]
    assert {mark["label"].partition(":")[0] for mark in marks if "MSC" in mark["label"]} == {"A"}


@pytest.mark.parametrize(
    ("text", "number"), [("1e6", 1e6), (" 3 ", 3.0), ("nan", None), ("inf", None), ("", None), ("1,5", None)]
)
def test_a_number_is_finite_or_none(text, number):
    assert read_number(text) == number
    assert read_number("2.5", whole=True) is None and read_number("-1", whole=True) is None


@pytest.mark.parametrize("per_kg", [False, True])
@pytest.mark.parametrize("kind", sorted(kinds()))
def test_a_dose_without_its_amount_is_not_complete(kind, per_kg):
    form = initial(kind, "mouse", per_kg)
    assert is_complete(kind, per_kg, form)
    if is_weighed(kind):
        amount = kinds()[kind].per_kg if per_kg else kinds()[kind].whole
        assert not is_complete(kind, per_kg, {**form, amount: None})
