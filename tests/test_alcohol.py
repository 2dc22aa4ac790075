"""Alcohol: what drinking does to hepatocytes, macrophages and hepcidin, and that it ends with it."""

import numpy as np
import pytest

from lobule import Lobule, load_case
from lobule.errors import InputError
from lobule.experiments.explain import explain

SMALL = {"tissue.lobules": 1, "tissue.radius_um": 180.0, "tissue.agents": False}


def mouse(*treatments, days=14, case="wild-type-mouse"):
    return Lobule(load_case(case, SMALL | {"treatments": list(treatments)}).with_days(days)[0], rng=1)


def drinks(grams, day=0.0):
    return {"kind": "alcohol", "grams_per_day": grams, "day": day}


def test_no_alcohol_is_the_same_as_no_word_of_it():
    silent, sober = mouse(case="hfe-mouse").run(), mouse(drinks(0.0), case="hfe-mouse").run()
    assert silent.readouts() == sober.readouts()


def test_drinking_halves_hepcidin_at_its_half_dose_and_it_comes_back():
    model, sober = mouse(drinks(0.13), drinks(0.0, day=2.0)), mouse()
    model.run(days=2)
    sober.run(days=2)
    assert 0.9 < model.body.drinking < 1.2
    assert model.body.hepcidin / sober.body.hepcidin == pytest.approx(0.5, abs=0.08)
    model.run(days=5)
    sober.run(days=5)
    assert model.body.drinking == 0.0
    assert model.body.hepcidin / sober.body.hepcidin == pytest.approx(1.0, abs=0.1)


def test_less_hepcidin_means_more_liver_iron():
    drunk, sober = mouse(drinks(0.13)).run(days=7), mouse().run(days=7)
    assert drunk.readouts()["lic_mg_per_g"] > 1.02 * sober.readouts()["lic_mg_per_g"]
    assert abs(drunk.ledger_error()) < 1e-9


def test_oxidative_load_rises_in_zone_3():
    model = mouse(drinks(0.3)).run(days=3)
    sober = mouse().run(days=3)
    rise = {}
    for zone in (1, 3):
        means = []
        for m in (model, sober):
            table = m.population.tables["hepatocyte"]
            means.append(table["redox"][m.tissue.zone[table["site"]] == zone].mean())
        rise[zone] = means[0] - means[1]
    assert rise[3] > 0.2
    assert rise[3] > 10.0 * abs(rise[1])


def test_m1_cells_secrete_half_more_at_the_half_dose():
    model = mouse()
    sober = model.behaviours(np.zeros(len(model.population.tables["hepatocyte"])), model.levels.step(1.0))
    grams = model.body.values.alcohol_half * model.body.reference.body_weight * 1e-3
    model.body.alcohol = grams
    drunk = model.behaviours(np.zeros(len(model.population.tables["hepatocyte"])), model.levels.step(1.0))
    ratio = drunk["macrophage"]["tnf_secretion"] / sober["macrophage"]["tnf_secretion"]
    assert ratio == pytest.approx(1.5, rel=1e-6)


def test_a_snapshot_remembers_the_drinking(tmp_path):
    model = mouse(drinks(0.2)).run(days=2)
    model.save(tmp_path / "state.npz")
    again = Lobule.load(tmp_path / "state.npz")
    assert again.body.alcohol == 0.2
    assert again.run(days=1).readouts() == model.run(days=1).readouts()
    assert abs(model.ledger_error()) < 1e-9


@pytest.mark.parametrize(("grams", "words"), [(-1.0, "must be at least 0"), (3.0, "at most 1 g a day")])
def test_impossible_amounts_are_refused(grams, words):
    with pytest.raises(InputError, match=words):
        mouse(drinks(grams))


def test_it_is_explained():
    text = "\n".join(explain(load_case("hfe-human", {"treatments": [drinks(60.0), drinks(0.0, 9000.0)]})))
    assert "60 g of alcohol a day from then on" in text
    assert "no alcohol from then on" in text
    assert "In hepatocytes, alcohol increases" in text
