"""Sweep files: what a good one means, and one clear line for whatever is wrong in a bad one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lobule.case import Case, load_case
from lobule.experiments.cli import main
from lobule.experiments.sweeps.sweepfile import AXIS_KEYS, read_sweep
from lobule.keys import models_in
from lobule.settings import declared_parameters

HEAD = 'format = 1\ncase = "hfe-mouse"\ndays = 1\n'
WHOLE = """
format = 1
case = ["hfe-mouse-msc", "mine.toml"]
days = 2
seed = 7
replicates = 3

[settings]
tissue.lobules = 1
"hepatocyte.division" = 0.02

[parameters]
treatments.0.cells = [1e5, 1e6]
hepatocyte.export_rate = { from = 0.02, to = 0.08, points = 3, scale = "log", unit = "fmol/h" }
subject.age_days = { from = 21, to = 35, step = 7 }
"stellate.stage_half_life" = { low = 10.0, high = 20.0 }
stellate.threshold = {}

[samples]
method = "sobol"
number = 4

[record]
every_hours = 6
snapshot_days = [1]
final_snapshot = false

[[arms]]
name = "bled"
[[arms.treatments]]
kind = "phlebotomy"
day = 1
volume_ml = 0.1

[[arms]]
name = "msc"
settings = { treatments.0.day = 1.0, diet.iron_percent = 0.1 }
"""


def test_a_whole_file_means_what_it_says(tmp_path: Path):
    mine = load_case("hfe-mouse-msc", {"name": "mine", "subject.sex": "female"})
    (tmp_path / "mine.toml").write_text(mine.to_toml(), "utf-8")
    path = tmp_path / "dose.toml"
    path.write_text(WHOLE, "utf-8")
    plan = read_sweep(path)
    assert plan.name == "dose" and plan.root == 7 and list(plan.replicates) == [0, 1, 2]
    names = [arm.name for arm in plan.arms]
    assert names == ["hfe-mouse-msc / bled", "hfe-mouse-msc / msc", "mine / bled", "mine / msc"]
    # 2 doses x 3 rates x 3 ages x 4 samples; bled arms know no dose
    assert len(plan.runs) == (2 * 2 + 2 * 1) * 3 * 3 * 4 * 3
    rows = [plan.labels(run) for run in plan.runs]
    rates = sorted({row["hepatocyte.export_rate"] for row in rows})
    assert rates == pytest.approx([0.02, 0.04, 0.08])
    assert {row["subject.age_days"] for row in rows} == {21.0, 28.0, 35.0}
    assert len({(row["stellate.stage_half_life"], row["stellate.threshold"]) for row in rows}) == 4
    case = plan.case(plan.runs[-1])
    assert case.name == "mine" and case.subject.sex == "female" and case.end_hours == 48.0
    assert case.tissue.lobules == 1 and case.parameters["hepatocyte.division"] == 0.02
    assert case.record.every_hours == 6 and case.record.snapshot_days == (1.0,)
    assert not case.record.final_snapshot
    assert {run.arm: [t.kind for t in plan.case(run).treatments] for run in plan.runs} == {
        0: ["phlebotomy"], 1: ["msc"], 2: ["phlebotomy"], 3: ["msc"],
    }  # fmt: skip


def test_no_key_of_a_case_could_be_taken_for_that_of_an_axis():
    def names(model: Any) -> set[str]:
        found = set(model.model_fields)
        for name, field in model.model_fields.items():
            for inner in models_in(field.annotation) if name != "cohort" else ():  # which has its own test
                found |= names(inner)
        return found

    declared = {part for key in declared_parameters() for part in key.split(".")}
    assert not AXIS_KEYS & (names(Case) | declared)


def test_distributions_of_a_cohort_are_set_by_arms_and_varied(tmp_path: Path):
    file = tmp_path / "sweep.toml"
    file.write_text(
        """
