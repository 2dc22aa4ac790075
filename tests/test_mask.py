"""`lobule mask`: images, label masks and shapes become the tissue they show, or one line says why not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from lobule import Lobule, load_case
from lobule.errors import InputError
from lobule.experiments import style
from lobule.experiments.cli import main
from lobule.experiments.masks import drawing
from lobule.experiments.masks.cleaning import clean, trimmed
from lobule.experiments.masks.labels import Raster
from lobule.experiments.masks.sites import sites_of
from lobule.geometry import CENTRAL_VEIN, PARENCHYMA, PORTAL_TRACT, Tissue
from lobule.mapped import NAMES, OUTSIDE, build_mapped, flaw, grid_of, parts_of
from lobule.tissue_map import TissueMap, read_map

from .mask_cases import UM, feature, kinds_of, labels, lobule_in_shapes, painted, ring, seven, shapes, write

PNG = b"\x89PNG\r\n\x1a\n"
SCALE = ["--um-per-pixel", str(UM)]


@pytest.fixture(scope="module")
def kinds() -> NDArray[np.int8]:
    return kinds_of(seven())


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def stem(words: tuple[str, ...]) -> str:
    return Path(words[0]).stem.removesuffix(".ome")


def made(*words: str) -> TissueMap:
    """Run the command and return what it has written, the picture seen."""
    assert main(["mask", *words]) == 0
    picture = Path(f"{stem(words)}.tissue.png").read_bytes()
    assert picture.startswith(PNG) and len(picture) > 20_000
    return read_map(f"{stem(words)}.tissue.toml")


def unseen(*words: str) -> TissueMap:
    """Run the command without the picture, which takes longest, and return the map."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "beside", lambda *given: Figure())
        patch.setattr(style, "write", lambda figure, path: path)
        assert main(["mask", *words]) == 0
    return read_map(f"{stem(words)}.tissue.toml")


def tissue(found: TissueMap) -> Tissue:
    return build_mapped(grid_of(found.rows), found.pitch_um)


def assert_seven(found: TissueMap) -> None:
    regular, drawn = seven(), tissue(found)
    assert drawn.n_lobules == 7
    for kind in range(3):
        expected = np.count_nonzero(regular.kind == kind)
        assert abs(np.count_nonzero(drawn.kind == kind) - expected) < 0.02 * regular.n_sites
    one, other = (
        np.bincount(t.zone[t.kind == PARENCHYMA], minlength=4) / t.n_sites for t in (regular, drawn)
    )
    assert np.abs(one - other).max() < 0.045  # a ring of sites may fall on either side of a third
    assert parts_of(grid_of(found.rows)).count(PORTAL_TRACT) == 24


def test_a_label_mask(kinds: NDArray[np.int8]) -> None:
    path = write(Path("labels.png"), labels(kinds))
    found = made("labels.png", *SCALE)
    assert_seven(found)
    assert found.source is not None and found.name == "labels"
    assert found.source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.source.image, found.source.um_per_pixel) == ("labels.png", UM)


def test_a_site_lies_where_it_is_in_the_image(kinds: NDArray[np.int8]) -> None:
    write(Path("labels.png"), labels(kinds))
    found = unseen("labels.png", *SCALE)
    assert found.source is not None
    drawn, (right, down) = tissue(found), found.source.origin_um
    column, row = ((right + drawn.x) / UM).astype(int), ((down - drawn.y) / UM).astype(int)
    assert np.mean(kinds[row, column] == drawn.kind) > 0.97


PALETTE = [240, 240, 240, 0, 0, 255, 255, 255, 0, 210, 140, 170]


def palette(kinds: NDArray[np.int8]) -> Image.Image:
    image = Image.fromarray(labels(kinds))
    image.putpalette(PALETTE)
    return image


