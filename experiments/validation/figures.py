"""The figure of a published experiment: simulated beside published."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from lobule.doses import HOURS_PER_DAY
from lobule.experiments import style
from lobule.experiments.evidence import Value
from lobule.experiments.validation.measures import ends
from lobule.experiments.validation.studies import Courses, arm_name
from lobule.experiments.validation.tally import Row, when
from lobule.experiments.validation.verdict import AGREES
from lobule.readouts import READOUTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (style.BLUE, style.VERMILION, style.GREEN, style.PURPLE, style.ORANGE, style.SKY, style.BLACK)
COLUMNS = 3
EDGE = 9.0  # z-scores beyond it are drawn there, with their number
YEAR = 365.25
_WORDS = {
    "lic_mg_per_g": "liver iron",
    "collagen_area_percent": "collagen area",
    "alt_iu_per_l": "ALT",
    "hepatocytes": "hepatocytes",
    "hepatocyte_deaths": "deaths of hepatocytes",
    "liver_mass_percent": "liver mass",
    "stellate_activated": "activated stellate cells",
    "macrophages_m1": "M1 macrophages",
    "iron_in_hepatocytes_percent": "liver iron in hepatocytes",
    "iron_zone1_to_zone3_ratio": "iron of zone 1 over zone 3",
    "spleen_iron_ug": "iron of the spleen",
    "phlebotomies": "phlebotomies",
    "fibrosis_stage": "fibrosis stage",
    "msc": "MSC in the lobule",
}
_TITLES = {
    "level": "{}",
    "change": "Change of {}",
    "fold": "{}, fold",
    "remaining": "Share left: {}",
    "maximum": "Highest {}",
    "day-of-maximum": "Day of the highest {}",
    "level-when": "{} at the threshold",
    "share-above": "Share with {} above {bound}",
    "correlation": "Correlation of {} with {other}",
}


def draw_data_set(rows: Sequence[Row], courses: Courses) -> Figure:
    """Draw all targets of one data set.

    Parameters
    ----------
    rows : sequence of Row
        The targets of one data set.
    courses : Courses
        The runs.

    Returns
    -------
    Figure
        A panel for each readout and measure. Levels over time: the mean of the seeds with a band of one
        standard deviation, the published values as diamonds with their error. Others: a dot for each seed,
        the mean with its standard error, the published value beside it.
    """

    def kind(row: Row) -> tuple[str, str, bool, float]:
        value = row.value
        return value.readout, value.measure, value.against is not None, value.above or 0.0

    groups = [list(group) for _, group in groupby(sorted(rows, key=kind), kind)]
    columns = min(COLUMNS, len(groups))
    lines = math.ceil(len(groups) / columns)
    figure = style.new_figure(max(5.4, 4.4 * columns), 1.1 + 3.4 * lines)
    evidence = rows[0].evidence
    figure.suptitle(fill(evidence.citation, 60 * columns), fontsize=style.LABEL, color=style.INK)
    axes = np.atleast_1d(figure.subplots(lines, columns, squeeze=False)).ravel()
    for ax in axes[len(groups) :]:
        ax.axis("off")
    for ax, group in zip(axes, groups, strict=False):
        value = group[0].value
        unit, _ = READOUTS[value.readout]
        title = _titled(value)
        plain = value.measure in ("level", "change", "maximum", "level-when")
        style.panel(ax, fill(title, 42), "", fill(style.unit_text(unit if plain else value.unit), 34))
        if value.measure == "level" and value.against is None:
            _courses(ax, group, courses)
        else:
            _dots(ax, group)
    return figure


def _titled(value: Value) -> str:
    """Return what is measured, in a few words that begin with a capital."""
    other = "" if value.other is None else _short(value.other)
    bound = "" if value.above is None else f"{value.above:g}"
    rises = value.measure == "share-above" and value.from_day is not None and value.above == 0.0
    words = "Share whose {} rises" if rises else _TITLES[value.measure]
    title = words.format(_short(value.readout), other=other, bound=bound)
    return title[:1].upper() + title[1:]


def _short(readout: str) -> str:
    """Return a few words for a readout."""
    return _WORDS.get(readout, READOUTS[readout][1].split(",")[0].split(" from ")[0])


def _courses(ax: Axes, rows: Sequence[Row], courses: Courses) -> None:
    """Draw the course of a readout in each arm, and the published values on it."""
    arms = list(dict.fromkeys(row.value.arm for row in rows))
    data_set, readout = rows[0].evidence.name, rows[0].value.readout
    by_age = all(row.value.age_days is not None for row in rows)
    cases = [courses.cases[arm_name(data_set, str(arm))] for arm in arms]
    start = max(case.subject.age_days for case in cases) if by_age else 0.0
    in_years = start + max(case.end_hours for case in cases) / HOURS_PER_DAY > 1500.0
    per = HOURS_PER_DAY * (YEAR if in_years else 1.0)
    for arm, colour in zip(arms, COLOURS * 3, strict=False):
        name = arm_name(data_set, str(arm))
        case, (runs, _) = courses.cases[name], courses.of(name)
        shift = case.subject.age_days * HOURS_PER_DAY if by_age else 0.0
        if runs:
            hours = runs[0]["hours"]
            levels = np.array([np.interp(hours, run["hours"], run[readout]) for run in runs])
            mean, x = levels.mean(axis=0), (hours + shift) / per
            spread = levels.std(axis=0, ddof=1) if len(runs) > 1 else 0.0 * mean
            ax.fill_between(x, mean - spread, mean + spread, color=colour, alpha=0.2, linewidth=0.0)
            ax.plot(x, mean, color=colour, linewidth=1.6, label=f"{arm}, simulated")
        for row in rows:
            if row.value.arm == arm:
                at = (ends(row.value, case)[1] * HOURS_PER_DAY + shift) / per
                _published(ax, at, row, colour)
    ax.set_xlabel(f"{'Age' if by_age else 'Time'} ({'years' if in_years else 'days'})", fontsize=style.LABEL)
    _explain_published(ax, rows)
    ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]), top=ax.get_ylim()[1] * (1.1 + 0.09 * len(arms)))
    style.legend(ax, loc="upper left", fontsize=style.TICK - 1)


def _dots(ax: Axes, rows: Sequence[Row]) -> None:
    """Draw what each seed gives, their mean, and the published value beside it."""
    chance = np.random.default_rng(1)
    for x, row in enumerate(rows):
        found, colour = row.simulated, COLOURS[x % len(COLOURS)]
        known = [number for number in found.values if math.isfinite(number)]
        if row.value.measure != "share-above":
            spots = x - 0.16 + chance.uniform(-0.07, 0.07, len(known))
            ax.plot(spots, known, "o", color=colour, alpha=0.3, markersize=3.4, markeredgewidth=0.0)
        if math.isfinite(found.mean):
            error = found.error if math.isfinite(found.error) else 0.0
            ax.errorbar(x - 0.16, found.mean, error, fmt="o", color=colour, capsize=3, markersize=6)
        _published(ax, x + 0.16, row, colour)
    names = [fill(f"{row.value.arm}, {_moment(row.value)}", 18) for row in rows]
    ax.set_xticks(range(len(rows)), names, fontsize=style.TICK - 1)
    ax.set_xlim(-0.6, len(rows) - 0.4)
    if rows[0].value.measure in ("change", "level"):
        ax.axhline(0.0, color=style.MUTED, linewidth=0.8)
    ax.plot([], [], "o", color=style.INK, label="simulated: seeds, mean, SE")
    _explain_published(ax, rows)
    low, high = ax.get_ylim()
    low = min(low, 0.0) if low < 0.0 and rows[0].value.measure in ("change", "level") else 0.0
    ax.set_ylim(low, high + 0.28 * (high - low))
    style.legend(ax, loc="upper left", fontsize=style.TICK - 1)


def _published(ax: Axes, x: float, row: Row, colour: str) -> None:
    value = row.value
    look: dict[str, Any] = {"color": colour, "zorder": 4, "markerfacecolor": "white", "markersize": 6}
    if value.error_kind in ("at most", "at least"):
        mark = "v" if value.error_kind == "at most" else "^"
        ax.plot([x], [value.value], mark, **look)
        return
    error = value.published_error if value.published_error is not None else value.error
    ax.errorbar([x], [value.value], yerr=error, fmt="D", capsize=4, elinewidth=1.3, **look)


def _explain_published(ax: Axes, rows: Sequence[Row]) -> None:
    """Say in the legend what the published marks and bars are."""
    kinds = {row.value.error_kind for row in rows}
    look: dict[str, Any] = {"color": style.INK, "markersize": 5, "markerfacecolor": "white"}
    bars = [word for word, of in (("SE", {"SE", "SD"}), ("range", {"range", "not stated"})) if kinds & of]
    if bars:
        ax.plot([], [], "D", label=f"published, {' or '.join(bars)}", **look)
    for kind, mark in (("at most", "v"), ("at least", "^")):
        if kind in kinds:
            ax.plot([], [], mark, label=f"published: {kind}", **look)


def _moment(value: Value) -> str:
    """Return the time of a value for an axis."""
    return when(value) if value.when is None else f"{_short(value.when.readout)} above {value.when.above:g}"


def draw_scores(rows: Sequence[Row]) -> Figure:
    """Draw the z-scores of all targets that have one, and mark those with a range that miss it.

    Returns
    -------
    Figure
        A line for each target: filled for tested, open for fitted; agreement is the grey band.
    """
    figure = style.new_figure(9.6, 1.4 + 0.24 * len(rows))
    ax = figure.subplots()
    style.panel(ax, "Simulated against published", "z-score", "")
    ax.axvspan(-AGREES, AGREES, color=style.GRID, alpha=0.7, linewidth=0.0)
    ax.axvline(0.0, color=style.MUTED, linewidth=0.8)
    for y, row in enumerate(rows):
        _score(ax, y, row)
    names = [f"{row.evidence.name}, {row.value.arm}: {_label(row)}" for row in rows]
    ax.set_yticks(range(len(rows)), names, fontsize=style.TICK - 1)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(-EDGE - 0.7, EDGE + 0.7)
    ax.grid(axis="y", visible=False)
    for text, colour, face in (
        ("tested, agrees", style.BLUE, style.BLUE),
        ("fitted, agrees", style.BLUE, "white"),
        ("tested, fails", style.VERMILION, style.VERMILION),
        ("fitted, fails", style.VERMILION, "white"),
    ):
        ax.plot([], [], "o", color=colour, markerfacecolor=face, label=text)
    style.legend(figure, loc="outside lower center", ncols=4)
    return figure


def _score(ax: Axes, y: int, row: Row) -> None:
    """Draw one line of the z-scores."""
    z, colour = row.score.z, style.BLUE if row.score.passed else style.VERMILION
    look: dict[str, Any] = {
        "color": colour,
        "markerfacecolor": "white" if row.value.use == "fitted" else colour,
    }
    at, mark, words = (
        0.0,
        "s",
        "inside" if row.score.inside else "outside" if row.score.inside is False else "-",
    )
    if z is not None:
        at, mark, words = max(-EDGE, min(EDGE, z)), "o", ""
        if abs(z) > EDGE:
            mark, words = (">" if z > 0 else "<"), f"{z:+.0f}"
    ax.plot([at], [y], mark, markersize=6, **look)
    left = z is not None and z > EDGE
    ax.annotate(
        words,
        (at, y),
        (-9 if left else 9, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        fontsize=style.TICK,
        color=colour,
    )


def _label(row: Row) -> str:
    text = _titled(row.value)
    text = text if text.startswith(("ALT", "M1", "MSC")) else text[:1].lower() + text[1:]
    return f"{text}, {when(row.value)}"
