"""A finished run at any of its hours: the run's own states, and the very same ones in between."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lobule import Lobule, load_case
from lobule.case import Case
from lobule.errors import InputError
from lobule.experiments import replay as module
from lobule.experiments.folders import manifest_seal
from lobule.experiments.models import load_model
from lobule.experiments.replay import Replay
from lobule.experiments.runner import run_case

from .model_cases import assert_same


def case(**changes: object) -> Case:
    settings = {
        "tissue.lobules": 1,
        "tissue.radius_um": 150.0,
        "clock.phases": [{"days": 2.0, "step_hours": 1.0}, {"days": 2.0, "step_hours": 6.0}],
        "record.every_hours": 12.0,
        "record.snapshot_days": [0.0, 1.0, 2.1],
        "treatments": [{"kind": "toxin", "agent": "ccl4", "dose": 1.0, "day": 0.5}],
    }
    return load_case("ccl4-mouse", {**settings, **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_case(case(), seed=5, out=tmp_path_factory.mktemp("run") / "a", draw=False)


@pytest.fixture
def other_version(folder: Path, tmp_path: Path) -> Callable[[], Path]:
    """Return a function that makes a copy of the run as if another version of the code had made it."""

    def copy(**changes: object) -> Path:
        copied = tmp_path / "other"
        shutil.copytree(folder, copied)
        manifest = json.loads((copied / "manifest.json").read_text("utf-8"))
        manifest |= {"run": "0123456789abcdef", **changes}
        manifest["seal"] = manifest_seal(manifest)
        (copied / "manifest.json").write_text(json.dumps(manifest), "utf-8")
        return copied

    return copy


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the hours at which steps begin from now on."""
    begun: list[float] = []
    step = Lobule.step

    def counted(model: Lobule) -> None:
        begun.append(model.hours)
        step(model)

    monkeypatch.setattr(Lobule, "step", counted)
    return begun


def test_it_knows_the_run(folder: Path) -> None:
    run = Replay(folder)
    assert (run.case, run.seed, run.end_hours, run.is_exact) == (case(), 5, 96.0, True)
    assert list(run.stored) == [0.0, 24.0, 54.0, 96.0]  # day 2.1 is within a step of six hours
    assert run.events == [(12.0, "CCl4, 1 mL/kg")]
    assert run.series["hours"].tolist() == [12.0 * k for k in range(9)]


def test_stored_states_are_the_runs_own(folder: Path, steps: list[float]) -> None:
    run = Replay(folder)
    for hours, path in run.stored.items():
        assert_same(run.model_at(hours), load_model(path))
    assert steps == []


def test_states_between_are_those_of_an_undisturbed_run(folder: Path) -> None:
    run, undisturbed = Replay(folder), Lobule(case(), rng=5)
    asked = {at: run.model_at(at) for at in (90.0, 3.0, 17.0, 60.0, 47.0)}
    while undisturbed.hours < 90.0:
        undisturbed.step()
        if undisturbed.hours in asked:
            assert_same(asked[undisturbed.hours], undisturbed)
    assert run.model_at(54.5).hours == 60.0 and run.model_at(2.2).hours == 3.0


def test_small_hops_forward_do_not_start_anew(folder: Path, steps: list[float]) -> None:
    run = Replay(folder)
    for hours in range(25, 48):
        run.model_at(float(hours))
    assert steps == [float(h) for h in range(24, 47)]
    del steps[:]
    for hours in range(47, 23, -1):  # all of them are in memory
        run.model_at(float(hours))
    assert steps == []
    assert run.model_at(30.0) is run.model_at(30.0)


def test_going_back_after_a_leap_costs_a_piece_of_the_run(folder: Path, steps: list[float]) -> None:
    run = Replay(folder)
    run.model_at(23.0)
    del steps[:]
    run.model_at(11.0)
    assert len(steps) <= 96.0 / module.PIECES


