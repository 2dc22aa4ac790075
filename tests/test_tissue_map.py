"""Tissue maps: text to tissue and back, in cases, runs and sweeps; what cannot live is refused in words."""

from __future__ import annotations

import math
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lobule import Lobule, load_case
from lobule.case import Case
from lobule.errors import InputError
from lobule.experiments import sweep
from lobule.experiments.cli import main
from lobule.experiments.explain import explain
from lobule.experiments.identity import case_hash
from lobule.experiments.runner import resume, run_case
from lobule.experiments.sweeps.effort import sites
from lobule.geometry import CENTRAL_VEIN, PARENCHYMA, PORTAL_TRACT, Tissue, build_tissue
from lobule.mapped import OUTSIDE, build_mapped, flaw, grid_of, parts_of, rows_of
from lobule.perfusion import Perfusion
from lobule.proportions import GEOMETRY
from lobule.tissue_map import NARROWEST_UM, WIDEST_UM, TissueMap, read_map
from lobule.vessels import outline, territory, vessels

from .model_cases import assert_iron_is_sound, assert_same, assert_tissue_is_sound
from .sweep_cases import contents

#: Two lobules that share a tract, with a notch: by eye, the shape of the tests below.
ROWS = (
    "..PooooooPoooooooP..",
    "..oooooooooooooooo..",
    ".ooooooooooooooooooo",
    ".oooooCoooooooCooooo",
    "ooooooCCooooooCCoooo",
    ".ooooooooooooooooooo",
    ".ooooooooo....oooooo",
    "..ooooooo......oooo.",
    "..PPooooP......PoPP.",
)


def text_of(tissue: Tissue) -> NDArray[np.int8]:
    """Return the grid of a layer of regular lobules."""
    layer = tissue.axial[:, 2] == 0
    r, kind = tissue.axial[layer, 1], tissue.kind[layer]
    column = tissue.axial[layer, 0] + (r >> 1)
    top = int(r.max()) + int(r.max()) % 2  # the first row is one that is not shifted
    grid = np.full((top - r.min() + 1, np.ptp(column) + 1), OUTSIDE, np.int8)
    grid[top - r, column - column.min()] = kind
    return grid


def a_map(rows: tuple[str, ...] = ROWS, **changes: Any) -> TissueMap:
    return TissueMap.model_validate({"format": 1, "name": "two", "pitch_um": 23.0, "rows": rows, **changes})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "two.tissue.toml"
    path.write_text(a_map().to_toml(), "utf-8")
    return path


def mapped(file: Path, **changes: Any) -> Case:
    own = {"tissue.map": str(file), "tissue.agents": False, "record.snapshot_days": []}
    return load_case("hfe-mouse", {**own, **{k.replace("__", "."): v for k, v in changes.items()}})


def test_text_and_grid_are_the_same() -> None:
    grid = grid_of(ROWS)
    assert rows_of(grid) == ROWS
    assert [int(np.count_nonzero(grid == kind)) for kind in (PORTAL_TRACT, CENTRAL_VEIN)] == [9, 6]


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("lobules", [1, 7, (2, 3)])
def test_the_map_of_regular_lobules_is_their_tissue(lobules: Any, layers: int) -> None:
    regular = build_tissue("mouse", lobules, layers=layers)
    drawn = build_mapped(text_of(regular), regular.pitch, layers=layers)
    for name in ("kind", "neighbours", "face_conductance", "volume", "thickness"):
        assert np.array_equal(getattr(drawn, name), getattr(regular, name)), name
    assert np.ptp(drawn.x - regular.x) < 1e-9 and np.ptp(drawn.y - regular.y) < 1e-9
    assert np.abs(drawn.portal_central - regular.portal_central).max() < 0.05
    assert np.mean(drawn.zone == regular.zone) > 0.94
    assert drawn.n_lobules == regular.n_lobules
    offset = drawn.centres[:, None, :] - (drawn.x[0] - regular.x[0], drawn.y[0] - regular.y[0])
    nearest = np.hypot(*(offset - regular.centres[None]).transpose(2, 0, 1)).argmin(axis=1)
    assert np.mean(nearest[drawn.lobule] == regular.lobule) > 0.94  # all but shared edges


def test_odd_rows_are_shifted_right_and_y_runs_up() -> None:
    drawn = build_mapped(grid_of(ROWS), 20.0)
    cells = {(round(x, 6), round(y, 6)) for x, y in zip(drawn.x, drawn.y, strict=True)}
    for i, row in enumerate(ROWS):
        for j, letter in enumerate(row):
            at = (round(20.0 * (j + 0.5 * (i % 2)), 6), round(-20.0 * i * math.sqrt(0.75), 6))
            assert (at in cells) == (letter != ".")


