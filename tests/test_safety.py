"""Chelators: where their iron goes, how much of them takes any, and the harm that they do in man."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobule import Lobule
from lobule.ledger import SINKS
from lobule.parameters import GROUPS
from lobule.safety import EVENTS, Safety

from .model_cases import assert_iron_is_sound, assert_same, small

VALUES = GROUPS["safety"].values("human")
DRUG = {"kind": "chelator", "day": 0.0, "every_days": 1.0}


def patient(*treatments: dict[str, Any], seed: int = 1, days: float = 8.0, **more: Any) -> Lobule:
    """Return a loaded man on chelators, in steps of a day, not yet run."""
    return Lobule(
        "hfe-human",
        rng=seed,
        settings={
            "tissue.lobules": 1,
            "tissue.agents": False,
            "record.snapshot_days": [],
            "subject.age_days": 15000.0,
            "start.lic_mg_per_g": 12.0,
            "clock.phases": [{"days": days, "step_hours": 24.0}],
            "treatments": [dict(t) for t in treatments],
            **more,
        },
    )


def events_of(seed: int, drug: str, mg_per_kg: float, days: int) -> list[tuple[int, str]]:
    safety = Safety(VALUES)
    return [(day, e.name) for day in range(days) for e in safety.take(drug, mg_per_kg, np.uint64(seed))]


def test_every_way_out_of_the_body_is_named():
    assert "phlebotomy" in SINKS and "bleeding" not in SINKS and "chelation" not in SINKS
    bled = small(treatments=[{"kind": "phlebotomy", "day": 0.0, "volume_ml": 0.1}]).run(days=1)
    assert {name for name, left in bled.ledger.left.items() if left} == {"loss", "phlebotomy"}


@pytest.mark.parametrize("drug", ["deferoxamine", "deferasirox", "deferiprone"])
def test_the_iron_of_a_drug_leaves_by_its_ways_and_part_of_the_drug_takes_it(drug: str):
    model = patient({**DRUG, "drug": drug, "mg_per_kg": 30.0, "hours": 8.0}).run()
    r, p = model.readouts(), model.values["drugs"]
    urine, both = r["chelated_urine_mg"], r["chelated_urine_mg"] + r["chelated_faeces_mg"]
    assert both > 0.0 and urine / both == pytest.approx(getattr(p, f"{drug}_urine"))
    assert r["iron_removed_mg"] == pytest.approx(both)
    kg = model.body.reference.body_weight * 1e-3
    mmol = 8.0 * 30.0 * kg / getattr(p, f"{drug}_mass") * getattr(p, f"{drug}_iron")
    assert r["chelator_efficiency_percent"] == pytest.approx(100.0 * both / 55.845 / mmol, rel=1e-3)
    assert 0.0 < r["chelator_efficiency_percent"] < 100.0
    assert_iron_is_sound(model)


def test_two_drugs_share_by_what_they_can_bind():
    two = [{**DRUG, "drug": drug, "mg_per_kg": 20.0} for drug in ("deferasirox", "deferiprone")]
    r = patient(*two).run().readouts()
    share = r["chelated_urine_mg"] / (r["chelated_urine_mg"] + r["chelated_faeces_mg"])
    assert 0.08 < share < 0.9
    assert np.isnan(patient().run(days=1).readouts()["chelator_efficiency_percent"])


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_events_come_at_their_rate_and_by_the_dose(event: Any):
    rate, usual = getattr(VALUES, event.name), getattr(VALUES, f"{event.drug}_usual")

    def total(dose: float) -> int:
        counted = 0
        for seed in range(60):
            safety = Safety(VALUES)
            for _ in range(12 * 20):  # twenty years, a month's dose at once
                safety.take(event.drug, dose * 365.25 / 12.0, np.uint64(seed))
            counted += safety.count[event.name]
        return counted

    for dose in (usual, 2.0 * usual):
        expected = 60 * 20 * rate * dose / usual
        assert total(dose) == pytest.approx(expected, abs=4.0 * np.sqrt(expected))


@given(seed=st.integers(0, 2**32), more=st.floats(1.0, 5.0))
def test_more_of_a_drug_brings_the_same_events_no_later(seed: int, more: float):
    less, much = (events_of(seed, "deferasirox", 500.0 * m, 100) for m in (1.0, more))
    for name in ("creatinine", "stomach"):
        days = [[day for day, found in events if found == name] for events in (less, much)]
        assert len(days[0]) <= len(days[1])
        assert all(late >= early for late, early in zip(days[0], days[1], strict=False))


def test_animals_have_no_events():
    dose = {**DRUG, "drug": "deferiprone", "mg_per_kg": 500.0, "every_days": 0.25}
    assert small(treatments=[dose]).run(days=2).safety.count == dict.fromkeys((e.name for e in EVENTS), 0)


def ill(*more: dict[str, Any], **rule: Any) -> Lobule:
    """Return a man whom deferiprone gives agranulocytosis within days."""
    dose = {**DRUG, "drug": "deferiprone", "mg_per_kg": 75.0, **rule}
    return patient(dose, *more, seed=226, days=9.0, **{"safety.agranulocytosis": 0.05})


def days_of(model: Lobule, words: str) -> list[float]:
    return [hours / 24.0 for hours, text in model.log if words in text]


def test_a_severe_event_ends_the_drug_for_good_and_is_said(tmp_path: Path):
    later = {**DRUG, "drug": "deferiprone", "day": 8.0, "mg_per_kg": 25.0}
    other = {**DRUG, "drug": "deferasirox", "mg_per_kg": 1.0, "stop_on_event": False}
    model = ill(later, other)
    model.run(days=5)
    model.save(tmp_path / "a.npz")
    assert_same(Lobule.load(tmp_path / "a.npz").run(), model.run())
    (day,) = days_of(model, "agranulocytosis under deferiprone")
    assert 0.0 < day < 5.0 and days_of(model, "deferiprone ends for good") == [day]
    assert days_of(model, "mg/kg deferiprone") == [float(d) for d in range(int(day) + 1)]
    assert len(days_of(model, "deferasirox")) == 9
    assert model.readouts()["safety_events"] == 1.0
    assert [f"treatments.{i} (deferiprone)" in note for i, note in enumerate(model.notes())] == [True, True]
    assert f"ended for good: agranulocytosis on day {day:g}" in model.notes()[0]


def test_who_so_wishes_goes_on_or_ends_at_any_event():
    model = ill(stop_on_event=False).run()
    assert len(days_of(model, "mg/kg deferiprone")) == 9 and model.notes() == []
    assert model.readouts()["safety_events"] == 1.0
    mild = {"safety.agranulocytosis": 0.0, "safety.arthralgia": 0.3, "safety.deferiprone_usual": 50.0}
    for rule, given_ in ((None, 9), (True, 5)):
        dose = {**DRUG, "drug": "deferiprone", "mg_per_kg": 75.0, "every_days": 1.0}
        dose |= {} if rule is None else {"stop_on_event": rule}
        model = patient(dose, seed=226, days=9.0, **mild)
        assert len(days_of(model.run(), "mg/kg deferiprone")) == given_
        assert len(days_of(model, "joints")) >= 1
