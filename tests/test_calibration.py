"""Calibration: known parameters are found again, interruptions change nothing, bad files get a line."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lobule.case import load_case
from lobule.experiments.calibration import pictures
from lobule.experiments.calibration.calibrationfile import read_calibration
from lobule.experiments.calibration.evaluation import Evaluated, Evaluation
from lobule.experiments.calibration.problem import Calibration, Statistics, misfit
from lobule.experiments.cli import main
from lobule.experiments.evidence import Value, read_evidence
from lobule.experiments.sweeps import task

from .calibration_cases import TRUE, calibration_file

pytest.importorskip("pyabc", reason="pyabc, of the extra 'calibrate', is not installed")


@pytest.fixture(scope="module")
def recovered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a calibration to data that were simulated with known parameters."""
    folder = tmp_path_factory.mktemp("recovery")
    file = calibration_file(folder)
    assert main(["calibrate", str(file), "--out", str(folder / "out"), "--workers", "1"]) == 0
    return folder / "out"


def test_known_parameters_are_found_again(recovered: Path):
    found = json.loads((recovered / "summary.json").read_bytes())
    assert found["end"] == "tolerance"
    for key, truth in TRUE.items():
        low, high = found["parameters"][key]["interval_95"]
        assert low < truth < high
        assert found["parameters"][key]["sd_over_prior_sd"] < 0.6
        assert found["parameters"][key]["is_pinned"]
    by = {key: [pin["part"] for pin in found["parameters"][key]["pinned_by"]] for key in TRUE}
    assert "lic_mg_per_g" in by["body.hfe_response"][0]
    assert "transferrin_saturation" in by["hepatocyte.export_rate"][0]
    assert all(abs(value["misfit_of_best"]) < 2.0 for value in found["values"])


def test_the_posterior_is_that_of_the_particles(recovered: Path):
    table = pd.read_csv(recovered / "posterior.csv")
    found = json.loads((recovered / "summary.json").read_bytes())
    assert len(table) == 24 and table["weight"].sum() == pytest.approx(1.0)
    assert table["distance"].is_monotonic_increasing
    assert table["distance"].max() <= found["distance"]["accepted"]
    best = table.iloc[0]
    assert best["body.hfe_response"] == found["parameters"]["body.hfe_response"]["best"]
    assert all(table["hepatocyte.export_rate"].between(0.005, 0.2))


def test_its_parameters_run_in_a_case(recovered: Path, tmp_path: Path, no_figures: list[Path]):
    file = recovered / "parameters.toml"
    best = tomllib.loads(file.read_text("utf-8"))["parameters"]
    words = [
        "run",
        "hfe-mouse",
        "--days",
        "0.25",
        "--set",
        "tissue.lobules=1",
        "--set",
        "body.diet_power=0.3",
    ]
    assert main([*words, "--parameters", str(file), "--out", str(tmp_path / "run")]) == 0
    case = load_case(str(tmp_path / "run" / "case.toml"))
    assert case.parameters == {**best, "body.diet_power": 0.3}
    assert set(best) == set(TRUE)


def test_pictures_are_drawn_and_runs_are_not_kept(recovered: Path):
    names = {path.name for path in (recovered / "figures").iterdir()}
    assert names == {"marginals.png", "pairs.png", "fit.png", "generations.png"}
    assert not list((recovered / "runs" / "runs").iterdir())


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "draw", lambda *given: [])


@pytest.mark.usefixtures("no_pictures")
def test_an_interruption_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = calibration_file(tmp_path, particles=10, generations=3)
    made = []
    anew = task._run_anew

    def counted(*given: Any) -> None:
        if stop_at is not None and len(made) == stop_at:
            raise KeyboardInterrupt
        made.append(given)
        anew(*given)

    monkeypatch.setattr(task, "_run_anew", counted)
    stop_at: int | None = None
    words = ["calibrate", str(file), "--workers", "1", "--out"]
    assert main([*words, str(tmp_path / "whole")]) == 0
    whole = len(made)
    made.clear()
    for stop_at in (4, 16):  # noqa: B007  # in the first generation, and in the second
        assert main([*words, str(tmp_path / "halves")]) == 130
    stop_at = None
    assert main([*words, str(tmp_path / "halves")]) == 0
    assert len(made) == whole  # nothing was simulated twice
    for name in ("posterior.csv", "summary.json", "parameters.toml"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "halves" / name).read_bytes()


