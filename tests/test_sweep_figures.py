"""The pictures of a sweep: that they are drawn, and show what the table says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import QuadMesh
from scipy.stats import t

from lobule.errors import InputError
from lobule.experiments import load_results
from lobule.experiments.cli import main
from lobule.experiments.sweeps.design import unit_of
from lobule.experiments.sweeps.pairs import pair_plot
from lobule.experiments.sweeps.panels import MAIN, Places, Plain, shown_readouts, value_texts
from lobule.experiments.sweeps.pictures import draw_sweep, multiples, time_courses
from lobule.experiments.sweeps.responses import heat_maps, mean_and_interval, pairs_of, response_curves
from lobule.experiments.sweeps.results import Results

from .sweep_cases import SHORT, small_sweep

PNG = b"\x89PNG\r\n\x1a\n"
RATE, AGE = "hepatocyte.export_rate", "subject.age_days"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    out = tmp_path_factory.mktemp("figures") / "store"
    return small_sweep(out, parameters={AGE: [21.0, 40.0], RATE: [0.02, 0.06]}, seeds=range(2))


def test_every_picture_is_written_whole(results: Results):
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


def frame(n: int = 40) -> pd.DataFrame:
    """Return runs of two arms with two replicates; the rate means something to one arm alone."""
    rng = np.random.default_rng(1)
    arms = np.where(np.arange(n) % 2, "treated", "alone")
    rate = np.where(arms == "alone", np.nan, np.tile([0.02, 0.02, 0.06, 0.06], n // 4))
    rows = pd.DataFrame(
        {"arm": arms, RATE: rate, AGE: np.arange(n) * 1.0, "kind": np.tile(list("ab"), n // 2)}
    )
    rows["replicate"] = np.repeat([0, 1], n // 2)
    return rows.assign(lic_mg_per_g=rng.normal(1.0, 0.1, n), alt_iu_per_l=rng.normal(40.0, 5.0, n), msc=0.0)


def test_keys_of_a_case_have_the_units_that_their_names_say():
    keys = ("diet.iron_percent", "treatments.0.cells", "treatments.1.iron_mg_per_ml", "subject.sex", RATE)
    assert unit_of(keys) == ["%", "cells", "mg/mL", "-", "fmol/h"]


def test_long_names_of_arms_are_seen_whole():
    """Everything that is written lies on the picture, whatever the names."""
    rows = frame().assign(arm=[f"{i % 6} {'name of sixty-four characters ' * 2}x" for i in range(40)])
    for figure in (response_curves(rows, AGE), pair_plot(rows, [AGE])):
        figure.canvas.draw()
        box = figure.legends[0].get_window_extent()
        assert box.x0 >= 0.0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0.0


def test_ticks_that_lie_close_are_told_apart():
    ticks = Plain()
    assert ticks.format_ticks([1.0, 1.5, 2.0]) == ["1", "1.5", "2"] and ticks.get_offset() == ""
    close = ticks.format_ticks([0.1234567001, 0.1234567002, 0.1234567003])
    assert close == ["0", "1e-10", "2e-10"] and ticks.get_offset() == "+0.1234567001"
    assert value_texts([0.020001, 0.020002]) == ["0.020001", "0.020002"]


def test_an_interval_of_what_is_never_negative_ends_at_zero():
    rows = frame().assign(lic_mg_per_g=lambda r: np.where(r["replicate"] == 1, 1.0, 0.0))
    for key in (RATE, "kind"):
        ax = response_curves(rows, key).axes[0]
        ends = [c.get_datalim(ax.transData).y0 for c in ax.collections] + [p.get_y() for p in ax.patches]
        assert min(ends) == pytest.approx(0.0, abs=1e-12)


def test_what_does_not_differ_is_not_shown():
    assert shown_readouts(frame()) == ["lic_mg_per_g", "alt_iu_per_l"]
    assert shown_readouts(frame().assign(lic_mg_per_g=1.0, alt_iu_per_l=1.0)) == [MAIN[0]]


def test_the_interval_is_that_of_student_over_replicates():
    """Runs of one replicate are averaged first: they share their luck."""
    values = np.array([1.0, 3.0, 2.0, 4.0, np.nan, 6.0])
    replicates = np.array([0, 0, 1, 1, 2, 2])
    mean, half = mean_and_interval(values, replicates)
    means = np.array([2.0, 3.0, 6.0])
    assert mean == pytest.approx(means.mean())
    assert half == pytest.approx(t.ppf(0.975, 2) * means.std(ddof=1) / np.sqrt(3.0))
    assert np.isnan(mean_and_interval(values[:2], replicates[:2])[1])
    assert mean_and_interval(values[:2], replicates[:2])[0] == 2.0


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """Many points with shared luck in few replicates: 95 % of the intervals hold the true mean."""
    rng = np.random.default_rng(2)
    replicates = np.repeat(np.arange(4), 50)
    hits = 0
    for _ in range(1000):
        luck = rng.normal(0.0, 1.0, 4)[replicates]
        mean, half = mean_and_interval(luck + np.tile(np.linspace(-5.0, 5.0, 50), 4), replicates)
        hits += abs(mean) <= half
    assert 925 <= hits <= 970  # 3.5 standard deviations about 950


def test_a_curve_goes_through_the_means_and_an_arm_without_the_parameter_is_a_level():
    rows = frame()
    figure = response_curves(rows, RATE)
    ax = figure.axes[0]
    by_replicate = rows[rows["arm"] == "treated"].groupby([RATE, "replicate"])["lic_mg_per_g"].mean()
    two = [line for line in ax.lines if len(line.get_xdata()) == 2]
    (curve,) = (line for line in two if np.allclose(line.get_xdata(), [0.02, 0.06]))
    assert np.allclose(curve.get_ydata(), by_replicate.groupby(RATE).mean())
    level = rows[rows["arm"] == "alone"].groupby("replicate")["lic_mg_per_g"].mean().mean()
    assert any(np.allclose(line.get_ydata(), level) for line in ax.lines)
    assert ax.get_xlabel() == "hepatocyte.export_rate (fmol/h)" and ax.get_ylabel() == "mg/g dry"
    (legend,) = figure.legends
    assert "over the replicates" in legend.get_title().get_text()
    one = response_curves(rows.assign(replicate=0), RATE)
    assert "interval" not in one.legends[0].get_title().get_text()


def test_many_values_are_points_with_means_over_bins():
    rows = frame(80)
    rows[AGE] = np.arange(80) // 2 * 1.0
    figure = response_curves(rows, AGE)
    ax = figure.axes[0]
    points = [line for line in ax.lines if len(line.get_xdata()) == 40]
    curves = [line for line in ax.lines if len(line.get_xdata()) == 8]  # 40 values, five in each
    assert len(points) == 2 == len(curves)
    assert np.allclose(curves[0].get_xdata(), np.arange(40.0).reshape(8, 5).mean(axis=1))
    first = rows[(rows["arm"] == "alone") & (rows[AGE] < 5.0)]
    assert curves[0].get_ydata()[0] == pytest.approx(first["lic_mg_per_g"].mean())
    assert ax.get_xlabel() == f"{AGE} (d)"  # as the key of the case says


def test_few_values_more_than_a_dozen_make_few_bins():
    rows = frame(32)
    rows[AGE] = np.arange(32) // 2 * 1.0  # sixteen: three bins
    lines = response_curves(rows, AGE).axes[0].lines
    assert sorted({len(line.get_xdata()) for line in lines}) == [3, 16]


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


def test_heat_maps_stand_what_some_arms_lack():
    """Doses of their own, a readout that is nowhere in one arm, values that one arm has not."""
    rows = frame().assign(other=np.where(frame()["arm"] == "alone", 1.0, np.nan))
    assert (RATE, "other") not in pairs_of(rows, [RATE, "other", "kind"])
    rows = rows.assign(**{RATE: np.tile([0.02, 0.02, 0.06, 0.06], 10), AGE: np.repeat([21.0, 40.0], 20)})
    rows.loc[rows["arm"] == "alone", "lic_mg_per_g"] = np.nan
    rows = rows[~((rows["arm"] == "treated") & (rows[AGE] == 40.0))]
    figure = heat_maps(rows, (RATE, AGE))
    maps = [c.get_array() for ax in figure.axes for c in ax.collections if isinstance(c, QuadMesh)]
    assert [m.size for m in maps if m is not None][:4] == [4] * 4  # two readouts, two arms, both ages in each


def test_pairs_show_parameters_and_readouts():
    rows = frame()
    figure = pair_plot(rows, [RATE, AGE, "kind"])
    axes = np.array(figure.axes).reshape(4, 4)  # two numbers, two readouts
    treated = rows[rows["arm"] == "treated"]
    shown = axes[2, 1].lines[1]
    assert np.array_equal(shown.get_xdata(), treated[AGE])
    assert np.array_equal(shown.get_ydata(), treated["lic_mg_per_g"])
    assert axes[3, 1].get_xlabel() == "subject.\nage_days\n(d)" and "IU/L" in axes[3, 0].get_ylabel()


def test_courses_show_the_median_and_the_range_of_most(results: Results):
    figure = time_courses(results, title="x")
    ax = figure.axes[0]
    table = results.to_pandas()
    by_hour = table.groupby("hours")["lic_mg_per_g"]
    (line,) = (line for line in ax.lines if len(line.get_xdata()) == 4)
    assert np.allclose(line.get_xdata() * 24.0, [0.0, 2.0, 4.0, 6.0])
    assert np.allclose(line.get_ydata(), by_hour.median())
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(by_hour.quantile(0.05).min())
    assert band.max() == pytest.approx(by_hour.quantile(0.95).max())


def test_maps_are_of_the_first_replicate_and_along_one_parameter(results: Results):
    rows = multiples(results, results.final(), results.keys)
    assert [[words for words, _ in row] for row in rows] == [
        ["hfe-mouse\nsubject.age_days 21 d", "hfe-mouse\nsubject.age_days 40 d"]
    ]
    assert {run.manifest["seed"] for _, run in rows[0]} == {int(results.runs["seed"][0])}


def test_an_empty_store_draws_nothing(tmp_path: Path):
    empty = small_sweep(tmp_path / "s", parameters={"subject.age_days": [5.0]}, seeds=[0])
    with pytest.raises(InputError, match="no finished run yet"):
        draw_sweep(empty)


def test_runs_without_a_final_state_have_no_maps(tmp_path: Path):
    bare = small_sweep(tmp_path / "s", settings={**SHORT, "record.final_snapshot": False}, seeds=[0])
    assert "lobules.png" not in [path.name for path in draw_sweep(bare)]


def test_several_sweeps_are_drawn_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    store = tmp_path / "s"
    small_sweep(store, name="first", seeds=[0])
    small_sweep(store, name="second", seeds=[0], parameters={"hepatocyte.export_rate": [0.02, 0.06]})
    with pytest.raises(InputError, match="holds several sweeps"):
        draw_sweep(load_results(store))
    assert main(["plot", str(store)]) == 0  # the one that was asked for last
    assert capsys.readouterr().out.strip() == str(store / "figures")
    assert (store / "figures" / "response-hepatocyte-export_rate.png").is_file()
    assert main(["plot", str(store), "--sweep", "first"]) == 0
    names = {path.name for path in (store / "figures").iterdir()}
    assert "response-subject-age_days.png" in names and "response-hepatocyte-export_rate.png" not in names
    capsys.readouterr()
    assert main(["plot", str(store), "--sweep", "frist"]) == 2
    assert "did you mean" in capsys.readouterr().err
