"""The built-in cases show what they say they show."""

from __future__ import annotations

import numpy as np
import pytest

from lobule import Lobule
from lobule.case import builtin_cases, load_case

from .model_cases import assert_iron_is_sound, assert_tissue_is_sound, small


def course(model: Lobule, days: float, every: float = 1.0) -> dict[str, np.ndarray]:
    """Return the readouts of `model` over some days, hour 0 included."""
    rows = [model.readouts()]
    for _ in range(round(days / every)):
        model.run(days=every)
        rows.append(model.readouts())
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def test_every_built_in_case_says_what_it_is():
    assert {"hfe-mouse", "wild-type-mouse", "ccl4-mouse", "hfe-mouse-msc"} <= set(builtin_cases())
    for name in builtin_cases():
        case = load_case(name)
        assert case.name == name and case.title and len(case.description) > 100


@pytest.mark.parametrize("name", sorted(builtin_cases()))
def test_every_built_in_case_starts_in_order(name):
    model = Lobule(name, settings={"tissue.lobules": 1}).run(days=1)
    assert_tissue_is_sound(model)
    assert_iron_is_sound(model)
    assert model.readouts()["stellate_activated"] <= 3


def test_carbon_tetrachloride_kills_around_the_central_vein_and_calls_macrophages():
    """One dose on day 1, five days: pericentral necrosis, a peak of ALT that falls, a rise of M1."""
    once = {"treatments.0.every_days": 30.0, "treatments.0.until_day": 27.0}
    model = small("ccl4-mouse", **{key.replace(".", "__"): value for key, value in once.items()})
    start = set(model.population.tables["hepatocyte"]["site"].tolist())
    model.run(days=2)
    gone = np.array(sorted(start - set(model.population.tables["hepatocyte"]["site"].tolist())))
    zone = np.bincount(model.tissue.zone[gone], minlength=4)
    sites = np.bincount(model.tissue.zone[np.array(sorted(start))], minlength=4)
    assert zone[3] / sites[3] > 10 * (zone[1] + 1) / sites[1] or (zone[1] == 0 and zone[3] > 20)
    seen = course(model, 4.0, 0.25)
    base = model.values["body"].alt_baseline
    assert seen["alt_iu_per_l"][0] > 5 * base
    assert seen["alt_iu_per_l"][-1] < 0.2 * seen["alt_iu_per_l"].max()
    assert seen["macrophages_m1"].max() > 5
    assert seen["hepatocytes"][-1] > seen["hepatocytes"].min()  # division fills the gaps


def test_the_hfe_mouse_loads_around_the_portal_tracts_first():
    model, control = small(), small("wild-type-mouse")
    for each in (model, control):
        each.run(days=14)
    r = model.readouts()
    assert r["lic_mg_per_g"] > 2.0 * control.readouts()["lic_mg_per_g"]
    assert r["iron_zone1_to_zone3_ratio"] > 1.5
    assert r["transferrin_saturation_percent"] > control.readouts()["transferrin_saturation_percent"]
    assert r["iron_in_hepatocytes_percent"] > 80.0


def test_msc_of_the_built_in_case_arrive_and_leave():
    model = Lobule("hfe-mouse-msc", settings={"tissue.lobules": 1, "treatments.0.day": 1.0}).run(days=1.05)
    first = model.readouts()["msc"]
    assert first > 0
    assert model.run(days=14).readouts()["msc"] < first


# Zhou 1998, 10 weeks: mean, standard error (mg/g dry weight)
ZHOU = {"hfe-mouse": (1.660, 0.286), "wild-type-mouse": (0.370, 0.087)}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ZHOU))
def test_liver_iron_at_ten_weeks_is_as_published(name):
    model = Lobule(name).run()
    r = model.readouts()
    mean, error = ZHOU[name]
    assert r["lic_mg_per_g"] == pytest.approx(mean, abs=2.0 * error)
    if name == "hfe-mouse":
        assert 1.5 <= r["iron_zone1_to_zone3_ratio"] <= 7.5
    assert model.matrix.collagen.mean() < model.matrix.values.baseline + 0.5
    assert r["myofibroblasts"] <= 0.01 * (r["stellate_quiescent"] + r["stellate_activated"])
    assert r["iron_ledger_error"] < 1e-9


