"""Cohorts: the seed is the subject, draws are keyed and stay in bounds, runs tell what was drawn."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lobule import Lobule, load_case
from lobule.case import Case
from lobule.cohort import drawn_values, subject_of
from lobule.errors import InputError
from lobule.experiments import sweep
from lobule.experiments.explain import explain
from lobule.experiments.identity import run_id
from lobule.experiments.replay import Replay
from lobule.experiments.report import report
from lobule.experiments.runner import run_case
from lobule.experiments.schema import case_schema
from lobule.experiments.sweeps.plan import replicate_seed

from .model_cases import assert_same

AGE = {"distribution": "normal", "mean": 60.0, "sd": 10.0, "low": 40.0, "high": 90.0}
SEX = {"distribution": "choice", "values": ["male", "female"]}
DOSE = {"distribution": "uniform", "low": 1e7, "high": 9e7}
LOAD = {"distribution": "lognormal", "median": 1.5, "log_sd": 0.4, "high": 6.0}
RATE = {"distribution": "normal", "mean": 0.036, "sd": 0.02}
COHORT = {
    "subject.age_days": AGE,
    "subject.sex": SEX,
    "start.lic_mg_per_g": LOAD,
    "treatments.0.cells_per_kg": DOSE,
    "hepatocyte.export_rate": RATE,
}
FILE = """
format = 1
name = "cohort"
[subject]
species = "mouse"
age_days = 60.0
[tissue]
lobules = 1
agents = false
[[clock.phases]]
days = 1.0
step_hours = 6.0
[[treatments]]
kind = "msc"
day = 0.25
cells_per_kg = 4e7
route = "intravenous"
[record]
every_hours = 6.0
[cohort]
subject.age_days = { distribution = "normal", mean = 60.0, sd = 10.0, low = 40.0, high = 90.0 }
subject.sex = { distribution = "choice", values = ["male", "female"] }
start.lic_mg_per_g = { distribution = "lognormal", median = 1.5, log_sd = 0.4, high = 6.0 }
treatments.0.cells_per_kg = { distribution = "uniform", low = 1e7, high = 9e7 }
parameters.hepatocyte.export_rate = { distribution = "normal", mean = 0.036, sd = 0.02 }
"""


@pytest.fixture
def case(tmp_path: Path) -> Case:
    path = tmp_path / "cohort.toml"
    path.write_text(FILE, "utf-8")
    return load_case(path)


def plain(case: Case, **cohort: Any) -> Case:
    return load_case(case, {"cohort": {key.replace("__", "."): entry for key, entry in cohort.items()}})


def draws(case: Case, key: str, n: int = 4000) -> np.ndarray:
    """Return the draws of one key for many subjects."""
    alone = case.model_copy(update={"cohort": {key: case.cohort[key]}})
    return np.array([subject_of(alone, seed)[key] for seed in range(n)])


def test_dotted_and_quoted_keys_say_the_same_and_survive_toml_and_json(case: Case, tmp_path: Path) -> None:
    assert load_case(case, {"cohort": COHORT}) == case and list(case.cohort) == list(COHORT)
    (tmp_path / "again.toml").write_text(case.to_toml(), "utf-8")
    assert load_case(tmp_path / "again.toml") == case == Case.from_json(case.to_json())


def test_the_seed_is_the_subject(case: Case) -> None:
    one, again, other = case.for_subject(7), case.for_subject(7), case.for_subject(8)
    assert one == again and not one.cohort and one.drawn == tuple(COHORT)
    assert drawn_values(one) == subject_of(case, 7)
    assert one.subject.age_days != other.subject.age_days
    assert one.parameters["hepatocyte.export_rate"] != other.parameters["hepatocyte.export_rate"]
    assert one.for_subject(9) == one  # drawn already


def test_a_key_more_or_less_shifts_no_other(case: Case) -> None:
    alone = load_case(case, {"cohort": {"subject.age_days": AGE}})
    for seed in range(20):
        assert subject_of(alone, seed)["subject.age_days"] == subject_of(case, seed)["subject.age_days"]
    ages, rates = draws(case, "subject.age_days", 1000), draws(case, "hepatocyte.export_rate", 1000)
    assert abs(np.corrcoef(ages, rates)[0, 1]) < 0.1


@settings(max_examples=40, deadline=None)
@given(
    mean=st.floats(30.0, 300.0),
    sd=st.floats(0.1, 100.0),
    low=st.floats(0.0, 1.0),
    high=st.floats(0.0, 1.0),
    seed=st.integers(0, 2**63 - 1),
)
def test_draws_stay_in_bounds(mean: float, sd: float, low: float, high: float, seed: int) -> None:
    from scipy.stats import norm

    base = Case.model_validate({
        "format": 1, "name": "x", "subject": {"species": "mouse", "age_days": 60.0},
        "clock": {"phases": [{"days": 1.0, "step_hours": 24.0}]},
    })  # fmt: skip
    ends = (mean - 5.0 * sd * low, mean + 5.0 * sd * high)
    ends = (max(0.0, ends[0]), min(1000.0, ends[1]))
    entry = {"distribution": "normal", "mean": mean, "sd": sd, "low": ends[0], "high": ends[1]}
    share = norm.cdf((ends[1] - mean) / sd) - norm.cdf((ends[0] - mean) / sd)
    assume(share > 2e-3 and ends[0] < ends[1])
    value = subject_of(load_case(base, {"cohort": {"subject.age_days": entry}}), seed)["subject.age_days"]
    assert ends[0] <= value <= ends[1]


def test_draws_have_the_stated_mean_and_spread(case: Case) -> None:
    from scipy.stats import lognorm, truncnorm

    n = 4000
    ages = draws(case, "subject.age_days", n)
    expected = truncnorm(-2.0, 3.0, 60.0, 10.0)
    assert ages.min() >= 40.0 and ages.max() <= 90.0
    assert ages.mean() == pytest.approx(expected.mean(), abs=4.0 * expected.std() / math.sqrt(n))
    assert ages.std() == pytest.approx(expected.std(), rel=0.05)
    rates = draws(case, "hepatocyte.export_rate", n)  # cut off at the ends of the declared range
    assert 0.005 <= rates.min() < 0.01 and rates.max() <= 0.2
    loads = draws(case, "start.lic_mg_per_g", n)
    assert np.median(loads) == pytest.approx(1.5, rel=0.04) and loads.max() <= 6.0
    doses = draws(case, "treatments.0.cells_per_kg", n)
    assert doses.mean() == pytest.approx(5e7, rel=0.03) and doses.min() >= 1e7 and doses.max() <= 9e7
    moments = {"distribution": "lognormal", "mean": 2.0, "sd": 1.0, "high": 60.0}
    loads = draws(plain(case, start__lic_mg_per_g=moments), "start.lic_mg_per_g", n)
    assert loads.mean() == pytest.approx(2.0, rel=0.04) and loads.std() == pytest.approx(1.0, rel=0.1)
    sigma = math.sqrt(math.log(1.25))
    assert np.quantile(loads, 0.9) == pytest.approx(
        lognorm(sigma, scale=2.0 / math.sqrt(1.25)).ppf(0.9), rel=0.05
    )
    weighted = {**SEX, "weights": [3.0, 1.0]}
    sexes = draws(plain(case, subject__sex=weighted), "subject.sex", n)
    assert np.mean(sexes == "male") == pytest.approx(0.75, abs=0.03)


def test_far_in_the_upper_tail_draws_are_as_fine_as_in_the_lower(case: Case) -> None:
    for low, high in ((72.0, 1000.0), (0.0, 48.0)):
        entry = {"distribution": "normal", "mean": 60.0, "sd": 4.5, "low": low, "high": high}
        ages = draws(plain(case, subject__age_days=entry), "subject.age_days", 500)
        assert low <= ages.min() and ages.max() <= high and np.unique(ages).size > 480


def test_a_setting_replaces_its_draw_and_a_distribution_can_be_set(case: Case) -> None:
    fixed = load_case(case, {"subject.age_days": 50.0, "hepatocyte.export_rate": 0.04})
    assert list(fixed.cohort) == ["subject.sex", "start.lic_mg_per_g", "treatments.0.cells_per_kg"]
    assert fixed.for_subject(3).subject.age_days == 50.0
    assert load_case(
        case, {"parameters.hepatocyte.export_rate": 0.04}
    ).cohort.keys() == case.cohort.keys() - {"hepatocyte.export_rate"}
    untreated = load_case(case, {"treatments": []})
    assert "treatments.0.cells_per_kg" not in untreated.cohort
    older = load_case(case, {"cohort.subject.age_days.mean": 80.0})
    assert older.cohort["subject.age_days"].mean == 80.0  # type: ignore[union-attr]
    with pytest.raises(InputError, match=r'draws no subject\.age_day; did you mean "subject\.age_days"'):
        load_case(case, {"cohort.subject.age_day.mean": 80.0})


def test_a_shorter_run_keeps_the_draws_of_the_doses_that_are_left(case: Case) -> None:
    doses = [
        {"kind": "diet", "day": 0.75, "iron_percent": 1.0},
        {"kind": "msc", "day": 0.0, "cells_per_kg": 1e7, "route": "intravenous"},
    ]
    two = load_case(case, {"treatments": doses})
    iron = {"distribution": "uniform", "low": 0.5, "high": 1.0}
    two = load_case(two, {"cohort": {"treatments.0.iron_percent": iron, "treatments.1.cells_per_kg": DOSE}})
    short, _ = two.with_days(0.5)
    assert list(short.cohort) == ["treatments.0.cells_per_kg"] and short.treatments[0].kind == "msc"
    assert short.for_subject(1).treatments[0].cells_per_kg >= 1e7  # type: ignore[union-attr]


def bad_age(**changes: Any) -> dict[str, Any]:
    return {"subject.age_days": {**AGE, **changes}}


BAD: dict[str, tuple[Any, str]] = {
    "key": ({"subject.agedays": AGE}, 'no such parameter; did you mean "subject.age_days"'),
    "parameter": ({"hepatocyte.exportrate": RATE}, 'did you mean "hepatocyte.export_rate"'),
    "species": ({"subject.species": SEX}, "is the same for all subjects of a case and cannot be drawn"),
    "tissue": ({"tissue.lobules": {"distribution": "choice", "values": [1, 7]}}, "cannot be drawn"),
    "low-end": ({"start.lic_mg_per_g": {**LOAD, "low": 0.001}}, "= 0.001 -> must be at least 0.05"),
    "high-end": ({"hepatocyte.export_rate": {**RATE, "high": 1.0}}, "= 1.0 -> outside its plausible"),
    "word": ({"subject.sex": {**SEX, "values": ["male", "femal"]}}, '"femal" -> not one of male, female'),
    "dose": ({"treatments.0.cells": DOSE}, "cells and cells_per_kg -> give one of the two, not both"),
    "nothing-left": (bad_age(low=200.0, high=300.0), "next to nothing of this normal"),
    "spread": (bad_age(sd=-1.0), "must be more than 0"),
    "kind": (bad_age(distribution="norml"), 'did you mean "normal"'),
    "no-kind": ({"subject.age_days": {"mean": 3.0}}, "distribution is missing -> one of choice, lognormal"),
    "both-lognormal": ({"start.lic_mg_per_g": {**LOAD, "mean": 3.0}}, "give median and log_sd, or mean"),
    "order": (bad_age(low=95.0), "low = 95 is not below high = 90"),
    "weights": ({"subject.sex": {**SEX, "weights": [1.0]}}, "must be 2 numbers, one a value"),
    "no-table": (3, "cohort = 3 -> must be a table"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_drawn_is_refused_in_one_line(case: Case, name: str) -> None:
    cohort, words = BAD[name]
    with pytest.raises(InputError) as caught:
        load_case(case, {"cohort": cohort})
    assert words in str(caught.value) and "cohort" in str(caught.value) and "\n" not in str(caught.value)


def test_a_key_without_a_declared_end_asks_for_one(case: Case) -> None:
    bled = load_case(case, {"treatments": [{"kind": "phlebotomy", "day": 0.0, "volume_ml": 0.1}]})
    entry = {"distribution": "normal", "mean": 0.1, "sd": 0.05}
    with pytest.raises(InputError, match=r"cohort\.treatments\.0\.volume_ml\.high is missing"):
        load_case(bled, {"cohort": {"treatments.0.volume_ml": entry}})
    drawn = load_case(bled, {"cohort": {"treatments.0.volume_ml": {**entry, "high": 0.3}}})
    assert 0.0 <= drawn.for_subject(1).treatments[0].volume_ml <= 0.3  # type: ignore[union-attr, operator]


def test_a_range_that_ends_beyond_what_is_possible_asks_for_an_end(case: Case) -> None:
    entry = {"distribution": "normal", "mean": 15.0, "sd": 4.0}
    scarred = load_case(case, {"start.collagen_area_percent": 15.0})
    with pytest.raises(InputError, match=r"collagen_area_percent\.low is missing .*more than 0"):
        load_case(scarred, {"cohort": {"start.collagen_area_percent": entry}})
    with pytest.raises(InputError, match=r"collagen_area_percent\.high is missing .*densest"):
        load_case(scarred, {"cohort": {"start.collagen_area_percent": {**entry, "low": 5.0}}})
    load_case(scarred, {"cohort": {"start.collagen_area_percent": {**entry, "low": 5.0, "high": 40.0}}})


def test_a_model_is_that_of_its_subject_and_goes_on_after_saving(case: Case, tmp_path: Path) -> None:
    model = Lobule(case, rng=7)
    assert model.case == case.for_subject(7) and model.age_days == model.case.subject.age_days
    written = Lobule(load_case(model.case), rng=7)
    assert_same(model, written)
    model.run(days=0.5)
    model.save(tmp_path / "half.npz")
    loaded = Lobule.load(tmp_path / "half.npz")
    assert loaded.case == model.case
    assert_same(loaded.run(), model.run())


def test_a_run_tells_what_was_drawn_and_is_replayed(case: Case, tmp_path: Path) -> None:
    folder = run_case(case, seed=7, out=tmp_path / "run", draw=False)
    drawn = subject_of(case, 7)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["drawn"] == drawn and manifest["run"] == run_id(case, 7)
    assert load_case(folder / "case.toml") == case.for_subject(7)
    (line,) = (line for line in report(folder) if "drawn for this subject" in line)
    assert f"subject.age_days = {drawn['subject.age_days']}" in line
    replay = Replay(folder)
    assert replay.is_exact
    assert_same(replay.model_at(12.0), Lobule(case, rng=7).run(days=0.5))
    again = run_case(load_case(folder / "case.toml"), seed=7, out=tmp_path / "again", draw=False)
    assert (again / "series.parquet").read_bytes() == (folder / "series.parquet").read_bytes()


def test_a_sweep_is_the_cohort_and_its_arms_share_the_subjects(case: Case, tmp_path: Path) -> None:
    results = sweep(
        case,
        out=tmp_path / "store",
        parameters={"treatments.0.primed": [False, True]},
        seeds=range(3),
        days=0.5,
        workers=1,
        progress=False,
    )
    runs = results.runs
    assert len(runs) == 6 and runs["run"].nunique() == 6
    for number, rows in runs.groupby("replicate"):
        drawn = subject_of(case, replicate_seed(1, int(number)))
        for key, value in drawn.items():
            assert rows[key].tolist() == [value, value], key
    assert runs["subject.age_days"].nunique() == 3
    final = results.final()
    assert np.allclose(final["age_days"], runs["subject.age_days"] + 0.5)
    again = sweep(case, out=tmp_path / "store", parameters={"treatments.0.primed": [False, True]},
                  seeds=range(3), days=0.5, workers=1, progress=False)  # fmt: skip
    assert again.runs["run"].tolist() == runs["run"].tolist()
    with pytest.raises(InputError, match="is not varied as a whole"):
        sweep(case, out=tmp_path / "other", parameters={"cohort": [1, 2]}, seeds=range(1))


def test_explain_and_schema_know_the_cohort(case: Case) -> None:
    text = "\n".join(explain(case))
    assert "subject.age_days: normal, mean 60, SD 10, from 40 to 90" in text
    assert "the seed of a run is its subject" in text
    assert "Drawn from a cohort: subject.age_days = " in "\n".join(explain(case.for_subject(1)))
    schema = case_schema()
    jsonschema = pytest.importorskip("jsonschema")
    quoted = json.loads(case.model_dump_json(exclude_none=True))
    jsonschema.validate(quoted, schema)
    nested = {**quoted, "cohort": {"subject": {"age_days": AGE}}}
    jsonschema.validate(nested, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**quoted, "cohort": {"subject.age_days": {**AGE, "sd": "wide"}}}, schema)
