"""The case file: reading, schedules, settings, writing and reading back; and the published data sets."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobule.case import Case, builtin_cases, load_case
from lobule.casefile import to_toml
from lobule.errors import InputError
from lobule.experiments.evidence import data_sets, read_evidence
from lobule.sections import Clock

SUBJECT = {"species": "mouse", "genotype": "wild-type", "sex": "female", "age_days": 70.0}


def steps_of(clock: Clock) -> list[tuple[float, float]]:
    return [clock.step_at(i) for i in range(sum(phase.steps for phase in clock.phases))]


def make(**changes: object) -> Case:
    """A ten-day case."""
    data = {
        "format": 1,
        "name": "test",
        "subject": SUBJECT,
        "clock": {"phases": [{"days": 4.0, "step_hours": 1.0}, {"days": 6.0, "step_hours": 24.0}]},
    }
    return Case.model_validate(data | changes)


@pytest.mark.parametrize("name", builtin_cases())
def test_builtin_cases_load_and_their_evidence_exists(name: str) -> None:
    case = load_case(name)
    assert case.name == name
    assert case.title and case.description
    assert all(read_evidence(data_set).name == data_set for data_set in case.evidence)


def test_the_wild_type_control_differs_from_hfe_mouse_by_its_gene_alone() -> None:
    control, ill = load_case("wild-type-mouse"), load_case("hfe-mouse")
    same = {"subject": ill.subject, "name": "x", "title": "", "description": "", "evidence": ()}
    assert control.model_copy(update=same) == ill.model_copy(update=same)
    assert control.subject.genotype != ill.subject.genotype


@pytest.mark.parametrize("name", builtin_cases())
def test_a_case_survives_toml_and_json(name: str, tmp_path: Path) -> None:
    case = load_case(name)
    path = tmp_path / "case.toml"
    path.write_text(case.to_toml(), "utf-8")
    assert load_case(path) == case
    assert Case.from_json(case.to_json()) == case


texts = st.text(st.characters(codec="utf-8"), max_size=40)
numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(description=texts, seed=st.integers(0, 2**63 - 1), note=texts, value=numbers, key=texts)
def test_to_toml_keeps_any_text_and_number(
    description: str, seed: int, note: str, value: float, key: str
) -> None:
    import tomllib

    data = {"a": description, "s": seed, "list": [value, 1.0], "rules": [{"note": note, "v": {key: value}}]}
    assert tomllib.loads(to_toml(data)) == data


def test_events_fall_on_the_next_step() -> None:
    case = make(
        treatments=[
            {"kind": "msc", "day": 5.5, "cells": 0.0, "route": "intraportal"},
            {"kind": "phlebotomy", "day": 1.01, "volume_ml": 0.1, "every_days": 2.0, "until_day": 5.01},
        ]
    )
    assert [(hours, dose.kind) for hours, dose in case.events()] == [
        (25.0, "phlebotomy"),
        (73.0, "phlebotomy"),
        (144.0, "msc"),
        (144.0, "phlebotomy"),
    ]
    starts = {start for start, _ in steps_of(case.clock)}
    assert all(hours in starts for hours, _ in case.events())


def test_a_schedule_without_an_end_runs_to_the_end_but_not_into_it() -> None:
    case = make(treatments=[{"kind": "toxin", "agent": "ccl4", "dose": 1.0, "day": 0.0, "every_days": 2.5}])
    assert [hours for hours, _ in case.events()] == [0.0, 60.0, 120.0, 192.0]


def test_eight_doses_of_carbon_tetrachloride() -> None:
    days = [hours / 24 for hours, _ in load_case("ccl4-mouse").events()]
    assert days == [1.0, 4.5, 8.0, 11.5, 15.0, 18.5, 22.0, 25.5]


@given(st.floats(0, 240.0))
def test_step_start_is_the_first_one_not_before(hours: float) -> None:
    clock = make().clock
    starts = [start for start, _ in steps_of(clock)]
    later = [start for start in starts if start >= hours - 1e-6]
    assert clock.step_start(hours) == (later[0] if later else clock.end_hours)


def test_steps_fill_the_run() -> None:
    steps = steps_of(make().clock)
    assert len(steps) == 4 * 24 + 6
    assert all(a + length == b for (a, length), (b, _) in pairwise(steps))
    assert sum(steps[-1]) == 240.0


def test_settings_reach_the_case_lists_and_missing_tables() -> None:
    case = load_case(
        "hfe-mouse-msc",
        {
            "tissue.lobules": 1,
            "tissue.radius_um": np.float64(300.0),
            "treatments.0.cells": np.int64(5),
            "clock.phases.1.days": 7.0,
            "record.snapshot_days": [1.0],
            "seed": 7,
        },
    )
    assert (case.tissue.lobules, case.tissue.radius_um, case.seed) == (1, 300.0, 7)
    assert case.treatments[0].cells == 5.0
    assert case.end_hours == 56 * 24
    assert load_case("hfe-mouse-msc").seed == 1


def test_settings_apply_to_a_case_too() -> None:
    case = make()
    assert load_case(case) is case
    assert load_case(case, {"diet.iron_percent": 2.0}).diet.iron_percent == 2.0


def test_lobules_may_be_rows_and_columns() -> None:
    assert load_case(make(), {"tissue.lobules": [2, 3]}).tissue.lobules == (2, 3)


def test_parameters_by_dotted_name_or_by_table(tmp_path: Path) -> None:
    path = tmp_path / "case.toml"
    text = make().to_toml()
    path.write_text(text + "[parameters.macrophage]\nm1_half_life = 3.0\n", "utf-8")
    nested = load_case(path)
    path.write_text(text + '[parameters]\n"macrophage.m1_half_life" = 3.0\n', "utf-8")
    assert nested == load_case(path)
    assert nested.parameters == {"macrophage.m1_half_life": 3.0}
    assert load_case(make(), {"macrophage.m1_half_life": 3}) == load_case(make(), nested.parameters)
    path.write_text(nested.to_toml(), "utf-8")
    assert load_case(path) == nested


def test_with_days_cuts_extends_and_says_what_is_left_out() -> None:
    case = load_case("hfe-mouse-msc")
    short, notes = case.with_days(10)
    assert short.end_hours == 240.0
    assert short.treatments == () and short.record.snapshot_days == (0.0,)
    assert len(notes) == 2 and "msc" in notes[0]
    assert notes[1] == "record.snapshot_days after day 10 are left out: 49, 52, 77"
    longer, notes = case.with_days(100)
    assert [phase.days for phase in longer.clock.phases] == [49.0, 51.0]
    assert (longer.treatments, notes) == (case.treatments, [])
    assert case.with_days(77)[0] == case


def test_with_days_shortens_a_schedule() -> None:
    short, notes = load_case("ccl4-mouse").with_days(20)
    assert [hours / 24 for hours, _ in short.events()] == [1.0, 4.5, 8.0, 11.5, 15.0, 18.5]
    assert "day 20" in notes[0]
    assert load_case(short, {"seed": 2}).seed == 2


@pytest.mark.parametrize("days", [0, -1, float("nan"), float("inf"), 0.01, 4.3, "3"])
def test_with_days_refuses_what_is_no_whole_number_of_steps(days: float) -> None:
    with pytest.raises(InputError, match="days"):
        make().with_days(days)


def test_a_case_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_case("hfe-mouse").seed = 2  # type: ignore[misc]


@pytest.mark.parametrize("name", data_sets())
def test_data_sets_say_where_they_come_from(name: str) -> None:
    data = read_evidence(name)
    assert data.name == name
    assert data.citation and data.cohort and data.protocol
    assert data.value or data.phase
    assert all(value.source and value.unit for value in data.value)


def test_published_liver_iron_is_that_of_the_paper() -> None:
    liver = [row for row in read_evidence("zhou-1998").value if row.readout == "lic_mg_per_g"]
    assert {row.arm: (row.value, row.error) for row in liver} == {
        "wild type": (0.370, 0.087),
        "Hfe-/-": (1.660, 0.286),
        "wild type, carbonyl iron": (2.124, 0.149),
        "Hfe-/-, carbonyl iron": (2.523, 0.262),
    }


def test_an_unknown_data_set_is_named() -> None:
    with pytest.raises(InputError, match='did you mean "zhou-1998"'):
        read_evidence("zhou-1989")


def test_thalassaemia_major_is_for_man_alone() -> None:
    with pytest.raises(InputError, match=r"thalassaemia-major.*mouse"):
        load_case("hfe-mouse", {"subject.genotype": "thalassaemia-major"})
    assert load_case("healthy-human", {"subject.genotype": "thalassaemia-major"})