@pytest.mark.slow
def test_scar_by_carbon_tetrachloride_comes_in_order_and_heals():
    """After the first dose: deaths, M1, activated stellate cells, collagen, in order; each then falls."""
    model = Lobule("ccl4-mouse")
    first = course(model, 4.5, 0.25)  # the first dose is on day 1, the second on day 4.5
    rest = course(model, 56.0 - 4.5)
    once = {
        name: float(first["hours"][np.argmax(first[name])])
        for name in ("alt_iu_per_l", "macrophages_m1", "stellate_activated")
    }
    assert 24.0 < once["alt_iu_per_l"] < once["macrophages_m1"] < once["stellate_activated"]
    late = first["hepatocyte_deaths"][-1] - first["hepatocyte_deaths"][first["hours"] == 48.0][0]
    assert late < 0.2 * first["hepatocyte_deaths"][-1]
    peak = {
        name: float(rest["hours"][np.argmax(rest[name])]) / 24.0
        for name in ("macrophages_m1", "stellate_activated", "collagen_area_percent")
    }
    assert peak["macrophages_m1"] <= peak["stellate_activated"] <= peak["collagen_area_percent"] + 1.0
    last_dose = 1.0 + 3.5 * 7
    assert last_dose < peak["collagen_area_percent"] < last_dose + 10.0
    for name, left in (
        ("alt_iu_per_l", 0.2),
        ("macrophages_m1", 0.2),
        ("stellate_activated", 0.35),
        ("collagen_area_percent", 0.6),
    ):
        base = first[name][0]
        assert rest[name][-1] - base < left * (rest[name].max() - base), name
    assert rest["hepatocytes"][-1] > 0.95 * first["hepatocytes"][0]
    assert_iron_is_sound(model)


@pytest.mark.slow
def test_a_wild_type_mouse_is_quiet_for_eighteen_months():
    case = load_case("wild-type-mouse", {"tissue.lobules": 1})
    model = Lobule(case.with_days(540.0)[0])
    n, baseline = len(model.population.tables["hepatocyte"]), model.matrix.values.baseline
    seen = course(model, 540.0, 30.0)
    grown = seen["age_days"] >= 80.0
    lic = seen["lic_mg_per_g"][grown]  # B6 mice on an adequate diet: 0.441 +/- 0.085 mg/g, five animals
    assert np.all((lic > 0.441 - 2 * 0.085) & (lic < 0.441 + 2 * 0.085))
    assert np.all(np.abs(seen["hepatocytes"] / n - 1.0) < 0.03)
    assert np.all(seen["stellate_activated"] <= 3)
    assert model.matrix.collagen.max() - baseline < 0.5
    assert_iron_is_sound(model)
    assert_tissue_is_sound(model)


@pytest.mark.slow
def test_inflammation_ends_when_the_iron_is_gone():
    loaded = {"tissue.lobules": 1, "subject.age_days": 70.0, "start": {"lic_mg_per_g": 8.0}}
    model = Lobule(load_case("wild-type-mouse", loaded).with_days(90.0)[0]).run(days=30.0)
    before, baseline = model.readouts(), model.matrix.values.baseline
    assert before["macrophages_m1"] > 1 and before["stellate_activated"] > 1
    assert before["collagen_area_percent"] > baseline + 0.3
    table = model.population.tables["hepatocyte"]
    kept = np.minimum(1.0, 15.0 / table["iron"])
    for column in ("iron", "labile", "ferritin", "haemosiderin"):
        table[column] *= kept
    model.body.diet_percent = 0.02
    model.run(days=40.0)
    after = model.readouts()
    assert after["macrophages_m1"] <= 1 and after["stellate_activated"] <= 1
    assert after["collagen_area_percent"] < baseline + 0.1


@pytest.mark.slow
def test_iron_alone_does_not_scar_the_hfe_mouse_in_ten_months():
    case = load_case("hfe-mouse", {"tissue.lobules": 1, "clock.phases.0.step_hours": 2.0})
    seen = course(Lobule(case.with_days(300.0)[0]), 300.0, 30.0)
    assert seen["collagen_area_percent"].max() < 1.5
    assert seen["macrophages_m1"][-1] <= 5


# rat and man: tissue a sixth of a lobule's, as what is tested is the body and its share to the liver

SMALL = {"tissue.radius_um": 220.0, "record.snapshot_days": []}


def human(name: str, start_years: float, days: float, step: float = 24.0, **more: object) -> Lobule:
    """Return a small-tissue model of a human case that starts at an age and has run for some days."""
    age = {"subject.age_days": 365.25 * start_years}
    clock = {"clock.phases": [{"days": days, "step_hours": step}]}
    return Lobule(name, settings={**SMALL, **age, **clock, **more}).run()


@pytest.mark.parametrize("sex", ["male", "female"])
@pytest.mark.parametrize("years", [0.0, 9.0, 30.0])
def test_a_healthy_human_follows_the_reference_and_stays_quiet(sex: str, years: float):
    model = human("healthy-human", years, 400.0, **{"subject.sex": sex})
    reference, r = model.body.reference, model.readouts()
    assert model.liver_iron == pytest.approx(reference.liver_iron, rel=0.2)
    assert model.ledger.pool["red_cells"] == pytest.approx(reference.red_cells, rel=0.05)
    assert model.ledger.total() == pytest.approx(reference.total_iron, rel=0.03)
    assert 20.0 < r["transferrin_saturation_percent"] < 45.0
    assert r["stellate_activated"] == 0 and r["hepatocytes"] > 0.98 * model.population.n_hepatocytes
    assert r["iron_ledger_error"] < 1e-12