def test_a_folder_is_kept_for_one_calibration(recovered: Path, tmp_path: Path, capsys: Any):
    file = calibration_file(tmp_path)
    assert main(["calibrate", str(file), "--out", str(recovered), "--workers", "1"]) == 0  # done already
    file.write_text(file.read_text("utf-8").replace("seed = 3", "seed = 4"), "utf-8")
    capsys.readouterr()
    assert main(["calibrate", str(file), "--out", str(recovered), "--workers", "1"]) == 2
    assert "holds another calibration" in capsys.readouterr().err


@pytest.mark.slow
def test_workers_change_nothing(tmp_path: Path):
    file = calibration_file(tmp_path, particles=10, generations=2)
    for number in ("1", "2"):
        assert main(["calibrate", str(file), "--workers", number, "--out", str(tmp_path / number)]) == 0
    one, two = ((tmp_path / number / "posterior.csv").read_bytes() for number in ("1", "2"))
    assert one == two


def test_when_no_particle_gives_a_result_it_says_why(tmp_path: Path, capsys: Any, monkeypatch: Any):
    def broken(*given: Any) -> None:
        raise ArithmeticError("iron is lost")

    monkeypatch.setattr(task, "_run_anew", broken)
    file = calibration_file(tmp_path)
    assert main(["calibrate", str(file), "--workers", "1", "--out", str(tmp_path / "out")]) == 2
    assert "ArithmeticError: iron is lost" in capsys.readouterr().err


def toy(monkeypatch: pytest.MonkeyPatch, misses: Callable[[float], tuple[float, float] | None]) -> None:
    """Let a run miss the two numbers by what `misses` says for an answer of hepcidin."""

    def evaluated(self: Evaluation, particles: Iterator[Mapping[str, float]]) -> Iterator[Evaluated]:
        data = np.array([target.value.value for target in self.calibration.targets])
        for number, parameters in enumerate(particles):
            missed = misses(parameters["body.hfe_response"])
            found = None if missed is None else Statistics(data + missed, np.full(2, np.nan))
            yield Evaluated([(number, found)])

    monkeypatch.setattr(Evaluation, "__call__", evaluated)


def ended(folder: Path, *changes: tuple[str, str]) -> dict[str, Any]:
    file = calibration_file(folder, particles=100, generations=9)
    for old, new in changes:
        file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")
    assert main(["calibrate", str(file), "--out", str(folder / "out"), "--workers", "1"]) == 0
    return dict(json.loads((folder / "out" / "summary.json").read_bytes()))


@pytest.mark.usefixtures("no_pictures")
def test_data_out_of_reach_are_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    """The second value is missed by 8 standard errors whatever is tried; the first tells one parameter."""
    toy(monkeypatch, lambda x: (0.3 * (x - 0.3), 4.0))
    found = ended(tmp_path)
    assert found["end"] == "tolerance" and found["distance"]["best"] == pytest.approx(
        8.0 / math.sqrt(2), rel=0.01
    )
    assert found["values"][1]["misfit_of_best"] == pytest.approx(8.0, rel=0.01)
    hfe, export = (found["parameters"][key] for key in TRUE)
    assert hfe["interval_95"][0] < 0.3 < hfe["interval_95"][1]
    assert 0.5 < hfe["sd_over_prior_sd"] < 0.9 < export["sd_over_prior_sd"]
    assert "nothing: these data hardly tell it" in capsys.readouterr().out


@pytest.mark.usefixtures("no_pictures")
def test_a_generation_that_takes_too_long_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
):
    toy(monkeypatch, lambda x: (abs(x - 0.2), 0.0) if x < 0.4 else None)
    found = ended(tmp_path, ("seed = 3", "seed = 3\ntolerance = 0.0\nleast_acceptance = 0.5"))
    assert found["end"] == "acceptance" and found["distance"]["best"] > 0.0
    assert "fewer than 50 % of the particles" in capsys.readouterr().out
    first = found["generations"][0]
    assert first["accepted"] == 100 < first["simulated"]  # those without a result were left out
    assert len(found["generations"]) < 9


