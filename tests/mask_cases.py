"""Synthetic histology for the tests and the page of real tissue: lobules as images, masks and shapes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lobule.geometry import CENTRAL_VEIN, PARENCHYMA, PORTAL_TRACT, Tissue, build_tissue
from lobule.mapped import OUTSIDE

UM = 2.0
LABEL = {OUTSIDE: 0, CENTRAL_VEIN: 1, PORTAL_TRACT: 2, PARENCHYMA: 3}
INK = {OUTSIDE: (244, 242, 243), CENTRAL_VEIN: (0, 0, 255), PORTAL_TRACT: (255, 255, 0)}


def kinds_of(tissue: Tissue, um: float = UM, margin: float = 40.0) -> NDArray[np.int8]:
    """Return a tissue as pixels of `um`, y down, with a margin (um)."""
    from scipy.spatial import cKDTree

    low = np.array([tissue.x.min(), tissue.y.min()]) - margin
    high = np.array([tissue.x.max(), tissue.y.max()]) + margin
    columns, rows = np.ceil((high - low) / um).astype(int)
    x, y = np.meshgrid(low[0] + um * (np.arange(columns) + 0.5), high[1] - um * (np.arange(rows) + 0.5))
    distance, site = cKDTree(np.stack([tissue.x, tissue.y], axis=1)).query(np.stack([x, y], axis=-1))
    kinds = tissue.kind[site]
    kinds[distance > tissue.pitch / math.sqrt(3.0)] = OUTSIDE
    return np.asarray(kinds)


def labels(kinds: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Return a label mask."""
    return np.vectorize(LABEL.get)(kinds).astype(np.uint8)


def painted(kinds: NDArray[np.int8], seed: int = 1) -> NDArray[np.uint8]:
    """Return something like a stained section in which vessels were painted."""
    rng = np.random.default_rng(seed)
    rgb = np.empty((*kinds.shape, 3))
    rgb[:] = (214, 140, 176)
    rgb += rng.normal(0.0, 14.0, (*kinds.shape, 1))
    row, column = np.nonzero((rng.random(kinds.shape) < 0.006) & (kinds == PARENCHYMA))
    for down in range(3):
        for right in range(3):
            at = np.minimum(row + down, len(rgb) - 1), np.minimum(column + right, rgb.shape[1] - 1)
            rgb[at] = (92, 60, 130)
    for kind, colour in INK.items():
        rgb[kinds == kind] = colour
    return np.clip(rgb, 0.0, 255.0).astype(np.uint8)


def seven() -> Tissue:
    return build_tissue("mouse", 7)


def write(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def ring(x: float, y: float, radius: float, corners: int = 24) -> list[list[float]]:
    """Return a closed ring of GeoJSON."""
    angles = np.linspace(0.0, 2.0 * math.pi, corners + 1)
    return [[x + radius * math.cos(a), y + radius * math.sin(a)] for a in angles]


def feature(name: str | None, *rings: list[list[float]]) -> dict[str, Any]:
    properties = {"objectType": "annotation"} | ({"classification": {"name": name}} if name else {})
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": list(rings)},
        "properties": properties,
    }


def shapes(path: Path, *features: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}), "utf-8")
    return path


def lobule_in_shapes(path: Path, um: float = 0.5, radius: float = 284.0, **names: str) -> Path:
    """Write one round lobule with six tracts at its rim, in pixels of `um`."""
    called = {"tissue": "Tissue", "central": "Central vein", "portal": "Portal tract", **names}
    middle = 1.2 * radius / um
    corners = np.deg2rad(30.0 + 60.0 * np.arange(6))
    tracts = [
        feature(
            called["portal"],
            ring(middle + math.cos(a) * radius / um, middle + math.sin(a) * radius / um, 32.0 / um),
        )
        for a in corners
    ]
    return shapes(
        path,
        feature(called["tissue"], ring(middle, middle, radius / um, 90)),
        feature(called["central"], ring(middle, middle, 32.0 / um)),
        *tracts,
    )