def test_menses_leave_by_the_ledger_and_marrow_makes_them_up():
    woman, girl = (human("healthy-human", y, 100.0, **{"subject.sex": "female"}) for y in (30.0, 8.0))
    per_day = woman.ledger.left["menses"] / 100.0 * 55.845 / 1000.0
    assert per_day == pytest.approx(woman.values["body"].menses, rel=1e-6)
    assert girl.ledger.left["menses"] == 0.0
    assert woman.body.hepcidin_level < 0.5 < human("healthy-human", 30.0, 1.0).body.hepcidin_level


def test_haemochromatosis_loads_men_faster_than_women_and_periportally():
    man, woman = (
        human("hfe-human", 20.0, 3000.0, 24.0, **{"subject.sex": sex}) for sex in ("male", "female")
    )
    gained = [m.ledger.total() - m.ledger.initial for m in (man, woman)]
    assert gained[0] > 1.5 * gained[1] > 0.0
    assert man.readouts()["lic_mg_per_g"] > 2.0 and man.readouts()["iron_zone1_to_zone3_ratio"] > 1.1
    assert 55.0 < man.readouts()["transferrin_saturation_percent"] < 100.0


def test_transfused_iron_reaches_macrophages_first():
    model = Lobule("transfusion-human", settings=SMALL)
    start = dict(model.ledger.pool)
    model.run(days=7)
    fold = {name: model.ledger.pool[name] / start[name] for name in ("spleen", "macrophages", "hepatocytes")}
    assert fold["spleen"] > fold["macrophages"] > 1.3 * fold["hepatocytes"] > 1.3
    model.run(days=49)
    later = {name: model.ledger.pool[name] / start[name] for name in ("macrophages", "hepatocytes")}
    assert later["macrophages"] > later["hepatocytes"] > 3.0  # these follow as transferrin fills
    table = model.population.tables["macrophage"]
    assert table["stored"].sum() > 0.2 * table["iron"].sum()
    assert model.ledger.entered["transfusion"] > 0.0 and model.readouts()["iron_ledger_error"] < 1e-12


@pytest.mark.slow
def test_iron_of_a_year_of_transfusions_stays_in_kupffer_cells_and_that_of_haemochromatosis_does_not():
    def share(case: str, days: float, **more: object) -> float:
        model = Lobule(case, settings={**SMALL, **more}).run(days=days)
        return 100.0 - model.readouts()["iron_in_hepatocytes_percent"]

    assert 15.0 < share("transfusion-human", 365.0) < 60.0
    man = {"subject.age_days": 9131.0, "clock.phases": [{"days": 2000.0, "step_hours": 24.0}]}
    assert share("hfe-human", 2000.0, **man, **{"record.snapshot_days": []}) < 6.0


def test_carbonyl_iron_floods_the_rat():
    model = Lobule("carbonyl-iron-rat", settings=SMALL)
    before = model.readouts()["lic_mg_per_g"]
    model.run(days=28)
    assert model.readouts()["lic_mg_per_g"] > 15.0 * before
    assert model.readouts()["transferrin_saturation_percent"] > 80.0


@pytest.mark.slow
@pytest.mark.parametrize("sex", ["male", "female"])
def test_a_healthy_human_is_quiet_for_fifty_years(sex: str):
    seen = course(Lobule("healthy-human", settings={"subject.sex": sex}), 18250.0, 365.0)
    grown = seen["age_days"] > 7300.0
    assert np.all(np.abs(seen["lic_mg_per_g"][grown] - 0.8) < 0.4)
    assert np.all(np.abs(seen["transferrin_saturation_percent"][1:] - 32.0) < 13.0)
    assert np.all(seen["hepatocytes"] > 0.98 * seen["hepatocytes"][0])
    assert seen["stellate_activated"].max() <= 3 and seen["collagen_area_percent"].max() < 2.0
    assert seen["iron_ledger_error"].max() < 1e-9


@pytest.mark.slow
def test_haemochromatosis_over_fifty_years_is_as_published():
    """Liver iron by the iron index of 2-6 umol/g a year; stellate cells wake downstream of the iron."""
    seen = course(Lobule("hfe-human"), 18250.0, 30.0)
    years, lic = seen["age_days"] / 365.25, seen["lic_mg_per_g"]
    for age in (20.0, 30.0, 40.0, 50.0):
        now = float(np.interp(age, years, lic)) * 17.9 / age
        assert 2.0 < now < 6.0, age
    thirties = (years > 25.0) & (years < 38.0)
    zone = [np.nanmean(seen[f"stellate_activated_zone{z}_percent"][thirties]) for z in (1, 2, 3)]
    assert zone[0] < zone[1] and zone[0] < zone[2]
    assert np.all(seen["iron_zone1_to_zone3_ratio"][years > 20.0] > 1.2)
    woman = Lobule("hfe-human", settings={"subject.sex": "female"}).run(days=18250)
    assert woman.readouts()["lic_mg_per_g"] < 0.85 * lic[-1]
