"""Chelators: they take what the stores hold beyond health, wherever it is, and no more than they can bind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lobule import Lobule

from .model_cases import small

DRUG = {"kind": "chelator", "day": 8.0, "every_days": 1.0, "drug": "deferasirox"}
DEXTRAN = {"kind": "iron-injection", "day": 0.0, "mg_per_kg": 200.0}


def mouse(*doses: dict[str, Any], days: float = 12.0, **changes: Any) -> Lobule:
    return small(
        treatments=list(doses), subject__age_days=60.0, subject__genotype="wild-type", **changes
    ).run(days=days)


def dose(mg_per_kg: float) -> dict[str, Any]:
    return {**DRUG, "mg_per_kg": mg_per_kg}


def taken(model: Lobule) -> float:
    return model.ledger.left["chelation_urine"] + model.ledger.left["chelation_faeces"]


@pytest.fixture(scope="module")
def loaded() -> Lobule:
    return mouse(DEXTRAN)


@pytest.fixture(scope="module")
def chelated() -> Lobule:
    return mouse(DEXTRAN, dose(100.0))


def test_iron_leaves_every_store(loaded, chelated):
    for pool in ("macrophages", "hepatocytes", "spleen", "other"):
        assert chelated.ledger.pool[pool] < loaded.ledger.pool[pool], pool
    stored = [model.population.tables["macrophage"]["stored"].sum() for model in (chelated, loaded)]
    assert 0.0 < stored[0] < stored[1]


def test_the_account_balances(chelated):
    assert chelated.ledger_error() < 1e-9
    assert taken(chelated) == pytest.approx(
        chelated.ledger.initial
        + sum(chelated.ledger.entered.values())
        - chelated.ledger.total()
        - sum(amount for cause, amount in chelated.ledger.left.items() if not cause.startswith("chelation"))
    )


def test_a_small_dose_binds_no_more_than_it_can():
    little = mouse(DEXTRAN, dose(1e-3), **{"hepatocyte__chelator_half": 1.0})
    # a growing mouse keeps the drug's level
    assert 0.0 < taken(little) <= little.levels.bindable * 1.001


def test_normal_stores_keep_their_iron():
    healthy, untreated = mouse(dose(100.0)), mouse()
    assert taken(healthy) < 1e-3 * untreated.ledger.total()
    assert healthy.readouts()["lic_mg_per_g"] == pytest.approx(untreated.readouts()["lic_mg_per_g"], rel=0.01)


def test_the_body_is_chelated_without_a_hepatocyte():
    model = mouse(DEXTRAN, dose(100.0), days=9.0)
    model.bury("hepatocyte", np.arange(len(model.population.tables["hepatocyte"])))
    before = taken(model)
    model.run(days=1.0)
    assert taken(model) > before
    assert model.ledger_error() < 1e-9