def test_the_kinds_of_images_agree(kinds: NDArray[np.int8], capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("grey.png"), labels(kinds))
    wanted = unseen("grey.png", *SCALE).rows
    palette(kinds).save("palette.png")
    write(Path("sixteen.tif"), labels(kinds).astype(np.uint16) * 1000)
    write(Path("painted.png"), painted(kinds))
    rgba = np.dstack([painted(kinds), np.full(kinds.shape, 255, np.uint8)])
    rgba[kinds == OUTSIDE] = (120, 40, 40, 0)  # transparent, whatever its colour
    write(Path("clear.png"), rgba)
    assert unseen("palette.png", *SCALE).rows == wanted
    assert unseen("palette.png", *SCALE, "--colours", "central=blue").rows == wanted
    assert unseen("sixteen.tif", *SCALE, "--labels", "central=1000,portal=2000,outside=0").rows == wanted
    assert made("painted.png", *SCALE).rows == wanted
    assert unseen("clear.png", *SCALE).rows == wanted
    swapped = np.array([[0, 2, 1, 3]], np.uint8)[0][labels(kinds)]
    write(Path("swapped.png"), swapped)
    assert unseen("swapped.png", *SCALE, "--labels", "central=2,portal=1,tissue=3").rows == wanted
    assert "note: " not in capsys.readouterr().err


def ome(unit: str, size: float) -> dict[int, str]:
    pixels = f'PhysicalSizeX="{size}" PhysicalSizeXUnit="{unit}"'
    return {270: f"<OME><Image><Pixels {pixels}/></Image></OME>"}


TAGS: dict[str, dict[str, Any]] = {
    "centimetres": {"resolution_unit": 3, "x_resolution": 10_000.0 / UM, "y_resolution": 10_000.0 / UM},
    "lzw": {"dpi": (25_400.0 / UM, 25_400.0 / UM), "compression": "tiff_lzw"},
    "ome": {"tiffinfo": ome("&#181;m", UM)},
    "ome in nm": {"tiffinfo": ome("nm", 1000.0 * UM)},
    "imagej": {"tiffinfo": {270: "ImageJ=1.54\nunit=micron\n", 282: 1.0 / UM, 296: 1}},
}


@pytest.mark.parametrize("options", TAGS.values(), ids=TAGS)
def test_tiff_says_how_wide_a_pixel_is(options: dict[str, Any], kinds: NDArray[np.int8]) -> None:
    write(Path("tagged.tif"), labels(kinds), **options)
    source = unseen("tagged.tif").source
    assert source is not None and source.um_per_pixel == pytest.approx(UM, rel=1e-4)


def test_ome_tiff_says_it_in_utf_8(kinds: NDArray[np.int8]) -> None:
    tifffile = pytest.importorskip("tifffile")
    size = {"axes": "YX", "PhysicalSizeX": UM, "PhysicalSizeXUnit": "µm"}
    tifffile.imwrite("labels.ome.tif", labels(kinds), metadata=size)
    source = unseen("labels.ome.tif").source
    assert source is not None and source.um_per_pixel == UM


def test_what_pillow_cannot_read_tifffile_does(kinds: NDArray[np.int8]) -> None:
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite("wide.tif", labels(kinds).astype(np.uint64))
    assert_seven(made("wide.tif", *SCALE))


def test_shapes_of_qupath(capsys: pytest.CaptureFixture[str]) -> None:
    lobule_in_shapes(Path("lobule.geojson"))
    found = made("lobule.geojson", "--um-per-pixel", "0.5")
    parts = parts_of(grid_of(found.rows))
    assert (parts.count(CENTRAL_VEIN), parts.count(PORTAL_TRACT), parts.count(PARENCHYMA)) == (1, 6, 1)
    area = np.pi * 284.0**2 / (23.0**2 * np.sqrt(0.75))
    assert len(parts.kind) == pytest.approx(area, rel=0.05)
    lobule_in_shapes(Path("lobule.geojson"), central="Zentralvene", portal="Portalfeld")
    again = unseen(
        "lobule.geojson", "--um-per-pixel", "0.5", "--labels", "central=Zentralvene,portal=Portalfeld"
    )
    assert again.rows == found.rows