def value(**given: Any) -> Value:
    about = {"readout": "lic_mg_per_g", "genotype": "wild-type", "unit": "-", "grade": "A", "source": ""}
    return Value.model_validate({**about, **given})


def test_misfits():
    with_error = value(value=2.0, error=0.5, error_kind="SE")
    assert misfit(with_error, 3.0, math.nan) == pytest.approx(2.0)
    assert misfit(with_error, 3.0, math.sqrt(0.75)) == pytest.approx(1.0)
    spread = value(value=2.0, error=1.0, error_kind="SD", n=4)
    assert misfit(spread, 1.0, 0.0) == pytest.approx(-2.0)
    ranged = value(value=2.0, error=0.5, error_kind="range")
    assert [misfit(ranged, x, 0.1) for x in (1.5, 2.2, 3.0, 1.0)] == pytest.approx([0.0, 0.0, 1.0, -1.0])
    most = value(value=2.0, error_kind="at most")
    assert [misfit(most, x, 0.1) for x in (1.0, 2.4)] == pytest.approx([0.0, 2.0])
    least = value(value=-2.0, error_kind="at least")
    assert [misfit(least, x, 0.1) for x in (1.0, -2.4)] == pytest.approx([0.0, -2.0])
    assert math.isnan(misfit(ranged, math.nan, math.nan)) and math.isnan(misfit(with_error, math.nan, 0.1))


def test_the_aim_makes_intervals_as_wide_as_the_errors():
    """A linear model with errors of 1: what the aim accepts has the covariance of least squares."""
    rng = np.random.default_rng(1)
    slopes = rng.normal(size=(7, 2))
    data = rng.normal(size=7)
    tried = rng.uniform(-6.0, 6.0, (400_000, 2))
    distances = np.sqrt(np.mean((tried @ slopes.T - data) ** 2, axis=1))

    class Seven(Calibration):
        def __init__(self) -> None:
            pass

        tolerance = None
        targets = (type("T", (), {"value": value(value=1.0, error=1.0, error_kind="SE")}),) * 7
        priors = (None, None)

    accepted = tried[distances <= Seven().aim(float(distances.min()))]
    assert np.cov(accepted.T) == pytest.approx(np.linalg.inv(slopes.T @ slopes), rel=0.05, abs=0.01)


