"""Stores: finished work is never redone, damage is found, failures are records, sweeps share runs."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from lobule import Lobule
from lobule.errors import InputError
from lobule.experiments import load_results, runner
from lobule.experiments.cli import main
from lobule.experiments.folders import LAST_PICTURE, damage
from lobule.experiments.sweeps import task
from lobule.experiments.sweeps.planning import make_plan
from lobule.experiments.sweeps.store import Store

from .sweep_cases import AGES, SHORT, contents, small_sweep, sweep_file, table_bytes, times


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an undisturbed store; not to be changed."""
    out = tmp_path_factory.mktemp("sweep") / "whole"
    small_sweep(out)
    return out


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    """Return a copy of it that a test may spoil."""
    return Path(shutil.copytree(whole, tmp_path / "store"))


def test_a_store_holds_a_folder_for_each_run_and_the_plan(whole: Path):
    assert sorted(path.name for path in whole.iterdir()) == ["failures", "locks", "runs", "stems", "sweeps"]
    folders = sorted((whole / "runs").iterdir())
    assert len(folders) == 6 and len(list((whole / "sweeps").iterdir())) == 1
    assert not list((whole / "locks").iterdir()) and not list((whole / "failures").iterdir())
    for folder in folders:
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["run"] == folder.name and manifest["status"] == "done" and damage(folder) == ""
        assert sorted(path.name for path in folder.iterdir()) == [
            "case.toml", "manifest.json", "series.parquet", "snapshots", "summary.json",
        ]  # fmt: skip


def test_finished_runs_are_never_done_again(store: Path):
    before = times(store)
    small_sweep(store)
    assert times(store) == before


def test_an_extended_sweep_does_the_new_runs_only(store: Path):
    before = times(store)
    wider = small_sweep(store, parameters={"subject.age_days": [*AGES, 35.0]}, seeds=range(3))
    after = times(store)
    assert before.items() <= after.items()
    assert len(wider) == 12 == len(list((store / "runs").iterdir()))
    assert len(load_results(store)) == 12  # the plan before is part of this one


@pytest.mark.parametrize("name", ["series.parquet", "summary.json", "case.toml", "manifest.json"])
@pytest.mark.parametrize("how", ["gone", "cut", "changed"])
def test_a_damaged_folder_is_found_named_and_done_again(
    name: str, how: str, whole: Path, store: Path, capsys: pytest.CaptureFixture[str]
):
    folder = sorted((store / "runs").iterdir())[2]
    path = folder / name
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    small_sweep(store, progress=True)
    assert f"damaged: {folder}: " in capsys.readouterr().err
    assert contents(store) == contents(whole) and damage(folder) == ""


def test_a_missing_snapshot_is_damage(store: Path):
    folder = sorted((store / "runs").iterdir())[0]
    (folder / "snapshots" / "final.npz").unlink()
    assert damage(folder) == "snapshots/final.npz is missing"
    small_sweep(store)
    assert damage(folder) == ""


def test_folders_that_changed_places_are_damage(whole: Path, store: Path, capsys: pytest.CaptureFixture[str]):
    first, second, *_ = sorted((store / "runs").iterdir())
    first.rename(store / "aside")
    second.rename(first)
    (store / "aside").rename(second)
    assert len(load_results(store)) == 4
    small_sweep(store, progress=True)
    said = capsys.readouterr().err
    assert f"damaged: {first}: holds another run, {second.name}" in said and f"damaged: {second}: " in said
    assert contents(store) == contents(whole)


