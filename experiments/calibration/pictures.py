"""The pictures of a calibration: the parameters, how well the data are met, the way there."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import NDArray

from lobule.experiments import style
from lobule.experiments.calibration.posterior import Population, Posterior, aim_of, weighted_quantile
from lobule.experiments.calibration.problem import Calibration, Prior
from lobule.experiments.explain import published_in_words
from lobule.experiments.sweeps.panels import Plain, grid_of, heading, plain_ticks
from lobule.experiments.validation.verdict import AGREES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

EDGE = 6.0  # misfits beyond it are drawn there
PRIOR, AFTER, BEST, DEFAULT = style.MUTED, style.BLUE, style.VERMILION, style.BLACK


def draw(
    calibration: Calibration, populations: Sequence[Population], posterior: Posterior, folder: Path
) -> list[Path]:
    """Draw all pictures into `folder` and return them."""
    last = populations[-1]
    figures = {"marginals": marginals(calibration, last, posterior)}
    if len(calibration.priors) > 1:
        figures["pairs"] = pairs(calibration, last, posterior)
    figures["fit"] = fit(calibration, last, posterior)
    figures["generations"] = generations(calibration, populations)
    return [style.write(figure, folder / f"{name}.png") for name, figure in figures.items()]


def marginals(calibration: Calibration, last: Population, posterior: Posterior) -> Figure:
    """Draw prior and posterior of each parameter, with median, 95 % interval and the best particle."""
    figure, axes = grid_of(len(calibration.priors))
    figure.set_figwidth(max(figure.get_figwidth(), 6.6))
    heading(figure, f"{calibration.name}: parameters before and after the data")
    handles: dict[str, Any] = {}
    for k, (ax, prior) in enumerate(zip(axes, calibration.priors, strict=True)):
        found = posterior.marginals[k]
        style.panel(ax, prior.key, style.label("value", prior.unit), "density (prior = 1)")
        heights, edges = _density(last, k, prior)
        handles["posterior"] = ax.stairs(heights, edges, fill=True, color=AFTER, alpha=0.35)
        (handles["prior"],) = ax.plot([prior.low, prior.high], [1.0, 1.0], "--", color=PRIOR, linewidth=1.3)
        top = 1.12 * max(float(heights.max()), 1.0)
        (handles["median and 95 % interval"],) = ax.plot(
            [found.low, found.high], [top, top], color=AFTER, linewidth=3.0, solid_capstyle="butt"
        )
        ax.plot([found.median], [top], "o", color=AFTER, markersize=6, markeredgecolor="white")
        (handles["nearest particle"],) = ax.plot(
            [found.best], [0.0], "^", color=BEST, markersize=8, clip_on=False
        )
        if prior.default is not None and prior.low <= prior.default <= prior.high:
            handles["value of the cases"] = ax.axvline(
                prior.default, color=DEFAULT, linewidth=1.1, linestyle=(0, (1.5, 1.5))
            )
        ax.set_xlim(prior.low, prior.high)
        ax.set_ylim(0.0, 1.08 * top)
        _scale(ax, prior)
    style.legend(
        figure, handles=list(handles.values()), labels=list(handles), loc="outside lower center", ncols=3
    )
    return figure


def pairs(calibration: Calibration, last: Population, posterior: Posterior) -> Figure:
    """Draw the particles of every two parameters, over the range of the prior; area is weight."""
    n = len(calibration.priors)
    figure = style.new_figure(max(5.2, 2.6 * n + 0.6), max(5.0, 2.5 * n + 0.8))
    heading(figure, f"{calibration.name}: parameters together")
    axes: NDArray[Any] = figure.subplots(n, n, squeeze=False)
    area = 14.0 * last.weights / last.weights.mean()
    outer = np.column_stack([p.outer(last.inner[:, k]) for k, p in enumerate(calibration.priors)])
    for i, y in enumerate(calibration.priors):
        for j, x in enumerate(calibration.priors):
            ax = axes[i, j]
            if j > i:
                ax.set_axis_off()
                r = posterior.correlations[i, j]
                ax.text(
                    0.5, 0.5, f"correlation\n{r:+.2f}", ha="center", va="center", fontsize=style.LABEL,
                    color=style.INK, transform=ax.transAxes,
                )  # fmt: skip
                continue
            style.panel(ax, "")
            if i == j:
                ax.stairs(*_density(last, i, x), fill=True, color=AFTER, alpha=0.35)
                ax.plot([x.low, x.high], [1.0, 1.0], "--", color=PRIOR, linewidth=1.1)
                ax.set_yticks([])
            else:
                ax.scatter(outer[:, j], outer[:, i], s=area, color=AFTER, alpha=0.5, linewidths=0.0)
                ax.plot(outer[0, j], outer[0, i], "^", color=BEST, markersize=8)
                ax.set_ylim(y.low, y.high)
                _scale(ax, y, "y")
            ax.set_xlim(x.low, x.high)
            _scale(ax, x)
            ax.locator_params(axis="x", nbins=4) if not x.is_log else None
            ax.set_xlabel(_name(x) if i == n - 1 else "", fontsize=style.LABEL)
            ax.set_ylabel(_name(y) if j == 0 and i > 0 else "", fontsize=style.LABEL)
    figure.text(
        0.99, 0.005, "Area of a dot is the weight of the particle; triangle: nearest to the data; "
        "dashed: prior", ha="right", va="bottom", fontsize=style.TICK, color=style.MUTED,
    )  # fmt: skip
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    engine.set(rect=(0.0, 0.03, 1.0, 0.97))
    return figure


def fit(calibration: Calibration, last: Population, posterior: Posterior) -> Figure:
    """Draw simulated beside published, each value on the scale of its own error."""
    n = len(calibration.targets)
    figure = style.new_figure(9.6, 1.9 + 0.62 * n)
    heading(figure, f"{calibration.name}: simulated beside published")
    ax = figure.subplots()
    style.panel(
        ax,
        "",
        "simulated minus published, in standard errors (outside a range: in half widths)",
    )
    misfits = np.array([calibration.misfits(statistics) for statistics in last.statistics])
    handles: dict[str, Any] = {}
    scored = [i for i, target in enumerate(calibration.targets) if target.value.published_error is not None]
    if scored:
        handles["agrees (a range: at 0)"] = ax.barh(
            scored, 2.0 * AGREES, 0.8, -AGREES, color=style.GRID, zorder=0, linewidth=0.0
        )
    ax.axvline(0.0, color=style.MUTED, linewidth=1.0)
    for i, row in enumerate(misfits.T):
        low, median, high = np.clip(weighted_quantile(row, last.weights, 0.025, 0.5, 0.975), -EDGE, EDGE)
        (handles["posterior: median, 95 %"],) = ax.plot(
            [low, high], [i, i], color=AFTER, linewidth=4.0, alpha=0.6, solid_capstyle="butt"
        )
        ax.plot([median], [i], "o", color=AFTER, markersize=7, markeredgecolor="white")
        (handles["nearest particle"],) = ax.plot(
            [float(np.clip(posterior.misfits[i], -EDGE, EDGE))], [i], "^", color=BEST, markersize=7
        )
    labels = [
        textwrap.fill(t.label, 46) + f"\n{published_in_words(t.value)}".replace("+/-", "±")
        for t in calibration.targets
    ]
    ax.set_yticks(range(n), labels)
    ax.set_ylim(n - 0.4, -0.6)
    reach = min(EDGE, max(3.0, 1.1 * float(np.nanmax(np.abs(misfits)))))
    ax.set_xlim(-reach, reach)
    ax.grid(False)
    right = ax.secondary_yaxis("right")
    words = [
        f"{posterior.best.mean[i]:.4g}\n{median:.4g} ({low:.4g} to {high:.4g})"
        for i, (low, median, high) in enumerate(posterior.simulated)
    ]
    right.set_yticks(range(n), words)
    right.spines["right"].set_visible(False)
    right.tick_params(labelsize=style.TICK, colors=style.INK, length=0)
    ax.set_title("nearest\nmedian (95 %)", loc="right", fontsize=style.TICK, color=style.MUTED)
    style.legend(
        figure, handles=list(handles.values()), labels=list(handles), loc="outside lower center", ncols=3
    )
    return figure


def generations(calibration: Calibration, populations: Sequence[Population]) -> Figure:
    """Draw distances of the particles by generation, and the share of proposals that were accepted."""
    figure = style.new_figure(9.2, 4.1)
    heading(figure, f"{calibration.name}: the way to the data")
    left, right = figure.subplots(1, 2, width_ratios=[1.6, 1.0])
    style.panel(left, "Distance to the data", "generation", "root mean square misfit")
    numbers = np.arange(1, len(populations) + 1)
    for number, population in zip(numbers, populations, strict=True):
        low, median, high = weighted_quantile(population.distances, population.weights, 0.025, 0.5, 0.975)
        left.plot([number, number], [low, high], color=AFTER, linewidth=4.0, alpha=0.5, solid_capstyle="butt")
        (middle,) = left.plot([number], [median], "o", color=AFTER, markersize=7, markeredgecolor="white")
        (least,) = left.plot([number], [population.distances[0]], "^", color=BEST, markersize=6)
        if math.isfinite(population.epsilon):
            (bound,) = left.plot(
                [number - 0.3, number + 0.3], [population.epsilon] * 2, color=style.BLACK, linewidth=1.3
            )
    handles = {"median, 95 %": middle, "nearest": least}
    if len(populations) > 1:
        handles["accepted up to"] = bound
    aim = aim_of(calibration, populations[:-1] or populations)
    if aim > 0.0:
        handles["aim"] = left.axhline(aim, color=style.GREEN, linestyle="--", linewidth=1.2)
    if min(population.distances[0] for population in populations) > 0.0:
        left.set_yscale("log")
        _log_ticks(left.yaxis, (1.0, 2.0, 5.0))
    left.set_xticks(numbers)
    left.set_xlim(0.5, len(populations) + 0.5)
    style.legend(left, handles=list(handles.values()), labels=list(handles), loc="best")
    style.panel(right, "Accepted", "generation", "share of simulated particles (%)")
    shares = [100.0 * len(p.weights) / p.simulated for p in populations]
    right.bar(numbers, shares, width=0.6, color=AFTER, alpha=0.6)
    for number, share, population in zip(numbers, shares, populations, strict=True):
        right.annotate(
            f"{population.simulated:,}", (number, share), (0, 2), textcoords="offset points", ha="center",
            va="bottom", fontsize=style.TICK - 0.5, color=style.INK,
        )  # fmt: skip
    right.set_ylim(0.0, 112.0)
    right.set_xticks(numbers)
    right.set_xlim(0.4, len(populations) + 0.6)
    right.set_title("simulated above the bars", loc="right", fontsize=style.TICK, color=style.MUTED, pad=9)
    return figure


def _density(population: Population, k: int, prior: Prior) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the posterior density over that of the prior, and the edges of its bins."""
    bins = int(np.clip(2.0 * population.effective_size ** (1.0 / 3.0), 4, 40))
    held, edges = np.histogram(population.inner[:, k], bins, weights=population.weights)
    shares = np.diff(edges) / (prior.ends[1] - prior.ends[0])
    return np.asarray(held / population.weights.sum() / shares), np.asarray(prior.outer(edges))


def _scale(ax: Axes, prior: Prior, axis: str = "x") -> None:
    if prior.is_log:
        (ax.set_xscale if axis == "x" else ax.set_yscale)("log")
        decades = math.log10(prior.high / prior.low)
        subs = (1.0, 2.0, 5.0) if decades < 1.2 else (1.0, 3.0) if decades < 3.0 else (1.0,)
        _log_ticks(ax.xaxis if axis == "x" else ax.yaxis, subs)
    plain_ticks(ax)


def _log_ticks(axis: Axis, subs: Sequence[float]) -> None:
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(Plain())
    axis.set_minor_locator(NullLocator())


def _name(prior: Prior) -> str:
    unit = style.unit_text(prior.unit)
    text = prior.key.replace(".", ".\n", 1)
    return f"{text} ({unit})" if unit else text
