"""How the end of the runs answers to what was varied: curves with intervals, heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from lobule.experiments import style
from lobule.experiments.sweeps.panels import (
    Look,
    Places,
    arms_legend,
    grid_of,
    key_label,
    look_of,
    plain_ticks,
    readout_title,
    shown_readouts,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEW = 12  # different values up to which each has a mean of its own
BINS = 8


def mean_and_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean of `values` and half the width of its 95 % confidence interval; NaN of one value."""
    from scipy.stats import t

    known = values[np.isfinite(values)]
    if known.size < 2:
        return (float(known[0]) if known.size else np.nan), np.nan
    error = known.std(ddof=1) / np.sqrt(known.size)
    return float(known.mean()), float(t.ppf(0.975, known.size - 1) * error)


def response_curves(final: pd.DataFrame, key: str, *, title: str = "") -> Figure:
    """Draw the readouts at the end of the runs over one varied parameter.

    Parameters
    ----------
    final : DataFrame
        A row for each run, with ``arm``, the parameter and the readouts.
    key : str
        The parameter.
    title : str
        Heading.

    Returns
    -------
    Figure
        A panel for each readout; for each arm the mean over all that else differs, with its 95 % confidence
        interval. Where the parameter has many values, the runs are points and the means are over bins.
    """
    names = shown_readouts(final)
    figure, axes = grid_of(len(names))
    figure.suptitle(title or f"Response to {key}", fontsize=style.TITLE + 2, color=style.INK)
    looks = look_of(list(dict.fromkeys(final["arm"])))
    scale = Places(final[key])
    handles: dict[str, Any] = {}
    for ax, name in zip(axes, names, strict=True):
        heading, unit = readout_title(name)
        style.panel(ax, heading, key_label(key), unit)
        for arm, look in looks.items():
            rows = final[(final["arm"] == arm) & final[key].notna()]
            if rows.empty:  # the parameter means nothing to this arm: a level to compare with
                rows = final[final["arm"] == arm]
                handles[arm] = _level(ax, rows[name].to_numpy(float), look)
            else:
                handles[arm] = _curve(ax, scale, rows[key], rows[name].to_numpy(float), look)
        scale.apply(ax)
        plain_ticks(ax)
    arms_legend(figure, handles, "Mean and its 95 % confidence interval, at the end of the runs")
    return figure


def _level(ax: Axes, values: NDArray[np.float64], look: Look) -> Any:
    mean, half = mean_and_interval(values)
    if np.isfinite(half):
        ax.axhspan(mean - half, mean + half, color=look.colour, alpha=0.12, linewidth=0.0)
    return ax.axhline(mean, color=look.colour, linewidth=1.4, linestyle=look.dashes)


def _curve(ax: Axes, scale: Places, given: pd.Series[Any], values: NDArray[np.float64], look: Look) -> Any:
    x, colour = scale.of(given), look.colour
    different = np.unique(x)
    if different.size > FEW:
        ax.plot(x, values, look.marker, color=colour, markersize=2.6, alpha=0.35, linewidth=0.0)
        edges = np.quantile(x, np.linspace(0.0, 1.0, BINS + 1))
        which = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, BINS - 1)
        groups = [which == b for b in range(BINS)]
    else:
        groups = [x == place for place in different]
    groups = [group for group in groups if group.any()]
    places = np.array([x[group].mean() for group in groups])
    rows = np.array([mean_and_interval(values[group]) for group in groups])
    half = np.nan_to_num(rows[:, 1])
    ax.fill_between(places, rows[:, 0] - half, rows[:, 0] + half, color=colour, alpha=0.18, linewidth=0.0)
    line = look.dashes if scale.is_number else "none"
    drawn: dict[str, Any] = {"color": colour, "linestyle": line, "marker": look.marker, "markersize": 4.5}
    bars = half if line == "none" else None
    return ax.errorbar(places, rows[:, 0], yerr=bars, capsize=3, linewidth=1.7, **drawn)


def heat_maps(final: pd.DataFrame, keys: tuple[str, str], *, title: str = "") -> Figure:
    """Draw mean readouts at the end of the runs over two varied parameters: an arm a row, a readout a column.

    Parameters
    ----------
    final : DataFrame
        As in :func:`response_curves`.
    keys : (str, str)
        The parameters on the x and the y axis, each with few values.
    title : str
        Heading.
    """
    x_key, y_key = keys
    here = final[final[x_key].notna() & final[y_key].notna()]
    arms = list(dict.fromkeys(here["arm"]))[:4]
    names = shown_readouts(here, 4)
    figure = style.new_figure(4.1 * len(names), 1.5 + 3.1 * len(arms))
    figure.suptitle(title or f"{x_key} and {y_key}", fontsize=style.TITLE + 2, color=style.INK)
    heights = [*(1.0 for _ in arms), 0.05]
    axes: NDArray[Any] = figure.subplots(len(arms) + 1, len(names), squeeze=False, height_ratios=heights)
    for column, name in zip(axes.T, names, strict=True):
        tables = [
            here[here["arm"] == arm].pivot_table(index=y_key, columns=x_key, values=name) for arm in arms
        ]
        low = min(float(np.nanmin(table.to_numpy())) for table in tables)
        high = max(float(np.nanmax(table.to_numpy())) for table in tables)
        heading, unit = readout_title(name)
        drawn: Any = None
        for ax, arm, table in zip(column, arms, tables, strict=False):
            drawn = ax.pcolormesh(
                np.arange(table.shape[1] + 1),
                np.arange(table.shape[0] + 1),
                table.to_numpy(float),
                cmap="viridis",
                norm=Normalize(low, high if high > low else low + max(abs(low), 1.0)),
            )
            ax.set_xticks(np.arange(table.shape[1]) + 0.5, [_short(v) for v in table.columns], rotation=40)
            ax.set_yticks(np.arange(table.shape[0]) + 0.5, [_short(v) for v in table.index])
            ax.tick_params(labelsize=style.TICK, length=0)
            ax.set_xlabel(key_label(x_key), fontsize=style.LABEL)
            ax.set_ylabel(key_label(y_key), fontsize=style.LABEL)
            ax.set_title(arm if len(arms) > 1 else "", fontsize=style.LABEL, color=style.INK)
        bar = figure.colorbar(drawn, cax=column[-1], orientation="horizontal")
        bar.set_label(f"{heading}\n({unit})" if unit else heading, fontsize=style.LABEL)
        bar.ax.tick_params(labelsize=style.TICK)
        bar.ax.locator_params(nbins=4)
        bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    return figure


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def pairs_of(final: pd.DataFrame, keys: Sequence[str], most: int = 3) -> list[tuple[str, str]]:
    """Return the first pairs of parameters that make a heat map: each with two values or more, but few."""
    fit = [key for key in keys if 2 <= final[key].nunique() <= FEW]
    return list(combinations(fit, 2))[:most]