def test_shapes_have_holes_and_some_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    shapes(
        Path("holes.geojson"),
        feature("Tissue", ring(500, 500, 500), ring(300, 500, 80)),
        feature("Central vein", ring(500, 500, 60)),
        feature("portal tracts", ring(500, 120, 60)),
        feature("Ignore*", ring(800, 500, 60)),
        feature("Tumor", ring(500, 800, 60)),
        feature(None, ring(500, 800, 60)),
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {}},
    )
    found = tissue(made("holes.geojson", "--um-per-pixel", "0.5"))
    told = capsys.readouterr().err
    assert "note: 2 holes in the tissue" in told
    assert 'note: 1 shape of class "Tumor" left out' in told and "note: 2 shapes without a class" in told
    hole = np.pi * (80.0**2 + 60.0**2) * 0.25
    whole = np.pi * 500.0**2 * 0.25
    assert found.n_sites == pytest.approx((whole - hole) / (23.0**2 * np.sqrt(0.75)), rel=0.05)


def test_small_vessels_get_a_site_and_specks_none(capsys: pytest.CaptureFixture[str]) -> None:
    mask = np.full((300, 300), 3, np.uint8)
    mask[20:26, 20:26] = 2  # 12 um wide
    mask[250:256, 250:256] = 1
    mask[150, 150:152] = 1
    write(Path("small.png"), mask)
    drawn = tissue(made("small.png", *SCALE))
    assert [np.count_nonzero(drawn.kind == kind) for kind in NAMES] == [1, 1]
    assert "note: 1 speck smaller than a tenth of a site" in capsys.readouterr().err


def test_what_blood_does_not_reach_is_left_out_and_told(
    kinds: NDArray[np.int8], capsys: pytest.CaptureFixture[str]
) -> None:
    write(Path("whole.png"), labels(kinds))
    wanted = unseen("whole.png", *SCALE).rows
    capsys.readouterr()
    wide = np.pad(labels(kinds), ((0, 0), (0, 200)))
    wide[100:400, -150:-20] = 3
    wide[240:260, -90:-70] = 2
    wide[500:520, -100:-80] = 3
    wide[600:620, -100:-80] = 1
    write(Path("islands.png"), wide)
    assert made("islands.png", *SCALE).rows == wanted
    told = capsys.readouterr().err.splitlines()
    assert any("a piece of" in line and "touches no central vein: left out" in line for line in told)
    assert any("1 crumb of tissue" in line for line in told)
    assert any("1 portal tract that touches no kept tissue" in line for line in told)


def test_what_is_unusual_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    mask = np.full((120, 900), 3, np.uint8)
    mask[50:70, 20:40] = 2
    mask[50:70, 780:800] = 1
    write(Path("long.png"), mask)
    made("long.png", *SCALE)
    told = capsys.readouterr().err
    assert "note: the nearest portal tract to the central vein at (1.58, 0.13) mm is 1.5 mm away" in told
    assert "% of the parenchyma gets less than a tenth of the usual flow" in told


def test_another_species_and_pitch(kinds: NDArray[np.int8]) -> None:
    write(Path("labels.png"), labels(kinds))
    assert unseen("labels.png", *SCALE, "--species", "human").pitch_um == 25.0
    assert unseen("labels.png", *SCALE, "--pitch", "30").pitch_um == 30.0


def test_histology_is_shown_beside(kinds: NDArray[np.int8]) -> None:
    write(Path("labels.png"), labels(kinds))
    write(Path("stain.png"), painted(kinds)[::2, ::2])
    made("labels.png", *SCALE)
    before = Path("labels.tissue.png").read_bytes()
    made("labels.png", *SCALE, "--histology", "stain.png", "--out", "labels.tissue.toml")
    assert Path("labels.tissue.png").read_bytes() != before


