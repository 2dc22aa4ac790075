"""The pictures of a sweep: that they are drawn, and show what the table says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from lobule.errors import InputError
from lobule.experiments.cli import main
from lobule.experiments.sweeps.pairs import pair_plot
from lobule.experiments.sweeps.panels import MAIN, Places, shown_readouts
from lobule.experiments.sweeps.pictures import draw_sweep, multiples
from lobule.experiments.sweeps.responses import heat_maps, mean_and_interval, pairs_of, response_curves
from lobule.experiments.sweeps.results import Results

from .sweep_cases import SHORT, small_sweep

PNG = b"\x89PNG\r\n\x1a\n"
RATE, AGE = "hepatocyte.export_rate", "subject.age_days"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    out = tmp_path_factory.mktemp("figures") / "store"
    return small_sweep(out, parameters={AGE: [21.0, 40.0], RATE: [0.02, 0.06]}, seeds=range(2))


def test_every_picture_is_written_whole(results: Results, capsys: pytest.CaptureFixture[str]):
    drawn = draw_sweep(results)
    names = [path.name for path in drawn]
    assert names == [
        "courses.png",
        "response-subject-age_days.png",
        "response-hepatocyte-export_rate.png",
        "heat-subject-age_days-hepatocyte-export_rate.png",
        "pairs.png",
        "lobules.png",
    ]
    for path in drawn:
        data = path.read_bytes()
        assert data.startswith(PNG) and data.endswith(b"IEND\xaeB`\x82") and len(data) > 20_000
    assert main(["plot", str(results.store.path)]) == 0
    assert capsys.readouterr().out.strip() == str(results.store.path / "figures")


def frame(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    arms = np.where(np.arange(n) % 2, "treated", "alone")
    rate = np.where(arms == "alone", np.nan, np.tile([0.02, 0.02, 0.06, 0.06], n // 4))
    rows = pd.DataFrame(
        {"arm": arms, RATE: rate, AGE: np.arange(n) * 1.0, "kind": np.tile(list("ab"), n // 2)}
    )
    return rows.assign(lic_mg_per_g=rng.normal(1.0, 0.1, n), alt_iu_per_l=rng.normal(40.0, 5.0, n), msc=0.0)


def test_what_does_not_differ_is_not_shown():
    assert shown_readouts(frame()) == ["lic_mg_per_g", "alt_iu_per_l"]
    assert shown_readouts(frame().assign(lic_mg_per_g=1.0, alt_iu_per_l=1.0)) == [MAIN[0]]


def test_the_interval_is_that_of_student():
    values = np.array([1.0, 2.0, 4.0, np.nan])
    mean, half = mean_and_interval(values)
    known = values[:3]
    assert mean == pytest.approx(7.0 / 3.0)
    assert half == pytest.approx(t.ppf(0.975, 2) * known.std(ddof=1) / np.sqrt(3.0))
    assert np.isnan(mean_and_interval(values[:1])[1]) and mean_and_interval(values[:1])[0] == 1.0


def test_a_curve_goes_through_the_means_and_an_arm_without_the_parameter_is_a_level():
    rows = frame()
    figure = response_curves(rows, RATE)
    ax = figure.axes[0]
    treated = rows[rows["arm"] == "treated"].groupby(RATE)["lic_mg_per_g"].mean()
    two = [line for line in ax.lines if len(line.get_xdata()) == 2]
    (curve,) = (line for line in two if np.allclose(line.get_xdata(), [0.02, 0.06]))
    assert np.allclose(curve.get_ydata(), treated.to_numpy())
    level = rows[rows["arm"] == "alone"]["lic_mg_per_g"].mean()
    assert any(np.allclose(line.get_ydata(), level) for line in ax.lines)
    assert ax.get_xlabel() == "hepatocyte.export_rate (fmol/h)" and ax.get_ylabel() == "mg/g dry"


def test_many_values_are_points_with_means_over_bins():
    figure = response_curves(frame(), AGE)
    points = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 20]
    assert len(points) == 2
    assert figure.axes[0].get_xlabel() == AGE  # a key of the case has no declared unit


def test_words_stand_side_by_side():
    figure = response_curves(frame(), "kind")
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["a", "b"]


def test_wide_ranges_are_logarithmic():
    assert Places(pd.Series([1e5, 1e6])).is_log and not Places(pd.Series([1.0, 5.0])).is_log
    assert not Places(pd.Series([0.0, 5e6])).is_log


def test_a_heat_map_shows_the_means():
    rows = frame().assign(**{RATE: np.tile([0.02, 0.02, 0.06, 0.06], 10), AGE: np.repeat([21.0, 40.0], 20)})
    figure = heat_maps(rows, (RATE, AGE))
    assert pairs_of(rows, [RATE, AGE, "kind"]) == [(RATE, AGE), (RATE, "kind"), (AGE, "kind")]
    shown = figure.axes[0].collections[0].get_array()
    arm = rows[rows["arm"] == "alone"]
    expected = arm.pivot_table(index=AGE, columns=RATE, values="lic_mg_per_g").to_numpy()
    assert np.allclose(np.asarray(shown).reshape(2, 2), expected)


def test_pairs_show_parameters_and_readouts():
    figure = pair_plot(frame(), [RATE, AGE, "kind"])
    assert len(figure.axes) == 16  # two numbers, two readouts


def test_maps_are_of_the_first_replicate_and_along_one_parameter(results: Results):
    rows = multiples(results, results.final(), results.keys)
    assert [[words for words, _ in row] for row in rows] == [
        ["hfe-mouse\nsubject.age_days 21", "hfe-mouse\nsubject.age_days 40"]
    ]
    assert {run.manifest["seed"] for _, run in rows[0]} == {int(results.runs["seed"][0])}


def test_an_empty_store_draws_nothing(tmp_path: Path):
    empty = small_sweep(tmp_path / "s", parameters={"subject.age_days": [5.0]}, seeds=[0])
    with pytest.raises(InputError, match="no finished run yet"):
        draw_sweep(empty)


def test_runs_without_a_final_state_have_no_maps(tmp_path: Path):
    bare = small_sweep(tmp_path / "s", settings={**SHORT, "record.final_snapshot": False}, seeds=[0])
    assert "lobules.png" not in [path.name for path in draw_sweep(bare)]
