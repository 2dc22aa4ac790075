"""Virtual trials: the file, who is included and gets what, drop-out, the analyses, the report."""

from __future__ import annotations

import csv
import math
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from lobule.case import load_case
from lobule.errors import InputError
from lobule.experiments import trial
from lobule.experiments.cli import main
from lobule.experiments.sweeps.plan import Plan
from lobule.experiments.sweeps.sharing import shared_hours
from lobule.experiments.trials.allocation import allocate, drop_out_day
from lobule.experiments.trials.records import at_day, carried_forward
from lobule.experiments.trials.scripting import Tried
from lobule.experiments.trials.statistics import welch
from lobule.experiments.trials.trial import left_name, read_trial
from lobule.experiments.trials.trialfile import TRIALS
from lobule.experiments.trials.words import power_in_words

PATIENTS = 12
FILE = """
format = 1
title = "Blood drawn from loaded mice"
question = "Does it take iron out?"
case = "hfe-mouse"
days = 3
patients = 12
seed = 11
design = "counterfactual"
drop_out_percent_per_year = 99.999999999999
[settings]
tissue.lobules = 1
record.snapshot_days = []
[record]
every_hours = 6
final_snapshot = false
[cohort]
subject.sex = { distribution = "choice", values = ["male", "female"] }
subject.age_days = { distribution = "uniform", low = 40.0, high = 90.0 }
[[inclusion]]
readout = "body_weight_g"
at_day = 0.5
above = 18.0
[[inclusion]]
readout = "age_days"
at_day = 0
below = 85.0
[[arms]]
name = "nothing"
[[arms]]
name = "bled"
add = [{ kind = "phlebotomy", day = 1, every_days = 0.5, volume_ml = 0.1 }]
[[endpoints]]
readout = "lic_mg_per_g"
[[endpoints]]
readout = "haemoglobin_g_per_dl"
measure = "change"
primary = true
[responder]
readout = "haemoglobin_g_per_dl"
measure = "change"
below = -0.5
[[subgroups]]
key = "subject.sex"
[[subgroups]]
readout = "body_weight_g"
at_day = 0.5
cut = 22
[power]
sizes = [3, 6]
[quick]
patients = 4
"""
PRIMARY = "change haemoglobin_g_per_dl end"


def written(path: Path, *changes: tuple[str, str]) -> Path:
    text = FILE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, "utf-8")
    return path


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Tried:
    folder = tmp_path_factory.mktemp("trial")
    return trial(written(folder / "bled.toml"), folder / "out", workers=1, progress=False)


def effect(found: Tried, analysis: str, readout: str = "haemoglobin_g_per_dl", subgroup: str = "all") -> Any:
    frame = found.effects
    own = frame[(frame.analysis == analysis) & (frame.readout == readout) & (frame.subgroup == subgroup)]
    return own.iloc[0]


def copied(found: Tried, folder: Path) -> Path:
    """Return a copy of the store of a trial."""
    return Path(shutil.copytree(found.report.parent, folder / "out"))


def test_inclusion_is_what_the_screening_found(tried: Tried) -> None:
    frame = tried.patients
    assert len(frame) == PATIENTS and 0 < frame.included.sum() < PATIENTS
    meets = (frame["screening body_weight_g day 0.5"] > 18.0) & (frame["screening age_days day 0"] < 85.0)
    assert (frame.included == meets).all()
    assert frame[~frame.included].excluded_by.str.contains("body_weight_g|age_days").all()
    assert frame[~frame.included].arm.isna().all() and frame[frame.included].arm.notna().all()
    drawn = [load_case(tried.trial.base).for_subject(seed).subject.age_days for seed in frame.seed]
    assert list(frame["subject.age_days"]) == drawn


def test_allocation_is_by_permuted_blocks() -> None:
    given = allocate(range(40), {"a": 1, "b": 1}, seed=3)
    for block in range(0, 40, 4):
        assert Counter(given[p] for p in range(block, block + 4)) == {"a": 2, "b": 2}
    orders = {"".join(given[p] for p in range(block, block + 4)) for block in range(0, 40, 4)}
    assert len(orders) > 2
    three = Counter(allocate(range(60), {"a": 2, "b": 1}, seed=3).values())
    assert three == {"a": 40, "b": 20}
    assert allocate(range(40), {"a": 1, "b": 1}, seed=4) != given


def test_who_comes_later_changes_no_allocation() -> None:
    few, many = (allocate(range(n), {"a": 1, "b": 1}, seed=9) for n in (11, 30))
    assert few == {p: many[p] for p in range(11)}


