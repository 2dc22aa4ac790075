"""Simulated beside published: measures and verdicts with known answers, plans, tables, reports."""

from __future__ import annotations

import base64
import csv
import html
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import lobule.experiments
from lobule.case import load_case
from lobule.doses import HOURS_PER_DAY
from lobule.errors import InputError
from lobule.experiments.cli import main
from lobule.experiments.evidence import Value, data_sets, read_evidence
from lobule.experiments.explain import published_in_words
from lobule.experiments.sweeps.conduct import Workers, conduct
from lobule.experiments.sweeps.plan import Plan
from lobule.experiments.sweeps.store import Store
from lobule.experiments.validation.conclusion import conclude
from lobule.experiments.validation.measures import Simulated, ends, last_injury
from lobule.experiments.validation.studies import Courses, arm_name, study_plan, with_targets
from lobule.experiments.validation.tally import (
    HEADER,
    MEASURES,
    Row,
    rows_of,
    tallies,
    verdict_in_words,
    what,
    when,
)
from lobule.experiments.validation.verdict import AGREES, Score, score
from lobule.parameters import GROUPS
from lobule.readouts import READOUTS

from .calibration_cases import SMALL
from .validation_cases import AGE, CASE, DAYS, course, measured, value

SETS = [name for name in data_sets() if read_evidence(name).targets]
TARGETS = [(name, target) for name in SETS for target in read_evidence(name).targets]

# ----------------------------------------------------------------------------------------------- measures


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"day": 4.0}, 18.0),
        ({"day": 4.25}, 18.5),  # between two records
        ({}, 30.0),  # the end
        ({"age_days": AGE + 2.0}, 14.0),
        ({"days_after_injury": 2.0}, 20.0),  # two days after day 3
        ({"measure": "change", "day": 4.0}, 8.0),
        ({"measure": "change", "from_day": 1.0, "day": 4.0}, 6.0),
        ({"measure": "change", "days_after_injury": 5.0}, 10.0),
        ({"measure": "fold", "day": 5.0}, 2.0),
        ({"measure": "fold", "from_day": 5.0, "day": 10.0}, 1.5),
        ({"measure": "fold", "days_after_injury": 4.0}, 1.5),  # over what there was at the last dose
        ({"measure": "remaining", "days_after_injury": 6.0}, 3.0),  # (28 - 10) / (16 - 10)
        ({"measure": "remaining", "from_day": 2.0, "day": 1.0}, 0.5),
        ({"measure": "maximum", "day": 6.0}, 22.0),
        ({"measure": "day-of-maximum", "from_day": 2.0, "day": 6.0}, 4.0),
        ({"measure": "share-above", "above": 13.0, "day": 2.0}, 100.0),
        ({"measure": "share-above", "above": 14.0, "day": 2.0}, 0.0),  # as much is not more
        ({"measure": "share-above", "above": 3.0, "from_day": 0.0, "day": 2.0}, 100.0),
        ({"measure": "share-above", "above": 5.0, "from_day": 0.0, "day": 2.0}, 0.0),
        ({"measure": "level-when", "when": {"readout": "alt_iu_per_l", "above": 50.0}}, 22.0),
    ],
)
def test_measures_of_one_course(given: dict[str, Any], expected: float):
    """Liver iron rises by 2 a day from 10."""
    alt = np.where(DAYS >= 6.0, 51.0, 50.0)
    found = measured([course(10.0 + 2.0 * DAYS, alt_iu_per_l=alt)], **given)
    assert found.mean == pytest.approx(expected) and found.values == pytest.approx((expected,))


def test_the_highest_is_looked_for_in_its_span_only():
    peaks = course([1, 9, 2, 3, 8, 3, 2, 1, 1, 7, 1])
    assert measured([peaks], measure="maximum").mean == 9.0
    assert measured([peaks], measure="maximum", from_day=2.0, day=6.0).mean == 8.0
    assert measured([peaks], measure="day-of-maximum", from_day=3.0, day=6.0).mean == 1.0
    assert measured([peaks], measure="day-of-maximum", from_day=6.0).mean == 3.0
    assert measured([peaks], measure="maximum", days_after_injury=2.0).mean == 8.0  # from the last dose


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"measure": "level", "day": 4.0}, 8.0),
        ({"measure": "change", "day": 4.0}, 4.0),
        ({"measure": "change", "from_day": 2.0, "day": 6.0}, 4.0),
        ({"measure": "fold", "day": 5.0}, 20.0 / 11.0),
        ({"measure": "remaining", "from_day": 4.0, "day": 8.0}, 1.5),
    ],
)
def test_measures_against_a_control(given: dict[str, Any], expected: float):
    """The control rises by 1 a day from 6, the arm by 2 from 10."""
    found = measured([course(10.0 + 2.0 * DAYS)], [course(6.0 + DAYS)], against="b", **given)
    assert found.mean == pytest.approx(expected)


