"""The pictures of an optimisation: the front, how the search got on, the schedules, their courses."""

from __future__ import annotations

import math
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from lobule.doses import HOURS_PER_DAY
from lobule.experiments import style
from lobule.experiments.optimisations.conduct import Study
from lobule.experiments.optimisations.findings import feasible, progress
from lobule.experiments.optimisations.problem import NOTHING
from lobule.experiments.optimisations.words import column_of, value_in_words
from lobule.experiments.sweeps.panels import (
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

MOST_COURSES = 7  # picked schedules whose courses are drawn
SHADE, DARK = "Blues", 0.75  # colour map, and share from which on text on it is white


def _columns(study: Study) -> list[str]:
    return [column_of(study, objective) for objective in study.optimisation.objectives]


def _axis_label(study: Study, number: int) -> str:
    better = {"minimise": "less is better", "maximise": "more is better"}
    return fill(f"{_columns(study)[number]}, {better[study.optimisation.objectives[number].goal]}", 60)


def front(study: Study) -> Figure:
    """Draw all schedules by two objectives, and by the third; the front numbered, its check beside it."""
    number = _number(study)
    figure = style.new_figure(8.6 if number == 2 else 13.0, 6.0)
    heading(figure, "Schedules that no other beats" if study.front else "No schedule keeps all limits")
    axes = figure.subplots(1, number - 1, squeeze=False)[0]
    handles: dict[str, Any] = {}
    for y, ax in enumerate(axes, 1):
        style.panel(ax, "", _axis_label(study, 0), _axis_label(study, y))
        ax.grid(axis="x", color=style.GRID, linewidth=0.6)
        handles |= _points(study, ax, y)
        plain_ticks(ax)
    style.legend(figure, handles=[*handles.values()], labels=[*handles], loc="outside lower center", ncols=3)
    return figure


def _number(study: Study) -> int:
    return len(study.optimisation.objectives)


def _points(study: Study, ax: Axes, y: int) -> dict[str, Any]:
    """Draw objective `y` over the first; return what the kinds of points are called."""
    nowhere = (math.nan,) * _number(study)
    outcomes = [schedule.outcome for schedule in study.schedules]
    means = np.array([nowhere if outcome.failure else outcome.means for outcome in outcomes])[:, [0, y]]
    allowed, on_front = feasible(study), np.isin(np.arange(len(outcomes)), study.front)
    handles: dict[str, Any] = {}
    for name, rows, mark, look in (
        ("breaks a limit", ~allowed, "x", {"color": style.MUTED, "alpha": 0.6}),
        ("beaten by another", allowed & ~on_front, "o", {"color": "#bdbdbd"}),
    ):
        handles[name] = ax.plot(*means[rows].T, mark, markersize=4.5, **look)[0]
    nothing = nowhere if study.nothing.failure else study.nothing.means
    handles[NOTHING] = ax.plot(nothing[0], nothing[y], "*", color=style.BLACK, markersize=13)[0]
    ring: dict[str, Any] = {"color": style.BLUE, "markersize": 10, "markeredgecolor": style.INK, "zorder": 3}
    handles["on the front, with its number in the table"] = ax.plot(*means[on_front].T, "o", **ring)[0]
    for row in study.picked:
        checked = study.checked.get(row)
        if checked is not None and not checked.failure:
            fresh = (checked.means[0], checked.means[y])
            ax.plot(*zip(means[row], fresh, strict=True), color=style.VERMILION, linewidth=0.9, zorder=4)
            mark_of: dict[str, Any] = {"color": style.VERMILION, "markerfacecolor": "none", "markersize": 6}
            handles["the same with fresh patients"] = ax.plot(*fresh, "D", zorder=4, **mark_of)[0]
    offset: dict[str, Any] = {"xytext": (7, 6), "textcoords": "offset points", "zorder": 5}
    for ends, places in _places(study, means).items():
        ax.annotate(", ".join(map(str, places)), ends, fontsize=style.LABEL, **offset)
    return handles


def _places(study: Study, means: Any) -> dict[tuple[float, float], list[int]]:
    """Return the numbers of the picked schedules by where they are; some may be in one place."""
    found: dict[tuple[float, float], list[int]] = {}
    for place, row in enumerate(study.picked, 1):
        found.setdefault((float(means[row, 0]), float(means[row, 1])), []).append(place)
    return found


def search_progress(study: Study) -> Figure:
    """Draw how much the front covers after each generation, and the best of each objective so far."""
    number = _number(study)
    figure = style.new_figure(4.4 * (1 + number), 3.9)
    axes = figure.subplots(1, 1 + number)
    heading(figure, "How the search got on")
    rows = progress(study)
    several = number > 1
    style.panel(
        axes[0],
        fill("Hypervolume of the front" if several else "From the worst to the best", 40),
        "generation",
        "share of the box up to the worst" if several else "share of the way",
    )
    axes[0].plot([row[0] for row in rows], [row[2] for row in rows], "o-", color=style.BLUE, linewidth=1.6)
    axes[0].set_ylim(0.0, 1.03)
    allowed = feasible(study)
    born = np.array([schedule.generation for schedule in study.schedules])
    generations = [row[0] for row in rows]
    for i, (ax, objective) in enumerate(zip(axes[1:], study.optimisation.objectives, strict=True)):
        style.panel(ax, fill(f"Best so far: {_columns(study)[i]}", 40), "generation")
        best = []
        for generation in generations:
            losses = study.losses[allowed & (born <= generation), i]
            best.append(float(losses.min()) if losses.size else math.nan)
        values = np.array(best) * (1.0 if objective.goal == "minimise" else -1.0)
        ax.plot(generations, values, "o-", color=style.GREEN, linewidth=1.6)
    for ax in axes:
        ax.set_xlim(0.5, study.optimisation.generations + 0.5)
        ax.xaxis.get_major_locator().set_params(integer=True)
        plain_ticks(ax)
    return figure


def schedules(study: Study) -> Figure:
    """Draw the picked schedules as rows: what was decided, shaded from the low to the high end."""
    decisions, picked = study.optimisation.menu.decisions, study.picked
    names = [
        fill(d.label + ("" if d.unit == "-" else f" ({style.unit_text(d.unit)})"), 16) for d in decisions
    ]
    names += [fill(name, 18) for name in _columns(study)]
    means = np.array([study.schedules[row].outcome.means for row in picked])
    shares = np.full((len(picked), len(names)), np.nan)
    texts = []
    for y, row in enumerate(picked):
        values = study.schedules[row].values
        line = []
        for x, decision in enumerate(decisions):
            shares[y, x] = _share(decision, values[decision.key])
            line.append(value_in_words(values[decision.key]))
        texts.append([*line, *(f"{mean:.4g}" for mean in means[y])])
    low, span = means.min(axis=0), np.ptp(means, axis=0)
    shares[:, len(decisions) :] = np.where(span > 0.0, (means - low) / np.where(span > 0.0, span, 1.0), 0.5)
    figure = style.new_figure(2.0 + 1.25 * len(names), 2.6 + 0.42 * len(picked))
    heading(figure, "The schedules of the front: what is decided, and what it comes to")
    ax = figure.subplots()
    ax.imshow(np.ma.masked_invalid(0.75 * shares), cmap=SHADE, vmin=0.0, vmax=1.0, aspect="auto")
    for y, line in enumerate(texts):
        for x, text in enumerate(line):
            colour = "white" if shares[y, x] > DARK else style.INK
            ax.text(x, y, text, ha="center", va="center", fontsize=style.LABEL, color=colour)
    ax.axvline(len(decisions) - 0.5, color=style.INK, linewidth=1.2)
    ax.set_xticks(range(len(names)), names, fontsize=style.TICK)
    ax.set_yticks(range(len(picked)), [study.name(row) for row in picked], fontsize=style.LABEL)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.spines[:].set_visible(False)
    note = "Pale: low end of what may be chosen, or lowest of the schedules; dark: high end. –: not given."
    figure.supxlabel(note, fontsize=style.TICK, color=style.MUTED)
    return figure


def _share(decision: Any, value: Any) -> float:
    """Return where in its range a value lies, 0 to 1; NaN of what is not given."""
    table = decision.table
    if value is None:
        return math.nan
    if table.choices is not None:
        return float(table.choices.index(value) / (len(table.choices) - 1))
    if table.scale == "log":
        return float(math.log(value / table.low) / math.log(table.high / table.low))
    return float((value - table.low) / (table.high - table.low))


def courses(study: Study) -> Figure:
    """Draw the readouts of objectives and limits over time: picked schedules and nothing, means."""
    optimisation = study.optimisation
    names = list(dict.fromkeys(entry.readout for entry in optimisation.entries if entry.readout))
    arms = [NOTHING, *(study.name(row) for row in style.spread(study.picked, MOST_COURSES))]
    looks = look_of(arms)
    figure, axes = grid_of(len(names))
    heading(figure, "Time courses of the schedules of the front")
    handles: dict[str, Any] = {}
    for ax, name in zip(axes, names, strict=True):
        words, unit = readout_title(name)
        style.panel(ax, fill(words, 44), "time (days)", unit)
        for arm in arms:
            runs = study.courses.of(arm)[0]
            if runs:
                middle = np.mean([run[name] for run in runs], axis=0)
                look: dict[str, Any] = {"color": looks[arm].colour, "linestyle": looks[arm].dashes}
                days = runs[0]["hours"] / HOURS_PER_DAY
                handles[arm] = ax.plot(days, middle, linewidth=1.6, **look)[0]
        for limit in optimisation.limits:
            for bound in (limit.above, limit.below):
                if limit.readout == name and bound is not None:
                    line = ax.axhline(bound, color=style.INK, linewidth=1.0, linestyle=":")
                    handles["limit"] = line
        low, high = ax.dataLim.intervaly
        if high - low <= 1e-9 * max(abs(high), 1.0):  # nothing happens: no axis of rounding errors
            ax.set_ylim(low - 1.0, high + 1.0)
        ax.locator_params(nbins=6)
        plain_ticks(ax)
    number = len(next(iter(study.courses.runs.values())))
    who = "fresh patients" if study.checked else "patients of the search"
    arms_legend(figure, handles, f"Mean of the {number} {who}")
    return figure