def test_drop_out_has_the_rate_that_is_asked_for() -> None:
    days = np.array([drop_out_day(p, 20.0, 10.0, seed=1) for p in range(4000)])
    assert days.min() >= 10.0
    assert np.mean(days < 10.0 + 365.25) == pytest.approx(0.2, abs=0.025)
    assert np.mean(days < 10.0 + 2 * 365.25) == pytest.approx(0.36, abs=0.03)
    assert math.isinf(drop_out_day(1, 0.0, 10.0, seed=1))


def test_every_analysis_is_what_the_table_of_patients_gives(tried: Tried) -> None:
    frame = tried.patients[tried.patients.included]
    bled, nothing = (frame[frame.arm == arm] for arm in ("bled", "nothing"))
    known = welch(bled[PRIMARY].to_numpy(), nothing[PRIMARY].to_numpy())
    found = effect(tried, "intention to treat")
    assert found.role == "primary" and effect(tried, "counterfactual", "lic_mg_per_g").role == "exploratory"
    for name, value in known._asdict().items():
        assert found[name] == pytest.approx(value), name
    assert found.p_holm == found.p
    stayed = frame[frame.drop_out_day.isna()]
    assert 0 < len(stayed) < len(frame)
    complete = effect(tried, "complete cases")
    assert complete.n_arm + complete.n_control == len(stayed)
    assert complete.mean_arm == pytest.approx(stayed[stayed.arm == "bled"][PRIMARY].mean())
    gap = frame[f"{PRIMARY}, if bled"] - frame[f"{PRIMARY}, if nothing"]
    both = effect(tried, "counterfactual")
    assert both.n_arm == len(frame) and both.difference == pytest.approx(gap.mean())
    assert (both.ci_high - both.ci_low) / 2 == pytest.approx(gap.sem() * 2.26, rel=0.2)
    assert math.isnan(both.p)
    (benefit,) = tried.findings.benefits
    assert benefit.found.number == (gap < 0).sum()
    groups = tried.effects[tried.effects.subgroup == "subject.sex"]
    female = groups[(groups.level == "female") & (groups.analysis == "counterfactual")].iloc[0]
    assert female.difference == pytest.approx(gap[frame["subject.sex"] == "female"].mean())
    assert pq.read_table(tried.report.parent / "effects.parquet").to_pandas().equals(tried.effects)


def test_who_has_left_is_treated_no_more_and_keeps_his_last_value(tried: Tried) -> None:
    frame = tried.patients[tried.patients.included & tried.patients.drop_out_day.notna()]
    frame = frame[frame.arm == "bled"]
    assert len(frame)
    for row in frame.itertuples():
        course = tried.results.to_pandas(["hours", "haemoglobin_g_per_dl", "phlebotomies"])
        own = course[course.seed == row.seed].groupby("arm")
        left, stayed = own.get_group(left_name("bled", row.patient)), own.get_group("bled")
        due = [1.0 + 0.5 * i for i in range(4) if 1.0 + 0.5 * i <= row.drop_out_day]
        assert left.phlebotomies.iloc[-1] == len(due) < stayed.phlebotomies.iloc[-1] == 4
        before = left[left.hours <= 24 * row.drop_out_day].iloc[-1].haemoglobin_g_per_dl
        start = left[left.hours == 24.0].iloc[0].haemoglobin_g_per_dl
        value = tried.patients[tried.patients.patient == row.patient].iloc[0]
        assert value[PRIMARY] == pytest.approx(before - start)
        end = left.haemoglobin_g_per_dl.iloc[-1]
        assert value[f"{PRIMARY}, followed up"] == pytest.approx(end - start)


def test_carrying_forward() -> None:
    course = {"hours": np.array([0.0, 24.0, 48.0]), "lic_mg_per_g": np.array([1.0, 2.0, 4.0])}
    held = carried_forward(course, 1.5)
    assert list(held["lic_mg_per_g"]) == [1.0, 2.0, 2.0] and list(held["hours"]) == [0.0, 24.0, 48.0]
    assert list(carried_forward(course, math.inf)["lic_mg_per_g"]) == [1.0, 2.0, 4.0]
    assert at_day(course, "lic_mg_per_g", 1.9) == 2.0


def test_a_parallel_trial_is_the_one_drawn_from_the_counterfactual(tried: Tried, tmp_path: Path) -> None:
    file = written(tmp_path / "bled.toml", ('"counterfactual"', '"parallel"'))
    out = copied(tried, tmp_path)
    runs = set(os.listdir(out / "runs"))
    other = trial(file, out, workers=1, progress=False)
    assert set(os.listdir(out / "runs")) == runs, "the runs of the counterfactual design are those it needs"
    included = tried.patients.included.sum()
    assert len(other.results) == included < len(tried.results)
    both = tried.effects[tried.effects.analysis != "counterfactual"].reset_index(drop=True)
    pd.testing.assert_frame_equal(other.effects, both)
    assert other.findings.responders == tried.findings.responders and not other.findings.benefits
    (curve,) = other.findings.power
    assert curve.method == "noncentral t" and tried.findings.power[0].method == "resampling"
    names = [column for column in other.patients if ", if " not in column]
    pd.testing.assert_frame_equal(other.patients[names], tried.patients[names])
    assert "noncentral t" in other.report.read_text("utf-8")


