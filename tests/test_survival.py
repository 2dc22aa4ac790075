"""Notes of a run on what nobody lives through, and on cells that came nowhere."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from lobule import Lobule, load_case
from lobule.experiments.runner import run_case
from lobule.experiments.survival import BOUNDS, beyond_life
from lobule.readouts import READOUTS

SMALL = {"tissue.lobules": 1, "tissue.radius_um": 150.0, "record.snapshot_days": []}


def columns(**readouts: list[float]) -> dict[str, np.ndarray]:
    usual = {bound.readout: [max(bound.low, 14.0)] * 3 for bound in BOUNDS}
    return {
        name: np.array(values) for name, values in ({"hours": [0.0, 24.0, 48.0]} | usual | readouts).items()
    }


def test_bounds_are_of_readouts_and_have_a_source() -> None:
    for bound in BOUNDS:
        assert bound.readout in READOUTS and bound.low < bound.high and bound.source


def test_the_first_day_outside_is_told_once() -> None:
    assert [*beyond_life(columns())] == []
    (line,) = beyond_life(columns(haemoglobin_g_per_dl=[14.0, 1.5, 0.5]))
    assert line.startswith("haemoglobin_g_per_dl is 1.5 g/dL on day 1: nobody lives below 2")
    (line,) = beyond_life(columns(lic_mg_per_g=[90.0, 101.0, math.nan]))
    assert "on day 1: nobody lives above 100" in line


def test_a_run_notes_it(tmp_path) -> None:
    most = {"kind": "partial-hepatectomy", "day": 0.5, "share": 0.9}
    case = load_case("wild-type-mouse", SMALL | {"treatments": [most, most | {"day": 0.6}]}).with_days(2)[0]
    folder = run_case(case, out=tmp_path / "run", draw=False)
    notes = json.loads((folder / "summary.json").read_text("utf-8"))["notes"]
    assert any(note.startswith("liver_mass_percent is 0") for note in notes)
    assert notes == json.loads((folder / "manifest.json").read_text("utf-8"))["notes"]
    quiet = run_case(load_case("wild-type-mouse", SMALL).with_days(1)[0], out=tmp_path / "quiet", draw=False)
    assert json.loads((quiet / "summary.json").read_text("utf-8"))["notes"] == []


@pytest.mark.parametrize(("cells", "arrive"), [(1.0, False), (3e7, True), (0.0, None)])
def test_cells_that_come_nowhere_are_noted(cells: float, arrive: bool | None, tmp_path) -> None:
    dose = {"kind": "msc", "cells": cells, "route": "intraportal", "day": 0.1}
    model = Lobule("wild-type-mouse", rng=1, settings=SMALL | {"treatments": [dose]}).run(days=0.5)
    assert (model.products.landed > 0) == bool(arrive)
    assert any("none came to the sections" in note for note in model.notes()) == (arrive is False)
    model.save(tmp_path / "state.npz")
    assert Lobule.load(tmp_path / "state.npz").products.landed == model.products.landed
