"""The search for schedules: the file, the search, the front, what is written, and that it can be stopped."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lobule.case import load_case
from lobule.errors import InputError
from lobule.experiments import optimise
from lobule.experiments.cli import main
from lobule.experiments.optimisations import conduct
from lobule.experiments.optimisations.fronts import hypervolume, on_front, representatives
from lobule.experiments.optimisations.measures import limited, outcome_of, quantity_of
from lobule.experiments.optimisations.menu import Menu, Value
from lobule.experiments.optimisations.optimisefile import OPTIMISATIONS, ChoiceTable, Limit
from lobule.experiments.optimisations.problem import NOTHING, read_optimisation
from lobule.experiments.optimisations.scripting import Optimised
from lobule.experiments.optimisations.search import Candidate, Decision, Outcome, search

HEAD = """
format = 1
title = "Cells and bleeding for a poisoned mouse"
question = "How many cells, and how much blood?"
case = "ccl4-mouse"
days = 1
patients = 2
check_patients = 1
population = 4
generations = 2
front = 2
[settings]
tissue.lobules = 1
[record]
every_hours = 6
"""
MSC = """
[[treatments]]
kind = "msc"
day = 0
cells = { low = 1e5, high = 3e6, scale = "log" }
route = { choices = ["intraportal", "intravenous"] }
optional = true
"""
BLOOD = """
[[treatments]]
kind = "phlebotomy"
day = 0
volume_ml = { low = 0.05, high = 0.3, step = 0.05 }
minimum_haemoglobin_g_per_dl = 5
"""
GOALS = """
[[objectives]]
readout = "iron_removed_mg"
goal = "maximise"
label = "iron removed"
[[objectives]]
readout = "haemoglobin_g_per_dl"
goal = "maximise"
label = "haemoglobin"
"""
LIMITS = """
[[limits]]
readout = "haemoglobin_g_per_dl"
at = "min"
above = 13.5
label = "lowest haemoglobin"
[[limits]]
quantity = "cells"
below = 2.9e6
"""
QUICK = """
[quick]
patients = 1
check_patients = 0
generations = 1
"""


def written(path: Path, *parts: str, head: str = HEAD) -> Path:
    """Write an optimisation file and return its path."""
    path.write_text(head + "".join(parts or (MSC, BLOOD, GOALS, LIMITS, QUICK)), "utf-8")
    return path


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Optimised]:
    folder = tmp_path_factory.mktemp("optimise")
    file = written(folder / "small.toml")
    return file, optimise(file, folder / "out", workers=1, progress=False)


# The search, on functions with a known front


def decision(key: str, **table: Any) -> Decision:
    return Decision(key, key, "-", ChoiceTable(**table))


SPACE = (
    decision("x", low=0.0, high=1.0),
    decision("y", low=0, high=10, step=1),
    decision("kind", choices=("bad", "good")),
)


def known(generation: int, asked: Sequence[dict[str, Any]]) -> list[Outcome]:
    """Objectives whose front is f1 + f2 = 1, where y is 0 and the kind good; x below 0.25 is out."""
    found = []
    for values in asked:
        extra = values["y"] / 10.0 + (values["kind"] == "bad")
        found.append(Outcome((values["x"], 1.0 - values["x"] + extra), violations=(0.25 - values["x"],)))
    return found


def searched(seed: int = 3, evaluate: Any = known, generations: int = 20) -> list[Candidate]:
    goals = ("minimise", "minimise")
    steps = search(SPACE, goals, evaluate, population=16, generations=generations, seed=seed)
    return [candidate for generation in steps for candidate in generation]


def test_search_finds_the_known_front_within_the_limit() -> None:
    candidates = searched()
    losses = np.array([candidate.outcome.means for candidate in candidates])
    allowed = np.array([candidate.outcome.is_feasible for candidate in candidates])
    front = losses[on_front(losses, allowed)]
    reference, best = np.array([1.0, 1.75]), 1.03125  # the integral of 1.75 - (1 - x) from 0.25 to 1
    assert 0.25 <= front[:, 0].min() < 0.3
    assert hypervolume(losses[:16][allowed[:16]], reference) < 0.9 * best
    assert 0.93 * best < hypervolume(front, reference) <= best
    ends = [candidate.values for candidate in candidates[-16:]]
    assert sum(values["kind"] == "good" for values in ends) > 12


def test_search_is_the_same_again_and_another_with_another_seed() -> None:
    first, again, other = searched(3), searched(3), searched(4)
    assert first == again
    assert [c.values for c in first] != [c.values for c in other]


def test_what_gives_no_numbers_is_worse_than_all() -> None:
    def failing(generation: int, asked: Sequence[dict[str, Any]]) -> list[Outcome]:
        outcomes = zip(asked, known(generation, asked), strict=True)
        return [Outcome((), failure="no number") if v["kind"] == "good" else o for v, o in outcomes]

    ends = searched(3, failing)[-16:]
    assert sum(candidate.values["kind"] == "bad" for candidate in ends) > 12


def test_one_objective_is_a_plain_optimum() -> None:
    def bowl(generation: int, asked: Sequence[dict[str, Any]]) -> list[Outcome]:
        return [Outcome(((v["x"] - 0.4) ** 2 + v["y"],)) for v in asked]

    steps = search(SPACE, ("minimise",), bowl, population=16, generations=25, seed=1)
    values = [(c.outcome.means[0], c.values) for generation in steps for c in generation]
    best = min(values, key=lambda entry: entry[0])[1]
    assert abs(float(best["x"]) - 0.4) < 0.05 and best["y"] == 0
    assert all(isinstance(v["y"], int) and v["x"] == float(f"{v['x']:.3g}") for _, v in values)


# Fronts


def test_front_of_points() -> None:
    losses = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [2.5, 2.5], [0.0, 0.0], [2.0, 2.0]])
    allowed = np.array([True, True, True, True, False, True])
    assert on_front(losses, allowed).tolist() == [True, True, True, False, False, True]


def test_hypervolume_of_known_shapes() -> None:
    assert hypervolume(np.array([[0.25]]), np.ones(1)) == 0.75
    assert hypervolume(np.array([[0.0, 0.5], [0.5, 0.0], [0.6, 0.6]]), np.ones(2)) == pytest.approx(0.75)
    assert hypervolume(np.array([[0.5, 0.5, 0.5]]), np.ones(3)) == pytest.approx(0.125)
    corners = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
    assert hypervolume(corners, np.ones(3)) == pytest.approx(0.5)
    assert hypervolume(np.array([[1.0, 0.0]]), np.ones(2)) == 0.0


def test_representatives_hold_the_ends_and_what_is_far() -> None:
    losses = np.array([[0.0, 1.0], [0.01, 0.99], [0.5, 0.5], [1.0, 0.0]])
    assert representatives(losses, range(4), 3) == [0, 2, 3]
    assert representatives(losses, range(4), 9) == [0, 1, 2, 3]


# What may be given


def test_schedules_of_a_menu() -> None:
    tables = [
        {
            "kind": "msc",
            "day": 1,
            "route": "intraportal",
            "cells": {"low": 1.0, "high": 2.0},
            "optional": True,
        },
        {
            "kind": "phlebotomy",
            "day": 0,
            "every_days": {"low": 7, "high": 14, "step": 7},
            "doses": {"low": 1, "high": 3, "step": 1},
            "volume_ml": 0.1,
            "stop_when": {"readout": "ferritin_ug_per_l", "below": {"low": 50.0, "high": 100.0}},
        },
    ]
    menu = Menu(tables)
    keys = [decision.key for decision in menu.decisions]
    assert keys == [
        "treatments.0.given", "treatments.0.cells", "treatments.1.every_days", "treatments.1.doses",
        "treatments.1.stop_when.below",
    ]  # fmt: skip
    assert (
        menu.decisions[-1].label == "phlebotomy: stop when ferritin below"
        and menu.decisions[-1].unit == "ug/L"
    )
    values: dict[str, Value] = dict(zip(keys, (True, 1.5, 14, 2, 70.0), strict=True))
    cells, blood = menu.doses(values)
    assert (cells.cells, blood.every_days, blood.doses) == (1.5, 14, 2)  # type: ignore[union-attr]
    assert blood.stop_when is not None and blood.stop_when.below == 70.0
    without = menu.settled(values | {"treatments.0.given": False})
    assert without["treatments.0.cells"] is None and [d.kind for d in menu.doses(without)] == ["phlebotomy"]


def test_quantities_of_a_schedule() -> None:
    treatments = [
        {"kind": "msc", "day": 0, "every_days": 1, "doses": 2, "cells_per_kg": 1e6, "route": "intraportal"},
        {"kind": "phlebotomy", "day": 0, "every_days": 1, "volume_ml": 0.1},
        {"kind": "chelator", "drug": "deferasirox", "day": 0.5, "mg_per_kg": 10},
    ]
    case = load_case("hfe-mouse", {"treatments": treatments}).with_days(3)[0]
    assert quantity_of("doses", case) == 2 + 3 + 1
    assert quantity_of("visits", case) == 3
    assert 2e4 < quantity_of("cells", case) < 6e4  # of a mouse of 10 to 30 g


def test_limits_look_at_the_worst_patient(tmp_path: Path) -> None:
    hours = np.array([0.0, 12.0, 24.0])
    courses = [
        {"hours": hours, "haemoglobin_g_per_dl": np.array(hb), "iron_removed_mg": np.array([0.0, 1.0, 2.0])}
        for hb in ([15.0, 14.0, 15.0], [15.0, 13.0, 15.0])
    ]
    lowest = Limit(readout="haemoglobin_g_per_dl", at="min", above=13.5)
    assert [limited(lowest, course, 0.0) for course in courses] == [14.0, 13.0]
    assert limited(lowest, courses[1], 1.0) == 15.0
    problem = read_optimisation(written(tmp_path / "a.toml"))
    outcome = outcome_of(problem, problem.base, courses)
    assert outcome.means == (2.0, 15.0) and outcome.errors == (0.0, 0.0)
    assert outcome.worst == (13.0, 0.0) and not outcome.is_feasible
    assert outcome.violations[0] == pytest.approx(0.5 / 13.5)
    courses[0]["iron_removed_mg"] = np.full(3, np.nan)
    assert "iron_removed_mg has no number" in outcome_of(problem, problem.base, courses).failure


# All together


def test_what_is_written(found: tuple[Path, Optimised]) -> None:
    study, folder = found[1].study, found[1].report.parent
    with (folder / "schedules.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(study.schedules) == len(found[1].schedules)
    fronts = [row for row in rows if row["on_front"] == "True"]
    assert fronts and all(row["feasible"] == "True" for row in fronts)
    assert {row["name"] for row in fronts} - {""} == {study.name(row) for row in study.picked}
    for name in ("report.html", "figures/front.png", "figures/progress.png", "figures/schedules.png"):
        assert (folder / name).stat().st_size > 5000
    page = found[1].report.read_text("utf-8")
    assert "no advice" in page and "fresh patients" in page and "lowest haemoglobin" in page


def test_the_best_are_cases_that_run_takes(found: tuple[Path, Optimised]) -> None:
    study = found[1].study
    assert found[1].best and all(path.is_file() for path in found[1].best)
    for row, path in zip(study.picked, found[1].best, strict=True):
        case = load_case(path)
        assert case.treatments == study.optimisation.case(study.schedules[row].values).treatments
        assert case.record.final_snapshot
    assert main(["explain", str(found[1].best[0])]) == 0


def test_check_has_patients_that_the_search_never_saw(found: tuple[Path, Optimised]) -> None:
    problem = found[1].study.optimisation
    searched_with = {run.seed for run in problem.plan("a", {NOTHING: None}).runs}
    fresh = {run.seed for run in problem.plan("b", {NOTHING: None}, fresh=True).runs}
    assert len(searched_with) == 2 and len(fresh) == 1 and not searched_with & fresh
    assert set(found[1].study.checked) == set(found[1].study.picked)


def outputs(folder: Path) -> dict[str, bytes]:
    """Return what a search wrote, by name."""
    names = ["schedules.csv", "report.html", *sorted(path.name for path in folder.glob("best-*.toml"))]
    return {name: (folder / name).read_bytes() for name in names}


def test_stopped_after_a_generation_and_gone_on_it_is_the_same(
    found: tuple[Path, Optimised], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def stopping(plan: Any, *args: Any, **options: Any) -> Any:
        if plan.name.endswith("generation 2"):
            raise KeyboardInterrupt
        done.append(plan.name)
        return conducted(plan, *args, **options)

    conducted = conduct.conduct
    monkeypatch.setattr(conduct, "conduct", stopping)
    out = tmp_path / "out"
    assert main(["optimise", str(found[0]), "--out", str(out), "--workers", "1"]) == 130
    assert done == [f"small {NOTHING}", "small generation 1"] and not (out / "schedules.csv").exists()
    monkeypatch.undo()
    assert main(["optimise", str(found[0]), "--out", str(out), "--workers", "1"]) == 0
    assert outputs(out) == outputs(found[1].report.parent)


@pytest.mark.slow
def test_workers_change_nothing(found: tuple[Path, Optimised], tmp_path: Path) -> None:
    optimise(found[0], tmp_path / "out", workers=2, progress=False)
    assert outputs(tmp_path / "out") == outputs(found[1].report.parent)


def test_limits_that_nothing_keeps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strict = '[[limits]]\nreadout = "haemoglobin_g_per_dl"\nat = "min"\nabove = 20\nlabel = "lowest"\n'
    file, out = written(tmp_path / "a.toml", BLOOD, GOALS, strict, QUICK), tmp_path / "out"
    assert main(["optimise", str(file), "--quick", "--out", str(out), "--workers", "1"]) == 0
    printed = capsys.readouterr().out
    assert (
        "keeps all limits; broken: lowest (at least 20 g/dL)" in printed and "nearest is schedule" in printed
    )
    assert "keeps all limits" in (out / "report.html").read_text("utf-8")
    assert not list(out.glob("best-*.toml"))


def test_one_objective_gives_one_schedule(tmp_path: Path) -> None:
    goal = '[[objectives]]\nreadout = "iron_removed_mg"\ngoal = "maximise"\n'
    found = optimise(
        written(tmp_path / "a.toml", BLOOD, goal, QUICK), tmp_path / "out", 1, quick=True, progress=False
    )
    study = found.study
    most = max(float(str(schedule.values["treatments.0.volume_ml"])) for schedule in study.schedules)
    assert [study.schedules[row].values["treatments.0.volume_ml"] for row in study.front] == [most]
    assert not study.checked and len(found.best) == 1 and not (tmp_path / "out/figures/front.png").exists()


def test_a_population_is_a_cohort(tmp_path: Path) -> None:
    drawn = '[cohort]\n"subject.age_days" = { distribution = "uniform", low = 60, high = 90 }\n'
    case = load_case("hfe-mouse", {"tissue.lobules": 1}).to_toml() + drawn
    (tmp_path / "cohort.toml").write_text(case, "utf-8")
    head = HEAD.replace('"ccl4-mouse"', '"cohort.toml"')
    problem = read_optimisation(written(tmp_path / "a.toml", BLOOD, GOALS, head=head))
    plan = problem.plan("a", {NOTHING: None, "bled": {"treatments.0.volume_ml": 0.1}})
    cases = [plan.case(run) for run in plan.runs]
    assert len({case.subject.age_days for case in cases}) == 2 and len(cases) == 4
    assert sorted(len(case.treatments) for case in cases) == [0, 0, 1, 1]


def test_what_comes_before_the_first_treatment_is_simulated_once(tmp_path: Path) -> None:
    blood = BLOOD.replace("day = 0", "day = 0.5")
    optimise(written(tmp_path / "a.toml", blood, GOALS), tmp_path / "out", 1, progress=False)
    stems = [path for path in (tmp_path / "out" / "stems").iterdir() if path.is_dir()]
    assert len(stems) == 2 + 1  # of the patients of the search, and of the check


def test_without_optuna_it_says_how_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    file, out = written(tmp_path / "a.toml"), tmp_path / "out"
    assert main(["optimise", str(file), "--out", str(out), "--workers", "1"]) == 2
    assert "pip install 'lobule[calibrate]'" in capsys.readouterr().err
    assert not out.exists()


def test_resolution_makes_small_differences_none(tmp_path: Path) -> None:
    goals = GOALS.replace('label = "iron removed"', 'label = "iron removed"\nresolution = 0.5')
    problem = read_optimisation(written(tmp_path / "a.toml", BLOOD, goals))
    course = {"hours": np.array([0.0, 24.0]), "haemoglobin_g_per_dl": np.array([15.0, 14.1])}
    outcome = outcome_of(problem, problem.base, [course | {"iron_removed_mg": np.array([0.0, 1.6])}])
    assert outcome.means == (1.6, 14.1) and outcome.ranked == (1.5, 14.1)


def test_of_equal_schedules_the_one_with_fewer_doses_is_kept(tmp_path: Path) -> None:
    problem = read_optimisation(written(tmp_path / "a.toml"))
    menu, equal = problem.menu, Outcome((0.1, 14.0), violations=(0.0, 0.0))
    chosen = {"treatments.0.cells": 1e5, "treatments.0.route": "intraportal", "treatments.1.volume_ml": 0.1}
    tried = [menu.settled({**chosen, "treatments.0.given": given}) for given in (True, False, True)]
    outcomes = (equal, equal, Outcome((0.1, 14.5), violations=(0.0, 0.0)))
    schedules = [conduct.Schedule(i, 1, v, o) for i, (v, o) in enumerate(zip(tried, outcomes, strict=True))]
    assert conduct._least(problem, schedules, [0, 1, 2]) == [1, 2]


def test_dry_run_does_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = written(tmp_path / "a.toml"), tmp_path / "out"
    assert main(["optimise", str(file), "--out", str(out), "--dry-run", "--workers", "1"]) == 0
    printed = capsys.readouterr().out
    assert "2 generations of 4 schedules, 2 patients" in printed and "treatments.0.given" in printed
    assert "(toxin, day 1) is after day 1" in printed
    assert not out.exists()


def test_treatments_of_the_case_that_come_too_late_are_told(found: tuple[Path, Optimised]) -> None:
    (note,) = found[1].study.optimisation.notes
    assert note == "treatments.0 (toxin, day 1) is after day 1 and is left out"
    assert note in found[1].report.read_text("utf-8")


def test_builtin_optimisations_can_be_read() -> None:
    for name in OPTIMISATIONS.titles():
        full, quick = read_optimisation(Path(name)), read_optimisation(Path(name), quick=True)
        assert quick.generations * quick.population < full.generations * full.population


# What is refused


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "volume_ml = {",
            "volume = {",
            'treatments.1.volume = 0.05 -> no such key; did you mean "volume_ml"?',
        ),
        (
            "low = 0.05, high = 0.3",
            "low = 0.4, high = 0.3",
            "treatments.1.volume_ml.low = 0.4 -> must be less",
        ),
        ("low = 0.05", "lo = 0.05", 'treatments.1.volume_ml.lo = 0.05 -> no such key; did you mean "low"?'),
        ("step = 0.05", "step = 0.04", "treatments.1.volume_ml.step = 0.04 -> must lead from low = 0.05"),
        ("high = 0.3,", "high = 5.05,", "treatments.1.volume_ml = 5.05 -> in a mouse at most 1 mL at once"),
        ('"intravenous"]', '"intravenus"]', 'treatments.0.route = "intravenus" -> not one of'),
        ("optional = true", "optional = 1", "treatments.0.optional = 1 -> must be true or false"),
        ('goal = "maximise"', 'goal = "maximize"', 'objectives.0.goal = "maximize" -> not one of minimise'),
        ('"iron_removed_mg"', '"iron_removed"', 'no such readout (docs/readouts.md); did you mean "iron_rem'),
        ('quantity = "cells"', 'quantity = "cell"', 'limits.1.quantity = "cell" -> not one of cells'),
        ("above = 13.5", "", "limits.0.above or below -> one is needed"),
        ('at = "min"', "at = 30", "limits.0.at = 30 -> is after the end, day 1"),
        ("population = 4", "population = 3", "population = 3 -> must be at least 4"),
        ("days = 1", "days = 1\nbranch_day = 2", "branch_day = 2 -> must be before the end, day 1"),
        ("low = 0.05", "low = nan", "treatments.1.volume_ml.low = nan -> must be a finite number"),
        ("low = 0.05", 'low = "a"', 'treatments.1.volume_ml.low = "a" -> must be a finite number'),
        (
            "high = 0.3",
            f"high = 1{'0' * 400}",
            "treatments.1.volume_ml.high = a very large integer -> must be",
        ),
        ('"iron_removed_mg"', '"liver_stiffness_kpa"', "is a readout of man only; the case has a mouse"),
        ("format = 1", "format = 2", "this file has format 2"),
        ('case = "ccl4-mouse"', 'case = "ccl4-mose"', 'did you mean "ccl4-mouse"?'),
    ],
)
def test_bad_files_are_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    file = written(tmp_path / "a.toml")
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    assert main(["optimise", str(file), "--out", str(tmp_path / "out")]) == 2
    printed = capsys.readouterr().err
    assert said in printed and str(file) in printed and printed.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_more_objectives_than_can_be_drawn_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="objectives -> are 4; must be 3 at most"):
        read_optimisation(written(tmp_path / "a.toml", BLOOD, GOALS, GOALS))


def test_an_objective_is_wanted_once(tmp_path: Path) -> None:
    wish = '[[objectives]]\nreadout = "iron_removed_mg"\ngoal = "{goal}"\n'
    goals = wish.format(goal="maximise") + wish.format(goal="minimise")
    with pytest.raises(InputError, match=r"objectives\.1 -> is there twice"):
        read_optimisation(written(tmp_path / "a.toml", BLOOD, goals))


def test_nothing_to_choose_is_refused(tmp_path: Path) -> None:
    fixed = BLOOD.replace("{ low = 0.05, high = 0.3, step = 0.05 }", "0.1")
    with pytest.raises(InputError, match="treatments -> nothing is left to choose"):
        read_optimisation(written(tmp_path / "a.toml", fixed, GOALS))


def test_unknown_builtin_name_is_refused() -> None:
    with pytest.raises(InputError, match=r'did you mean "personal-schedule-human"\?'):
        read_optimisation(Path("personal-schedule-man"))
