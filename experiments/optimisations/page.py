"""The report of an optimisation: one HTML page with every picture in it."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

from lobule import __version__
from lobule.experiments.explain import explain
from lobule.experiments.optimisations import figures
from lobule.experiments.optimisations.conduct import Study
from lobule.experiments.optimisations.findings import feasible, still_best
from lobule.experiments.optimisations.measures import bounds_of, words_of
from lobule.experiments.optimisations.problem import NOTHING
from lobule.experiments.optimisations.search import Outcome
from lobule.experiments.optimisations.words import (
    bias_in_words,
    column_of,
    limits_in_words,
    means_in_words,
    nothing_found,
    schedule_in_words,
    value_in_words,
)
from lobule.experiments.style import unit_text
from lobule.experiments.webpage import picture, table, write_page

REPORT = "report.html"
OWN = ("front.png", "progress.png", "schedules.png", "courses.png")
CAVEAT = (
    "A model is no patient, and this is no advice. The best schedule of a model is the best for its rules "
    "and numbers, some of them assumed, and only among the treatments, objectives and limits of this file. A "
    "search finds what a model gets wrong as readily as what it gets right: see docs/limits.md and "
    "docs/validation.md."
)
CHECK = (
    "All schedules were tried on the same virtual patients, so that what differs between them is the "
    "schedule. But the best of many tries also had luck with these patients. So the schedules below were "
    "given again to fresh patients, whom the search never saw; where the two numbers differ, the second is "
    "the one to believe."
)


def write_report(study: Study, path: Path) -> Path:
    """Write the page, and its figures (also as files, in ``figures/`` beside it); return its path."""
    for name in OWN:
        (path.parent / "figures" / name).unlink(missing_ok=True)
    title = study.optimisation.file.title or study.optimisation.name
    parts = [*_head(study, title), *_asked(study), *_front(study, path.parent), *_search(study, path.parent)]
    return write_page(path, title, parts)


def _text(words: str, kind: str = "p") -> str:
    """Return a piece of text as HTML; `kind` is its tag, with what belongs into it."""
    return f"<{kind}>{html.escape(words)}</{kind.split()[0]}>"


def _head(study: Study, title: str) -> Iterator[str]:
    optimisation = study.optimisation
    yield _text(title, "h1")
    if optimisation.file.question:
        yield f"<p><strong>Question.</strong> {html.escape(optimisation.file.question)}</p>"
    yield _text(
        f"lobule {__version__}; {len(study.schedules)} different schedules in {optimisation.generations} "
        f"generations of {optimisation.population} (NSGA-II by Optuna), each with {optimisation.patients} "
        f"virtual patients; checked with {optimisation.check_patients} fresh ones; "
        f"{optimisation.end_day:g} days.",
        "p class=quiet",
    )
    yield _text(CAVEAT, "p class=why")
    for note in optimisation.notes:
        yield _text(note, "p class=quiet")


def _asked(study: Study) -> Iterator[str]:
    optimisation = study.optimisation
    yield _text("What was asked", "h2")
    rows = []
    for decision in optimisation.menu.decisions:
        choice = decision.table
        if choice.choices is not None:
            what = " or ".join(map(value_in_words, choice.choices))
        else:
            what = f"{choice.low:g} to {choice.high:g}"
            what += "" if choice.step is None else f", in steps of {choice.step:g}"
            what += " (log scale)" if choice.scale == "log" else ""
        rows.append((decision.label, what, "" if decision.unit == "-" else unit_text(decision.unit)))
    yield table(("What is decided", "From what", "Unit"), rows)
    rows = [
        (column_of(study, objective), words_of(objective, optimisation), objective.goal)
        for objective in optimisation.objectives
    ]
    yield table(("Objective", "What it is", "Goal"), rows)
    outcomes = [schedule.outcome for schedule in study.schedules]
    held = []
    for i, limit in enumerate(optimisation.limits):
        broken = sum(not outcome.failure and outcome.violations[i] > 0.0 for outcome in outcomes)
        what = words_of(limit, optimisation)
        held.append((column_of(study, limit), what, bounds_of(limit), f"{broken} of {len(outcomes)}"))
    if held:
        yield table(("Limit", "What it is", "Allowed, in every patient", "Schedules that break it"), held)
    lines = list(explain(optimisation.base))
    about = lines[: next(i for i, line in enumerate(lines) if line.startswith("Rules"))]
    yield f"<details><summary>The case</summary><pre>{html.escape(chr(10).join(about))}</pre></details>"


def _front(study: Study, folder: Path) -> Iterator[str]:
    several = len(study.optimisation.objectives) > 1
    yield _text("The front" if several else "The best schedule", "h2")
    if not study.front:
        yield _text(f"{nothing_found(study).capitalize()}.", "p class=why")
        return
    if several:
        yield _text(
            f"{len(study.front)} schedules keep all limits and are beaten by no other, which would be better "
            f"in one objective and no worse in the rest. {len(study.picked)} of them, far from each other, "
            "are below, and case files beside this page."
        )
        yield picture(figures.front(study), folder, "front", "Schedules by their objectives")
    if study.checked:
        yield _text(CHECK)
    yield table(*_table(study))
    if study.checked:
        yield "".join(_text(line) for line in bias_in_words(study))
    yield picture(figures.schedules(study), folder, "schedules", "What the schedules of the front decide")
    drawn = figures.courses(study)
    yield picture(drawn, folder, "courses", "Readouts over time for the schedules of the front")


def _table(study: Study) -> tuple[list[str], list[list[str]]]:
    columns = [column_of(study, objective) for objective in study.optimisation.objectives]
    header = ["", "Schedule"]
    for column in columns:
        header += [column, "fresh patients"] if study.checked else [column]
    header.append("Limits")
    rows = [_row(study, NOTHING, "nothing beside the case", study.nothing, study.nothing_checked, "")]
    still = still_best(study)
    for row in study.picked:
        checked = study.checked.get(row)
        broken = [] if checked is None else limits_in_words(study, checked)
        verdict = "kept" if not broken else f"broken with fresh patients: {'; '.join(broken)}"
        if not broken and not still.get(row, True):
            verdict = "kept, but with fresh patients another of these is better in all"
        schedule = study.schedules[row]
        words = schedule_in_words(study, schedule.values)
        rows.append(_row(study, study.name(row), words, schedule.outcome, checked, verdict))
    return header, rows


def _row(
    study: Study, name: str, words: str, outcome: Outcome, checked: Outcome | None, verdict: str
) -> list[str]:
    cells = [name, words]
    again = None if checked is None else means_in_words(study, checked, units=False)
    for i, mean in enumerate(means_in_words(study, outcome, units=False)):
        cells += [mean] if again is None else [mean, again[i]]
    return [*cells, verdict]


def _search(study: Study, folder: Path) -> Iterator[str]:
    yield _text("The search", "h2")
    if study.front:
        drawn = figures.search_progress(study)
        yield picture(drawn, folder, "progress", "Hypervolume and best values by generation")
        yield _text(
            "The hypervolume is the share that the front covers of the box between the best and the worst of "
            "each objective within the limits. When it still rises at the end, more generations will find "
            "more."
        )
    kept = int(feasible(study).sum())
    failed = [schedule for schedule in study.schedules if schedule.outcome.failure]
    words = f"{kept} of {len(study.schedules)} schedules keep all limits; all are in schedules.csv."
    if failed:
        words += f" {len(failed)} gave no numbers, one of them: {failed[0].outcome.failure}."
    yield _text(words)
    if len(study.optimisation.objectives) > 1 and not study.front and not study.nothing.failure:
        yield picture(figures.front(study), folder, "front", "Schedules by their objectives")
