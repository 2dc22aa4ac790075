"""What was found, in words: for the page and for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lobule.experiments.comparisons.comparefile import DoseResponseTable, SynergyTable
from lobule.experiments.comparisons.comparison import Comparison, in_words
from lobule.experiments.comparisons.findings import Findings, Placebo, doses_of, unit_of
from lobule.experiments.comparisons.statistics import Bliss, DoseResponse, Paired
from lobule.experiments.style import unit_text
from lobule.experiments.sweeps.courses import ArmCourses
from lobule.experiments.sweeps.finished import Run


def interval(middle: float, low: float, high: float, digits: int = 4) -> str:
    """Return ``"-1.5 [-2, -1]"``, without an interval where there is none."""
    if math.isnan(middle):
        return "none"
    if middle == low == high == 0.0:
        return "0"
    if math.isnan(low):
        return f"{middle:+.{digits}g} (no interval)"
    return f"{middle:+.{digits}g} [{low:+.{digits}g}, {high:+.{digits}g}]"


def pairing_in_words(found: Paired) -> str:
    """Return how many times more patients independent groups would need."""
    ratio = float(found.ratio)
    if found.n < 2:
        return "not known"
    if found.variance_paired == 0.0:
        return "all patients differ by as much" if found.difference else "no patient differs"
    return "over a million times" if ratio > 1e6 else f"{ratio:.3g} times the patients"


def placebo_in_words(placebo: Placebo) -> str:
    """Return whether a placebo equals what it must equal."""
    about = f"{placebo.arm} (dose 0) against {placebo.reference}, {placebo.n} patients"
    if placebo.largest == 0.0:
        what = (
            "recorded number but the count of what was given" if placebo.counts_differ else "recorded number"
        )
        return f"{about}: every {what} is equal to the bit (largest absolute difference 0)."
    return f"{about}: NOT EQUAL, the largest absolute difference is {placebo.largest:.3g} ({placebo.where})."


def dose_response_in_words(comparison: Comparison, asked: DoseResponseTable, found: DoseResponse) -> str:
    """Return whether an effect grows with the dose, and whether it saturates."""
    words = in_words(asked, comparison.branch_day, comparison.end_day)
    top, unit = max(doses_of(asked, comparison).values()), f" {asked.unit}" if asked.unit else ""
    slope = interval(top * found.slope, top * found.slope_low, top * found.slope_high, 3)
    aicc = (
        f"line at {top:g}{unit} {slope}; AICc of the line {found.aicc_line:.1f}, of the curve "
        f"{found.aicc_emax:.1f}; n = {found.n}"
    )
    if math.isnan(found.aicc_line):
        return f"{words}: no patient differs from the control at any dose (n = {found.n})."
    if found.verdict == "not found":
        return f"{words}: no effect of the dose was found ({aicc})."
    half = f"{found.ed50:.3g} [{found.ed50_low:.3g}, {found.ed50_high:.3g}]{unit}"
    if found.verdict == "saturates":
        height = f"{found.emax:+.3g} {unit_text(unit_of(asked.readout))}".rstrip()
        return f"{words}: saturates towards {height}; half of it at {half} ({aicc})."
    return f"{words}: grows with the dose; saturation up to {top:g}{unit} was not found ({aicc})."


def bliss_in_words(comparison: Comparison, asked: SynergyTable, found: Bliss) -> str:
    """Return whether two treatments together do more than each for itself."""
    words = in_words(asked, comparison.branch_day, comparison.end_day)
    who = f"{asked.a} with {asked.b} ({asked.both}), {words}"
    effects = (
        f"f(a) = {found.effect_a:.3f}, f(b) = {found.effect_b:.3f}, expected together {found.expected:.3f}, "
        f"found {found.effect_both:.3f}; beyond it {interval(found.excess, found.ci_low, found.ci_high, 3)}, "
        f"n = {found.n}"
    )
    meaning = {
        "synergy": "synergy",
        "antagonism": "antagonism: together they do less than expected",
        "trivial": f"trivial, less than {asked.least:g} beyond what is expected",
        "not found": "synergy not found, the interval holds 0",
        "not defined": "not defined, since an effect is not between nothing and all of the control's mean",
    }
    return f"{who}: {meaning[found.verdict]} ({effects})."


def notes_of(comparison: Comparison, courses: ArmCourses) -> Iterator[str]:
    """Yield what the runs noted, each line with its arms and patients, and which runs are missing."""
    noted: dict[tuple[str, str], list[int]] = {}
    for arm, runs in courses.runs.items():
        missing = sum(run not in courses.done for run in runs)
        if missing:
            yield f"{arm}: {missing} of {len(runs)} runs are missing"
        for patient, run in enumerate(runs):
            if run in courses.done:
                for note in Run(courses.store.folder(run)).manifest.get("notes", ()):
                    noted.setdefault((arm, str(note)), []).append(patient)
    for (arm, note), patients in noted.items():
        yield f"{arm}, patients {', '.join(map(str, patients))}: {note}"


def lines(comparison: Comparison, findings: Findings) -> Iterator[str]:
    """Yield what was found in lines for a terminal."""
    yield from comparison.notes
    words = ""
    for row in findings.endpoints:
        if row.words != words:
            words, unit = row.words, unit_text(row.unit)
            yield f"{words}{f', {unit}' if unit else ''}: difference to {row.control}"
        found, percent = row.found, row.percent[0]
        numbers = interval(float(found.difference), float(found.ci_low), float(found.ci_high))
        share = f"{percent:+.2g} %" if math.isfinite(percent) and percent else ""
        yield f"  {row.arm:24} {numbers:34} {share:>9}  n = {found.n}, pairing: {pairing_in_words(found)}"
    for asked, response in findings.dose_response:
        yield dose_response_in_words(comparison, asked, response)
    for pair, excess in findings.synergy:
        yield bliss_in_words(comparison, pair, excess)
    yield from map(placebo_in_words, findings.placebos)
