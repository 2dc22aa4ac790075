"""What scripts get back: one run, the table of a sweep, labelled arrays."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from lobule import Lobule
from lobule.agents import Hepatocyte
from lobule.case import load_case
from lobule.errors import InputError
from lobule.experiments import collect, load_results, run, sweep
from lobule.experiments.models import build_model
from lobule.experiments.sweeps.finished import Run
from lobule.experiments.sweeps.plan import replicate_seed
from lobule.experiments.sweeps.results import Results

from .sweep_cases import AGES, SHORT, small_sweep

KEPT = {**SHORT, "record.snapshot_days": [0.0, 0.125]}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return small_sweep(tmp_path_factory.mktemp("results") / "store", settings=KEPT)


def test_the_table_has_a_row_for_each_run_and_recorded_time(results: Results):
    frame = results.to_pandas()
    assert len(frame) == 6 * 4 and list(frame["hours"][:4]) == [0.0, 2.0, 4.0, 6.0]
    assert list(frame.columns[:6]) == ["run", "case", "arm", "subject.age_days", "replicate", "seed"]
    first = frame[frame["run"] == frame["run"][0]]
    model = Lobule("hfe-mouse", rng=int(first["seed"].iloc[0]), settings={**KEPT, "subject.age_days": 21.0})
    model.run(days=0.25)
    assert first["lic_mg_per_g"].iloc[-1] == model.readouts()["lic_mg_per_g"]
    assert {replicate_seed(1, r) for r in range(2)} == set(frame["seed"])


def test_only_what_is_asked_for_is_read(results: Results, monkeypatch: pytest.MonkeyPatch):
    read: list[Any] = []
    real = pq.read_table
    monkeypatch.setattr(pq, "read_table", lambda *a, **k: (read.append(k.get("columns")), real(*a, **k))[1])
    fresh = Results(results.store, results.plans)
    assert len(fresh) == 6 and fresh.runs.shape == (6, 6) and not read
    batch = next(fresh.batches(["hours", "alt_iu_per_l"]))
    assert batch.column_names[-2:] == ["hours", "alt_iu_per_l"] and read == [["hours", "alt_iu_per_l"]]
    with pytest.raises(InputError, match='did you mean "alt_iu_per_l"'):
        next(fresh.batches(["alt_iu_l"]))


def test_the_end_of_every_run(results: Results):
    final = results.final()
    assert list(results.final("lic_mg_per_g").columns[-2:]) == ["seed", "lic_mg_per_g"]
    assert len(final) == 6 and set(final["hours"]) == {6.0}
    assert results.table().schema.field("subject.age_days").metadata is not None
    by_age = final.groupby("subject.age_days")["body_weight_g"].mean()
    assert list(by_age.index) == list(AGES) and by_age.is_monotonic_increasing


def test_one_run_of_many(results: Results):
    name = results.runs["run"][3]
    one = results.run(name)
    assert one.case.subject.age_days == 21.0 and one.readouts["hours"] == 6.0
    assert list(one.snapshots) == [0.0, 0.125, 0.25]
    assert one.snapshot(0.125).hours == 3.0 and one.snapshot().hours == 6.0
    assert one.to_pandas(["hours"])["hours"].tolist() == [0.0, 2.0, 4.0, 6.0]
    with pytest.raises(InputError, match="no finished run"):
        results.run("0" * 16)
    with pytest.raises(InputError, match=r"there are days 0, 0\.125, 0\.25"):
        one.snapshot(5.0)


def test_fields_are_labelled(results: Results):
    one = next(iter(results))
    fields = one.fields()
    assert dict(fields.sizes) == {"day": 3, "site": 463}
    model = one.snapshot(0.125)
    for name in ("tnf", "iron", "oxygen"):
        assert np.array_equal(fields[name].sel(day=0.125), model.fields[name])
    assert fields.tnf.attrs["units"] == "ng/mL" and fields.x.attrs["units"] == "um"
    zone1 = fields.hepatocyte_iron.where(fields.zone == 1).mean("site").sel(day=0.25)
    table = one.snapshot().cells[Hepatocyte]
    assert float(zone1) == pytest.approx(table["iron"][model.tissue.zone[table["site"]] == 1].mean())
    every = results.fields(days=[0.25])
    assert dict(every.sizes) == {"run": 6, "day": 1, "site": 463}
    assert every["subject.age_days"].values.tolist() == [*AGES, *AGES]
    assert np.array_equal(
        every.tnf[4, 0], next(x for i, x in enumerate(results) if i == 4).snapshot().fields["tnf"]
    )


def test_cells_are_labelled(results: Results):
    one = next(iter(results))
    cells = one.cells("macrophage")
    tables = [one.snapshot(day).population.tables["macrophage"] for day in one.snapshots]
    assert cells.sizes["cell"] == sum(len(table) for table in tables)
    assert np.array_equal(cells["key"][cells.day == 0.125], tables[1]["key"])
    assert cells.iron.attrs["units"] == "fmol"
    every = results.cells("hepatocyte", days=[0.0])
    assert every.sizes["cell"] == 6 * 438 and set(every["replicate"].values) == {0, 1}
    with pytest.raises(InputError, match='did you mean "macrophage"'):
        one.cells("macrofage")


def test_tissues_that_differ_are_not_stacked(tmp_path: Path):
    mixed = small_sweep(tmp_path / "s", parameters={"tissue.radius_um": [150.0, 200.0]}, seeds=[0])
    with pytest.raises(InputError, match="differs from the first run"):
        mixed.fields()
    assert {dict(one.fields().sizes)["site"] > 100 for one in mixed} == {True}


def test_a_run_is_done_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    given: dict[str, Any] = {"days": 0.25, "settings": SHORT}
    one = run("hfe-mouse", seed=3, **given)
    assert one.folder == Path("runs/hfe-mouse-seed3") and one.readouts["hours"] == 6.0
    model = Lobule("hfe-mouse", rng=3, settings=SHORT).run(days=0.25)
    assert one.readouts["lic_mg_per_g"] == model.readouts()["lic_mg_per_g"]
    when = (one.folder / "manifest.json").stat().st_mtime_ns
    assert run("hfe-mouse", seed=3, **given).folder == one.folder
    assert (one.folder / "manifest.json").stat().st_mtime_ns == when
    other = run("hfe-mouse", seed=3, days=0.25, settings={**SHORT, "subject.age_days": 30.0})
    assert other.folder == Path("runs/hfe-mouse-seed3-2")
    assert run("hfe-mouse", seed=3, **given, out="mine").folder == Path("mine")
    with pytest.raises(InputError, match="not empty"):
        run("hfe-mouse", seed=4, **given, out="mine")
    (one.folder / "series.parquet").write_bytes(b"")
    with pytest.raises(InputError, match=r"series\.parquet is not what was written"):
        run("hfe-mouse", seed=3, **given)


def test_an_interrupted_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    step, taken = Lobule.step, []

    def interrupts(self: Lobule) -> None:
        taken.append(self.hours)
        if len(taken) == 4:
            raise KeyboardInterrupt
        step(self)

    monkeypatch.setattr(Lobule, "step", interrupts)
    given: dict[str, Any] = {"seed": 1, "days": 0.25, "settings": SHORT, "out": tmp_path / "one"}
    with pytest.raises(KeyboardInterrupt):
        run("hfe-mouse", **given)
    assert run("hfe-mouse", **given).readouts["hours"] == 6.0
    assert taken == [0.0, 1.0, 2.0, 3.0, 3.0, 4.0, 5.0]


def test_numpy_numbers_are_numbers(tmp_path: Path):
    one = run("hfe-mouse", seed=np.int64(3), days=0.25, settings=SHORT, out=tmp_path / "one")  # type: ignore[arg-type]
    assert one.manifest["seed"] == 3
    many = small_sweep(tmp_path / "s", seeds=np.arange(1), parameters={"subject.age_days": np.array([21.0])})
    assert len(many) == 1


def test_what_is_left_out_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    given: dict[str, Any] = {"days": 0.25, "settings": SHORT}
    run("hfe-mouse-msc", **given, out=tmp_path / "one")
    sweep("hfe-mouse-msc", **given, out=tmp_path / "s", workers=1)
    assert capsys.readouterr().err.count("is after day 0.25 and is left out") == 2


@pytest.mark.parametrize("seed", [-1, 1.5, True, 2**63])
def test_a_seed_is_a_whole_number(seed: Any):
    with pytest.raises(InputError, match="must be a whole number"):
        run("hfe-mouse", seed=seed)


def test_cases_can_be_named(tmp_path: Path):
    case = load_case("hfe-mouse", SHORT)
    bled = load_case(case, {"treatments": [{"kind": "phlebotomy", "day": 0.1, "volume_ml": 0.2}]})
    arms = sweep({"alone": case, "bled": bled}, days=0.25, out=tmp_path / "s", workers=1, progress=False)
    final = arms.final(["haemoglobin_g_per_dl"]).set_index("arm")["haemoglobin_g_per_dl"]
    assert list(final.index) == ["alone", "bled"] and final["bled"] < final["alone"]


def test_runs_leave_no_models_behind():
    """Mesa 3.3.1 keeps every model with agents for ever; a worker that makes thousands of runs makes none."""
    kept = []
    for seed in range(3):
        model = build_model(load_case("hfe-mouse", SHORT), seed)
        model.step()
        kept.append(weakref.ref(model))
        assert len(model.agents) == 0 and model.case.tissue.agents
    del model
    gc.collect()
    assert [ref() for ref in kept] == [None] * 3


def test_everything_a_study_needs_in_six_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    given: dict[str, Any] = {"settings": SHORT, "workers": 1, "progress": False}
    results = sweep("hfe-mouse", {"hepatocyte.export_rate": [0.02, 0.06]}, seeds=range(2), days=1, **given)
    means = results.final().groupby("hepatocyte.export_rate")["lic_mg_per_g"].mean()
    assert isinstance(means, pd.Series) and means[0.02] > means[0.06]
    assert len(load_results("results")) == 4 and isinstance(next(iter(results)), Run)


def test_what_a_script_gives_wrongly_gets_one_line(tmp_path: Path):
    calls: list[tuple[Any, str]] = [
        (lambda: sweep("hfe-mouse", [1]), r"parameters = \[1\] -> must be a mapping"),  # type: ignore[arg-type]
        (lambda: sweep("hfe-mouse", out=3), "out = 3 -> must be the name"),  # type: ignore[arg-type]
        (lambda: sweep("hfe-mouse", name=3), "name = 3 -> must be a text"),  # type: ignore[arg-type]
        (lambda: load_results(3), "folder = 3 -> must be the name"),  # type: ignore[arg-type]
        (lambda: collect(3, "csv"), "source = 3 -> must be the name"),  # type: ignore[arg-type]
        (lambda: collect(tmp_path, "csv"), "is no store of runs"),
    ]
    for call, words in calls:
        with pytest.raises(InputError, match=words):
            call()