@pytest.mark.slow
def test_workers_change_nothing(tried: Tried, tmp_path: Path) -> None:
    other = trial(written(tmp_path / "bled.toml"), tmp_path / "out", workers=2, progress=False)
    pd.testing.assert_frame_equal(other.effects, tried.effects)
    pd.testing.assert_frame_equal(other.patients, tried.patients)


def test_another_arm_changes_no_patient(tried: Tried, tmp_path: Path) -> None:
    more = (
        '[[arms]]\nname = "less"\nadd = [{ kind = "phlebotomy", day = 1, volume_ml = 0.02 }]\n[[endpoints]]'
    )
    file = written(tmp_path / "three.toml", ('[[endpoints]]\nreadout = "lic', more + '\nreadout = "lic'))
    three = trial(file, copied(tried, tmp_path), workers=1, progress=False)
    same = ["seed", "included", "drop_out_day", f"{PRIMARY}, if bled", f"{PRIMARY}, if nothing"]
    pd.testing.assert_frame_equal(three.patients[same], tried.patients[same])
    one, two = (effect(found, "counterfactual") for found in (tried, three))
    assert one.drop("level").equals(two.drop("level"))
    adjusted = three.effects[three.effects.p_holm.notna()]
    assert len(adjusted) == 2 and (adjusted.p_holm >= adjusted.p).all()


def test_the_report_is_one_page_with_its_pictures(tried: Tried) -> None:
    page = tried.report.read_text("utf-8")
    names = {path.stem for path in (tried.report.parent / "figures").glob("*.png")}
    assert names == {"flow", "primary", "endpoints", "responders", "power", "time-courses"}
    assert page.count("data:image/png;base64,") == len(names)
    for words in (
        "Does it take iron out?",
        "no patients",
        "exploratory",
        "Monte Carlo error",
        "Wilson",
        "sex",
    ):
        assert words in page


def test_the_same_call_finds_its_runs_again(tried: Tried, tmp_path: Path) -> None:
    out = tried.report.parent
    files = [path for path in (out / "runs").rglob("*") if path.is_file()]
    times = {path: path.stat().st_mtime_ns for path in files}
    again = trial(written(tmp_path / "bled.toml"), out, workers=1, progress=False)
    assert again.effects.equals(tried.effects)
    assert times == {path: path.stat().st_mtime_ns for path in (out / "runs").rglob("*") if path.is_file()}


