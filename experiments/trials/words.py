"""What was found, in words: for the page and for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lobule.experiments.comparisons.comparison import in_words
from lobule.experiments.comparisons.findings import unit_of
from lobule.experiments.comparisons.words import interval
from lobule.experiments.style import unit_text
from lobule.experiments.trials.findings import Effect, Findings, PowerCurve
from lobule.experiments.trials.records import Screened
from lobule.experiments.trials.statistics import RESAMPLES, Power, Share
from lobule.experiments.trials.trial import Trial
from lobule.readouts import READOUTS


def share_in_words(found: Share) -> str:
    """Return ``"7 of 20, 35 % [18 %, 57 %]"``."""
    if found.n == 0:
        return "nobody"
    numbers = (100 * x for x in (found.share, found.ci_low, found.ci_high))
    share, low, high = (f"{x:.0f} %" for x in numbers)
    return f"{found.number} of {found.n}, {share} [{low}, {high}]"


def p_in_words(p: float) -> str:
    """Return a p value with two digits."""
    if math.isnan(p):
        return ""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def effect_in_words(effect: Effect) -> str:
    """Return difference, interval and p of one effect."""
    found = interval(effect.difference, effect.ci_low, effect.ci_high, 3)
    p = p_in_words(effect.p)
    return f"{found}{f', {p}' if p else ''}"


def group_in_words(name: str, level: str) -> str:
    """Return a group of patients, such as ``"body weight: below 21 g"`` or ``"sex: male"``."""
    if not level:
        return "all patients"
    if name not in READOUTS:
        return f"{name.rsplit('.', 1)[-1].replace('_', ' ')}: {level}"
    unit, meaning = READOUTS[name]
    return f"{meaning}: {level} {unit_text(unit)}".rstrip()


def responder_in_words(trial: Trial) -> str:
    """Return who counts as a responder."""
    responder = trial.file.responder
    if responder is None:
        return ""
    words, unit = (
        in_words(responder, trial.baseline_day, trial.end_day),
        unit_text(unit_of(responder.readout)),
    )
    parts = [f"above {responder.above:g}"] if responder.above is not None else []
    parts += [f"below {responder.below:g}"] if responder.below is not None else []
    return f"{words} {' and '.join(parts)} {unit}".rstrip()


#: Patients of an arm below which a power is no more than a guess.
LEAST_FOR_POWER = 10


def _power(curve: PowerCurve, point: Power) -> str:
    if math.isnan(point.power):
        return "not known"
    error = f" (Monte Carlo error {100 * point.error:.1f})" if curve.method == "resampling" else ""
    return f"{100 * point.power:.0f} %{error}"


def power_in_words(trial: Trial, curve: PowerCurve) -> str:
    """Return the power of the sizes asked for, and how it was worked out."""
    numbers = ", ".join(f"{point.size} patients an arm: {_power(curve, point)}" for point in curve.points)
    how = (
        f"{RESAMPLES} parallel trials of each size, drawn with replacement from the patients in both arms, "
        "drop-outs as they were last seen"
        if curve.method == "resampling"
        else "noncentral t of the observed difference and spreads, which are themselves uncertain"
    )
    few = (
        f" From {curve.patients} patients an arm it says little." if curve.patients < LEAST_FOR_POWER else ""
    )
    return f"{curve.arm} against {trial.control}: {numbers}. By {how}.{few}"


def lines(trial: Trial, findings: Findings, found: Screened) -> Iterator[str]:
    """Yield what was found in lines for a terminal."""
    yield from trial.notes
    yield f"{len(found.included)} of {trial.patients} patients are included"
    words = ""
    for effect in findings.of("intention to treat"):
        if effect.words != words:
            words, unit = effect.words, unit_text(effect.unit)
            yield f"{effect.role}: {words}{f', {unit}' if unit else ''}: difference to {effect.control}"
        same = [e for e in findings.effects if _is_beside(e, effect)]
        yield f"  {effect.arm:24} parallel, intention to treat: {effect_in_words(effect)}"
        for other in same:
            yield f"  {'':24} {other.analysis}: {effect_in_words(other)}"
    for benefit in findings.benefits:
        yield f"better off in {benefit.arm} than in {trial.control}: {share_in_words(benefit.found)}"
    for row in findings.responders:
        if not row.level:
            yield f"responders in {row.arm}: {share_in_words(row.found)}"
    for curve in findings.power:
        yield f"power, {power_in_words(trial, curve)}"


def _is_beside(one: Effect, other: Effect) -> bool:
    """Return whether `one` says of another analysis what `other` says."""
    about = ("endpoint", "arm", "subgroup", "level")
    return one.analysis != other.analysis and all(getattr(one, k) == getattr(other, k) for k in about)
