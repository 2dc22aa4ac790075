"""Plans: which runs there are, what determines their names, and where their seeds come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobule.case import load_case
from lobule.errors import InputError
from lobule.experiments import morris
from lobule.experiments.identity import code_version, run_id
from lobule.experiments.sweeps.effort import weights_of
from lobule.experiments.sweeps.plan import Plan, replicate_seed
from lobule.experiments.sweeps.planning import make_plan
from lobule.experiments.sweeps.store import Store

from .sweep_cases import SHORT

RATE, CELLS = "hepatocyte.export_rate", "treatments.0.cells"


def plan_of(parameters: dict[str, Any] | None = None, seeds: Any = range(2), **options: Any) -> Plan:
    cases = options.pop("cases", ["hfe-mouse"])
    options = {"settings": SHORT, "days": 1.0, **options}
    return make_plan("test", cases, parameters or {RATE: [0.03, 0.04]}, seeds, **options)


def test_every_combination_is_a_run_and_has_its_own_name():
    plan = plan_of({RATE: [0.03, 0.04], "subject.age_days": [21, 30, 40]}, range(4))
    assert len(plan.runs) == 2 * 3 * 4 == len({run.id for run in plan.runs})
    run = plan.runs[7]
    case = plan.case(run)
    labels = plan.labels(run)
    assert case.parameters[RATE] == labels[RATE] and case.subject.age_days == labels["subject.age_days"]
    assert case.end_hours == 24.0 and run.id == run_id(case, run.seed)


@settings(max_examples=50)
@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_a_seed_hangs_on_root_and_number_alone(root: int, number: int):
    seed = replicate_seed(root, number)
    assert seed == replicate_seed(root, number) and 0 <= seed < 2**53
    assert seed != replicate_seed(root, (number + 1) % 2**63)
    assert seed != replicate_seed((root + 1) % 2**63, number)


def test_arms_and_points_share_the_seeds_of_their_replicates():
    plan = plan_of(cases=["hfe-mouse", "wild-type-mouse"], seeds=range(3))
    seeds = {number: {run.seed for run in plan.runs if run.replicate == number} for number in range(3)}
    assert all(len(found) == 1 for found in seeds.values())
    assert len(set.union(*seeds.values())) == 3


def test_an_extended_plan_holds_the_old_runs():
    old = {run.id for run in plan_of().runs}
    assert old < {run.id for run in plan_of({RATE: [0.02, 0.03, 0.04]}, range(5)).runs}
    assert old.isdisjoint(run.id for run in plan_of(root=2).runs)


def test_what_determines_a_run_is_in_its_name_and_nothing_else():
    case = load_case("hfe-mouse", SHORT)
    name = run_id(case, 1)
    assert run_id(load_case("hfe-mouse", {**SHORT, "title": "x", "description": "y", "seed": 5}), 1) == name
    assert run_id(load_case("hfe-mouse", {**SHORT, "tissue.agents": False}), 1) == name
    changes: list[dict[str, Any]] = [
        {RATE: 0.037},
        {"subject.age_days": 22.0},
        {"record.every_hours": 3.0},
        {"record.final_snapshot": False},
        {"tissue.layers": 2},
        {"diet.iron_percent": 1.0},
        {"treatments": [{"kind": "phlebotomy", "day": 1.0, "volume_ml": 0.1}]},
        {"clock.phases": [{"days": 1.0, "step_hours": 2.0}]},
        {"name": "other"},
    ]
    names = [run_id(load_case("hfe-mouse", {**SHORT, **change}), 1) for change in changes]
    assert len({name, run_id(case, 2), *names}) == len(names) + 2
    assert len(name) == 16 and int(name, 16) >= 0


def test_a_dose_is_no_matter_to_an_arm_without_it():
    arms: dict[str, dict[str, Any]] = {"none": {"treatments": []}, "msc": {}}
    plan = plan_of(
        {CELLS: [1e5, 1e6, 1e7]},
        range(2),
        cases=["hfe-mouse-msc"],
        arms=arms,
        settings={**SHORT, "treatments.0.day": 0.5},
    )
    rows = [(plan.labels(run)["arm"], plan.labels(run)[CELLS]) for run in plan.runs]
    assert sorted(rows, key=str) == sorted(
        [("none", None)] * 2 + [("msc", c) for c in (1e5, 1e6, 1e7)] * 2, key=str
    )


def test_a_dose_that_is_never_given_is_no_label():
    """The cells come on day 49; a sweep of two weeks has none of them."""
    plan = plan_of({CELLS: [1e5, 1e6], RATE: [0.03]}, range(1), cases=["hfe-mouse-msc"], days=14.0)
    (row,) = [plan.labels(run) for run in plan.rows]
    assert row[CELLS] is None and row[RATE] == 0.03
    assert plan.notes() == ["hfe-mouse-msc: treatments.0 (msc, day 49) is after day 14 and is left out"]
    moved = plan_of({"treatments.0.day": [7.0, 49.0]}, range(1), cases=["hfe-mouse-msc"], days=14.0)
    assert [moved.labels(run)["treatments.0.day"] for run in moved.rows] == [7.0, None]


def test_equal_runs_are_one():
    assert len(plan_of({RATE: [0.03, 0.03]}).runs) == 2
    default = load_case("hfe-mouse")
    plan = plan_of({"subject.age_days": [21, 21.0]}, cases={"a": default, "b": default})
    assert len(plan.runs) == 2 and {plan.labels(run)["arm"] for run in plan.runs} == {"a"}


def test_samples_that_are_the_same_are_one_run_but_all_rows():
    """With one parameter, a trajectory goes between two of four levels: eight are sure to meet."""
    plan = plan_of({RATE: morris(8)}, range(2))
    assert len(plan.rows) == 2 * 16 and len(plan.runs) <= 2 * 4
    assert {run.id for run in plan.rows} == {run.id for run in plan.runs}
    rows = [plan.labels(run) for run in plan.rows]
    assert [row["sample"] for row in rows] == [*range(16), *range(16)]
    assert rows[5][RATE] == plan.points[5].values[0]


def test_a_plan_comes_back_from_its_file_as_it_was(tmp_path: Path):
    store = Store(tmp_path / "store")
    store.prepare()

    def again_plan() -> Plan:
        return plan_of({RATE: [0.03, 0.04], "tissue.lobules": [1, [2, 1]]}, [0, 7], settings={})

    plan = again_plan()
    store.save(plan)
    (again,) = store.plans()
    assert again.runs == plan.runs and again.definition() == plan.definition()
    assert [again.case(run) for run in again.runs] == [plan.case(run) for run in plan.runs]
    # the runs are taken from the file, not worked out again
    (path,) = (tmp_path / "store" / "sweeps").iterdir()
    data = json.loads(path.read_text())
    data["runs"] = data["runs"][:1]
    path.write_text(json.dumps(data))
    other = again_plan()
    store.save(other)
    assert other.runs == plan.runs[:1]
    data["code"] = "older"
    path.write_text(json.dumps(data))
    third = again_plan()
    store.save(third)
    assert third.runs == plan.runs and store.plans()[0].code == code_version()
    path.write_text("{")
    store.save(plan)
    assert store.plans()[0].runs == plan.runs


def test_runs_weigh_as_much_as_they_have_sites_and_steps():
    plan = plan_of({"tissue.lobules": [1, 7]}, range(1), settings={})
    one, seven = weights_of(plan, plan.runs)
    assert seven == pytest.approx(7.0 * one)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"parameters": {"hepatocyte.exprt_rate": [0.03]}}, 'did you mean "hepatocyte.export_rate"'),
        ({"parameters": {RATE: [0.03, 7.0]}}, "outside its plausible range"),
        ({"parameters": {RATE: []}}, "the list is empty"),
        ({"parameters": {RATE: {"low": 1}}}, "must be a list of values or a sampler"),
        ({"parameters": {CELLS: [1e5]}}, 'no entry "0"'),
        ({"parameters": {RATE: [0.03], "tissue.lobules": [1]}}, "both set for all runs and varied"),
        ({"parameters": {RATE: [0.03], f"parameters.{RATE}": [0.04]}}, "is varied twice"),
        ({"settings": {f"parameters.{RATE}": 0.04}}, "both set for all runs and varied"),
        ({"arms": {"a": {RATE: 0.04}, "b": {}}}, 'both set in arm "a" and varied'),
        ({"parameters": {"seed": [1, 2]}}, "replicates .*root"),
        ({"settings": {"seed": 2}}, "replicates .*root"),
        ({"arms": {"a": {"seed": 2}}}, "replicates .*root"),
        ({"parameters": {"title": ["a", "b"]}}, "title -> cannot be varied: it does not change the run"),
        ({"parameters": {"tissue.agents": [True, False]}}, "does not change the run"),
        ({"root": -1}, "root = -1 -> must be a whole number"),
        ({"root": 1.5}, "root = 1.5 -> must be a whole number"),
        ({"root": "x"}, "must be a whole number"),
        ({"seeds": 3}, "range"),
        ({"seeds": []}, "one replicate at least"),
        ({"seeds": [1, 1]}, "twice"),
        ({"seeds": [-1]}, "0 or more"),
        ({"root": 2**70}, r"below 2\^63"),
        ({"parameters": [1]}, r"parameters = \[1\] -> must be a mapping"),
        ({"settings": [1]}, r"settings = \[1\] -> must be a mapping"),
        ({"days": True}, "days = true -> must be a number more than 0"),
        ({"days": 1e-9}, "days = 1e-09 -> must be a whole number of steps"),
        ({"parameters": {RATE: morris(1_000_000)}}, "at most 1,000,000"),
        ({"seeds": ["a"]}, "whole number"),
        ({"cases": []}, "one case at least"),
        ({"cases": ["hfe-mouse", "hfe-mouse"]}, "twice"),
        ({"cases": ["hfe-mose"]}, 'did you mean "hfe-mouse"'),
        ({"days": 0.1}, "whole number of steps"),
        ({"arms": {"a": {"treatment": []}}}, 'arm "a"'),
        ({"parameters": {"subject.age_days": range(100_000)}, "seeds": range(1000)}, "at most 1,000,000"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_before_anything_runs(options: dict[str, Any], words: str):
    with pytest.raises(InputError, match=words) as error:
        plan_of(**{"parameters": {RATE: [0.03]}, **options}).runs  # noqa: B018
    assert "\n" not in str(error.value)