def test_a_plan_that_is_damaged_or_gone_is_told(store: Path, capsys: pytest.CaptureFixture[str]):
    (plan,) = (store / "sweeps").iterdir()
    good = plan.read_bytes()
    plan.write_bytes(good[:100])
    for command in ("collect", "plot"):
        assert main([command, str(store)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"{plan} -> is damaged" in line
    (store / "sweeps" / "whole.json").write_bytes(good)
    for command in ("collect", "plot"):
        assert main([command, str(store)]) == 0
        assert f"damaged: {plan}: its sweep is left out" in capsys.readouterr().err
    plan.unlink()
    (store / "sweeps" / "whole.json").unlink()
    with pytest.raises(InputError, match="has runs but no sweep"):
        load_results(store)
    small_sweep(store)
    assert len(load_results(store)) == 6


def test_damage_is_told_where_results_are_read(store: Path, capsys: pytest.CaptureFixture[str]):
    folder = sorted((store / "runs").iterdir())[1]
    (folder / "series.parquet").write_bytes(b"")
    assert main(["collect", str(store)]) == 0
    assert f"damaged: {folder}" in capsys.readouterr().err
    assert len(load_results(store)) == 5


class Stop:
    """Stands for a kill between two checkpoints."""

    def begin(self, folder: Path, end_hours: float, hours: float = 0.0) -> None: ...

    def update(self, hours: float) -> None:
        if hours >= 3.0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("left", ["checkpoint", "damaged checkpoint", "no checkpoint", "rubbish"])
def test_a_partial_run_goes_on_from_its_last_checkpoint(
    left: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out = tmp_path / "store"
    (run, *_) = load_results(whole).plans[0].runs
    partial = out / "runs" / f"{run.id}.partial"
    small_sweep(out, parameters={"subject.age_days": [AGES[0]]}, seeds=[9])  # makes the store
    case = load_results(whole).plans[0].case(run)
    with pytest.raises(KeyboardInterrupt):
        runner.run_case(case, seed=run.seed, out=partial, progress=Stop(), draw=False)
    if left == "damaged checkpoint":
        (partial / runner.CHECKPOINT).write_bytes(b"PK")
    elif left == "no checkpoint":
        (partial / runner.CHECKPOINT).unlink()
    elif left == "rubbish":
        shutil.rmtree(partial)
        partial.mkdir()
        (partial / "manifest.json").write_text("{")
    steps: list[float] = []
    step = Lobule.step
    monkeypatch.setattr(Lobule, "step", lambda self: (steps.append(self.hours), step(self))[1])
    small_sweep(out, parameters={"subject.age_days": [AGES[0]]}, seeds=[0])
    assert steps[0] == (3.0 if left == "checkpoint" else 0.0) and steps[-1] == 5.0
    assert {k: v for k, v in contents(out).items() if k.startswith(run.id)} == {
        k: v for k, v in contents(whole).items() if k.startswith(run.id)
    }
    assert not partial.exists()


def test_two_sweeps_share_a_store_and_their_common_runs(store: Path):
    before = times(store)
    other = small_sweep(
        store, parameters={"subject.age_days": list(AGES), "diet.iron_percent": [0.02, 0.2]}, seeds=[1, 2]
    )
    assert len(other) == 12
    both = load_results(store)
    assert len(both) == 6 + 12  # a diet that is named is another case than one that is not
    assert len(set(both.runs["run"])) == 18 and set(both.keys) == {"subject.age_days", "diet.iron_percent"}
    again = small_sweep(store, seeds=[1, 2, 3])
    assert len(again) == 9 and len(load_results(store)) == 18 + 6
    assert before.items() <= times(store).items()


def test_two_sweeps_at_once_do_each_run_once(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    out = tmp_path / "store"
    done: list[str] = []
    real = task._run_anew

    def counted(partial: Path, what: task.Task, progress: Any) -> None:
        done.append(what.run)
        real(partial, what, progress)

    monkeypatch.setattr(task, "_run_anew", counted)
    sweeps = [threading.Thread(target=small_sweep, args=(out,)) for _ in range(3)]
    Store(out).prepare()
    for thread in sweeps:
        thread.start()
    for thread in sweeps:
        thread.join()
    assert len(done) == 6 == len(set(done))
    assert contents(out) == contents(whole) and not list((out / "locks").iterdir())


def test_sweeps_that_look_the_same_are_told_apart(store: Path, capsys: pytest.CaptureFixture[str]):
    """A case that was changed after a first sweep: nothing is mixed, nothing is hidden."""
    changed = {"tissue.lobules": 1, "record.every_hours": 3.0, "record.snapshot_days": []}
    small_sweep(store, settings=changed, seeds=[0])
    both = load_results(store)
    frame = both.to_pandas(["hours"])
    hours = {key: list(rows["hours"]) for key, rows in frame.groupby(["sweep", "replicate"])}
    first, second = (plan.stem for plan in sorted(both.plans, key=lambda plan: -len(plan.runs)))
    assert hours == {
        (first, 0): [0.0, 2.0, 4.0, 6.0] * 3,
        (first, 1): [0.0, 2.0, 4.0, 6.0] * 3,
        (second, 0): [0.0, 3.0, 6.0] * 3,
    }
    small_sweep(store)  # whichever was asked for last
    assert load_results(store).to_pandas(["hours"]).equals(frame)
    assert len(load_results(store, second)) == 3 and "sweep" not in load_results(store, second).runs
    with pytest.raises(InputError, match="several sweeps of this name"):
        load_results(store, "hfe-mouse")
    assert main(["collect", str(store)]) == 0
    assert "2 sweeps, see column sweep" in capsys.readouterr().err


def test_a_new_version_is_another_sweep(store: Path, monkeypatch: pytest.MonkeyPatch):
    for module in ("identity", "sweeps.plan", "sweeps.task"):
        monkeypatch.setattr(f"lobule.experiments.{module}.code_version", lambda: "another")
    small_sweep(store, seeds=[0])
    assert len(list((store / "runs").iterdir())) == 9 and len(load_results(store)) == 9
    assert set(load_results(store).runs["replicate"]) == {0, 1}


FAILING = {"subject.age_days": [5.0, 21.0]}  # a mouse can be followed from its 21st day


def test_a_failure_is_a_record_and_the_sweep_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "store"
    results = small_sweep(out, parameters=FAILING, progress=True)
    assert len(results) == 2 and len(results.failures) == 2
    record = results.failures[0]
    assert record["subject.age_days"] == 5.0 and record["seed"] == results.plans[0].runs[0].seed
    assert "can be followed from day" in record["error"] and "Traceback" in record["traceback"]
    assert record["arm"] == "hfe-mouse" and record["log"] == [] and record["hours"] == 0.0
    said = capsys.readouterr().err
    assert "2 of 4 runs done, 2 failed" in said and "sweep(..., only_failed=True)" in said


def test_what_failed_is_done_again_when_asked_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    file = sweep_file(tmp_path / "s.toml")
    command = ["sweep", str(file), "--out", str(tmp_path / "o"), "--workers", "1"]
    step = Lobule.step

    def trips(self: Lobule) -> None:
        if self.case.subject.age_days > 31.0 and self.hours == 4.0:
            raise ZeroDivisionError("of the test")
        step(self)

    monkeypatch.setattr(Lobule, "step", trips)
    assert main(command) == 3
    out = capsys.readouterr().out
    assert "4 of 6 runs done, 2 failed" in out and "ZeroDivisionError: of the test" in out
    again = next(line for line in out.splitlines() if line.startswith("run just those again: "))
    record = next(iter(Store(tmp_path / "o").failed(os.listdir(tmp_path / "o" / "runs")).values()), None)
    assert record is None  # failed runs have no complete folder
    (path, _) = sorted((tmp_path / "o" / "failures").iterdir())
    assert json.loads(path.read_text())["hours"] == 4.0
    before = times(tmp_path / "o")
    assert main(command) == 3  # what failed is left alone
    assert times(tmp_path / "o") == before
    monkeypatch.setattr(Lobule, "step", step)
    words = again.removeprefix("run just those again: lobule ").split()
    assert words[-1] == "--failed"
    assert main([*words, "--workers", "1"]) == 0
    assert "6 of 6 runs done" in capsys.readouterr().out and not list((tmp_path / "o" / "failures").iterdir())
    after = times(tmp_path / "o")
    done = {path: when for path, when in before.items() if ".partial" not in path}
    assert done.items() <= after.items()
    assert not [path for path in after if ".partial" in path]


def test_an_interruption_keeps_what_is_done(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    file = sweep_file(tmp_path / "s.toml")
    command = ["sweep", str(file), "--out", str(tmp_path / "o"), "--workers", "1"]
    step, taken = Lobule.step, []

    def interrupts(self: Lobule) -> None:
        taken.append(1)
        if len(taken) == 20:
            raise KeyboardInterrupt
        step(self)

    monkeypatch.setattr(Lobule, "step", interrupts)
    assert main(command) == 130
    assert "interrupted; go on with: lobule sweep" in capsys.readouterr().err
    assert main(command) == 0
    assert len(taken) == 6 * 6 + 1  # each step of six runs once, and the one that was interrupted


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from lobule.experiments.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_full_disk_ends_with_a_line_and_what_is_done_stays(tmp_path: Path):
    """Files may not grow over 100 kB for a while: snapshots cannot be written, as on a full disk."""
    file, out = sweep_file(tmp_path / "s.toml"), tmp_path / "o"
    half = sweep_file(tmp_path / "half.toml", replicates=1)
    assert main(["sweep", str(half), "--out", str(out), "--workers", "1"]) == 0
    before = contents(out)
    words = ["sweep", str(file), "--out", str(out), "--workers", "1"]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *words], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 3
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("stopped"))
    assert "File too large" in line and "what is done stays done, go on with: lobule sweep" in line
    assert "3 of 6 runs done, 3 left" in done.stdout and contents_of(out, before) == before
    assert not list((out / "locks").iterdir()) and not list((out / "failures").iterdir())
    assert main(words) == 0
    assert len(load_results(out)) == 6


def contents_of(store: Path, names: dict[str, bytes]) -> dict[str, bytes]:
    return {name: (store / "runs" / name).read_bytes() for name in names}


def test_a_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    file, out = sweep_file(tmp_path / "s.toml"), tmp_path / "o"

    def refuses(*args: object, **kwargs: object) -> None:
        raise OSError(30, "Read-only file system", str(out))

    monkeypatch.setattr(Path, "mkdir", refuses)
    assert main(["sweep", str(file), "--out", str(out), "--workers", "1"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"lobule sweep: --out {out} -> cannot be written: Read-only file system"
    ]


def test_a_finished_sweep_can_be_read_where_nothing_can_be_written(
    store: Path, monkeypatch: pytest.MonkeyPatch
):
    for path in [store, *store.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    monkeypatch.setattr("lobule.files.os.replace", lambda *paths: pytest.fail("something was written"))
    try:
        assert len(small_sweep(store)) == 6
    finally:
        for path in [store, *store.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_figures_are_drawn_when_asked_also_later(store: Path, monkeypatch: pytest.MonkeyPatch):
    drawn: list[Path] = []

    def draw(folder: Path) -> None:
        (folder / "figures").mkdir(exist_ok=True)
        drawn.append(folder)
        if len(drawn) != 3:  # the third is killed between two pictures
            (folder / "figures" / LAST_PICTURE).touch()

    monkeypatch.setattr("lobule.experiments.figures.draw_run", draw)
    before = contents(store)
    small_sweep(store, figures=True)
    assert len(drawn) == 6
    small_sweep(store, figures=True, seeds=range(3))
    assert len(drawn) == 6 + 1 + 3 and drawn[2] in drawn[6:] and contents_of(store, before) == before


def test_pictures_that_cannot_be_drawn_are_a_failure_and_the_run_stays(
    store: Path, monkeypatch: pytest.MonkeyPatch
):
    def fails(folder: Path) -> None:
        raise ArithmeticError("no ink")

    monkeypatch.setattr("lobule.experiments.figures.draw_run", fails)
    before = contents(store)
    results = small_sweep(store, figures=True)
    assert len(results) == 6 and contents(store) == before
    records = Store(store).failed(results.runs["run"])
    assert len(records) == 6 and records[results.runs["run"][0]]["error"] == "ArithmeticError: no ink"


def test_only_those_that_failed_are_drawn_when_only_they_are_done(
    store: Path, monkeypatch: pytest.MonkeyPatch
):
    drawn: list[Path] = []
    monkeypatch.setattr("lobule.experiments.figures.draw_run", drawn.append)
    small_sweep(store, figures=True, only_failed=True)
    assert not drawn


def test_a_damaged_part_of_a_series_is_no_reason_to_fail(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)
    (run, *_) = load_results(whole).plans[0].runs
    out = tmp_path / "store"
    small_sweep(out, parameters={"subject.age_days": [AGES[0]]}, seeds=[9])
    partial = out / "runs" / f"{run.id}.partial"
    with pytest.raises(KeyboardInterrupt):
        case = load_results(whole).plans[0].case(run)
        runner.run_case(case, seed=run.seed, out=partial, progress=Stop(), draw=False)
    parts = sorted((partial / runner.PARTS).iterdir())
    parts[0].write_bytes(b"")
    results = small_sweep(out, parameters={"subject.age_days": [AGES[0]]}, seeds=[0])
    assert (
        len(results) == 1
        and contents(out)[f"{run.id}/series.parquet"] == contents(whole)[f"{run.id}/series.parquet"]
    )


@pytest.mark.parametrize("instead", ["a file", "an empty folder", "a link"])
def test_whatever_is_in_the_place_of_a_run_gives_way(instead: str, whole: Path, store: Path, tmp_path: Path):
    folder = sorted((store / "runs").iterdir())[0]
    shutil.rmtree(folder)
    if instead == "a file":
        folder.write_text("mine")
    elif instead == "an empty folder":
        folder.mkdir()
    else:
        (tmp_path / "precious").mkdir()
        (tmp_path / "precious" / "thesis.txt").write_text("all of it")
        folder.symlink_to(tmp_path / "precious")
    small_sweep(store)
    assert contents(store) == contents(whole)
    assert instead != "a link" or (tmp_path / "precious" / "thesis.txt").is_file()


def test_a_run_that_dies_further_on_each_time_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As when the jobs of a cluster end before a long run does: it goes on from its checkpoints."""
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", -1.0)
    plan = make_plan("long", ["hfe-mouse"], {}, [0], settings=SHORT, days=0.5)
    store = Store(tmp_path / "s")
    store.prepare()
    (run,) = plan.runs
    what = task.Task(
        str(store.path), run.id, plan.case(run).to_json(), run.seed, plan.labels(run), "s", plan.code, False
    )
    step, kept = Lobule.step, task.Path.unlink
    taken: list[float] = []

    class KilledError(BaseException):
        """Nothing that anybody catches."""

    def dies(self: Lobule) -> None:
        taken.append(self.hours)
        if len(taken) > 2:
            raise KilledError
        step(self)

    def keeps(self: Path, **options: bool) -> None:
        if self.parent != store.locks:
            kept(self, **options)

    for _ in range(5):
        taken.clear()
        with monkeypatch.context() as patch, pytest.raises(KilledError):
            patch.setattr(Lobule, "step", dies)
            patch.setattr(task.Path, "unlink", keeps)  # the dead clear nothing away
            task.perform(what)
        assert task.attempts(what) == 0
    assert taken[0] == 8.0 and task.perform(what).status == "done"


def test_a_bad_sweep_makes_no_store(tmp_path: Path):
    with pytest.raises(InputError, match="must be 1, 7, 19"):
        small_sweep(tmp_path / "o", parameters={"tissue.lobules": [1, 5]}, settings={})
    assert not list(tmp_path.iterdir())


def test_a_dry_run_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file, out = sweep_file(tmp_path / "s.toml"), tmp_path / "o"
    assert main(["sweep", str(file), "--out", str(out), "--dry-run"]) == 0
    assert not out.exists()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "s: 1 arm, 3 points, 2 replicates: 6 runs"
    assert any("subject.age_days: 21, 30.5, 40" in line for line in lines)
    assert any((line.startswith("  estimate") and "kB" in line) or "MB" in line for line in lines)


def test_a_dry_run_stands_arms_that_are_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = sweep_file(tmp_path / "s.toml")
    file.write_text(file.read_text() + '[[arms]]\nname = "a"\n[[arms]]\nname = "b"\n', "utf-8")
    assert main(["sweep", str(file), "--out", str(tmp_path / "o"), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "6 runs (12 but for those that come out the same)" in out and "arm        b:" in out


def test_the_command_that_goes_on_is_the_one_that_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    file = sweep_file(tmp_path / "s.toml")

    def interrupts(self: Lobule) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Lobule, "step", interrupts)
    words = ["sweep", str(file), "--out", str(tmp_path / "o o"), "--workers", "1", "--figures"]
    assert main(words) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == f"interrupted; go on with: lobule {shlex.join(words)}"


def test_working_leaves_nothing_else_in_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made: list[str] = []
    mkdir = os.mkdir
    monkeypatch.setattr(os, "mkdir", lambda path, *a, **k: (made.append(str(path)), mkdir(path, *a, **k))[1])
    small_sweep(tmp_path / "s")
    runs = str(tmp_path / "s" / "runs")
    assert made and all("tmp" not in Path(path).name for path in made if path.startswith(runs))


def test_what_is_no_store_is_refused(tmp_path: Path):
    (tmp_path / "runs").mkdir()
    with pytest.raises(InputError, match="no store of runs"):
        load_results(tmp_path)
    with pytest.raises(InputError, match="no store of runs"):
        load_results(tmp_path / "nowhere")


def test_the_table_is_the_same_whatever_the_order_of_work(whole: Path, tmp_path: Path):
    other = tmp_path / "store"
    small_sweep(other, seeds=[1], parameters={"subject.age_days": list(reversed(AGES))})
    small_sweep(other)
    assert table_bytes(other, tmp_path) == table_bytes(whole, tmp_path)
