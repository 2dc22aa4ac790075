"""Shapes drawn in QuPath, exported as GeoJSON, as a raster."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lobule.errors import InputError, one_line, shown
from lobule.experiments.masks.labels import KINDS, PLURAL, Raster, classes, missing_class
from lobule.mapped import OUTSIDE

PIXELS_PER_SITE = 12
MOST_PIXELS = 4e8

Polygon = list[NDArray[np.float64]]


def read_shapes(path: Path, um: float, pitch: float, labels: Mapping[str, Any]) -> tuple[Raster, list[str]]:
    """Return the shapes of a GeoJSON file as a raster, and what the user should know.

    Shapes of tissue are drawn first, then what is outside, tracts and veins.

    Parameters
    ----------
    path : Path
        The file.
    um : float
        Width of a pixel of the image in which the shapes were drawn (um).
    pitch : float
        Width of a site (um).
    labels : mapping
        What the user calls the kinds.

    Raises
    ------
    InputError
        If the file is no GeoJSON, or shapes are missing.
    """
    known = classes(labels)
    found: dict[str, list[Polygon]] = {kind: [] for kind in KINDS}
    left_out: dict[str, int] = {}
    names: list[str] = []
    for feature in _features(path):
        name = _name(feature)
        names += [name] * bool(name)
        kind = known.get(name.lower()) or known.get(name.lower().rstrip("*s"))
        polygons = [] if kind is None else list(_polygons(path, feature.get("geometry")))
        if kind is None or not polygons:
            words = f"of class {shown(name)}" if name else "without a class"
            left_out[words] = left_out.get(words, 0) + 1
        else:
            found[kind] += polygons
    if reason := missing_class([k for k, v in found.items() if v], list(dict.fromkeys(names)), known):
        raise InputError(f"{path}: {reason}")
    raster = _drawn(path, found, um, pitch / PIXELS_PER_SITE)
    return raster, [
        f"{'1 shape' if count == 1 else f'{count} shapes'} {words} left out"
        for words, count in left_out.items()
    ]


def _features(path: Path) -> list[Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, not a file") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no GeoJSON: {one_line(str(error))}") from None
    if isinstance(content, dict):
        content = content.get("features") if content.get("type") == "FeatureCollection" else [content]
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise InputError(f"{path}: is no GeoJSON: must be a FeatureCollection, as QuPath exports")
    return content


def _name(feature: Mapping[str, Any]) -> str:
    properties = feature.get("properties")
    given = properties.get("classification") if isinstance(properties, dict) else None
    if isinstance(given, dict):
        given = given.get("name") or ": ".join(map(str, given.get("names") or ()))
    return given.strip() if isinstance(given, str) else ""


def _polygons(path: Path, geometry: Any) -> Iterator[Polygon]:
    """Yield the polygons of a geometry: outer ring first, then holes, each [k, 2] in pixels."""
    if not isinstance(geometry, dict):
        return
    kind = geometry.get("type")
    if kind == "GeometryCollection":
        for part in geometry.get("geometries") or ():
            yield from _polygons(path, part)
    if kind not in ("Polygon", "MultiPolygon"):
        return
    try:
        coordinates = geometry["coordinates"]
        for polygon in coordinates if kind == "MultiPolygon" else [coordinates]:
            rings = [np.asarray(ring, float)[:, :2] for ring in polygon]
            if not rings or not all(len(ring) >= 3 and np.isfinite(ring).all() for ring in rings):
                raise ValueError("a ring has three corners at least")
            yield rings
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"{path}: a polygon is damaged: {one_line(str(error))}") from None


def _drawn(path: Path, found: Mapping[str, list[Polygon]], um: float, width: float) -> Raster:
    """Draw polygons (pixels of `um`) on a raster of pixels of `width` (um)."""
    from PIL import Image, ImageDraw

    corners = np.concatenate([rings[0] for kind in ("tissue", *PLURAL) for rings in found[kind]]) * um
    low = np.floor(corners.min(axis=0) / width) * width
    columns, rows = (np.ceil((corners.max(axis=0) - low) / width) + 1.0).tolist()
    if columns * rows > MOST_PIXELS:
        raise InputError(
            f"{path}: the tissue is {columns * width / 1e3:.3g} x {rows * width / 1e3:.3g} mm -> too large; "
            "is --um-per-pixel right?"
        )
    kinds = np.full((int(rows), int(columns)), OUTSIDE, np.int8)
    for kind in ("tissue", "outside", "portal", "central"):
        for rings in found[kind]:
            places = [(ring * um - low) / width for ring in rings]
            x0, y0 = np.clip(np.floor(places[0].min(axis=0)), 0, (columns, rows)).astype(int).tolist()
            x1, y1 = np.clip(np.ceil(places[0].max(axis=0)) + 1, 0, (columns, rows)).astype(int).tolist()
            if x1 <= x0 or y1 <= y0:
                continue
            canvas = Image.new("1", (x1 - x0, y1 - y0))
            draw = ImageDraw.Draw(canvas)
            for number, ring in enumerate(places):
                line = [(x - x0 - 0.5, y - y0 - 0.5) for x, y in ring.tolist()]
                draw.polygon(line, fill=int(number == 0))
            kinds[y0:y1, x0:x1][np.asarray(canvas)] = KINDS[kind]
    return Raster(kinds, width, (float(low[0]), float(low[1])))
