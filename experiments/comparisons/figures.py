"""The curves of a comparison: courses, differences, endpoints, dose responses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lobule.doses import HOURS_PER_DAY
from lobule.experiments import style
from lobule.experiments.comparisons.comparefile import DoseResponseTable
from lobule.experiments.comparisons.comparison import Comparison, in_words
from lobule.experiments.comparisons.findings import (
    EndpointRow,
    Findings,
    doses_of,
    effects_in,
    stacked,
    unit_of,
)
from lobule.experiments.comparisons.statistics import Array, DoseResponse, half_width, paired
from lobule.experiments.sweeps.courses import ArmCourses
from lobule.experiments.sweeps.panels import (
    MAIN,
    MOST_PANELS,
    Look,
    arms_legend,
    grid_of,
    heading,
    look_of,
    plain_ticks,
    readout_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

YEARS_FROM, YEAR = 1500.0, 365.25  # days of a run from which on time is in years


def shown_readouts(comparison: Comparison, courses: ArmCourses) -> list[str]:
    """Return the readouts of the endpoints, then the main ones that differ between arms or change."""
    names = list(dict.fromkeys(endpoint.readout for endpoint in comparison.endpoints))
    for name in MAIN:
        levels = [stacked(courses.of(arm)[0], name) for arm in comparison.arms if courses.of(arm)[0]]
        known = [level[np.isfinite(level)] for level in levels]
        if name not in names and any(level.size and np.ptp(level) > 0.0 for level in known):
            names.append(name)
    return names[:MOST_PANELS]


def _time(comparison: Comparison) -> tuple[str, float]:
    """Return the unit of time, and how many days it has."""
    return ("years", YEAR) if comparison.end_day > YEARS_FROM else ("days", 1.0)


def _band(ax: Axes, days: Array, low: Array, middle: Array, high: Array, look: Look) -> Any:
    ax.fill_between(days, low, high, color=look.colour, alpha=0.15, linewidth=0.0)
    return ax.plot(days, middle, color=look.colour, linestyle=look.dashes, linewidth=1.7)[0]


def _branch(ax: Axes, comparison: Comparison, scale: float) -> Any:
    return ax.axvline(comparison.branch_day / scale, color=style.MUTED, linewidth=0.9, linestyle=":")


def time_courses(comparison: Comparison, courses: ArmCourses, names: Sequence[str]) -> Figure:
    """Draw the readouts over time: the mean of each arm, and its 95 % interval over the patients."""
    looks = look_of(list(comparison.arms))
    figure, axes = grid_of(len(names))
    heading(figure, "Time courses")
    unit, scale = _time(comparison)
    handles: dict[str, Any] = {}
    for ax, name in zip(axes, names, strict=True):
        words, printed = readout_title(name)
        style.panel(ax, fill(words, 44), f"time ({unit})", printed)
        for arm, look in looks.items():
            runs = courses.of(arm)[0]
            if not runs:
                continue
            levels, days = stacked(runs, name), runs[0]["hours"] / HOURS_PER_DAY / scale
            middle, half = levels.mean(axis=0), half_width(levels)
            low = middle - half
            low = np.maximum(low, 0.0) if np.nanmin(levels, initial=0.0) >= 0.0 else low
            number = f"{len(runs)} patient{'' if len(runs) == 1 else 's'}"
            handles[f"{arm} ({number})"] = _band(ax, days, low, middle, middle + half, look)
        line = _branch(ax, comparison, scale)
        ax.locator_params(nbins=6)
        plain_ticks(ax)
    handles[f"day {comparison.branch_day:g}, from which changes are counted"] = line
    arms_legend(figure, handles, "Mean and its 95 % confidence interval over the patients")
    return figure


def differences(comparison: Comparison, findings: Findings, names: Sequence[str]) -> Figure:
    """Draw the paired differences to the control over time, with their 95 % confidence intervals."""
    looks = look_of(list(comparison.arms))
    figure, axes = grid_of(len(names))
    heading(figure, f"Differences to {comparison.control}, patient by patient")
    unit, scale = _time(comparison)
    handles: dict[str, Any] = {}
    for ax, name in zip(axes, names, strict=True):
        words, _ = readout_title(name)
        style.panel(ax, fill(words, 44), f"time ({unit})", style.label("difference", unit_of(name)))
        ax.axhline(0.0, color=style.INK, linewidth=0.8)
        for arm in comparison.treated:
            found = effects_in(findings.effects, arm, name)
            if found["day"].size:
                low, middle, high = (found[key] for key in ("ci_low", "difference", "ci_high"))
                handles[arm] = _band(ax, found["day"] / scale, low, middle, high, looks[arm])
        _branch(ax, comparison, scale)
        ax.locator_params(nbins=6)
        plain_ticks(ax)
    arms_legend(figure, handles, f"Mean of arm less {comparison.control}, and its 95 % confidence interval")
    return figure


def forest(comparison: Comparison, findings: Findings) -> Figure:
    """Draw all endpoints: differences, in the readout's unit, and those of levels as % of the control."""
    looks = look_of(list(comparison.arms))
    groups: dict[str, list[EndpointRow]] = {}
    for row in findings.endpoints:
        groups.setdefault(row.words, []).append(row)
    figure = style.new_figure(11.0, 0.8 + sum(1.0 + 0.3 * len(rows) for rows in groups.values()))
    heading(figure, f"Endpoints: difference to {comparison.control}, mean and 95 % confidence interval")
    heights = [1.0 + 0.3 * len(rows) for rows in groups.values()]
    axes: NDArray[Any] = figure.subplots(len(groups), 2, squeeze=False, height_ratios=heights)
    for (left, right), (words, rows) in zip(axes, groups.items(), strict=True):
        style.panel(left, fill(words[:1].upper() + words[1:], 68), style.label("difference", rows[0].unit))
        style.panel(right, "", f"% of the mean of {comparison.control}")
        right.set_visible(any(math.isfinite(row.percent[1]) for row in rows))
        found = [(float(r.found.ci_low), float(r.found.difference), float(r.found.ci_high)) for r in rows]
        percent = [(row.percent[1], row.percent[0], row.percent[2]) for row in rows]
        for ax, numbers in ((left, found), (right, percent)):
            ax.axvline(0.0, color=style.INK, linewidth=0.8)
            ax.grid(visible=False, axis="y")
            ax.grid(axis="x", color=style.GRID, linewidth=0.6)
            for y, (row, (low, middle, high)) in enumerate(zip(rows, numbers, strict=True)):
                look = looks[row.arm]
                if math.isfinite(middle):
                    ax.plot([low, high], [y, y], color=look.colour, linewidth=1.8)
                    ax.plot([middle], [y], look.marker, color=look.colour, markersize=6)
            names = [row.arm for row in rows] if ax is left else [""] * len(rows)
            ax.set_yticks(range(len(rows)), names, fontsize=style.TICK)
            ax.set_ylim(len(rows) - 0.5, -0.5)
            ax.locator_params(axis="x", nbins=6)
            plain_ticks(ax)
    return figure


