"""The iron account: it balances whatever happens, and no pool is ever negative."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobule import Lobule
from lobule.case import builtin_cases
from lobule.ledger import BODY_POOLS, LIVER_POOLS, SINKS, SOURCES, Ledger

from .model_cases import assert_iron_is_sound, everything, small

AMOUNT = st.floats(0.0, 1e4)
MOVES = st.lists(
    st.tuples(st.sampled_from(SOURCES + BODY_POOLS), st.sampled_from(BODY_POOLS + SINKS), AMOUNT), max_size=60
)


@given(st.dictionaries(st.sampled_from(BODY_POOLS), AMOUNT), MOVES)
def test_any_moves_balance_and_leave_no_body_pool_negative(initial, moves):
    ledger = Ledger()
    ledger.open(initial)
    for source, target, amount in moves:
        before = ledger.pool.get(source, np.inf)
        moved = ledger.move(source, target, amount)
        assert moved == min(amount, before)
        assert min(ledger.pool.values()) >= 0.0
    entered, left = sum(ledger.entered.values()), sum(ledger.left.values())
    handled = ledger.initial + entered
    assert abs(ledger.total() - (ledger.initial + entered - left)) <= 1e-12 * max(handled, 1e-300)


@pytest.mark.parametrize("amount", [-1e-12, -1.0, float("nan")])
def test_nothing_moves_backwards(amount):
    ledger = Ledger()
    ledger.open({"plasma": 1.0})
    with pytest.raises(ValueError, match="plasma"):
        ledger.move("plasma", "marrow", amount)
    with pytest.raises(ValueError, match="spleen"):
        ledger.open({"spleen": -1.0})


def test_names_that_do_not_exist_are_refused():
    ledger = Ledger()
    ledger.open({"plasma": 1.0})
    for source, target in (("plasma", "kidney"), ("kidney", "plasma")):
        with pytest.raises(KeyError):
            ledger.move(source, target, 0.5)


def test_the_error_sees_a_liver_that_does_not_hold_what_is_booked():
    ledger = Ledger()
    ledger.open({"plasma": 1.0, "hepatocytes": 2.0, "macrophages": 1.0})
    booked = {name: ledger.pool[name] for name in LIVER_POOLS}
    assert ledger.error(booked) == 0.0
    assert ledger.error(booked | {"hepatocytes": 2.4}) == pytest.approx(0.4 / 4.4)
    swapped = booked | {"hepatocytes": 1.0, "macrophages": 2.0}  # the total is right, the pools are not
    assert ledger.error(swapped) == pytest.approx(1.0 / 4.0)


@pytest.mark.parametrize("name", sorted(builtin_cases()))
def test_the_account_of_a_built_in_case_balances(name, tmp_path: Path):
    first = {"treatments.0.day": 0.5} if name in ("ccl4-mouse", "hfe-mouse-msc") else {}
    model = Lobule(name, settings={"tissue.lobules": 1, "record.snapshot_days": [], **first})
    for _ in range(3):
        model.run(days=1)
        assert_iron_is_sound(model)
    model.save(tmp_path / "model.npz")
    again = Lobule.load(tmp_path / "model.npz").run(days=1)
    assert_iron_is_sound(again)


def test_the_account_balances_through_every_kind_of_event_at_every_step():
    model = everything()
    births = 0
    while model.hours < model.case.end_hours:
        before = {name: len(table) for name, table in model.population.tables.items()}
        model.step()
        births += any(len(table) > before[name] for name, table in model.population.tables.items())
        assert_iron_is_sound(model)
    ledger = model.ledger
    assert min(ledger.entered[name] for name in ("absorption", "transfusion", "arrival")) > 0.0
    assert all(left > 0.0 for name, left in ledger.left.items() if name != "menses")
    assert births > 0 and model.deaths > 10
    assert model.scale > everything().scale  # the animal has grown
    assert len(model.log) == len(model.case.events())


def test_the_account_balances_when_every_cell_of_a_kind_has_gone():
    model = small(subject__age_days=40.0).run(days=1)
    for name in ("macrophage", "hepatocyte"):
        model.bury(name, np.arange(len(model.population.tables[name])))
        model.run(days=1)
        assert_iron_is_sound(model)


def test_the_account_balances_when_an_animal_bleeds_dry():
    bleed = {"kind": "phlebotomy", "day": 0.5, "volume_ml": 1.0, "minimum_haemoglobin_g_per_dl": 0.0}
    model = small(treatments=[{**bleed, "every_days": 0.25}])
    for _ in range(3):
        model.run(days=1)
        assert_iron_is_sound(model)
    assert model.body.haemoglobin < 60.0


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(builtin_cases()))
def test_the_account_of_a_whole_built_in_case_balances(name):
    model = Lobule(name)
    while model.hours < model.case.end_hours:
        model.run(days=7)
        assert_iron_is_sound(model)
