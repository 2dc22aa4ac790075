"""Drawing one layer of tissue: hexagonal sites, vessels, collagen, and the scale bar."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import Collection, EllipseCollection, PatchCollection, PolyCollection
from matplotlib.patches import Circle, Ellipse, Polygon, Rectangle
from matplotlib.transforms import AffineDeltaTransform
from numpy.typing import NDArray

from lobule.experiments import style
from lobule.geometry import PARENCHYMA

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lobule.model import Lobule

SCALE_BAR_UM = 100.0
_CORNERS = np.deg2rad(30.0 + 60.0 * np.arange(6))
_UNIT = np.stack([np.cos(_CORNERS), np.sin(_CORNERS)], axis=1)  # hexagon with a corner on top


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
    """

    def __init__(self, model: Lobule) -> None:
        self.model = model
        tissue = self.tissue = model.tissue
        self.number = int(tissue.axial[:, 2].max()) // 2
        self.sites = np.flatnonzero(tissue.axial[:, 2] == self.number)
        self.xy = np.stack([tissue.x[self.sites], tissue.y[self.sites]], axis=1)
        self.parenchyma = tissue.kind[self.sites] == PARENCHYMA
        self.centres = tissue.centres
        # as large as seven sites
        self.vessel_radius = math.sqrt(7.0 * math.sqrt(3.0) / (2.0 * math.pi)) * tissue.pitch
        self.lobule_radius = tissue.lobule_size * tissue.pitch / math.sqrt(3.0)

    def hexagons(
        self, ax: Axes, sites: NDArray[np.int64], share: float = 1.0, **options: Any
    ) -> PolyCollection:
        """Draw a hexagon at each of `sites`, shrunk to `share` of its width; `options` are Matplotlib's."""
        drawn = PolyCollection(
            [share * self.tissue.pitch / math.sqrt(3.0) * _UNIT],
            offsets=np.stack([self.tissue.x[sites], self.tissue.y[sites]], axis=1),
            offset_transform=ax.transData,
            **options,
        )
        drawn.set_transform(AffineDeltaTransform(ax.transData))  # type: ignore[arg-type]
        _added(ax, drawn)
        return drawn

    @cached_property
    def tracts(self) -> NDArray[np.float64]:
        """Places of the portal tracts, shape (n, 2), um: the corners of all lobules, each once."""
        corners = (self.centres[:, None, :] + self.lobule_radius * _UNIT).reshape(-1, 2)
        _, first = np.unique(np.round(corners / self.tissue.pitch, 2), axis=0, return_index=True)
        return np.asarray(corners[np.sort(first)])

    @property
    def height_to_width(self) -> float:
        """Height of the layer over its width."""
        width, height = np.ptp(self.xy, axis=0) + 3.6 * self.tissue.pitch
        return float(height / width)

    def frame(self, ax: Axes, centre: tuple[float, float] | None = None) -> None:
        """Show all of the layer, or the lobule round `centre` (um), to scale and without axes."""
        pitch = self.tissue.pitch
        if centre is None:
            low, high = self.xy.min(axis=0) - 1.8 * pitch, self.xy.max(axis=0) + 1.8 * pitch
        else:
            reach = self.lobule_radius + 1.6 * pitch
            low, high = np.subtract(centre, reach), np.add(centre, reach)
        ax.set_xlim(low[0], high[0])
        ax.set_ylim(low[1], high[1])
        ax.set_aspect("equal")
        if centre is None:
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
        """Draw the central veins, and the portal tracts with vein, artery and bile duct or as plain discs."""
        radius = self.vessel_radius
        vein = [Circle((x, y), radius) for x, y in self.centres]
        wall: dict[str, Any] = {"edgecolor": "#555555", "linewidth": 0.7, "zorder": 3}
        ax.add_collection(PatchCollection(vein, facecolor="#ffffff", **wall))
        tract = [Circle((x, y), radius) for x, y in self.tracts]
        ax.add_collection(PatchCollection(tract, facecolor=style.TRACT, **wall))
        if not triads:
            return
        for dx, dy, size, face, edge in (
            (-0.22, 0.12, 0.52, "#ffffff", "#555555"),
            (0.55, 0.22, 0.19, "#d8443c", "#7a1712"),
            (0.22, -0.58, 0.22, "#d9c24a", "#6d5d10"),
        ):
            parts = [
                Ellipse(
                    (x + dx * radius, y + dy * radius), 2.2 * size * radius, 1.8 * size * radius, angle=25.0
                )
                for x, y in self.tracts
            ]
            ax.add_collection(
                PatchCollection(parts, facecolor=face, edgecolor=edge, linewidth=0.6, zorder=3.1)
            )

    def outline(self, ax: Axes, centre: tuple[float, float], colour: str = style.INK) -> None:
        """Draw the border of the lobule round `centre` as a dashed line."""
        corners = np.asarray(centre) + self.lobule_radius * _UNIT
        ax.add_patch(
            Polygon(corners, fill=False, edgecolor=colour, linewidth=0.9, linestyle=(0, (4, 3)), zorder=2.8)
        )

    def scale_bar(self, ax: Axes, size: float = style.TICK) -> None:
        """Draw a bar of 100 um in the lower left corner."""
        x0, _ = ax.get_xlim()
        y0, y1 = ax.get_ylim()
        high = y1 - y0
        corner: dict[str, Any] = {"facecolor": "white", "zorder": 5.0}
        ax.add_patch(Rectangle((x0, y0), SCALE_BAR_UM + 0.04 * high, 0.075 * high, linewidth=0.0, **corner))
        x, y = x0 + 0.02 * high, y0 + 0.015 * high
        ax.add_patch(
            Rectangle((x, y), SCALE_BAR_UM, 0.010 * high, facecolor=style.INK, linewidth=0.0, zorder=5.1)
        )
        text = f"{SCALE_BAR_UM:g} µm"
        middle = (x + 0.5 * SCALE_BAR_UM, y + 0.016 * high)
        ax.text(*middle, text, ha="center", va="bottom", fontsize=size, color=style.INK, zorder=5.1)
