"""Snapshots as OME-TIFF, for napari, QuPath and Fiji."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule.experiments.export.needed import library
from lobule.experiments.export.values import site_quantities
from lobule.experiments.sweeps.finished import Run
from lobule.files import whole
from lobule.geometry import Tissue

PIXELS_PER_SITE = 4


class Raster:
    """Square pixels over a tissue of hexagons.

    Parameters
    ----------
    tissue : Tissue
        The sites.
    size : float
        Edge of a pixel, um.

    Attributes
    ----------
    size, thickness : float
        Edge of a pixel, and of a layer, um.
    x, y : ndarray, shape (columns,) and (rows,)
        Middles of the pixels, um; x rises with the column, y falls with the row, as in our pictures.
    site : ndarray of int, shape (layers, rows, columns)
        Site under each pixel; -1 outside the tissue.
    """

    def __init__(self, tissue: Tissue, size: float) -> None:
        from scipy.spatial import cKDTree

        self.size, self.thickness = size, tissue.thickness
        edge = tissue.pitch / np.sqrt(3.0)  # of a hexagon: as far as a point of a site can be from its middle
        low = np.array([tissue.x.min(), tissue.y.min()]) - edge
        high = np.array([tissue.x.max(), tissue.y.max()]) + edge
        columns, rows = np.ceil((high - low) / size).astype(int)
        self.x = low[0] + (np.arange(columns) + 0.5) * size
        self.y = (low[1] + (np.arange(rows) + 0.5) * size)[::-1]
        pixels = np.stack(np.meshgrid(self.x, self.y), axis=-1)
        layers = []
        for layer in range(int(tissue.axial[:, 2].max()) + 1):
            sites = np.flatnonzero(tissue.axial[:, 2] == layer)
            distance, which = cKDTree(np.stack([tissue.x[sites], tissue.y[sites]], axis=1)).query(pixels)
            layers.append(np.where(distance <= edge, sites[which], -1))
        self.site = np.stack(layers)

    def image(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return `values` of all sites as pixels, shape (layers, rows, columns); NaN outside the tissue."""
        return np.where(self.site >= 0, values[self.site], np.nan).astype(np.float32)


def write_ome_tiff(run: Run, path: Path) -> None:
    """Write all snapshots of a run as one OME-TIFF.

    Axes are time (snapshots), channel (fields, oxygen tension, collagen, hepatocyte iron; named with their
    units), z (layers), y and x; 32-bit floats, NaN outside the tissue and, for iron, where there is no
    hepatocyte.

    Raises
    ------
    InputError
        If no snapshot was kept, or tifffile is not installed.
    """
    tifffile = library("tifffile")
    raster: Raster | None = None
    stacks, hours, names = [], [], []
    for model in run.states():
        raster = raster or Raster(model.tissue, model.tissue.pitch / PIXELS_PER_SITE)
        quantities = site_quantities(model)
        names = [f"{q.label} ({q.unit})" for q in quantities]
        hours.append(model.hours)
        stacks.append(np.stack([raster.image(q.values) for q in quantities]))
    assert raster is not None  # states are never none
    data = np.stack(stacks)
    shape = data.shape
    plane = int(np.prod(shape[1:3]))
    metadata: dict[str, Any] = {
        "axes": "TCZYX",
        "Name": f"{run.case.name}, seed {run.manifest['seed']}",
        "PhysicalSizeX": raster.size,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": raster.size,
        "PhysicalSizeYUnit": "µm",
        "PhysicalSizeZ": raster.thickness,
        "PhysicalSizeZUnit": "µm",
        "Channel": {"Name": names},
        "Plane": {
            "DeltaT": np.repeat(hours, plane).tolist(),
            "DeltaTUnit": ["h"] * (shape[0] * plane),
        },
    }
    with whole(path) as partial:
        tifffile.imwrite(
            partial, data, ome=True, metadata=metadata, compression="zlib", photometric="minisblack"
        )
