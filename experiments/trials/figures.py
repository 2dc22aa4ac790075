"""The pictures of a trial: effects, responders, power, time courses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray

from lobule.doses import HOURS_PER_DAY
from lobule.experiments import style
from lobule.experiments.comparisons.figures import YEAR, YEARS_FROM
from lobule.experiments.comparisons.statistics import half_width
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
from lobule.experiments.trials.findings import Analysis, Effect, Findings, Responders
from lobule.experiments.trials.records import Patients
from lobule.experiments.trials.trial import Trial
from lobule.experiments.trials.words import group_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEW = 4  # patients of a group, less than which do not set the width of a panel

#: Colour and marker of each analysis.
ANALYSES: dict[Analysis, tuple[str, str]] = {
    "intention to treat": (style.BLUE, "o"),
    "complete cases": (style.ORANGE, "s"),
    "followed up": (style.GREEN, "D"),
    "counterfactual": (style.VERMILION, "^"),
}
NAMES: dict[Analysis, str] = {
    "intention to treat": "parallel trial, intention to treat, last value carried forward",
    "complete cases": "parallel trial, complete cases",
    "followed up": "parallel trial, intention to treat, those who left followed up all the same",
    "counterfactual": "each patient in both arms (counterfactual)",
}


def forest_of_groups(trial: Trial, findings: Findings) -> Figure:
    """Draw the primary endpoint for everyone and by subgroup, a panel for each arm."""
    shown: list[Analysis] = ["intention to treat", *(["counterfactual"] if trial.is_counterfactual else [])]  # type: ignore[list-item]
    primary = trial.endpoints[0]
    chosen = [e for e in findings.effects if e.analysis in shown and e.endpoint is primary]
    rows = list(dict.fromkeys((e.subgroup, e.level) for e in chosen))
    figure = style.new_figure(9.6, 1.7 + len(trial.treated) * (0.7 + 0.46 * len(rows)))
    heading(figure, f"Primary endpoint: {chosen[0].words}")
    axes: NDArray[Any] = figure.subplots(len(trial.treated), 1, squeeze=False)
    handles: dict[str, Any] = {}
    for ax, arm in zip(axes.flat, trial.treated, strict=True):
        own = [e for e in chosen if e.arm == arm]
        style.panel(ax, f"{arm} less {trial.control}", style.label("difference", own[0].unit))
        _zero(ax)
        ends = _cut(ax, own)
        for e in own:
            y = rows.index((e.subgroup, e.level)) + (shown.index(e.analysis) - (len(shown) - 1) / 2) * 0.32
            handles[NAMES[e.analysis]] = bar = _bar(ax, e, y)
            beyond = zip(ends, "<>", (e.ci_low < ends[0], e.ci_high > ends[1]), strict=True)
            for place, arrow, leaves in beyond:
                if leaves:
                    ax.plot(place, y, arrow, color=bar.get_color(), markersize=5, clip_on=False)
            ax.annotate(
                f"n = {e.n_arm} + {e.n_control}" if e.analysis != "counterfactual" else f"n = {e.n_arm}",
                (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=style.TICK - 1,
                color=style.MUTED,
            )  # fmt: skip
        names = [fill(group_in_words(name, level), 40) for name, level in rows]
        ax.set_yticks(range(len(rows)), names, fontsize=style.TICK)
        ax.set_ylim(len(rows) - 0.5, -0.5)
        plain_ticks(ax)
    _legend(
        figure,
        handles,
        f"Difference and its 95 % interval, cut off (arrow) where a group has less than {FEW} patients an "
        "arm; subgroups are exploratory",
    )
    return figure


def forest_of_endpoints(trial: Trial, findings: Findings) -> Figure:
    """Draw every endpoint for everyone, by analysis; a panel each, since units differ."""
    shown = [name for name in ANALYSES if findings.of(name)]
    count = len(trial.endpoints)
    inches = 0.75 + 0.2 * len(shown) * len(trial.treated)
    figure = style.new_figure(9.6, 1.8 + count * inches)
    heading(figure, f"Endpoints: difference to {trial.control}")
    axes: NDArray[Any] = figure.subplots(count, 1, squeeze=False)
    handles: dict[str, Any] = {}
    for ax, endpoint in zip(axes.flat, trial.endpoints, strict=True):
        own = [e for name in shown for e in findings.of(name) if e.endpoint is endpoint]
        role = "primary" if endpoint is trial.endpoints[0] else "exploratory"
        words = own[0].words
        style.panel(ax, fill(f"{words[:1].upper()}{words[1:]} ({role})", 100), "difference", "")
        ax.set_xlabel(style.label("difference", own[0].unit), fontsize=style.LABEL)
        _zero(ax)
        for e in own:
            y = trial.treated.index(e.arm) * (len(shown) + 0.6) + shown.index(e.analysis)
            handles[NAMES[e.analysis]] = _bar(ax, e, y)
        middles = [i * (len(shown) + 0.6) + (len(shown) - 1) / 2 for i in range(len(trial.treated))]
        ax.set_yticks(middles, [fill(arm, 30) for arm in trial.treated], fontsize=style.TICK)
        ax.set_ylim(len(trial.treated) * (len(shown) + 0.6) - 0.8, -0.8)
        plain_ticks(ax)
    _legend(figure, handles, "Mean of arm less mean of control, and its 95 % confidence interval")
    return figure


def _cut(ax: Axes, effects: Sequence[Effect]) -> tuple[float, float]:
    """Let intervals of a few patients, which say nothing, leave the panel; return its ends."""
    large = [e for e in effects if min(e.n_arm, e.n_control) >= FEW] or effects
    ends = [x for e in large for x in (e.ci_low, e.ci_high)] + [e.difference for e in effects] + [0.0]
    known = [x for x in ends if math.isfinite(x)]
    low, high = min(known), max(known)
    room = 0.06 * (high - low) or 1.0
    return ax.set_xlim(low - room, high + room)


def _zero(ax: Axes) -> None:
    ax.axvline(0.0, color=style.INK, linewidth=0.8)
    ax.grid(visible=False, axis="y")
    ax.grid(axis="x", color=style.GRID, linewidth=0.6)
    ax.locator_params(axis="x", nbins=7)


def _bar(ax: Axes, effect: Effect, y: float) -> Any:
    colour, marker = ANALYSES[effect.analysis]
    ax.plot([effect.ci_low, effect.ci_high], [y, y], color=colour, linewidth=1.7)
    return ax.plot([effect.difference], [y], marker, color=colour, markersize=5.5)[0]


def _legend(figure: Figure, handles: dict[str, Any], title: str) -> None:
    style.legend(
        figure, handles=[*handles.values()], labels=[*handles], loc="outside lower center", ncols=1,
        title=fill(title, 100), title_fontproperties={"size": style.LABEL},
    )  # fmt: skip


def responder_bars(trial: Trial, rows: Sequence[Responders], words: str) -> Figure:
    """Draw the share of responders of each arm, for everyone and by subgroup, with Wilson's interval."""
    groups = list(dict.fromkeys((row.subgroup, row.level) for row in rows))
    looks = look_of(list(trial.arms))
    figure = style.new_figure(max(6.4, 2.4 + 1.35 * len(groups)), 4.6)
    heading(figure, f"Responders: {words}")
    ax = figure.subplots()
    style.panel(ax, "", "", "responders (%)")
    width = 0.8 / len(trial.arms)
    handles: dict[str, Any] = {}
    for row in rows:
        i = list(trial.arms).index(row.arm)
        x = groups.index((row.subgroup, row.level)) + (i - (len(trial.arms) - 1) / 2) * width
        found = row.found
        if math.isnan(found.share):
            continue
        bar = ax.bar(x, 100 * found.share, width * 0.9, color=looks[row.arm].colour, alpha=0.55)
        handles[row.arm] = bar
        sides = [[100 * (found.share - found.ci_low)], [100 * (found.ci_high - found.share)]]
        ax.errorbar(
            x, 100 * found.share, yerr=np.maximum(sides, 0.0), color=style.INK, capsize=3, linewidth=1
        )
        ax.annotate(
            f"{found.number}/{found.n}", (x, 100 * found.ci_high), (0, 3), textcoords="offset points",
            ha="center", fontsize=style.TICK - 1, color=style.MUTED,
        )  # fmt: skip
    names = [fill(group_in_words(name, level), 18) for name, level in groups]
    ax.set_xticks(range(len(groups)), names)
    ax.set_ylim(0, 112)
    ax.set_yticks(range(0, 101, 20))
    arms_legend(figure, handles, "Share of patients and its 95 % interval after Wilson")
    return figure


