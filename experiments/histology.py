"""The tissue and its cells, as a histologist would see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from lobule.agents import macrophage, stellate
from lobule.experiments import style
from lobule.experiments.canvas import Layer
from lobule.experiments.maps import VACANT, heading, iron_scale
from lobule.experiments.places import beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lobule.model import Lobule


class Mark(NamedTuple):
    """How cells of one kind are drawn."""

    label: str
    marker: str
    face: str
    edge: str
    size: float
    """Diameter in units of a site."""


MARKS = {
    "quiescent": Mark("stellate cell, quiescent", "d", "#ffffff", "#333333", 0.26),
    "activated": Mark("stellate cell, activated", "d", style.YELLOW, "#333333", 0.36),
    "myofibroblast": Mark("myofibroblast", "d", style.VERMILION, "#000000", 0.46),
    "resting": Mark("macrophage, resting", "o", "#b9b9b9", "#333333", 0.26),
    "m1": Mark("macrophage, M1", "o", style.PURPLE, "#333333", 0.34),
    "m2": Mark("macrophage, M2", "o", style.GREEN, "#333333", 0.34),
    "msc": Mark("MSC", "*", style.BLACK, "#ffffff", 0.90),
    "dead": Mark("dead cell", "x", "#444444", "#444444", 0.30),
}


def tissue_map(model: Lobule, *, title: str = "", top_iron: float | None = None) -> Figure:
    """Draw the tissue with its cells, and one lobule of it close up.

    Parameters
    ----------
    model : Lobule
        The model; it is only read.
    title : str
        Heading; the case and the day by default.
    top_iron : float, optional
        Top of the colour scale of iron (fmol), :func:`iron_scale` of this model by default.

    Returns
    -------
    Figure
        The figure, not yet written.
    """
    layer = Layer(model)
    many = model.tissue.n_lobules > 1
    figure = (
        style.new_figure(13.0, 1.4 + 5.9 * float(np.clip(layer.height_to_width, 1.0, 1.5)))
        if many
        else (style.new_figure(8.0, 8.6))
    )
    figure.suptitle(title or heading(model), fontsize=style.TITLE + 2, color=style.INK)
    axes: NDArray[Any] = figure.subplots(1, 2 if many else 1, squeeze=False)[0]
    norm = Normalize(0.0, iron_scale([model]) if top_iron is None else top_iron)
    close_up = _of_interest(model)
    shown: dict[str, int] = {}
    for ax, close in zip(axes, (False, True) if many else (True,), strict=True):
        layer.frame(ax, close_up if close and many else None)
        hexagons = draw_cells(layer, ax, norm, shown, close)
        if many:
            layer.outline(ax, close_up)
            ax.set_title("one lobule" if close else f"{model.tissue.n_lobules} lobules", fontsize=style.TITLE)
    bar = figure.colorbar(hexagons, ax=list(axes), shrink=0.72, aspect=28, pad=0.015, extend="max")
    bar.set_label("Hepatocyte iron (fmol per cell)", fontsize=style.LABEL)
    bar.ax.tick_params(labelsize=style.TICK)
    handles = legend_entries(shown)
    style.legend(
        figure,
        handles=[*handles.values()],
        labels=[*handles],
        loc="outside lower center",
        ncols=5 if many else 3,
        columnspacing=1.8,
    )
    figure.draw_without_rendering()  # the size of the marks depends on the layout, which is then kept
    figure.set_layout_engine("none")
    for ax in axes:
        draw_marks(layer, ax)
        layer.scale_bar(ax)
    return figure


def _of_interest(model: Lobule) -> int:
    """Return the lobule with most MSC, the first one when there are none."""
    homes = model.tissue.lobule[model.population.tables["msc"]["site"]]
    return int(np.bincount(homes, minlength=1).argmax())


def draw_cells(layer: Layer, ax: Axes, norm: Normalize, shown: dict[str, int], nuclei: bool) -> Any:
    """Draw hepatocytes, vacant sites, collagen and vessels; count what the legend must name."""
    model = layer.model
    table = model.population.tables["hepatocyte"]
    here = np.isin(table["site"], layer.sites)
    layer.fill(ax, layer.sites[layer.parenchyma], VACANT, 0.94)
    hexagons = layer.values(ax, table["iron"][here], table["site"][here], 0.94, cmap=style.PERLS, norm=norm)
    if nuclei:
        layer.nuclei(ax, table["site"][here])
    shown["collagen"] = layer.fibres(ax, model.matrix.collagen)
    layer.vessels(ax)
    shown["vacant"] = int(layer.parenchyma.sum() - here.sum())
    shown.update({name: len(sites) for name, sites in kinds(model).items()})
    return hexagons


def kinds(model: Lobule) -> dict[str, NDArray[np.int64]]:
    """Return the sites of the cells of every kind of mark, in the order in which they are drawn."""
    tables = model.population.tables
    stage, home = tables["stellate"]["stage"], tables["stellate"]["site"]
    state, place = tables["macrophage"]["polarisation"], tables["macrophage"]["site"]
    bodies = model.population.debris["bodies"] + model.population.debris["msc_bodies"]
    return {
        "dead": np.flatnonzero(bodies >= 0.5),
        "quiescent": home[stage < stellate.ACTIVATED],
        "resting": place[state == macrophage.RESTING],
        "activated": home[(stage >= stellate.ACTIVATED) & (stage < stellate.MYOFIBROBLAST)],
        "myofibroblast": home[stage >= stellate.MYOFIBROBLAST],
        "m1": place[state == macrophage.M1],
        "m2": place[state == macrophage.M2],
        "msc": tables["msc"]["site"],
    }


def draw_marks(layer: Layer, ax: Axes) -> None:
    """Draw the marks of all cells but hepatocytes, those that share a site side by side."""
    tissue = layer.tissue
    x0, x1 = ax.get_xlim()
    points = ax.get_window_extent().width / ax.figure.dpi * 72.0 / (x1 - x0) * tissue.pitch  # of one site
    groups = kinds(layer.model)
    sites = np.concatenate([s.astype(np.int64) for s in groups.values()])
    x, y = beside(tissue, sites)
    visible = np.isin(sites, layer.sites)
    start = 0
    for z, (name, group) in enumerate(groups.items()):
        part = slice(start, start + group.size)
        start += group.size
        mark, keep = MARKS[name], visible[part]
        if keep.any():
            line = max(0.35, 0.045 * points)
            edge: dict[str, Any] = {} if mark.marker == "x" else {"edgecolors": mark.edge}
            ax.scatter(
                x[part][keep],
                y[part][keep],
                s=max(mark.size * points, 8.0 if name == "msc" else 0.0) ** 2,  # the few MSC must be found
                c=mark.face,
                marker=mark.marker,
                linewidths=1.6 * line if mark.marker == "x" else line,
                zorder=4 + 0.01 * z,
                **edge,
            )


def legend_entries(shown: Mapping[str, int]) -> dict[str, Any]:
    """Return the entries of the legend by label, for what is `shown`: vessels, collagen, kinds of marks."""
    cell = Line2D([], [], marker="h", markersize=11.0, color=style.PERLS(0.3), linestyle="none")
    nucleus = Line2D([], [], marker="o", markersize=3.5, color=style.NUCLEUS, linestyle="none")
    entries: dict[str, Any] = {
        "hepatocyte": (cell, nucleus),
        "central vein": Patch(facecolor="#ffffff", edgecolor="#555555"),
        "portal tract: vein, artery, bile duct": Patch(facecolor=style.TRACT, edgecolor="#555555"),
    }
    if shown["vacant"]:
        entries["site without hepatocyte"] = Patch(facecolor=VACANT, edgecolor="#bbbbbb")
    if shown["collagen"]:
        entries["collagen, to scale"] = Line2D([], [], color=style.COLLAGEN, linewidth=2.5)
    for name, mark in MARKS.items():
        if shown[name]:
            entries[mark.label] = Line2D(
                [],
                [],
                marker=mark.marker,
                markersize=5.0 + 8.0 * mark.size,
                markerfacecolor=mark.face,
                markeredgecolor=mark.face if mark.marker == "*" else mark.edge,
                linestyle="none",
            )
    return entries