def test_a_site_keeps_the_volume_of_a_hepatocyte_at_any_pitch() -> None:
    usual = build_mapped(grid_of(ROWS), 23.0)
    for pitch in (NARROWEST_UM, WIDEST_UM):
        assert build_mapped(grid_of(ROWS), pitch).volume == pytest.approx(usual.volume)
    declared = GEOMETRY.declared["pitch"]
    assert (declared.low, declared.high) == (NARROWEST_UM, WIDEST_UM)


def test_tract_and_vein_side_by_side_do_not_leak() -> None:
    rows = (*ROWS[:3], ".oooooPoooooooCooooo", *ROWS[4:])
    drawn = build_mapped(grid_of(rows), 23.0)
    other = np.where(drawn.neighbours >= 0, drawn.kind[np.maximum(drawn.neighbours, 0)], PARENCHYMA)
    assert not np.any(other[drawn.kind == PORTAL_TRACT] == CENTRAL_VEIN)
    assert not np.any(other[drawn.kind == CENTRAL_VEIN] == PORTAL_TRACT)
    assert np.all((drawn.face_conductance > 0.0) == (drawn.neighbours >= 0))


@pytest.mark.parametrize("layers", [1, 2])
def test_blood_balances_at_every_site(layers: int) -> None:
    drawn = build_mapped(grid_of(ROWS), 23.0, layers=layers)
    perfusion = Perfusion(drawn, np.full(drawn.n_sites, 0.5))
    perfusion.solve(np.random.default_rng(1).exponential(10.0, drawn.n_sites))
    astray = perfusion.inflow - perfusion.outflow - perfusion.flow.sum(axis=1)
    assert np.abs(astray).max() < 1e-9 * perfusion.inflow.max()
    assert perfusion.inflow.sum() == pytest.approx(perfusion.outflow.sum())
    assert np.all((perfusion.inflow > 0.0) <= (drawn.kind == PORTAL_TRACT))
    assert Perfusion(drawn, np.zeros(drawn.n_sites)).inflow_fraction == pytest.approx(1.0)


def test_a_tract_gives_as_its_walls_are_long() -> None:
    rows = ("oooooooooooooooooo", "ooooooooooooooooooo", "ooPoooooooooPPPPooo", "oooooooooooPPPPoooo")
    grid = grid_of(tuple(r.ljust(19, "o") for r in (*rows, *rows[:2], "ooooooCoooooooooooo", *rows[:2])))
    drawn = build_mapped(grid, 23.0)
    perfusion = Perfusion(drawn, np.zeros(drawn.n_sites))
    parts = parts_of(grid)
    shares = [perfusion.inflow[parts.sites(PORTAL_TRACT, k)].sum() for k in range(2)]
    assert 1.5 < max(shares) / min(shares) < 4.0  # eight sites, but 16 faces instead of 6


FLAWS = {
    "no tract": (("ooooooo",) * 4 + ("oooCooo",), "no portal tract"),
    "no vein": (("ooooooo",) * 4 + ("oooPooo",), "no central vein"),
    "too small": (("PoooC",), "too few"),
    "island": (
        (*ROWS, "." * 20, "ooo" + 17 * "."),
        "row 11, column 3 (3 sites) touches no portal tract",
    ),
    "no way out": ((*ROWS, "." * 20, "oPo" + 17 * "."), "touches no central vein"),
    "loose vein": (
        (*ROWS, "." * 20, "C" + 19 * "."),
        "vein at row 11, column 1 touches no parenchyma",
    ),
    "all vessels": (("PoCoPoCoPoCoPoC",) * 9, "zone"),
}


@pytest.mark.parametrize(("rows", "words"), FLAWS.values(), ids=FLAWS)
def test_what_blood_cannot_pass_is_refused(rows: tuple[str, ...], words: str, tmp_path: Path) -> None:
    width = max(map(len, rows))
    grid = grid_of(tuple(row.ljust(width, ".") for row in rows))
    assert words in flaw(grid)
    with pytest.raises(ValueError, match=re.escape(words)):
        build_mapped(grid, 23.0)


edits = st.tuples(st.integers(0, 8), st.integers(0, 18), st.sampled_from("...oPC"))


