"""Hand-made courses and values for the tests of the validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lobule.case import Case, load_case
from lobule.experiments.evidence import Value
from lobule.experiments.validation.measures import Course, Simulated, simulated

DAYS = np.arange(11.0)
"""Days at which the courses are recorded."""
AGE = 60.0
CASE = load_case(
    "wild-type-mouse",
    {
        "subject.age_days": AGE,
        "clock.phases": [{"days": 10, "step_hours": 24}],
        "record.snapshot_days": [],
        "treatments": [
            {"kind": "toxin", "agent": "ccl4", "dose": 1.0, "day": 1.0, "every_days": 2.0, "until_day": 4.0},
            {"kind": "diet", "iron_percent": 2.0, "day": 6.0},
        ],
    },
)
"""Ten days with doses of a toxin on days 1 and 3."""


def course(level: Any, **others: Any) -> Course:
    """Return a course of liver iron, and of other readouts, by day."""
    about = {"hours": 24.0 * DAYS, "age_days": AGE + DAYS, "lic_mg_per_g": level, **others}
    return {name: np.broadcast_to(np.asarray(row, float), DAYS.shape) for name, row in about.items()}


def value(**given: Any) -> Value:
    """Return a published number."""
    about = {"readout": "lic_mg_per_g", "arm": "a", "unit": "-", "grade": "A", "source": "", "value": 1.0}
    return Value.model_validate({**about, **given})


def measured(
    courses: Sequence[Course], control: Sequence[Course] = (), case: Case = CASE, **given: Any
) -> Simulated:
    """Return what courses say of a value."""
    return simulated(value(**given), case, courses, control)
