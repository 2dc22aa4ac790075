"""Runs as folders: complete when done, and the same bytes after an interruption or a kill."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lobule import Lobule, load_case
from lobule.errors import InputError
from lobule.experiments import runner
from lobule.experiments.runner import resume, run_case

SETTINGS = {
    "tissue.lobules": 1,
    "clock.phases": [{"days": 2.0, "step_hours": 1.0}, {"days": 2.0, "step_hours": 6.0}],
    "record.every_hours": 12.0,
    "record.snapshot_days": [0.0, 1.0, 4.0],
    "treatments": [{"kind": "toxin", "agent": "ccl4", "dose": 1.0, "day": 1.0}],
}


def case():
    return load_case("ccl4-mouse", SETTINGS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an uninterrupted run, drawn."""
    return run_case(case(), seed=5, out=tmp_path_factory.mktemp("run") / "whole")


def same_results(a: Path, b: Path) -> None:
    assert (a / "series.parquet").read_bytes() == (b / "series.parquet").read_bytes()
    assert (a / "summary.json").read_bytes() == (b / "summary.json").read_bytes()
    assert (a / "case.toml").read_bytes() == (b / "case.toml").read_bytes()
    names = sorted(path.name for path in (a / "snapshots").iterdir())
    assert names == sorted(path.name for path in (b / "snapshots").iterdir())


def test_the_folder_is_complete(whole: Path):
    assert sorted(path.name for path in whole.iterdir()) == [
        "case.toml", "figures", "manifest.json", "series.parquet", "snapshots", "summary.json",
    ]  # fmt: skip
    manifest = json.loads((whole / "manifest.json").read_text())
    assert manifest["status"] == "done" and manifest["format"] == 1
    assert manifest["seed"] == 5 and manifest["hours"] == 96.0
    assert {"python", "mesa", "numpy", "numba", "scipy", "lobule"} <= manifest["versions"].keys()
    assert load_case(whole / "case.toml") == case()
    assert sorted(path.name for path in (whole / "snapshots").iterdir()) == [
        "day-0000.00.npz", "day-0001.00.npz", "day-0004.00.npz", "final.npz",
    ]  # fmt: skip
    assert list((whole / "figures").glob("*.png"))


def test_the_series_is_what_the_model_says(whole: Path):
    rows = pq.read_table(whole / "series.parquet").to_pylist()
    assert [row["hours"] for row in rows] == [12.0 * k for k in range(9)]
    model = Lobule(case(), rng=5)
    expected = [runner.series_row(model)]
    while model.hours < 96.0:
        model.step()
        if model.hours % 12.0 == 0.0:
            expected.append(runner.series_row(model))
    assert repr(rows) == repr(expected)  # NaN, where only man has a readout, equals nothing
    summary = json.loads((whole / "summary.json").read_text())
    expected = {k: v if math.isfinite(v) else None for k, v in model.readouts().items()}
    assert summary["readouts"] == json.loads(json.dumps(expected))
    assert len(summary["events"]) == 1
    assert Lobule.load(whole / "snapshots" / "day-0001.00.npz").hours == 24.0


class Stop:
    """Stands for a user who presses Ctrl-C at some hour."""

    def __init__(self, hour: float) -> None:
        self.hour = hour

    def begin(self, folder: Path, end_hours: float, hours: float = 0.0) -> None:
        pass

    def update(self, hours: float) -> None:
        if hours >= self.hour:
            raise KeyboardInterrupt


@pytest.mark.parametrize("hours", [(1.0,), (12.0,), (20.0, 30.0, 72.0)])
def test_an_interrupted_run_goes_on_to_the_same_result(hours, whole: Path, tmp_path: Path, no_figures):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_case(case(), seed=5, out=folder, progress=Stop(hours[0]))
    for hour in hours[1:]:
        with pytest.raises(KeyboardInterrupt):
            resume(folder, progress=Stop(hour))
    assert json.loads((folder / "manifest.json").read_text())["status"] == "running"
    assert not (folder / "series.parquet").exists()
    resume(folder)
    same_results(folder, whole)
    assert no_figures == [folder]


KILLED = """
import os, sys
from pathlib import Path
from lobule import load_case
from lobule.experiments import runner
runner.CHECKPOINT_SECONDS = 0.0
settings = {settings!r}
class Kill:
    def begin(self, folder, end_hours, hours=0.0): pass
    def update(self, hours):
        if hours >= {hour}: os.kill(os.getpid(), 9)
runner.run_case(load_case("ccl4-mouse", settings), seed=5, out=Path({out!r}), progress=Kill())
"""


def test_a_killed_run_goes_on_to_the_same_result(whole: Path, tmp_path: Path, no_figures):
    folder = tmp_path / "run"
    script = KILLED.format(settings=SETTINGS, hour=31.0, out=str(folder))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=300, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert Lobule.load(folder / runner.CHECKPOINT).hours == 30.0
    resume(folder)
    same_results(folder, whole)


def test_rows_newer_than_the_checkpoint_are_made_again(whole: Path, tmp_path: Path, no_figures, monkeypatch):
    """Killed between the rows and the checkpoint that belongs to them."""
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_case(case(), seed=5, out=folder, progress=Stop(20.0))
    old = (folder / runner.CHECKPOINT).read_bytes()
    with pytest.raises(KeyboardInterrupt):
        resume(folder, progress=Stop(60.0))
    (folder / runner.CHECKPOINT).write_bytes(old)
    resume(folder)
    same_results(folder, whole)


def test_a_run_without_a_checkpoint_starts_again(whole: Path, tmp_path: Path, no_figures):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_case(case(), seed=5, out=folder, progress=Stop(3.0))
    (folder / runner.CHECKPOINT).unlink()
    resume(folder)
    same_results(folder, whole)


def test_a_damaged_checkpoint_is_refused_in_one_line(tmp_path: Path, no_figures):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_case(case(), seed=5, out=folder, progress=Stop(3.0))
    path = folder / runner.CHECKPOINT
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError) as error:
        resume(folder)
    assert runner.CHECKPOINT in str(error.value) and "\n" not in str(error.value)


def test_finished_work_is_not_redone_and_full_folders_are_not_written(whole: Path, tmp_path: Path):
    with pytest.raises(InputError, match="finished"):
        resume(whole)
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    with pytest.raises(InputError, match="not empty"):
        run_case(case(), out=whole)
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == before
    with pytest.raises(InputError, match="no such folder"):
        resume(tmp_path / "none")


def test_progress_is_told_of_every_step(tmp_path: Path, no_figures):
    class Watch:
        def __init__(self) -> None:
            self.hours: list[float] = []

        def begin(self, folder: Path, end_hours: float, hours: float = 0.0) -> None:
            assert (folder, end_hours, hours) == (tmp_path / "run", 96.0, 0.0)

        def update(self, hours: float) -> None:
            self.hours.append(hours)

    watch = Watch()
    run_case(case(), out=tmp_path / "run", progress=watch)
    assert len(watch.hours) == 48 + 8 and watch.hours[-1] == 96.0


def test_folders_are_numbered_when_taken(tmp_path: Path, no_figures, monkeypatch):
    monkeypatch.chdir(tmp_path)
    short = load_case("ccl4-mouse", {**SETTINGS, "clock.phases": [{"days": 0.25, "step_hours": 6.0}],
                                     "treatments": [], "record.snapshot_days": []})  # fmt: skip
    names = [run_case(short).name for _ in range(2)]
    assert names == ["ccl4-mouse-seed1", "ccl4-mouse-seed1-2"]
    assert not list(tmp_path.rglob("*.partial"))
