"""The pictures of a run: that they are drawn, whole, and show what the state holds."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lobule import Lobule, load_case
from lobule.errors import InputError
from lobule.experiments import style
from lobule.experiments.budget import POOLS, budget
from lobule.experiments.canvas import Layer
from lobule.experiments.courses import deaths_per_day, time_courses
from lobule.experiments.dosing import MOST_LINES, dose_kinds
from lobule.experiments.figures import draw_run, published_points
from lobule.experiments.histology import tissue_map
from lobule.experiments.maps import area_percent, field_maps, iron_scale, limits
from lobule.experiments.profiles import BINS, profile, zonal_profiles
from lobule.ledger import BODY_POOLS, LIVER_POOLS
from lobule.readouts import READOUTS

PNG = b"\x89PNG\r\n\x1a\n"
SMALL = {"tissue.lobules": 1, "tissue.agents": False}


def row(model: Lobule) -> dict[str, float]:
    pools = {f"pool_{name}_ug": 55.845 * amount for name, amount in model.ledger.pool.items()}
    return {name: float(value) for name, value in {**model.readouts(), **pools}.items()}


@pytest.fixture(scope="module")
def model() -> Lobule:
    model = Lobule("hfe-mouse", rng=1, settings=SMALL)
    model.run(days=0.25)
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "snapshots").mkdir()
    model = Lobule(load_case("ccl4-mouse", SMALL).with_days(2.0)[0], rng=1)
    rows = [row(model)]
    model.save(folder / "snapshots" / "day-0000.00.npz")
    for _ in range(8):
        model.run(days=0.25)
        rows.append(row(model))
    model.save(folder / "snapshots" / "day-0002.00.npz")
    model.save(folder / "snapshots" / "final.npz")
    pq.write_table(pa.Table.from_pylist(rows), folder / "series.parquet")
    manifest = {
        "format": 1,
        "status": "done",
        "case": json.loads(model.case.to_json()),
        "events": [[24.0, "CCl4, 1 mL/kg"]],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def size(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data.startswith(PNG) and data.endswith(b"IEND\xaeB`\x82")
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def test_draw_run_writes_every_picture_whole(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.npz")}
    drawn = draw_run(folder)
    assert before == {path: path.read_bytes() for path in folder.rglob("*.npz")}
    names = [path.name for path in drawn]
    assert names == [
        "tissue-day-0000.00.png",
        "tissue.png",
        "fields.png",
        "zones.png",
        "course.png",
        "budget.png",
    ]
    assert sorted(p.name for p in (folder / "figures").iterdir()) == sorted(names)  # no partial file is left
    assert all(min(size(path)) > 700 for path in drawn)


def test_an_unfinished_run_is_drawn_as_far_as_it_is(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes((folder / "manifest.json").read_bytes())
    with pytest.raises(InputError, match="nothing to draw"):
        draw_run(tmp_path)
    (tmp_path / "series.parquet").write_bytes((folder / "series.parquet").read_bytes())
    assert [path.name for path in draw_run(tmp_path)] == ["course.png", "budget.png"]
    (tmp_path / "series.parquet").write_bytes(b"no parquet")
    with pytest.raises(InputError, match=r"series\.parquet"):
        draw_run(tmp_path)


def test_pictures_can_be_drawn_in_threads(model: Lobule, tmp_path: Path) -> None:
    def draw(number: int) -> bytes:
        return style.write(tissue_map(model), tmp_path / f"{number}.png").read_bytes()

    with ThreadPoolExecutor(2) as pool:
        pictures = list(pool.map(draw, range(2)))
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("settings", [{"tissue.layers": 3}, {"tissue.lobules": [1, 2]}])
def test_any_tissue_can_be_drawn(settings: dict[str, object], tmp_path: Path) -> None:
    model = Lobule("hfe-mouse", rng=1, settings={**SMALL, "tissue.radius_um": 150.0, **settings})
    model.step()
    size(style.write(tissue_map(model), tmp_path / "tissue.png"))
    size(style.write(field_maps(model), tmp_path / "fields.png"))
    layer = Layer(model)
    assert layer.sites.size == model.tissue.n_sites // (model.tissue.axial[:, 2].max() + 1)
    assert len(layer.tracts) == 6 if model.tissue.n_lobules == 1 else len(layer.tracts) == 10


def test_axes_have_units(model: Lobule) -> None:
    panels = zonal_profiles([model]).axes
    assert len(panels) == 8 and all(ax.get_ylabel() for ax in panels)
    labels = [ax.get_xlabel() for ax in field_maps(model).axes]
    assert "mmHg" in " ".join(labels) and "µM" in " ".join(labels)


@pytest.mark.parametrize("highest", [3e-7, 1.23e-4, 0.02])
def test_numbers_of_a_colour_bar_do_not_touch(model: Lobule, highest: float) -> None:
    ros = model.fields["ros"]
    before = ros.copy()
    ros *= highest / ros.max()
    figure = field_maps(model)
    ros[:] = before
    figure.draw_without_rendering()
    for ax in figure.axes:
        shown = [text for text in ax.get_xticklabels() if text.get_text() and ax.get_xlabel()]
        boxes = sorted((text.get_window_extent() for text in shown), key=lambda box: box.x0)
        assert all(one.x1 < other.x0 for one, other in pairwise(boxes)), [text.get_text() for text in shown]


def test_small_concentrations_have_smaller_units() -> None:
    assert style.scaled("uM", 1.2e-4) == (1e3, "nM") and style.scaled("uM", 0.2) == (1.0, "µM")
    assert style.scaled("ng/mL", 5e-4) == (1e3, "pg/mL") and style.scaled("mmHg", 1e-4) == (1.0, "mmHg")


def test_a_field_that_is_zero_is_called_none(model: Lobule) -> None:
    assert not model.fields["ev"].any()
    figure = field_maps(model)
    assert "none" in [text.get_text() for ax in figure.axes for text in ax.texts]


def test_fibres_are_to_scale(model: Lobule) -> None:
    """The area of the fibres between the cells is the area that collagen covers."""
    layer = Layer(model)
    figure = style.new_figure(4.0, 4.0)
    ax = figure.subplots()
    collagen = np.full(model.tissue.n_sites, 20.0)
    n = layer.fibres(ax, collagen)
    quads = [path.vertices[:4] for path in ax.collections[0].get_paths()]
    x, y = np.array(quads)[:, :, 0], np.array(quads)[:, :, 1]
    area = 0.5 * np.abs(np.sum(x * np.roll(y, -1, 1) - y * np.roll(x, -1, 1), axis=1))
    site = model.tissue.pitch**2 * np.sqrt(3.0) / 2.0
    assert len(quads) == n
    assert 3.0 * area.mean() / site == pytest.approx(1.0 - np.exp(-0.2), rel=0.15)  # the ends overlap


def test_collagen_area_agrees_with_the_readout(model: Lobule) -> None:
    inside = model.tissue.kind == 0
    assert area_percent(model)[inside].mean() == pytest.approx(model.readouts()["collagen_area_percent"])


def test_iron_scale_keeps_health_pale(model: Lobule) -> None:
    assert iron_scale([model]) >= 6.0 * model.values["hepatocyte"].normal_iron


def test_profile_gives_mean_and_quartiles_of_each_bin() -> None:
    place = np.repeat((np.arange(BINS) + 0.5) / BINS, 5)
    values = np.tile([0.0, 1.0, 2.0, 3.0, 14.0], BINS)
    x, mean, low, high = profile(place, values)
    assert np.allclose(x, (np.arange(BINS) + 0.5) / BINS)
    assert np.allclose(mean, 4.0) and np.allclose(low, 1.0) and np.allclose(high, 3.0)
    assert np.isnan(profile(place[:5], values[:5])[1:, 1:]).all()


def test_limits_of_colour_scales() -> None:
    spike = np.zeros(1000)
    spike[0] = 5.0
    assert limits(spike, 1e-3) == (0.0, 5.0)
    assert limits(np.linspace(40.0, 60.0, 101)) == pytest.approx((40.2, 59.8))
    low, high = limits(np.full(10, 3.0), 1e-3)
    assert high > low


def test_doses_are_named_once_by_kind() -> None:
    events = [
        (0.0, "CCl4, 1 mL/kg"),
        (84.0, "CCl4, 1 mL/kg"),
        (100.0, "1e+06 MSC (bone-marrow, intraportal), 3 in the sections"),
        (124.0, "no phlebotomy: haemoglobin 10.1 g/dL"),
    ]
    assert dose_kinds(events) == {
        "CCl4 (x2)": [0.0, 84.0],
        "1e6 MSC (bone-marrow, intraportal)": [100.0],
        "no phlebotomy": [124.0],
    }


def test_amounts_are_told_apart_while_they_are_few() -> None:
    few = [(24.0 * n, f"{450 + n} mL of blood drawn") for n in range(4)]
    assert [*dose_kinds(few)] == [f"{450 + n} mL of blood drawn" for n in range(4)]
    growing = [(0.0, "20 mg/kg deferasirox")] + [(h, f"{97.1 + h / 50} mL of red cells") for h in range(100)]
    assert dose_kinds(growing) == {
        "20 mg/kg deferasirox": [0.0],
        "97.1 to 99.1 mL of red cells (x100)": [*range(100)],
    }
    steady = [(float(h), f"{971.1 + h / 50} mL of red cells") for h in range(9)]
    assert [*dose_kinds(steady)] == ["971 mL of red cells (x9)"]


@pytest.mark.parametrize("doses", [MOST_LINES, MOST_LINES + 1, 400])
def test_many_doses_are_ticks_above_the_curves(doses: int) -> None:
    series = {name: np.zeros(3) for name in READOUTS}
    series["hours"], series["age_days"] = np.array([0.0, 600.0, 1176.0]), np.array([21.0, 46.0, 70.0])
    series["lic_mg_per_g"] = np.array([1.0, 2.0, 3.0])
    few = (30.0, "1e+06 MSC (bone-marrow, intraportal), 3 in the sections")
    events = [few, *((float(h), "20 mg/kg deferasirox") for h in range(doses))]
    ax = time_courses(series, events).axes[0]
    upright = [line for line in ax.lines if list(line.get_ydata()) == [0.0, 1.0]]
    ticks = [line for line in ax.lines if line.get_marker() == "|"]
    if doses <= MOST_LINES:
        assert len(upright) == doses + 1 and not ticks
    else:
        assert len(upright) == 1 and [len(line.get_xdata()) for line in ticks] == [doses]
        low, high = ax.get_ylim()
        assert low + (ticks[0].get_ydata()[0] - 0.02) * (high - low) > 3.0


@pytest.mark.parametrize("every", [1.0, 6.0, 24.0, 168.0])
def test_deaths_per_day_is_a_rate_for_any_spacing_of_rows(every: float) -> None:
    hours = np.arange(0.0, 1000.0, every)
    rate = deaths_per_day({"hours": hours, "hepatocyte_deaths": hours / 2.0})
    assert rate[0] == 0.0 and np.allclose(rate[1:], 12.0)


def test_published_values_of_the_case_stand_in_the_courses() -> None:
    case = load_case("hfe-mouse")
    series = {name: np.zeros(3) for name in READOUTS}
    series["hours"], series["age_days"] = np.array([0.0, 600.0, 1176.0]), np.array([21.0, 46.0, 70.0])
    points = published_points(case, series)
    zhou = [p for p in points if p.label.startswith("zhou-1998, bar: SE") and p.readout == "lic_mg_per_g"]
    assert [(p.age_days, p.value, p.error) for p in zhou] == [(70.0, 1.66, 0.286)]
    axes = time_courses(series, (), points).axes
    assert axes[0].get_title(loc="left") == "Liver iron" and axes[0].get_ylabel() == "mg/g dry"
    assert len(axes[0].containers) == len([p for p in points if p.readout == "lic_mg_per_g"])


def test_values_relative_to_the_end_of_injury() -> None:
    case = load_case("ccl4-mouse")
    series = {name: np.zeros(3) for name in READOUTS}
    series["hours"], series["age_days"] = np.array([0.0, 648.0, 1344.0]), np.array([70.0, 97.0, 126.0])
    series["stellate_activated"] = np.array([0.0, 100.0, 5.0])
    series["collagen_area_percent"] = np.array([0.5, 8.5, 1.0])
    points = {p.readout: p for p in published_points(case, series, [(648.0, "CCl4, 1 mL/kg")])}
    assert points["stellate_activated"].value == pytest.approx(8.3)
    assert points["collagen_area_percent"].value == pytest.approx(0.5 + 0.15 * 8.0)
    assert points["collagen_area_percent"].age_days == pytest.approx(125.0)


def test_budget_shows_every_pool_of_the_ledger() -> None:
    assert set(POOLS) == set(BODY_POOLS + LIVER_POOLS)
    series = {f"pool_{name}_ug": np.array([1.0, 2.0]) for name in POOLS}
    series |= {"hours": np.array([0.0, 24.0]), "age_days": np.array([70.0, 71.0])}
    body, liver, every = budget(series).axes
    assert body.get_ylim()[1] >= 20.0 and liver.get_ylim()[1] >= 8.0
    assert len(every.get_yticklabels()) == len(POOLS)
