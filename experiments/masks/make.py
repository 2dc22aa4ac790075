"""`lobule mask`: a tissue file, and a picture of it, from an image, a label mask or drawn shapes."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lobule.errors import InputError, shown
from lobule.experiments import style
from lobule.experiments.masks import cleaning, drawing
from lobule.experiments.masks.images import Picture, read_image, whole_labels
from lobule.experiments.masks.labels import Raster, by_colour, by_label
from lobule.experiments.masks.shapes import read_shapes
from lobule.experiments.masks.sites import sites_of
from lobule.files import whole
from lobule.geometry import site_area
from lobule.mapped import OUTSIDE, build_mapped, flaw, parts_of, rows_of
from lobule.proportions import GEOMETRY
from lobule.tissue_map import ENDING, NARROWEST_UM, WIDEST_UM, MapSource, TissueMap

SHAPES = (".geojson", ".json")


class Options(NamedTuple):
    """What the command line says beside the image."""

    out: Path | None = None
    um_per_pixel: float | None = None
    pitch: float | None = None
    species: str = "mouse"
    labels: Mapping[str, Any] | None = None
    colours: Mapping[str, Any] | None = None
    histology: Path | None = None


def make_map(path: Path, options: Options = Options()) -> list[str]:  # noqa: B008 (it is a constant)
    """Write the tissue file and the picture of an image; return what to print.

    Raises
    ------
    InputError
        If the image or an option is wrong, or no tissue can be made of it; nothing is written then.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder, not a file")
    usual = GEOMETRY.values(options.species)
    pitch = usual.pitch if options.pitch is None else options.pitch
    if not NARROWEST_UM <= pitch <= WIDEST_UM:
        raise InputError(f"--pitch {pitch:g} -> must be {NARROWEST_UM:g} to {WIDEST_UM:g} um")
    out = path.with_name(_stem(path) + ENDING) if options.out is None else options.out
    if out.suffix.lower() != ".toml":
        raise InputError(f"--out {shown(str(out))} -> must end in .toml, such as {_stem(path)}{ENDING}")
    if not out.parent.is_dir():
        raise InputError(f"--out {shown(str(out))} -> there is no folder {out.parent}")
    raster, um, picture, notes = _read(path, options, pitch)
    try:
        grid, origin, more = sites_of(raster, pitch)
        notes += more + cleaning.clean(grid, origin, pitch)
        grid, (down, right) = cleaning.trimmed(grid)
        if reason := flaw(grid):
            raise InputError(reason)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    origin = (origin[0] + pitch * right, origin[1] + pitch * math.sqrt(0.75) * down)
    tissue = build_mapped(grid, pitch, options.species)
    poor = cleaning.poorly_supplied(tissue)
    notes += cleaning.remarks(tissue, poor, usual.radius, origin)
    source = MapSource(
        image=path.name[-200:],
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        um_per_pixel=um,
        origin_um=(round(origin[0], 3), round(origin[1], 3)),
    )
    name = re.sub(r"[^A-Za-z0-9 ._-]+", "-", _stem(path))[:64].lstrip(" ._-") or "tissue"
    made = TissueMap(format=1, name=name, pitch_um=pitch, rows=rows_of(grid), source=source)
    figure = drawing.beside(picture, tissue, origin, poor, path.name)
    drawn = out.with_suffix(".png")
    try:
        with whole(out) as partial:
            partial.write_text(made.to_toml(), "utf-8")
            style.write(figure, drawn)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"--out {shown(str(out))} -> cannot be written: {reason}") from None
    width, height = np.ptp(tissue.x) / 1e3, np.ptp(tissue.y) / 1e3
    area = tissue.n_sites * site_area(pitch) / 1e6
    return [
        f"{cleaning.counts(parts_of(grid))}; {width:.2g} x {height:.2g} mm, {area:.2g} mm2",
        *(f"note: {note}" for note in notes),
        str(out),
        str(drawn),
    ]


def _stem(path: Path) -> str:
    return re.sub(r"\.ome$", "", path.stem, flags=re.IGNORECASE) or "tissue"


def _read(path: Path, options: Options, pitch: float) -> tuple[Raster, float, drawing.Shown, list[str]]:
    """Return the raster, the width of a pixel (um) of the image, what to show of it, and notes."""
    if path.suffix.lower() in SHAPES:
        if options.colours:
            raise InputError(f"--colours -> {path.name} holds shapes, which have classes: use --labels")
        um = _width(path, options.um_per_pixel, None, ())
        raster, notes = read_shapes(path, um, pitch, options.labels or {})
        picture = drawing.of_raster(raster)
        if options.histology is not None:
            histology = read_image(options.histology, colours=True)
            picture = _shown(histology, um * histology.pixels.shape[1], um * histology.pixels.shape[0])
        return raster, um, picture, notes
    image = read_image(path, colours=bool(options.colours))
    um = _width(path, options.um_per_pixel, image.um, image.notes)
    try:
        if image.pixels.ndim == 3:
            if options.labels:
                raise InputError("it is in colour -> use --colours instead of --labels")
            kinds = by_colour(image.pixels, options.colours or {})
        else:
            kinds = by_label(whole_labels(image.pixels), options.labels or {})
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if image.there is not None:
        kinds[~image.there] = OUTSIDE
    raster = Raster(kinds, um, (0.0, 0.0))
    size = (um * kinds.shape[1], um * kinds.shape[0])
    if options.histology is not None:
        picture = _shown(read_image(options.histology, colours=True), *size)
    else:
        picture = _shown(image, *size) if image.pixels.ndim == 3 else drawing.of_raster(raster)
    notes = [note for note in image.notes if "resolution" not in note or options.um_per_pixel is None]
    return raster, um, picture, notes


def _shown(image: Picture, width: float, height: float) -> drawing.Shown:
    return drawing.of_pixels(image.pixels, (width, height))


def _width(path: Path, given: float | None, found: float | None, notes: tuple[str, ...]) -> float:
    um = given if given is not None else found
    if um is None:
        more = "".join(f"; {note}" for note in notes if "resolution" in note)
        raise InputError(f"{path}: does not say how wide a pixel is: give --um-per-pixel{more}")
    return um