def test_differences_are_taken_in_pairs():
    """What the seeds have in common leaves the difference, and its error."""
    noise = np.random.default_rng(2).normal(0.0, 5.0, 6)
    treated = [course(shift + 3.0 + 0.1 * i) for i, shift in enumerate(noise)]
    control = [course(shift) for shift in noise]
    paired = measured(treated, control, against="b")
    spread = np.std(3.0 + 0.1 * np.arange(6), ddof=1)
    assert paired.mean == pytest.approx(3.25) and paired.error == pytest.approx(spread / math.sqrt(6))
    assert measured(treated).error > 10.0 * paired.error
    with pytest.raises(ValueError, match="zip"):
        measured(treated, control[:-1], against="b")


def test_mean_and_error_are_those_of_the_seeds():
    found = measured([course(level) for level in (1.0, 2.0, 6.0)])
    assert found.mean == 3.0 and found.values == (1.0, 2.0, 6.0)
    assert found.error == pytest.approx(math.sqrt(7.0 / 3.0))
    assert math.isnan(measured([course(2.0)]).error)
    # at least one success and one failure are behind the error of a share
    share = measured([course(level) for level in (1.0, 3.0, 4.0, 5.0)], measure="share-above", above=2.0)
    assert share.mean == 75.0 and share.error == pytest.approx(100.0 * math.sqrt(0.7 * 0.3 / 4.0))
    everyone = measured([course(3.0)] * 3, measure="share-above", above=2.0)
    assert everyone.mean == 100.0 and everyone.error > 10.0


def test_a_correlation_is_over_one_moment_of_each_seed():
    rising = [course(DAYS, stellate_activated=5.0 + 2.0 * DAYS) for _ in range(5)]
    words = {"measure": "correlation", "other": "stellate_activated"}
    found = measured(rising, **words)
    assert found.mean == pytest.approx(1.0) and found.error == pytest.approx(0.0, abs=1e-9)
    assert found.values == () and found.seeds == 5
    falling = [course(DAYS, stellate_activated=-DAYS) for _ in range(5)]
    assert measured(falling, **words).mean == pytest.approx(-1.0)
    # moments 1, 3, 5, 7, 9 of seeds whose other readout is the same at all times
    others = (1.0, 2.0, 1.5, 3.0, 2.0)
    mixed = [course(DAYS, stellate_activated=level) for level in others]
    expected = np.corrcoef([1, 3, 5, 7, 9], others)[0, 1]
    assert measured(mixed, **words).mean == pytest.approx(expected)
    error = measured(mixed, **words).error
    assert 0.0 < error < 1.0 and measured(mixed, **words).error == error  # resampled the same way
    flat = [course(1.0, stellate_activated=DAYS) for _ in range(5)]
    assert math.isnan(measured(flat, **words).mean)
    for few in (rising[:2], []):
        assert math.isnan(measured(few, **words).mean)


@pytest.mark.parametrize("measure", sorted(MEASURES))
def test_what_a_run_does_not_reach_is_not_simulated(measure: str):
    others = {
        "when": {"readout": "alt_iu_per_l", "above": 99.0} if measure == "level-when" else None,
        "other": "alt_iu_per_l" if measure == "correlation" else None,
        "above": 0.5,
    }
    runs = [course(1.0 + DAYS, alt_iu_per_l=1.0)] * 4  # too low for level-when, too flat for a correlation
    found = measured(runs, measure=measure, day=11.0, **others)
    assert math.isnan(found.mean) and math.isnan(measured([], measure=measure, **others).mean)
    assert not score(value(error=1.0, error_kind="SE"), found).passed


def test_seeds_that_give_no_number_are_left_out():
    wakes = [course(DAYS, alt_iu_per_l=100.0 * (day <= DAYS)) for day in (2.0, 4.0)]
    never = course(DAYS, alt_iu_per_l=0.0)
    found = measured([*wakes, never], measure="level-when", when={"readout": "alt_iu_per_l", "above": 50.0})
    assert found.mean == 3.0 and found.error == pytest.approx(1.0)
    assert found.values[:2] == (2.0, 4.0) and math.isnan(found.values[2]) and found.seeds == 2
    assert math.isnan(measured([course(0.0)], measure="fold").mean)  # over nothing


