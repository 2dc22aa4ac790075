"""The model: the same seed gives the same bits, cells do not share luck, and the tissue stays in order."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from lobule import Lobule
from lobule.agents import MSC, Hepatocyte, Macrophage, StellateCell
from lobule.errors import InputError

from .model_cases import (
    assert_iron_is_sound,
    assert_same,
    assert_tissue_is_sound,
    by_key,
    differences,
    everything,
    small,
    state,
    zone_means,
)


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(treated: Lobule):
    assert_same(everything().run(), treated)
    other = everything(seed=2).run()
    assert differences(state(other), state(treated))
    assert sorted(by_key(other, "hepatocyte", "iron")) != sorted(by_key(treated, "hepatocyte", "iron"))


def test_a_seed_of_none_is_that_of_the_case():
    assert int(small(seed=None).seed) == small().case.seed
    assert_same(small(seed=small().case.seed).run(days=1), small().run(days=1))


def test_models_beside_each_other_do_not_touch(treated: Lobule):
    one, two = everything(), everything(seed=9)
    third = small("ccl4-mouse", **{"hepatocyte__export_rate": 0.1})
    while one.hours < one.case.end_hours:
        one.step()
        two.step()
        third.step()
    assert_same(one, treated)
    assert_same(two, everything(seed=9).run())


def test_handles_change_nothing(treated: Lobule):
    without = everything(tissue__agents=False).run()
    assert_same(without, treated)
    assert len(without.agents) == 0 and len(treated.agents) > 0


SCRIPT = """
import hashlib, sys
import numpy as np
sys.path.insert(0, {path!r})
from tests.model_cases import everything, state
import numba
assert numba.get_num_threads() == {threads}
digest = hashlib.sha256()
for name, value in sorted(state(everything().run(days=3)).items()):
    digest.update(name.encode() + np.asarray(value).tobytes())
print(digest.hexdigest())
"""


def digest(model: Lobule) -> str:
    total = hashlib.sha256()
    for name, value in sorted(state(model).items()):
        total.update(name.encode() + np.asarray(value).tobytes())
    return total.hexdigest()


def test_other_processes_with_any_number_of_threads_give_the_same_bits(pytestconfig: pytest.Config):
    running = []
    for threads in ("1", "2"):
        script = textwrap.dedent(SCRIPT.format(path=str(pytestconfig.rootpath), threads=threads))
        environment = os.environ | {"NUMBA_NUM_THREADS": threads, "PYTHONHASHSEED": threads}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
        running.append(subprocess.Popen([sys.executable, "-c", script], **pipes))
    expected = digest(everything().run(days=3))
    for process in running:
        out, error = process.communicate(timeout=300)
        assert process.returncode == 0, error
        assert out.strip() == expected


def test_one_birth_more_shifts_nobody_elses_luck():
    """A cell divides out of turn: the others die, divide and move as without it, save where she matters."""
    plain, forced = (everything(treatments=[]) for _ in range(2))
    table = forced.population.tables["macrophage"]
    forced.population.divide_in_place("macrophage", np.array([7]))
    assert len(table) == len(plain.population.tables["macrophage"]) + 1
    for model in (plain, forced):
        model.run(days=2)
    for name in ("hepatocyte", "stellate", "macrophage"):
        a, b = by_key(plain, name, "site"), by_key(forced, name, "site")
        assert len(a.keys() ^ b.keys()) <= (1 if name == "macrophage" else 0)
        moved = [key for key in a.keys() & b.keys() if a[key] != b[key]]
        assert len(moved) <= 2, (name, moved)


def test_the_order_of_rows_changes_no_draw():
    """Rows permuted at the start: everything discrete about every cell comes out the same."""
    plain, shuffled = small("ccl4-mouse"), small("ccl4-mouse")
    rng = np.random.default_rng(3)
    for table in shuffled.population.tables.values():
        order = rng.permutation(len(table))
        table.restore({name: values[order] for name, values in table.state().items()})
    for _ in range(30):
        plain.step()
        shuffled.step()
    assert plain.deaths == shuffled.deaths > 0
    for name, columns in {
        "hepatocyte": ("site", "births", "senescent", "cycle"),
        "stellate": ("site", "stage", "births"),
        "macrophage": ("site", "polarisation", "lineage"),
    }.items():
        for column in columns:
            assert by_key(plain, name, column) == by_key(shuffled, name, column), (name, column)
    iron, again = by_key(plain, "hepatocyte", "iron"), by_key(shuffled, "hepatocyte", "iron")
    assert list(again.values()) == pytest.approx([iron[key] for key in again], rel=1e-9)


@pytest.mark.parametrize("case", ["everything", "ccl4-mouse"])
def test_cells_fields_and_matrix_stay_in_order(case):
    model = everything() if case == "everything" else small(case)
    days = 6 if case == "everything" else 12
    while model.hours < days * 24.0:
        model.step()
        assert_tissue_is_sound(model)


def test_uptake_booked_is_what_the_blood_brought():
    """Iron: inlet less outlet is what the cells took, by the solver's own coefficients and fields."""
    model = small(subject__age_days=40.0).run(days=2)
    fields, exchange, lane = model.fields, model.exchange, 0
    assert [*fields][lane] == "iron"
    inflow, outflow = model.perfusion.inflow, model.perfusion.outflow
    mobile = fields.mobile[lane]
    unit = fields.c[:, lane]
    came, left = float(inflow.sum() * mobile), float(mobile * outflow @ unit)
    taken = float(exchange.uptake[:, lane] @ unit)
    assert came - left == pytest.approx(taken, rel=2e-3)
    assert 0.0 < left < came
    model.step()
    solved = model.last_solve
    assert solved.refused == 0.0 and solved.residual < 1e-3 and solved.change < 0.05
    assert float(solved.gained.sum()) > 0.0
    assert_iron_is_sound(model)


