"""The report of a comparison: one HTML page with every picture in it."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from lobule import __version__
from lobule.errors import shown
from lobule.experiments.comparisons.account import Account, account_of, draw_accounts
from lobule.experiments.comparisons.comparison import Comparison
from lobule.experiments.comparisons.figures import (
    differences,
    dose_curve,
    forest,
    shown_readouts,
    time_courses,
)
from lobule.experiments.comparisons.findings import Findings, effects_by_dose
from lobule.experiments.comparisons.lobules import draw_lobules, lobules_of
from lobule.experiments.comparisons.words import (
    bliss_in_words,
    dose_response_in_words,
    interval,
    notes_of,
    pairing_in_words,
    placebo_in_words,
)
from lobule.experiments.explain import dose_in_words, explain
from lobule.experiments.style import unit_text
from lobule.experiments.sweeps.courses import ArmCourses
from lobule.experiments.sweeps.sweepfile import leaves
from lobule.experiments.webpage import picture, table, write_page

OWN = (
    "time-courses.png", "differences.png", "endpoints.png", "collagen.png", "iron.png", "account.png",
    "dose-response-*.png",
)  # fmt: skip
CAVEAT = (
    "A model is no patient. What is shown follows from the rules and numbers of the model, some of them "
    "assumed, and says nothing of effects that it does not have. Intervals are those of chance and of the "
    "virtual patients alone: they do not hold the error of the model. See docs/limits.md."
)
TABLE = (
    "Arm", "n", "Mean of the control", "Mean of the arm", "Difference [95 %]", "% of the control", "dz",
    "What pairing is worth",
)  # fmt: skip


def write_report(comparison: Comparison, findings: Findings, courses: ArmCourses, path: Path) -> Path:
    """Write the page, and its figures (also as files, in ``figures/`` beside it).

    Returns
    -------
    Path
        The page. It holds its pictures, so that it can be sent as one file.
    """
    for old in (old for pattern in OWN for old in (path.parent / "figures").glob(pattern)):
        old.unlink()
    title = comparison.file.title or comparison.plan.name
    parts = [
        *_head(comparison, title),
        *_protocol(comparison),
        *_endpoints(comparison, findings, path.parent),
        *_courses(comparison, findings, courses, path.parent),
        *_lobules(comparison, courses, path.parent),
        *_doses(comparison, findings, courses, path.parent),
        *_synergy(comparison, findings),
        *_account(comparison, courses, path.parent),
        *_checks(comparison, findings, courses),
    ]
    return write_page(path, title, parts)


def _text(words: str, kind: str = "p") -> str:
    """Return a piece of text as HTML; `kind` is its tag, with what belongs into it."""
    return f"<{kind}>{html.escape(words)}</{kind.split()[0]}>"


def _head(comparison: Comparison, title: str) -> Iterator[str]:
    number = len(comparison.plan.replicates)
    yield _text(title, "h1")
    if comparison.file.question:
        yield f"<p><strong>Question.</strong> {html.escape(comparison.file.question)}</p>"
    yield _text(
        f"lobule {__version__}; {number} virtual patient{'' if number == 1 else 's'}, each treated in every "
        f"arm; {comparison.end_day:g} days; changes are counted from day {comparison.branch_day:g}.",
        "p class=quiet",
    )
    yield _text(CAVEAT, "p class=why")


def _protocol(comparison: Comparison) -> Iterator[str]:
    base = comparison.base
    yield _text("Protocol", "h2")
    lines = list(explain(base))
    about = lines[: next(i for i, line in enumerate(lines) if line.startswith("Rules"))]
    rows = []
    for name, arm in comparison.arms.items():
        given = [dose_in_words(dose, base.end_hours) for dose in arm.add]
        given += [f"{key} = {shown(value)}" for key, value in leaves(arm.settings)]
        role = "control" if name == comparison.control else ""
        rows.append((name, role, "; ".join(given) or "nothing", arm.caveat))
    yield _text(f"Every arm has what the case {base.name} says, and beside it:")
    yield table(("Arm", "", "What is given or changed", "Caveat"), rows)
    yield f"<details><summary>The case</summary><pre>{html.escape(chr(10).join(about))}</pre></details>"


def _endpoints(comparison: Comparison, findings: Findings, folder: Path) -> Iterator[str]:
    yield _text("Endpoints", "h2")
    yield picture(forest(comparison, findings), folder, "endpoints", "Paired differences of all endpoints")
    rows = []
    for row in findings.endpoints:
        found, (percent, low, high), unit = row.found, row.percent, unit_text(row.unit)
        rows.append(
            (
                f"{row.words[:1].upper()}{row.words[1:]}{f' ({unit})' if unit else ''}",
                row.arm,
                str(found.n),
                f"{found.mean_control:.4g}",
                f"{found.mean_arm:.4g}",
                interval(float(found.difference), float(found.ci_low), float(found.ci_high)),
                interval(percent, low, high, 3) if math.isfinite(percent) else "",
                f"{found.dz:+.2f}" if math.isfinite(found.dz) else "",
                pairing_in_words(found),
            )
        )
    yield table(TABLE, rows, headed=True)
    yield _text(
        "Difference: arm less control within each patient, mean and Student's 95 % interval. dz: the mean "
        "over the standard deviation of these differences. Pairing: the variance of the difference of two "
        "patients, one in each arm, over that of the difference of one patient treated both ways: independent"
        " groups need so many times more patients for an interval as narrow.",
        "p class=quiet",
    )


def _courses(comparison: Comparison, findings: Findings, courses: ArmCourses, folder: Path) -> Iterator[str]:
    names = shown_readouts(comparison, courses)
    yield _text("Time courses", "h2")
    yield picture(
        time_courses(comparison, courses, names), folder, "time-courses", "Readouts over time by arm"
    )
    drawn = differences(comparison, findings, names)
    yield picture(drawn, folder, "differences", "Paired differences over time by arm")


def _lobules(comparison: Comparison, courses: ArmCourses, folder: Path) -> Iterator[str]:
    grid, number = lobules_of(comparison, courses)
    yield _text("Lobules", "h2")
    if not grid:
        yield _text("No patient has a state of these days in every arm, so that there is nothing to draw.")
        return
    yield _text(f"Patient {number}, in every arm.")
    for quantity in ("collagen", "iron"):
        drawn = draw_lobules(grid, quantity)
        yield picture(drawn, folder, quantity, f"{quantity.capitalize()} of the lobules by arm and day")


def _doses(comparison: Comparison, findings: Findings, courses: ArmCourses, folder: Path) -> Iterator[str]:
    if findings.dose_response:
        yield _text("Dose response", "h2")
    for i, (asked, found) in enumerate(findings.dose_response, 1):
        drawn = dose_curve(comparison, asked, found, effects_by_dose(asked, comparison, courses))
        yield picture(drawn, folder, f"dose-response-{i}", "Effect over dose")
        yield _text(dose_response_in_words(comparison, asked, found))


def _synergy(comparison: Comparison, findings: Findings) -> Iterator[str]:
    if findings.synergy:
        yield _text("Synergy", "h2")
        yield _text(
            "Bliss independence: with the fractional effect f = 1 - mean / mean of the control, treatments "
            "that act independently have f(a) + f(b) - f(a) f(b) together. The interval of what is beyond it "
            "comes from resampling patients, each with all four arms."
        )
    for asked, found in findings.synergy:
        yield _text(bliss_in_words(comparison, asked, found))


def _account(comparison: Comparison, courses: ArmCourses, folder: Path) -> Iterator[str]:
    found = {arm: account_of(arm, courses) for arm in comparison.arms}
    accounts: Mapping[str, Account] = {arm: account for arm, account in found.items() if account is not None}
    yield _text("Where the iron went", "h2")
    if not accounts:
        yield _text("No final state was kept (record.final_snapshot); only it knows which way iron left.")
        return
    yield picture(draw_accounts(accounts), folder, "account", "Sources and destinations of iron by arm")
    worst = max(account.largest_error for account in accounts.values())
    gap = max(abs(account.gap) for account in accounts.values())
    yield _text(
        f"Both bars of an arm are equally long, to {gap:.1e} of their length. The largest relative error of "
        f"the iron ledger in any run at any recorded time is {worst:.1e}."
    )


def _checks(comparison: Comparison, findings: Findings, courses: ArmCourses) -> Iterator[str]:
    yield _text("Checks and notes", "h2")
    lines = [placebo_in_words(placebo) for placebo in findings.placebos]
    lines += comparison.notes
    lines += notes_of(comparison, courses)
    yield f"<ul>{''.join(_text(line, 'li') for line in lines)}</ul>" if lines else _text("None.")
