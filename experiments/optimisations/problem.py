"""An optimisation: the patients, what may be given, the runs of schedules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lobule.case import Case, load_case
from lobule.doses import HOURS_PER_DAY
from lobule.errors import InputError
from lobule.experiments.optimisations.menu import Menu, Values
from lobule.experiments.optimisations.optimisefile import OPTIMISATIONS, Limit, Objective, OptimiseFile
from lobule.experiments.studyfiles import check_species
from lobule.experiments.sweeps.plan import Plan
from lobule.experiments.sweeps.planning import given_beside, make_plan
from lobule.experiments.sweeps.sweepfile import located, settings_in

NOTHING = "as the case is"
"""Name of the arm that is given nothing but what the case gives."""
UNSNAPPED: dict[str, Any] = {"record.snapshot_days": [], "record.final_snapshot": False}


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
        The patient, without the treatments that are searched.
    menu : Menu
        What may be given.
    patients, check_patients, generations, population, front : int
        As in the file, or under ``[quick]``.
    notes : tuple of str
        Treatments of the case that come after the end.
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
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the optimisation."""
        return self.file.name or self.path.stem

    @property
    def end_day(self) -> float:
        """Last day of the runs."""
        return self.base.end_hours / HOURS_PER_DAY

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What is wanted."""
        return self.file.objectives

    @property
    def limits(self) -> tuple[Limit, ...]:
        """What must hold."""
        return self.file.limits

    @property
    def entries(self) -> tuple[Objective | Limit, ...]:
        """Objectives, then limits."""
        return (*self.objectives, *self.limits)

    def case(self, values: Values | None) -> Case:
        """Return the case with a schedule; None stands for nothing but what the case gives."""
        return load_case(self.base, self._changes(values))

    def _changes(self, values: Values | None) -> dict[str, Any]:
        doses = () if values is None else self.menu.doses(values)
        return given_beside(self.base, doses) if doses else {}

    def plan(self, name: str, schedules: Mapping[str, Values | None], *, fresh: bool = False) -> Plan:
        """Return the runs of schedules.

        Parameters
        ----------
        name : str
            What is added to the name of the optimisation.
        schedules : mapping of str to values
            What was decided, by the name of the arm; None for nothing but what the case gives.
        fresh : bool
            With the patients of the check instead of those of the search.
        """
        number = self.check_patients if fresh else self.patients
        first = self.patients if fresh else 0
        return make_plan(
            f"{self.name} {name}",
            [self.base],
            {},
            range(first, first + number),
            arms={arm: self._changes(values) for arm, values in schedules.items()},
            root=self.file.seed,
            label=str(self.path),
        )


def read_optimisation(file: Path, *, quick: bool = False) -> Optimisation:
    """Return the optimisation that a file, or a built-in one by its name, describes.

    Parameters
    ----------
    file : Path
        The file, or the name.
    quick : bool
        With what the file says under ``[quick]``.

    Raises
    ------
    InputError
        One line naming the file, the key, the value, what is allowed and the nearest valid name.
    """
    path, table = OPTIMISATIONS.read(file, OptimiseFile)
    try:
        return _made(path, table, quick)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _made(path: Path, table: OptimiseFile, quick: bool) -> Optimisation:
    less = {key: value for key, value in table.quick if quick and value is not None and key != "settings"}
    sizes = {
        "patients": table.patients,
        "check_patients": table.check_patients,
        "generations": table.generations,
    }
    sizes |= {"population": table.population, "front": table.front, **less}
    if sizes["check_patients"] is None:
        sizes["check_patients"] = sizes["patients"]
    settings = settings_in(table.settings, path)
    settings |= settings_in(table.quick.settings, path) if quick else {}
    recorded = {f"record.{key}": value for key, value in table.record if value is not None}
    base = load_case(located(table.case, path), settings | UNSNAPPED | recorded)
    base, notes = (base, []) if table.days is None else base.with_days(table.days)
    found = Optimisation(table, path, base, Menu(table.treatments), **sizes, notes=tuple(notes))  # type: ignore[arg-type]
    _check_entries(found)
    for values in found.menu.corners():
        _check_case(found, values)
    return found


def _check_case(optimisation: Optimisation, values: Values) -> None:
    """Refuse what the patient cannot be given; the treatments of the case come before those of the file."""
    before = len(optimisation.base.treatments)
    try:
        optimisation.case(values)
    except InputError as error:
        first, _, rest = str(error).partition("treatments.")
        number, dot, words = rest.partition(".")
        if number.isdecimal() and int(number) >= before:
            raise InputError(f"treatments.{int(number) - before}{dot}{words}") from None
        raise InputError(f"{first}{rest and 'treatments.'}{rest}") from None


def _check_entries(optimisation: Optimisation) -> None:
    end = optimisation.end_day
    if optimisation.file.branch_day >= end:
        raise InputError(
            f"branch_day = {optimisation.file.branch_day:g} -> must be before the end, day {end:g}"
        )
    for i, entry in enumerate(optimisation.entries):
        number = len(optimisation.objectives)
        name = f"objectives.{i}" if i < number else f"limits.{i - number}"
        check_species([(f"{name}.readout", entry.readout)], optimisation.base)
        if not isinstance(entry.at, str) and entry.at > end:
            raise InputError(f"{name}.at = {entry.at:g} -> is after the end, day {end:g}")
