"""The command line, with the runner replaced: what each command prints, and how a run ends."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from lobule.case import Case, builtin_cases, load_case
from lobule.experiments.cli import main
from lobule.experiments.explain import dose_in_words
from lobule.experiments.progress import Progress, span


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Replace the runner by one that writes the two files the command reads; return its calls."""
    calls: list[tuple[str, Any]] = []

    def write(folder: Path, case: Case) -> Path:
        readouts = {"hours": case.end_hours, "lic_mg_per_g": 1.5, "collagen_area_percent": 0.6}
        (folder / "figures").mkdir()
        (folder / "case.toml").write_text(case.to_toml(), "utf-8")
        (folder / "summary.json").write_text(
            json.dumps({"format": 1, "readouts": readouts, "comparisons": [], "notes": ["held"]}), "utf-8"
        )
        return folder

    def run_case(case: Case, *, seed: int | None, out: Path | None, progress: Progress) -> Path:
        calls.append(("run", (case, seed, out)))
        folder = Path(out or "run")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").write_text('{"format": 1, "status": "running"}', "utf-8")
        progress.begin(folder, case.end_hours)
        if seed == 130:
            raise KeyboardInterrupt
        progress.update(case.end_hours)
        return write(folder, case)

    def resume(folder: Path, *, progress: Progress) -> Path:
        calls.append(("resume", folder))
        return write(folder, load_case("hfe-mouse"))

    module = types.SimpleNamespace(run_case=run_case, resume=resume)
    monkeypatch.setitem(sys.modules, "lobule.experiments.runner", module)
    monkeypatch.setattr("lobule.experiments.commands.mark_warm", lambda: None)
    return calls


def test_cases_lists_every_built_in_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cases"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(builtin_cases())


@pytest.mark.parametrize("command", ["run", "cases", "explain", "schema", "plot"])
def test_help_shows_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"example:\n  lobule {command}" in capsys.readouterr().out


def test_no_command_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "explain" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("lobule 0.")


def test_looking_up_needs_no_compiler() -> None:
    """`--help` and `cases` answer at once: nothing heavy is imported for them."""
    code = (
        "import sys; from lobule.experiments.cli import main; main(['--help']); main(['cases']);"
        "heavy = {'numba', 'scipy', 'mesa', 'matplotlib', 'pandas', 'pyarrow', 'numpy'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_run_passes_case_seed_folder_and_settings(
    runner: list[tuple[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a" / "b"
    words = ["run", "hfe-mouse-msc", "--days", "10", "--seed", "4", "--out", str(out)]
    assert main([*words, "--set", "tissue.lobules = 1", "--set", "subject.sex=female"]) == 0
    [(_, (case, seed, folder))] = runner
    assert (case.name, case.end_hours, seed, folder) == ("hfe-mouse-msc", 240.0, 4, out)
    assert (case.tissue.lobules, case.subject.sex) == (1, "female")
    printed = capsys.readouterr()
    assert "note: treatments.0 (msc, day 49) is after day 10 and is left out" in printed.err
    assert "note: held\n" in printed.out
    assert "lic_mg_per_g" in printed.out and str(out / "figures") in printed.out


def test_run_takes_a_file(runner: list[tuple[str, Any]], tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(load_case("ccl4-mouse").to_toml(), "utf-8")
    assert main(["run", str(path), "--out", str(tmp_path / "run")]) == 0
    assert runner[0][1][0] == load_case("ccl4-mouse")


def test_an_interrupted_run_says_how_to_go_on(
    runner: list[tuple[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["run", "--seed", "130", "--out", str(out)]) == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"lobule run: interrupted; go on with: lobule run --resume {out}"
    assert main(["run", "--resume", str(out)]) == 0
    assert runner[-1] == ("resume", out)


def test_explain_reads_like_a_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "hfe-mouse-msc"]) == 0
    text = capsys.readouterr().out
    assert "a male Hfe-/- mouse, 21 days (3 weeks) old" in text
    assert "day 49: 1e6 bone marrow mesenchymal stem cells into the portal vein" in text
    assert "49 days in 1176 steps of 1 h" in text
    assert "Source:" in text


def test_every_treatment_has_words() -> None:
    kinds: list[dict[str, Any]] = [
        {"kind": "msc", "cells": 2e5, "route": "intravenous", "primed": True, "source": "adipose"},
        {"kind": "ev", "particles": 1e10, "route": "intravenous"},
        {"kind": "phlebotomy", "volume_ml": 0.2, "every_days": 7.0, "until_day": 21.0},
        {"kind": "transfusion", "volume_ml": 0.5},
        {"kind": "chelator", "drug": "deferasirox", "mg_per_kg": 20.0, "every_days": 1.0},
        {"kind": "toxin", "agent": "ccl4", "dose": 1.0},
        {"kind": "diet", "iron_percent": 2.0},
    ]
    case = load_case("hfe-mouse", {"treatments": [{"day": 7.0} | kind for kind in kinds]})
    words = [dose_in_words(dose, case.end_hours) for dose in case.treatments]
    assert words == [
        "day 7: 2e5 primed adipose mesenchymal stem cells into a peripheral vein",
        "day 7: 1e10 extracellular vesicles into a peripheral vein",
        "day 7 to 21, every 7 days (3 times): phlebotomy of 0.2 mL, unless haemoglobin is below 11 g/dL",
        "day 7: transfusion of 0.5 mL packed red cells (0.54 mg iron)",
        "day 7 to 48, every 1 day (42 times): deferasirox, 20 mg/kg over 1 hour",
        "day 7: carbon tetrachloride, 1 mL/kg",
        "day 7: a diet with 2 % iron from then on",
    ]


def test_schema_knows_the_keys_and_the_parameters(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert {"subject", "clock", "treatments", "parameters"} <= set(schema["properties"])
    macrophage = schema["properties"]["parameters"]["properties"]["macrophage"]["properties"]
    assert {"minimum", "maximum", "default", "description"} <= set(macrophage["m1_half_life"])
    path = tmp_path / "case.schema.json"
    path.write_text("old", "utf-8")
    assert main(["schema", "--out", str(path)]) == 0
    assert json.loads(path.read_text("utf-8")) == schema
    assert os.listdir(tmp_path) == [path.name]


def test_progress_is_a_few_plain_lines_when_nobody_watches(tmp_path: Path) -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress.begin(tmp_path, end_hours=1000.0)
        for hour in range(1, 1001):
            progress.update(float(hour))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 11
    assert lines[1].startswith(" 10 %  day 4.2 of 41.6667")
    assert lines[-1] == "100 %  day 41.7 of 41.6667"


def test_progress_goes_on_where_a_run_stopped(tmp_path: Path) -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress.begin(tmp_path, end_hours=240.0, hours=120.0)
        progress.update(121.0)
        progress.update(240.0)
    assert [line[:5] for line in stream.getvalue().splitlines()[1:]] == ["100 %"]


def test_progress_shows_a_bar_on_a_terminal(tmp_path: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with Progress(stream) as progress:
        progress.begin(tmp_path, end_hours=240.0)
        progress.update(120.0)
    assert "50%" in stream.getvalue() and "day 5.0 of 10" in stream.getvalue()


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (40, "40 s"), (180, "3 min"), (7800, "2 h 10 min"), (-1, "0 s")]
)
def test_span(seconds: float, words: str) -> None:
    assert span(seconds) == words
