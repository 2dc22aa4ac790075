"""DNA damage of hepatocytes, the mutations they make of it, and the index of the risk of cancer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lobule.agents.genome import PARAMETERS, cancer_risk, mutate, oxidise_dna
from lobule.agents.hepatocyte import Hepatocyte

from .model_cases import small

P = PARAMETERS.values()


def oxidised(hours: float, steps: int, fold: float, redox: float, start: float = 1.0) -> float:
    damage = np.array([start])
    for _ in range(steps):
        oxidise_dna(hours / steps, P, np.array([fold]), np.array([redox]), damage)
    return float(damage[0])


def test_a_healthy_cell_keeps_its_damage_to_the_bit():
    assert oxidised(1000.0, 1000, 1.0, 1.0) == 1.0
    assert oxidised(24.0, 24, 0.5, 1.2) == 1.0  # a chelator never takes it below


def test_iron_and_oxidants_raise_it_together():
    assert oxidised(1e4, 100, 1.8, 1.25) == pytest.approx(1.0 + 1.5 * (1.8 * 1.25 - 1.0))
    assert oxidised(1e4, 100, 1.8, 1.0) > 1.0 < oxidised(1e4, 100, 1.0, 1.25)


@pytest.mark.parametrize(("steps", "error"), [(12, 0.03), (2000, 2e-4)])
def test_repair_has_its_half_life(steps, error):
    assert oxidised(12.0, steps, 1.0, 1.0, start=3.0) == pytest.approx(2.0, abs=error)


def test_only_division_makes_mutations():
    damage, mutations = np.array([1.0, 3.0, 0.9, 2.0]), np.array([0.0, 1.0, 0.5, 7.0])
    mutate(damage, mutations, np.array([0, 1, 2]))
    assert mutations.tolist() == [0.0, 3.0, 0.5, 7.0]


def test_a_daughter_inherits_damage_and_mutations():
    model = small("wild-type-mouse", tissue__agents=False)
    table = model.population.tables["hepatocyte"]
    site = table["site"]
    there = set(site.tolist())
    mother = next(
        i for i in range(len(site)) if any(j in there for j in model.tissue.neighbours[site[i], :6])
    )
    gap = next(j for j in model.tissue.neighbours[site[mother], :6] if j in there)
    key = table["key"][mother]
    model.bury("hepatocyte", np.flatnonzero(table["site"] == gap))
    mother = int(np.flatnonzero(table["key"] == key)[0])
    table["dna_damage"][mother], table["mutations"][mother] = 2.5, 0.5
    table["cycle"][mother] = 1e3
    born = model.population.renew_hepatocytes(model.seed, model.tick, model.population.vacant(), False)
    assert born == (1, 0)
    for row in (int(np.flatnonzero(table["key"] == key)[0]), len(table) - 1):
        assert table["dna_damage"][row] == 2.5 and table["mutations"][row] == 2.0
    assert np.count_nonzero(table["mutations"]) == 2


@pytest.mark.parametrize("lacking", [False, True])
def test_a_division_without_room_mutates_where_the_liver_lacks_tissue(lacking):
    """Her daughter belongs to new tissue there; elsewhere the cell leaves the cycle undivided."""
    model = small("wild-type-mouse", tissue__agents=False)
    table = model.population.tables["hepatocyte"]
    table["dna_damage"][5], table["cycle"][5] = 2.5, 1e3
    none = np.zeros_like(model.population.vacant())
    born = model.population.renew_hepatocytes(model.seed, model.tick, none, lacking)
    assert born == (0, int(lacking))
    assert table["mutations"][5] == (1.5 if lacking else 0.0) == table["mutations"].sum()
    assert table["cycle"][5] < 0.0


def test_the_index_weighs_mutations_by_the_stage():
    mutations = np.array([0.0, 2.0])
    assert [cancer_risk(P, mutations, stage) for stage in (0, 4)] == [1.0, pytest.approx(20.0)]
    risks = [cancer_risk(P, mutations, stage) for stage in range(5)]
    assert risks == sorted(risks) and len(set(risks)) == 5
    assert math.isnan(cancer_risk(P, mutations, np.nan)) and math.isnan(cancer_risk(P, mutations[:0], 0.0))


def test_poison_and_iron_damage_dna_and_health_does_not():
    well = small("wild-type-mouse", subject__age_days=60.0).run(days=3).readouts()
    ill = small("ccl4-mouse").run(days=9)
    r = ill.readouts()
    assert well["dna_damage_fold"] == pytest.approx(1.0, abs=0.01)
    assert r["dna_damage_fold"] > 1.02 > well["dna_damage_fold"]
    assert r["hcc_risk_index"] > well["hcc_risk_index"]
    damage = ill.cells[Hepatocyte]["dna_damage"]
    assert r["dna_damage_fold"] == pytest.approx(damage.mean()) and damage.min() >= 1.0