@given(st.lists(edits, max_size=60))
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_any_map_lives_or_is_refused_in_words(edits: list[tuple[int, int, str]]) -> None:
    table = [list(row) for row in ROWS]
    for i, j, letter in edits:
        table[i][j] = letter
    rows = ["".join(row) for row in table]
    try:
        drawn = a_map(tuple(rows))
    except ValueError as error:
        assert "rows -> " in str(error)
        return
    case = load_case("hfe-mouse", {"tissue.lobules": 1, "tissue.agents": False})
    tissue = case.tissue.model_copy(update={"map": drawn, "lobules": None})
    model = Lobule(case.model_copy(update={"tissue": tissue}), rng=1)
    model.step()
    assert_iron_is_sound(model)
    assert_tissue_is_sound(model)


def test_vessels_have_the_area_of_their_sites() -> None:
    drawn = build_mapped(grid_of(ROWS), 23.0)
    found = vessels(drawn)
    assert [v.kind for v in found] == [CENTRAL_VEIN] * 2 + [PORTAL_TRACT] * (len(found) - 2)
    area = sum(_area(ring) for vessel in found for ring in vessel.rings)
    site = 23.0**2 * math.sqrt(0.75)
    assert area == pytest.approx(site * np.count_nonzero(drawn.kind != PARENCHYMA))
    whole = sum(_area(ring) for k in range(2) for ring in territory(drawn, k))
    assert whole == pytest.approx(site * drawn.n_sites)
    for vessel in found:
        assert vessel.radius >= 11.4


