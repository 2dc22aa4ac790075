"""A trial: its patients, its runs as plans of sweeps, and the day each patient leaves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lobule.case import Case, load_case
from lobule.cohort import flat
from lobule.distributions import Choice
from lobule.doses import HOURS_PER_DAY
from lobule.errors import InputError, shown
from lobule.experiments.comparisons.comparison import changes_of
from lobule.experiments.studyfiles import check_endpoints, check_species
from lobule.experiments.sweeps.design import Point
from lobule.experiments.sweeps.plan import Arm, Plan, replicate_seed
from lobule.experiments.sweeps.planning import make_plan
from lobule.experiments.sweeps.sweepfile import located, settings_in
from lobule.experiments.trials.allocation import allocate, drop_out_day
from lobule.experiments.trials.trialfile import TRIALS, Subgroup, TrialArm, TrialEndpoint, TrialFile


@dataclass(frozen=True)
class Trial:
    """What is run, and what is read of it.

    Attributes
    ----------
    file : TrialFile
        What the file says.
    label : str
        What messages begin with.
    name : str
        Name of the trial.
    base : Case
        The case that all arms share, with its cohort.
    cases : mapping of str to Case
        The case of each arm, in the order of the file.
    arms : mapping of str to TrialArm
        The arms by name.
    control : str
        The arm that all others are held against.
    baseline_day, end_day : float
        Day from which changes are counted, and the last one.
    patients : int
        Patients screened.
    endpoints : tuple of TrialEndpoint
        What is measured, the primary endpoint first.
    notes : tuple of str
        What a shorter run or a quick look leaves out.
    """

    file: TrialFile
    label: str
    name: str
    base: Case
    cases: Mapping[str, Case]
    arms: Mapping[str, TrialArm]
    control: str
    baseline_day: float
    end_day: float
    patients: int
    endpoints: tuple[TrialEndpoint, ...]
    notes: tuple[str, ...]

    @property
    def is_counterfactual(self) -> bool:
        """Whether every patient is in every arm."""
        return self.file.design == "counterfactual"

    @property
    def treated(self) -> list[str]:
        """Names of the arms that are held against the control."""
        return [name for name in self.arms if name != self.control]

    def seed(self, patient: int) -> int:
        """Return the seed of a patient."""
        return replicate_seed(self.file.seed, patient)

    def screening(self) -> Plan | None:
        """Return the plan of the screening, up to its last visit; None where everyone is included."""
        if not self.file.inclusion:
            return None
        days = max(criterion.at_day for criterion in self.file.inclusion)
        hours = max(self.base.clock.step_start(days * HOURS_PER_DAY), self.base.clock.phases[0].step_hours)
        short, _ = self.base.with_days(hours / HOURS_PER_DAY)
        visits = {"record.every_hours": self.base.clock.phases[0].step_hours, "record.snapshot_days": []}
        case = load_case(short, visits | {"record.final_snapshot": False})
        name = f"{self.name} screening"
        return make_plan(name, {"screening": case}, {}, range(self.patients), root=self.file.seed)

    def allocation(self, included: Sequence[int]) -> dict[int, str]:
        """Return the arm of each included patient."""
        shares = {name: arm.share for name, arm in self.arms.items()}
        return allocate(included, shares, self.file.seed)

    def out_day(self, patient: int) -> float:
        """Return the day a patient leaves, infinite where he stays to the end."""
        file = self.file
        day = drop_out_day(patient, file.drop_out_percent_per_year, self.baseline_day, file.seed)
        return day if day < self.end_day else math.inf

    def plan(self, included: Sequence[int]) -> Plan:
        """Return the plan of the trial.

        Arms come first, whose patients are treated to the end, then one for each patient who leaves. In a
        counterfactual design every patient is in every arm.
        """
        given = self.allocation(included)
        leaving = [patient for patient in included if math.isfinite(self.out_day(patient))]
        names = list(self.arms)
        arms = [Arm(name, case) for name, case in self.cases.items()]
        arms += [Arm(left_name(given[p], p), self.left_case(given[p], p)) for p in leaving]
        own = [(names.index(given[patient]), patient) for patient in included if patient not in set(leaving)]
        if self.is_counterfactual:
            own = [(arm, patient) for patient in included for arm in range(len(names))]
        own += [(len(names) + i, patient) for i, patient in enumerate(leaving)]
        points = [Point((), None)]
        return Plan(self.name, arms, [], points, list(included), self.file.seed, label=self.label, only=own)

    def left_case(self, arm: str, patient: int) -> Case:
        """Return the case of a patient whose treatment in `arm` ends the day he leaves."""
        case, last = self.cases[arm].for_subject(self.seed(patient)), self.out_day(patient)
        first = len(self.base.treatments)
        kept = [dose for i, dose in enumerate(case.treatments) if i < first or dose.day < last]
        cut = []
        for i, dose in enumerate(kept):
            ends = dose.every_days is not None and (dose.until_day is None or dose.until_day > last)
            cut.append(dose.model_copy(update={"until_day": last}) if i >= first and ends else dose)
        drawn = tuple(key for key in case.drawn if not key.startswith("treatments."))
        return case.model_copy(update={"treatments": tuple(cut), "drawn": drawn})


def left_name(arm: str, patient: int) -> str:
    """Return the name of the arm of one patient who leaves."""
    return f"{arm}, patient {patient} until drop-out"


def read_trial(file: Path, *, quick: bool = False) -> Trial:
    """Return the trial that a file, or a built-in one by its name, describes.

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
    path, table = TRIALS.read(file, TrialFile)
    try:
        return _made(path, table, quick)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _made(path: Path, table: TrialFile, quick: bool) -> Trial:
    days = table.quick.days if quick and table.quick.days is not None else table.days
    base = _base(path, table, quick)
    base, left_out = (base, []) if days is None else base.with_days(days)
    end = base.end_hours / HOURS_PER_DAY
    arms = {arm.name: arm for arm in table.arms}
    cases = {}
    for name, arm in arms.items():
        changes = changes_of(base, arm.add, arm.settings, path)
        try:
            cases[name] = load_case(base, changes)
        except InputError as error:
            raise InputError(f"arm {shown(name)}: {error}") from None
    first = [dose.day for arm in table.arms for dose in arm.add]
    baseline = table.baseline_day if table.baseline_day is not None else min(first, default=0.0)
    if baseline >= end:
        raise InputError(f"baseline_day = {baseline:g} -> must be before the end, day {end:g}")
    _check_days(table, base, baseline, min(first, default=end))
    _check_species(table, base)
    endpoints, notes = _endpoints(table, end, quick)
    named: list[tuple[str, Any]] = [("endpoint", endpoint) for endpoint in endpoints]
    named += [] if table.responder is None else [("responder", table.responder)]
    notes = (*notes, *dict.fromkeys(check_endpoints(named, base, baseline, min(first, default=end))))
    patients = min(table.quick.patients, table.patients) if quick else table.patients
    control = table.control or table.arms[0].name
    return Trial(
        table, str(path), table.name or path.stem, base, cases, arms, control, baseline, end, patients,
        endpoints, (*left_out, *notes),
    )  # fmt: skip


