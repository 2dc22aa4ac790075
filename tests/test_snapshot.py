"""Save and load: a model goes on as if it had never stopped, and a damaged file is refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lobule import Lobule
from lobule.errors import InputError

from .model_cases import assert_same, everything, small


@pytest.mark.parametrize("steps", [0, 1, 13, 26, 50, 62, 101])
def test_a_run_that_was_saved_and_loaded_has_the_same_bits(steps, treated: Lobule, tmp_path: Path):
    model = everything()
    for _ in range(steps):
        model.step()
    model.save(tmp_path / "a.npz")
    loaded = Lobule.load(tmp_path / "a.npz")
    assert_same(loaded, model)
    assert_same(loaded.run(), treated)


def test_saving_leaves_the_model_as_it_is(tmp_path: Path, treated: Lobule):
    model = everything()
    while model.hours < model.case.end_hours:
        model.step()
        if int(model.tick) % 17 == 0:
            model.save(tmp_path / "a.npz")
    assert_same(model, treated)


@pytest.mark.parametrize("step", [0.3, 0.7, 1.0 / 3.0, 24.0])
def test_steps_of_any_length_survive_a_load(step, tmp_path: Path):
    """Hours that are no binary fractions must not let the body's reference drift by a bit."""
    phases = [{"days": 30 * step / 24.0, "step_hours": step}]
    whole, model = (small(clock__phases=phases, subject__age_days=30.0) for _ in range(2))
    whole.run()
    for _ in range(7):
        model.step()
    model.save(tmp_path / "a.npz")
    assert_same(Lobule.load(tmp_path / "a.npz").run(), whole)


def test_scar_flow_and_warm_starts_survive_a_load(tmp_path: Path):
    """Collagen has moved the flow, but not enough since for a new solve: the flow saved is the one seen."""
    model = small("ccl4-mouse").run(days=9)
    assert np.any(model.perfusion.seen != model.matrix.collagen)
    assert np.any(model.perfusion.seen > model.matrix.values.baseline)
    model.save(tmp_path / "a.npz")
    assert_same(Lobule.load(tmp_path / "a.npz").run(days=3), model.run(days=3))


def test_the_seed_given_at_the_start_is_kept(tmp_path: Path):
    model = small(seed=7).run(days=1)
    model.save(tmp_path / "a.npz")
    assert int(Lobule.load(tmp_path / "a.npz").seed) == 7


def test_a_snapshot_holds_arrays_and_json_only(tmp_path: Path):
    model = everything().run(days=3)
    model.save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        assert all(archive[name].dtype != object for name in archive.files)
        assert json.loads(str(archive["meta"]))["format"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def rewritten(path: Path, **meta: object) -> None:
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    arrays["meta"] = np.array(json.dumps({**json.loads(str(arrays["meta"])), **meta}))
    np.savez(path, **arrays)


@pytest.mark.parametrize("version", [1, 3])
def test_another_format_is_refused(tmp_path: Path, version):
    path = tmp_path / "a.npz"
    small().save(path)
    rewritten(path, format=version)
    with pytest.raises(InputError, match=rf"a\.npz.*format {version}; this version reads 2"):
        Lobule.load(path)


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "half", "flipped", "foreign"])
def test_a_damaged_file_is_refused_in_one_line(damage, tmp_path: Path):
    path = tmp_path / "a.npz"
    small().save(path)
    data = bytearray(path.read_bytes())
    match damage:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_text("no snapshot")
        case "half":
            path.write_bytes(data[: len(data) // 2])
        case "flipped":
            data[len(data) // 2] ^= 0xFF
            path.write_bytes(data)
        case "foreign":
            np.savez(path, a=np.arange(3))
    with pytest.raises(InputError) as error:
        Lobule.load(path)
    assert "a.npz" in str(error.value) and "\n" not in str(error.value)


def test_a_save_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.npz"
    model = small()
    model.save(path)
    before = path.read_bytes()

    def full(*_args: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        model.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