def test_a_plan_of_chosen_runs_comes_back_as_it_was(tmp_path: Path) -> None:
    found = read_trial(written(tmp_path / "bled.toml", ('"counterfactual"', '"parallel"')))
    plan = found.plan(range(PATIENTS))
    assert len(plan.runs) == PATIENTS and len({run.seed for run in plan.runs}) == PATIENTS
    assert shared_hours(plan) == {}
    back = Plan.from_json(plan.to_json())
    assert back.stem == plan.stem and back.rows == plan.rows and back.only == plan.only
    whole = Plan("x", plan.arms, [], plan.points, plan.replicates, plan.root)
    assert whole.stem.split("-")[-1] != plan.stem.split("-")[-1] and len(whole.rows) > len(plan.rows)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = written(tmp_path / "bled.toml"), tmp_path / "out"
    words = ["trial", str(file), "--out", str(out), "--quick"]
    assert main([*words, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "screening: 1 arm" in said and "if all of them are included" in said and not out.exists()
    assert main([*words, "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "of 4 patients are included" in said and "primary: change of haemoglobin from day 1" in said
    assert said.rstrip().endswith(f"report: {out / 'report.html'}")
    with (out / "patients.csv").open(newline="") as table:
        assert len(list(csv.DictReader(table))) == 4
    assert main([*words, "--dry-run"]) == 0
    assert "0 runs" in capsys.readouterr().out


def test_nobody_included_is_one_line_with_the_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "bled.toml", ("above = 18.0", "above = 300"))
    assert main(["trial", str(file), "--out", str(tmp_path / "out"), "--quick", "--workers", "1"]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("lobule trial:")]
    assert "none of 4 patients" in line and "4 not body_weight_g above 300 on day 0.5" in line


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('readout = "body_weight_g"\nat_day = 0.5\nabove', 'readout = "body_weight"\nat_day = 0.5\nabove',
         ["inclusion.0.readout", "body_weight_g"]),
        ('readout = "body_weight_g"\nat_day = 0.5', 'readout = "icg_r15_percent"\nat_day = 0.5',
         ["inclusion.0.readout", "of man only", "mouse"]),
        ("above = 18.0", "", ["inclusion.0", "above and below are missing"]),
        ("at_day = 0.5\nabove", "at_day = 2\nabove", ["inclusion.0.at_day = 2", "baseline, day 1"]),
        ('key = "subject.sex"', 'key = "subject.species"', ["subgroups.0.key", "subject.sex"]),
        ("cut = 22", "", ["subgroups.1", "cut is missing"]),
        ('name = "bled"', 'name = "nothing"', ["arms.1.name", "another arm"]),
        ('design = "counterfactual"', 'design = "crossover"', ["design", "parallel"]),
        ("seed = 11", 'seed = 11\ncontrol = "blet"', ["control", "bled"]),
        ("seed = 11", "seed = 11\nbaseline_day = 3", ["baseline_day = 3", "the end, day 3"]),
        ('readout = "lic_mg_per_g"', 'readout = "lic_mg_per_g"\nprimary = true', ["one at most is primary"]),
        ('readout = "lic_mg_per_g"', 'readout = "lic_mg_per_g"\nat = 4', ["endpoints.0.at = 4", "day 3"]),
        ("subject.sex = {", "subject.sexx = {", ["cohort.subject.sexx", "subject.sex"]),
        ("patients = 12", "patients = 1", ["patients = 1", "at least 2"]),
        ('key = "subject.sex"', 'key = "subject.sex"\ncut = 3', ["subgroups.0.cut = 3", "levels"]),
        ('key = "subject.sex"', 'key = "subject.sex"\nlevels = ["boy"]', ["subgroups.0.levels", '"boy"']),
        ('key = "subject.sex"', 'key = "subject.age_days"\nlevels = [50]', ["levels", "use cut"]),
        ("[responder]", '[[endpoints]]\nreadout = "lic_mg_per_g"\n[responder]', ["endpoints.2", "twice"]),
        ("sizes = [3, 6]", "sizes = [1]", ["power.sizes.0 = 1", "2"]),
        ("sizes = [3, 6]", "sizes = []", ["power.sizes = []", "at least 1"]),
        ("volume_ml = 0.1", "volume_ml = 5.0", ["arm", "bled", "volume_ml = 5"]),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_one_line(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    file = written(tmp_path / "wrong.toml", (old, new))
    with pytest.raises(InputError) as refused:
        read_trial(file)
    line = str(refused.value)
    assert "\n" not in line and line.startswith(str(file))
    for word in words:
        assert word in line, line


def test_a_trial_too_small_for_a_power_has_a_report_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = (
        ("patients = 12", "patients = 2"),
        ("above = 18.0", "above = 1.0"),
        ("below = 85.0", "below = 900.0"),
    )
    file = written(tmp_path / "two.toml", *small, ('design = "counterfactual"', 'design = "parallel"'))
    assert main(["trial", str(file), "--out", str(tmp_path / "out"), "--workers", "1"]) == 0
    assert "3 patients an arm: not known" in capsys.readouterr().out
    assert (tmp_path / "out" / "report.html").is_file()
    assert not (tmp_path / "out" / "figures" / "power.png").exists()


def test_a_power_from_few_patients_says_so(tried: Tried) -> None:
    curve = tried.findings.power[0]
    few, many = (power_in_words(tried.trial, curve._replace(patients=n)) for n in (9, 10))
    assert few == f"{many} From 9 patients an arm it says little."


def test_nobody_is_screened_after_the_first_treatment(tmp_path: Path) -> None:
    later = ("seed = 11", "seed = 11\nbaseline_day = 2"), ("at_day = 0.5", "at_day = 1.5")
    with pytest.raises(InputError, match=r"at_day = 1\.5 -> is after the first treatment, day 1"):
        read_trial(written(tmp_path / "late.toml", *later))


def test_a_shorter_run_says_which_treatments_of_the_case_it_leaves_out(tmp_path: Path) -> None:
    file = written(tmp_path / "short.toml", ('case = "hfe-mouse"', 'case = "hfe-mouse-msc"'))
    assert any("treatments.0 (msc, day 49) is after day 3" in note for note in read_trial(file).notes)


def test_built_in_trials_are_read() -> None:
    for name in TRIALS.titles():
        found = read_trial(Path(name), quick=True)
        assert found.plan(range(4)).rows and found.screening() is not None
    with pytest.raises(InputError, match="did you mean"):
        read_trial(Path("phase2-msc-hfee"))