def _area(ring: NDArray[np.float64]) -> float:
    """Return the area inside a ring, negative when it runs clockwise: round a hole."""
    x, y = ring.T
    return float(0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def test_an_outline_has_holes() -> None:
    drawn = build_tissue("mouse", 1)
    ring = np.flatnonzero((np.hypot(drawn.x, drawn.y) < 150.0) & (np.hypot(drawn.x, drawn.y) > 60.0))
    outer, inner = outline(drawn, ring)
    assert _area(outer) > 0.0 > _area(inner)
    assert _area(outer) + _area(inner) == pytest.approx(ring.size * 23.0**2 * math.sqrt(0.75))


def test_vessels_of_regular_lobules_are_discs_at_centres_and_corners() -> None:
    found = vessels(build_tissue("mouse", (1, 2)))
    assert [vessel.kind for vessel in found].count(PORTAL_TRACT) == 10
    assert found[0].centre == (0.0, 0.0)
    assert _area(found[0].rings[0]) == pytest.approx(7.0 * 23.0**2 * math.sqrt(0.75), rel=5e-3)


def test_a_tissue_file_is_read_back(file: Path) -> None:
    assert read_map(file) == a_map()
    assert "\n     . . o" in file.read_text() or '\n    " . .' in file.read_text()  # shifted, for the eye


def test_the_tissue_file_of_the_page_is_one() -> None:
    page = (Path(__file__).parents[1] / "docs" / "real-tissue.md").read_text("utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    drawn = TissueMap.model_validate(tomllib.loads(text))
    assert build_mapped(grid_of(drawn.rows), drawn.pitch_um).n_lobules == 1


def test_a_case_holds_its_map(file: Path, tmp_path: Path) -> None:
    case = mapped(file)
    assert case.tissue.map == a_map() and case.tissue.lobules is None
    assert Case.from_json(case.to_json()) == case
    (tmp_path / "case.toml").write_text(case.to_toml(), "utf-8")
    file.unlink()
    assert load_case(tmp_path / "case.toml") == case
    assert load_case(case, {"seed": 3}).tissue == case.tissue
    assert sites(case) == a_map().sites == build_mapped(grid_of(ROWS), 23.0).n_sites


def test_a_map_is_as_seen_from_the_case_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = load_case("hfe-mouse").to_toml().replace("lobules = 7", f'map = "{file.name}"')
    (tmp_path / "mine.toml").write_text(text, "utf-8")
    assert load_case(tmp_path / "mine.toml").tissue.map == a_map()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load_case("../mine.toml").tissue.map == a_map()
    assert load_case("../mine.toml", {"tissue.layers": 2}).tissue.map == a_map()
    assert load_case("../mine.toml", {"tissue.lobules": 1}).tissue.map is None  # takes its place


def test_the_hash_hangs_on_the_rows_alone(file: Path) -> None:
    case = mapped(file)
    assert case.tissue.map is not None

    def changed(**of_map: Any) -> str:
        drawn = a_map(**of_map)
        return case_hash(case.model_copy(update={"tissue": case.tissue.model_copy(update={"map": drawn})}))

    assert changed(name="other") == case_hash(case)
    assert changed(pitch_um=24.0) != case_hash(case)
    assert changed(rows=("..PoooooooooooooooP..", *ROWS[1:])) != case_hash(case)


BAD_SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "both": ({"tissue.lobules": 7}, "tissue.lobules = 7 -> a map has its own shape"),
    "radius": ({"tissue.radius_um": 300.0}, "tissue.radius_um = 300"),
    "pitch": ({"geometry.pitch": 24.0}, "geometry.pitch = 24 -> a map has its own shape"),
    "missing": ({"tissue.map": "tow.tissue.toml"}, 'no such file; did you mean "two.tissue.toml"?'),
    "nothing": ({"tissue.map": ""}, "must be the path of a tissue file"),
    "number": ({"tissue.map": 3}, "tissue.map = 3 -> must be a table"),
}


@pytest.mark.parametrize(("changes", "words"), BAD_SETTINGS.values(), ids=BAD_SETTINGS)
def test_bad_settings_get_one_line(
    changes: dict[str, Any], words: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    with pytest.raises(InputError) as error:
        load_case("hfe-mouse", {"tissue.map": file.name, **changes})
    assert words in str(error.value) and "\n" not in str(error.value)


BAD_FILES = {
    "letter": ("o o o o", "o x o o", 'holds "x": a site is one of . (outside), o (parenchyma)'),
    "format": ("format = 1", "format = 9", "this file has format 9; this version reads 1"),
    "pitch": ("pitch_um = 23.0", "pitch_um = 50.0", "pitch_um = 50.0 -> must be at most 35"),
    "key": ("pitch_um", "pitch", 'pitch = 23.0 -> no such key; did you mean "pitch_um"?'),
    "name": ('name = "two"', "", "name is missing"),
    "vein": ("C", "o", "rows -> there is no central vein (C)"),
    "toml": ("rows = [", "rows = ", "line"),
}


@pytest.mark.parametrize(("old", "new", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_tissue_files_get_one_line(
    old: str, new: str, words: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")
    out = file.parent / "run"
    assert main(["run", "hfe-mouse", "--set", f"tissue.map={file}", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert words in error and f"{file}: " in error and error.count("\n") == 1
    assert not out.exists()


def test_explain_names_the_map(file: Path) -> None:
    assert any("as in the map two: " in line for line in explain(mapped(file)))


def test_a_run_is_resumed_and_drawn(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case, _ = mapped(file, record__snapshot_days=[0.0]).with_days(0.25)
    done = run_case(case, seed=2, out=tmp_path / "done")
    assert {path.name for path in (done / "figures").iterdir()} >= {"tissue.png", "fields.png", "zones.png"}
    broken = tmp_path / "broken"
    step, made = Lobule.step, iter(range(3))

    def stop(model: Lobule) -> None:
        if next(made, None) is None:
            raise KeyboardInterrupt
        step(model)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Lobule, "step", stop)
        run_case(case, seed=2, out=broken)
    file.unlink()
    resume(broken, draw=False)
    assert (broken / "series.parquet").read_bytes() == (done / "series.parquet").read_bytes()


def test_a_snapshot_goes_on(file: Path, tmp_path: Path) -> None:
    model = Lobule(mapped(file, tissue__layers=2), rng=3).run(days=0.25)
    model.save(tmp_path / "half.npz")
    file.unlink()
    again = Lobule.load(tmp_path / "half.npz")
    assert_same(model.run(days=0.25), again.run(days=0.25))


@pytest.mark.slow
def test_maps_are_swept_as_cases(file: Path, tmp_path: Path) -> None:
    other = file.with_name("other.tissue.toml")
    other.write_text(a_map(("..PoooooooooooooooP..", *ROWS[1:]), name="other").to_toml(), "utf-8")
    cases = {"two": mapped(file, record__every_hours=2.0), "other": mapped(other, record__every_hours=2.0)}
    for name, workers in (("a", 1), ("b", 2)):
        done = sweep(cases, days=0.25, out=tmp_path / name, workers=workers, progress=False)
        assert set(done.table()["arm"].to_pylist()) == {"two", "other"}
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    with pytest.raises(InputError, match=r"tissue\.map -> is not varied: give each map a case of its own"):
        sweep("hfe-mouse", {"tissue.map": [str(file)]}, out=tmp_path / "c")


def test_a_sweep_file_names_maps_beside_it(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "sweep.toml"
    plan.write_text(
        'format = 1\ncase = "hfe-mouse"\ndays = 0.25\n[[arms]]\nname = "two"\n'
        f'settings.tissue.map = "{file.name}"\n[parameters]\n"hepatocyte.export_rate" = [0.05]\n',
        "utf-8",
    )
    assert main(["sweep", str(plan), "--dry-run", "--out", str(tmp_path / "store")]) == 0
    assert "two" in capsys.readouterr().out
