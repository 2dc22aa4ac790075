"""What a schedule comes to: objectives and limits of the runs of its patients."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from lobule.case import Case
from lobule.doses import (
    HOURS_PER_DAY,
    EVDose,
    Hepatectomy,
    IronInjection,
    MSCDose,
    Phlebotomy,
    Transfusion,
)
from lobule.experiments.comparisons.comparefile import Endpoint
from lobule.experiments.comparisons.comparison import in_words, measured
from lobule.experiments.optimisations.optimisefile import Limit, Objective, Quantity
from lobule.experiments.optimisations.problem import Optimisation
from lobule.experiments.optimisations.search import Outcome
from lobule.experiments.sweeps.courses import Course
from lobule.readouts import READOUTS

VISITS = (MSCDose, EVDose, Phlebotomy, Transfusion, IronInjection, Hepatectomy)
"""What a patient has to come for; tablets and habits are for home."""
MEANINGS: Mapping[Quantity, tuple[str, str]] = {
    "cells": ("cells", "mesenchymal stem cells planned in all"),
    "doses": ("doses", "doses planned, all treatments"),
    "visits": ("visits", "visits planned"),
}


def quantity_of(quantity: Quantity, case: Case) -> float:
    """Return a quantity of a schedule as it is planned, whatever its conditions then hold back."""
    planned = [
        visit for visit in case.visits() if visit.dose.doses is None or visit.number < visit.dose.doses
    ]
    if quantity == "doses":
        return float(len(planned))
    if quantity == "visits":
        return float(len({visit.hours for visit in planned if isinstance(visit.dose, VISITS)}))
    from lobule.parameters import parameter_values
    from lobule.subjects import growth_of

    growth = growth_of(case, parameter_values(case)["body"])
    age = case.subject.age_days
    return sum(
        visit.dose.amount(growth.at(age + visit.hours / HOURS_PER_DAY).body_weight)
        for visit in planned
        if isinstance(visit.dose, MSCDose)
    )


def outcome_of(optimisation: Optimisation, case: Case, courses: Sequence[Course]) -> Outcome:
    """Return what a schedule comes to.

    Parameters
    ----------
    optimisation : Optimisation
        What is measured.
    case : Case
        The case with the schedule.
    courses : sequence of Course
        What was recorded of each patient.
    """
    branch, n = optimisation.file.branch_day, len(courses)
    means, errors, worst, violations = [], [], [], []
    for objective in optimisation.objectives:
        if objective.quantity is not None:
            means.append(quantity_of(objective.quantity, case))
            errors.append(0.0)
            continue
        found = [measured(objective, course, branch) for course in courses]
        means.append(float(np.mean(found)))
        errors.append(float(np.std(found, ddof=1)) / math.sqrt(n) if n > 1 else math.nan)
    for limit in optimisation.limits:
        if limit.quantity is not None:
            held = [quantity_of(limit.quantity, case)]
        else:
            held = [limited(limit, course, branch) for course in courses]
        violation, value = max((_violation(limit, value), value) for value in held)
        worst.append(value)
        violations.append(violation)
    for entry, value in zip(optimisation.entries, (*means, *worst), strict=True):
        if not math.isfinite(value):
            return Outcome((), failure=f"{entry.quantity or entry.readout} has no number in some patient")
    compared = [
        mean if o.resolution is None else o.resolution * round(mean / o.resolution)
        for o, mean in zip(optimisation.objectives, means, strict=True)
    ]
    return Outcome(tuple(means), tuple(errors), tuple(worst), tuple(violations), tuple(compared))


def limited(limit: Limit, course: Course, branch_day: float) -> float:
    """Return what one run says of a limit; NaN where there is no number."""
    if limit.at == "min":  # the lowest value is the highest of the negative ones
        turned = {**course, limit.readout: -course[limit.readout]}
        return -measured(Endpoint(readout=limit.readout, at="max"), turned, branch_day)
    return measured(Endpoint(readout=limit.readout, at=limit.at), course, branch_day)


def _violation(limit: Limit, value: float) -> float:
    """Return how far beyond a limit a value is over the size of the limit; 0 or less where it holds."""
    beyond = [
        gap / (abs(bound) or 1.0)
        for bound, gap in (
            (limit.above, (limit.above or 0.0) - value),
            (limit.below, value - (limit.below or 0.0)),
        )
        if bound is not None
    ]
    return math.inf if math.isnan(value) else max(beyond)


def unit_of(entry: Objective | Limit) -> str:
    """Return the unit of an objective or a limit."""
    if entry.quantity is not None:
        return MEANINGS[entry.quantity][0]
    return READOUTS[entry.readout][0]


def label_of(entry: Objective | Limit, optimisation: Optimisation) -> str:
    """Return what an objective or a limit is called."""
    return entry.label or words_of(entry, optimisation)


def words_of(entry: Objective | Limit, optimisation: Optimisation) -> str:
    """Return in words what is measured."""
    if entry.quantity is not None:
        return MEANINGS[entry.quantity][1]
    if isinstance(entry, Limit) and entry.at == "min":
        meaning = READOUTS[entry.readout][1]
        return f"lowest {meaning}, day {optimisation.file.branch_day:g} to {optimisation.end_day:g}"
    plain = entry if isinstance(entry, Endpoint) else Endpoint(readout=entry.readout, at=entry.at)
    return in_words(plain, optimisation.file.branch_day, optimisation.end_day)


def bounds_of(limit: Limit) -> str:
    """Return what a limit allows, such as ``"at least 11 g/dL"``."""
    unit = "" if unit_of(limit) == "-" else f" {unit_of(limit)}"
    words = [f"at least {limit.above:g}{unit}"] if limit.above is not None else []
    words += [f"at most {limit.below:g}{unit}"] if limit.below is not None else []
    return ", ".join(words)
