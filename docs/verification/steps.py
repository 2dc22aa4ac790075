"""Whole cases at several step lengths: which readouts depend on the step, and how much."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lobule import Lobule, snapshot
from lobule.experiments import style
from verification.runs import (
    BUILT,
    COMPARED,
    COUNTS,
    Course,
    follow,
    pooled,
    run_task,
    settings,
    spread,
)
from verification.study import Chapter, Scale, Task, number, table, verdict

NAME = "steps"
TITLE = "Whole cases at several steps"

ACUTE, DAILY = 0.02, 0.05
"""What a step of hours, and a step of a day in a quiet phase, may change."""
A_DAY = 24.0
FEW = 30.0
"""Cells up to which a count is compared as a count."""
SEEN = 3.0
"""Standard errors from which a difference is called resolved."""
STILL = 1e-12
"""Share of the mean within which values are the same but for rounding."""
YEAR = 365.25

TEXT = """The same cases with steps of {steps} h, against steps of 1 h: mouse cases with {lobules} and
seeds 1 to {n} (half of them at 0.5 h). Every readout is averaged over the samples of the days given, so
that a passing fluctuation counts little; then the means over the seeds are compared.

- **Steps up to 6 h** pass when |difference| <= max(2 SD, {acute:.0%}), SD being the standard deviation of
  single runs over seeds (pooled over the steps). **Steps of a day** are for quiet phases only and pass
  when |difference| <= {daily:.0%}.
- **Counts below {few:g} cells** (deaths, activated cells, M1) are compared as counts, in cells: with rare
  events a seed more or less is no matter of per cent. They pass when |difference| <= max(2 SD, 2 sqrt(n),
  1 cell), n the larger mean, at any step.
- A star marks a difference of more than {seen:g} standard errors (and a thousandth of the mean): the
  seeds resolve it, whether or not it passes. Without a star it is no larger than chance explains, and the
  standard error of the difference (SE, at 3 h) tells what could have been seen. Draws are keyed by the
  step's number, so runs at different steps share where their cells begin, not their luck.

`hours`, `age_days` and the iron account are no matter of comparison; readouts that are the same in all
runs at all steps are named below each table. Differences in % of the mean at 1 h; "cells" where they are
counts.

{summary}

![Readouts against the step](images/verification-steps.png)

Bars are standard deviations over seeds; the grey band is what steps up to 6 h are allowed.

