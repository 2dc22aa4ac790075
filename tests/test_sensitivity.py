"""Sensitivity: known indices are found, chance is told from effect, studies go on, bad files get one line."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text

from lobule.errors import InputError
from lobule.experiments import runner, sensitivity
from lobule.experiments.cli import main
from lobule.experiments.sensitivities import pictures
from lobule.experiments.sensitivities.analysis import analyse, chance_level, chance_of, ranking, reduced
from lobule.experiments.sensitivities.pictures import morris_plane, scatters, sobol_bars
from lobule.experiments.sensitivities.study import saltelli
from lobule.experiments.sensitivities.studyfile import read_study
from lobule.experiments.sweeps.store import Store

from .sensitivity_cases import FILE, KEYS, S1, S13, ST, ishigami, study_of
from .sweep_cases import contents, times

EXAMPLES = Path(__file__).parents[1] / "experiments" / "examples"
LIC = "lic_mg_per_g"


def test_sobol_indices_of_a_known_function_are_within_their_intervals():
    study = study_of("sobol", 512, second_order=True)
    values = np.repeat(ishigami(study.unit())[:, None], 3, axis=1)
    found = analyse(study, LIC, values).indices
    for name, exact in (("S1", S1), ("ST", ST)):
        error = np.abs(found[name] - exact)
        assert np.all(error <= found[f"{name}_conf"]), (name, found[name], exact)
        assert np.all(found[f"{name}_conf"] < 0.2)
    assert abs(found["S2"][0, 2] - S13) <= found["S2_conf"][0, 2] < 0.25
    assert abs(found["S2"][0, 1]) <= found["S2_conf"][0, 1]
    assert ranking(study, analyse(study, LIC, values)) == [0, 1, 2]


def test_morris_effects_of_a_known_function_are_exact():
    study = study_of("morris", 8, KEYS)
    unit = study.unit()
    values = 2.0 * unit[:, 0] - 5.0 * unit[:, 1] + 6.0 * unit[:, 0] * unit[:, 2]
    found = analyse(study, LIC, np.repeat(values[:, None], 3, axis=1))
    assert found.indices["mu"][1] == pytest.approx(-5.0) and found.indices["mu_star"][1] == pytest.approx(5.0)
    assert found.indices["sigma"][1] == pytest.approx(0.0, abs=1e-9)
    assert found.indices["sigma"][0] > 0.5 and found.indices["sigma"][2] > 0.5  # they act together
    assert found.indices["mu_star"][3] == pytest.approx(0.0, abs=1e-9)
    assert found.chance.share == pytest.approx(0.0, abs=1e-9)


def test_points_are_where_the_parameters_say():
    study = study_of("sobol", 4)
    low, high = 0.005, 0.2
    rates = np.array([point.values[0] for point in study.plan.points])
    assert rates == pytest.approx(low + study.unit()[:, 0] * (high - low))
    assert [point.sample for point in study.plan.points] == list(range(4 * 5))


def test_more_base_samples_begin_with_the_same_ones():
    assert np.array_equal(saltelli(3, 16, 5, False)[: 8 * 5], saltelli(3, 8, 5, False))
    assert not np.array_equal(saltelli(3, 8, 6, False), saltelli(3, 8, 5, False))


def test_intervals_are_the_same_every_time():
    study = study_of("sobol", 16, root=0)
    values = ishigami(study.unit())[:, None]
    one, other = (analyse(study, LIC, values).indices for _ in range(2))
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_the_share_of_chance_is_found():
    rng = np.random.default_rng(1)
    points, replicates = 4000, 4
    own = rng.normal(0.0, 3.0, (points, 1))
    luck = rng.normal(0.0, 2.0, (points, replicates))
    found = chance_of(own + luck)
    assert found.share == pytest.approx(1.0 / (9.0 + 1.0), rel=0.06)
    assert found.share_of_a_run == pytest.approx(4.0 / 13.0, rel=0.05)
    assert found.deviation == pytest.approx(1.0, rel=0.03)
    # what a seed does to all points alike is chance of a run, but changes no index
    shared = chance_of(own + luck + np.array([-6.0, -2.0, 2.0, 6.0]))
    assert shared.share == pytest.approx(found.share) and shared.deviation == pytest.approx(found.deviation)
    assert shared.share_of_a_run > 2.0 * found.share_of_a_run
    assert all(math.isnan(value) for value in chance_of(own))  # one replicate tells nothing


@pytest.mark.parametrize(("method", "number", "index"), [("sobol", 1024, "ST"), ("morris", 400, "mu_star")])
def test_a_parameter_without_effect_gets_the_index_of_chance(method: str, number: int, index: str):
    study = study_of(method, number)
    rng = np.random.default_rng(2)
    signal_of = 4.0 * study.unit()[:, :1]
    found = analyse(study, LIC, signal_of + rng.normal(0.0, 1.0, (len(signal_of), 3)))
    level = chance_level(study, found)
    assert found.indices[index][1:] == pytest.approx([level, level], rel=0.12)
    assert found.indices[index][0] > 3.0 * level


def test_blocks_with_a_missing_value_are_left_out():
    study = study_of("morris", 6)
    values = np.repeat((study.unit() @ [1.0, 2.0, 3.0])[:, None], 3, axis=1)
    values[5, 1] = math.nan  # in the second trajectory of four points each
    found = analyse(study, LIC, values)
    assert found.used == 5 and np.isnan(found.means[4:8]).all() and np.isfinite(found.means[8:]).all()
    assert found.indices["mu_star"] == pytest.approx([1.0, 2.0, 3.0])
    values[8:, 0] = math.nan
    assert analyse(study, LIC, values).trouble.startswith("only 1 of 6 trajectories have")
    assert analyse(study, LIC, np.ones_like(values)).trouble == "it is the same at all points"


def test_what_is_read_of_a_series():
    hours, values = np.array([0.0, 1.0, 4.0]), np.array([2.0, 4.0, 1.0])
    assert reduced(hours, values, "end") == 1.0 and reduced(hours, values, "max") == 4.0
    assert reduced(hours, values, "mean") == pytest.approx((3.0 + 7.5) / 4.0)
    gap = np.array([math.nan, 4.0, 1.0])
    assert reduced(hours, gap, "mean") == pytest.approx(2.5) and math.isnan(reduced(hours, gap[:1], "max"))


def test_names_of_points_do_not_meet():
    study = study_of("morris", 5, KEYS)
    values = np.repeat((study.unit() @ [1.0, 0.01, 0.01, 0.0])[:, None], 3, axis=1)
    figure = morris_plane(study, analyse(study, LIC, values))
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in figure.axes[0].texts]  # without their lines
    assert len(boxes) == 4
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    bars = figure.axes[1].get_tightbbox()
    assert bars is not None and not any(box.overlaps(bars) for box in boxes)


def test_pictures_show_what_matters_most_on_top():
    study = study_of("sobol", 64)
    found = analyse(study, LIC, np.repeat((study.unit() @ [1.0, 3.0, 2.0])[:, None], 3, axis=1))
    ax = sobol_bars(study, found).axes[0]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [KEYS[1], KEYS[2], KEYS[0]]
    assert ax.yaxis_inverted()
    panels = scatters(study, found).axes
    assert [panel.get_xlabel().split(" ")[0] for panel in panels] == [KEYS[1], KEYS[2], KEYS[0]]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "small.toml"
    path.write_text(FILE.format(days=0.25, method="morris", number=3), "utf-8")
    return path


def test_a_small_study_from_file_to_table(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "out"
    words = ["sensitivity", str(file), "--out", str(out), "--workers", "1"]
    assert main([*words, "--dry-run"]) == 0
    assert "morris: 3 trajectories of 3 points each" in capsys.readouterr().out and not out.exists()
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert f"{LIC}, at the end: mean" in printed and "hepcidin_ng_per_ml, at its highest" in printed
    with (out / "indices.csv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 4 and {row["unit"] for row in rows} == {"mg/g dry", "ng/mL"}
    first = rows[0]
    assert first["readout"] == LIC and first["parameter"] == "body.hfe_response" and float(first["mu"]) < 0.0
    assert float(first["mu_star_low"]) < float(first["mu_star"]) < float(first["mu_star_high"])
    assert rows[1]["scale"] == "log" and float(rows[1]["low"]) == 0.02
    found = json.loads((out / "sensitivity.json").read_text("utf-8"))
    assert found["replicates"] == 2 and 0.0 <= found["readouts"][0]["chance"]["share"] < 0.5
    assert sorted(path.name for path in (out / "figures").iterdir()) == [
        "morris-hepcidin_ng_per_ml.png", f"morris-{LIC}.png",
        "scatter-hepcidin_ng_per_ml.png", f"scatter-{LIC}.png",
    ]  # fmt: skip
    before, table_before = times(out), (out / "indices.csv").read_bytes()
    assert main(words) == 0  # nothing is run again
    assert times(out) == before and (out / "indices.csv").read_bytes() == table_before


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "draw_study", lambda *given: [])


@pytest.mark.usefixtures("no_pictures")
def test_the_same_from_a_script(file: Path, tmp_path: Path):
    out = tmp_path / "out"
    assert main(["sensitivity", str(file), "--out", str(out), "--workers", "1"]) == 0
    before = times(out)
    found = sensitivity(
        "hfe-mouse",
        {"body.hfe_response": (), "hepatocyte.export_rate": (0.02, 0.08, "log")},
        [LIC, "hepcidin_ng_per_ml"],
        number=3,
        at={"hepcidin_ng_per_ml": "max"},
        days=0.25,
        out=out,
        workers=1,
        settings={"tissue.lobules": 1},
        progress=False,
    )
    assert times(out) == before  # they are the same runs
    frame = found.to_pandas()
    with (out / "indices.csv").open(encoding="utf-8") as table:
        assert [float(row["mu_star"]) for row in csv.DictReader(table)] == frame["mu_star"].tolist()


@pytest.mark.slow  # sweeps, which do its runs, are killed in the quick tests, too
def test_a_study_that_is_killed_goes_on(tmp_path: Path):
    path = tmp_path / "longer.toml"
    path.write_text(FILE.format(days=2, method="sobol", number=2), "utf-8")
    command = [sys.executable, "-m", "lobule.experiments.cli", "sensitivity", str(path), "--workers", "1"]
    subprocess.run([*command, "--out", tmp_path / "whole"], check=True, timeout=240, capture_output=True)
    out = tmp_path / "out"
    process = subprocess.Popen([*command, "--out", out], stderr=subprocess.DEVNULL, start_new_session=True)
    end = time.monotonic() + 240
    while len(done := Store(out).state(os.listdir(out / "runs"))[0] if (out / "runs").is_dir() else ()) < 2:
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    kept = {run: (out / "runs" / run / "series.parquet").stat().st_mtime_ns for run in done}
    assert not (out / "indices.csv").exists()
    subprocess.run([*command, "--out", out], check=True, timeout=240, capture_output=True)
    assert contents(out) == contents(tmp_path / "whole")
    assert (out / "indices.csv").read_bytes() == (tmp_path / "whole" / "indices.csv").read_bytes()
    assert all(
        (out / "runs" / run / "series.parquet").stat().st_mtime_ns == then for run, then in kept.items()
    )


@pytest.mark.usefixtures("no_pictures")
def test_a_run_that_fails_costs_its_trajectory(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    plan = read_study(file).plan
    bad = next(run for run in plan.rows if run.sample == 4)
    real = runner.run_into

    def breaks(folder: Path, case: Any, seed: int, **options: Any) -> Any:
        if folder.name.startswith(bad.id):
            raise ArithmeticError("no convergence")
        return real(folder, case, seed, **options)

    out = tmp_path / "out"
    words = ["sensitivity", str(file), "--out", str(out), "--workers", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(runner, "run_into", breaks)
        assert main(words) == 3
    printed = capsys.readouterr().out
    assert "no convergence" in printed and "1 of 3 trajectories are left out" in printed
    assert json.loads((out / "sensitivity.json").read_text("utf-8"))["readouts"][0]["used"] == 2
    assert main([*words, "--failed"]) == 0
    assert json.loads((out / "sensitivity.json").read_text("utf-8"))["readouts"][0]["used"] == 3


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("sensitivity*.toml")), ids=lambda path: path.stem)
def test_examples_are_sound(path: Path):
    study = read_study(path)
    case = study.plan.resolved(0, 0)
    assert case.tissue.lobules == 1 and len(study.axes) >= 6
    for key, value in zip(study.plan.keys, study.plan.points[-1].values, strict=True):
        assert case.parameters.keys() >= {key} and isinstance(value, float)


HEAD = 'format = 1\ncase = "hfe-mouse"\nmethod = "sobol"\nnumber = 8\n'
READS = f'readouts = ["{LIC}"]\n'
RATE = "[parameters]\nhepatocyte.export_rate = {}\n"
BAD = {
    "no format": ('case = "hfe-mouse"\n', "a sensitivity file begins with: format = 1"),
    "newer format": ("format = 2\n", "this version reads 1"),
    "no method": ('format = 1\ncase = "hfe-mouse"\nnumber = 8\n' + READS + RATE, "one of morris, sobol"),
    "unknown method": (
        HEAD.replace("sobol", "moris") + READS + RATE,
        'not one of morris, sobol; did you mean "morris"',
    ),
    "no power of two": (HEAD.replace("8", "60") + READS + RATE, "power of two for sobol, such as 32 or 64"),
    "one trajectory": (HEAD.replace("8", "1").replace("sobol", "morris") + READS + RATE, "from 2 to"),
    "a billion trajectories": (
        HEAD.replace("8", "1000000000").replace("sobol", "morris") + READS + RATE,
        "number = 1000000000 -> must be a whole number from 2 to 1,000,000",
    ),
    "half a number": (HEAD.replace("8", "8.5") + READS + RATE, "number = 8.5 -> must be a whole number"),
    "unknown readout": (HEAD + 'readouts = ["lic_mg_per_gram"]\n' + RATE, f'did you mean "{LIC}"'),
    "no readout": (HEAD + "readouts = []\n" + RATE, "readouts = [] -> must have at least 1"),
    "readout twice": (HEAD + f'readouts = ["{LIC}", "{LIC}"]\n' + RATE, "is there twice"),
    "unknown time": (HEAD + READS + 'at = "ends"\n' + RATE, '"ends" -> not one of end, max, mean; did you'),
    "unknown time of one": (HEAD + READS + f'at = {{ {LIC} = "peak" }}\n' + RATE, f'at.{LIC} = "peak"'),
    "time in numbers": (HEAD + READS + "at = 3\n" + RATE, "at = 3 -> must be one of end, max, mean, or"),
    "time of another readout": (HEAD + READS + 'at = { alt_iu_per_l = "max" }\n' + RATE, "not among the"),
    "pairs of morris": (
        HEAD.replace("sobol", "morris") + "second_order = true\n" + READS + RATE,
        'is for method = "sobol"',
    ),
    "no parameters": (HEAD + READS + "[parameters]\n", "there is none"),
    "unknown parameter": (
        HEAD + READS + "[parameters]\nhepatocyte.exprt_rate = {}\n",
        'did you mean "hepatocyte.export_rate"',
    ),
    "a list": (HEAD + READS + "[parameters]\nhepatocyte.export_rate = [0.1]\n", "must be an interval"),
    "a range": (
        HEAD + READS + "[parameters]\nhepatocyte.export_rate = { from = 0.1, to = 0.2 }\n",
        "no such key",
    ),
    "out of range": (HEAD + READS + "[parameters]\nhepatocyte.export_rate = { high = 3 }\n", "outside its"),
    "log from zero": (HEAD + READS + '[parameters]\nstellate.threshold = { scale = "log" }\n', "more than 0"),
    "no declared range": (HEAD + READS + "[parameters]\nsubject.age_days = {}\n", "needs low"),
    "wrong unit": (HEAD + READS + '[parameters]\nhepatocyte.export_rate = { unit = "1/h" }\n', "in fmol/h"),
    "too many runs": (HEAD.replace("8", "524288") + READS + RATE, "at most 1,000,000 are possible"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_a_bad_file_gets_one_line(
    text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("bad.toml").write_text(text, "utf-8")
    assert main(["sensitivity", "bad.toml", "--workers", "1"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("lobule sensitivity: bad.toml"), lines
    assert words in lines[0], lines
    assert not Path("sensitivity").exists()


def test_without_salib_one_line_says_how_to_get_it(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "SALib", None)
    assert main(["sensitivity", str(file), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.strip().endswith("SALib is not installed: pip install 'lobule[calibrate]'")
    assert not (tmp_path / "out").exists()


def test_a_script_is_told_what_is_wrong(tmp_path: Path):
    with pytest.raises(InputError, match="must be \\(low, high\\)"):
        sensitivity("hfe-mouse", {"stellate.threshold": (0.1,)}, [LIC], out=tmp_path / "out")
