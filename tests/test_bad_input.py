"""Bad case files and command lines: one clear line, exit code 2, no traceback, nothing left on the disk."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lobule.case import Case, load_case
from lobule.errors import InputError, nearest, shown
from lobule.experiments.cli import main

GOOD = """
format = 1
name = "bad"
[subject]
species = "mouse"
age_days = 21.0
[tissue]
lobules = 1
[[clock.phases]]
days = 2.0
step_hours = 1.0
[[treatments]]
kind = "msc"
day = 1.0
cells = 1e6
route = "intraportal"
"""
RULE = """
[[rules]]
cell = "macrophage"
signal = "damp"
response = "increases"
behaviour = "to_m1"
saturation = 0.1
half_max = 5.0
hill = 2.0
unit = "ng/mL"
source = "a test"
"""

# What is changed in GOOD, by what, and what the line must say.
FILES = {
    "wrong-type": ("age_days = 21.0", 'age_days = "old"', 'subject.age_days = "old" -> must be a number'),
    "misspelt-word": (
        '"mouse"',
        '"mose"',
        'species = "mose" -> not one of mouse, rat, human; did you mean "mouse"?',
    ),
    "unknown-key": ("lobules = 1", "lobule = 1", 'tissue.lobule = 1 -> no such key; did you mean "lobules"?'),
    "unknown-table": ("[tissue]", "[tisue]", 'no such key; did you mean "tissue"?'),
    "missing-key": ('species = "mouse"', "", "subject.species is missing -> one of mouse, rat, human"),
    "missing-name": ('name = "bad"', "", "name is missing"),
    "no-clock": ("[[clock.phases]]\ndays = 2.0\nstep_hours = 1.0", "", "clock is missing"),
    "no-phases": (
        "[[clock.phases]]\ndays = 2.0\nstep_hours = 1.0",
        "[clock]\nphases = []",
        "clock.phases = []",
    ),
    "three-lobules": ("lobules = 1", "lobules = 3", "must be 1, 7, 19 or [rows, columns]"),
    "no-rows": ("lobules = 1", "lobules = [0, 3]", "tissue.lobules = [0, 3]"),
    "true-lobules": ("lobules = 1", "lobules = true", "tissue.lobules = true"),
    "tiny-lobule": ("lobules = 1", "radius_um = 3.0", "tissue.radius_um = 3.0 -> must be at least 100"),
    "negative-layers": ("lobules = 1", "layers = -1", "tissue.layers = -1 -> must be at least 1"),
    "zero-phase": ("days = 2.0", "days = 0.0", "clock.phases.0.days = 0.0 -> must be more than 0"),
    "negative-phase": ("days = 2.0", "days = -2.0", "must be more than 0"),
    "uneven-phase": ("step_hours = 1.0", "step_hours = 5.0", "is not a whole number of steps of 5 h"),
    "long-step": ("step_hours = 1.0", "step_hours = 48.0", "step_hours = 48.0 -> must be at most 24"),
    "nan": ("age_days = 21.0", "age_days = nan", "age_days = nan -> must be a finite number"),
    "inf": ("cells = 1e6", "cells = inf", "cells = inf -> must be a finite number"),
    "old-mouse": ("age_days = 21.0", "age_days = 20000.0", "a mouse is at most 1500 days old"),
    "unborn": ("age_days = 21.0", "age_days = -1.0", "age_days = -1.0 -> must be at least 0"),
    "negative-dose": ("cells = 1e6", "cells = -1.0", "cells = -1.0 -> must be at least 0"),
    "dose-before-start": ("day = 1.0", "day = -1.0", "treatments.0.day = -1.0 -> must be at least 0"),
    "dose-after-end": ("day = 1.0", "day = 5.0", "treatments.0.day = 5 -> no step of the run"),
    "unknown-treatment": ('"msc"', '"mcs"', 'did you mean "msc"?'),
    "no-kind": ('kind = "msc"', "", "treatments.0.kind is missing"),
    "foreign-key": ("cells = 1e6", "volume_ml = 1.0", "volume_ml"),
    "unknown-route": ('"intraportal"', '"oral"', "treatments.0.route"),
    "treatments-in-single-brackets": (
        "[[treatments]]",
        "[treatments]",
        "treatments -> must be a list of tables: begin each with [[treatments]]",
    ),
    "half-schedule": ("day = 1.0", "day = 1.0\nuntil_day = 2.0", "until_day without every_days"),
    "backward-schedule": ("day = 1.0", "day = 1.0\nevery_days = 1.0\nuntil_day = 0.5", "is before day = 1"),
    "zero-interval": ("day = 1.0", "day = 1.0\nevery_days = 0.0", "every_days = 0.0"),
    "late-snapshot": ("[tissue]", "[record]\nsnapshot_days = [9.0]\n[tissue]", "the run ends after 2 days"),
    "newer-format": ("format = 1", "format = 2", "this file has format 2; this version reads 1"),
    "no-format": ("format = 1", "", "format is missing"),
    "text-format": ("format = 1", 'format = "1"', 'format = "1" -> must be 1'),
    "bad-name": ('name = "bad"', 'name = "../../etc"', "lower-case letters"),
    "negative-seed": ("format = 1", "format = 1\nseed = -4", "seed = -4 -> must be at least 0"),
    "huge-seed": ("format = 1", f"format = 1\nseed = {10**30}", "must be less than"),
    "fraction-seed": ("format = 1", "format = 1\nseed = 1.5", "seed = 1.5 -> must be a whole number"),
    "unknown-evidence": ("format = 1", 'format = 1\nevidence = ["zhou"]', 'did you mean "zhou-1998"?'),
    "broken-toml": ("lobules = 1", "lobules = ", "line 8"),
    "twice": ("lobules = 1", "lobules = 1\nlobules = 7", "line 9"),
    "unknown-group": (
        "[tissue]",
        "[parameters.macrofage]\nm1_half_life = 2.0\n[tissue]",
        "no such parameter",
    ),
    "unknown-parameter": (
        "[tissue]",
        '[parameters]\n"macrophage.m1_halflife" = 2.0\n[tissue]',
        'did you mean "macrophage.m1_half_life"?',
    ),
    "negative-rate": (
        "[tissue]",
        "[parameters.macrophage]\nm1_half_life = -2.0\n[tissue]",
        "macrophage.m1_half_life = -2.0 -> outside its plausible range, 1 to 7 d",
    ),
    "nan-parameter": ("[tissue]", "[parameters.macrophage]\nm1_half_life = nan\n[tissue]", "finite"),
    "text-parameter": (
        "[tissue]",
        '[parameters.macrophage]\nm1_half_life = "x"\n[tissue]',
        "must be a number",
    ),
    "contradictory-rules": (
        'route = "intraportal"',
        'route = "intraportal"' + RULE + RULE.replace("increases", "decreases").replace("0.1", "0.0"),
        "rule",
    ),
    "unknown-signal": (
        'route = "intraportal"',
        'route = "intraportal"' + RULE.replace('"damp"', '"dmp"'),
        '"damp"',
    ),
    "rule-without-source": (
        'route = "intraportal"',
        'route = "intraportal"' + RULE.replace('source = "a test"', ""),
        "source",
    ),
    "infinite-rule": (
        'route = "intraportal"',
        'route = "intraportal"' + RULE.replace("half_max = 5.0", "half_max = inf"),
        "half_max",
    ),
}


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command line that must be refused; return the one line it prints."""
    assert main(list(words)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert len(lines) == 1, printed.err
    assert lines[0].startswith("lobule")
    assert "Traceback" not in lines[0]
    return lines[0]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_refused(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after, says = FILES[name]
    assert before in GOOD
    Path("bad.toml").write_text(GOOD.replace(before, after, 1), "utf-8")
    line = refused(capsys, "run", "bad.toml", "--out", "run")
    assert says in line
    assert line.startswith("lobule run: bad.toml: ") or name == "unknown-evidence"
    assert os.listdir(folder) == ["bad.toml"]


def test_the_file_they_are_made_from_is_good() -> None:
    Path("good.toml").write_text(GOOD + RULE, "utf-8")
    case = load_case("good.toml")
    assert case.treatments and case.rules


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"name = 'x'\n# caf\xe9\n", "line 2: is not UTF-8"),
        (b"\x00\x01\x02", "line 1"),
        (b"a = " + b"[" * 100_000, "nested too deeply"),
        (b"seed = " + b"9" * 6000, "not TOML"),
        (b"a" * 5_000_000, "larger than"),
        (b"PK\x03\x04", "line 1"),
        (b"{}", "line 1"),
    ],
    ids=range(10),
)
def test_a_file_that_is_no_toml(content: bytes, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.toml").write_bytes(content)
    assert says in refused(capsys, "run", "bad.toml")


def test_several_errors_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    text = GOOD.replace('"mouse"', '"mose"').replace("lobules", "lobule").replace("cells = 1e6", "cells = -1")
    Path("bad.toml").write_text(text, "utf-8")
    assert refused(capsys, "run", "bad.toml").endswith('did you mean "mouse"? (and 2 more)')


COMMANDS = {
    "unknown-command": (["rnu"], 'did you mean "run"?'),
    "unknown-option": (["run", "--sede", "3"], 'did you mean "--seed"?'),
    "option-in-front": (["--seed", "3"], "--seed"),
    "abbreviated-option": (["run", "--se", "3"], "--se"),
    "two-cases": (["run", "hfe-mouse", "ccl4-mouse"], 'unexpected argument "ccl4-mouse"'),
    "unknown-case": (["run", "hfe-mose"], 'did you mean "hfe-mouse"?'),
    "empty-case": (["run", ""], "case"),
    "missing-file": (["run", "nothere.toml"], "nothere.toml: no such file"),
    "folder-as-file": (["run", "afolder"], "is a folder, not a file"),
    "text-seed": (["run", "--seed", "abc"], '"abc" -> must be a whole number, 0 or more'),
    "fraction-seed": (["run", "--seed", "1.5"], "whole number"),
    "negative-seed": (["run", "--seed", "-1"], "whole number"),
    "huge-seed": (["run", "--seed", "9" * 30], "whole number"),
    "no-seed": (["run", "--seed"], "expected one argument"),
    "negative-days": (["run", "--days", "-3"], "more than 0"),
    "zero-days": (["run", "--days", "0"], "more than 0"),
    "nan-days": (["run", "--days", "nan"], "more than 0"),
    "inf-days": (["run", "--days", "inf"], "more than 0"),
    "text-days": (["run", "--days", "ten"], "more than 0"),
    "uneven-days": (["run", "--days", "1.03"], "not a whole number of steps"),
    "set-without-value": (["run", "--set", "seed"], "must be key=value"),
    "set-empty-value": (["run", "--set", "seed="], "must be key=value"),
    "set-without-key": (["run", "--set", "=3"], "must be key=value"),
    "set-wrong-type": (["run", "--set", "seed=abc"], 'setting: seed = "abc"'),
    "set-nan": (["run", "--set", "diet.iron_percent=nan"], "finite"),
    "set-unknown-table": (["run", "--set", "tisue.lobules=1"], 'did you mean "tissue.lobules"?'),
    "set-unknown-key": (["run", "--set", "tissue.lobule=1"], 'did you mean "lobules"?'),
    "set-no-entry": (["run", "--set", "treatments.0.cells=1"], "treatments is empty"),
    "set-no-phase": (["run", "--set", "clock.phases.1.days=1.0"], "has 1, counted from 0"),
    "set-into-a-number": (["run", "--set", "seed.x=1"], "seed is not a table"),
    "set-parameter": (["run", "--set", "macrophage.m1_half_lief=2"], '"macrophage.m1_half_life"?'),
    "set-range": (["run", "--set", "macrophage.m1_half_life=99"], "1 to 7 d"),
    "set-injection": (["run", "--set", "seed=1\nformat=2"], "must be a whole number"),
    "out-is-a-file": (["run", "--out", "afile"], "is a file, not a folder"),
    "out-below-a-file": (["run", "--out", "afile/run"], "is a file, not a folder"),
    "out-is-occupied": (["run", "--out", "afolder"], "not empty"),
    "out-in-proc": (["run", "--out", "/proc/nowhere/run"], "cannot be written"),
    "out-too-long": (["run", "--out", "x" * 300], "too long"),
    "out-with-nul": (["run", "--out", "a\0b"], "no name of a folder"),
    "resume-nothing": (["run", "--resume", "nothere"], "no such folder"),
    "resume-a-file": (["run", "--resume", "afile"], "is a file, not a folder"),
    "resume-no-run": (["run", "--resume", "afolder"], "no run folder"),
    "resume-damaged": (["run", "--resume", "damaged"], "damaged"),
    "resume-newer": (["run", "--resume", "newer"], "this run has format 2; this version reads 1"),
    "resume-finished": (["run", "--resume", "finished"], "finished"),
    "resume-and-seed": (["run", "--resume", "afolder", "--seed", "1"], "leave out --seed"),
    "resume-and-case": (["run", "hfe-mouse", "--resume", "afolder"], "leave out CASE"),
    "explain-nothing": (["explain"], "CASE"),
    "explain-unknown": (["explain", "ccl4"], "ccl4-mouse"),
    "schema-into-a-folder": (["schema", "--out", "afolder"], "is a folder"),
    "schema-nowhere": (["schema", "--out", "nothere/schema.json"], "cannot be written"),
    "plot-nothing": (["plot", "nothere"], "no such folder"),
    "plot-no-run": (["plot", "afolder"], "no run folder"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_bad_command_line_is_refused(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, says = COMMANDS[name]
    manifests = {"damaged": "{", "newer": '{"format": 2}', "finished": '{"format": 1, "status": "done"}'}
    for run, text in manifests.items():
        (folder / run).mkdir()
        (folder / run / "manifest.json").write_text(text, "utf-8")
    (folder / "afolder").mkdir()
    (folder / "afolder" / "file").touch()
    (folder / "afile").write_text("mine", "utf-8")
    before = sorted(folder.rglob("*"))
    assert says in refused(capsys, *words)
    assert sorted(folder.rglob("*")) == before
    assert (folder / "afile").read_text("utf-8") == "mine"


def test_the_program_itself_leaves_with_2_and_one_line() -> None:
    words = [sys.executable, "-m", "lobule.experiments.cli", "run", "nothere.toml"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "lobule run: nothere.toml: no such file\n"


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", '{"format": 1}', '{"format": 3}'])
def test_bad_json_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        Case.from_json(text)


def test_json_with_a_wrong_dose_names_it() -> None:
    data = json.loads(load_case("hfe-mouse-msc").to_json())
    data["treatments"][0]["cells"] = -1
    with pytest.raises(InputError, match=r"treatments\.0\.cells = -1 -> must be at least 0"):
        Case.from_json(json.dumps(data))


def repr_kind(value: object) -> str:
    """Name a test by the type of its value: the integer is too long to print."""
    return type(value).__name__


@pytest.mark.parametrize(
    "value", ["a\nb\x1b[31m", 10**5000, -math.inf, [1] * 1000, True, "x" * 1000], ids=repr_kind
)
def test_shown_is_one_short_line(value: object) -> None:
    text = shown(value)
    assert text.isprintable() and len(text) <= 60


def test_nearest_looks_past_capitals() -> None:
    assert nearest("MOUSE", ["mouse", "rat"]) == '; did you mean "mouse"?'
    assert nearest("elephant", ["mouse", "rat"]) == ""
