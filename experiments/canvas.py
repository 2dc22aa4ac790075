"""Drawing one layer of tissue: hexagonal sites, vessels, collagen, and the scale bar."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import Collection, EllipseCollection, PatchCollection, PolyCollection
from matplotlib.patches import Ellipse, PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.transforms import AffineDeltaTransform
from numpy.typing import NDArray

from lobule.experiments import style
from lobule.geometry import CENTRAL_VEIN, PARENCHYMA, PORTAL_TRACT
from lobule.vessels import HEXAGON, territory, vessels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lobule.model import Lobule

#: Lengths of the scale bar (um): the longest that is at most an eighth of the picture, or the first.
SCALE_BARS_UM = (100.0, 200.0, 500.0, 1000.0, 2000.0)
BAR_SHARE = 0.075  # of the size of a picture, for the bar with its words


def _added(ax: Axes, drawn: Collection) -> None:
    """Add a collection to `ax`; only the frame counts for the layout, which saves time."""
    drawn.set_in_layout(False)
    ax.add_collection(drawn, autolim=False)


class Layer:
    """The middle layer of a model's tissue, ready to be drawn.

    Parameters
    ----------
    model : Lobule
        The model; it is only read.

    Attributes
    ----------
    sites : ndarray of int, shape (n,)
        Sites of the layer.
    xy : ndarray, shape (n, 2)
        Their places, um.
    parenchyma : ndarray of bool, shape (n,)
        Which of them may hold a hepatocyte.
    veins, tracts : list of Vessel
        The vessels of the tissue.
    """

    def __init__(self, model: Lobule) -> None:
        self.model = model
        tissue = self.tissue = model.tissue
        self.number = int(tissue.axial[:, 2].max()) // 2
        self.sites = np.flatnonzero(tissue.axial[:, 2] == self.number)
        self.xy = np.stack([tissue.x[self.sites], tissue.y[self.sites]], axis=1)
        self.parenchyma = tissue.kind[self.sites] == PARENCHYMA
        drawn = vessels(tissue)
        self.veins = [vessel for vessel in drawn if vessel.kind == CENTRAL_VEIN]
        self.tracts = [vessel for vessel in drawn if vessel.kind == PORTAL_TRACT]

    def hexagons(
        self, ax: Axes, sites: NDArray[np.int64], share: float = 1.0, **options: Any
    ) -> PolyCollection:
        """Draw a hexagon at each of `sites`, shrunk to `share` of its width; `options` are Matplotlib's."""
        drawn = PolyCollection(
            [share * self.tissue.pitch / math.sqrt(3.0) * HEXAGON],
            offsets=np.stack([self.tissue.x[sites], self.tissue.y[sites]], axis=1),
            offset_transform=ax.transData,
            **options,
        )
        drawn.set_transform(AffineDeltaTransform(ax.transData))  # type: ignore[arg-type]
        _added(ax, drawn)
        return drawn

    @property
    def height_to_width(self) -> float:
        """Height of the layer over its width."""
        width, height = np.subtract(*self._extent[::-1])
        return float(height / width)

    @property
    def _extent(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper corner (um) of what is shown of all of the layer."""
        margin = 1.8 * self.tissue.pitch
        low, high = self.xy.min(axis=0) - margin, self.xy.max(axis=0) + margin
        width, height = high - low
        if self.tissue.lobule_size is None or width > 1.5 * height:  # no corner is left to the scale bar
            low[1] -= BAR_SHARE * max(width, height)
        return low, high

    def frame(self, ax: Axes, lobule: int | None = None) -> None:
        """Show all of the layer, or one lobule of it, to scale and without axes."""
        if lobule is None:
            low, high = self._extent
        else:
            margin = 1.8 * self.tissue.pitch
            border = np.concatenate(territory(self.tissue, lobule))
            middle, reach = (
                0.5 * (border.min(axis=0) + border.max(axis=0)),
                0.5 * np.ptp(border, axis=0).max(),
            )
            low, high = middle - reach - margin, middle + reach + margin
        ax.set_xlim(low[0], high[0])
        ax.set_ylim(low[1], high[1])
        ax.set_aspect("equal")
        if lobule is None:
            ax.set_axis_off()
        else:
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set(color=style.MUTED, linewidth=0.7, zorder=6.0)

    def values(
        self,
        ax: Axes,
        values: NDArray[np.float64],
        sites: NDArray[np.int64],
        share: float = 1.0,
        **options: Any,
    ) -> PolyCollection:
        """Fill the hexagons of `sites` by `values`; `options` (cmap, norm, clim) are Matplotlib's."""
        seam = {"edgecolors": "face", "linewidths": 0.25} if share == 1.0 else {"linewidths": 0.0}
        return self.hexagons(ax, sites, share, array=values, **seam, **options)

    def fill(self, ax: Axes, sites: NDArray[np.int64], colour: str, share: float = 1.0) -> None:
        """Fill the hexagons of `sites` with one colour."""
        self.hexagons(ax, sites, share, facecolors=colour, edgecolors=colour, linewidths=0.25)

    def nuclei(self, ax: Axes, sites: NDArray[np.int64]) -> None:
        """Draw a nucleus in each of `sites`, in the red of the counterstain."""
        place = np.stack([self.tissue.x[sites], self.tissue.y[sites]], axis=1)
        size = 0.30 * self.tissue.pitch
        drawn = EllipseCollection(
            size,
            size,
            0.0,
            units="xy",
            offsets=place,
            offset_transform=ax.transData,
            facecolors=style.NUCLEUS,
            alpha=0.55,
        )
        _added(ax, drawn)

    def fibres(self, ax: Axes, collagen: NDArray[np.float64], least_um: float = 0.25) -> int:
        """Draw collagen between the cells, true to scale, and return how many fibres there are.

        Parameters
        ----------
        ax : Axes
            Where.
        collagen : ndarray, shape (n_sites,)
            Collagen of all sites, % of area.
        least_um : float
            Thinner fibres are left out.
        """
        neighbours = self.tissue.neighbours[self.sites, :3]
        mine, slot = np.nonzero(neighbours >= 0)
        one, other = self.sites[mine], neighbours[mine, slot]
        share = 1.0 - np.exp(-0.5 * (collagen[one] + collagen[other]) / 100.0)
        width = 0.5 * self.tissue.pitch * share  # six faces, each shared by two sites, hold the area
        thick = width > least_um
        one, other, width = one[thick], other[thick], width[thick]
        a = np.stack([self.tissue.x[one], self.tissue.y[one]], axis=1)
        b = np.stack([self.tissue.x[other], self.tissue.y[other]], axis=1)
        across = (b - a) / self.tissue.pitch
        along = np.stack([-across[:, 1], across[:, 0]], axis=1)
        half = 0.5 * self.tissue.pitch / math.sqrt(3.0) + 0.3 * width[:, None]  # so that the ends meet
        side = 0.5 * width[:, None] * across
        middle, reach = 0.5 * (a + b), half * along
        quads = np.stack(
            [middle + reach + side, middle - reach + side, middle - reach - side, middle + reach - side], 1
        )
        drawn = PolyCollection(list(quads), facecolors=style.COLLAGEN, linewidths=0.0, snap=False, zorder=2)
        _added(ax, drawn)
        return len(quads)

    def vessels(self, ax: Axes, triads: bool = True) -> None:
        """Draw the central veins, and the portal tracts with vein, artery and bile duct or as plain areas."""
        wall: dict[str, Any] = {"edgecolor": "#555555", "linewidth": 0.7, "zorder": 3}
        for group, colour in ((self.veins, "#ffffff"), (self.tracts, style.TRACT)):
            patches = [PathPatch(_path(vessel.rings)) for vessel in group]
            ax.add_collection(PatchCollection(patches, facecolor=colour, **wall))
        if not triads:
            return
        for dx, dy, size, face, edge in (
            (-0.22, 0.12, 0.52, "#ffffff", "#555555"),
            (0.55, 0.22, 0.19, "#d8443c", "#7a1712"),
            (0.22, -0.58, 0.22, "#d9c24a", "#6d5d10"),
        ):
            parts = [
                Ellipse((x + dx * r, y + dy * r), 2.2 * size * r, 1.8 * size * r, angle=25.0)
                for _, (x, y), r, _ in self.tracts
            ]
            ax.add_collection(
                PatchCollection(parts, facecolor=face, edgecolor=edge, linewidth=0.6, zorder=3.1)
            )

    def outline(self, ax: Axes, lobule: int, colour: str = style.INK) -> None:
        """Draw the border of a lobule as a dashed line."""
        border = PathPatch(_path(territory(self.tissue, lobule)), fill=False, edgecolor=colour, zorder=2.8)
        border.set(linewidth=0.9, linestyle=(0, (4, 3)))
        ax.add_patch(border)

    def scale_bar(self, ax: Axes, size: float = style.TICK) -> None:
        """Draw a bar of 100 um, longer in a wide tissue, in the lower left corner."""
        draw_scale_bar(ax, size)


def draw_scale_bar(ax: Axes, size: float = style.TICK) -> None:
    """Draw a bar in the lower left corner of axes whose units are um; y may run either way."""
    x0, x1 = ax.get_xlim()
    y0, y1 = ax.get_ylim()
    high = y1 - y0
    width = x1 - x0
    up, unit = np.sign(high), max(abs(high), 0.8 * width)
    length = max([SCALE_BARS_UM[0], *(bar for bar in SCALE_BARS_UM if 8.0 * bar <= width)])
    corner: dict[str, Any] = {"facecolor": "white", "zorder": 5.0}
    ax.add_patch(Rectangle((x0, y0), length + 0.04 * unit, BAR_SHARE * up * unit, linewidth=0.0, **corner))
    x, y = x0 + 0.02 * unit, y0 + 0.015 * up * unit
    ax.add_patch(Rectangle((x, y), length, 0.010 * up * unit, facecolor=style.INK, linewidth=0.0, zorder=5.1))
    text = f"{length:g} µm" if length < 1000.0 else f"{length / 1000.0:g} mm"
    middle = (x + 0.5 * length, y + 0.016 * up * unit)
    ax.text(*middle, text, ha="center", va="bottom", fontsize=size, color=style.INK, zorder=5.1)


def _path(rings: Sequence[NDArray[np.float64]]) -> Path:
    """Return rings as one path, the holes among them left open."""
    return Path.make_compound_path(*(Path(np.vstack([ring, ring[:1]]), closed=True) for ring in rings))