{tables}
"""


@dataclass(frozen=True)
class Comparison:
    """One case at several steps.

    Attributes
    ----------
    case : str
        Built-in case.
    title : str
        What its tables are called.
    days : float
        How long it runs.
    steps : tuple of float
        Steps compared, h; `reference` among them.
    windows : tuple of (float, float)
        Days after and up to which samples count, a table each.
    reference : float
        Step that the others are held against, h.
    """

    case: str
    title: str
    days: float
    steps: tuple[float, ...]
    windows: tuple[tuple[float, float], ...]
    reference: float = 1.0


MOUSE = (0.5, 1.0, 3.0, 6.0, 24.0)
FULL = (
    Comparison("wild-type-mouse", "wild-type-mouse", 49.0, MOUSE, ((42.0, 49.0),)),
    Comparison("hfe-mouse", "hfe-mouse", 49.0, MOUSE, ((42.0, 49.0),)),
    Comparison("ccl4-mouse", "ccl4-mouse", 56.0, MOUSE[:-1], ((21.0, 28.0), (49.0, 56.0))),
)
QUICK = (
    Comparison("wild-type-mouse", "wild-type-mouse", 14.0, MOUSE[1:], ((7.0, 14.0),)),
    Comparison("hfe-mouse", "hfe-mouse", 14.0, MOUSE[1:], ((7.0, 14.0),)),
    Comparison("ccl4-mouse", "ccl4-mouse", 14.0, MOUSE[1:-1], ((7.0, 14.0),)),
)


class Human(NamedTuple):
    """The course of an adult from a state that was grown with steps of a day."""

    case: str
    from_years: float
    lengths: tuple[tuple[float, float], ...]
    """Step (h) and how many days it is followed."""

    @property
    def seconds(self) -> float:
        """Rough guess of how long it takes."""
        steps = self.from_years * YEAR + sum(days * 24.0 / step for step, days in self.lengths)
        return 4e-3 * steps


SHORT, LONG = 360.0, 3600.0
FULL_HUMAN = Human("hfe-human", 30.0, ((1.0, SHORT), (6.0, LONG), (24.0, LONG)))
QUICK_HUMAN = Human("hfe-human", 2.0, ((1.0, 30.0), (6.0, 60.0), (24.0, 60.0)))
_SAMPLE_DAYS = 10.0


def adult(human: Human, seed: int) -> dict[float, Course]:
    """Let a patient grow up with steps of a day, then follow the same state with each step length."""
    youth = round(human.from_years * YEAR)
    courses = {}
    with tempfile.TemporaryDirectory() as folder:
        grown = Path(folder) / "grown.npz"
        start = {"clock.phases": [{"days": float(youth), "step_hours": A_DAY}]}
        Lobule(human.case, rng=seed, settings=settings(human.case, 1, None) | start).run().save(grown)
        for step, days in human.lengths:
            phases = [*start["clock.phases"], {"days": days, "step_hours": step}]
            model = Lobule(
                human.case, rng=seed, settings=settings(human.case, 1, None) | {"clock.phases": phases}
            )
            snapshot.restore(model, snapshot.read(grown)[2])
            courses[step] = follow(model, days, _SAMPLE_DAYS * 24.0)
    return courses


def _plan(scale: Scale) -> tuple[tuple[Comparison, ...], int, list[int], Human, list[int]]:
    """Return comparisons, lobules and seeds of the mouse cases, and the human case and its seeds."""
    if scale.quick:
        return QUICK, 1, scale.seed_list(8, 6), QUICK_HUMAN, [1, 2]
    return FULL, BUILT["ccl4-mouse"].lobules, scale.seed_list(8, 6), FULL_HUMAN, [1, 2, 3]


def _seeds_at(step: float, seeds: list[int]) -> list[int]:
    """Return the seeds to run at a step: at half an hour only half of them."""
    return seeds[: max(2, (len(seeds) + 1) // 2)] if step < 1.0 else seeds


def tasks(scale: Scale) -> dict[Any, Task]:
    """Return the tasks of the section."""
    comparisons, lobules, seeds, human, few = _plan(scale)
    asked: dict[Any, Task] = {}
    for one in comparisons:
        every = BUILT[one.case].every
        for step in one.steps:
            for seed in _seeds_at(step, seeds):
                asked[one.case, step, seed] = run_task(one.case, seed, lobules, step, one.days, every)
    for seed in few:
        label = f"{human.case}, grown up to {human.from_years:g} years, then {len(human.lengths)} steps"
        asked["human", seed] = Task(f"{label}, seed {seed}", adult, (human, seed), human.seconds)
    return asked


class Judged(NamedTuple):
    """One readout at one step beside the reference.

    Attributes
    ----------
    difference : float
        Of the means over seeds: relative, or in cells if `as_count`.
    allowed : float
        In the same unit.
    resolved : bool
        Whether it is more than `SEEN` standard errors.
    """

    difference: float
    allowed: float
    as_count: bool
    resolved: bool

    @property
    def passed(self) -> bool:
        """Whether it is within what is allowed."""
        return abs(self.difference) <= self.allowed * (1.0 + 1e-9)

    @property
    def text(self) -> str:
        """One cell of a table."""
        shown = f"{self.difference:+.1f}" if self.as_count else f"{100.0 * self.difference:+.2f}"
        shown = "0" if float(shown) == 0.0 else shown
        star = "\\*" if self.resolved else ""
        return f"{shown}{star}" if self.passed else f"**{shown}{star} FAIL**"


def judge(name: str, reference: Sequence[float], other: Sequence[float], sd: float, step: float) -> Judged:
    """Hold the values of a readout over seeds at `step` (h) against those at the reference.

    Parameters
    ----------
    name : str
        The readout.
    reference, other : sequence of float
        Its values, one a seed.
    sd : float
        Standard deviation of single runs.
    step : float
        Decides which criterion holds.
    """
    base, there = spread(reference)[0], spread(other)[0]
    difference = there - base
    error = sd * np.sqrt(1.0 / len(reference) + 1.0 / len(other))
    resolved = bool(abs(difference) > max(SEEN * error, 1e-3 * abs(base)))
    most = max(base, there)
    if name in COUNTS and most < FEW:
        return Judged(difference, max(2.0 * sd, 2.0 * float(np.sqrt(most)), 1.0), True, resolved)
    unit = abs(base) if base else 1.0
    allowed = DAILY if step >= A_DAY else max(2.0 * sd / unit, ACUTE)
    return Judged(difference / unit, allowed, False, resolved)


def _table(
    title: str, values: Mapping[float, Mapping[str, list[float]]], reference: float, chapter: Chapter
) -> tuple[str, int]:
    """Return the table of all readouts at all steps, and how many checks failed in it."""
    steps, rows, failed, still = [step for step in values if step != reference], [], 0, []
    shown = 3.0 if 3.0 in values else steps[0]
    for name in COMPARED:
        everything = [value for step in values for value in values[step][name]]
        if np.isnan(everything).all():  # defined in man only
            continue
        sd = pooled(values[step][name] for step in values)
        base = values[reference][name]
        mean = spread(base)[0]
        judged = {step: judge(name, base, values[step][name], sd, step) for step in steps}
        few = all(j.as_count for j in judged.values())
        for step, j in judged.items():
            chapter.checks += 1
            if not j.passed:
                failed += 1
                unit = "cells" if j.as_count else "%"
                size = j.difference if j.as_count else 100.0 * j.difference
                limit = j.allowed if j.as_count else 100.0 * j.allowed
                chapter.failures.append(
                    f"{title}, `{name}`, {step:g} h: {size:+.1f} {unit}, allowed {limit:.1f}"
                )
        if np.ptp(everything) <= STILL * abs(mean):
            still.append(f"`{name}`")
            continue
        unit = 1.0 if few or not mean else abs(mean) / 100.0
        error = sd * np.sqrt(1.0 / len(base) + 1.0 / len(values[shown][name])) / unit
        rows.append(
            [
                f"`{name}`",
                number(mean),
                number(sd),
                *(j.text for j in judged.values()),
                f"{error:.2g}",
                "cells" if few else "%",
                verdict(all(j.passed for j in judged.values())),
            ]
        )
    heads = ["readout", f"{reference:g} h", "SD", *(f"{step:g} h" for step in steps), "SE", "in", "verdict"]
    n = len(next(iter(values[reference].values())))
    text = f"#### {title} ({n} seeds)\n\n" + table(heads, rows)
    return text + (f"\n\nThe same in all runs: {', '.join(still)}." if still else ""), failed


def _values(courses: Mapping[float, Sequence[Course]], window: tuple[float, float]) -> dict[float, Any]:
    return {
        step: {name: [one.mean(name, *window) for one in runs] for name in COMPARED}
        for step, runs in courses.items()
    }


def report(results: dict[Any, Any], scale: Scale, images: Path | None) -> Chapter:
    """Return the chapter."""
    comparisons, lobules, seeds, human, few = _plan(scale)
    chapter, tables, summary = Chapter(""), [], []

    def add(title: str, values: dict[float, Any], reference: float) -> None:
        before = chapter.checks
        text, failed = _table(title, values, reference, chapter)
        tables.append(text)
        checked = chapter.checks - before
        steps = ", ".join(f"{step:g}" for step in values if step != reference)
        outcome = f"all {checked} pass" if not failed else f"**{failed} of {checked} FAIL**"
        summary.append([title, f"{steps} h against {reference:g} h", outcome])

    drawn = {}
    for one in comparisons:
        runs = {
            step: [results[one.case, step, seed] for seed in _seeds_at(step, seeds)] for step in one.steps
        }
        for first, last in one.windows:
            add(f"{one.title}, days {first:g} to {last:g}", _values(runs, (first, last)), one.reference)
        drawn[one.case] = replace(one, windows=one.windows[:1]), _values(runs, one.windows[0])
    grown = [results["human", seed] for seed in few]
    lengths = dict(human.lengths)
    short, long = lengths[1.0], lengths[6.0]
    at = f"{human.case} from {human.from_years:g} years of age"
    all_steps = {step: [one[step] for one in grown] for step in lengths}
    add(f"{at}, days {0.75 * short:g} to {short:g}", _values(all_steps, (0.75 * short, short)), 1.0)
    both = {step: all_steps[step] for step in (6.0, A_DAY)}
    add(f"{at}, days {0.9 * long:g} to {long:g}", _values(both, (0.9 * long, long)), 6.0)
    if images is not None:
        _draw(drawn, images)
    steps = sorted({step for one in comparisons for step in one.steps})
    chapter.text = TEXT.format(
        steps=", ".join(f"{step:g}" for step in steps),
        lobules="one lobule" if lobules == 1 else f"{lobules} lobules",
        n=len(seeds),
        acute=ACUTE,
        daily=DAILY,
        few=FEW,
        seen=SEEN,
        summary=table(["case and days", "steps", "verdict"], summary),
        tables="\n\n".join(tables),
    )
    return chapter


_PANELS = (
    ("hfe-mouse", "lic_mg_per_g", "Liver iron"),
    ("hfe-mouse", "iron_zone1_to_zone3_ratio", "Iron, zone 1 over zone 3"),
    ("hfe-mouse", "transferrin_saturation_percent", "Transferrin saturation"),
    ("ccl4-mouse", "alt_iu_per_l", "ALT"),
    ("ccl4-mouse", "stellate_activated", "Activated stellate cells"),
    ("ccl4-mouse", "collagen_area_percent", "Collagen area"),
)


def _draw(drawn: Mapping[str, tuple[Comparison, dict[float, Any]]], images: Path) -> None:
    """Draw means and standard deviations over seeds against the step, with what is allowed up to 6 h."""
    figure = style.new_figure(8.6, 5.0)
    axes = figure.subplots(2, 3)
    for ax, (case, name, label) in zip(axes.ravel(), _PANELS, strict=True):
        one, values = drawn[case]
        steps = sorted(values)
        base = spread(values[one.reference][name])[0]
        stats = [spread(values[step][name]) for step in steps]
        shift = [100.0 * (mean / base - 1.0) for mean, _ in stats]
        wide = [100.0 * sd / abs(base) for _, sd in stats]
        first, last = one.windows[0]
        style.panel(
            ax,
            f"{label}\n{case}, days {first:g}-{last:g}",
            "step (h)" if ax in axes[1] else "",
            f"change from {one.reference:g} h (%)" if ax in axes[:, 0] else "",
        )
        ax.title.set_fontsize(style.LABEL)
        allowed = 100.0 * max(2.0 * pooled(values[step][name] for step in steps) / abs(base), ACUTE)
        ax.axhspan(-allowed, allowed, color=style.GRID, alpha=0.7, linewidth=0.0)
        ax.errorbar(steps, shift, wide, fmt="o", color=style.BLUE, markersize=4.0, capsize=3.0, linewidth=1.2)
        ax.set_xscale("log")
        ax.set_xticks(steps, [f"{step:g}" for step in steps])
        ax.minorticks_off()
        reach = 1.2 * max(allowed, *(abs(s) + w for s, w in zip(shift, wide, strict=True)))
        ax.set_ylim(-reach, reach)
    style.write(figure, images / "verification-steps.png")
