"""Snapshots as MultiCellDS as PhysiCell writes it, for pcdl and PhysiCell's own tools."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from lobule import __version__
from lobule.experiments.export.images import Raster
from lobule.experiments.export.meshes import cell_places
from lobule.experiments.export.values import Quantity, site_quantities
from lobule.experiments.sweeps.finished import Run
from lobule.geometry import Tissue
from lobule.model import Lobule
from lobule.population import CELLS

MINUTES_PER_HOUR = 60.0
#: What every PhysiCell output has of a cell: name, numbers, unit.
STANDARD = (
    ("ID", 1, "none"),
    ("position", 3, "micron"),
    ("total_volume", 1, "cubic microns"),
    ("cell_type", 1, "none"),
    ("cycle_model", 1, "none"),
    ("current_phase", 1, "none"),
    ("elapsed_time_in_phase", 1, "min"),
    ("dead", 1, "none"),
    ("current_death_model", 1, "none"),
    ("chemotaxis_index", 1, "none"),
)
NO_CYCLE, NO_PHASE = 7, 14  # PhysiCell's codes for a cell that lives without a cycle model
NAMES = {"iron": "ntbi"}  # since cells have a column of the same name
GRAPHS = ("neighbor_graph", "attached_cells_graph", "spring_attached_cells_graph")


def write_multicellds(run: Run, folder: Path) -> None:
    """Write all snapshots of a run to a folder as ``output00000000.xml`` and its matrices.

    Fields are resampled from hexagons to square voxels one site wide; voxels outside the tissue hold 0, as
    the format knows no gaps. Cells carry the columns of their tables as custom data, NaN where their type has
    none. The volume of a hepatocyte is the tissue of its site; other cells have none in the model (NaN).
    Times are in minutes.

    Raises
    ------
    InputError
        If no snapshot was kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, model in enumerate(run.states()):
        _write_step(model, folder, f"output{number:08d}")


def site_volume(tissue: Tissue) -> float:
    """Return the volume of the tissue of one site, um3: of one hepatocyte and what is around it."""
    return float(tissue.pitch**2 * np.sqrt(3.0) / 2.0 * tissue.thickness)


def _write_step(model: Lobule, folder: Path, name: str) -> None:
    from scipy.io import savemat

    tissue = model.tissue
    raster = Raster(tissue, tissue.pitch)
    x, y = raster.x, raster.y[::-1]
    z = np.unique(tissue.z)
    site = raster.site[:, ::-1, :]
    zz, yy, xx = np.meshgrid(z, y, x, indexing="ij")
    volume = tissue.pitch**2 * tissue.thickness
    mesh = np.stack([xx.ravel(), yy.ravel(), zz.ravel(), np.full(xx.size, volume)])
    quantities = [q for q in site_quantities(model) if q.name != "hepatocyte_iron"]
    inside = site.ravel() >= 0
    fields = [np.where(inside, q.values[site.ravel()], 0.0) for q in quantities]
    savemat(folder / f"{name}_mesh.mat", {"mesh": mesh}, format="4")
    microenvironment = np.vstack([mesh, *fields])
    savemat(folder / f"{name}_fields.mat", {"multiscale_microenvironment": microenvironment}, format="4")
    labels, cells = _cells(model)
    savemat(folder / f"{name}_cells.mat", {"cells": cells}, format="4")
    for graph in GRAPHS:
        (folder / f"{name}_{graph}.txt").write_text("", "utf-8")
    tree = _document(model, name, quantities, labels, (x, y, z))
    ElementTree.indent(tree)
    tree.write(folder / f"{name}.xml", encoding="utf-8", xml_declaration=True)


def _cells(model: Lobule) -> tuple[list[tuple[str, int, str]], NDArray[np.float64]]:
    """Return names, widths and units of the rows, and the rows, one column a cell."""
    tables = model.population.tables
    custom: dict[str, str] = {}
    for table in tables.values():
        custom |= {name: column.unit for name, column in table.columns.items() if name != "key"}
    blocks, first = [], 0
    for number, (kind, table) in enumerate(tables.items()):
        n = len(table)
        volume = site_volume(model.tissue) if kind == "hepatocyte" else np.nan
        rows = [
            np.arange(first, first + n),
            *cell_places(model, kind).T,
            np.full(n, volume),
            np.full(n, number),
            np.full(n, NO_CYCLE),
            np.full(n, NO_PHASE),
            table["age"] * MINUTES_PER_HOUR,
            *np.zeros((3, n)),
        ]
        rows += [table[c] if c in table.names else np.full(n, np.nan) for c in custom]
        blocks.append(np.stack([np.asarray(row, float) for row in rows]))
        first += n
    labels = [*STANDARD, *((name, 1, unit) for name, unit in custom.items())]
    return labels, np.concatenate(blocks, axis=1)