HEAD = "format = 1\n"
HFE = "[parameters]\nbody.hfe_response = {}\n"
ZHOU = 'data = ["zhou-1998"]\n'
BAD = {
    'data = ["zhou-1989"]\n' + HFE: 'data.0 = "zhou-1989" -> no data set and no file; .*mean "zhou-1998"',
    "data = []\n" + HFE: "data",
    HFE: "data is missing",
    ZHOU: "parameters is missing",
    ZHOU + "[parameters]\n": "parameters -> there is none",
    'data = ["zhou-1998", "zhou-1998"]\n' + HFE: 'two data sets of the name "zhou-1998"',
    ZHOU + "[parameters]\nbody.hfe_respons = {}\n": 'no such parameter; did you mean "body.hfe_response"',
    ZHOU + "[parameters]\nbody.hfe_response = 0.2\n": "must be an interval",
    ZHOU + "[parameters]\nbody.hfe_response = { high = 2.0 }\n": "outside its plausible range",
    ZHOU + "[parameters]\nbody.hfe_response = { low = 0.4, high = 0.2 }\n": "must be less than",
    ZHOU + "[parameters]\nbody.hfe_response = { mean = 0.4 }\n": "hfe_response.mean -> no such parameter",
    ZHOU + "[settings]\nbody.hfe_response = 0.2\n" + HFE: "is set under .settings., too",
    'data = ["mouse-budget"]\n' + HFE: 'data.0 = "mouse-budget" -> has no value with use = "fitted"',
    'data = [{ set = "zhou-1998", values = [99] }]\n' + HFE: "values: 99 -> zhou-1998 has values 1 to",
    'data = [{ set = "mouse-budget", values = [1] }]\n' + HFE: "values: 1 -> value 1 .* is only shown",
    ZHOU + "particles = 3\n" + HFE: "particles = 3 -> ",
    ZHOU + "partikles = 30\n" + HFE: 'no such key; did you mean "particles"',
    ZHOU + "[settings]\ntissue.lobule = 1\n" + HFE: "tissue.lobule",
    ZHOU + '[settings]\n"clock.phases" = [{ days = 40, step_hours = 24 }]\n' + HFE: "outside the run",
}


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_bad_files_get_one_line(text: str, tmp_path: Path, capsys: Any):
    path = tmp_path / "bad.toml"
    path.write_text(HEAD + text, "utf-8")
    assert main(["calibrate", str(path), "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"lobule calibrate: {path}: ")
    assert re.search(BAD[text], line)
    assert not (tmp_path / "out").exists()


def test_own_data_are_checked(tmp_path: Path, capsys: Any):
    file = calibration_file(tmp_path)
    own = tmp_path / "own.toml"
    for old, new, words in (
        ('"lic_mg_per_g"', '"lic_mg_per_k"', 'no readout "lic_mg_per_k"; did you mean "lic_mg_per_g"'),
        ("error = 0.03", "error = 0.0", "error = 0 -> a target without error is met by no model"),
        ('"small.toml"', '"large.toml"', "large.toml: no such file"),
        ('use = "fitted"', 'use = "tested"', 'has no value with use = "fitted"; of use = "tested" are'),
    ):
        text = own.read_text("utf-8")
        own.write_text(text.replace(old, new), "utf-8")
        assert main(["calibrate", str(file), "--out", str(tmp_path / "out")]) == 2
        assert words in capsys.readouterr().err
        own.write_text(text, "utf-8")


def test_folders_that_hold_other_things_are_left_alone(tmp_path: Path, capsys: Any):
    file = calibration_file(tmp_path)
    assert main(["calibrate", str(file), "--out", str(tmp_path), "--workers", "1"]) == 2
    assert "holds other things" in capsys.readouterr().err


def test_a_missing_library_is_named(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "pyabc", None)
    file = calibration_file(tmp_path)
    assert main(["calibrate", str(file), "--out", str(tmp_path / "out"), "--workers", "1"]) == 2
    assert "pip install 'lobule[calibrate]'" in capsys.readouterr().err


def test_a_dry_run_says_what_it_would_be(tmp_path: Path, capsys: Any):
    assert main(["calibrate", str(calibration_file(tmp_path)), "--dry-run", "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "body.hfe_response: 0.05 to 0.5 (now 0.28)" in said and "a particle takes 1 run" in said


def test_files_of_parameters_are_checked(tmp_path: Path, capsys: Any):
    for text, words in (
        ("[parameters]\n", "format is missing"),
        ("format = 1\n[parameters]\nbody.hfe_respons = 1\n", 'did you mean "body.hfe_response"'),
        ("format = 1\n[parameters]\nbody.hfe_response = 3\n", "outside its plausible range"),
        ('format = 1\n[parameters]\nbody.hfe_response = "a"\n', "must be a number"),
    ):
        (path := tmp_path / "p.toml").write_text(text, "utf-8")
        assert main(["run", "hfe-mouse", "--parameters", str(path), "--out", str(tmp_path / "out")]) == 2
        assert words in capsys.readouterr().err


@pytest.mark.parametrize(("name", "sets"), [("iron", ["zhou-1998"]), ("scar", ["iredale-1998", "dias-2008"])])
def test_the_examples_are_calibrations(name: str, sets: list[str]):
    """Each takes what is fitted of its data sets, and no more parameters than there are numbers."""
    file = Path(__file__).parents[1] / "experiments" / "examples" / f"calibrate_{name}.toml"
    found = read_calibration(file)
    fitted = [value for data in sets for value in read_evidence(data).targets if value.use == "fitted"]
    assert [target.value for target in found.targets] == fitted
    assert 1 < len(found.priors) <= len(fitted)
    assert len(found.plan.runs) == len(found.plan.arms) * len(found.plan.replicates)


def test_the_file_of_the_page_is_a_calibration(tmp_path: Path):
    page = Path(__file__).parents[1] / "docs" / "calibration.md"
    (text,) = re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    (tmp_path / "iron.toml").write_text(text, "utf-8")
    found = read_calibration(tmp_path / "iron.toml")
    assert found.name == "iron" and [prior.is_log for prior in found.priors] == [False, True]
    assert found.priors[1].deviation == pytest.approx(math.log(4.0) / math.sqrt(12.0))