def test_a_run_on_the_image_reads_as_the_regular_one(kinds: NDArray[np.int8]) -> None:
    write(Path("painted.png"), painted(kinds))
    unseen("painted.png", *SCALE)
    quiet = {"tissue.agents": False, "record.snapshot_days": []}
    regular = Lobule("hfe-mouse", rng=1, settings={**quiet, "tissue.lobules": 7}).run(days=1)
    drawn = Lobule("hfe-mouse", rng=1, settings={**quiet, "tissue.map": "painted.tissue.toml"}).run(days=1)
    one, other = regular.readouts(), drawn.readouts()
    for name in (
        "lic_mg_per_g",
        "iron_zone1_to_zone3_ratio",
        "oxygen_central_mmhg",
        "hepatocytes",
        "macrophages",
    ):
        assert other[name] == pytest.approx(one[name], rel=0.03), name
    assert other["iron_ledger_error"] < 1e-9


@given(st.integers(0, 2**32 - 1), st.floats(0.2, 3.0), st.integers(0, 6))
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_any_mask_is_a_tissue_or_refused_in_words(seed: int, size: float, vessels: int) -> None:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:160, :200] / 40.0
    kinds = np.full(x.shape, OUTSIDE, np.int8)
    for kind, number in ((PARENCHYMA, 5), (PORTAL_TRACT, vessels), (CENTRAL_VEIN, vessels)):
        for _ in range(number):
            radius = size * rng.uniform(0.3, 0.8) * (1.0 if kind == PARENCHYMA else 0.2)
            kinds[np.hypot(x - rng.uniform(0, 5), y - rng.uniform(0, 4)) < radius] = kind
    try:
        grid, origin, _ = sites_of(Raster(kinds, 4.0, (0.0, 0.0)), 23.0)
        clean(grid, origin, 23.0)
    except InputError as error:
        assert "tissue" in str(error)
        return
    grid, _ = trimmed(grid)
    assert flaw(grid) == "" or "zone" in flaw(grid) or "too few" in flaw(grid)


def grey(value: int) -> Callable[[], Any]:
    return lambda: write(Path("bad.png"), np.full((80, 80), value, np.uint8))


def rgb() -> None:
    write(Path("bad.png"), np.full((80, 80, 3), 200, np.uint8))


def vessels_without_tissue() -> None:
    mask = np.zeros((200, 200), np.uint8)
    mask[20:60, 20:60], mask[120:160, 20:60] = 1, 2
    write(Path("bad.png"), mask)


def fraction() -> None:
    Image.fromarray(np.full((80, 80), 0.5, np.float32)).save("bad.tif")


def printed() -> None:
    write(Path("bad.tif"), np.full((80, 80), 1, np.uint8), dpi=(72, 72))


def broken() -> None:
    write(Path("bad.png"), np.arange(90000, dtype=np.uint32).astype(np.uint8).reshape(300, 300))
    Path("bad.png").write_bytes(Path("bad.png").read_bytes()[:300])


def dust() -> None:
    labels = np.zeros((400, 400), np.uint8)
    labels[::40, ::40], labels[5, 5], labels[9, 9] = 3, 1, 2
    write(Path("bad.png"), labels)