def test_iron_gained_is_the_flux_the_body_delivered():
    model = small(subject__age_days=40.0).run(days=1)
    seen: list[tuple[float, float]] = []
    solve = model.exchange.solve

    def watched(dt, sites, delivered, released, inlet):
        solved = solve(dt, sites, delivered, released, inlet)
        own = float(solved.gained.sum())
        seen.append((delivered + float(released.sum()), own + solved.washed_out + solved.refused))
        return solved

    model.exchange.solve = watched
    model.run(days=1)
    for given, booked in seen:
        assert booked == pytest.approx(given, rel=1e-12)
    assert sum(given for given, _ in seen) > 0.0


def test_the_animal_grows_and_its_liver_with_it():
    model = small().run(days=2)
    start = small()
    factor = model.body.reference.liver_weight / start.body.reference.liver_weight
    assert factor > 1.05
    assert model.scale == pytest.approx(start.scale * factor)


def test_a_day_past_the_end_of_the_case_goes_on_with_the_last_step():
    model = small(clock__phases=[{"days": 1.0, "step_hours": 6.0}, {"days": 1.0, "step_hours": 12.0}])
    model.run(days=3)
    assert model.hours == 72.0 and int(model.tick) == 4 + 2 + 2
    assert model.last_step_hours == 12.0
    assert_iron_is_sound(model)


def test_run_reports_progress_after_every_step():
    hours: list[float] = []
    model = small(clock__phases=[{"days": 1.0, "step_hours": 6.0}])
    assert model.run(progress=lambda m: hours.append(m.hours)) is model
    assert hours == [6.0, 12.0, 18.0, 24.0]


def test_the_contract_of_names():
    model = small("ccl4-mouse").run(days=2)
    assert model.hours == 48.0
    assert set(model.cells) == {Hepatocyte, StellateCell, Macrophage, MSC}
    assert model.cells[Hepatocyte]["iron"].shape == (len(model.cells[Hepatocyte]),)
    assert model.fields["tnf"].shape == (model.tissue.n_sites,)
    view = model.fields["tnf"]
    model.step()
    assert np.shares_memory(view, model.fields["tnf"])
    names = """hours lic_mg_per_g collagen_area_percent alt_iu_per_l ferritin_ug_per_l serum_iron_um
    transferrin_saturation_percent ntbi_um hepcidin_ng_per_ml haemoglobin_g_per_dl hepatocytes
    stellate_quiescent stellate_activated macrophages_m1 macrophages_m2 msc iron_in_hepatocytes_percent
    iron_zone1_to_zone3_ratio iron_ledger_error"""
    readouts = model.readouts()
    assert set(names.split()) <= set(readouts)
    assert all(isinstance(value, float | int) for value in readouts.values())


def test_readouts_agree_with_the_cells():
    model = everything().run(days=4)
    r, tables = model.readouts(), model.population.tables
    stage, polarisation = tables["stellate"]["stage"], tables["macrophage"]["polarisation"]
    assert r["hepatocytes"] == len(tables["hepatocyte"])
    assert r["stellate_quiescent"] + r["stellate_activated"] == len(stage)
    assert r["stellate_activated"] == np.sum(stage > 0) and r["myofibroblasts"] == np.sum(stage >= 8)
    assert r["macrophages_m1"] == np.sum(polarisation == 1) and r["macrophages_m2"] == np.sum(
        polarisation == 2
    )
    assert r["msc"] == len(tables["msc"])
    assert r["iron_ledger_error"] < 1e-9
    umol_per_gram = r["lic_mg_per_g"] * 1000.0 / 55.845
    assert umol_per_gram == pytest.approx(model.liver_iron, rel=1e-4)


def test_too_young_a_subject_is_refused():
    with pytest.raises(InputError, match=r"subject\.age_days"):
        small(subject__age_days=3.0)


def test_oxygen_falls_and_iron_falls_from_portal_tract_to_central_vein():
    model = small(subject__age_days=40.0).run(days=2)
    for values in (model.oxygen_tension(), model.fields["iron"]):
        means = zone_means(model, values)
        assert means[0] > means[1] > means[2] > 0.0
