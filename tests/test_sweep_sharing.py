"""Runs with a common past: what it is, and that beginning with it changes no bit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lobule.case import Case, load_case
from lobule.experiments.folders import snapshot_name
from lobule.experiments.models import load_model
from lobule.experiments.runner import run_into
from lobule.experiments.stems import STATE, Stem, stem_id
from lobule.experiments.sweeps.conduct import Workers, conduct
from lobule.experiments.sweeps.effort import steps
from lobule.experiments.sweeps.finished import Run
from lobule.experiments.sweeps.plan import Plan
from lobule.experiments.sweeps.planning import make_plan
from lobule.experiments.sweeps.sharing import in_order, parting_hours, shared_hours
from lobule.experiments.sweeps.store import Store

CCL4: dict[str, Any] = {"kind": "toxin", "agent": "ccl4", "dose": 0.5, "day": 0.25}
MSC: dict[str, Any] = {"kind": "msc", "cells": 3e6, "route": "intraportal", "day": 1.0}
SHORT: dict[str, Any] = {
    "tissue.lobules": 1,
    "clock.phases": [{"days": 1.5, "step_hours": 1.0}],
    "record.every_hours": 3.0,
    "record.snapshot_days": [0.0, 0.5, 1.0],
}
ARMS = {
    "none": {"treatments": [CCL4]},
    "placebo": {"treatments": [CCL4, {**MSC, "cells": 0.0}]},
    "cells": {"treatments": [CCL4, MSC]},
}


def plan_of(arms: dict[str, Any], seeds: range = range(2), **settings: Any) -> Plan:
    return make_plan("arms", ["hfe-mouse"], {}, seeds, arms=arms, settings={**SHORT, **settings})


def case_with(*treatments: dict[str, Any]) -> Case:
    return load_case("hfe-mouse", {**SHORT, "treatments": list(treatments)})


def series(store: Store, plan: Plan) -> dict[tuple[str, int], Any]:
    return {
        (plan.arms[run.arm].name, run.replicate): Run(store.folder(run.id)).table().to_pydict()
        for run in plan.runs
    }


def same(one: dict[str, Any], two: dict[str, Any]) -> bool:
    return one.keys() == two.keys() and all(
        np.array_equal(np.array(one[name]), np.array(two[name]), equal_nan=True) for name in one
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Plan]:
    store, plan = Store(tmp_path_factory.mktemp("store") / "results"), plan_of(ARMS)
    outcome = conduct(plan, store, Workers(1))
    assert len(outcome.done) == 6
    return store, plan


def test_cases_part_at_the_first_dose_that_not_all_have():
    plan = plan_of(ARMS)
    assert shared_hours(plan) == {(0, 0): 24.0, (1, 0): 24.0, (2, 0): 24.0}
    assert parting_hours([case_with(CCL4), case_with({**CCL4, "dose": 1.0})]) == 6.0
    assert parting_hours([case_with(CCL4), case_with(CCL4)]) == 0.0
    assert parting_hours([case_with(CCL4)]) == 0.0
    repeated = {**CCL4, "every_days": 0.5}
    assert parting_hours([case_with(repeated), case_with({**repeated, "until_day": 0.75})]) == 30.0


def test_cases_that_differ_elsewhere_share_nothing():
    warm = {"none": {"treatments": [CCL4]}, "other": {"treatments": [MSC], "subject.age_days": 40.0}}
    assert shared_hours(plan_of(warm)) == {}
    assert shared_hours(plan_of({"none": {"treatments": [CCL4]}})) == {}


def test_each_past_is_made_once_and_those_who_share_it_come_after():
    plan = plan_of(ARMS, range(3))
    order, followers = in_order(plan.runs, shared_hours(plan))
    assert [plan.arms[run.arm].name for run in order] == ["none"] * 3 + ["placebo", "cells"] * 3
    assert followers == {run.id for run in order[3:]}
    assert sorted(run.id for run in order) == sorted(run.id for run in plan.runs)


def test_a_run_that_begins_with_a_saved_past_is_the_same_to_the_bit(done: tuple[Store, Plan], tmp_path: Path):
    store, plan = done
    assert len(list(store.stems.iterdir())) == 2
    for run in plan.runs:
        anew = run_into(tmp_path / run.id, plan.case(run), run.seed, draw=False)
        assert same(Run(anew).table().to_pydict(), Run(store.folder(run.id)).table().to_pydict())
        assert (anew / "summary.json").read_bytes() == (store.folder(run.id) / "summary.json").read_bytes()
        for day in (0.0, 0.5, 1.0):
            one, two = (
                load_model(f / "snapshots" / snapshot_name(day)) for f in (anew, store.folder(run.id))
            )
            assert one.case == two.case
            assert one.readouts() == pytest.approx(two.readouts(), rel=0, abs=0, nan_ok=True)


def test_placebo_is_no_treatment(done: tuple[Store, Plan]):
    rows = series(*done)
    assert same(rows["none", 0], rows["placebo", 0])
    assert not same(rows["none", 0], rows["cells", 0])


def test_the_order_of_arms_and_further_arms_change_nothing(done: tuple[Store, Plan], tmp_path: Path):
    more = {"later": {"treatments": [CCL4, {**MSC, "day": 1.25}]}, **dict(reversed(ARMS.items()))}
    plan, store = plan_of(more, range(1)), Store(tmp_path / "results")
    conduct(plan, store, Workers(1))
    before, after = series(*done), series(store, plan)
    assert all(same(before[name, 0], after[name, 0]) for name in ARMS)


def test_a_damaged_past_is_made_again(tmp_path: Path):
    case, stem = case_with(CCL4, MSC), Stem(tmp_path / "stem", 24.0)
    run_into(tmp_path / "first", case, 1, draw=False, stem=stem)
    (stem.folder / STATE).write_bytes(b"no archive")
    run_into(tmp_path / "second", case, 1, draw=False, stem=stem)
    assert load_model(stem.folder / STATE).hours == 24.0
    begun = stem.begin(case_with(CCL4), tmp_path / "third")
    assert begun is not None and begun[0].hours == 24.0 and len(begun[1]) == 9
    shutil.rmtree(stem.folder)
    assert stem.begin(case, tmp_path / "fourth") is None


def test_the_name_of_a_past_knows_what_was_given_and_not_what_is_to_come():
    one, two = case_with(CCL4), case_with(CCL4, MSC)
    assert stem_id(one, 1, 24.0) == stem_id(two, 1, 24.0)
    assert stem_id(one, 1, 30.0) != stem_id(two, 1, 30.0)
    assert stem_id(one, 1, 24.0) != stem_id(one, 2, 24.0)


def test_steps_that_are_left():
    case = load_case("hfe-human")
    assert steps(case) == 10958 + 4 * 7305
    assert steps(case, 10958 * 24.0) == 4 * 7305
    assert steps(case, 24.0) == steps(case) - 1
