"""The report of a trial: one HTML page with every picture in it."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lobule import __version__
from lobule.distributions import in_words as draw_in_words
from lobule.errors import shown
from lobule.experiments.comparisons.comparison import in_words
from lobule.experiments.comparisons.findings import unit_of
from lobule.experiments.comparisons.words import interval
from lobule.experiments.explain import dose_in_words, explain
from lobule.experiments.style import unit_text
from lobule.experiments.sweeps.results import value_in
from lobule.experiments.sweeps.sweepfile import leaves
from lobule.experiments.trials.figures import (
    forest_of_endpoints,
    forest_of_groups,
    power_curves,
    responder_bars,
    shown_readouts,
    time_courses,
)
from lobule.experiments.trials.findings import Effect, Findings, criterion_in_words, flow_of
from lobule.experiments.trials.flowchart import draw_flow
from lobule.experiments.trials.records import Patients, Screened, at_day
from lobule.experiments.trials.trial import Trial
from lobule.experiments.trials.words import (
    group_in_words,
    p_in_words,
    power_in_words,
    responder_in_words,
    share_in_words,
)
from lobule.experiments.webpage import picture, table, write_page

CAVEAT = (
    "Virtual patients are no patients, and this is no trial. What is shown follows from the rules and "
    "numbers of a model, some of them assumed; it says nothing of effects that the model does not have. "
    "Intervals and p values are those of chance and of the spread between virtual patients, which the file "
    "assumes; they do not hold the error of the model, and more virtual patients make them as narrow as one "
    "likes. See docs/limits.md."
)
BASELINE = (
    "lic_mg_per_g",
    "collagen_area_percent",
    "alt_iu_per_l",
    "ferritin_ug_per_l",
    "haemoglobin_g_per_dl",
)
OWN = ("flow", "primary", "endpoints", "responders", "power", "time-courses")
HEADER = (
    "Analysis", "Arm", "n", "Mean of the arm", "Mean of the control", "Difference [95 %]", "p",
)  # fmt: skip


def baseline_readouts(trial: Trial) -> list[str]:
    """Return the readouts of the baseline table."""
    return list(dict.fromkeys((*BASELINE, *(endpoint.readout for endpoint in trial.endpoints))))


def write_report(trial: Trial, findings: Findings, found: Screened, patients: Patients, path: Path) -> Path:
    """Write the page, and its figures (also as files, in ``figures/`` beside it).

    Returns
    -------
    Path
        The page. It holds its pictures, so that it can be sent as one file.
    """
    folder = path.parent
    for name in OWN:
        (folder / "figures" / f"{name}.png").unlink(missing_ok=True)
    title = trial.file.title or trial.name
    parts = [
        *_head(trial, title),
        *_protocol(trial),
        *_flow(trial, found, patients, folder),
        *_baseline(trial, patients),
        *_effects(trial, findings, folder),
        *_responders(trial, findings, folder),
        *_power(trial, findings, folder),
        *_courses(trial, patients, folder),
        *_notes(trial, found, patients),
    ]
    return write_page(path, title, parts)


def _text(words: str, kind: str = "p") -> str:
    """Return a piece of text as HTML; `kind` is its tag, with what belongs into it."""
    return f"<{kind}>{html.escape(words)}</{kind.split()[0]}>"


def _head(trial: Trial, title: str) -> Iterator[str]:
    yield _text(title, "h1")
    if trial.file.question:
        yield f"<p><strong>Question.</strong> {html.escape(trial.file.question)}</p>"
    yield _text(
        f"lobule {__version__}; {trial.patients} virtual patients screened; {trial.file.design} design; "
        f"{trial.end_day:g} days; changes are counted from day {trial.baseline_day:g}.",
        "p class=quiet",
    )
    yield _text(CAVEAT, "p class=why")


def _protocol(trial: Trial) -> Iterator[str]:
    base = trial.base
    yield _text("Protocol", "h2")
    rows = []
    for name, arm in trial.arms.items():
        given = [dose_in_words(dose, base.end_hours) for dose in arm.add]
        given += [f"{key} = {shown(value)}" for key, value in leaves(arm.settings)]
        role = "control" if name == trial.control else ""
        rows.append((name, role, f"{arm.share}", "; ".join(given) or "nothing"))
    yield _text(f"Every arm has what the case {base.name} says, and beside it:")
    yield table(("Arm", "", "Share", "What is given or changed"), rows)
    criteria = [criterion_in_words(i, trial) for i in range(len(trial.file.inclusion))]
    yield _text(f"Included: {'; '.join(criteria) or 'everyone'}.")
    drawn = [draw_in_words(key, entry) for key, entry in base.cohort.items()]
    yield f"<p>The cohort:</p><ul>{''.join(_text(line, 'li') for line in drawn)}</ul>" if drawn else ""
    lines = list(explain(base))
    about = lines[: next(i for i, line in enumerate(lines) if line.startswith("Rules"))]
    yield f"<details><summary>The case</summary><pre>{html.escape(chr(10).join(about))}</pre></details>"


def _flow(trial: Trial, found: Screened, patients: Patients, folder: Path) -> Iterator[str]:
    yield _text("Patients", "h2")
    drawn = draw_flow(flow_of(trial, found, patients), is_counterfactual=trial.is_counterfactual)
    yield picture(drawn, folder, "flow", "Flow of patients through the trial")
    yield _text(
        "Those who meet several criteria not are counted at the first. Arms are given in permuted blocks by "
        "keyed chance.",
        "p class=quiet",
    )


def _baseline(trial: Trial, patients: Patients) -> Iterator[str]:
    yield _text("Baseline", "h2")
    groups = {name: [p for p in patients.included if patients.arm[p] == name] for name in trial.arms}
    groups = {"all": patients.included, **groups}
    rows: list[list[str]] = []
    subjects = {p: trial.base.for_subject(trial.seed(p)) for p in patients.included}
    for key in trial.base.cohort:
        values = {p: value_in(case, key) for p, case in subjects.items()}
        rows += _rows(key, values, groups)
    for name in baseline_readouts(trial):
        read = {p: c for p in patients.included if (c := patients.followed(p)) is not None}
        levels = {p: at_day(course, name, trial.baseline_day) for p, course in read.items()}
        unit = unit_text(unit_of(name))
        rows += _rows(f"{name}{f' ({unit})' if unit else ''}", levels, groups)
    header = ["", *(f"{name} (n = {len(own)})" for name, own in groups.items())]
    yield table(header, rows)
    yield _text(
        f"Mean ± standard deviation, or number (%). What was drawn, then readouts on day "
        f"{trial.baseline_day:g}. Arms are those of the randomisation.",
        "p class=quiet",
    )


def _rows(name: str, values: dict[int, Any], groups: dict[str, list[int]]) -> Iterator[list[str]]:
    """Yield the rows of one variable: a single one for numbers, one a value for words."""
    known = list(values.values())
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        name, factor = (f"{name} (years)", 365.25) if name == "subject.age_days" else (name, 1.0)
        yield [
            name,
            *(_mean(np.array([values[p] for p in own if p in values]) / factor) for own in groups.values()),
        ]
        return
    for value in sorted(set(known), key=str):
        counts = [(sum(values.get(p) == value for p in own), len(own)) for own in groups.values()]
        yield [f"{name}: {value}", *(f"{n} ({100 * n / max(of, 1):.0f} %)" for n, of in counts)]


def _mean(values: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    values = values[np.isfinite(values)]
    if not values.size:
        return ""
    spread = f" ± {values.std(ddof=1):.3g}" if values.size > 1 else ""
    return f"{values.mean():.4g}{spread}"


def _effects(trial: Trial, findings: Findings, folder: Path) -> Iterator[str]:
    yield _text("Effects", "h2")
    yield picture(forest_of_groups(trial, findings), folder, "primary", "Primary endpoint by subgroup")
    for benefit in findings.benefits:
        primary = trial.endpoints[0]
        unit = unit_text(unit_of(primary.readout))
        least = f" by more than {primary.least_benefit:g} {unit}" if primary.least_benefit else ""
        yield _text(
            f"Better off in {benefit.arm} than in {trial.control} "
            f"({primary.better} {primary.readout}{least}): {share_in_words(benefit.found)}. "
            "Nobody could see this in a real trial."
        )
    yield picture(forest_of_endpoints(trial, findings), folder, "endpoints", "All endpoints, by analysis")
    yield table(HEADER, [_row(effect) for effect in findings.effects if not effect.level], headed=True)
    arms = f", adjusted after Holm for {len(trial.treated)} arms" if len(trial.treated) > 1 else ""
    yield _text(
        "The first endpoint is the primary one; its p value by intention to treat is the only one that tests "
        f"anything{arms}. All others, and all subgroups, are exploratory: many are looked at, and some will "
        "seem to differ by chance. Intention to treat: every patient in the arm he was given; who has left "
        "keeps his last value before (a simple rule, right only where nothing would have changed any more). "
        "Complete cases: without those who left. Followed up: those who left are measured at the end all the "
        "same, their treatment having ended. Difference of means with Welch's 95 % interval."
        + (
            " Counterfactual: each patient in both arms and nobody leaving, Student's interval of the paired "
            "differences."
            if trial.is_counterfactual
            else ""
        ),
        "p class=quiet",
    )
    groups = [
        e for e in findings.effects if e.level and e.analysis in ("intention to treat", "counterfactual")
    ]
    if groups:
        rows = [(group_in_words(e.subgroup, e.level), *_row(e)[1:]) for e in groups]
        yield f"<details><summary>Subgroups</summary>{table(('Group', *HEADER), rows)}</details>"


def _row(effect: Effect) -> tuple[str, ...]:
    n = f"{effect.n_arm}" if effect.analysis == "counterfactual" else f"{effect.n_arm} + {effect.n_control}"
    unit = unit_text(effect.unit)
    adjusted = f" (Holm {effect.p_holm:.2g})" if math.isfinite(effect.p_holm) else ""
    return (
        f"{effect.words}{f', {unit}' if unit else ''} ({effect.role})",
        effect.analysis,
        effect.arm,
        n,
        f"{effect.mean_arm:.4g}",
        f"{effect.mean_control:.4g}",
        interval(effect.difference, effect.ci_low, effect.ci_high, 3),
        f"{p_in_words(effect.p)}{adjusted}",
    )


def _responders(trial: Trial, findings: Findings, folder: Path) -> Iterator[str]:
    if not findings.responders:
        return
    words = responder_in_words(trial)
    yield _text("Responders", "h2")
    yield picture(
        responder_bars(trial, findings.responders, words), folder, "responders", "Responders by arm"
    )
    rows = [
        (group_in_words(row.subgroup, row.level), row.arm, share_in_words(row.found))
        for row in findings.responders
    ]
    yield table(("Group", "Arm", "Responders [95 %, Wilson]"), rows)


def _power(trial: Trial, findings: Findings, folder: Path) -> Iterator[str]:
    yield _text("Power", "h2")
    if any(math.isfinite(point.power) for curve in findings.power for point in curve.points):
        yield picture(power_curves(trial, findings), folder, "power", "Power over the number of patients")
    for curve in findings.power:
        yield _text(power_in_words(trial, curve))
    primary = in_words(trial.endpoints[0], trial.baseline_day, trial.end_day)
    yield _text(
        f"Welch's test of {primary}, two-sided at {trial.file.power.alpha:g}. The spread is that of virtual "
        "patients; real ones differ in more than the cohort draws, so that a real trial needs more of them.",
        "p class=quiet",
    )


def _courses(trial: Trial, patients: Patients, folder: Path) -> Iterator[str]:
    yield _text("Time courses", "h2")
    drawn = time_courses(trial, patients, shown_readouts(trial, patients))
    yield picture(drawn, folder, "time-courses", "Readouts over time by arm")


def _notes(trial: Trial, found: Screened, patients: Patients) -> Iterator[str]:
    lines = list(trial.notes)
    if found.missing:
        lines.append(
            f"{len(found.missing)} runs of the screening are missing; they change who is allocated what"
        )
    missing = [p for p in patients.included if patients.followed(p) is None]
    if missing:
        lines.append(f"runs of patients {', '.join(map(str, missing))} are missing")
    if lines:
        yield _text("Notes", "h2")
        yield f"<ul>{''.join(_text(line, 'li') for line in lines)}</ul>"
