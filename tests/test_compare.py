"""Comparisons of arms: the file, the runs they share, tables, report, and what must not change anything."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from lobule import ledger
from lobule.errors import InputError
from lobule.experiments import compare
from lobule.experiments.cli import main
from lobule.experiments.comparisons import account
from lobule.experiments.comparisons.comparefile import COMPARISONS, CompareFile, Endpoint
from lobule.experiments.comparisons.comparison import in_words, measured, read_comparison
from lobule.experiments.comparisons.conclusion import conclude
from lobule.experiments.comparisons.findings import effects_in
from lobule.experiments.comparisons.scripting import Compared
from lobule.experiments.comparisons.words import placebo_in_words
from lobule.experiments.folders import manifest_seal
from lobule.experiments.sweeps.courses import ArmCourses
from lobule.experiments.sweeps.store import Store

HEAD = """
format = 1
title = "Cells for a poisoned mouse"
question = "Do they help?"
case = "ccl4-mouse"
days = 3
patients = 3
control = "none"
picture_days = [1, 3]
[settings]
tissue.lobules = 1
record.snapshot_days = []
[record]
every_hours = 12
"""
ARMS = {
    "none": "",
    "placebo": 'dose = 0\nadd = [{ kind = "msc", day = 1, cells = 0, route = "intraportal" }]',
    "few": 'dose = 1e5\nadd = [{ kind = "msc", day = 1, cells = 1e5, route = "intraportal" }]',
    "more": 'dose = 1e6\nadd = [{ kind = "msc", day = 1, cells = 1e6, route = "intraportal" }]',
    "most": 'dose = 3e6\nadd = [{ kind = "msc", day = 1, cells = 3e6, route = "intraportal" }]',
    "bled": 'add = [{ kind = "phlebotomy", day = 1, volume_ml = 0.2 }]\n'
    "[arms.settings]\nhepatocyte.export_rate = 0.05",
    "bled and more": 'add = [{ kind = "phlebotomy", day = 1, volume_ml = 0.2 },'
    ' { kind = "msc", day = 1, cells = 1e6, route = "intraportal" }]',
}
TAIL = """
[[endpoints]]
readout = "alt_iu_per_l"
at = "max"
[[endpoints]]
readout = "lic_mg_per_g"
measure = "change"
[[synergy]]
a = "more"
b = "bled"
both = "bled and more"
readout = "alt_iu_per_l"
at = "mean"
[[dose_response]]
readout = "alt_iu_per_l"
at = 2
unit = "cells"
arms = ["placebo", "few", "more", "most"]
[quick]
patients = 1
days = 2
"""


def written(path: Path, arms: Any = ARMS, tail: str = TAIL, head: str = HEAD) -> Path:
    """Write a comparison file and return its path."""
    tables = "".join(f'[[arms]]\nname = "{name}"\n{ARMS[name]}\n' for name in arms)
    path.write_text(head + tables + tail, "utf-8")
    return path


ONE = '[[endpoints]]\nreadout = "haemoglobin_g_per_dl"\n'


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    folder = tmp_path_factory.mktemp("compare")
    return compare(written(folder / "cells.toml"), folder / "out", workers=1, progress=False)


def test_every_readout_has_its_paired_difference_at_every_time(compared: Compared) -> None:
    frame = compared.effects
    assert pq.read_table(compared.report.parent / "effects.parquet").to_pandas().equals(frame)
    assert set(frame["arm"]) == set(ARMS) - {"none"} and set(frame["control"]) == {"none"}
    assert {"lic_mg_per_g", "pool_hepatocytes_ug"} <= set(frame["readout"])
    assert sorted(set(frame["day"])) == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    results = compared.results.to_pandas(["hours", "lic_mg_per_g"])
    wide = results[results["hours"] == 72.0].pivot(index="seed", columns="arm", values="lic_mg_per_g")
    own = frame[(frame["arm"] == "bled") & (frame["readout"] == "lic_mg_per_g") & (frame["day"] == 3.0)].iloc[
        0
    ]
    gap = wide["bled"] - wide["none"]
    assert own["difference"] == pytest.approx(gap.mean()) and own["variance_paired"] == pytest.approx(
        gap.var()
    )
    assert own["variance_independent"] == pytest.approx(wide["bled"].var() + wide["none"].var())


def test_arms_are_equal_until_the_branch_day_and_differ_after_it(compared: Compared) -> None:
    found = effects_in(compared.findings.effects, "bled and more", "haemoglobin_g_per_dl")
    before = found["day"] <= 1.0
    assert np.all(found["difference"][before] == 0.0) and np.all(found["difference"][~before] < 0.0)


def test_a_placebo_equals_nothing_to_the_bit(compared: Compared) -> None:
    (placebo,) = compared.findings.placebos
    assert placebo == ("placebo", "none", 3, 0.0, "", False)
    assert "every recorded number is equal to the bit" in compared.report.read_text("utf-8")


def test_vesicles_of_no_potency_are_a_placebo_but_for_the_count(tmp_path: Path) -> None:
    vesicles = '{ kind = "ev", day = 1, particles = 1e9, route = "intravenous", potency = 0.0 }'
    arms = {"placebo": f"dose = 0\nadd = [{vesicles}]", "blood": f"dose = 0\n{ARMS['bled']}"}
    tables = "".join(f'[[arms]]\nname = "{name}"\n{arm}\n' for name, arm in arms.items())
    endpoint = '[[endpoints]]\nreadout = "lic_mg_per_g"\n'
    file = written(tmp_path / "a.toml", ["none"], tables + endpoint)
    done = compare(file, out=tmp_path / "out", workers=1, progress=False)
    empty, bled = done.findings.placebos
    assert empty == ("placebo", "none", 3, 0.0, "", True)
    assert "but the count of what was given is equal to the bit" in placebo_in_words(empty)
    assert bled.largest > 0.0 and f"({bled.where})" in placebo_in_words(bled)


def test_endpoints_are_written_as_csv(compared: Compared) -> None:
    with (compared.report.parent / "endpoints.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * (len(ARMS) - 1) == len(compared.endpoints)
    row = next(r for r in rows if r["arm"] == "more" and r["at"] == "max")
    assert row["unit"] == "IU/L" and row["n"] == "3" and row["measure"] == "level"
    assert float(row["difference"]) == pytest.approx(float(row["mean_arm"]) - float(row["mean_control"]))


def test_the_report_is_one_page_with_its_pictures(compared: Compared) -> None:
    page = compared.report.read_text("utf-8")
    names = {path.stem for path in (compared.report.parent / "figures").glob("*.png")}
    assert names == {
        "time-courses", "differences", "endpoints", "collagen", "iron", "account", "dose-response-1"
    }  # fmt: skip
    assert page.count("data:image/png;base64,") == len(names)
    for words in ("Do they help?", "no patient", "into the portal vein", "times the patients", "Bliss"):
        assert words in page
    (gap, error) = (float(x) for x in re.findall(r"(?:to|is) (\d\.\de-\d+)", page))
    assert gap < 1e-9 and error < 1e-9


def test_the_same_call_finds_its_runs_again(compared: Compared, tmp_path: Path) -> None:
    out = compared.report.parent
    times = {path: path.stat().st_mtime_ns for path in (out / "runs").rglob("*") if path.is_file()}
    again = compare(written(tmp_path / "cells.toml"), out, workers=1, progress=False)
    assert again.effects.equals(compared.effects)
    assert times == {path: path.stat().st_mtime_ns for path in (out / "runs").rglob("*") if path.is_file()}


def test_order_of_arms_workers_and_further_arms_change_nothing(compared: Compared, tmp_path: Path) -> None:
    few = ["more", "none", "bled"]
    other = compare(written(tmp_path / "few.toml", few, ONE), tmp_path / "out", workers=2, progress=False)
    for arm in ("more", "bled"):
        for readout in ("alt_iu_per_l", "lic_mg_per_g", "collagen_area_percent", "pool_plasma_ug"):
            one = effects_in(compared.findings.effects, arm, readout)
            two = effects_in(other.findings.effects, arm, readout)
            for name, values in one.items():
                assert np.array_equal(values, two[name], equal_nan=True), (arm, readout, name)


def test_the_command_prints_endpoints_pairing_and_where_the_report_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = (
        written(tmp_path / "cells.toml", ["none", "bled and more"], ONE + "[quick]\npatients = 2"),
        tmp_path / "out",
    )
    assert main(["compare", str(file), "--out", str(out), "--quick", "--dry-run"]) == 0
    assert "4 runs" in capsys.readouterr().out and not out.exists()
    assert main(["compare", str(file), "--out", str(out), "--quick", "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "haemoglobin at the end (day 3), g/dL: difference to none" in said
    assert re.search(r"bled and more +[-+0-9.]+ \[[-+0-9.e]+, [-+0-9.e]+\].*n = 2, pairing: ", said)
    assert said.rstrip().endswith(f"report: {out / 'report.html'}")


@pytest.mark.slow
def test_a_missing_run_is_missing_from_its_pairs(compared: Compared, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(compared.report.parent, out)
    lost = next(run for run in compared.comparison.plan.runs if run.arm == list(ARMS).index("bled"))
    shutil.rmtree(out / "runs" / lost.id)
    found = conclude(compared.comparison, Store(out))
    count = {(row.arm, int(row.found.n)) for row in found.endpoints}
    assert count == {(arm, 2 if arm == "bled" else 3) for arm in ARMS if arm != "none"}
    assert found.synergy[0][1].n == 2 and found.dose_response[0][1].n == 3
    page = (out / "report.html").read_text("utf-8")
    assert "bled: 1 of 3 runs are missing" in page
    others = [
        effects_in(table, "more", "alt_iu_per_l") for table in (found.effects, compared.findings.effects)
    ]
    assert all(np.array_equal(others[0][key], others[1][key], equal_nan=True) for key in others[0])


def test_notes_of_the_runs_are_in_the_report_with_arm_and_patient(compared: Compared, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(compared.report.parent, out)
    noted = [run for run in compared.comparison.plan.runs if run.arm == list(ARMS).index("more")][1:]
    for run in noted:
        path = out / "runs" / run.id / "manifest.json"
        manifest = json.loads(path.read_text("utf-8")) | {"notes": ["ferritin never reached 50 ug/L"]}
        manifest["seal"] = manifest_seal(manifest)
        path.write_text(json.dumps(manifest), "utf-8")
    conclude(compared.comparison, Store(out))
    assert "more, patients 1, 2: ferritin never reached 50 ug/L" in (out / "report.html").read_text("utf-8")


def test_nothing_finished_is_said_in_one_line(compared: Compared, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with pytest.raises(InputError, match="no patient has finished"):
        conclude(compared.comparison, Store(tmp_path))


def test_every_way_of_iron_has_its_words() -> None:
    assert set(account.SOURCES) == {"initial", *ledger.SOURCES} and set(account.SINKS) == set(ledger.SINKS)


def test_both_bars_of_an_arm_hold_what_its_runs_say(compared: Compared) -> None:
    courses = ArmCourses(compared.results.store, compared.comparison.plan)
    found = account.account_of("bled", courses)
    assert found is not None and found.n == 3 and abs(found.gap) < 1e-9 and found.largest_error < 1e-9
    runs, _ = courses.of("bled")
    assert found.went["hepatocytes"] == pytest.approx(
        np.mean([run["pool_hepatocytes_ug"][-1] for run in runs])
    )
    removed = np.mean([run["iron_removed_mg"][-1] for run in runs])
    assert found.went["phlebotomy"] == pytest.approx(1000.0 * removed) and removed > 0.0


def test_measures_of_one_course() -> None:
    hours = np.arange(0.0, 121.0, 12.0)
    course = {"hours": hours, "alt_iu_per_l": hours / 24.0 * 10.0}  # 10 a day
    course["alt_iu_per_l"][2] = 90.0  # on day 1, before the branch

    def found(**given: Any) -> float:
        return measured(Endpoint(readout="alt_iu_per_l", **given), course, 2.0)

    assert found() == 50.0 and found(measure="change") == 30.0
    assert found(at=3) == 30.0 and found(at=3.25) == 32.5 and found(at=3, measure="change") == 10.0
    assert found(at="max") == 50.0 and found(at="mean") == pytest.approx(35.0)
    assert found(at="mean", measure="change") == pytest.approx(15.0)
    assert np.isnan(found(at=6))


def test_the_branch_day_is_the_last_row_that_the_arms_share() -> None:
    """Between two rows the earlier one is taken: the later one has seen the treatment."""
    course = {"hours": np.array([0.0, 24.0, 48.0]), "alt_iu_per_l": np.array([1.0, 2.0, 7.0])}
    assert measured(Endpoint(readout="alt_iu_per_l", measure="change"), course, 1.5) == 5.0


def test_endpoints_in_words() -> None:
    def words(**given: Any) -> str:
        return in_words(Endpoint(readout="alt_iu_per_l", **given), 2.0, 9.0)

    assert words() == "alanine aminotransferase at the end (day 9)"
    assert words(at=4, measure="change") == "change of alanine aminotransferase from day 2 to day 4"
    assert words(at="max") == "highest alanine aminotransferase, day 2 to 9"


def test_treatments_are_added_to_those_of_the_case_with_their_draws(tmp_path: Path) -> None:
    head = HEAD.replace(
        "record.snapshot_days = []",
        "record.snapshot_days = []\n"
        'cohort.treatments.0.dose = { distribution = "uniform", low = 0.5, high = 1.0 }',
    )
    found = read_comparison(written(tmp_path / "cells.toml", ["none", "more"], ONE, head))
    case = found.case("more")
    assert [dose.kind for dose in case.treatments] == ["toxin", "msc"] and found.branch_day == 1.0
    assert list(case.cohort) == ["treatments.0.dose"]
    subjects = [found.plan.case(run) for run in found.plan.runs[:2]]
    assert subjects[0].treatments[0] == subjects[1].treatments[0]


def test_quick_is_shorter_and_leaves_out_what_is_after_its_end(tmp_path: Path) -> None:
    file = written(tmp_path / "cells.toml")
    whole, quick = read_comparison(file), read_comparison(file, quick=True)
    assert len(whole.plan.runs) == 21 and len(quick.plan.runs) == 7
    assert quick.end_day == 2.0 and quick.picture_days == (1.0,)
    assert whole.notes == ("treatments.0 (toxin) ends on day 3, not on day 27",)
    assert quick.notes[1:] == ("picture_days.1 = 3 -> is after the end, day 2, and is left out",)


def test_built_in_comparisons_have_one_name_each_and_are_listed() -> None:
    titles = COMPARISONS.titles()
    assert len(set(titles.values())) == len(titles) == 7
    listed = (Path(__file__).parents[1] / "docs" / "comparisons.md").read_text("utf-8")
    for name in titles:
        assert COMPARISONS.read(Path(name), CompareFile)[1].name == name and f"| `{name}` |" in listed


@pytest.mark.parametrize("name", COMPARISONS.titles())
def test_built_in_comparisons_are_whole(name: str) -> None:
    for quick in (False, True):
        found = read_comparison(Path(name), quick=quick)
        assert (
            found.file.title
            and found.file.question
            and len(found.plan.runs) >= 2 * len(found.plan.replicates)
        )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "few"', 'name = "more"', 'arms.3.name = "more" -> another arm has this name'),
        ('control = "none"', 'control = "nome"', 'control = "nome" -> no such arm'),
        ('both = "bled and more"', 'both = "bled and moer"', 'did you mean "bled and more"?'),
        ('readout = "lic_mg_per_g"', 'readout = "lic_mg_per_k"', 'did you mean "lic_mg_per_g"?'),
        ('at = "mean"', 'at = "median"', 'synergy.0.at = "median" -> must be end, max, mean or a day'),
        ("at = 2", "at = 5", "dose_response.0.at = 5 -> is after the end, day 3"),
        ("picture_days = [1, 3]", "picture_days = [1, 4]", "picture_days.1 = 4 -> is after the end"),
        ('"few", "more", "most"]', '"few", "more"]', "must have 3 different doses above 0"),
        ('"few", "more", "most"]', '"few", "more", "bled"]', '"bled" -> this arm has no dose'),
        ("hepatocyte.export_rate = 0.05", "record.every_hours = 6", "is the same in all arms"),
        ("hepatocyte.export_rate = 0.05", "hepatocyte.export_rte = 0.05", "hepatocyte.export_rate"),
        ("cells = 1e5", "cells = -1", "arms.2.add.0.cells = -1"),
        ("patients = 3", "patients = 0", "patients = 0 -> must be at least 1"),
        ('control = "none"', "branch_day = 3", "branch_day = 3 -> must be before the end, day 3"),
        ("format = 1", "format = 2", "this version reads 1"),
        ('question = "', 'frage = "', "frage"),
        ('case = "ccl4-mouse"', 'case = "ccl4-mous"', 'did you mean "ccl4-mouse"?'),
        (
            'readout = "lic_mg_per_g"',
            'readout = "icg_r15_percent"',
            "a readout of man only; the case has a m",
        ),
        ("picture_days = [1, 3]", "picture_days = [-1, 3]", "picture_days.0 = -1 -> must be at least 0"),
        ('both = "bled and more"', 'both = "bled"', "synergy.0.a, b and both = "),
        ('both = "bled and more"', 'both = "none"', 'synergy.0 -> "none" is the control'),
        ('name = "few"', 'name = "More"', 'arms.3.name = "more" -> another arm has this name'),
        ('measure = "change"', 'measure = "change"\nat = 0.5', "endpoints.1.at = 0.5 -> is not after day 1"),
        (
            'readout = "lic_mg_per_g"\nmeasure = "change"',
            'readout = "alt_iu_per_l"\nat = "max"',
            "there twice",
        ),
    ],
)
def test_a_bad_file_gets_one_line(
    old: str, new: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path / "cells.toml")
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    assert main(["compare", str(file), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and said in error and str(file) in error
    assert not (tmp_path / "out").exists()


def test_an_endpoint_between_two_rows_and_a_late_branch_are_noted(tmp_path: Path) -> None:
    tail = '[[endpoints]]\nreadout = "lic_mg_per_g"\nat = {at}\n'
    exact = read_comparison(written(tmp_path / "a.toml", tail=tail.format(at=2.5)))
    assert exact.notes == read_comparison(written(tmp_path / "b.toml", tail=tail.format(at=3))).notes
    late = HEAD.replace("patients = 3", "patients = 3\nbranch_day = 2")
    *_, late_note, row_note = read_comparison(
        written(tmp_path / "c.toml", tail=tail.format(at=2.6), head=late)
    ).notes
    assert late_note == "changes are counted from day 2, which is after the first treatment, day 1"
    assert row_note.startswith("endpoints.0.at = 2.6 -> lies between two rows") and "every 12 h" in row_note


def test_a_shorter_run_says_which_treatments_of_the_case_it_leaves_out(tmp_path: Path) -> None:
    file = written(tmp_path / "cells.toml")
    file.write_text(file.read_text("utf-8").replace("ccl4-mouse", "hfe-mouse-msc", 1), "utf-8")
    assert any("(msc, day 49) is after day 3" in note for note in read_comparison(file).notes)


def test_one_wrong_arm_is_one_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(tmp_path / "cells.toml")
    file.write_text(file.read_text("utf-8").replace('route = "intraportal"', 'route = "oral"', 1), "utf-8")
    assert main(["compare", str(file), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "oral" in error and "more)" not in error


def test_a_wrong_name_of_a_comparison_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "msc-dose-mous"]) == 2
    assert 'did you mean "msc-dose-mouse"?' in capsys.readouterr().err
    with pytest.raises(InputError, match="no such file"):
        read_comparison(Path("nowhere.toml"))
