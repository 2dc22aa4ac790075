"""An optimisation: the patients, what may be given, what is measured of a schedule."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lobule.case import Case, load_case
from lobule.doses import (
    HOURS_PER_DAY,
    EVDose,
    Hepatectomy,
    IronInjection,
    MSCDose,
    Phlebotomy,
    Transfusion,
    Treatment,
)
from lobule.errors import InputError
from lobule.experiments.comparisons.comparefile import Endpoint
from lobule.experiments.comparisons.comparison import in_words, measured
from lobule.experiments.optimisations.menu import Menu, Values
from lobule.experiments.optimisations.optimisefile import Limit, Objective, OptimiseFile, Quantity, optimise_file
from lobule.experiments.optimisations.search import Outcome
from lobule.experiments.sweeps.courses import Array, Course, reduced
from lobule.experiments.sweeps.plan import Plan
from lobule.experiments.sweeps.planning import make_plan
from lobule.experiments.sweeps.sweepfile import located, settings_in
from lobule.readouts import READOUTS

VISITS = (MSCDose, EVDose, Phlebotomy, Transfusion, IronInjection, Hepatectomy)
"""What a patient has to come for; tablets, pumps and habits are for home."""
UNITS: Mapping[Quantity, str] = {"cells": "cells", "doses": "doses", "visits": "visits"}
MEANINGS: Mapping[Quantity, str] = {
    "cells": "mesenchymal stem cells given in all, as planned",
    "doses": "doses of all kinds, as planned",
    "visits": "visits, as planned",
}
NOTHING = "no treatment"
"""Name of the arm with nothing but what the case gives."""


@dataclass(frozen=True)
class Optimisation:
    """What is searched, and how much.

    Attributes
    ----------
    file : OptimiseFile
        What the file says.
    path : Path
        Where it is.
    base : Case
        The patient without the treatments that are searched.
    menu : Menu
        What may be given.
    patients, check_patients, generations, population, front : int
        As in the file, or under ``[quick]``.
    """

    file: OptimiseFile
    path: Path
    base: Case
    menu: Menu
    patients: int
    check_patients: int
    generations: int
    population: int
    front: int

    @property
    def name(self) -> str:
        """Name of the optimisation."""
        return self.file.name or self.path.stem

    @property
    def end_day(self) -> float:
        """Last day of the runs."""
        return self.base.end_hours / HOURS_PER_DAY

    @property
    def goals(self) -> list[str]:
        """Which way each objective is better."""
        return [objective.goal for objective in self.file.objectives]

    @property
    def signs(self) -> Array:
        """By what an objective is multiplied so that less is better."""
        return np.array([1.0 if goal == "minimise" else -1.0 for goal in self.goals])

    def case(self, doses: Sequence[Treatment]) -> Case:
        """Return the case of a schedule."""
        return load_case(self.base, {"treatments": _beside(self.base, doses)}) if doses else self.base

    def plan(self, name: str, schedules: Mapping[str, Values | None], check: bool = False) -> Plan:
        """Return the runs of some schedules.

        Parameters
        ----------
        name : str
            Name of the plan.
        schedules : mapping of str to values
            What was decided for each; None for nothing but what the case gives.
        check : bool
            With the fresh patients instead of those of the search.
        """
        arms = {}
        for arm, values in schedules.items():
            doses = () if values is None else self.menu.doses(values)
            arms[arm] = {"treatments": _beside(self.base, doses)} if doses else {}
        first = self.patients if check else 0
        number = self.check_patients if check else self.patients
        replicates = range(first, first + number)
        return make_plan(name, [self.base], {}, replicates, arms=arms, root=self.file.seed, label=str(self.path))

    def outcome(self, case: Case, courses: Sequence[Course]) -> Outcome:
        """Return what a schedule comes to.

        Parameters
        ----------
        case : Case
            The case with the schedule.
        courses : sequence of Course
            What was recorded of each patient.
        """
        branch = self.file.branch_day
        found = [
            [quantity_of(o.quantity, case)] * len(courses)
            if o.quantity is not None
            else [measured(o, course, branch) for course in courses]
            for o in self.file.objectives
        ]
        held = [
            [quantity_of(limit.quantity, case)]
            if limit.quantity is not None
            else [limited(limit, course, branch) for course in courses]
            for limit in self.file.limits
        ]
        numbers = [value for row in (*found, *held) for value in row]
        if not all(map(math.isfinite, numbers)):
            return Outcome((), failure="an objective or a limit has no number")
        n = len(courses)
        errors = [float(np.std(row, ddof=1)) / math.sqrt(n) if n > 1 else math.nan for row in found]
        ends = [max(zip(map(limit_violation(limit), row), row)) for limit, row in zip(self.file.limits, held, strict=True)]
        return Outcome(
            tuple(float(np.mean(row)) for row in found),
            tuple(errors),
            tuple(value for _, value in ends),
            tuple(violation for violation, _ in ends),
        )


def _beside(base: Case, doses: Sequence[Treatment]) -> list[dict[str, object]]:
    """Return the treatments of the base case, and `doses` beside them, as tables."""
    return [dose.model_dump(exclude_none=True) for dose in (*base.treatments, *doses)]


def limit_violation(limit: Limit):  # noqa: D103
    ...
