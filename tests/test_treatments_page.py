"""What docs/treatments.md shows can be pasted, and does what the page says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from lobule import Lobule
from lobule.case import Case

PAGE = (Path(__file__).parents[1] / "docs" / "treatments.md").read_text("utf-8")
BLOCKS = [tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)]

POISONED: dict[str, Any] = {"kind": "toxin", "day": 0.0, "agent": "ccl4", "dose": 1.0}
VESICLES: dict[str, Any] = {"kind": "ev", "day": 0.25, "particles": 1e11, "route": "intraportal"}


def subject(
    species: str, treatments: list[dict[str, Any]], rules: list[dict[str, Any]], days: float = 2.0
) -> Lobule:
    case = {
        "format": 1,
        "name": "page",
        "subject": {
            "species": species,
            "genotype": "wild-type",
            "age_days": 70.0 if species == "mouse" else 15000.0,
        },
        "tissue": {"lobules": 1},
        "clock": {"phases": [{"days": days, "step_hours": 1.0}]},
        "record": {"snapshot_days": []},
        "treatments": treatments,
        "rules": rules,
    }
    return Lobule(case=Case.model_validate(case), rng=1)


def test_the_rows_of_the_null_hypothesis_leave_vesicles_nothing_to_do() -> None:
    (rules,) = (block["rules"] for block in BLOCKS if "rules" in block)
    given = subject("mouse", [POISONED, VESICLES], rules).run()
    untreated = subject("mouse", [POISONED], rules).run()
    assert given.readouts()["ev_given"] > 0.0
    for name, table in given.population.tables.items():
        for column, values in table.state().items():
            others = untreated.population.tables[name].state()[column]
            # one more species in the blood is one more for the solver to bring below its tolerance
            assert np.allclose(values, others, rtol=1e-6, atol=1e-9), (name, column)
    default = subject("mouse", [POISONED, VESICLES], []).run()
    assert default.liver_iron < (1.0 - 1e-4) * untreated.liver_iron  # a hundred times what the solver leaves


def test_the_courses_are_accepted_and_begin() -> None:
    (courses,) = (block["treatments"] for block in BLOCKS if "treatments" in block)
    model = subject("human", courses, [], days=21.0).run(1.0)
    assert [course["kind"] for course in courses] == ["phlebotomy", "chelator", "msc"]
    assert model.readouts()["phlebotomies"] + model.readouts()["doses_held"] == 1.0
    assert model.ledger_error() < 1e-9
