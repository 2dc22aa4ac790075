"""Tissues of several sizes: what the number of lobules changes, and how many are enough."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from lobule.experiments import style
from verification.runs import BUILT, Course, Lobules, run_task, spread
from verification.study import Chapter, Scale, Task, number, percent, table, verdict

NAME = "lobules"
TITLE = "More lobules"

CASE, SINGLE = "ccl4-mouse", 1
#: What is compared, days it is averaged over, and its name in the samples of single lobules, if it has one.
QUANTITIES = (
    ("collagen area (%)", "collagen_area_percent", "collagen", 1.0),
    ("activated stellate cells a lobule", "stellate_activated", "activated", 0.0),
    ("M1 macrophages a lobule", "macrophages_m1", "m1", 0.0),
    ("liver iron (mg/g)", "lic_mg_per_g", "iron", 1.0),
    ("ALT (IU/L)", "alt_iu_per_l", None, 1.0),
    ("central oxygen (mmHg)", "oxygen_central_mmhg", None, 1.0),
)
#: Difference from the largest tissue: shares of it, or standard errors.
ALLOWED, ERRORS = 0.05, 3.0
CLOSE = (0.05, 0.10, 0.20)

TEXT = """`{case}`, days {first:g} to {last:g} (its injury), steps of 1 h. Every lobule of a tissue
counts; what is counted in cells is given for one lobule. In brackets: standard deviation over the runs
(seeds).

{means}

A tissue passes when its mean is within {allowed:.0%} of that of the largest one, or within {errors:g}
standard errors. A single lobule is bounded by walls that blood and signals do not cross and has a third
of each portal tract; inside a larger tissue lobules share both.

Spread of collagen in %, of its mean:

{spreads}

If lobules were independent of each other, the spread over runs would be the one between lobules over the
square root of their number. It is {correlated}

![Collagen in tissues of several sizes](images/verification-lobules.png)

Seeds needed for the mean collagen to lie within a given share of the truth, with 95 % confidence (1.96 SD
/ sqrt(seeds)):