def test_the_ends_of_a_measure():
    assert last_injury(CASE) == 3.0
    assert ends(value(), CASE) == (0.0, 10.0)
    assert ends(value(day=4.0, from_day=2.0), CASE) == (2.0, 4.0)
    assert ends(value(age_days=AGE + 5.0), CASE) == (0.0, 5.0)
    assert ends(value(days_after_injury=2.0), CASE) == (3.0, 5.0)
    healthy = read_evidence("zhou-1998").arm_named("wild type").resolved()
    assert math.isnan(last_injury(healthy))
    assert math.isnan(measured([course(1.0)], case=healthy, days_after_injury=1.0).mean)


# ------------------------------------------------------------------------------------------------ verdict

NUMBERS = st.floats(-1e6, 1e6)
ERRORS = st.floats(1e-3, 1e3)


CASES = sorted((Path(lobule.experiments.__file__).parent / "evidence" / "cases").glob("*.toml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_parameters_drawn_for_subjects_spread_around_the_default(path: Path):
    case = load_case(path)
    for key, drawn in case.cohort.items():
        group, _, name = key.partition(".")
        if group in GROUPS and drawn.distribution == "lognormal":
            assert drawn.median == getattr(GROUPS[group].values(case.subject.species), name), key


def test_z_is_the_difference_over_both_errors():
    published = value(value=5.0, error=3.0, error_kind="SE")
    assert score(published, Simulated(13.0, 4.0, (), 1)) == Score(pytest.approx(1.6), None, True)
    assert score(published, Simulated(11.0, math.nan, (11.0,), 1)).z == pytest.approx(
        2.0
    )  # one seed: no error
    spread = value(value=5.0, error=6.0, error_kind="SD", n=4)
    assert score(spread, Simulated(1.0, 4.0, (), 1)).z == pytest.approx(-0.8)
    at_bound = AGREES * 5.0
    assert not score(published, Simulated(5.0 + at_bound, 4.0, (), 1)).passed
    assert score(published, Simulated(5.0 + at_bound - 1e-6, 4.0, (), 1)).passed


@given(NUMBERS, NUMBERS, ERRORS, ERRORS)
def test_z_is_0_when_equal_and_changes_sign(a: float, b: float, error: float, own: float):
    def z(published: float, found: float) -> float:
        result = score(value(value=published, error=error, error_kind="SE"), Simulated(found, own, (), 1))
        assert result.z is not None and result.passed == (abs(result.z) < AGREES)
        return result.z

    assert z(a, a) == 0.0
    assert z(a, b) == -z(b, a)
    assume(abs(a - b) > 1e-9)
    assert (z(a, b) > 0.0) == (b > a)
    assert abs(z(a, b)) <= abs(b - a) / max(error, own)


@pytest.mark.parametrize(
    ("kind", "error", "inside", "outside"),
    [
        ("range", 0.5, (1.5, 2.0, 2.5), (1.4, 2.6)),
        ("at most", None, (-5.0, 2.0), (2.1,)),
        ("at least", None, (2.0, 9.0), (1.9,)),
        ("not stated", 0.5, (1.5, 2.5), (1.4, 2.6)),
    ],
)
def test_ranges_and_bounds(kind: str, error: float | None, inside: Any, outside: Any):
    published = value(value=2.0, error=error, error_kind=kind)
    for mean in inside:
        assert score(published, Simulated(mean, 0.2, (), 1)) == Score(None, True, True)
    for mean in outside:
        assert score(published, Simulated(mean, 9.0, (), 1)) == Score(None, False, False)


@pytest.mark.parametrize("kind", ["SE", "range", "at most", "at least"])
@pytest.mark.parametrize("mean", [math.nan, math.inf])
def test_what_was_not_simulated_fails_and_says_so(kind: str, mean: float):
    result = score(value(error=1.0, error_kind=kind), Simulated(mean, math.nan, (), 1))
    assert result == Score(None, None, False) and verdict_in_words(result) == "not simulated"


def test_verdicts_and_published_numbers_in_words():
    assert verdict_in_words(Score(-1.234, None, True)) == "z = -1.2"
    assert verdict_in_words(Score(None, True, True)) == "inside"
    assert verdict_in_words(Score(None, False, False)) == "outside"
    words = {"at most": "at most 1 mg", "at least": "at least 1 mg", "SE": "1 +/- 0.5 (SE) mg"}
    for kind, text in words.items():
        assert published_in_words(value(error=0.5, error_kind=kind, unit="mg")) == text
    assert what(value(measure="change", against="b")) == "change of lic_mg_per_g against b"
    assert what(value(measure="correlation", other="alt_iu_per_l")) == (
        "correlation of lic_mg_per_g with alt_iu_per_l"
    )
    assert what(value(measure="share-above", above=7.0)) == "share above the bound: lic_mg_per_g > 7"
    assert when(value()) == "end" and when(value(measure="correlation")) == "all times"
    assert when(value(from_day=1.0, day=4.0)) == "day 1 to day 4"
    assert when(value(measure="maximum", day=4.0)) == "to day 4"
    assert when(value(age_days=70.0)) == "age 70 d" and when(value(age_days=36525.0)) == "age 100 years"
    assert when(value(days_after_injury=28.0)) == "28 d after the last dose"
    assert when(value(when={"readout": "fibrosis_stage", "above": 3.5})) == "fibrosis_stage above 3.5"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"use": "tested", "error_kind": "SE", "error": 0.0}, "error = 0"),
        ({"use": "fitted", "error_kind": "at most", "error": None, "value": 0.0}, "value = 0"),
        ({"use": "tested", "error_kind": "SD", "error": 1.0, "n": None}, "an SD n, too"),
        ({"use": "tested", "error_kind": None, "error": None}, "needs arm, error"),
    ],
)
def test_a_target_that_cannot_be_scored_is_refused(given: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        value(**given)


def test_targets_are_tallied_by_use():
    evidence = read_evidence(SETS[0])

    def row(use: str | None, passed: bool) -> Row:
        target = value(use=use, error=1.0, error_kind="SE")
        return Row(evidence, target, Simulated(1.0, 0.0, (), 1), Score(0.0, None, passed))

    rows = [row("fitted", True), row("tested", True), row("tested", False), row("tested", False)]
    assert [str(tally) for tally in tallies(rows)] == [
        "fitted: 1 of 1 within the error (100 %)",
        "tested: 1 of 3 within the error (33 %)",
    ]
    assert [str(tally) for tally in tallies(rows[:1])][1] == "tested: 0 of 0 within the error (none)"


# --------------------------------------------------------------------------------------- data sets and runs


@pytest.fixture(scope="module")
def everything() -> Plan:
    return study_plan(SETS, 2)


@pytest.mark.parametrize("name", data_sets())
def test_every_arm_is_a_case(name: str):
    evidence = read_evidence(name)
    assert [evidence.arm_named(arm.name).resolved().end_hours > 0.0 for arm in evidence.arm] == [True] * len(
        evidence.arm
    )


@pytest.mark.parametrize(
    ("name", "target"), TARGETS, ids=[f"{name}-{i}" for i, (name, _) in enumerate(TARGETS)]
)
def test_every_target_can_be_measured(name: str, target: Value):
    """Its readouts are recorded, its time lies within its run, and its error is more than nothing."""
    evidence = read_evidence(name)
    case = evidence.arm_named(str(target.arm)).resolved()
    readouts = {target.readout, target.other, target.when.readout if target.when else None} - {None}
    assert readouts <= set(READOUTS)
    first, last = ends(target, case)
    assert 0.0 <= first <= last <= case.end_hours / HOURS_PER_DAY + 1e-6
    if target.measure in ("change", "fold", "remaining", "maximum") and target.against is None:
        assert first < last
    if target.against is not None:
        control = evidence.arm_named(target.against).resolved()
        assert last <= control.end_hours / HOURS_PER_DAY + 1e-6
    assert (target.published_error or target.error_kind not in ("SE", "SD")) and target.unit
    assert target.error_kind != "range" or target.error
    assert (target.measure == "level-when") == (target.when is not None)
    assert (target.measure == "correlation") == (target.other is not None)
    assert (target.measure == "share-above") == (target.above is not None)


def test_one_plan_for_all_runs_equal_arms_once(everything: Plan):
    """Arms of two data sets with the same case are one run with two names."""
    arms = {arm.name: arm.case for arm in everything.arms}
    wanted = {arm_name(name, arm) for name, target in TARGETS for arm in (target.arm, target.against) if arm}
    assert set(arms) == wanted and len(arms) == len(everything.arms)
    cases = {case.to_json() for case in arms.values()}
    assert len(everything.runs) == 2 * len(cases) < 2 * len(arms)
    shared = [arm_name(name, "C282Y men") for name in ("fletcher-2002", "ramm-1997")]
    assert arms[shared[0]] == arms[shared[1]]
    assert not any(case.tissue.agents for case in arms.values())


def test_arms_share_their_seeds(everything: Plan, tmp_path: Path):
    seeds: dict[int, set[int]] = {}
    for run in everything.runs:
        seeds.setdefault(run.replicate, set()).add(run.seed)
    assert [len(found) for found in seeds.values()] == [1, 1] and seeds[0] != seeds[1]
    more = study_plan(["iredale-1998"], 3)  # seeds hang on their number alone
    assert {run.seed for run in more.runs} >= seeds[0] | seeds[1]
    assert {run.id for run in everything.runs} > {run.id for run in more.runs if run.replicate < 2}
    assert Courses(Store(tmp_path), everything).of(everything.arms[0].name) == ([], [])


def test_settings_reach_every_arm():
    plan = study_plan(["iredale-1998", "ramm-1997"], 1, {"hepatocyte.export_rate": 0.05})
    assert [arm.case.parameters["hepatocyte.export_rate"] for arm in plan.arms] == [0.05, 0.05]
    with pytest.raises(InputError, match=r"data set iredale-1998: arm carbon tetrachloride: .*export_rat"):
        study_plan(["iredale-1998"], 1, {"hepatocyte.export_rat": 0.05})


def test_data_sets_asked_for():
    assert with_targets([]) == SETS
    assert with_targets(["zhou-1998", "iredale-1998", "zhou-1998"]) == ["zhou-1998", "iredale-1998"]
    for name, hint in (
        ("zhou-1989", 'did you mean "zhou-1998"'),
        ("mouse-budget", "no data set with targets"),
    ):
        with pytest.raises(InputError, match=hint):
            with_targets([name])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["zhou-1989"], 'did you mean "zhou-1998"'),
        (["--seeds", "0", "zhou-1998"], "seeds = 0"),
        (["zhou-1998", "--seeds", "-1"], "seeds = -1 -> must be a whole number from 1 to"),
        (["--quick", "--seeds", "4"], "choose one of the two"),
    ],
)
def test_bad_words_get_one_line(words: list[str], said: str, tmp_path: Path, capsys: Any):
    assert main(["validate", *words, "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("lobule validate: ") and said in line and not (tmp_path / "out").exists()


def test_a_dry_run_says_what_it_would_be(tmp_path: Path, capsys: Any):
    words = [
        "validate",
        "zhou-1998",
        "--quick",
        "--dry-run",
        "--workers",
        "1",
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(words) == 0
    assert "12" in capsys.readouterr().out and not (tmp_path / "out").exists()


# ----------------------------------------------------------------------------------- conclusion and report

NAME, CUT, GONE = "zhou-1998", "Hfe-/-", "wild type, carbonyl iron"


@pytest.fixture(scope="module")
def concluded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Store, list[str]]:
    """Return a study on specks of tissue: one arm ends before its published time, one misses a seed."""
    evidence = read_evidence(NAME)
    arms = [arm.model_copy(update={"days": 40.0 if arm.name == CUT else None}) for arm in evidence.arm]
    cut = evidence.model_copy(update={"arm": tuple(arms)})
    plan = study_plan([cut], 3, {**SMALL, "clock.phases": [{"days": 49, "step_hours": 24}]})
    store = Store(tmp_path_factory.mktemp("validation") / "store")
    assert not conduct(plan, store, Workers(1)).failures
    gone = next(run for run in plan.runs if plan.arms[run.arm].name == arm_name(NAME, GONE))
    store.remove(store.folder(gone.id))
    return plan, store, list(conclude([NAME], plan, store))


def test_the_lines_say_how_each_target_stands(concluded: tuple[Plan, Store, list[str]]):
    plan, store, said = concluded
    rows = rows_of([NAME], Courses(store, plan))
    targets = read_evidence(NAME).targets
    assert [line[:4].strip() for line in said[: len(targets)]] == [
        "ok" if row.score.passed else "FAIL" for row in rows
    ]
    (cut,) = [line for line in said if f"{NAME}, {CUT}:" in line]
    assert cut.startswith("FAIL not simulated") and "nan beside 1.66" in cut
    assert said[len(targets) : -2] == [str(tally) for tally in tallies(rows)]
    assert said[-2:] == [f"table:  {store.shown / 'table.csv'}", f"report: {store.shown / 'report.html'}"]


def test_seeds_that_are_missing_are_missing_on_both_sides(concluded: tuple[Plan, Store, list[str]]):
    plan, store, _ = concluded
    rows = rows_of([NAME], Courses(store, plan))
    for row in rows:
        assert len(row.simulated.values) == (2 if row.value.arm == GONE else 3)
    (fold,) = [row for row in rows if row.value.against]
    treated, control = Courses(store, plan).of(arm_name(NAME, GONE), arm_name(NAME, str(fold.value.against)))
    assert len(treated) == len(control) == 2
    pairs = zip(treated, control, strict=True)
    ratios = [float(a[fold.value.readout][-1] / b[fold.value.readout][-1]) for a, b in pairs]
    assert fold.simulated.values == pytest.approx(ratios)


def test_the_table_holds_every_target(concluded: tuple[Plan, Store, list[str]]):
    plan, store, _ = concluded
    rows = rows_of([NAME], Courses(store, plan))
    with (store.path / "table.csv").open(newline="", encoding="utf-8") as file:
        header, *table = csv.reader(file)
    assert tuple(header) == HEADER and len(table) == len(rows)
    for cells, row in zip(table, rows, strict=True):
        found = dict(zip(header, cells, strict=True))
        assert found["arm"] == row.value.arm and found["source"] == row.value.source
        assert found["passed"] == str(row.score.passed)
        assert float(found["published"]) == row.value.value
        assert float(found["simulated"]) == pytest.approx(row.simulated.mean, nan_ok=True)
        assert found["z"] == ("" if row.score.z is None else str(row.score.z))
        assert (found["z"] == "") == (row.value.arm == CUT)


def test_the_report_is_one_file(concluded: tuple[Plan, Store, list[str]]):
    """Every figure is in it, every failure has its paragraph, and nothing is loaded from elsewhere."""
    plan, store, _ = concluded
    page = (store.path / "report.html").read_text("utf-8")
    rows = rows_of([NAME], Courses(store, plan))
    pictures = re.findall(r"<img alt='([^']+)' src='data:image/png;base64,([^']+)'>", page)
    assert len(pictures) == 2 and page.count("<img") == page.count("src=") == 2
    assert all(base64.b64decode(data).startswith(b"\x89PNG\r\n") for _, data in pictures)
    assert {path.name for path in (store.path / "figures").iterdir()} == {"scores.png", f"{NAME}.png"}
    text = re.sub("base64,[^']+", "", page)
    links = re.findall(r"(?:href=|url\(|@import|<script|<link)\s*'?([^'>\s)]*)", text)
    assert links == [f"#{NAME}"] and f"id='{NAME}'" in page
    failures = [row for row in rows if not row.score.passed]
    whys = re.findall(r"<p class=why><strong>(.*?):</strong> (.+?)</p>", page)
    assert [html.unescape(about) for about, _ in whys] == [
        f"{row.value.arm}, {what(row.value)}" for row in failures
    ]
    assert all(text.strip() for _, text in whys) and failures
    assert page.count("<tr><td") == len(rows)
    for tally in tallies(rows):
        assert html.escape(str(tally)) in page
    for row in rows:
        assert html.escape(row.value.source) in page
    assert "3 seeds for each arm" in page


def test_a_failure_says_what_is_known_of_it(concluded: tuple[Plan, Store, list[str]], monkeypatch: Any):
    """The explanation of the data set stands in the report, and nothing does that is HTML of its own."""
    from lobule.experiments.validation import tally
    from lobule.experiments.validation.page import write_report

    plan, store, _ = concluded
    evidence = read_evidence(NAME)
    known = tuple(v.model_copy(update={"failure": "too <b>few</b> days"}) for v in evidence.value)
    told = evidence.model_copy(update={"value": known, "cohort": "mice & <i>rats</i>"})
    monkeypatch.setattr(tally, "read_evidence", lambda name: told)
    courses = Courses(store, plan)
    folder = store.path / "told"
    folder.mkdir()
    page = write_report(rows_of([NAME], courses), courses, folder, 3).read_text("utf-8")
    assert "too &lt;b&gt;few&lt;/b&gt; days" in page and "No explanation" not in page
    assert "mice &amp; &lt;i&gt;rats&lt;/i&gt;" in page
