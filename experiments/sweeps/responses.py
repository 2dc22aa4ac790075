"""How the end of the runs answers to what was varied: curves with intervals, heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from lobule.experiments import style
from lobule.experiments.sweeps.panels import (
    Look,
    Places,
    arms_legend,
    grid_of,
    heading,
    key_label,
    look_of,
    plain_ticks,
    readout_title,
    shown_readouts,
    value_texts,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEW = 12  # different values up to which each has a mean of its own
ENDS = (np.nanmin, np.nanmax)
BINS, LEAST = 8, 5  # most bins for many values, and values that a bin holds at least


def mean_and_interval(values: NDArray[np.float64], replicates: NDArray[np.int64]) -> tuple[float, float]:
    """Return a mean, and half the width of its 95 % confidence interval over replicates.

    Runs of one replicate share their luck, and what else is varied between them is chosen, not drawn. So the
    runs of each replicate are averaged first, and Student's interval is taken over these averages.

    Parameters
    ----------
    values : ndarray, shape (n,)
        A readout of each run; NaN where there is none.
    replicates : ndarray of int, shape (n,)
        Replicate of each run.

    Returns
    -------
    (float, float)
        NaN for the interval where there is one replicate.
    """
    from scipy.stats import t

    known = np.isfinite(values)
    means = [float(values[known & (replicates == r)].mean()) for r in np.unique(replicates[known])]
    if len(means) < 2:
        return (means[0] if means else np.nan), np.nan
    error = np.std(means, ddof=1) / np.sqrt(len(means))
    return float(np.mean(means)), float(t.ppf(0.975, len(means) - 1) * error)


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
        interval over the replicates. Where the parameter has many values, the runs are points and the means
        are over bins.
    """
    names = shown_readouts(final)
    figure, axes = grid_of(len(names))
    heading(figure, title or f"Response to {key}")
    looks = look_of(list(dict.fromkeys(final["arm"])))
    scale = Places(final[key])
    handles: dict[str, Any] = {}
    for ax, name in zip(axes, names, strict=True):
        words, unit = readout_title(name)
        style.panel(ax, words, key_label(key), unit)
        for arm, look in looks.items():
            rows = final[(final["arm"] == arm) & final[key].notna()]
            if rows.empty:  # the parameter means nothing to this arm: a level to compare with
                rows = final[final["arm"] == arm]
                handles[arm] = _level(ax, rows, name, look)
            else:
                handles[arm] = _curve(ax, scale, rows, key, name, look)
        scale.apply(ax)
        plain_ticks(ax)
    many = final["replicate"].nunique() > 1
    interval = " and its 95 % confidence interval over the replicates" if many else ""
    arms_legend(figure, handles, f"Mean{interval}, at the end of the runs")
    return figure


def _level(ax: Axes, rows: pd.DataFrame, name: str, look: Look) -> Any:
    values = rows[name].to_numpy(float)
    mean, half = mean_and_interval(values, rows["replicate"].to_numpy())
    if np.isfinite(half):
        ax.axhspan(_low(mean, half, values), mean + half, color=look.colour, alpha=0.12, linewidth=0.0)
    return ax.axhline(mean, color=look.colour, linewidth=1.4, linestyle=look.dashes)


def _curve(ax: Axes, scale: Places, rows: pd.DataFrame, key: str, name: str, look: Look) -> Any:
    x, values = scale.of(rows[key]), rows[name].to_numpy(float)
    different = np.unique(x)
    if different.size > FEW:
        ax.plot(x, values, look.marker, color=look.colour, markersize=2.6, alpha=0.35)
        bins = max(1, min(BINS, different.size // LEAST))
        edges = np.quantile(different, np.linspace(0.0, 1.0, bins + 1))
        which = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, bins - 1)
        groups = [which == b for b in range(bins)]
    else:
        groups = [x == place for place in different]
    middle = (lambda v: np.exp(np.log(v).mean())) if scale.is_log else np.mean
    places = np.array([middle(x[group]) for group in groups])
    replicates = rows["replicate"].to_numpy()
    found = np.array([mean_and_interval(values[group], replicates[group]) for group in groups])
    mean, half = found[:, 0], np.nan_to_num(found[:, 1])
    low = _low(mean, half, values)
    ax.fill_between(places, low, mean + half, color=look.colour, alpha=0.18, linewidth=0.0)
    line = look.dashes if scale.is_number else "none"
    drawn: dict[str, Any] = {
        "color": look.colour,
        "linestyle": line,
        "marker": look.marker,
        "markersize": 4.5,
    }
    bars = np.stack([mean - low, half]) if line == "none" else None
    return ax.errorbar(places, mean, yerr=bars, capsize=3, linewidth=1.7, **drawn)


def _low(mean: Any, half: Any, values: NDArray[np.float64]) -> Any:
    """Return the lower end of an interval, no less than zero for what is never negative."""
    return np.maximum(mean - half, 0.0) if np.nanmin(values, initial=0.0) >= 0.0 else mean - half


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
    arms = list(dict.fromkeys(here["arm"]))
    names = shown_readouts(here, 4)
    figure = style.new_figure(4.1 * len(names), 1.5 + 3.1 * len(arms))
    heading(figure, title or f"{x_key} and {y_key}")
    heights = [*(1.0 for _ in arms), 0.05]
    axes: NDArray[Any] = figure.subplots(len(arms) + 1, len(names), squeeze=False, height_ratios=heights)
    for column, name in zip(axes.T, names, strict=True):
        places = {"index": sorted(here[y_key].unique()), "columns": sorted(here[x_key].unique())}
        tables = [
            here[here["arm"] == arm]
            .pivot_table(index=y_key, columns=x_key, values=name, dropna=False)
            .reindex(**places)
            for arm in arms
        ]
        low, high = (float(end(np.stack([table.to_numpy(float) for table in tables]))) for end in ENDS)
        words, unit = readout_title(name)
        drawn: Any = None
        for ax, arm, table in zip(column, arms, tables, strict=False):
            drawn = ax.pcolormesh(
                np.arange(table.shape[1] + 1),
                np.arange(table.shape[0] + 1),
                table.to_numpy(float),
                cmap="viridis",
                norm=Normalize(low, high if high > low else low + max(abs(low), 1.0)),
            )
            ax.set_facecolor(style.GRID)  # where there is no run
            ax.set_xticks(np.arange(table.shape[1]) + 0.5, value_texts(list(table.columns)), rotation=40)
            ax.set_yticks(np.arange(table.shape[0]) + 0.5, value_texts(list(table.index)))
            ax.tick_params(labelsize=style.TICK, length=0)
            ax.set_xlabel(key_label(x_key), fontsize=style.LABEL)
            ax.set_ylabel(key_label(y_key), fontsize=style.LABEL)
            ax.set_title(arm if len(arms) > 1 else "", fontsize=style.LABEL, color=style.INK)
        bar = figure.colorbar(drawn, cax=column[-1], orientation="horizontal")
        bar.set_label(f"{words}\n({unit})" if unit else words, fontsize=style.LABEL)
        bar.ax.tick_params(labelsize=style.TICK)
        bar.ax.locator_params(nbins=4)
        plain_ticks(bar.ax)
    return figure


def pairs_of(final: pd.DataFrame, keys: Sequence[str], most: int = 3) -> list[tuple[str, str]]:
    """Return the first pairs of parameters that make a heat map: each with two values or more, but few."""

    def fits(pair: tuple[str, str]) -> bool:
        known = final.dropna(subset=list(pair))
        return all(2 <= known[key].nunique() <= FEW for key in pair)

    return list(filter(fits, combinations(keys, 2)))[:most]
