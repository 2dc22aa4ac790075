"""Every export opens in its own library, and says there what the run says here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import meshio
import numpy as np
import pandas as pd
import pcdl
import pyarrow.parquet as pq
import pytest
import tifffile
import xarray as xr

from lobule.errors import InputError
from lobule.experiments import collect
from lobule.experiments.cli import FORMATS, main
from lobule.experiments.export import collect as exporting
from lobule.experiments.export.images import Raster
from lobule.experiments.sweeps.results import Results

from .sweep_cases import SHORT, small_sweep

TREATED = {
    **SHORT,
    "record.snapshot_days": [0.0, 0.125],
    "treatments": [{"kind": "msc", "day": 0.0, "cells": 5e6, "route": "intraportal"}],
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    out = tmp_path_factory.mktemp("exports") / "store"
    return small_sweep(out, settings=TREATED, parameters={"subject.age_days": [21.0, 40.0]}, seeds=[0])


def test_the_formats_of_the_command_line_are_those_that_are_written():
    assert tuple(exporting.FORMATS) == FORMATS


def test_parquet(results: Results):
    path = collect(results)
    assert path == results.store.shown / "results.parquet"
    frame = pd.read_parquet(path)
    pd.testing.assert_frame_equal(frame, results.to_pandas())
    assert pq.read_schema(path).field("lic_mg_per_g").metadata[b"unit"] == b"mg/g dry"


def test_parquet_in_pieces_is_the_same(results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exporting, "ROWS_AT_A_TIME", 1)
    path = collect(results, out=tmp_path / "pieces.parquet")
    assert pq.ParquetFile(path).num_row_groups == 2
    written, table = pq.read_table(path), results.table()
    assert written.schema.equals(table.schema)
    assert written.to_pandas().equals(table.to_pandas())  # NaN is NaN here, but not to Arrow


def test_csv(results: Results, tmp_path: Path):
    frame = pd.read_csv(collect(results, "csv", tmp_path / "table.csv"))
    mine = results.to_pandas()
    assert list(frame.columns) == list(mine.columns)
    assert np.array_equal(frame["lic_mg_per_g"], mine["lic_mg_per_g"])  # to the last bit


def test_zarr(results: Results, tmp_path: Path):
    path = collect(results, "zarr", tmp_path / "s.zarr")
    fields = xr.open_zarr(path, group="fields", consolidated=False)
    assert fields.load().equals(results.fields())
    assert fields.tnf.attrs["units"] == "ng/mL"
    for kind in ("hepatocyte", "msc"):
        cells = xr.open_zarr(path, group=f"cells/{kind}", consolidated=False).load()
        assert cells.equals(results.cells(kind)) and cells.sizes["cell"] > 0


def test_zarr_in_pieces_is_the_same(results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("lobule.experiments.export.arrays.PIECE_BYTES", 1)
    path = collect(results, "zarr", tmp_path / "s.zarr")
    assert xr.open_zarr(path, group="fields", consolidated=False).load().equals(results.fields())
    for kind in ("hepatocyte", "msc"):
        cells = xr.open_zarr(path, group=f"cells/{kind}", consolidated=False).load()
        assert cells.equals(results.cells(kind))


def test_zarr_is_a_few_files_although_the_first_run_has_no_msc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("lobule.experiments.export.arrays.PIECE_BYTES", 1)
    late = {**SHORT, "treatments": TREATED["treatments"]}
    some = small_sweep(
        tmp_path / "s", settings=late, parameters={"treatments.0.cells": [0.0, 5e7]}, seeds=[0]
    )
    path = collect(some, "zarr", tmp_path / "s.zarr")
    cells = xr.open_zarr(path, group="cells/msc", consolidated=False).load()
    assert cells.sizes["cell"] > 20 and cells.equals(some.cells("msc"))
    columns = len(list((path / "cells" / "msc").glob("*/.zarray")))
    assert len(list((path / "cells" / "msc").rglob("*"))) < 6 * columns


def test_days_are_those_on_which_a_state_was_kept(tmp_path: Path):
    odd = {**SHORT, "record.snapshot_days": [0.13]}
    (one,) = small_sweep(tmp_path / "s", settings=odd, parameters={}, seeds=[0])
    assert list(one.snapshots) == [4.0 / 24.0, 0.25] == one.fields().day.values.tolist()
    assert one.snapshot(0.13).hours == 4.0 == one.snapshot(4.0 / 24.0).hours
    text = (collect(one, "vtk", tmp_path / "v") / one.folder.name / "sites.pvd").read_text()
    assert f'timestep="{4.0 / 24.0!r}"' in text


def test_ome_tiff(results: Results, tmp_path: Path):
    folder = collect(results, "ome-tiff", tmp_path / "images")
    one = next(iter(results))
    with tifffile.TiffFile(folder / f"{one.folder.name}.ome.tif") as file:
        assert file.is_ome and file.series[0].axes == "TCYX"
        data, words = file.series[0].asarray(), tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    names = [channel["Name"] for channel in words["Channel"]]
    assert names[4] == "TNF-a (ng/mL)" and names[-1] == "Iron in hepatocytes (fmol)"
    model = one.snapshot()
    assert words["PhysicalSizeX"] == pytest.approx(model.tissue.pitch / 4.0) and words["SizeT"] == 3
    assert [plane["DeltaT"] for plane in words["Plane"]][:: len(names)] == [0.0, 3.0, 6.0]
    raster = Raster(model.tissue, words["PhysicalSizeX"])
    # the pixel over the middle of a site shows its value, upside up
    for site in (0, 100, 462):
        column = np.argmin(np.abs(raster.x - model.tissue.x[site]))
        row = np.argmin(np.abs(raster.y - model.tissue.y[site]))
        assert data[2, 4, row, column] == np.float32(model.fields["tnf"][site])
    assert model.tissue.y[np.argmax(model.tissue.y)] == pytest.approx(raster.y[0], abs=model.tissue.pitch)
    # the area of the pixels is that of the sites
    area = np.isfinite(data[0, 0]).sum() * raster.size**2
    assert area == pytest.approx(model.tissue.n_sites * model.tissue.pitch**2 * np.sqrt(3.0) / 2.0, rel=0.03)


def test_vtk(results: Results, tmp_path: Path):
    folder = collect(results, "vtk", tmp_path / "meshes")
    one = next(iter(results))
    model, place = one.snapshot(), folder / one.folder.name
    sites = meshio.read(place / "sites-day-0000.25.vtu")
    (block,) = sites.cells
    assert len(block.data) == model.tissue.n_sites
    assert np.array_equal(sites.cell_data["TNF-a (ng/mL)"][0], model.fields["tnf"])
    corners = sites.points[block.data]
    assert np.allclose(corners.mean(axis=1)[:, :2], np.stack([model.tissue.x, model.tissue.y], axis=1))
    x, y = corners[..., 0], corners[..., 1]
    area = 0.5 * np.sum(x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1), axis=1)
    assert np.allclose(area, model.tissue.pitch**2 * np.sqrt(3.0) / 2.0)
    cells = meshio.read(place / "cells-day-0000.25.vtu")
    assert len(cells.points) == sum(len(table) for table in model.population.tables.values())
    iron = cells.point_data["iron"]
    assert np.nansum(iron) == pytest.approx(
        sum(t["iron"].sum() for n, t in model.population.tables.items() if n != "stellate")
    )
    assert len(np.unique(np.round(cells.points, 6), axis=0)) == len(cells.points)
    text = (place / "sites.pvd").read_text()
    assert 'timestep="0.125" file="sites-day-0000.12.vtu"' in text


@pytest.mark.filterwarnings("ignore::Warning:pcdl.*")
def test_multicellds(results: Results, tmp_path: Path):
    folder = collect(results, "multicellds", tmp_path / "cells")
    one = next(iter(results))
    step = pcdl.TimeStep(str(folder / one.folder.name / "output00000002.xml"), verbose=False)
    model = one.snapshot()
    assert step.get_time() == 360.0
    cells = step.get_cell_df()
    counts = {name: len(table) for name, table in model.population.tables.items()}
    assert cells["cell_type"].value_counts().to_dict() == {k: n for k, n in counts.items() if n}
    hepatocytes = cells[cells["cell_type"] == "hepatocyte"]
    assert np.allclose(np.sort(hepatocytes["iron"]), np.sort(model.population.tables["hepatocyte"]["iron"]))
    conc = step.get_conc_df()
    assert conc["tnf"].max() == model.fields["tnf"].max() and step.get_unit_dict()["tnf"] == "ng/mL"
    site = int(np.argmin(np.hypot(model.tissue.x, model.tissue.y)))
    near = np.hypot(
        conc["mesh_center_m"] - model.tissue.x[site], conc["mesh_center_n"] - model.tissue.y[site]
    )
    assert conc["oxygen"][near.idxmin()] == pytest.approx(model.fields["oxygen"][site], rel=0.05)


def test_a_single_run_is_collected_too(results: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    one = next(iter(results))
    folder = shutil.copytree(one.folder, tmp_path / "run")
    for name in FORMATS:
        assert main(["collect", str(folder), "--format", name]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == len(FORMATS) and all(Path(line).exists() for line in printed)
    assert len(pd.read_csv(folder / "results.csv")) == 4
    assert dict(xr.open_zarr(folder / "results.zarr", group="fields", consolidated=False).sizes) == {
        "day": 3,
        "site": 463,
    }
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.filterwarnings("ignore::Warning:pcdl.*")
def test_three_dimensions(tmp_path: Path):
    tall = small_sweep(
        tmp_path / "s",
        settings={**SHORT, "tissue.layers": 3},
        parameters={"tissue.radius_um": [150.0]},
        seeds=[0],
    )
    (one,) = tall
    image = tifffile.imread(collect(one, "ome-tiff", tmp_path / "i") / f"{one.folder.name}.ome.tif")
    model = one.snapshot()
    assert image.ndim == 4 and image.shape[1] == 3  # channels, layers, rows, columns
    mesh = meshio.read(collect(one, "vtk", tmp_path / "v") / one.folder.name / "sites-day-0000.25.vtu")
    assert len(mesh.cells[0].data) == model.tissue.n_sites and len(np.unique(mesh.points[:, 2])) == 3
    place = collect(one, "multicellds", tmp_path / "m") / one.folder.name / "output00000000.xml"
    step = pcdl.TimeStep(str(place), verbose=False)
    assert len(step.get_mesh_mnp_axis()[2]) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "no store of runs"),
        (["{store}", "--format", "hdf5"], "invalid choice"),
        (["{store}", "--format", "zarr", "--out", "{taken}"], "is there already"),
        (["{store}", "--out", "{taken}"], "is there already"),
        (["{store}", "--format", "csv", "--out", "{taken}/file"], "is there already"),
        (["{store}", "--out", "{taken}/link"], "is there already"),
        (["{store}", "--out", "{store}/sweeps/x.csv"], "belongs to a store"),
        (["{store}", "--format", "vtk", "--out", "{store}/runs/x"], "belongs to a store"),
        (["{store}", "--out", "{taken}/none/table.parquet"], "there is no folder"),
        (["{store}", "--format", "zarr", "--out", "{taken}/none/s.zarr"], "there is no folder"),
        (["{store}", "--format", "vtk", "--out", "{taken}/none/vtk"], "there is no folder"),
        (["{bare}", "--format", "vtk"], "no snapshot was kept"),
        (["{bare}", "--format", "zarr"], "no snapshot was kept"),
    ],
)
def test_what_cannot_be_collected_gets_one_line(
    words: list[str], said: str, results: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "file").write_text("mine")
    (taken / "link").symlink_to("nowhere")
    if "{bare}" in words:
        settings = {**SHORT, "record.final_snapshot": False}
        small_sweep(tmp_path / "bare", settings=settings, parameters={}, seeds=[0])
    places = {"store": results.store.path, "taken": taken, "bare": tmp_path / "bare"}
    assert main(["collect", *(word.format(**places) for word in words)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and said in lines[0], lines
    assert sorted(path.name for path in taken.iterdir()) == ["file", "link"]
    assert (taken / "file").read_text() == "mine" and not list(tmp_path.rglob("*.partial"))


def test_what_was_collected_beside_the_runs_is_renewed(results: Results):
    for name in FORMATS:
        path = collect(results, name)
        assert collect(results.store.path, name) == path
    assert not list(results.store.path.glob(".*"))


def test_what_is_in_the_way_of_a_collection_stays(results: Results, tmp_path: Path):
    store = shutil.copytree(results.store.path, tmp_path / "store")
    (store / "results.csv").unlink(missing_ok=True)
    (store / "mine").write_text("mine")
    (store / "results.csv").symlink_to("mine")
    with pytest.raises(InputError, match=r"results.csv -> is in the way"):
        collect(store, "csv")
    assert (store / "mine").read_text() == "mine"


FULL = """
import resource, sys
from lobule.experiments.export import arrays, collect
from lobule.experiments.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
store, out, *formats = sys.argv[1:]
for name in formats:
    assert main(["collect", store, "--format", name, "--out", f"{out}/{name}"]) == 2
"""


def test_a_full_disk_gets_one_line_that_names_the_path(results: Results, tmp_path: Path):
    """Files may not grow over 1 kB: a table, an image or an array cannot be written, as on a full disk."""
    formats = [name for name in FORMATS if name != "csv"]
    words = [str(results.store.path), str(tmp_path), *formats]
    done = subprocess.run(
        [sys.executable, "-c", FULL, *words], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    for name, line in zip(formats, done.stderr.splitlines(), strict=True):
        assert line.startswith("lobule collect: File too large (") and str(tmp_path / name) in line, line
        assert ".partial" not in line
    assert not list(tmp_path.iterdir())


def test_a_format_that_is_none_is_refused(results: Results, tmp_path: Path):
    with pytest.raises(InputError, match='did you mean "ome-tiff"'):
        collect(results, "ome-tif", tmp_path / "x")
    assert collect(results, "csv", str(tmp_path / "x.csv")) == tmp_path / "x.csv"


def test_a_library_that_is_missing_is_named(
    results: Results, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(InputError, match=r"tifffile is not installed: pip install 'lobule\[export\]'"):
        collect(results, "ome-tiff", tmp_path / "x")
