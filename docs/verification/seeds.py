"""How much luck there is in every readout of every built-in case."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

from verification.runs import BUILT, COMPARED, COUNTS, Lobules, built_task, run_task, spread
from verification.study import Chapter, Scale, Task, number, table

NAME = "seeds"
TITLE = "Spread over seeds"

FEW, ROUNDING = 30.0, 1e-12

TEXT = """Every built-in case with seeds 1 to {n}{short}: mean of each readout on the day given, and its
standard deviation over seeds: in % of the mean, or in cells (after +/-) for counts below {few:g}. One
reading of one run strays by that much.

{tables}

### Planning

Standard error of the mean of `ccl4-mouse`, day {day:g}, in % of the mean (of a single reading; seeds at
each number of lobules: {counts}):

{planning}

Two arms of n runs each differ by chance by sqrt(2) times the standard error, unless they share their
luck: arms with the same seed do until they part, so compare them pair by pair.
"""


class Reading(NamedTuple):
    """A built-in case read on one day."""

    case: str
    day: float

    @property
    def title(self) -> str:
        """Head of its column."""
        return f"{self.case}, day {self.day:g}"


FULL = (
    Reading("wild-type-mouse", 49.0),
    Reading("hfe-mouse", 49.0),
    Reading("hfe-mouse-msc", 77.0),
    Reading("ccl4-mouse", 28.0),
    Reading("ccl4-mouse", 56.0),
    Reading("carbonyl-iron-rat", 365.0),
    Reading("healthy-human", 7320.0),
    Reading("hfe-human", 18240.0),
    Reading("transfusion-human", 730.0),
)
QUICK = (
    Reading("wild-type-mouse", 14.0),
    Reading("hfe-mouse", 14.0),
    Reading("ccl4-mouse", 14.0),
    Reading("carbonyl-iron-rat", 60.0),
    Reading("hfe-human", 360.0),
)
PLANNED = (
    "collagen_area_percent",
    "alt_iu_per_l",
    "stellate_activated",
    "macrophages_m1",
    "hepatocyte_deaths",
    "lic_mg_per_g",
)
PLANNED_SEEDS = (1, 3, 5, 10, 20)
_PLANNING_DAY = 28.0


def _readings(scale: Scale) -> tuple[Reading, ...]:
    return QUICK if scale.quick else FULL


def _task(reading: Reading, seed: int, quick: bool) -> Task:
    if not quick:
        return built_task(reading.case, seed)
    built = BUILT[reading.case]
    step = built.step or 24.0
    every = min(built.every, 24.0 * reading.day)
    return run_task(reading.case, seed, 1, step, reading.day, every)


def _tissues(scale: Scale) -> dict[Lobules, list[int]]:
    """Return the seeds of the tissues that the planning table is made of."""
    if scale.quick:
        return {1: scale.seed_list(8, 3)}
    seeds = scale.seed_list(8, 3)
    return {
        1: [seed + 100 * block for block in range(3) for seed in seeds],
        7: seeds,
        19: seeds[: max(2, len(seeds) // 2)],
    }


def tasks(scale: Scale) -> dict[Any, Task]:
    """Return the tasks of the section."""
    asked: dict[Any, Task] = {
        (reading.case, seed): _task(reading, seed, scale.quick)
        for reading in _readings(scale)
        for seed in scale.seed_list(8, 3)
    }
    built = BUILT["ccl4-mouse"]
    for lobules, seeds in _tissues(scale).items():
        days = 14.0 if scale.quick else built.days if lobules == built.lobules else _PLANNING_DAY
        for seed in seeds:
            asked["plan", lobules, seed] = run_task(
                "ccl4-mouse", seed, lobules, built.step, days, built.every
            )
    return asked


def _spread_text(name: str, values: list[float]) -> str:
    mean, sd = spread(values)
    if math.isnan(mean):
        return "none"
    if name in COUNTS and mean < FEW:
        return f"{mean:.1f} +/- {sd:.1f}"
    share = sd / abs(mean) if mean else 0.0
    return f"{number(mean)}, {100.0 * share:.2g} %" if share > ROUNDING else f"{number(mean)}, 0"


def report(results: dict[Any, Any], scale: Scale, _images: Path | None) -> Chapter:
    """Return the chapter."""
    seeds, readings = scale.seed_list(8, 3), _readings(scale)

    def values(reading: Reading, name: str) -> list[float]:
        window = (reading.day - 1e-6, reading.day + 1e-6)
        return [results[reading.case, seed].mean(name, *window) for seed in seeds]

    tables = []
    for part in (readings[: (len(readings) + 1) // 2], readings[(len(readings) + 1) // 2 :]):
        rows = [[f"`{name}`", *(_spread_text(name, values(one, name)) for one in part)] for name in COMPARED]
        tables.append(table(["readout", *(one.title for one in part)], rows))
    day = 14.0 if scale.quick else _PLANNING_DAY
    tissues, rows = _tissues(scale), []
    for name in PLANNED:
        for lobules, some in tissues.items():
            window = (day - 1e-6, day + 1e-6)
            mean, sd = spread(results["plan", lobules, seed].mean(name, *window) for seed in some)
            share = 100.0 * sd / mean if mean else math.nan
            rows.append([f"`{name}`", str(lobules), *(f"{share / math.sqrt(n):.2g}" for n in PLANNED_SEEDS)])
    text = TEXT.format(
        n=len(seeds),
        day=day,
        short=", cut short and on one lobule" if scale.quick else "",
        few=FEW,
        tables="\n\n".join(tables),
        counts=", ".join(f"{lobules}: {len(some)}" for lobules, some in tissues.items()),
        planning=table(
            ["readout", "lobules", *(f"{n} seeds" if n > 1 else "1 seed" for n in PLANNED_SEEDS)], rows
        ),
    )
    return Chapter(text)
