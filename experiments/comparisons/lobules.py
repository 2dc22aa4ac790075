"""Lobules of one patient side by side: an arm a row, a day a column, one scale of colours."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from lobule.doses import HOURS_PER_DAY
from lobule.experiments import style
from lobule.experiments.canvas import Layer
from lobule.experiments.comparisons.comparison import Comparison
from lobule.experiments.maps import VACANT, area_percent, iron_scale
from lobule.experiments.sweeps.courses import ArmCourses
from lobule.experiments.sweeps.finished import Run
from lobule.experiments.sweeps.panels import heading

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lobule.model import Lobule

Grid = Mapping[str, Mapping[float, "Lobule"]]
LEAST_COLLAGEN = 10.0  # % of area that the scale of collagen shows at least


def lobules_of(comparison: Comparison, courses: ArmCourses) -> tuple[Grid, int]:
    """Return the models of the first patient whose runs are all there, by arm and day, and its number.

    Days for which no state was kept, such as the end where the file says so, are left out.
    """
    everyone = enumerate(zip(*(courses.runs[arm] for arm in comparison.arms), strict=True))
    number, runs = next(((i, runs) for i, runs in everyone if courses.done.issuperset(runs)), (0, ()))
    grid: dict[str, dict[float, Lobule]] = {}
    for arm, name in zip(comparison.arms, runs, strict=False):
        run = Run(courses.store.folder(name))
        clock, kept = run.case.clock, run.snapshots
        asked = comparison.picture_days or (max(kept, default=0.0),)
        wanted = [clock.step_start(day * HOURS_PER_DAY) / HOURS_PER_DAY for day in asked]
        grid[arm] = {day: run.snapshot(day) for day in wanted if day in kept}
    return (grid, number) if grid and all(grid.values()) else ({}, number)


def draw_lobules(grid: Grid, quantity: str) -> Figure:
    """Draw the tissue of each arm and day.

    Parameters
    ----------
    grid : mapping of str to mapping of float to Lobule
        Models by arm and day.
    quantity : {"collagen", "iron"}
        What is shown.
    """
    models = [model for row in grid.values() for model in row.values()]
    columns = max(len(row) for row in grid.values())
    ratio = float(np.clip(Layer(models[0]).height_to_width, 0.4, 1.5))
    figure = style.new_figure(2.7 * columns + 1.7, (2.7 * ratio + 0.35) * len(grid) + 0.6)
    words, colours, top = _scale(models, quantity)
    vacant = "; green-grey where there is no hepatocyte" if quantity == "iron" else ""
    heading(figure, f"{words[: words.index(' (')]}, one patient{vacant}")
    axes: NDArray[Any] = figure.subplots(len(grid), columns, squeeze=False)
    norm = Normalize(0.0, top)
    for number, (row, (arm, states)) in enumerate(zip(axes, grid.items(), strict=True)):
        for ax in row:
            ax.set_axis_off()
        for ax, (day, model) in zip(row, states.items(), strict=False):
            layer = Layer(model)
            layer.frame(ax)
            layer.fill(ax, layer.sites[layer.parenchyma], VACANT)
            sites, values = _values(layer, model, quantity)
            layer.values(ax, values, sites, cmap=colours, norm=norm)
            layer.vessels(ax, triads=False)
            if ax is row[0]:
                layer.scale_bar(ax)
                place = {"transform": ax.transAxes, "ha": "right", "va": "center", "rotation": 90}
                ax.text(-0.03, 0.5, fill(arm, 26), fontsize=style.LABEL, color=style.INK, **place)
            if number == 0:
                ax.set_title(f"day {day:g}", fontsize=style.LABEL, color=style.INK)
    shrink = min(0.9, 2.0 / len(grid))  # as tall as two rows
    bar = figure.colorbar(
        ScalarMappable(norm, colours), ax=list(axes.flat), shrink=shrink, aspect=30, pad=0.015, extend="max"
    )
    bar.set_label(words, fontsize=style.LABEL)
    bar.ax.tick_params(labelsize=style.TICK)
    return figure


def _scale(models: list[Lobule], quantity: str) -> tuple[str, Any, float]:
    """Return words, colours and the top of the scale that all models share."""
    if quantity == "iron":
        return "Iron in hepatocytes (fmol per cell)", style.PERLS, iron_scale(models)
    top = max(float(np.percentile(area_percent(model), 99.5)) for model in models)
    return "Collagen (% of area)", style.SIRIUS, max(LEAST_COLLAGEN, top)


def _values(layer: Layer, model: Lobule, quantity: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    if quantity == "collagen":
        sites = layer.sites[layer.parenchyma]
        return sites, area_percent(model)[sites]
    table = model.population.tables["hepatocyte"]
    here = np.isin(table["site"], layer.sites)
    return table["site"][here], table["iron"][here]