def dose_curve(
    comparison: Comparison, table: DoseResponseTable, found: DoseResponse, effects: Array
) -> Figure:
    """Draw an effect over the dose: each patient, the mean with its interval, the line and the curve.

    Parameters
    ----------
    comparison, table, found
        What was fitted.
    effects : ndarray, shape (arms with a dose above 0, patients)
        Differences to the control.
    """
    doses = np.array(list(doses_of(table, comparison).values()))
    look = look_of(list(comparison.arms))
    words = in_words(table, comparison.branch_day, comparison.end_day)
    unit = style.unit_text(unit_of(table.readout))
    figure = style.new_figure(7.6, 4.8)
    ax = figure.subplots()
    title = f"{words[:1].upper()}{words[1:]}: difference to {comparison.control}"
    style.panel(ax, fill(title, 76), "dose" + (f" ({table.unit})" if table.unit else ""), unit)
    ax.axhline(0.0, color=style.INK, linewidth=0.8)
    for arm, dose, values in zip(doses_of(table, comparison), doses, effects, strict=True):
        spots = np.full(values.size, dose)
        ax.plot(spots, values, look[arm].marker, color=look[arm].colour, alpha=0.35, markersize=4.5)
        middle = paired(values, np.zeros_like(values))
        bar = [[float(middle.difference - middle.ci_low)], [float(middle.ci_high - middle.difference)]]
        bar = [[0.0 if math.isnan(x) else x for x in half] for half in bar]
        dot: dict[str, Any] = {"fmt": look[arm].marker, "color": look[arm].colour, "capsize": 4}
        ax.errorbar(dose, float(middle.difference), yerr=bar, markersize=7, zorder=4, **dot)
    if math.isfinite(found.slope):
        x = np.logspace(np.log10(doses.min()) - 0.3, np.log10(doses.max()) + 0.15, 200)
        name = f"saturating curve, half at {found.ed50:.3g} {table.unit}".rstrip()
        ax.plot(x, found.emax * x / (found.ed50 + x), color=style.INK, linewidth=1.5, label=name)
        dashes: dict[str, Any] = {"color": style.MUTED, "linewidth": 1.3, "linestyle": (0, (5, 2))}
        ax.plot(x, found.slope * x, label="line through zero", **dashes)
    ax.plot([], [], "o", color=style.MUTED, alpha=0.4, markersize=4.5, label="patients")
    ax.errorbar([], [], yerr=[], fmt="o", color=style.INK, capsize=4, label="mean, 95 % confidence interval")
    ax.set_xscale("log")
    ax.set_xlim(doses.min() * 10**-0.3, doses.max() * 10**0.15)
    style.legend(figure, loc="outside lower center", ncols=2)
    return figure
