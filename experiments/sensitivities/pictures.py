"""The pictures of a study: which parameters matter, and how the readouts answer to them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lobule.experiments import style
from lobule.experiments.sensitivities.analysis import MAIN, Analysis, chance_level, ranking
from lobule.experiments.sensitivities.study import Study
from lobule.experiments.sweeps.design import interval
from lobule.experiments.sweeps.panels import grid_of, heading, key_label, plain_ticks, readout_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_BARS, MOST_NAMES, MOST_SCATTERS = 20, 10, 6
ROW = 0.42  # inches of a parameter in a bar chart
BINS, LEAST = 8, 40  # bins of the running mean, and points from which on it is drawn
OWN = ("sobol-*.png", "morris-*.png", "scatter-*.png")
WHEN = {"end": "at the end", "max": "highest value", "mean": "mean over time"}


def draw_study(study: Study, found: Sequence[Analysis], folder: Path) -> list[Path]:
    """Draw all pictures of a study into `folder`, in place of those of an earlier one.

    Returns
    -------
    list of Path
        The pictures written.
    """
    for old in (old for pattern in OWN for old in folder.glob(pattern)):
        old.unlink()
    drawn = []
    for analysis in found:
        if not analysis.trouble:
            figure = sobol_bars(study, analysis) if study.method == "sobol" else morris_plane(study, analysis)
            drawn.append(style.write(figure, folder / f"{study.method}-{analysis.readout}.png"))
            drawn.append(style.write(scatters(study, analysis), folder / f"scatter-{analysis.readout}.png"))
    return drawn


def _title(study: Study, analysis: Analysis) -> str:
    words, _ = readout_title(analysis.readout)
    return f"{study.plan.name}: {words[:1].lower() + words[1:]}, {WHEN[analysis.at]}"


def sobol_bars(study: Study, analysis: Analysis) -> Figure:
    """Draw the total and first-order index of each parameter with their intervals."""
    chosen = ranking(study, analysis)[:MOST_BARS]
    figure = style.new_figure(9.0, ROW * 1.25 * len(chosen) + 2.1)
    heading(figure, _title(study, analysis))
    ax = figure.subplots()
    words = f"{analysis.used} base samples, {_replicates(study)}"
    style.panel(ax, words, "Share of the variance that is explained")
    _bars(ax, study, chosen)
    for name, place, colour, label in (
        ("ST", -0.19, style.BLUE, "total index ST: with interactions"),
        ("S1", 0.19, style.ORANGE, "first-order index S1: by itself"),
    ):
        _interval_bars(ax, analysis, name, chosen, place, 0.36, colour, label)
    _chance_line(ax, study, analysis)
    style.legend(figure, loc="outside lower center", ncols=3)
    return figure


def morris_plane(study: Study, analysis: Analysis) -> Figure:
    """Draw the mean absolute effect of each parameter against the spread of its effects, and as bars."""
    chosen = ranking(study, analysis)[:MOST_BARS]
    figure = style.new_figure(14.0, max(5.4, ROW * len(chosen) + 2.1))
    heading(figure, _title(study, analysis))
    plane, bars = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1.0, 1.1]})
    _, unit = readout_title(analysis.readout)
    effect = style.label("Mean absolute effect µ*", unit)
    style.panel(plane, "Size and spread of the effects", effect, style.label("Spread of the effects σ", unit))
    plane.grid(axis="x", color=style.GRID, linewidth=0.6)
    size, spread = analysis.indices["mu_star"], analysis.indices["sigma"]
    plane.set_xlim(0.0, 1.08 * size.max())
    plane.set_ylim(0.0, 1.12 * max(spread.max(), 0.25 * size.max()))
    end = 2.0 * plane.get_xlim()[1]
    line: dict[str, Any] = {"color": style.MUTED, "linewidth": 1.0, "scalex": False, "scaley": False}
    plane.plot([0.0, end], [0.0, end], linestyle=(0, (5, 2)), label="σ = µ*: as uneven as large", **line)
    plane.plot(
        [0.0, end], [0.0, 0.1 * end], linestyle=(0, (1.5, 1.2)), label="σ = 0.1 µ*: nearly linear", **line
    )
    plane.plot(size, spread, "o", color=style.BLUE, markersize=6.5, markeredgecolor="white", clip_on=False)
    _names(plane, size, spread, list(study.axes), chosen[:MOST_NAMES])
    words = f"{analysis.used} trajectories, {_replicates(study)}"
    style.panel(bars, words, f"{effect} over the range")
    _bars(bars, study, chosen)
    _interval_bars(bars, analysis, "mu_star", chosen, 0.0, 0.62, style.BLUE, "µ* with 95 % interval")
    _chance_line(bars, study, analysis)
    for ax in (plane, bars):
        plain_ticks(ax)
    style.legend(figure, loc="outside lower center", ncols=4)
    return figure


def _replicates(study: Study) -> str:
    number = len(study.plan.replicates)
    return f"{number} replicate{'' if number == 1 else 's'}"


def _bars(ax: Axes, study: Study, chosen: Sequence[int]) -> None:
    """Give a bar chart its rows, the first parameter on top."""
    ax.set_yticks(range(len(chosen)), [list(study.axes)[i] for i in chosen])
    ax.set_ylim(len(chosen) - 0.45, -0.55)
    ax.grid(visible=False, axis="y")
    ax.grid(axis="x", color=style.GRID, linewidth=0.6)
    ax.axvline(0.0, color=style.INK, linewidth=0.8)


def _interval_bars(
    ax: Axes,
    analysis: Analysis,
    name: str,
    chosen: Sequence[int],
    place: float,
    height: float,
    colour: str,
    label: str,
) -> None:
    values, half = (analysis.indices[key][chosen] for key in (name, f"{name}_conf"))
    rows = np.arange(len(chosen)) + place
    ax.barh(rows, values, height, color=colour, label=label)
    whisker: dict[str, Any] = {"ecolor": style.INK, "elinewidth": 1.1, "capsize": 2.5}
    ax.errorbar(values, rows, xerr=half, fmt="none", **whisker)


def _chance_line(ax: Axes, study: Study, analysis: Analysis) -> None:
    """Mark the index that chance alone would give."""
    level = chance_level(study, analysis)
    if math.isfinite(level):
        label = "what chance alone would give"
        ax.axvline(level, color=style.VERMILION, linewidth=1.4, linestyle=(0, (4, 2)), label=label)


def _names(
    ax: Axes, x: NDArray[np.float64], y: NDArray[np.float64], names: Sequence[str], chosen: Sequence[int]
) -> None:
    """Name points in a column beside the panel, in the order of their heights, so that no two names meet."""
    order = sorted(chosen, key=lambda i: (y[i], x[i]))
    low, high = ax.get_ylim()
    least = 0.075  # of the height of the panel, from name to name
    wanted = [(y[i] - low) / (high - low) for i in order]
    places: list[float] = []
    for number, height in enumerate(wanted):
        places.append(max(height, places[-1] + least if number else 0.02))
    excess = max(0.0, places[-1] - 0.98)
    for number in range(len(places) - 1, -1, -1):
        ceiling = places[number + 1] - least if number + 1 < len(places) else places[-1] - excess
        places[number] = min(places[number], ceiling)
    for i, height in zip(order, places, strict=True):
        ax.annotate(
            names[i],
            (x[i], y[i]),
            (1.03, height),
            textcoords="axes fraction",
            va="center",
            fontsize=style.TICK,
            color=style.INK,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": style.MUTED,
                "linewidth": 0.6,
                "relpos": (0.0, 0.5),
            },
        )


def scatters(study: Study, analysis: Analysis) -> Figure:
    """Draw the readout over each of the parameters that matter most: a point for each point of the design."""
    chosen = ranking(study, analysis)[:MOST_SCATTERS]
    keys = list(study.axes)
    figure, axes = grid_of(len(chosen))
    heading(figure, _title(study, analysis))
    words, unit = readout_title(analysis.readout)
    name = style.label(analysis.readout if len(words) > 30 else words, unit)
    x = np.array([point.values for point in study.plan.points], float)
    means = analysis.means
    line: dict[str, Any] = {"color": style.VERMILION, "zorder": 2.5}
    main = MAIN[study.method]
    for ax, i in zip(axes, chosen, strict=True):
        value = f"{analysis.indices[main][i]:.3g}"
        index = f"ST = {value}" if study.method == "sobol" else f"µ* = {value} {unit}"
        style.panel(ax, index, key_label(keys[i]), name)
        ax.plot(x[:, i], means, "o", color=style.BLUE, alpha=0.45, markersize=3.5, markeredgewidth=0.0)
        if study.axes[keys[i]].scale == "log":
            ax.set_xscale("log")
            ticks = np.geomspace(*interval(keys[i], study.axes[keys[i]]), 4)
            ax.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
            ax.minorticks_off()
        else:
            ax.locator_params(axis="x", nbins=5)
        if study.method == "morris":
            at = _steps(study, i)
            ax.plot([x[at, i], x[at + 1, i]], [means[at], means[at + 1]], "-", linewidth=1.1, **line)
        else:
            there = np.isfinite(means)
            ax.plot(*_running_mean(x[there, i], means[there]), "-", linewidth=2.0, **line)
        plain_ticks(ax)
    number = len(study.plan.replicates)
    point = "one run" if number == 1 else f"the mean of {number} replicates"
    lines = "this parameter alone is changed" if study.method == "morris" else "mean of the points nearby"
    figure.supxlabel(
        f"A point: {point} at a point of the design. Line: {lines}.",
        fontsize=style.TICK,
        color=style.MUTED,
    )
    return figure


def _steps(study: Study, parameter: int) -> NDArray[np.int64]:
    """Return the points of trajectories after which a parameter changes."""
    change = np.diff(study.unit()[:, parameter])
    is_within = np.arange(1, len(change) + 1) % study.block > 0
    return np.flatnonzero((change != 0.0) & is_within)


def _running_mean(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[list[float], list[float]]:
    """Return the means of x and y in bins of equally many points; nothing for few points."""
    if len(x) < LEAST:
        return [], []
    groups = np.array_split(np.argsort(x, kind="stable"), BINS)
    return [float(x[group].mean()) for group in groups], [float(y[group].mean()) for group in groups]