BAD: dict[str, tuple[Callable[[], Any], list[str], str]] = {
    "no file": (lambda: None, ["bad.png"], "bad.png: no such file"),
    "no shapes": (lambda: None, ["bad.geojson", *SCALE], "bad.geojson: no such file"),
    "folder": (lambda: Path("bad.png").mkdir(), ["bad.png"], "bad.png: is a folder"),
    "here": (lambda: None, [".", *SCALE], ".: is a folder"),
    "dust": (dust, ["bad.png", *SCALE], "bad.png: no hexagon is mostly tissue"),
    "no image": (lambda: Path("bad.png").write_text("x"), ["bad.png"], "is no PNG, TIFF or GeoJSON file"),
    "no tiff": (lambda: Path("bad.tif").write_text("x"), ["bad.tif"], "is no TIFF file that can be read"),
    "broken": (broken, ["bad.png", *SCALE], "is no PNG, TIFF or GeoJSON file"),
    "no scale": (grey(1), ["bad.png"], "does not say how wide a pixel is: give --um-per-pixel"),
    "screen": (printed, ["bad.tif"], "353 um per pixel, is none of a microscope"),
    "coarse": (
        grey(1),
        ["bad.png", "--um-per-pixel", "20", "--labels", "portal=1+1"],
        "no pixel has the label",
    ),
    "no vein": (grey(2), ["bad.png", *SCALE], "no pixel has the label 1 (central veins); there are 2"),
    "no tract": (grey(1), ["bad.png", *SCALE], "no pixel has the label 2 (portal tracts); there are 1"),
    "twice": (grey(1), ["bad.png", *SCALE, "--labels", "central=1,portal=1"], "1 is central already"),
    "word": (
        grey(1),
        ["bad.png", *SCALE, "--labels", "central=one"],
        "one -> must be a whole number",
    ),
    "kind": (grey(1), ["bad.png", *SCALE, "--labels", "centre=1"], 'did you mean "central"?'),
    "fraction": (
        fraction,
        ["bad.tif", *SCALE],
        "bad.tif: a pixel has the value 0.5 -> labels are whole numbers",
    ),
    "unpainted": (rgb, ["bad.png", *SCALE], "no pixel has the colour #0000ff (central veins)"),
    "colour": (rgb, ["bad.png", *SCALE, "--colours", "central=bleu"], "central=bleu -> is no colour"),
    "labels of colours": (rgb, ["bad.png", *SCALE, "--labels", "central=1"], "use --colours instead"),
    "no tissue": (vessels_without_tissue, ["bad.png", *SCALE], "tissue"),
    "pitch": (grey(1), ["bad.png", *SCALE, "--pitch", "90"], "--pitch 90 -> must be 15 to 35 um"),
    "species": (grey(1), ["bad.png", "--species", "pig"], "pig"),
    "out": (grey(1), ["bad.png", *SCALE, "--out", "there.png"], "must end in .toml"),
    "no folder": (grey(1), ["bad.png", *SCALE, "--out", "no/there.toml"], "there is no folder no"),
}


@pytest.mark.parametrize(("prepare", "words", "told"), BAD.values(), ids=BAD)
def test_bad_images_get_one_line(
    prepare: Callable[[], Any], words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare()
    before = sorted(Path().iterdir())
    assert main(["mask", *words]) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1, error
    assert sorted(Path().iterdir()) == before


BAD_SHAPES: dict[str, tuple[Any, str]] = {
    "text": ("{", "is no GeoJSON"),
    "list of numbers": ([1, 2], "must be a FeatureCollection"),
    "nothing": ({"type": "FeatureCollection", "features": []}, "no shape has the class"),
    "misspelt": (
        [
            feature("Tissue", ring(500, 500, 500)),
            feature("Centrl vein", ring(500, 500, 60)),
            feature("Portal tract", ring(500, 100, 60)),
        ],
        '"Centrl vein", "Portal tract": say --labels central=...; did you mean "Centrl vein"?',
    ),
    "no tissue": ([feature("Central vein", ring(0, 0, 9))], 'no shape has the class "Tissue"'),
    "damaged": ([feature("Tissue", [["a", 1], [2, 3], [4, 5]])], "a polygon is damaged"),
    "two corners": ([feature("Tissue", [[0, 1], [2, 3]])], "a ring has three corners at least"),
    "huge": (
        [feature(name, ring(0, 0, 1e6)) for name in ("Tissue", "Central vein", "Portal tract")],
        "too large; is --um-per-pixel right?",
    ),
}


@pytest.mark.parametrize(("content", "told"), BAD_SHAPES.values(), ids=BAD_SHAPES)
def test_bad_shapes_get_one_line(content: Any, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.geojson").write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    assert main(["mask", "bad.geojson", "--um-per-pixel", "0.5"]) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1, error


def test_a_mask_is_used_in_a_case(kinds: NDArray[np.int8]) -> None:
    write(Path("labels.png"), labels(kinds))
    found = unseen("labels.png", *SCALE)
    assert load_case("ccl4-mouse", {"tissue.map": "labels.tissue.toml"}).tissue.map == found
