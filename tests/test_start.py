"""Runs that start from a loaded or scarred liver: what is there, that it stays, where its iron goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lobule import Lobule, load_case
from lobule.case import Case
from lobule.errors import InputError
from lobule.experiments.explain import explain
from lobule.geometry import build_tissue
from lobule.scars import area_percent, scar
from lobule.units import IRON_MOLAR_MASS

from .model_cases import assert_iron_is_sound, assert_same, differences, state

AGES = {"mouse": 70.0, "rat": 120.0, "human": 18263.0}
SCARRED = {
    "lic_mg_per_g": 8.0,
    "zone1_to_zone3_ratio": 2.0,
    "haemoglobin_g_per_dl": 11.0,
    "collagen_area_percent": 15.0,
    "activated_stellate_percent": 30.0,
    "senescent_percent": 10.0,
}


def case_of(species: str = "human", *, genotype: str = "wild-type", lobules: int = 1, **start: Any) -> Case:
    return Case.model_validate(
        {
            "format": 1,
            "name": "start",
            "subject": {"species": species, "genotype": genotype, "age_days": AGES[species]},
            "tissue": {"lobules": lobules, "agents": False},
            "clock": {"phases": [{"days": 10.0, "step_hours": 6.0}]},
            "start": start,
        }
    )


def model_of(*given: str, **start: Any) -> Lobule:
    return Lobule(case_of(*given, **start), rng=3)


def test_an_empty_start_is_the_healthy_one() -> None:
    plain = load_case("hfe-mouse", {"tissue.lobules": 1, "tissue.agents": False}).with_days(1)[0]
    said = load_case(plain, {"start": {}})
    a, b = Lobule(plain, rng=1).run(), Lobule(said, rng=1).run()
    assert_same(a, b)


@pytest.mark.parametrize(
    ("species", "genotype", "lic"),
    [
        ("human", "wild-type", 10.0),
        ("human", "hfe-knockout", 10.0),
        ("human", "thalassaemia-major", 15.0),
        ("mouse", "wild-type", 3.0),
        ("mouse", "hfe-knockout", 1.7),
        ("rat", "wild-type", 5.0),
    ],
)
def test_a_loaded_liver_begins_at_its_load_and_stays_near_it(species: str, genotype: str, lic: float) -> None:
    model = model_of(species, genotype=genotype, lic_mg_per_g=lic)
    before = {**model.readouts(), "ferroportin": model.body.ferroportin}
    assert before["lic_mg_per_g"] == pytest.approx(lic, rel=1e-12)
    model.run(days=1)
    after = {**model.readouts(), "ferroportin": model.body.ferroportin}
    # no jump: within a day neither the load nor what answers to it leaves its place
    assert after["lic_mg_per_g"] == pytest.approx(lic, rel=0.02)
    for name in ("hepcidin_ng_per_ml", "ferroportin", "spleen_iron_ug", "haemoglobin_g_per_dl"):
        assert after[name] == pytest.approx(before[name], rel=0.02), name
    assert after["transferrin_saturation_percent"] == pytest.approx(
        before["transferrin_saturation_percent"], abs=6.0
    )
    model.run(days=9)
    assert model.readouts()["lic_mg_per_g"] == pytest.approx(lic, rel=0.1)
    assert_iron_is_sound(model)


def test_stores_of_a_man_are_those_of_angelucci() -> None:
    healthy, loaded = model_of(), model_of(lic_mg_per_g=11.0)
    pools = ("hepatocytes", "macrophages", "spleen", "other")
    excess = sum(loaded.ledger.pool[name] - healthy.ledger.pool[name] for name in pools)
    milligrams = excess * IRON_MOLAR_MASS / 1000.0
    kilograms = loaded.body.reference.body_weight / 1000.0
    more = loaded.readouts()["lic_mg_per_g"] - healthy.readouts()["lic_mg_per_g"]
    assert milligrams / kilograms / more == pytest.approx(10.6, rel=0.02)


def test_iron_is_stored_as_in_cells_that_were_loaded_for_long() -> None:
    table = model_of(lic_mg_per_g=30.0, zone1_to_zone3_ratio=2.0).population.tables["hepatocyte"]
    assert np.allclose(table["labile"] + table["ferritin"] + table["haemosiderin"], table["iron"], rtol=1e-12)
    assert table["haemosiderin"].max() > 0.0 and table["labile_fold"].min() > 1.2


def test_the_gradient_over_the_zones_is_as_asked_with_and_without_a_load() -> None:
    for start in ({"lic_mg_per_g": 5.0}, {}):
        for ratio in (0.5, 1.0, 3.0):
            model = model_of(zone1_to_zone3_ratio=ratio, **start)
            assert model.readouts()["iron_zone1_to_zone3_ratio"] == pytest.approx(ratio, rel=1e-6)
            assert model.readouts()["lic_mg_per_g"] == pytest.approx(
                start.get("lic_mg_per_g", 1.03), rel=0.01
            )


@pytest.mark.parametrize("pattern", ["septal", "portal", "pericentral", "diffuse"])
@pytest.mark.parametrize("area", [2.0, 6.0, 15.0, 40.0])
def test_a_scar_has_the_area_asked_for_and_no_site_more_than_it_can_hold(pattern: str, area: float) -> None:
    tissue = build_tissue("human", 7)
    excess = scar(tissue, pattern, area, 1.5, 60.0)
    cells = tissue.kind == 0
    assert area_percent(1.5 + excess[cells]).mean() == pytest.approx(area, rel=1e-6)
    assert excess.min() >= 0.0 and excess.max() <= 60.0 and not excess[~cells].any()


def test_scars_lie_where_their_names_say() -> None:
    tissue = build_tissue("human", 7)
    cells = tissue.kind == 0
    x = tissue.portal_central
    found = {p: scar(tissue, p, 8.0, 1.5, 60.0) for p in ("septal", "portal", "pericentral", "diffuse")}
    dense = {p: (excess >= 30.0) & cells for p, excess in found.items()}
    assert x[dense["portal"]].max() < x[dense["pericentral"]].min()
    assert not dense["diffuse"].any()
    # septa bridge: dense sites from zone 1 to zone 3, and between tracts, where the others have none
    assert {1, 2, 3} == set(tissue.zone[dense["septal"]].tolist())
    middle = np.hypot(tissue.x - tissue.centres[0, 0], tissue.y - tissue.centres[0, 1])
    radius = tissue.lobule_size * tissue.pitch / np.sqrt(3.0)
    angle = np.arctan2(tissue.y, tissue.x) % (np.pi / 3.0)
    edge = cells & (np.abs(middle - radius * np.sqrt(3.0) / 2.0) < tissue.pitch) & (np.abs(angle) < 0.05)
    assert edge.any() and found["septal"][edge].max() > 30.0 and not found["pericentral"][edge].any()
    # and between the lines there is none
    assert np.mean(found["septal"][cells] == 0.0) > 0.5


def test_a_scarred_start_raises_portal_pressure_and_holds_what_was_asked() -> None:
    healthy, model = model_of(), model_of(**SCARRED)
    r = model.readouts()
    assert r["collagen_area_percent"] == pytest.approx(15.0, rel=0.02)
    assert r["haemoglobin_g_per_dl"] == pytest.approx(11.0)
    assert r["portal_pressure_gradient_mmhg"] > 2.0 * healthy.readouts()["portal_pressure_gradient_mmhg"]
    assert r["perfusion_percent"] < 90.0
    stellate, matrix = model.population.tables["stellate"], model.matrix
    awake = stellate["stage"] >= 8
    assert awake.mean() == pytest.approx(0.3, abs=0.01)
    excess = matrix.soft + matrix.cross
    assert excess[stellate["site"][awake]].min() > 0.0 and matrix.timp[stellate["site"][awake]].min() >= 2.0
    assert model.population.room().min() >= 0
    assert r["hepatocytes_senescent"] == round(0.1 * r["hepatocytes"])
    assert np.allclose(matrix.cross, 0.8 * excess)
    soft = model_of(collagen_area_percent=15.0, collagen_cross_linked_percent=0.0)
    assert not soft.matrix.cross.any()


def test_so_many_myofibroblasts_find_room_in_a_thin_scar() -> None:
    model = model_of(
        collagen_area_percent=1.7, collagen_pattern="pericentral", activated_stellate_percent=100.0
    )
    assert model.population.room().min() >= 0
    assert (model.population.tables["stellate"]["stage"] == 14).all()


def test_iron_is_accounted_for_and_saving_midway_changes_nothing(tmp_path: Path) -> None:
    whole = model_of(**SCARRED)
    opened = state(whole)
    whole.run(days=2)
    half = model_of(**SCARRED)
    assert differences(opened, state(half)) == []
    half.run(days=1)
    half.save(tmp_path / "half.npz")
    assert_same(Lobule.load(tmp_path / "half.npz").run(days=1), whole)
    assert_iron_is_sound(whole)
    whole.run()
    assert_iron_is_sound(whole)


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ({"collagen_area_percent": 0.5}, "must be from 1.489 (health) to 45.94"),
        ({"collagen_area_percent": 55.0}, "must be from 1.489 (health) to 45.94"),
        ({"collagen_pattern": "portal"}, "start.collagen_pattern -> describes a scar"),
        ({"lic_mg_per_g": 0.0}, "must be at least 0.05"),
        ({"senescent_percent": 101.0}, "must be at most 100"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(start: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        load_case(case_of(), {"start": start})
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_the_start_cannot_be_changed_while_a_run_goes_on() -> None:
    model = model_of(lic_mg_per_g=5.0)
    with pytest.raises(InputError, match="start -> cannot be changed"):
        model.amend(load_case(model.case, {"start.lic_mg_per_g": 6.0}))


def test_explain_tells_the_start() -> None:
    text = "\n".join(explain(case_of(**SCARRED)))
    for words in (
        "liver iron of 8 mg/g",
        "septal scar, collagen 15% of the area, 80%",
        "11 g/dL",
        "30% of the stellate",
    ):
        assert words in text