def _base(path: Path, table: TrialFile, quick: bool) -> Case:
    settings = settings_in(table.settings, path)
    settings |= {f"record.{key}": value for key, value in table.record if value is not None}
    settings |= {f"cohort.{key}": entry for key, entry in flat(table.cohort).items()}
    settings |= settings_in(table.quick.settings, path) if quick else {}
    return load_case(located(table.case, path), settings)


def _check_days(table: TrialFile, base: Case, baseline: float, first: float) -> None:
    """Refuse what would be looked at before treatment but lies after it or the baseline, and wrong groups."""
    days: Iterable[tuple[str, Any]] = [
        *((f"inclusion.{i}.at_day", entry.at_day) for i, entry in enumerate(table.inclusion)),
        *((f"subgroups.{i}.at_day", entry.at_day) for i, entry in enumerate(table.subgroups)),
    ]
    for key, day in days:
        if day is not None and day > baseline:
            raise InputError(f"{key} = {day:g} -> is after the baseline, day {baseline:g}")
        if day is not None and day > first:
            raise InputError(f"{key} = {day:g} -> is after the first treatment, day {first:g}")
    for i, group in enumerate(table.subgroups):
        if group.key is not None:
            _check_key(group, base, f"subgroups.{i}")


def _check_species(table: TrialFile, base: Case) -> None:
    """Refuse readouts that are never a number in the species of the case."""
    named = [
        (f"{key}.{i}", entry.readout)
        for key in ("inclusion", "endpoints", "subgroups")
        for i, entry in enumerate(getattr(table, key))
    ]
    named += [] if table.responder is None else [("responder", table.responder.readout)]
    check_species(((f"{key}.readout", name) for key, name in named if name is not None), base)


def _check_key(group: Subgroup, base: Case, at: str) -> None:
    if group.key not in base.cohort:
        there = ", ".join(base.cohort) or "none"
        raise InputError(f"{at}.key = {shown(group.key)} -> is not drawn by the cohort; there are {there}")
    drawn = base.cohort[group.key]
    values = drawn.values if isinstance(drawn, Choice) else ()
    if group.cut is not None and not all(isinstance(value, int | float) for value in values):
        raise InputError(
            f"{at}.cut = {group.cut:g} -> {group.key} is drawn from {shown([*values])}: use levels"
        )
    for level in group.levels or ():
        if level not in values:
            there = f"one of {shown([*values])}" if values else "a number between others: use cut"
            raise InputError(f"{at}.levels -> {shown(level)} is not drawn; {group.key} is {there}")


def _endpoints(
    table: TrialFile, end: float, quick: bool
) -> tuple[tuple[TrialEndpoint, ...], tuple[str, ...]]:
    """Return the endpoints, the primary first; one after the end is refused, or left out of a quick look."""
    kept, notes = [], []
    entries = [(f"endpoints.{i}", entry) for i, entry in enumerate(table.endpoints)]
    first = next((i for i, (_, entry) in enumerate(entries) if entry.primary), 0)
    entries = [entries[first], *entries[:first], *entries[first + 1 :]]
    responder = [] if table.responder is None else [("responder", table.responder)]
    for key, entry in [*entries, *responder]:
        if not isinstance(entry.at, str) and entry.at > end:
            line = f"{key}.at = {entry.at:g} -> is after the end, day {end:g}"
            if not quick or entry is entries[0][1] or key == "responder":
                raise InputError(line)
            notes.append(f"{line}, and is left out")
        elif isinstance(entry, TrialEndpoint):
            kept.append(entry)
    return tuple(kept), tuple(notes)
