"""The simulated beside the published."""

from __future__ import annotations

import numpy as np
import pytest

from lobule.case import load_case
from lobule.experiments.report import comparisons


def test_liver_iron_is_compared_at_the_published_age():
    ages = np.arange(21.0, 99.0)
    series = {"hours": 24.0 * (ages - 21.0), "age_days": ages, "lic_mg_per_g": ages / 70.0}
    rows = [row for row in comparisons(load_case("hfe-mouse-msc"), series) if "zhou" in row.source]
    assert [(row.readout, row.when, row.simulated) for row in rows] == [("lic_mg_per_g", "age 70 d", 1.0)]
    assert rows[0].z == pytest.approx((1.0 - 1.66) / 0.286)
    assert rows[0].published == "1.66 +/- 0.286 (SE) mg/g dry weight"


def test_healing_is_compared_with_the_day_of_the_last_dose():
    hours = np.arange(0.0, 56.0 * 24.0 + 1.0, 12.0)
    last = (1.0 + 7 * 3.5) * 24.0
    rise = np.where(hours <= last, hours / last, 1.0 - (hours - last) / (56.0 * 24.0))
    series = {"hours": hours, "age_days": 70.0 + hours / 24.0, "collagen_area_percent": 0.5 + 4.0 * rise}
    rows = [r for r in comparisons(load_case("ccl4-mouse"), series) if "iredale" in r.source]
    row, end = (next(r for r in rows if r.when.startswith(day)) for day in ("28 d", "0 d"))
    assert end.simulated == pytest.approx(4.5, abs=0.02)
    assert row.simulated == pytest.approx(0.5, abs=0.02) and row.z is None


def test_what_lies_outside_the_run_is_not_compared():
    series = {"hours": np.array([0.0]), "age_days": np.array([30.0]), "lic_mg_per_g": np.array([1.0])}
    rows = comparisons(load_case("hfe-mouse"), series)
    assert all("zhou" not in row.source for row in rows)
