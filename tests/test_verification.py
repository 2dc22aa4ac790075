"""A quick part of the verification study, and the study itself; `docs/make_verification.py` is all of it."""

from __future__ import annotations

import math
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from lobule.geometry import build_tissue
from lobule.readouts import READOUTS
from lobule.units import HOURS_PER_DAY

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "docs"))  # the study is not part of the distribution

import make_verification  # noqa: E402
from verification import invariants, iron, lattice, runs, seeds, steps, study  # noqa: E402

DAYS = 10


@pytest.fixture(scope="module")
def iron_alone() -> dict[float, np.ndarray]:
    """Ten days of iron without chance at several steps: readouts by day."""
    return {step: iron.iron_course(step, DAYS) for step in (0.5, 1.0, 2.0, 3.0, 6.0, 24.0)}


def test_the_iron_of_body_and_liver_has_order_one_in_the_step(iron_alone):
    orders = iron.order(*(iron_alone[step][-1] for step in (2.0, 1.0, 0.5)))
    assert orders == pytest.approx(np.ones(len(iron.NAMES)), abs=0.15)


def test_without_chance_the_seed_moves_next_to_nothing():
    one, other = (iron.iron_course(6.0, 3, seed) for seed in (1, 2))
    assert np.any(one != other)  # macrophages sit elsewhere
    assert one == pytest.approx(other, rel=1e-3)


@pytest.mark.parametrize(("step", "allowed"), [(1.0, 0.005), (3.0, 0.02), (6.0, 0.02), (24.0, 0.05)])
def test_iron_at_long_steps_is_that_of_short_ones(step, allowed, iron_alone):
    exact = 2.0 * iron_alone[0.5][-1] - iron_alone[1.0][-1]
    error = dict(zip(iron.NAMES, np.abs(iron_alone[step][-1] / exact - 1.0), strict=True))
    assert error.pop("spleen_iron_ug") < max(allowed, 0.06)  # half of it turns over in a day
    assert max(error.values()) < allowed, error


def test_a_loading_mouse_does_not_mind_its_step():
    """With deaths and all, over seeds: only what hardly depends on luck is held to per cent."""
    allowed = {3.0: 0.02, 6.0: 0.02, 24.0: 0.05}
    kept = ("lic_mg_per_g", "transferrin_saturation_percent", "haemoglobin_g_per_dl", "oxygen_central_mmhg")
    ends = {}
    for step in (1.0, *allowed):
        courses = [runs.course("hfe-mouse", seed, 1, step, DAYS, HOURS_PER_DAY) for seed in (1, 2)]
        ends[step] = {name: np.mean([one.readouts[name][-1] for one in courses]) for name in kept}
    assert ends[1.0]["lic_mg_per_g"] > 0.5  # from 0.2: there is something to be wrong about
    for step, limit in allowed.items():
        assert ends[step] == pytest.approx(ends[1.0], rel=limit), step


@pytest.mark.parametrize("step", invariants.STEPS)
def test_the_account_closes_and_bounds_hold_at_every_step(step):
    days = 2.0 if step < 1.0 else invariants.DAYS
    found = invariants.worst("mouse", step, 1, 1, days)
    assert 0.0 < found.account < 1e-12
    assert found.sound


def test_bounds_that_do_not_hold_are_seen():
    sound = invariants.Worst(0.0, 0.0, 0.0, 1.0, 0.0)
    assert sound.sound
    for bad in ({"pool": -1e-9}, {"iron": -1e-9}, {"saturation": 1.001}, {"concentration": -1e-300}):
        assert not sound._replace(**bad).sound


def test_a_hash_sees_one_bit():
    model = invariants.eventful("mouse", 6.0)
    before = invariants.fingerprint(model)
    assert invariants.fingerprint(model) == before
    model.fields["tnf"][3] = np.nextafter(model.fields["tnf"][3], 1.0)
    assert invariants.fingerprint(model) != before


def test_sites_of_a_finer_lattice_share_out_the_coarse_ones():
    coarse, fine = lattice.lattice(1), lattice.lattice(2)
    index, share = lattice.overlap(fine, coarse, 2)
    whole = np.bincount(index[index >= 0], share[index >= 0], coarse.n_sites)
    assert share.max() <= 1.0 and share[fine.lobule == 0].sum(axis=1) == pytest.approx(1.0)
    ringed = np.all(coarse.neighbours[:, :6] >= 0, axis=1)
    assert whole[ringed] == pytest.approx(4.0)
    assert fine.grams == pytest.approx(coarse.grams, rel=0.02)
    assert np.array_equal(coarse.kind, build_tissue("mouse", 7).kind)  # the lattice the engine has


@pytest.mark.parametrize("order", [0.8, 1.0, 2.0])
@pytest.mark.parametrize("refinement", [4, 8])
def test_an_order_is_found_from_errors_against_a_finite_reference(order, refinement):
    value = {n: 3.0 + 0.7 * (1.0 / n) ** order for n in (1, 2, refinement)}
    errors = (value[n] - value[refinement] for n in (1, 2))
    assert lattice.observed_order(*errors, refinement) == pytest.approx(order, abs=0.01)


