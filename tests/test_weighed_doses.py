"""Doses as a whole or per kilogram: alike when they come to the same, one of the two, within limits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lobule import Lobule, load_case
from lobule.case import Case
from lobule.errors import InputError
from lobule.experiments.browser.treat import TreatPane, fields, initial, is_weighed, kinds
from lobule.experiments.explain import explain

from .model_cases import differences, state

CASE = {
    "format": 1,
    "name": "weighed",
    "subject": {"species": "mouse", "age_days": 200.0},  # grown up: the weight stays
    "tissue": {"lobules": 1, "agents": False},
    "clock": {"phases": [{"days": 2.0, "step_hours": 1.0}]},
}
KILOGRAMS = 0.026
BOTH = {
    "msc": ({"route": "intravenous"}, "cells", "cells_per_kg", 4e6),
    "ev": ({"route": "intraportal"}, "particles", "particles_per_kg", 1e11),
    "phlebotomy": ({"minimum_haemoglobin_g_per_dl": 5.0}, "volume_ml", "volume_ml_per_kg", 0.1),
    "transfusion": ({}, "volume_ml", "volume_ml_per_kg", 0.2),
    "chelator": ({"drug": "deferasirox"}, "mg", "mg_per_kg", 0.6),
    "alcohol": ({}, "grams_per_day", "grams_per_kg_per_day", 0.1),
}


def case_with(kind: str, **amount: float) -> Case:
    dose: dict[str, Any] = {"kind": kind, "day": 0.5, **BOTH[kind][0], **amount}
    return load_case(Case.model_validate(CASE), {"treatments": [dose]})


@pytest.mark.parametrize("kind", BOTH)
def test_a_dose_per_kg_does_what_the_whole_dose_does(kind: str) -> None:
    _, whole, per_kg, amount = BOTH[kind]
    models = [Lobule(case_with(kind, **{name: value}), rng=1) for name, value in
              ((whole, amount), (per_kg, amount / KILOGRAMS))]  # fmt: skip
    weight = models[0].body.growth.at(200.0).body_weight
    assert weight / 1000.0 == pytest.approx(KILOGRAMS, rel=1e-12)
    untreated = Lobule(load_case(Case.model_validate(CASE)), rng=1).run()
    for model in models:
        model.run()
    one, other = (model.readouts() for model in models)
    assert one == pytest.approx(other, rel=1e-6, abs=1e-9, nan_ok=True)
    assert differences(state(models[0]), state(untreated)) != []


@pytest.mark.parametrize("kind", BOTH)
def test_exactly_one_of_the_two_is_given(kind: str) -> None:
    _, whole, per_kg, amount = BOTH[kind]
    with pytest.raises(
        InputError, match=f"treatments.0.{whole} and {per_kg} -> give one of the two, not both"
    ):
        case_with(kind, **{whole: amount, per_kg: amount})
    with pytest.raises(InputError, match=f"treatments.0.{whole} is missing -> give {whole} or {per_kg}"):
        case_with(kind)


@pytest.mark.parametrize(
    ("kind", "amount", "words"),
    [
        ("msc", {"cells_per_kg": 1e11}, "must be at most 1e\\+10"),
        ("ev", {"particles_per_kg": 1e15}, "must be at most 1e\\+14"),
        ("phlebotomy", {"volume_ml": 2.0}, "volume_ml = 2 -> in a mouse at most 1 mL at once"),
        ("phlebotomy", {"volume_ml_per_kg": 70.0}, "= 70 -> in a mouse at most 40 mL per kg at once"),
        ("transfusion", {"volume_ml_per_kg": 70.0}, "= 70 -> in a mouse at most 40 mL per kg at once"),
        ("chelator", {"mg": 1500.0}, "mg = 1500 -> in a mouse at most 100 mg at once"),
        ("chelator", {"mg_per_kg": 501.0}, "must be at most 500"),
        ("alcohol", {"grams_per_day": 60.0}, "= 60 -> in a mouse at most 1 g a day"),
        ("alcohol", {"grams_per_kg_per_day": 60.0}, "= 60 -> in a mouse at most 40 g per kg a day"),
    ],
)
def test_a_dose_that_must_be_a_typing_error_is_refused(
    kind: str, amount: dict[str, float], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        case_with(kind, **amount)


def test_a_dose_per_kg_is_weighed_on_its_day_and_drinking_follows_the_weight() -> None:
    young = {"subject.age_days": 25.0, "clock.phases": [{"days": 20.0, "step_hours": 24.0}]}
    doses = [
        {"kind": "transfusion", "day": 0.0, "every_days": 15.0, "volume_ml_per_kg": 2.0},
        {"kind": "alcohol", "day": 0.0, "grams_per_kg_per_day": 5.0},
    ]
    model = Lobule(load_case(Case.model_validate(CASE), {**young, "treatments": doses}), rng=1)
    light = model.body.reference.body_weight
    model.run(days=1)
    given = [model.ledger.entered["transfusion"]]
    drinking = model.body.drinking
    model.run(days=14)
    heavy = model.body.reference.body_weight
    model.run(days=1)
    given.append(model.ledger.entered["transfusion"] - given[0])
    assert heavy > 1.5 * light
    assert given[1] / given[0] == pytest.approx(heavy / light, rel=1e-9)
    assert model.body.drinking == pytest.approx(drinking, rel=1e-12) and drinking > 0.0


def test_drinking_per_kg_survives_saving(tmp_path: Any) -> None:
    model = Lobule(case_with("alcohol", grams_per_kg_per_day=4.0), rng=1).run(days=1)
    model.save(tmp_path / "a.npz")
    loaded = Lobule.load(tmp_path / "a.npz")
    assert loaded.body.drinking == model.body.drinking > 0.0
    assert differences(state(loaded.run()), state(model.run())) == []


@pytest.mark.parametrize("kind", BOTH)
def test_explain_says_per_kg(kind: str) -> None:
    _, whole, per_kg, amount = BOTH[kind]
    (line,) = (text for text in explain(case_with(kind, **{per_kg: amount / KILOGRAMS})) if "day 0.5" in text)
    assert "/kg" in line or "per kg" in line
    (line,) = (text for text in explain(case_with(kind, **{whole: amount})) if "day 0.5" in text)
    assert "kg" not in line


@pytest.mark.parametrize("kind", [kind for kind in kinds() if is_weighed(kind)])
@pytest.mark.parametrize("species", ["mouse", "rat", "human"])
@pytest.mark.parametrize("per_kg", [False, True])
def test_the_form_of_the_page_offers_both(kind: str, species: str, per_kg: bool) -> None:
    declared = kinds()[kind]
    form = initial(kind, species, per_kg)
    assert set(form) == set(fields(kind, per_kg))
    assert (declared.per_kg in form) == per_kg and (declared.whole in form) != per_kg
    subject = {"species": species, "age_days": 200.0 if species != "human" else 15000.0}
    load_case(
        Case.model_validate({**CASE, "subject": subject}),
        {"treatments": [{"kind": kind, "day": 0.0, **form}]},
    )
    assert form[declared.per_kg if per_kg else declared.whole] > 0.0


def test_the_form_gives_what_is_chosen() -> None:
    solara, vuetify = pytest.importorskip("solara"), pytest.importorskip("ipyvuetify")
    given: list[Any] = []
    session = SimpleNamespace(treat=lambda doses, arm: given.extend(doses))
    desk = SimpleNamespace(
        frame=solara.reactive(None), player=SimpleNamespace(do=lambda order: order(session))
    )
    _, page = solara.render(TreatPane(desk, "human"), handle_error=False)
    (button,) = page.find(vuetify.Btn).widgets
    button.click()
    (weighed,) = (w for w in page.find(vuetify.Checkbox).widgets if "per kg" in w.label)
    weighed.v_model = True
    page.find(vuetify.Btn).widgets[0].click()
    page.close()
    assert [dose.get("cells") for dose in given] == [1e8, None]
    assert [dose.get("cells_per_kg") for dose in given] == [None, 1e6]
