"""The case: who is ill, of what, in which piece of tissue, for how long and how treated.

A case file is TOML; `load_case` reads one, or a built-in case by its name, and refuses whatever is wrong
in it with one line (`InputError`).
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from os import PathLike, fspath
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from lobule.casefile import explain_errors, read_toml, to_toml
from lobule.cohort import check_cohort, flat, subject_of
from lobule.distributions import Distribution, Value
from lobule.doses import HOURS_PER_DAY, TOLERANCE_HOURS, Section, Treatment
from lobule.errors import InputError, nearest, shown
from lobule.plausibility import check_map, check_scar, check_times
from lobule.schedule import Visit, visits_of
from lobule.sections import Clock, Diet, Record, Start, Subject, Tissue
from lobule.settings import apply_settings, check_parameter, checked_rules, flatten
from lobule.tissue_map import with_map, without_displaced

FORMAT = 1


class Case(Section):
    """A whole case, checked. See `load_case`."""

    format: Literal[1]
    """Version of the format of this file."""
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    """Short name: lower-case letters, digits, hyphens; run folders are named by it."""
    title: str = Field(default="", max_length=200)
    """One line that says what the case is."""
    description: str = ""
    """What it stands for and where it comes from."""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """Seed of a run that is given no other."""
    evidence: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Published data sets printed beside the readouts."""
    subject: Subject
    start: Start = Start()
    tissue: Tissue = Tissue()
    clock: Clock
    diet: Diet = Diet()
    treatments: Annotated[tuple[Treatment, ...], Field(strict=False)] = ()
    record: Record = Record()
    parameters: dict[str, float] = Field(default_factory=dict)
    """Changes of declared parameters by dotted name, such as "hepatocyte.export_rate"."""
    rules: Annotated[tuple[dict[str, Any], ...], Field(strict=False)] = ()
    """Rows that change or add rules; the keys are those of the rules table."""
    cohort: dict[str, Distribution] = Field(default_factory=dict)
    """What differs between subjects: a distribution by dotted key; the seed of a run is its subject."""
    drawn: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Keys whose values were drawn from a cohort for this subject; runs write it."""

    @field_validator("parameters", mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        return flatten(value) if isinstance(value, dict) else value

    @field_validator("cohort", mode="before")
    @classmethod
    def _flat_cohort(cls, value: Any) -> Any:
        return flat(value)

    @field_validator("parameters")
    @classmethod
    def _declared(cls, value: dict[str, float]) -> dict[str, float]:
        for key, number in value.items():
            check_parameter(key, number)
        return value

    @model_validator(mode="after")
    def _rules_agree(self) -> Self:
        if self.rules:
            checked_rules(self.rules, self.subject.species, self.parameters)
        return self

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        check_scar(self)
        check_map(self)
        check_times(self)
        return self

    @model_validator(mode="after")
    def _ends_of_the_cohort_are_possible(self) -> Self:
        for key, value, where in check_cohort(self):
            self._with_values({key: value}, where)
        return self

    def for_subject(self, seed: int) -> Case:
        """Return the case of the subject `seed` of the cohort: without a cohort, its draws in place.

        Raises
        ------
        InputError
            If what was drawn does not go together.
        """
        if not self.cohort:
            return self
        return self._with_values(subject_of(self, seed), f"{self.name}, subject {seed}")

    def _with_values(self, values: Mapping[str, Value], label: str) -> Case:
        data = self.model_dump(exclude_none=True, exclude={"cohort"}) | {"drawn": list(values)}
        return _checked(apply_settings(data, values, Case), lambda key: label)

    @property
    def end_hours(self) -> float:
        """Length of the run (h)."""
        return self.clock.end_hours

    def events(self) -> list[tuple[float, Treatment]]:
        """Return every dose with the hour it is due, in order of time; its conditions may still forbid it.

        Returns
        -------
        list of (float, Treatment)
            Hours since the start, and the dose. A dose is given at the start of the first step at or after
            its time; one due when the run ends is not given. Doses of one hour keep the order of the file.
        """
        return [(visit.hours, visit.dose) for visit in self.visits()]

    def visits(self) -> list[Visit]:
        """Return the same as visits, each with its course and its number in it."""
        return visits_of(self.treatments, self.clock.step_start, self.end_hours)

    def to_toml(self) -> str:
        """Return the case as a case file; reading it back gives an equal case."""
        data = self.model_dump(exclude_none=True)
        return to_toml({key: value for key, value in data.items() if value not in ((), {}, "")})

    def to_json(self) -> str:
        """Return the case as JSON; `from_json` gives an equal case."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str) -> Case:
        """Return the case that `to_json` wrote.

        Raises
        ------
        InputError
            If `text` is no such case.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            data = None if error.errors()[0]["type"] == "json_invalid" else json.loads(text)
            raise InputError(explain_errors(error, cls, data, lambda key: "case")) from None

    def with_days(self, days: float) -> tuple[Case, list[str]]:
        """Return the case cut or extended to `days`, and a line for each thing that is left out by that.

        Phases are cut at the end, or the last one is extended; doses and snapshots after the end are dropped.

        Raises
        ------
        InputError
            If `days` is not a positive whole number of steps.
        """
        is_number = isinstance(days, int | float) and not isinstance(days, bool)
        if not (is_number and math.isfinite(days) and days > 0):
            raise InputError(f"days = {shown(days)} -> must be a number more than 0")
        clock = self._clock_of(float(days))
        notes: list[str] = []
        kept: list[Treatment] = []
        cohort = {key: entry for key, entry in self.cohort.items() if not key.startswith("treatments.")}
        for i, dose in enumerate(self.treatments):
            name = f"treatments.{i} ({dose.kind}"
            is_left_out = clock.step_start(dose.day * HOURS_PER_DAY) >= clock.end_hours
            if not is_left_out:
                before, now = f"treatments.{i}.", f"treatments.{len(kept)}."
                own = {key: entry for key, entry in self.cohort.items() if key.startswith(before)}
                cohort |= {now + key.removeprefix(before): entry for key, entry in own.items()}
            if is_left_out:
                notes.append(f"{name}, day {dose.day:g}) is after day {days:g} and is left out")
            elif dose.until_day is not None and dose.until_day > days:
                notes.append(f"{name}) ends on day {days:g}, not on day {dose.until_day:g}")
                kept.append(dose.model_copy(update={"until_day": float(days)}))
            else:
                kept.append(dose)
        snapshot_days = tuple(day for day in self.record.snapshot_days if day <= days)
        if late := [f"{day:g}" for day in self.record.snapshot_days if day > days]:
            notes.append(f"record.snapshot_days after day {days:g} are left out: {', '.join(late)}")
        record = self.record.model_copy(update={"snapshot_days": snapshot_days})
        changed = {"clock": clock, "treatments": tuple(kept), "record": record, "cohort": cohort}
        return self.model_copy(update=changed), notes

    def _clock_of(self, days: float) -> Clock:
        phases: list[dict[str, float]] = []
        asked = days
        for i, phase in enumerate(self.clock.phases):
            is_last = i == len(self.clock.phases) - 1
            length = days if is_last else min(days, phase.days)
            if length * HOURS_PER_DAY > TOLERANCE_HOURS:
                phases.append({"days": length, "step_hours": phase.step_hours})
            days -= length
        if not phases:
            step = self.clock.phases[0].step_hours
            raise InputError(f"days = {asked:g} -> must be a whole number of steps of {step:g} h")
        try:
            return Clock.model_validate({"phases": phases})
        except ValidationError as error:
            raise InputError(explain_errors(error, Clock, {"phases": phases}, lambda key: "days")) from None


def builtin_cases() -> dict[str, str]:
    """Return the title of every built-in case by its name."""
    folder = files("lobule") / "cases"
    names = sorted(e.name.removesuffix(".toml") for e in folder.iterdir() if e.name.endswith(".toml"))
    return {name: tomllib.loads((folder / f"{name}.toml").read_text("utf-8"))["title"] for name in names}


def load_case(case: str | PathLike[str] | Case, settings: Mapping[str, object] | None = None) -> Case:
    """Read and check a case.

    Parameters
    ----------
    case : str, path or Case
        Name of a built-in case, path of a TOML file, or a case, which is returned unless there are settings.
    settings : mapping of str to object, optional
        Changes by dotted name: of the case (``"tissue.lobules"``, ``"treatments.0.cells"``) or of declared
        parameters (``"hepatocyte.export_rate"``).

    Returns
    -------
    Case
        Checked and frozen.

    Raises
    ------
    InputError
        One line naming file, key, value, what is allowed and the nearest valid name.
    """
    if isinstance(case, Case):
        if not settings:
            return case
        data, label = case.model_dump(exclude_none=True), case.name
        folder = Path()
    else:
        path, label = _find(case)
        data, folder = read_toml(path, label), path.parent
    _check_format(data, label)
    data = with_map(without_displaced(data, settings or {}), folder, label)
    if not settings:
        return _checked(data, lambda key: label)
    changed = with_map(apply_settings(data, settings, Case), Path(), "setting")
    touched = [*settings, *(f"parameters.{key}" for key in settings)]

    def origin(key: str) -> str:
        return "setting" if any(key == k or key.startswith(f"{k}.") for k in touched) else label

    return _checked(changed, origin)


def _find(case: str | PathLike[str]) -> tuple[Path, str]:
    """Return the path of a case file and what messages call it."""
    if not isinstance(case, str | PathLike):
        raise InputError(f"case = {shown(case)} -> must be the name of a case or the path of a case file")
    text = fspath(case)
    if "\0" in text or not text:
        raise InputError(f"{shown(text)} -> no name of a case and no path of a case file")
    builtin = files("lobule") / "cases" / f"{text}.toml"
    names = builtin_cases()
    if text in names:
        return Path(str(builtin)), text
    path = Path(text)
    if path.suffix.lower() == ".toml" or path.exists() or "/" in text or "\\" in text:
        return path, text
    hint = nearest(text, names)
    raise InputError(
        f"{shown(text)} -> no built-in case and no file; the built-in cases are {', '.join(names)}{hint}"
    )


def _check_format(data: Mapping[str, Any], label: str) -> None:
    version = data.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise InputError(f"{label}: this file has format {shown(version)}; this version reads {FORMAT}")
    if version is None:
        raise InputError(f"{label}: format is missing -> a case file begins with: format = {FORMAT}")


def _checked(data: Mapping[str, Any], label: Any) -> Case:
    if "cohort" in data:
        data = {**data, "cohort": flat(data["cohort"])}
    try:
        return Case.model_validate(data)
    except ValidationError as error:
        raise InputError(explain_errors(error, Case, data, label)) from None
