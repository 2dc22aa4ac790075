"""How the end of the runs answers to what was varied: curves with intervals, heat maps, pairs."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.ticker import FuncFormatter, ScalarFormatter
from numpy.typing import NDArray

from lobule.experiments import style
from lobule.experiments.sweeps.design import unit_of
from lobule.readouts import READOUTS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Readouts that are shown, those that do not differ between the runs left out.
MAIN = (
    "lic_mg_per_g",
    "transferrin_saturation_percent",
    "ferritin_ug_per_l",
    "haemoglobin_g_per_dl",
    "alt_iu_per_l",
    "collagen_area_percent",
    "stellate_activated",
    "macrophages_m1",
    "hepatocytes",
    "msc",
    "iron_zone1_to_zone3_ratio",
    "hepcidin_ng_per_ml",
)
MOST_PANELS = 9
FEW = 12  # different values up to which each has a mean of its own
BINS = 8
LOG_FROM = 10.0  # ratio of the ends from which on an axis is logarithmic
COLOURS = (style.BLUE, style.VERMILION, style.GREEN, style.ORANGE, style.PURPLE, style.SKY, style.BLACK)
MARKERS = "osD^vP*"
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.2)), "-.", (0, (8, 2, 1.5, 2)))


def shown_readouts(frame: pd.DataFrame, most: int = MOST_PANELS) -> list[str]:
    """Return the readouts of :data:`MAIN` that differ between rows of `frame`; the first when none does."""
    names = [name for name in MAIN if name in frame and frame[name].nunique(dropna=True) > 1]
    return names[:most] or [MAIN[0]]


def readout_title(name: str) -> tuple[str, str]:
    """Return what a panel for a readout is called, and its unit as printed."""
    unit, meaning = READOUTS[name]
    return meaning[:1].upper() + meaning[1:], style.unit_text(unit)


def key_label(key: str) -> str:
    """Return the label of the axis of a varied parameter."""
    return style.label(key, unit_of([key])[0])


class Look(NamedTuple):
    """How an arm is drawn."""

    colour: str
    marker: str
    dashes: Any


def look_of(arms: Sequence[str]) -> dict[str, Look]:
    """Return the look of each arm; no two of the first 35 are alike."""
    return {
        arm: Look(
            COLOURS[i % len(COLOURS)],
            MARKERS[(i // len(COLOURS) + i) % len(MARKERS)],
            DASHES[i % len(DASHES)],
        )
        for i, arm in enumerate(arms)
    }


def plain_ticks(ax: Axes) -> None:
    """Let the ticks of `ax` say their numbers in full: no offset or power beside the axis."""
    for axis in (ax.xaxis, ax.yaxis):
        if isinstance(axis.get_major_formatter(), ScalarFormatter):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))


def mean_and_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean of `values` and half the width of its 95 % confidence interval; NaN of one value."""
    from scipy.stats import t

    known = values[np.isfinite(values)]
    if known.size < 2:
        return (float(known[0]) if known.size else np.nan), np.nan
    error = known.std(ddof=1) / np.sqrt(known.size)
    return float(known.mean()), float(t.ppf(0.975, known.size - 1) * error)


