"""The histology, or the mask, beside the sites that were made of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from lobule.experiments import style
from lobule.experiments.canvas import BAR_SHARE, draw_scale_bar
from lobule.experiments.masks.labels import Raster
from lobule.geometry import CENTRAL_VEIN, PARENCHYMA, PORTAL_TRACT, Tissue
from lobule.mapped import OUTSIDE
from lobule.vessels import HEXAGON, outline, vessels

COLOURS = {PARENCHYMA: "#efd3d8", PORTAL_TRACT: style.ORANGE, CENTRAL_VEIN: style.BLUE, OUTSIDE: "#ffffff"}
WORDS = {PARENCHYMA: "parenchyma", PORTAL_TRACT: "portal tract", CENTRAL_VEIN: "central vein"}
POOR = "#a98d94"
MOST_PIXELS = 1600


class Shown(NamedTuple):
    """A picture of the histology: pixels [height, width, 3], and how wide and high (um) it is."""

    pixels: NDArray[np.uint8]
    corner: tuple[float, float]
    size: tuple[float, float]


def of_raster(raster: Raster) -> Shown:
    """Return a raster in the colours of the kinds."""
    table = np.array([[int(COLOURS[k][i : i + 2], 16) for i in (1, 3, 5)] for k in range(-1, 3)], np.uint8)
    kinds = _thinned(raster.kinds)
    height, width = raster.kinds.shape
    return Shown(table[kinds + 1], raster.corner, (width * raster.um, height * raster.um))


def of_pixels(pixels: NDArray[np.uint8], size: tuple[float, float]) -> Shown:
    """Return an image that is `size` (um) wide and high."""
    return Shown(_thinned(pixels), (0.0, 0.0), size)


def _thinned(pixels: NDArray[Any]) -> NDArray[Any]:
    step = -(-max(pixels.shape[:2]) // MOST_PIXELS)
    return pixels[::step, ::step]


def beside(
    shown: Shown, tissue: Tissue, origin: tuple[float, float], poor: NDArray[np.bool_], title: str
) -> Figure:
    """Draw the image with the vessels that were found in it, and the sites beside it.

    Parameters
    ----------
    shown : Shown
        The image.
    tissue : Tissue
        What was made of it.
    origin : (float, float)
        Where the tissue has its origin in the image (um).
    poor : bool [n]
        Sites that hardly any blood passes.
    title : str
        Heading.
    """
    x, y = origin[0] + tissue.x, origin[1] - tissue.y
    margin = 2.0 * tissue.pitch
    low, high = np.array([x.min(), y.min()]) - margin, np.array([x.max(), y.max()]) + margin
    high[1] += BAR_SHARE * (high - low).max()
    ratio = float((high[1] - low[1]) / (high[0] - low[0]))
    across = ratio < 0.6  # wide tissue: one above the other
    size = (11.0, 2.0 + 21.0 * ratio) if across else (13.0, 1.8 + 6.2 * min(ratio, 2.0))
    figure = style.new_figure(*size)
    figure.suptitle(title, fontsize=style.TITLE + 2, color=style.INK)
    left, right = figure.subplots(*((2, 1) if across else (1, 2)))
    (x0, y0), (w, h) = shown.corner, shown.size
    left.imshow(shown.pixels, extent=(x0, x0 + w, y0 + h, y0), interpolation="nearest", zorder=0)
    edge = [ring * (1.0, -1.0) + origin for ring in outline(tissue, np.arange(tissue.n_sites))]
    left.add_collection(PolyCollection(edge, facecolors="none", edgecolors=style.INK, linewidths=0.7))
    colours = np.array([COLOURS[kind] for kind in range(3)])[tissue.kind]
    colours[poor] = POOR
    hexagon = tissue.pitch / np.sqrt(3.0) * HEXAGON
    sites = np.stack([x, y], axis=1)[:, None, :] + hexagon
    right.add_collection(PolyCollection(list(sites), facecolors=colours, edgecolors="white", linewidths=0.15))
    for vessel in vessels(tissue):
        rings = [ring * (1.0, -1.0) + origin for ring in vessel.rings]
        colour = COLOURS[vessel.kind]
        left.add_collection(PolyCollection(rings, facecolors="none", edgecolors="white", linewidths=2.6))
        left.add_collection(PolyCollection(rings, facecolors="none", edgecolors=colour, linewidths=1.3))
        right.add_collection(PolyCollection(rings, facecolors="none", edgecolors=style.INK, linewidths=0.7))
    names = ("the image, and the vessels found in it", f"the tissue, sites {tissue.pitch:g} µm wide")
    for ax, name in zip((left, right), names, strict=True):
        ax.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), aspect="equal")
        ax.set_axis_off()
        ax.set_title(name, fontsize=style.TITLE, color=style.INK)
        draw_scale_bar(ax)
    entries = [
        Patch(facecolor=COLOURS[kind], edgecolor="#555555", label=word) for kind, word in WORDS.items()
    ]
    if poor.any():
        entries.append(
            Patch(facecolor=POOR, edgecolor="#555555", label="parenchyma that hardly any blood passes")
        )
    style.legend(figure, handles=entries, loc="outside lower center", ncols=len(entries))
    return figure
