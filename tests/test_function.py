"""Liver function, what a clinic derives from it and from portal pressure, and ferritin."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobule import Lobule
from lobule.agents import stellate
from lobule.function import FUNCTION, Function
from lobule.readouts import READOUTS

from .model_cases import ONE, assert_same, small

N = 200
SIGNS = ("portal_hypertension", "jaundice", "ascites", "liver_failure")


def liver(species: str = "human", **changes: float) -> Function:
    return Function(FUNCTION.values(species, changes), np.full(N, 50.0), N)


def cells(n: int = N, senescent: int = 0) -> dict[str, np.ndarray]:
    return {
        "site": np.arange(n, dtype=np.int32),
        "senescent": (np.arange(n) < senescent).astype(np.uint8),
    }


class Flow:
    def __init__(self, flow: np.ndarray) -> None:
        self.flow = flow

    def throughflow(self) -> np.ndarray:
        return self.flow


def test_function_is_lost_with_cells_youth_blood_and_exchange():
    function, none = liver(), np.zeros(N)
    assert function.percent(cells(), none) == 100.0
    assert function.percent(cells(120), none) == pytest.approx(60.0)
    assert function.percent(cells(senescent=100), none) == pytest.approx(75.0)
    assert function.percent(cells(), np.full(N, 25.0)) == pytest.approx(75.0)
    assert function.percent(cells(), np.full(N, 50.0)) == pytest.approx(60.0)
    function.perfuse(Flow(np.where(np.arange(N) < 100, 7.5, 20.0)))  # 15 is enough
    assert function.percent(cells(), none) == pytest.approx(75.0)
    function.perfuse(Flow(np.full(N, 50.0)))
    assert function.percent(cells(0), none) == 0.0


@given(st.integers(0, N), st.integers(0, N), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_function_lies_between_0_and_100_and_its_clinic_is_finite(alive, senescent, seed):
    chance = np.random.default_rng(seed)
    function = liver()
    function.perfuse(Flow(chance.uniform(0.0, 200.0, N)))
    percent = function.percent(cells(alive, min(senescent, alive)), chance.uniform(0.0, 60.0, N))
    assert 0.0 <= percent <= 100.0
    assert 3.0 < function.icg_r15(percent) <= 100.0
    assert 9.999 < function.bilirubin(percent) <= 500.001
    function.step(24.0, percent)
    assert 0.0 < function.albumin <= 42.0


@pytest.mark.parametrize(
    ("percent", "k", "left"),
    [(100.0, 0.22, 3.6), (75.0, 0.19, 6.0), (50.0, 0.14, 12.0), (35.0, 0.11, 20.0), (25.0, 0.08, 29.0)],
)
def test_indocyanine_green_is_left_as_derived(percent, k, left):
    r15 = liver().icg_r15(percent)
    assert r15 == pytest.approx(left, abs=0.6)
    assert -math.log(r15 / 100.0) / 15.0 == pytest.approx(k, abs=0.006)


def test_albumin_follows_with_its_half_life_and_only_below_the_reserve():
    function = liver()
    for _ in range(100):
        function.step(24.0, 61.0)
    assert function.albumin == 42.0
    for _ in range(19):
        function.step(24.0, 30.0)
    assert function.albumin == pytest.approx(21.0 + 10.5)
    other = liver()
    other.step(19.0 * 24.0, 30.0)
    assert other.albumin == pytest.approx(function.albumin, rel=1e-12)


def test_bilirubin_of_child_b_and_c():
    function = liver()
    assert function.bilirubin(100.0) == pytest.approx(10.0)
    assert 32.0 < function.bilirubin(29.0) < 36.0 and 45.0 < function.bilirubin(20.0) < 52.0
    assert function.bilirubin(0.0) == pytest.approx(500.0)


def test_contraction_adds_a_fifth_in_a_liver_full_of_myofibroblasts():
    function = liver()
    assert function.hvpg(10.0, 0) == 10.0
    assert function.hvpg(10.0, 60) == pytest.approx(12.0)  # 30 per 100
    assert function.stiffness(16.0, 20.0) == pytest.approx(2.48 + 1.29 * 16.0 + 0.26 * 20.0)


def test_signs_come_at_their_thresholds():
    function = liver()
    assert not any(function.signs(100.0, 9.99).values())
    assert function.signs(100.0, 10.0) == dict.fromkeys(SIGNS, 0) | {"portal_hypertension": 1}
    assert function.signs(24.9, 5.0) == dict.fromkeys(SIGNS, 0) | {"liver_failure": 1, "jaundice": 1}
    assert function.signs(100.0, 12.0)["ascites"] == 0
    function.albumin = 29.0
    assert function.signs(100.0, 11.9)["ascites"] == 0
    assert function.signs(100.0, 12.0)["ascites"] == 1


@pytest.mark.parametrize("case", ["wild-type-mouse", "hfe-mouse", "healthy-human", "carbonyl-iron-rat"])
def test_a_healthy_liver_has_full_function_and_no_signs(case):
    r = small(case).readouts()
    assert r["liver_function_percent"] == 100.0 and r["fibrosis_stage"] == 0
    assert r["dna_damage_fold"] == 1.0 and r["hcc_risk_index"] == 0.0
    assert [r[name] for name in SIGNS] == [0, 0, 0, 0]
    human = case == "healthy-human"
    assert math.isfinite(r["liver_stiffness_kpa"]) == math.isfinite(r["icg_r15_percent"]) == human
    assert list(r) == list(READOUTS)


@pytest.mark.parametrize("collagen", [4.1, 6.0, 13.8, 17.3])
@pytest.mark.parametrize("case", ["healthy-human", "wild-type-mouse"])
def test_hvpg_on_uniform_collagen_is_as_published(case, collagen):
    model = small(case, tissue__agents=False)
    model.matrix.soft[:] = collagen - model.matrix.values.baseline
    model.perfusion.solve(model.matrix.collagen)
    r = model.readouts()
    assert (
        r["hvpg_mmhg"] == r["portal_pressure_gradient_mmhg"] == pytest.approx(2 + 0.45 * collagen, rel=0.02)
    )
    table = model.population.tables["stellate"]
    table["stage"] = stellate.MYOFIBROBLAST
    density = 100.0 * len(table) / model.population.n_hepatocytes
    raised = model.readouts()
    assert raised["hvpg_mmhg"] / r["hvpg_mmhg"] == pytest.approx(1.0 + 0.2 * density / 30.0)
    assert raised["portal_pressure_gradient_mmhg"] == r["portal_pressure_gradient_mmhg"]


def test_a_cirrhotic_human_by_hand_is_ill_in_every_way():
    model = small("healthy-human", tissue__agents=False)
    model.matrix.cross[:] = 45.0
    model.perfusion.solve(model.matrix.collagen)
    model.perfuse()
    model.bury("hepatocyte", np.arange(800))
    for _ in range(40):
        model.function.step(
            24.0, model.function.percent(model.population.tables["hepatocyte"], model.matrix.excess)
        )
    r = model.readouts()
    assert r["fibrosis_stage"] == 4 and r["hvpg_mmhg"] > 12.0
    assert r["liver_function_percent"] < 25.0 and r["albumin_g_per_l"] < 30.0
    assert r["bilirubin_umol_per_l"] > 34.0 and r["icg_r15_percent"] > 20.0
    assert [r[name] for name in SIGNS] == [1, 1, 1, 1]


def test_scar_takes_blood_from_the_cells_behind_it():
    model = small("wild-type-mouse", tissue__agents=False)
    assert np.all(model.function.supply == 1.0)
    shut = model.tissue.x > 0.0
    model.matrix.cross[shut] = 55.0
    model.perfusion.solve(model.matrix.collagen)
    model.perfuse()
    assert model.function.supply[shut].mean() < 0.95
    assert model.function.supply[~shut].mean() > 0.99
    assert np.all((model.function.supply >= 0.0) & (model.function.supply <= 1.0))


def test_albumin_damage_and_mutations_survive_a_load(tmp_path: Path):
    model = small("ccl4-mouse", function__albumin_reserve=100.0).run(days=6)
    table = model.population.tables["hepatocyte"]
    assert model.function.albumin < model.values["function"].albumin_normal
    assert table["dna_damage"].max() > 1.0 and table["mutations"].max() > 0.0
    model.save(tmp_path / "half.npz")
    other = Lobule.load(tmp_path / "half.npz")
    assert_same(other, model)
    assert_same(other.run(days=2), model.run(days=2))


def test_ferritin_is_a_multiple_of_liver_iron_until_something_burns():
    model = Lobule("hfe-human", settings=ONE)
    body = model.body
    assert body.ferritin(10.0, 0.0) == 1250.0
    assert body.ferritin(10.0, 5.0) == pytest.approx(1250.0 * 2.5)
    assert body.ferritin(10.0, 1e9) == pytest.approx(5000.0)
    transfused = Lobule("transfusion-human", settings=ONE)
    assert transfused.body.ferritin(10.0, 0.0) == 1750.0
    r = model.readouts()
    assert r["ferritin_ug_per_l"] == 125.0 * r["lic_mg_per_g"]
    model.fields["il6"][:] = 5.0
    assert model.readouts()["ferritin_ug_per_l"] == pytest.approx(2.5 * r["ferritin_ug_per_l"])