def test_verdicts():
    def judged(name: str, base: list[float], other: list[float], step: float) -> steps.Judged:
        return steps.judge(name, base, other, runs.pooled((base, other)), step)

    steady = judged("lic_mg_per_g", [1.0, 1.0], [1.019, 1.019], 6.0)
    assert steady.passed and steady.resolved and steady.text == "+1.90\\*"
    assert not judged("lic_mg_per_g", [1.0, 1.0], [1.021, 1.021], 6.0).passed
    assert judged("lic_mg_per_g", [1.0, 1.0], [1.049, 1.049], 24.0).passed
    daily = judged("lic_mg_per_g", [0.9, 1.1], [0.97, 1.15], 24.0)  # luck is no excuse for a day's step
    assert not daily.passed and "FAIL" in daily.text
    assert judged("alt_iu_per_l", [40.0, 60.0], [60.0, 80.0], 6.0).passed
    few = judged("hepatocyte_deaths", [9.0, 9.0], [14.0, 14.0], 3.0)
    assert few.as_count and few.passed and few.allowed == pytest.approx(2.0 * math.sqrt(14.0))
    assert not judged("hepatocyte_deaths", [0.0, 0.0], [7.0, 7.0], 3.0).passed
    assert not judged("hepatocytes", [400.0, 400.0], [420.0, 420.0], 3.0).as_count
    assert not judged("ntbi_um", [0.0, 0.0], [0.5, 0.5], 3.0).passed


def test_every_readout_is_compared_or_said_not_to_be():
    assert set(runs.COMPARED) | set(runs.BOOKKEEPING) == set(READOUTS)


def test_equal_calls_of_different_sections_are_made_once():
    for quick in (False, True):
        scale = study.Scale(quick, seeds=2)
        wanted = [{task.call for task in part.tasks(scale).values()} for part in (steps, seeds)]
        assert quick or wanted[0] & wanted[1]
        assert all(hash(call) for calls in wanted for call in calls)


def test_the_document_has_every_section_and_tells_what_fails():
    text = (ROOT / "docs" / "verification.md").read_text(encoding="utf-8")
    for place, name in enumerate(make_verification.SECTIONS, start=1):
        assert f"\n## {place}. {import_module(f'verification.{name}').TITLE}\n" in text
    assert ("What fails:" in text) == ("FAIL**" in text)
    chapters = {"iron": study.Chapter("Text.", 3, ["iron, `x`: observed order 0.2"])}
    made = make_verification.document(chapters, study.Scale(quick=True))
    assert "**1 of 3 FAIL**" in made and "- iron, `x`: observed order 0.2" in made and "--quick" in made


@pytest.mark.parametrize("options", [["--seeds", "1"], ["--only", "nonsense"]])
def test_wrong_options_are_refused(options, capsys):
    with pytest.raises(SystemExit):
        make_verification.main(options)
    assert options[0] in capsys.readouterr().err


@pytest.mark.slow
def test_finer_lattices_converge():
    results = {n: lattice.level(n) for n in lattice.REFINEMENTS[:3]}
    finest = results[4]
    for name in lattice.SHOWN:
        errors = [lattice.cell_error(results[n].cells[name], finest.cells[name]) for n in (1, 2)]
        assert errors[1] < 0.6 * errors[0], name
        assert results[1].zones[name] == pytest.approx(finest.zones[name], rel=0.10), name


@pytest.mark.slow
def test_injury_does_not_mind_the_step():
    """Eight seeds at one hour and at six: what differs is within what seeds differ by."""
    every, names = 24.0, ("collagen_area_percent", "alt_iu_per_l", "stellate_activated", "macrophages_m1")
    values = {
        step: {name: [one.mean(name, 7.0, 14.0) for one in courses] for name in names}
        for step in (1.0, 6.0)
        if (courses := [runs.course("ccl4-mouse", seed, 1, step, 14.0, every) for seed in range(1, 9)])
    }
    for name in names:
        sd = runs.pooled(values[step][name] for step in values)
        judged = steps.judge(name, values[1.0][name], values[6.0][name], sd, 6.0)
        assert judged.passed, (name, judged)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_threads_do_not_move_a_bit(threads):
    assert invariants.in_child(1, 1, threads) == invariants.at_once(1, 1)


@pytest.mark.slow
def test_the_script_writes_a_document_and_its_pictures(tmp_path: Path):
    script = ROOT / "docs" / "make_verification.py"
    done = subprocess.run(
        [sys.executable, str(script), "--quick", "--only", "iron", "--to", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "verification.md").read_text(encoding="utf-8")
    assert "## 1. Orders of convergence: iron of body and liver" in text and "all 7 pass" in text
    assert (tmp_path / "images" / "verification-iron.png").stat().st_size > 10_000
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