def _document(
    model: Lobule,
    name: str,
    quantities: list[Quantity],
    labels: list[tuple[str, int, str]],
    axes: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
) -> ElementTree.ElementTree[Any]:
    root = ElementTree.Element("MultiCellDS", version="0.5", type="snapshot/simulation")
    _metadata(root, model)
    domain = _sub(_sub(root, "microenvironment"), "domain", name="microenvironment")
    mesh = _sub(domain, "mesh", type="Cartesian", uniform="true", regular="true", units="micron")
    half = [model.tissue.pitch / 2.0] * 2 + [model.tissue.thickness / 2.0]
    ends = [a.min() - h for a, h in zip(axes, half, strict=True)]
    ends += [a.max() + h for a, h in zip(axes, half, strict=True)]
    _sub(mesh, "bounding_box", " ".join(map(repr, map(float, ends))), type="axis-aligned", delimiter=" ")
    for axis, values in zip("xyz", axes, strict=True):
        _sub(mesh, f"{axis}_coordinates", " ".join(repr(float(v)) for v in values), delimiter=" ")
    _sub(_sub(mesh, "voxels", type="matlab"), "filename", f"{name}_mesh.mat")
    variables = _sub(domain, "variables")
    for number, quantity in enumerate(quantities):
        unit, variable_id = quantity.unit, str(number)
        label = NAMES.get(quantity.name, quantity.name)
        variable = _sub(variables, "variable", name=label, units=unit, ID=variable_id)
        physical = _sub(variable, "physical_parameter_set")
        diffusivity, decay = _coefficients(model, quantity.name)
        _sub(physical, "diffusion_coefficient", repr(diffusivity), units="micron^2/min")
        _sub(physical, "decay_rate", repr(decay), units="1/min")
    _sub(_sub(domain, "data", type="matlab"), "filename", f"{name}_fields.mat")
    population = _sub(_sub(_sub(root, "cellular_information"), "cell_populations"), "cell_population")
    custom = _sub(population, "custom")
    data = _sub(custom, "simplified_data", type="matlab", source="PhysiCell", data_version="2")
    types = _sub(data, "cell_types")
    for number, kind in enumerate(CELLS):
        _sub(types, "type", kind, ID=str(number), type=kind)
    names = _sub(data, "labels")
    index = 0
    for label, width, unit in labels:
        _sub(names, "label", label, index=str(index), size=str(width), units=unit)
        index += width
    _sub(data, "filename", f"{name}_cells.mat")
    for graph in GRAPHS:
        _sub(_sub(custom, graph, type="text"), "filename", f"{name}_{graph}.txt")
    return ElementTree.ElementTree(root)


def _metadata(root: ElementTree.Element, model: Lobule) -> None:
    metadata = _sub(root, "metadata")
    software = _sub(metadata, "software")
    _sub(software, "name", "lobule")
    _sub(software, "version", __version__)
    _sub(metadata, "current_time", repr(model.hours * MINUTES_PER_HOUR), units="min")
    _sub(metadata, "current_runtime", "0.0", units="sec")
    _sub(metadata, "created", datetime.now(UTC).isoformat(timespec="seconds"))


def _coefficients(model: Lobule, name: str) -> tuple[float, float]:
    """Return diffusivity (um2/min) and decay (1/min) of a field; zeros for what does not diffuse."""
    from lobule.fields import LANE

    if name not in LANE:
        return 0.0, 0.0
    fields, lane = model.fields, LANE[name]
    return float(fields.diffusivity[lane]) / MINUTES_PER_HOUR, float(fields.decay[lane]) / MINUTES_PER_HOUR


def _sub(parent: ElementTree.Element, tag: str, text: str = "", **attributes: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag, attributes)
    if text:
        element.text = text
    return element