def power_curves(trial: Trial, findings: Findings) -> Figure:
    """Draw the power over the number of patients, a curve for each arm."""
    looks = look_of(list(trial.arms))
    figure = style.new_figure(7.0, 4.8)
    heading(figure, "Power of a parallel trial, primary endpoint")
    ax = figure.subplots()
    style.panel(ax, "", "patients in each of two arms", f"trials with p < {trial.file.power.alpha:g} (%)")
    for y in (80.0, 100 * trial.file.power.alpha):
        ax.axhline(y, color=style.MUTED, linewidth=0.9, linestyle=":")
        place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "center"}
        ax.annotate(f"{y:g} %", (1.01, y), **place, fontsize=style.TICK, color=style.MUTED)
    handles: dict[str, Any] = {}
    sizes: list[int] = []
    for curve in findings.power:
        look = looks[curve.arm]
        sizes = [point.size for point in curve.points]
        power = np.array([100 * point.power for point in curve.points])
        error = np.array([100 * point.error for point in curve.points])
        line = {"color": look.colour, "marker": look.marker, "linestyle": look.dashes, "markersize": 5}
        handles[f"{curve.arm} against {trial.control}"] = ax.plot(sizes, power, **line)[0]
        ax.fill_between(
            sizes, power - 1.96 * error, power + 1.96 * error, color=look.colour, alpha=0.18, lw=0
        )
    ax.set_xscale("log")
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_ylim(-2, 103)
    by = "resampling the patients, band: Monte Carlo error, 95 %"
    if findings.power and findings.power[0].method == "noncentral t":
        by = "the noncentral t of the observed difference and spread"
    arms_legend(figure, handles, f"By {by}")
    return figure