def grid_of(number: int, width: float = 4.6, height: float = 3.3) -> tuple[Figure, list[Axes]]:
    """Return a figure with `number` panels, three in a row, and the panels."""
    columns = min(3, number)
    rows = -(-number // columns)
    figure = style.new_figure(width * columns, height * rows + 0.9)
    axes: NDArray[Any] = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat[number:]:
        ax.set_axis_off()
    return figure, list(axes.flat[:number])


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


def arms_legend(figure: Figure, handles: Mapping[str, Any], title: str) -> None:
    """Name the arms below the panels, and what is drawn of them."""
    style.legend(
        figure,
        handles=list(handles.values()),
        labels=list(handles),
        loc="outside lower center",
        ncols=4,
        title=title,
        title_fontproperties={"size": style.LABEL},
    )


class Places:
    """Where the values of a parameter are on an axis: numbers as they are, words side by side."""

    def __init__(self, values: pd.Series[Any]) -> None:
        known = values.dropna()
        self.is_number = known.dtype.kind in "if"
        self.words = [] if self.is_number else list(dict.fromkeys(known.astype(str)))
        low, high = (float(known.min()), float(known.max())) if self.is_number else (0.0, 1.0)
        self.is_log = self.is_number and low > 0.0 and high / low >= LOG_FROM

    def of(self, values: pd.Series[Any]) -> NDArray[np.float64]:
        """Return the places of `values`."""
        if self.is_number:
            return values.to_numpy(float)
        return np.array([self.words.index(str(value)) for value in values], float)

    def apply(self, ax: Axes) -> None:
        """Give the x axis of `ax` its scale and ticks."""
        if self.is_log:
            ax.set_xscale("log")
        elif not self.is_number:
            ax.set_xticks(range(len(self.words)), self.words)
            ax.set_xlim(-0.5, len(self.words) - 0.5)
        else:
            ax.locator_params(axis="x", nbins=6)


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


def pair_plot(final: pd.DataFrame, keys: Sequence[str], *, title: str = "") -> Figure:
    """Draw every varied number and the first readouts against each other, coloured by arm.

    Parameters
    ----------
    final : DataFrame
        As in :func:`response_curves`.
    keys : sequence of str
        The varied parameters; those that are numbers, at most four, are shown.
    title : str
        Heading.
    """
    numbers = [key for key in keys if Places(final[key]).is_number and final[key].nunique() > 1][:4]
    names = [*numbers, *shown_readouts(final, 3)]
    n = len(names)
    figure = style.new_figure(2.5 * n + 0.6, 2.4 * n + 0.9)
    figure.suptitle(title or "Pairs", fontsize=style.TITLE + 2, color=style.INK)
    axes: NDArray[Any] = figure.subplots(n, n, squeeze=False)
    looks = look_of(list(dict.fromkeys(final["arm"])))
    scales = {name: Places(final[name]) for name in names}
    for i, y in enumerate(names):
        for j, x in enumerate(names):
            ax = axes[i, j]
            ax.tick_params(labelsize=style.TICK - 1, length=2)
            ax.spines[["top", "right"]].set_visible(False)
            for arm, look in looks.items():
                rows = final[final["arm"] == arm]
                if i == j:
                    known = rows[x].dropna().to_numpy(float)
                    if known.size:
                        bins = _bins(final[x], scales[x])
                        ax.hist(known, bins, histtype="step", color=look.colour, linestyle=look.dashes)
                else:
                    ax.plot(rows[x], rows[y], look.marker, color=look.colour, markersize=2.8, alpha=0.55)
            ax.locator_params(nbins=4)
            if scales[x].is_log:
                ax.set_xscale("log")
            if scales[y].is_log and i != j:
                ax.set_yscale("log")
            plain_ticks(ax)
            ax.set_xlabel(_axis(x) if i == n - 1 else "", fontsize=style.TICK)
            ax.set_ylabel(_axis(y) if j == 0 else "", fontsize=style.TICK)
            if i == j:
                ax.set_yticks([])
    handles = {
        arm: axes[0, 0].plot([], [], look.marker, color=look.colour, linewidth=0.0)[0]
        for arm, look in looks.items()
    }
    arms_legend(figure, handles, "Each point is a run at its end")
    return figure


def _bins(values: pd.Series[Any], scale: Places) -> NDArray[np.float64]:
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return np.array([low - 0.5, low + 0.5])
    return np.geomspace(low, high, 13) if scale.is_log else np.linspace(low, high, 13)


def _axis(name: str) -> str:
    """Return the label of a narrow axis: broken where it is long."""
    if name in READOUTS:
        words, unit = readout_title(name)
        text = textwrap.fill(words, 20)
    else:
        unit = style.unit_text(unit_of([name])[0])
        text = name.replace(".", ".\n", 1)
    return f"{text}\n({unit})" if unit else text


def pairs_of(final: pd.DataFrame, keys: Sequence[str], most: int = 3) -> list[tuple[str, str]]:
    """Return the first pairs of parameters that make a heat map: each with two values or more, but few."""
    fit = [key for key in keys if 2 <= final[key].nunique() <= FEW]
    return list(combinations(fit, 2))[:most]
