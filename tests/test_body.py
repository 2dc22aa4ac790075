"""The rest of the organism: plasma never overfills, growth follows the reference, blood is lost and made."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobule.body import BODY, Body, LiverSigns
from lobule.ledger import BODY_POOLS, Ledger
from lobule.subjects import Growth, Reference
from lobule.units import UMOL_PER_UG

from .model_cases import small

CALM = LiverSigns(iron=6.6, il6=0.0, transferrin_uptake=1.0)
DT = st.floats(0.25, 24.0)


def advance(b: Body, dt: float, hours: float, liver: LiverSigns) -> None:
    """Advance a body without a liver of its own by one step."""
    b.settle(dt, b.release(dt, hours, True, liver.iron), liver)


def body(age: float = 70.0, hfe: bool = False, species: str = "mouse") -> Body:
    """Return a healthy body with an open account."""
    ledger = Ledger()
    made = Body(BODY.values(species), Growth(species), age, "hfe-knockout" if hfe else "wild-type", ledger)
    ledger.open({**made.initial_pools(), "hepatocytes": 1.0})
    return made


@settings(max_examples=100)
@given(
    dt=DT,
    inflow=st.floats(0.0, 100.0),
    filled=st.floats(0.0, 1.0),
    needs=st.tuples(st.floats(0.0, 50.0), st.floats(0.0, 50.0), st.floats(0.0, 5.0)),
)
def test_plasma_is_never_filled_beyond_transferrin_and_balances(dt, inflow, filled, needs):
    b = body()
    capacity = b.transferrin_capacity(b.reference)
    pool = b.ledger.pool
    pool["plasma"], pool["inflow"] = filled * capacity, inflow
    before = dict(pool)
    delivery = b._settle_plasma(dt, *needs)
    assert 0.0 <= pool["plasma"] <= capacity * (1.0 + 1e-12)
    assert min(pool.values()) >= 0.0 and pool["inflow"] == 0.0
    gained = sum(pool[name] - before[name] for name in ("plasma", "marrow", "other", "hepatocytes"))
    assert gained == pytest.approx(inflow, rel=1e-12, abs=1e-12)
    assert delivery.ntbi + delivery.transferrin == pytest.approx(
        pool["hepatocytes"] - before["hepatocytes"], abs=1e-12
    )
    # the end of the step answers to itself: what overflowed is what fails to bind at the final saturation
    failed = inflow * b.overflow(b.saturation)
    assert delivery.ntbi == pytest.approx(failed * b.values.overflow_liver, rel=1e-6, abs=1e-9)


@settings(max_examples=60)
@given(
    steps=st.lists(DT, min_size=1, max_size=20),
    hfe=st.booleans(),
    age=st.floats(21.0, 200.0),
    diet=st.floats(0.0, 5.0),
    iron=st.floats(0.0, 300.0),
    il6=st.floats(0.0, 100.0),
    uptake=st.floats(0.0, 1.0),
)
def test_no_steps_overfill_plasma_or_lose_iron(steps, hfe, age, diet, iron, il6, uptake):
    b, hours = body(age, hfe), 0.0
    b.diet_percent = diet
    for dt in steps:
        advance(b, dt, hours, LiverSigns(iron, il6, uptake))
        hours += dt
        assert 0.0 <= b.saturation <= 1.0 + 1e-12
        assert min(b.ledger.pool[name] for name in BODY_POOLS) >= 0.0
        assert b.hepcidin >= 0.0 and 0.0 <= b.ferroportin <= 2.0
    ledger = b.ledger
    expected = ledger.initial + ledger.entered["absorption"] - ledger.left["loss"]
    assert ledger.total() == pytest.approx(expected, rel=1e-12)


def test_overflow_is_a_share_that_rises_with_saturation():
    b = body()
    share = np.array([b.overflow(s) for s in np.linspace(0.0, 1.2, 121)])
    assert share[0] == 0.0 and share[-1] == 1.0
    assert np.all(np.diff(share) >= 0.0)
    assert b.overflow(b.values.overflow_threshold) == 0.0
    assert b.overflow(1.0) == 1.0


@pytest.mark.parametrize("dt", [1.0, 6.0, 24.0])
def test_the_reference_depends_little_on_the_step(dt):
    def run(step: float) -> Body:
        b = body(30.0)
        for k in range(round(240.0 / step)):
            advance(b, step, k * step, CALM)
        return b

    fine, coarse = run(0.25), run(dt)
    for name in ("red_cells", "other"):
        assert coarse.ledger.pool[name] == pytest.approx(fine.ledger.pool[name], rel=0.05), name
    assert coarse.saturation == pytest.approx(fine.saturation, abs=0.1)


def test_hepcidin_answers_to_iron_and_inflammation_and_less_without_hfe():
    def settle(hfe: bool, iron: float, il6: float) -> Body:
        b = body(hfe=hfe)
        for k in range(96):
            advance(b, 1.0, float(k), LiverSigns(iron, il6, 1.0))
        return b

    normal, loaded, ill = settle(False, 6.6, 0.0), settle(False, 40.0, 0.0), settle(False, 6.6, 50.0)
    knockout = settle(True, 40.0, 0.0)
    assert normal.hepcidin < loaded.hepcidin < ill.hepcidin
    assert knockout.hepcidin < 0.5 * loaded.hepcidin
    assert normal.ferroportin > loaded.ferroportin > ill.ferroportin
    assert knockout.ferroportin > loaded.ferroportin
    assert normal.hepcidin == pytest.approx(1.0, abs=0.3)


def test_absorption_follows_diet_and_ferroportin():
    def absorbed(percent: float, hfe: bool) -> float:
        b = body(hfe=hfe)
        b.diet_percent = percent
        for k in range(24):
            advance(b, 1.0, float(k), CALM)
        return b.ledger.entered["absorption"]

    p = BODY.values("mouse")
    assert absorbed(0.0, False) == 0.0
    assert absorbed(4 * p.diet_normal, False) == pytest.approx(
        4**p.diet_power * absorbed(p.diet_normal, False), rel=0.1
    )
    assert absorbed(p.diet_normal, True) > 1.2 * absorbed(p.diet_normal, False)


def test_alt_rises_with_lysis_decays_with_its_half_life_and_rests_at_baseline():
    b = body()
    b.leak_alt(24.0, 0.0)
    assert b.alt == b.values.alt_baseline
    b.leak_alt(1.0, 0.05)
    peak = b.alt - b.values.alt_baseline
    assert peak > 10 * b.values.alt_baseline
    for _ in range(4):
        b.leak_alt(b.values.alt_half_life / 4.0, 0.0)
    assert b.alt - b.values.alt_baseline == pytest.approx(peak / 2.0)


def test_marrow_makes_up_for_lost_blood():
    lost, kept = body(), body()
    for pool in ("red_cells", "plasma"):
        lost.ledger.move(pool, "phlebotomy", 0.25 * lost.ledger.pool[pool])
    drop = kept.haemoglobin - lost.haemoglobin
    assert drop > 0.2 * kept.haemoglobin
    for k in range(21):
        for b in (lost, kept):
            advance(b, 24.0, 24.0 * k, CALM)
    assert kept.haemoglobin - lost.haemoglobin < 0.6 * drop


def test_the_reference_grows_and_then_stays():
    growth = Growth("mouse")
    ages = np.linspace(growth.first_age, growth.first_age + 300.0, 400)
    rows = [growth.at(age) for age in ages]
    for name in ("body_weight", "liver_weight", "red_cells", "liver_iron", "other"):
        values = np.array([getattr(row, name) for row in rows])
        assert np.all(values > 0.0) and np.all(np.diff(values) >= 0.0), name
    assert rows[-1] == growth.at(1e5)


def test_the_reference_goes_through_its_table():
    """Ten weeks, wild type (Zhou 1998): 24.4 g, 0.37 mg/g; a smaller sex is smaller, not paler."""
    grown, female = Growth("mouse").at(70.0), Growth("mouse", "female", female_weight=0.9).at(70.0)
    assert grown.body_weight == pytest.approx(24.4)
    assert grown.liver_iron == pytest.approx(370 * UMOL_PER_UG)
    assert isinstance(grown, Reference)
    assert female.body_weight == pytest.approx(0.9 * grown.body_weight)
    assert female.liver_iron == grown.liver_iron


@pytest.mark.parametrize("hfe", [False, True])
def test_a_body_alone_is_healthy_at_its_start(hfe):
    b = body(70.0, hfe)
    assert b.saturation == pytest.approx(b.values.normal_saturation)
    assert 120.0 < b.haemoglobin < 180.0


def test_the_wild_type_follows_the_reference_for_seven_weeks():
    """The whole model, liver included: pools of the body and the liver within 10 % at 70 days of age."""
    model = small("wild-type-mouse", clock__phases=[{"days": 49.0, "step_hours": 4.0}]).run()
    reference = Growth("mouse").at(70.0)
    assert model.age_days == pytest.approx(70.0)
    assert model.liver_iron == pytest.approx(reference.liver_iron, rel=0.10)
    for name in ("red_cells", "other"):
        assert model.ledger.pool[name] == pytest.approx(getattr(reference, name), rel=0.10), name
    assert model.readouts()["haemoglobin_g_per_dl"] == pytest.approx(15.2, abs=1.5)
