"""All pictures of a sweep, drawn from what its store holds."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from lobule.errors import InputError
from lobule.experiments import style
from lobule.experiments.canvas import Layer
from lobule.experiments.folders import FINAL
from lobule.experiments.maps import VACANT, iron_scale
from lobule.experiments.models import load_model
from lobule.experiments.sweeps.design import unit_of
from lobule.experiments.sweeps.finished import Run
from lobule.experiments.sweeps.pairs import pair_plot
from lobule.experiments.sweeps.panels import (
    arms_legend,
    grid_of,
    heading,
    look_of,
    plain_ticks,
    readout_title,
    shown_readouts,
    value_texts,
)
from lobule.experiments.sweeps.responses import heat_maps, pairs_of, response_curves
from lobule.experiments.sweeps.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS, MOST_COLUMNS = 4, 5
MOST_KEYS = 6
TITLE_WIDTH = 36  # characters above a map
OWN = ("courses.png", "response-*.png", "heat-*.png", "pairs.png", "lobules.png")


def draw_sweep(results: Results) -> list[Path]:
    """Draw the pictures of a sweep into ``figures/`` of its store.

    Time courses by arm; the response to each varied parameter; heat maps of pairs with few values; a pair
    plot; small multiples of lobules.

    Returns
    -------
    list of Path
        The pictures written.

    Raises
    ------
    InputError
        If no run is finished yet, or there are several sweeps.
    """
    if len(results.plans) > 1:
        names = ", ".join(plan.stem for plan in results.plans)
        raise InputError(f"{results.store.shown} -> holds several sweeps; choose one: {names}")
    if not len(results):
        raise InputError(f"{results.store.shown} -> has no finished run yet: nothing to draw")
    target = results.store.shown / "figures"
    for old in (old for pattern in OWN for old in target.glob(pattern)):
        old.unlink()
    name = results.plans[0].name
    final = results.final()
    keys = [key for key in results.varied if final[key].nunique() > 1][:MOST_KEYS]
    drawn = [style.write(time_courses(results, title=f"{name}: time courses"), target / "courses.png")]
    for key in keys:
        figure = response_curves(final, key, title=f"{name}: response to {key}")
        drawn.append(style.write(figure, target / f"response-{_file(key)}.png"))
    for x, y in pairs_of(final, keys):
        figure = heat_maps(final, (x, y), title=f"{name}: {x} and {y}")
        drawn.append(style.write(figure, target / f"heat-{_file(x)}-{_file(y)}.png"))
    if keys:
        drawn.append(style.write(pair_plot(final, keys, title=f"{name}: pairs"), target / "pairs.png"))
    chosen = multiples(results, final, keys)
    if chosen:
        arms = final["arm"].nunique()
        part = f" ({len(chosen)} of {arms} arms)" if len(chosen) < arms else ""
        figure = lobule_maps(chosen, title=f"{name}: the lobules at the end{part}")
        drawn.append(style.write(figure, target / "lobules.png"))
    return drawn


def _file(key: str) -> str:
    return key.replace(".", "-")


def time_courses(results: Results, *, title: str = "") -> Figure:
    """Draw the readouts over time: for each arm the median of all its runs and the range of 90 % of them."""
    table = results.to_pandas()
    names = shown_readouts(table)
    figure, axes = grid_of(len(names))
    heading(figure, title)
    looks = look_of(list(dict.fromkeys(table["arm"])))
    counts = results.runs["arm"].value_counts()
    table = table.assign(day=table["hours"] / 24.0)
    unit, scale = ("years", 365.25) if table["day"].max() > 1500.0 else ("days", 1.0)
    handles: dict[str, Any] = {}
    for ax, name in zip(axes, names, strict=True):
        words, printed = readout_title(name)
        style.panel(ax, words, f"time ({unit})", printed)
        for arm, look in looks.items():
            by_day = table[table["arm"] == arm].groupby("day")[name]
            middle, low, high = (by_day.quantile(q) for q in (0.5, 0.05, 0.95))
            days = middle.index.to_numpy() / scale
            ax.fill_between(days, low, high, color=look.colour, alpha=0.16, linewidth=0.0)
            line = {"color": look.colour, "linestyle": look.dashes, "linewidth": 1.8}
            number = f"{counts[arm]} run{'' if counts[arm] == 1 else 's'}"
            handles[f"{arm} ({number})"] = ax.plot(days, middle, **line)[0]
        ax.locator_params(nbins=6)
        plain_ticks(ax)
    one = "One run each" if len(looks) > 1 else "The one run"
    said = "Median, and the range of 90 % of the runs" if counts.max() > 1 else one
    arms_legend(figure, handles, said)
    return figure


def multiples(results: Results, final: pd.DataFrame, keys: Sequence[str]) -> list[list[tuple[str, Run]]]:
    """Choose the runs whose lobules are shown side by side, with the words above each.

    An arm a row; along the row the first parameter that means something to all arms, or else to this one, or
    the replicates where none is varied; all else as in the first run of the arm.
    """
    rows = []
    common = [key for key in keys if final[key].notna().all()]
    for arm in list(dict.fromkeys(final["arm"]))[:MOST_ROWS]:
        runs = final[final["arm"] == arm]
        own = [key for key in keys if runs[key].notna().any() and runs[key].nunique() > 1]
        along, *rest = sorted([*own, "replicate"], key=lambda key: key not in common)
        for key in rest:
            runs = runs[runs[key].eq(runs[key].iloc[0]) | (runs[key].isna() & pd.isna(runs[key].iloc[0]))]
        runs = runs.sort_values(along, kind="stable")
        row = []
        chosen = runs.iloc[style.spread(range(len(runs)), MOST_COLUMNS)]
        for words, (_, run) in zip(value_texts(chosen[along].tolist()), chosen.iterrows(), strict=True):
            found = results.run(run["run"])
            if (found.folder / "snapshots" / FINAL).is_file():
                unit = style.unit_text(unit_of([along])[0])
                lines = (arm, f"{along} {words} {unit}".rstrip())
                row.append(("\n".join(textwrap.fill(line, TITLE_WIDTH) for line in lines), found))
        if row:
            rows.append(row)
    return rows


def lobule_maps(rows: Sequence[Sequence[tuple[str, Run]]], *, title: str = "") -> Figure:
    """Draw the tissue at the end of several runs: iron of hepatocytes, collagen, all to the same scales.

    Parameters
    ----------
    rows : sequence of sequence of (str, Run)
        What stands above each map, and the run.
    title : str
        Heading.
    """
    models = [[load_model(run.folder / "snapshots" / FINAL) for _, run in row] for row in rows]
    columns = max(len(row) for row in rows)
    ratio = float(np.clip(Layer(models[0][0]).height_to_width, 0.4, 1.5))
    lines = sum(max(words.count("\n") for words, _ in row) - 1 for row in rows)  # more than two above a map
    figure = style.new_figure(2.9 * columns + 1.4, (2.9 * ratio + 0.75) * len(rows) + 0.16 * lines + 0.6)
    heading(figure, title)
    axes: NDArray[Any] = figure.subplots(len(rows), columns, squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    norm = Normalize(0.0, iron_scale([model for row in models for model in row]))
    drawn: Any = None
    for row, places, line in zip(rows, axes, models, strict=True):
        for (words, _), ax, model in zip(row, places, line, strict=False):
            layer = Layer(model)
            layer.frame(ax)
            table = model.population.tables["hepatocyte"]
            here = np.isin(table["site"], layer.sites)
            layer.fill(ax, layer.sites[layer.parenchyma], VACANT, 0.94)
            iron, sites = table["iron"][here], table["site"][here]
            drawn = layer.values(ax, iron, sites, 0.94, cmap=style.PERLS, norm=norm)
            layer.fibres(ax, model.matrix.collagen)
            layer.vessels(ax, triads=False)
            layer.scale_bar(ax)
            ax.set_title(words, fontsize=style.LABEL, color=style.INK)
    bar = figure.colorbar(drawn, ax=list(axes.flat), shrink=0.8, aspect=30, pad=0.015, extend="max")
    bar.set_label("Hepatocyte iron (fmol per cell); collagen in red", fontsize=style.LABEL)
    bar.ax.tick_params(labelsize=style.TICK)
    return figure