format = 1
case = "hfe-mouse"
days = 0.5
replicates = 2
[settings]
tissue.lobules = 1
cohort.subject.age_days = { distribution = "normal", mean = 60.0, sd = 5.0, low = 40.0, high = 90.0 }
[parameters]
cohort.subject.age_days.low = [40.0, 55.0]
cohort.subject.age_days.mean = { from = 58.0, to = 62.0, points = 2 }
[[arms]]
name = "same"
[[arms]]
name = "spread"
settings.cohort.start.lic_mg_per_g = { distribution = "lognormal", median = 2.0, log_sd = 0.3 }
""",
        "utf-8",
    )
    plan = read_sweep(file)
    assert len(plan.runs) == 16 and plan.arms[1].case.cohort.keys() == {
        "subject.age_days",
        "start.lic_mg_per_g",
    }
    for run in plan.runs:
        case, labels = plan.case(run), plan.labels(run)
        assert not case.cohort
        assert labels["cohort.subject.age_days.low"] <= case.subject.age_days <= 90.0
        assert (case.start.lic_mg_per_g is not None) == (labels["arm"] == "spread")


BAD = {
    "nothing": ("", "the file is empty"),
    "no TOML": ("format = ", "not TOML"),
    "no format": ('case = "hfe-mouse"\n', "format is missing"),
    "newer format": ('format = 2\ncase = "hfe-mouse"\n', "this version reads 1"),
    "format in words": ('format = "one"\ncase = "hfe-mouse"\n', 'format = "one" -> must be 1'),
    "no case": ("format = 1\n", "case is missing"),
    "empty case": ("format = 1\ncase = []\n", "case = []"),
    "case that is none": ('format = 1\ncase = "hfe-mouze"\n', 'did you mean "hfe-mouse"'),
    "case file that is none": ('format = 1\ncase = "none.toml"\n', "none.toml: no such file"),
    "case in numbers": ("format = 1\ncase = 5\n", "case = 5 -> must be a name, a path or a list of them"),
    "unknown key": (HEAD + "replicate = 4\n", 'did you mean "replicates"'),
    "no replicates": (HEAD + "replicates = 0\n", "replicates = 0 -> must be at least 1"),
    "half a replicate": (HEAD + "replicates = 1.5\n", "replicates = 1.5 -> must be a whole number"),
    "varied seed": (HEAD + "[parameters]\nseed = [1, 2]\n", "seed -> is not varied by itself"),
    "varied name": (HEAD + '[parameters]\nname = ["a", "b"]\n', "does not change the run"),
    "half a range": (
        HEAD + "[parameters]\nhepatocyte.export_rate = { from = 0.03, high = 0.1 }\n",
        "there are from, to, points",
    ),
    "too many replicates": (HEAD + "replicates = 9999999\n", "must be at most 1000000"),
    "days of snapshots in words": (HEAD + '[record]\nsnapshot_days = "1"\n', "must be a list"),
    "negative seed": (HEAD + "seed = -1\n", "seed = -1 -> must be at least 0"),
    "days in words": ('format = 1\ncase = "hfe-mouse"\ndays = "two"\n', 'days = "two" -> must be a number'),
    "no days": ('format = 1\ncase = "hfe-mouse"\ndays = 0\n', "days = 0 -> must be more than 0"),
    "broken days": ('format = 1\ncase = "hfe-mouse"\ndays = 0.01\n', "not a whole number of steps"),
    "unknown setting": (HEAD + "[settings]\ntissue.lobule = 1\n", 'did you mean "lobules"'),
    "setting of the wrong type": (HEAD + '[settings]\ntissue.lobules = "many"\n', "must be 1, 7, 19"),
    "unknown parameter": (
        HEAD + "[parameters]\nhepatocyte.exprt_rate = [0.03]\n",
        'did you mean "hepatocyte.export_rate"',
    ),
    "value out of range": (
        HEAD + "[parameters]\nhepatocyte.export_rate = [0.03, 3.0]\n",
        "outside its plausible range, 0.005 to 0.2 fmol/h",
    ),
    "value in words": (HEAD + '[parameters]\nhepatocyte.export_rate = ["fast"]\n', "must be a number"),
    "no values": (HEAD + "[parameters]\nhepatocyte.export_rate = []\n", "the list is empty"),
    "no list": (HEAD + "[parameters]\nhepatocyte.export_rate = 0.03\n", "must be a list"),
    "unsampled interval": (HEAD + "[parameters]\nhepatocyte.export_rate = { low = 0.02 }\n", "[samples]"),
    "samples of nothing": (
        HEAD + '[parameters]\nsubject.age_days = [30]\n[samples]\nmethod = "sobol"\nnumber = 4\n',
        "no parameter is an interval",
    ),
    "unknown method": (
        HEAD + '[parameters]\nstellate.threshold = {}\n[samples]\nmethod = "sobel"\nnumber = 4\n',
        'did you mean "sobol"',
    ),
    "odd number of samples": (
        HEAD + '[parameters]\nstellate.threshold = {}\n[samples]\nmethod = "sobol"\nnumber = 5\n',
        "power of two",
    ),
    "no number of samples": (
        HEAD + '[parameters]\nstellate.threshold = {}\n[samples]\nmethod = "morris"\n',
        "samples.number is missing",
    ),
    "misspelt range": (
        HEAD + "[parameters]\nsubject.age_days = { from = 21, to = 40, point = 3 }\n",
        'did you mean "points"',
    ),
    "range upside down": (
        HEAD + "[parameters]\nsubject.age_days = { from = 40, to = 21, points = 3 }\n",
        "from = 40 -> must be less than to = 21",
    ),
    "endless range": (HEAD + "[parameters]\nsubject.age_days = { from = 21, to = 40 }\n", "points or step"),
    "range of one": (
        HEAD + "[parameters]\nsubject.age_days = { from = 21, to = 40, points = 1 }\n",
        "points = 1 -> must be at least 2",
    ),
    "range with a tiny step": (
        HEAD + "[parameters]\nsubject.age_days = { from = 21, to = 40, step = 1e-9 }\n",
        "makes more than",
    ),
    "log range from zero": (
        HEAD + '[parameters]\nsubject.age_days = { from = 0, to = 40, points = 3, scale = "log" }\n',
        "from = more than 0",
    ),
    "wrong unit": (
        HEAD + '[parameters]\nhepatocyte.export_rate = { from = 0.02, to = 0.04, step = 1, unit = "1/h" }\n',
        "it is declared in fmol/h",
    ),
    "interval out of range": (
        HEAD + '[parameters]\nstellate.threshold = { high = 7 }\n[samples]\nmethod = "sobol"\nnumber = 4\n',
        "stellate.threshold = 7.0 -> outside",
    ),
    "interval without ends": (
        HEAD + '[parameters]\nsubject.age_days = {}\n[samples]\nmethod = "sobol"\nnumber = 4\n',
        "needs low",
    ),
    "dose of nothing": (HEAD + "[parameters]\ntreatments.0.cells = [1e5]\n", "treatments is empty"),
    "set and varied": (
        HEAD + "[settings]\nsubject.age_days = 30\n[parameters]\nsubject.age_days = [21]\n",
        "both set for all runs and varied",
    ),
    "nameless arm": (HEAD + "[[arms]]\ntreatments = []\n", "arms.0.name is missing"),
    "two arms of one name": (
        HEAD + "[[arms]]\nname = 'a'\n[[arms]]\nname = 'a'\n",
        "another arm has this name",
    ),
    "arm with a slash": (HEAD + '[[arms]]\nname = "a/b"\n', 'arms.0.name = "a/b"'),
    "unknown treatment": (
        HEAD + '[[arms]]\nname = "a"\n[[arms.treatments]]\nkind = "phlebotmy"\nday = 1\n',
        'did you mean "phlebotomy"',
    ),
    "treatment after the end": (
        HEAD + '[[arms]]\nname = "a"\n[[arms.treatments]]\nkind = "phlebotomy"\nday = 1\nvolume_ml = 99\n',
        "at most 1 mL at once",
    ),
    "record of nothing": (HEAD + "[record]\nevery_hours = 0\n", "record.every_hours = 0"),
    "misspelt record": (HEAD + "[record]\nevery = 5\n", 'did you mean "every_hours"'),
    "too many runs": (
        HEAD + "replicates = 1000000\n[parameters]\nsubject.age_days = { from = 21, to = 40, points = 99 }\n",
        "at most 1,000,000",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_a_bad_file_gets_one_line(
    text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("bad.toml").write_text(text, "utf-8")
    assert main(["sweep", "bad.toml", "--workers", "1"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("lobule sweep: bad.toml"), lines
    assert words in lines[0]
    assert not Path("results/runs").exists() or not list(Path("results/runs").iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.toml"], "none.toml: no such file"),
        (["."], "is a folder"),
        ([], "FILE"),
        (["good.toml", "--workers", "0"], "workers = 0 -> must be a whole number from 1"),
        (["good.toml", "--workers", "-1"], "workers = -1 -> must be a whole number from 1"),
        (["good.toml", "--workers", "two"], "must be a whole number"),
        (["good.toml", "--worker", "2"], 'did you mean "--workers"'),
        (["good.toml", "--cluster", "nowhere"], "no scheduler answers"),
        (["good.toml", "--cluster", "tcp://127.0.0.1:1", "--workers", "2"], "leave out --cluster"),
        (["good.toml", "--cluster", "a", "--slurm", "jobs=1"], "choose one of the two"),
        (["good.toml", "--slurm", "jobs"], "must be key=value, or several with commas"),
        (["good.toml", "--slurm", "jobs=0"], "jobs = 0 must be a whole number, 1 or more"),
        (["good.toml", "--slurm", "jobs=2"], "there is no sbatch on this machine"),
        (["good.toml", "--out", "full"], "holds other things"),
        (["good.toml", "--out", "good.toml"], "is a file, not a folder"),
    ],
)
def test_a_bad_command_line_gets_one_line(
    words: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    Path("good.toml").write_text(HEAD + "[settings]\ntissue.lobules = 1\n", "utf-8")
    Path("full").mkdir()
    Path("full/thesis.txt").write_text("all of it")
    assert main(["sweep", *words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and said in lines[0], lines
    assert Path("full/thesis.txt").read_text() == "all of it"
