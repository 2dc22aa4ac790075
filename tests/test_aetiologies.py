"""Injected iron, floods of NTBI, hepatitis, resection, thioacetamide, phlebotomy by ferritin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lobule import Lobule, load_case
from lobule.errors import InputError
from lobule.experiments.explain import explain
from lobule.life import _with_disease
from lobule.parameters import GROUPS
from lobule.regeneration import Regeneration

from .model_cases import assert_iron_is_sound, assert_same, assert_tissue_is_sound

SMALL = {"tissue.lobules": 1, "tissue.radius_um": 180.0, "tissue.agents": False}


def model(
    *doses: dict[str, Any],
    case: str = "wild-type-mouse",
    days: float = 3.0,
    step: float = 1.0,
    **changes: Any,
):
    settings = {name.replace("__", "."): value for name, value in changes.items()}
    clock = [{"days": days, "step_hours": step}]
    settings |= SMALL | {"treatments": list(doses), "clock.phases": clock, "record.snapshot_days": []}
    return Lobule(case, rng=1, settings=settings)


def liver_shares(m: Lobule) -> dict[str, float]:
    iron = m.population.iron()
    return {name: amount / sum(iron.values()) for name, amount in iron.items()}


# injected iron

DEXTRAN = {"kind": "iron-injection", "day": 0.0, "mg_per_kg": 200.0}


def test_injected_iron_circulates_leaves_with_its_half_life_and_is_in_the_account():
    m = model(DEXTRAN, subject__age_days=70.0)
    weight = m.body.reference.body_weight
    m.run(days=0.25)
    entered = m.ledger.entered["injection"]
    assert entered == pytest.approx(0.2 * weight * 1000.0 / 55.845, rel=1e-3)
    left = 0.5 ** (6.0 / m.values["body"].dextran_half_life)
    assert m.ledger.pool["dextran"] / entered == pytest.approx(left, rel=1e-9)
    coarse = model(DEXTRAN, subject__age_days=70.0, clock__phases__0__step_hours=6.0).run(days=0.25)
    assert coarse.ledger.pool["dextran"] / coarse.ledger.entered["injection"] == pytest.approx(left, rel=1e-9)
    m.run(days=2)
    assert m.ledger.pool["dextran"] < 0.01 * entered
    assert m.ledger_error() < 1e-9
    assert_iron_is_sound(m)


def test_iron_dextran_loads_kupffer_cells_first_and_much_of_it_stays():
    m = model(DEXTRAN, days=28.0, step=6.0, subject__age_days=70.0)
    before = m.population.iron()
    m.run(days=2)
    after = m.population.iron()
    gain = {name: after[name] / before[name] for name in ("macrophages", "hepatocytes")}
    assert liver_shares(m)["macrophages"] > 0.6
    assert gain["macrophages"] > 5.0 * gain["hepatocytes"]
    m.run(days=26)
    table = m.population.tables["macrophage"]
    assert table["stored"].sum() > 0.8 * table["iron"].sum()
    assert liver_shares(m)["hepatocytes"] > 0.1
    assert table["iron"].sum() > 5.0 * before["macrophages"]


def test_both_compounds_have_their_pools_and_amounts():
    m = model({"kind": "iron-injection", "day": 0.0, "mg": 0.5, "compound": "sucrose"}).run(days=0.25)
    assert m.ledger.pool["sucrose"] > 0.0 == m.ledger.pool["dextran"]
    assert m.ledger.entered["injection"] == pytest.approx(500.0 / 55.845)
    spleen = model().run(days=0.25).ledger.pool["spleen"]
    assert m.ledger.pool["spleen"] > spleen


@pytest.mark.parametrize(
    ("amounts", "words"), [({}, "mg is missing"), ({"mg": 1.0, "mg_per_kg": 1.0}, "one of the two, not both")]
)
def test_an_injection_has_one_amount(amounts, words):
    with pytest.raises(InputError, match=words):
        model({"kind": "iron-injection", "day": 0.0, **amounts})


def test_iron_that_is_eaten_does_not_load_kupffer_cells_early():
    m = model(case="carbonyl-iron-rat", days=14.0, step=12.0).run()
    assert liver_shares(m)["macrophages"] < 0.05
    assert m.readouts()["lic_mg_per_g"] > 3.0


# floods


def test_a_flood_of_ntbi_goes_elsewhere_instead_of_raising_its_concentration():
    m = model(case="carbonyl-iron-rat", days=4.0, step=12.0)
    before = m.ledger.pool["other"]
    m.step()
    highest = m.values["hepatocyte"].ntbi_highest
    assert m.last_solve.refused > 0.0
    assert 0.5 * highest < m.fields.iron.max() <= highest * (1.0 + 1e-9)
    assert m.ledger.pool["other"] > 1.1 * before
    p, table = m.values["hepatocyte"], m.population.tables["hepatocyte"]
    most = p.uptake_clearance * 3600.0 * p.uptake_km * 1e-3 * 12.0 * len(table)  # fmol
    assert 0.7 * most < m.last_solve.gained.sum() < most
    assert m.ledger_error() < 1e-9


def test_below_that_concentration_nothing_is_refused():
    m = model(case="hfe-mouse", days=1.0).run()
    assert m.last_solve.refused == 0.0 and m.fields.iron.max() < m.values["hepatocyte"].ntbi_highest


# hepatitis


def hepatitis(cause: str, percent: float, day: float = 0.0) -> dict[str, Any]:
    return {"kind": "hepatitis", "day": day, "cause": cause, "hazard_percent_per_day": percent}


@pytest.mark.parametrize(
    ("cause", "steep"), [("viral", "interface_hepatitis"), ("metabolic", "central_hepatitis")]
)
def test_hepatitis_adds_its_hazard_where_it_belongs(cause, steep):
    m = model(hepatitis(cause, 0.3)).run(days=1 / 24)
    site = m.population.tables["hepatocyte"]["site"]
    nothing = np.zeros(site.size)
    apoptosis, necrosis = _with_disease(m, nothing, nothing)
    total, p = (apoptosis + necrosis) * 24.0, m.values["hepatocyte"]
    assert total.mean() == pytest.approx(0.003, rel=0.02)
    np.testing.assert_allclose(necrosis, p.hepatitis_lytic * total / 24.0, rtol=1e-12)
    x = m.tissue.portal_central[site]
    slope, start = np.polyfit(x, total, 1)
    ratio = (start + slope) / start
    assert ratio == pytest.approx(getattr(p, steep) if cause == "metabolic" else 1.0 / getattr(p, steep))


def test_hepatitis_kills_leaks_inflames_and_ends():
    ill = model(hepatitis("viral", 5.0), hepatitis("viral", 0.0, 4.0), days=8.0, step=2.0)
    well = model(days=8.0, step=2.0)
    ill.run(days=4)
    well.run(days=4)
    assert ill.deaths - well.deaths == pytest.approx(0.2 * ill.population.n_hepatocytes, rel=0.5)
    assert ill.readouts()["alt_iu_per_l"] > 5.0 * well.readouts()["alt_iu_per_l"]
    assert ill.fields["damp"].mean() > 10.0 * well.fields["damp"].mean()
    ill.run(days=1 / 12)
    assert ill.body.viral == 0.0
    deaths = ill.deaths
    ill.run(days=3)
    assert ill.deaths - deaths < 0.05 * ill.population.n_hepatocytes
    assert ill.ledger_error() < 1e-9


# resection

CUT = {"kind": "partial-hepatectomy", "day": 0.0, "share": 0.667}


@pytest.fixture(scope="module")
def regrown() -> tuple[Lobule, list[dict[str, float]]]:
    """A rat that lost two thirds of its liver, and its readouts by the hour for ten days."""
    m = model(CUT, case="hepatectomy-rat", days=10.0, tissue__radius_um=250.0)
    rows = []
    while m.hours < 240.0:
        m.step()
        rows.append(m.readouts())
    return m, rows


def test_a_resection_takes_its_share_of_iron_and_mass_and_leaves_lobules_whole():
    m, whole = model(CUT, case="hepatectomy-rat", days=1.0), model(case="hepatectomy-rat", days=1.0)
    m.step()
    whole.step()
    liver = sum(whole.ledger.pool[name] for name in ("hepatocytes", "macrophages"))
    assert m.ledger.left["resection"] == pytest.approx(0.667 * liver, rel=0.02)
    assert m.readouts()["iron_removed_mg"] == pytest.approx(m.ledger.left["resection"] * 55.845e-3)
    assert m.scale / whole.scale == pytest.approx(0.333)
    assert m.readouts()["lic_mg_per_g"] == pytest.approx(whole.readouts()["lic_mg_per_g"], rel=0.02)
    share = m.values["regeneration"].portal_flow
    assert m.perfusion.inflow_fraction == pytest.approx(share / 0.333 + 1.0 - share, rel=1e-6)
    assert (
        m.readouts()["portal_pressure_gradient_mmhg"]
        > 2.0 * whole.readouts()["portal_pressure_gradient_mmhg"]
    )
    assert m.ledger_error() < 1e-9


def test_a_resection_takes_its_share_of_function():
    m = model(CUT, case="hepatectomy-rat", days=1.0)
    m.step()
    left = m.readouts()
    assert left["liver_function_percent"] == pytest.approx(left["liver_mass_percent"], rel=0.05)
    assert (
        left["bilirubin_umol_per_l"] > 2.0 * model(case="hepatectomy-rat").readouts()["bilirubin_umol_per_l"]
    )


def test_the_rest_grows_back_in_a_wave(regrown):
    m, rows = regrown
    mass = np.array([row["liver_mass_percent"] for row in rows])
    in_s_phase = np.array([row["hepatocytes_in_s_phase_percent"] for row in rows])
    assert 20 <= 1 + int(np.argmax(in_s_phase)) <= 30
    assert 12.0 < in_s_phase.max() < 35.0 and in_s_phase[:12].max() < 2.0 and in_s_phase[-24:].max() < 3.0
    assert mass[23] < 36.0 and 40.0 < mass[47] < 60.0 and mass[167] > 88.0 and 92.0 < mass[-1] < 103.0
    assert (m.population.tables["hepatocyte"]["births"] >= 1).mean() > 0.6
    assert rows[-1]["hepatocyte_divisions"] > len(m.population.tables["hepatocyte"])
    assert rows[-1]["perfusion_percent"] < 110.0
    assert max(row["iron_ledger_error"] for row in rows) < 1e-9
    assert_tissue_is_sound(m)
    assert_iron_is_sound(m)


def test_the_mouse_answers_later_than_the_rat():
    m = model(CUT, days=3.0, subject__age_days=70.0)
    seen = []
    while m.hours < 60.0:
        m.step()
        seen.append(m.readouts()["hepatocytes_in_s_phase_percent"])
    assert 36 <= 1 + int(np.argmax(seen)) <= 44


def test_a_tenth_of_a_liver_fails():
    m = model({**CUT, "share": 0.9}, case="hepatectomy-rat", days=4.0).run()
    assert m.readouts()["liver_mass_percent"] < 3.0
    assert m.ledger_error() < 1e-9


def test_senescent_cells_do_not_make_up_for_the_loss():
    m = model(CUT, case="hepatectomy-rat", days=3.0)
    m.population.tables["hepatocyte"]["senescent"] = 1
    m.run(days=2)
    assert m.regeneration.divisions == 0


def test_a_whole_liver_asks_for_nothing_and_a_wounded_one_after_its_priming():
    values = GROUPS["regeneration"].values("mouse")
    r = Regeneration(values)
    assert r.demand(1.0) == 0.0 and r.flow == 1.0 and r.hazard == 0.0
    r.resect(0.5)
    hours = round(values.priming_time)
    assert sum(r.demand(1.0) for _ in range(hours)) == 0.0
    assert r.demand(2.0) == pytest.approx(values.drive * 0.5**values.power)
    r.grow(50, 100)
    assert r.mass == 0.75


# poisons, phlebotomy


def test_thioacetamide_kills_around_the_central_vein():
    m = model({"kind": "toxin", "day": 0.0, "agent": "thioacetamide", "dose": 300.0}, subject__age_days=70.0)
    start = m.population.tables["hepatocyte"]["site"].copy()
    m.run(days=2)
    gone = np.setdiff1d(start, m.population.tables["hepatocyte"]["site"])
    zone = np.bincount(m.tissue.zone[gone], minlength=4)
    assert zone[3] > 5 * (zone[1] + 1)


@pytest.mark.parametrize(("agent", "dose"), [("ccl4", 200.0), ("thioacetamide", 2000.0)])
def test_a_poison_in_the_unit_of_another_is_refused(agent, dose):
    with pytest.raises(InputError, match=f"of {agent} at most"):
        model({"kind": "toxin", "day": 0.0, "agent": agent, "dose": dose})


def test_phlebotomy_stops_at_its_ferritin_and_is_counted():
    draw = {"kind": "phlebotomy", "day": 0.5, "every_days": 1.0, "volume_ml": 0.1}
    draw |= {"minimum_haemoglobin_g_per_dl": 0.0}
    ferritin = model(case="hfe-mouse").run(days=0.5).ferritin
    done = model({**draw, "minimum_ferritin_ug_per_l": 0.5 * ferritin}, case="hfe-mouse").run(days=2)
    none = model({**draw, "minimum_ferritin_ug_per_l": 5.0 * ferritin}, case="hfe-mouse").run(days=2)
    assert done.readouts()["phlebotomies"] == 2 and done.readouts()["blood_drawn_ml"] == pytest.approx(0.2)
    assert done.readouts()["iron_removed_mg"] == pytest.approx(done.ledger.left["phlebotomy"] * 55.845e-3)
    assert none.readouts()["phlebotomies"] == none.readouts()["iron_removed_mg"] == 0
    assert "ferritin" in none.log[0][1]


# all of it


def test_a_run_goes_on_from_a_snapshot_to_the_bit(tmp_path):
    doses = (
        CUT,
        DEXTRAN,
        hepatitis("metabolic", 1.0),
        {"kind": "toxin", "day": 0.25, "agent": "thioacetamide", "dose": 50.0},
    )
    m = model(*doses).run(days=1.5)
    m.save(tmp_path / "state.npz")
    again = Lobule.load(tmp_path / "state.npz")
    assert_same(m, again)
    assert_same(m.run(days=1), again.run(days=1))


def test_all_of_it_is_explained():
    doses = [CUT, DEXTRAN, hepatitis("viral", 0.2), hepatitis("viral", 0.0, 1.0)]
    doses.append({"kind": "toxin", "day": 0.0, "agent": "thioacetamide", "dose": 200.0})
    draw = {"kind": "phlebotomy", "day": 0.0, "volume_ml": 0.1, "minimum_ferritin_ug_per_l": 50.0}
    text = "\n".join(explain(load_case("wild-type-mouse", {"treatments": [*doses, draw]})))
    for words in (
        "66.7 % of the liver cut off",
        "200 mg/kg of iron injected as iron dextran",
        "viral hepatitis that kills 0.2 % of hepatocytes a day",
        "no viral hepatitis from then on",
        "thioacetamide, 200 mg/kg",
        "or ferritin below 50 ug/L",
    ):
        assert words in text
