"""Where the iron is: in the body, in the liver, and in every pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lobule.experiments import style
from lobule.experiments.courses import Series, age_scale
from lobule.experiments.dosing import mark_doses
from lobule.ledger import BODY_POOLS, LIVER_POOLS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Names and colours of the iron pools, in the order in which they are stacked.
POOLS = {
    "red_cells": ("red cells", "#c8473f"),
    "marrow": ("marrow", "#e8a79a"),
    "other": ("other tissue", "#c9c4b8"),
    "spleen": ("spleen", "#8a6a9e"),
    "plasma": ("plasma", style.YELLOW),
    "dextran": ("injected iron dextran", "#b5651d"),
    "sucrose": ("injected iron sucrose", "#d9a066"),
    "inflow": ("in transit to plasma", "#8c8c3a"),
    "hepatocytes": ("hepatocytes", "#1f5199"),
    "macrophages": ("liver macrophages", style.GREEN),
    "debris": ("debris of dead cells", "#555555"),
    "msc": ("MSC", style.BLACK),
}


def budget(series: Series, events: Sequence[tuple[float, str]] = (), *, title: str = "") -> Figure:
    """Draw where the iron is: in the body, in the liver, and in every pool at the start and the end.

    Parameters
    ----------
    series, events, title
        As in :func:`time_courses`, with a column ``pool_<name>_ug`` for every pool of the ledger.

    Returns
    -------
    Figure
        Three panels.
    """
    figure = style.new_figure(14.0, 5.4)
    if title:
        figure.suptitle(title, fontsize=style.TITLE + 2, color=style.INK)
    axes: NDArray[Any] = figure.subplots(1, 3, width_ratios=(1.0, 1.0, 0.85))
    days, x_label = age_scale(series)
    x = np.asarray(series["age_days"]) / days
    amounts = {name: np.asarray(series[f"pool_{name}_ug"]) for name in POOLS}
    total = sum(amounts.values())
    factor, unit = (1e-3, "mg") if float(np.max(total)) > 2e4 else (1.0, "µg")
    body = [name for name in POOLS if name in BODY_POOLS]
    liver = [name for name in POOLS if name in LIVER_POOLS]
    stacks: list[tuple[str, list[str], list[str]]] = [("Whole body", body, liver), ("Liver", liver, [])]
    start = x[0] - series["hours"][0] / 24.0 / days
    doses: dict[str, Any] = {}
    for ax, (text, names, together) in zip(axes[:2], stacks, strict=True):
        style.panel(ax, text, x_label, f"iron ({unit})")
        rows = [factor * amounts[name] for name in names]
        labels, colours = [POOLS[n][0] for n in names], [POOLS[n][1] for n in names]
        if together:
            rows.append(factor * np.sum([amounts[name] for name in together], axis=0))
            labels.append("liver, all")
            colours.append(POOLS["hepatocytes"][1])
        ax.stackplot(x, rows, labels=labels, colors=colours, edgecolor="white", linewidth=0.4)
        ax.set_xlim(x[0], x[-1] if x[-1] > x[0] else x[0] + 1.0)
        high = float(np.max(np.sum(rows, axis=0)))
        ax.set_ylim(0.0, 1.03 * high or 1.0)
        mark_doses([ax], [(start + hours / 24.0 / days, words) for hours, words in events], doses)
        entries = dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
        visible = {
            text: entries[text] for text, row in zip(labels, rows, strict=True) if row.max() > 0.004 * high
        }
        place = {"loc": "upper left", "bbox_to_anchor": (0.0, -0.13), "ncols": 3}
        style.legend(ax, handles=[*visible.values()], labels=[*visible], columnspacing=1.2, **place)
    if doses:
        style.legend(figure, handles=[*doses.values()], labels=[*doses], loc="outside lower center", ncols=4)
    _start_and_end(axes[2], {name: factor * values for name, values in amounts.items()}, unit)
    return figure


def _start_and_end(ax: Axes, amounts: Series, unit: str) -> None:
    """Draw each pool at the first and the last row on a logarithmic axis."""
    style.panel(ax, "Every pool, start and end", f"iron ({unit}), logarithmic")
    ax.grid(visible=False, axis="y")
    ax.grid(axis="x", color=style.GRID, linewidth=0.6)
    names = [name for name, values in amounts.items() if max(values[0], values[-1]) > 0.0][::-1]
    for row, name in enumerate(names):
        first, last = float(amounts[name][0]), float(amounts[name][-1])
        colour = POOLS[name][1]
        if min(first, last) > 0.0:
            ax.plot([first, last], [row, row], color=colour, linewidth=2.2, zorder=2)
        if first > 0.0:
            ax.plot(
                first, row, "o", markerfacecolor="white", markeredgecolor=style.INK, markersize=6.5, zorder=3
            )
        if last > 0.0:
            ax.plot(last, row, "o", color=colour, markeredgecolor=style.INK, markersize=6.5, zorder=3)
    ax.set_xscale("log")
    ax.set_yticks(range(len(names)), [POOLS[name][0] for name in names])
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.plot([], [], "o", markerfacecolor="white", markeredgecolor=style.INK, label="start")
    ax.plot([], [], "o", color=style.MUTED, markeredgecolor=style.INK, label="end")
    style.legend(ax, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2)