def shown_readouts(trial: Trial, patients: Patients) -> list[str]:
    """Return the readouts of the endpoints, then the main ones that change."""
    names = list(dict.fromkeys(endpoint.readout for endpoint in trial.endpoints))
    courses = [c for p in patients.included if (c := patients.followed(p)) is not None]
    for name in MAIN:
        if name not in names and any(np.ptp(course[name]) > 0.0 for course in courses):
            names.append(name)
    return names[:MOST_PANELS]


def time_courses(trial: Trial, patients: Patients, names: Sequence[str]) -> Figure:
    """Draw the readouts over time: the mean of each arm and its 95 % interval."""
    looks = look_of(list(trial.arms))
    figure, axes = grid_of(len(names))
    heading(figure, "Time courses")
    unit, scale = ("years", YEAR) if trial.end_day > YEARS_FROM else ("days", 1.0)
    handles: dict[str, Any] = {}
    for ax, name in zip(axes, names, strict=True):
        words, printed = readout_title(name)
        style.panel(ax, fill(words, 44), f"time ({unit})", printed)
        for arm, look in looks.items():
            days, levels = _levels(trial, patients, arm, name)
            if len(levels):
                handles[f"{arm} ({len(levels)} patients)"] = _band(ax, days / scale, levels, look)
        line = ax.axvline(trial.baseline_day / scale, color=style.MUTED, linewidth=0.9, linestyle=":")
        ax.locator_params(nbins=6)
        plain_ticks(ax)
    handles[f"baseline, day {trial.baseline_day:g}"] = line
    who = (
        "Every patient in every arm, as if nobody left"
        if trial.is_counterfactual
        else "Patients still in the trial"
    )
    arms_legend(figure, handles, f"{who}: mean and its 95 % confidence interval")
    return figure


def _band(ax: Axes, days: NDArray[Any], levels: NDArray[Any], look: Look) -> Any:
    with np.errstate(invalid="ignore"):
        known = np.isfinite(levels).sum(axis=0)
        middle = np.where(known > 0, np.nansum(levels, axis=0) / np.maximum(known, 1), np.nan)
    half = half_width(levels)
    low = middle - half
    low = np.maximum(low, 0.0) if np.nanmin(levels, initial=0.0) >= 0.0 else low
    ax.fill_between(days, low, middle + half, color=look.colour, alpha=0.15, linewidth=0.0)
    return ax.plot(days, middle, color=look.colour, linestyle=look.dashes, linewidth=1.7)[0]


def _levels(trial: Trial, patients: Patients, arm: str, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the days, and a readout of each patient of an arm on them, NaN after he has left."""
    days, rows = np.empty(0), []
    for patient in patients.included:
        if trial.is_counterfactual:
            course, last = patients.course(arm, patient), math.inf
        elif patients.arm[patient] == arm:
            course, last = patients.followed(patient), patients.out_day[patient]
        else:
            continue
        if course is not None:
            days = course["hours"] / HOURS_PER_DAY
            rows.append(np.where(days <= last, course[name], np.nan))
    return days, np.array(rows)
