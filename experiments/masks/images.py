"""Reading images and label masks, and how wide a pixel of theirs is."""

from __future__ import annotations

import html
import re
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lobule.errors import InputError, one_line, shown
from lobule.experiments.export.needed import library

UM = {"µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4}
#: A resolution that says more (um per pixel) is that of a printer or a screen, not of a microscope.
COARSEST_UM = 30.0
#: Modes of Pillow that are read as they are; others become red, green and blue.
PLAIN = ("1", "L", "P", "I", "F", "I;16", "I;16B", "I;16L", "RGB")


class Picture(NamedTuple):
    """An image as it was read.

    Attributes
    ----------
    pixels : ndarray [height, width] or [height, width, 3]
        Labels, or red, green and blue (uint8).
    there : bool [height, width] or None
        Which pixels are not transparent; None when all are opaque.
    um : float or None
        Width of a pixel (um), if the file says so.
    notes : tuple of str
        What the user should know.
    """

    pixels: NDArray[Any]
    there: NDArray[np.bool_] | None
    um: float | None
    notes: tuple[str, ...]


def read_image(path: Path, colours: bool = False) -> Picture:
    """Read a PNG or TIFF image.

    Parameters
    ----------
    path : Path
        The file.
    colours : bool
        Read the colours of an image that has a palette, not the numbers.

    Raises
    ------
    InputError
        If it cannot be read, or is too large.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                um, notes = _scale(image)
                if (pages := getattr(image, "n_frames", 1)) > 1:
                    notes.append(f"only the first of its {pages} pages is read")
                return Picture(*_pixels(image, colours), um, tuple(notes))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, not a file") from None
    except Image.DecompressionBombError:
        raise InputError(f"{path}: has too many pixels -> export it at a lower resolution") from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, MemoryError) as error:
        if path.suffix.lower() in (".tif", ".tiff"):
            return _with_tifffile(path)
        reason = "" if isinstance(error, UnidentifiedImageError) else f": {one_line(str(error))}"
        raise InputError(f"{path}: is no PNG, TIFF or GeoJSON file that can be read{reason}") from None


def _pixels(image: Any, colours: bool) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    alpha = np.asarray(image.getchannel("A")) > 0 if image.mode in ("RGBA", "LA", "PA") else None
    if colours and image.mode != "RGB":
        image = image.convert("RGB")
    elif image.mode in ("LA", "PA"):
        image = image.getchannel(0)
    elif image.mode not in PLAIN:
        image = image.convert("RGB")
    pixels = np.asarray(image)
    return (pixels.astype(np.uint8) if pixels.dtype == bool else pixels), alpha


def _with_tifffile(path: Path) -> Picture:
    """Read a TIFF file of a kind that Pillow does not know, such as 64-bit labels."""
    tifffile = library("tifffile")
    try:
        pixels = np.squeeze(tifffile.imread(path, key=0))
    except Exception as error:  # whatever it stumbles over in a damaged file
        raise InputError(f"{path}: is no TIFF file that can be read: {one_line(str(error))}") from None
    if pixels.ndim == 3 and pixels.shape[0] in (3, 4):
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        if pixels.dtype != np.uint8:
            pixels = (pixels / max(float(pixels.max()), 1.0) * 255.0).astype(np.uint8)
        return Picture(pixels[..., :3], pixels[..., 3] > 0 if pixels.shape[2] == 4 else None, None, ())
    if pixels.ndim != 2:
        raise InputError(f"{path}: has the shape {pixels.shape} -> must be one plane of labels or colours")
    return Picture(pixels, None, None, ())


def _scale(image: Any) -> tuple[float | None, list[str]]:
    """Return the width of a pixel (um) as the tags of a TIFF file say it, and notes."""
    tags = getattr(image, "tag_v2", None)
    if tags is None:  # what PNG files say of their resolution is made up by the program that wrote them
        return None, []
    text = html.unescape(_as_utf8(str(tags.get(270, ""))))
    if size := re.search(r'PhysicalSizeX="([^"]+)"', text):
        unit = re.search(r'PhysicalSizeXUnit="([^"]+)"', text)
        um = _number(size[1]) * UM.get(unit[1] if unit else "µm", 0.0)
    else:
        per_unit = _number(tags.get(282, 0.0))
        unit = re.search(r"^unit=(\S+)", text.replace("\\u00B5", "µ"), re.MULTILINE)
        if text.startswith("ImageJ") and unit:
            width = UM.get(unit[1], 0.0)
        else:
            width = {2: 25_400.0, 3: 10_000.0}.get(int(tags.get(296, 2)), 0.0)
        um = width / per_unit if per_unit > 0.0 else 0.0
    if not um > 0.0:
        return None, []
    if um > COARSEST_UM:
        return None, [f"its resolution, {um:.3g} um per pixel, is none of a microscope and is not used"]
    return um, []


def _as_utf8(text: str) -> str:
    """Return what a tag says, which Pillow reads as Latin-1 and OME writes as UTF-8."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0


def whole_labels(pixels: NDArray[Any]) -> NDArray[np.int64]:
    """Return labels as whole numbers.

    Raises
    ------
    InputError
        If they are none.
    """
    if pixels.dtype.kind == "f" and not np.array_equal(pixels, np.round(pixels)):
        found = float(pixels[pixels != np.round(pixels)][0])
        raise InputError(f"a pixel has the value {shown(found)} -> labels are whole numbers")
    return pixels.astype(np.int64)