@pytest.mark.parametrize(("most", "size"), [(5, module.MOST_BYTES), (64, 1)])
def test_memory_is_bounded(most: int, size: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_STATES", most)
    monkeypatch.setattr(module, "MOST_BYTES", size)
    run = Replay(folder)
    for hours in run.times(200):
        run.model_at(hours)
        assert len(run._kept) <= (2 if size == 1 else most)
    kept = sorted(run._kept)
    if most == 5:  # spread over the run, not the last ones
        assert kept[0] < 24.0 < kept[2]


def test_what_gives_up_loses_nothing(folder: Path, steps: list[float]) -> None:
    run = Replay(folder)

    def stop(model: Lobule) -> None:
        if model.hours == 10.0:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        run.model_at(20.0, stop)
    del steps[:]
    assert_same(run.model_at(12.0), Lobule(case(), rng=5).run(days=0.5))
    assert steps[0] == 10.0


def test_threads_may_ask(folder: Path) -> None:
    run = Replay(folder)
    with ThreadPoolExecutor(4) as pool:
        hours = [float(h) for h in (5, 40, 5, 90, 22, 40)]
        assert [model.hours for model in pool.map(run.model_at, hours)] == [5.0, 40.0, 5.0, 90.0, 22.0, 40.0]


def test_times_are_spread_and_meet_what_is_stored(folder: Path) -> None:
    run = Replay(folder)
    times = run.times(10)
    assert times == [0.0, 11.0, 24.0, 32.0, 43.0, 54.0, 66.0, 78.0, 90.0, 96.0]
    assert run.times(2) == [0.0, 96.0]
    assert len(run.times(1000)) == 48 + 8 + 1  # every step
    assert all(run.model_at(at).hours == at for at in times)
    with pytest.raises(InputError, match="at least 2"):
        run.times(1)


def test_another_version_shows_stored_states_only(
    other_version: Callable[..., Path], folder: Path, steps: list[float]
) -> None:
    run = Replay(other_version())
    assert not run.is_exact
    assert run.times(60) == [0.0, 24.0, 54.0, 96.0] and run.times(3) == [0.0, 54.0, 96.0]
    assert [run.model_at(at).hours for at in (0.0, 11.0, 13.0, 40.0, 90.0)] == [0.0, 0.0, 24.0, 54.0, 96.0]
    assert_same(run.model_at(50.0), load_model(Replay(folder).stored[54.0]))
    assert steps == []


def test_another_seed_or_case_is_another_run(other_version: Callable[..., Path], folder: Path) -> None:
    name = json.loads((folder / "manifest.json").read_text("utf-8"))["run"]
    assert not Replay(other_version(run=name, seed=6)).is_exact


def test_another_version_without_states_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = case(**{"record.snapshot_days": [], "record.final_snapshot": False})
    path = run_case(bare, seed=5, out=tmp_path / "bare", draw=False)
    assert Replay(path).stored == {} and Replay(path).model_at(3.0).hours == 3.0
    monkeypatch.setattr(module, "run_id", lambda case, seed: "another")
    with pytest.raises(InputError, match="no snapshot"):
        Replay(path)


@pytest.mark.parametrize("hours", [-1.0, 96.1, float("nan"), float("inf")])
def test_hours_outside_the_run_are_refused(hours: float, folder: Path) -> None:
    with pytest.raises(InputError, match="from 0 to 96"):
        Replay(folder).model_at(hours)


def test_a_damaged_run_is_refused_in_one_line(other_version: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        Replay(tmp_path / "nothing")
    path = other_version(status="running")
    with pytest.raises(InputError, match="not finished"):
        Replay(path)
    (path / "series.parquet").write_bytes(b"")
    shutil.copy(path / "manifest.json", tmp_path / "manifest.json")
    with pytest.raises(InputError) as caught:
        Replay(path)
    assert "\n" not in str(caught.value)


def test_series_are_columns(folder: Path) -> None:
    series = Replay(folder).series
    assert all(isinstance(values, np.ndarray) and len(values) == 9 for values in series.values())