{needed}
"""


def _plan(scale: Scale) -> tuple[float, tuple[float, float], dict[Lobules, list[int]]]:
    """Return the days to run, those averaged, and the seeds of each tissue."""
    if scale.quick:
        seeds = scale.seed_list(6, 3)
        return 14.0, (7.0, 14.0), {1: [*seeds, *(s + 100 for s in seeds)], 7: seeds[:2]}
    seeds = scale.seed_list(8, 3)
    single = [seed + 100 * block for block in range(3) for seed in seeds]
    some, few = seeds[: max(2, len(seeds) // 2)], seeds[: max(2, len(seeds) // 4)]
    return BUILT[CASE].days, (21.0, 28.0), {1: single, 7: seeds, 19: some, (6, 6): few}


def _count(lobules: Lobules) -> int:
    return lobules if isinstance(lobules, int) else lobules[0] * lobules[1]


def tasks(scale: Scale) -> dict[Any, Task]:
    """Return the tasks of the section."""
    days, (_, last), tissues = _plan(scale)
    built = BUILT[CASE]
    asked = {}
    for lobules, seeds in tissues.items():
        length = (
            days if lobules == built.lobules else last
        )  # seven lobules are run in full for other sections
        for seed in seeds:
            asked[lobules, seed] = run_task(CASE, seed, lobules, built.step, length, built.every)
    return asked


def _value(one: Course, name: str, count: int, average: float, window: tuple[float, float]) -> float:
    return one.mean(name, *window) / (1.0 if average else count)


def report(results: dict[Any, Any], scale: Scale, images: Path | None) -> Chapter:
    """Return the chapter."""
    _, window, tissues = _plan(scale)
    chapter, largest = Chapter(""), max(tissues, key=_count)
    means, names = [], {lobules: f"{_count(lobules)}" for lobules in tissues}
    for label, name, _, average in QUANTITIES:
        stats = {}
        for lobules, seeds in tissues.items():
            values = [_value(results[lobules, s], name, _count(lobules), average, window) for s in seeds]
            stats[lobules] = (*spread(values), len(seeds))
        end, wide, n = stats[largest]
        cells, passes = [], []
        for lobules, (mean, sd, m) in stats.items():
            error = math.sqrt(
                sd**2 / m + max(wide, sd * math.sqrt(_count(lobules) / _count(largest))) ** 2 / n
            )
            if lobules == largest:
                cells.append(f"{number(mean)} ({sd:.2g})")
                continue
            shift = mean / end - 1.0 if end else 0.0
            passed = abs(shift) <= ALLOWED or abs(mean - end) <= ERRORS * error
            passes.append(passed)
            chapter.checks += 1
            cells.append(f"{number(mean)} ({sd:.2g}), {percent(shift, signed=True)} %")
            if not passed:
                chapter.failures.append(
                    f"{label}, {names[lobules]} lobules: {shift:+.1%} from {names[largest]} lobules, "
                    f"standard error {error / abs(end):.1%}"
                )
        means.append([label, *cells, verdict(all(passes))])
    spreads, planning, over_runs, ratios = [], [], {}, []
    for lobules, seeds in tissues.items():
        count = _count(lobules)
        runs = [results[lobules, seed].lobule_means("collagen", *window) for seed in seeds]
        mean = float(np.mean([one.mean() for one in runs]))
        between = float(np.sqrt(np.mean([one.var(ddof=1) for one in runs]))) / mean if count > 1 else None
        over = float(np.std([one.mean() for one in runs], ddof=1)) / mean
        over_runs[lobules] = over
        expected = between / math.sqrt(count) if between is not None else None
        if expected and len(seeds) > 3:
            ratios.append(over / expected)
        spreads.append(
            [
                names[lobules],
                str(len(seeds)),
                "" if between is None else percent(between),
                "" if expected is None else percent(expected),
                percent(over),
            ]
        )
        planning.append(
            [names[lobules], *(str(max(1, math.ceil((1.96 * over / close) ** 2))) for close in CLOSE)]
        )
    if images is not None:
        _draw(results, tissues, names, images)
    ratio = float(np.mean(ratios)) if ratios else math.nan
    chapter.text = TEXT.format(
        case=CASE,
        first=window[0],
        last=window[1],
        allowed=ALLOWED,
        errors=ERRORS,
        means=table(
            ["quantity", *(f"{names[t]} ({len(s)} runs)" for t, s in tissues.items()), "verdict"], means
        ),
        spreads=table(
            ["lobules", "runs", "between lobules of a run", "expected over runs", "over runs"], spreads
        ),
        correlated=f"{ratio:.1f} times that (means of the tissues with at least four runs)."
        if ratios
        else "not told by so few runs.",
        needed=table(["lobules", *(f"within {close:.0%}" for close in CLOSE)], planning),
    )
    return chapter


def _draw(
    results: dict[Any, Any], tissues: dict[Lobules, list[int]], names: dict[Lobules, str], images: Path
) -> None:
    """Draw the course of collagen in every run, a panel a size."""
    figure = style.new_figure(8.6, 2.9)
    axes = np.atleast_1d(figure.subplots(1, len(tissues), sharey=True))
    for ax, (lobules, seeds) in zip(axes, tissues.items(), strict=True):
        many = "lobule" if _count(lobules) == 1 else "lobules"
        style.panel(ax, f"{names[lobules]} {many}", "day", "collagen area (%)" if ax is axes[0] else "")
        ax.title.set_fontsize(style.LABEL)
        for seed in seeds:
            one = results[lobules, seed]
            ax.plot(
                one.hours / 24.0, one.readouts["collagen_area_percent"], color=style.BLUE, alpha=0.5, lw=0.8
            )
        ax.set_ylim(bottom=0.0)
    style.write(figure, images / "verification-lobules.png")
