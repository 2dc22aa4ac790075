"""Treatments: each does what it says, an empty dose does nothing at all, and none shifts another's luck."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobule import Lobule
from lobule.parameters import GROUPS
from lobule.treatments import CHELATORS, Levels
from lobule.units import LN2

from .model_cases import differences, small, state

NOTHING: dict[str, dict[str, Any]] = {
    "msc": {"kind": "msc", "cells": 0.0, "route": "intravenous"},
    "msc-portal": {"kind": "msc", "cells": 0.0, "route": "intraportal", "primed": True},
    "ev": {"kind": "ev", "particles": 0.0, "route": "intraportal"},
    "phlebotomy": {"kind": "phlebotomy", "volume_ml": 0.0},
    "transfusion": {"kind": "transfusion", "volume_ml": 0.0},
    "deferoxamine": {"kind": "chelator", "drug": "deferoxamine", "mg_per_kg": 0.0},
    "deferasirox": {"kind": "chelator", "drug": "deferasirox", "mg_per_kg": 0.0},
    "deferiprone": {"kind": "chelator", "drug": "deferiprone", "mg_per_kg": 0.0},
    "toxin": {"kind": "toxin", "agent": "ccl4", "dose": 0.0},
    "diet": {"kind": "diet", "iron_percent": 0.02},
    "thioacetamide": {"kind": "toxin", "agent": "thioacetamide", "dose": 0.0},
    "iron-dextran": {"kind": "iron-injection", "mg_per_kg": 0.0},
    "iron-sucrose": {"kind": "iron-injection", "mg": 0.0, "compound": "sucrose"},
    "viral-hepatitis": {"kind": "hepatitis", "cause": "viral", "hazard_percent_per_day": 0.0},
    "metabolic-hepatitis": {"kind": "hepatitis", "cause": "metabolic", "hazard_percent_per_day": 0.0},
    "partial-hepatectomy": {"kind": "partial-hepatectomy", "share": 0.0},
}
MSC = {"kind": "msc", "day": 1.0, "cells": 4e6, "route": "intraportal"}
BOOKKEEPING = ("log", "courses", "readout.doses_held")


def treated(*doses: dict[str, Any], days: float = 3.0, **changes: Any) -> Lobule:
    """Return a 40-day-old Hfe-/- mouse some days after the doses."""
    return small(treatments=list(doses), subject__age_days=40.0, **changes).run(days=days)


def change(model: Lobule, other: Lobule, readout: str) -> float:
    return model.readouts()[readout] - other.readouts()[readout]


def chelated(model: Lobule) -> float:
    return model.ledger.left["chelation_urine"] + model.ledger.left["chelation_faeces"]


@pytest.fixture(scope="module")
def control() -> Lobule:
    return treated()


@pytest.fixture(scope="module")
def msc_alone() -> Lobule:
    return treated(MSC)


@pytest.mark.parametrize("name", sorted(NOTHING))
def test_a_dose_of_nothing_is_no_dose_to_the_bit(name, control: Lobule):
    model = treated({**NOTHING[name], "day": 1.0})
    assert len(model.log) == 1
    assert differences(state(model), state(control), BOOKKEEPING) == []


@pytest.mark.parametrize("name", sorted(NOTHING))
def test_a_dose_of_nothing_does_not_shift_the_luck_of_cells_given_after_it(name, msc_alone: Lobule):
    assert len(msc_alone.population.tables["msc"]) > 0
    for day in (0.5, 1.0):
        after = treated({**NOTHING[name], "day": day}, MSC)
        assert differences(state(after), state(msc_alone), BOOKKEEPING) == []


def test_two_doses_of_one_hour_have_luck_of_their_own():
    model = treated(MSC, MSC, days=1.05)
    landed = [text.split(", ")[-1] for _, text in model.log]
    table = model.population.tables["msc"]
    assert np.unique(table["key"]).size == len(table) > 2
    assert len(landed) == 2
    sites = table["site"]
    assert sorted(sites[: len(table) // 2]) != sorted(sites[len(table) // 2 :])


def test_blood_drawn_lowers_haemoglobin_and_iron_and_is_refused_below_the_minimum():
    draw = {"kind": "phlebotomy", "day": 1.0, "volume_ml": 0.3, "minimum_haemoglobin_g_per_dl": 5.0}
    before, after = treated(days=1.05), treated(draw, days=1.05)
    share = 0.3 / (85.0 * before.body.reference.body_weight * 1e-3)
    fall = 1.0 - after.body.haemoglobin / before.body.haemoglobin
    assert fall == pytest.approx(share, rel=0.05)
    assert after.ledger.left["phlebotomy"] == pytest.approx(share * before.ledger.pool["red_cells"], rel=0.05)
    refused = treated({**draw, "minimum_haemoglobin_g_per_dl": 20.0}, days=1.05)
    assert "no phlebotomy" in refused.log[0][1]
    assert differences(state(refused), state(before), BOOKKEEPING) == []


def test_repeated_phlebotomy_unloads_the_liver():
    draw = {"kind": "phlebotomy", "day": 1.0, "every_days": 3.0, "volume_ml": 0.15}
    draw["minimum_haemoglobin_g_per_dl"] = 8.0
    assert change(treated(draw, days=14), treated(days=14), "lic_mg_per_g") < 0.0


def test_transfused_iron_ends_in_the_body():
    given_ = treated({"kind": "transfusion", "day": 1.0, "volume_ml": 0.2}, days=1.05)
    umol = 0.2 * 1.08 * 1000.0 / 55.845
    assert given_.ledger.entered["transfusion"] == pytest.approx(umol, rel=1e-4)
    assert given_.body.haemoglobin > treated(days=1.05).body.haemoglobin * 1.1


@pytest.mark.parametrize("drug", CHELATORS)
def test_a_chelator_takes_iron_and_more_takes_more(drug, control: Lobule):
    def left(mg_per_kg: float) -> float:
        dose = {"kind": "chelator", "day": 0.0, "every_days": 1.0, "drug": drug, "mg_per_kg": mg_per_kg}
        model = treated({**dose, "hours": 8.0}, **{"hepatocyte__normal_iron": 5.0})
        assert chelated(model) <= model.ledger.entered["absorption"] + model.ledger.initial
        return chelated(model)

    assert chelated(control) == 0.0
    assert 0.0 < left(5.0) < left(50.0) < left(400.0)


def test_a_richer_diet_loads_and_none_starves(control: Lobule):
    rich = treated({"kind": "diet", "day": 0.5, "iron_percent": 2.0})
    none = treated({"kind": "diet", "day": 0.5, "iron_percent": 0.0})
    absorbed = [m.ledger.entered["absorption"] for m in (none, control, rich)]
    assert absorbed[0] < absorbed[1] < absorbed[2]
    assert change(rich, control, "lic_mg_per_g") > 0.0 > change(none, control, "lic_mg_per_g")


def test_msc_routes_differ_in_what_reaches_the_liver():
    def landed(route: str, **more: Any) -> int:
        model = treated({**MSC, "cells": 4e7, "route": route, **more}, days=1.05)
        return int(model.log[0][1].split(", ")[-1].split()[0])

    counts = {
        route: landed(route) for route in ("intravenous", "hepatic-artery", "intraportal", "intrahepatic")
    }
    assert (
        list(counts.values()) == sorted(counts.values())
        and counts["intravenous"] < 0.3 * counts["hepatic-artery"]
    )


def test_msc_arrive_with_their_iron_source_and_priming():
    model = treated({**MSC, "source": "umbilical-cord", "primed": True}, days=1.05)
    table, p = model.population.tables["msc"], model.values["msc"]
    n = int(model.log[0][1].split(", ")[-1].split()[0])
    assert model.ledger.entered["arrival"] == pytest.approx(n * p.iron * model.scale * 1e-9, rel=0.02)
    assert np.all(table["hgf_factor"] == p.hgf_umbilical) and np.all(table["ev_factor"] == p.ev_umbilical)
    assert np.all(table["licence"] >= 0.9 * p.primed_licence)
    assert not np.any(treated(MSC, days=1.05).population.tables["msc"]["primed"])


def test_cells_from_blood_lodge_near_the_portal_tracts_and_injected_ones_anywhere():
    def depth(route: str) -> float:
        model = treated({**MSC, "cells": 1e8, "route": route}, days=1.05)
        return float(model.tissue.portal_central[model.population.tables["msc"]["site"]].mean())

    assert depth("intraportal") < 0.6 * depth("intrahepatic")


def test_vesicles_and_msc_in_the_lung_are_felt_and_go():
    ev = {"kind": "ev", "day": 1.0, "particles": 1e11, "route": "intraportal"}
    just, later = treated(ev, days=1.05), treated(ev, days=3.0)
    assert just.fields["ev"].mean() > 1e3 * max(later.fields["ev"].mean(), 1e-30)
    lung = treated({**MSC, "route": "intravenous"}, days=2.0)
    assert 0.0 < lung.levels.lung_msc < 4e6 * lung.values["msc"].lung_intravenous


def test_carbon_tetrachloride_kills_and_alt_tells(control: Lobule):
    poisoned = treated({"kind": "toxin", "day": 1.0, "agent": "ccl4", "dose": 1.0}, days=2.0)
    assert poisoned.deaths > 5 * max(control.deaths, 1)
    assert poisoned.readouts()["alt_iu_per_l"] > 5 * control.readouts()["alt_iu_per_l"]


# levels

VALUES = GROUPS["drugs"].values("mouse")


@given(st.lists(st.floats(0.25, 24.0), min_size=1, max_size=30))
def test_levels_decay_and_are_never_negative(steps):
    levels = Levels(VALUES, 15.0, 20.0)
    levels.ccl4, levels.ev, levels.lung_msc = 1.0, 1e9, 1e6
    levels.infusions.append(["deferasirox", 100.0, 3.0])
    passed = 0.0
    for dt in steps:
        before = levels.ccl4
        mean = levels.step(dt)
        passed += dt
        assert 0.0 <= levels.ccl4 <= mean["ccl4"] <= before
        assert mean["chelator"] >= 0.0 and mean["ev"] >= 0.0
        assert levels.infusions == [] or passed < 3.0
    assert levels.ccl4 == pytest.approx(np.exp(-LN2 * passed / VALUES.ccl4_half_life), rel=1e-9)


@pytest.mark.parametrize("dt", [1.0, 4.0, 24.0])
@pytest.mark.parametrize("drug", CHELATORS)
def test_exposure_does_not_depend_on_the_step(drug: str, dt: float):
    """What binds over sixty days, saturation included, is that of quarter-hour steps."""

    def run(step: float) -> tuple[float, float]:
        levels = Levels(VALUES, 15.0, 20.0)
        levels.ccl4_depot = 2.0
        levels.infusions.append([drug, 60.0, 3.0])
        means = [levels.step(step) for _ in range(round(1440.0 / step))]
        return sum(m["ccl4"] for m in means) * step, sum(
            m["chelator"] / (m["chelator"] + 20.0) for m in means
        ) * step

    (ccl4, bound), (_, finely) = run(dt), run(0.25)
    assert ccl4 == pytest.approx(2.0 * VALUES.ccl4_half_life / LN2, rel=1e-6)
    assert bound == pytest.approx(finely, rel=1e-9)


def test_carbon_tetrachloride_in_oil_rises_before_it_falls():
    p = GROUPS["drugs"].values("mouse")
    k, ka = LN2 / p.ccl4_half_life, LN2 / p.ccl4_absorption_half_life
    levels = Levels(p, 15.0, 20.0)
    levels.ccl4_depot, course = 1.0, []
    for _ in range(96):
        levels.step(0.5)
        course.append(levels.ccl4)
    top = 0.5 * (int(np.argmax(course)) + 1)
    assert top == pytest.approx(np.log(k / ka) / (k - ka), abs=0.5)


def test_a_weak_level_is_its_mean():
    """Area under the curve: dose over elimination."""
    levels = Levels(VALUES, 15.0, 1e6)
    levels.infusions.append(["deferasirox", 10.0, 3.0])
    area = sum(levels.step(24.0)["chelator"] for _ in range(10)) * 24.0
    expected = 30.0 * VALUES.deferasirox_iron * VALUES.deferasirox_half_life / LN2
    assert area == pytest.approx(expected, rel=1e-3)
