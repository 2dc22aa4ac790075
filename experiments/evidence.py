"""Published data sets: read and checked, to stand beside what was simulated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from lobule.case import Case, load_case
from lobule.casefile import explain_errors, read_toml
from lobule.doses import Section
from lobule.errors import InputError, nearest, shown
from lobule.settings import flatten


class Arm(Section):
    """One group of a published experiment, as a case."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 .,_+%/-]{0,63}$")
    """Name of the group."""
    case: str
    """Built-in case, or a case file of `evidence/cases`."""
    days: float | None = Field(default=None, gt=0, le=100_000)
    """Length of the run instead of the case's (days)."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Changes of the case by dotted key."""

    def resolved(self, settings: Mapping[str, Any] | None = None) -> Case:
        """Return the case of the group, with further `settings` by dotted key."""
        folder = files("lobule.experiments") / "evidence" / "cases"
        with as_file(folder) as cases:
            path = Path(cases) / f"{self.case}.toml"
            case = load_case(
                path if path.is_file() else self.case, {**flatten(self.settings), **(settings or {})}
            )
        return case if self.days is None else case.with_days(self.days)[0]


class When(Section):
    """A moment of the run that a readout sets."""

    readout: str
    """Name of the readout that is watched."""
    above: float
    """Bound that it exceeds then, in its unit."""


#: What is taken of the course of a readout; `docs/evidence.md` says the same to users.
Measure = Literal[
    "level",
    "change",
    "fold",
    "remaining",
    "maximum",
    "day-of-maximum",
    "level-when",
    "share-above",
    "correlation",
]


class Value(Section):
    """One published number."""

    readout: str
    """Name of the readout it compares with."""
    arm: str | None = None
    """Group it was measured in; it makes the value comparable by `lobule validate`."""
    use: Literal["fitted", "tested"] | None = None
    """Target of the validation, and whether parameters were fitted to it; None is shown only."""
    measure: Measure = "level"
    """What is taken of the readout's course."""
    genotype: Literal["wild-type", "hfe-knockout", "thalassaemia-major"] | None = None
    """Of whom; that of the arm when absent."""
    sex: Literal["male", "female"] | None = None
    """Of whom, or None for both."""
    value: float
    """The number."""
    unit: str
    """Its unit, in words."""
    grade: Literal["A", "B", "C", "derived"]
    """A: read in the source; B: recalled; C: a sign only; derived: worked out from published inputs."""
    source: str
    """Table or figure."""
    age_days: float | None = Field(default=None, ge=0)
    """Age of the animals (days)."""
    days_after_injury: float | None = Field(default=None, ge=0)
    """Days after the last dose of a toxin."""
    day: float | None = Field(default=None, ge=0)
    """Day of the run."""
    from_day: float | None = Field(default=None, ge=0)
    """Day of the run that a change, a fold or what remains is counted from; the start, or the last dose of a
    toxin where the other end is counted from there."""
    against: str | None = None
    """Arm that is subtracted (change, level), divided by (fold) or taken as the control (remaining)."""
    above: float | None = None
    """Bound of share-above: of the level, or of its change where `from_day` is given."""
    when: When | None = None
    """Moment of level-when."""
    other: str | None = None
    """The other readout of a correlation."""
    error: float | None = Field(default=None, ge=0)
    """Error of the value, in its unit; half the width of a range."""
    error_kind: Literal["SE", "SD", "range", "at most", "at least", "not stated"] | None = None
    """What `error` is, or that the value is a bound."""
    n: int | None = Field(default=None, ge=1)
    """Animals or patients, for the standard error of an SD."""
    note: str = ""
    """What a reader should know of it."""
    failure: str = ""
    """What is likely wrong with the model when it fails."""

    @model_validator(mode="after")
    def _can_be_scored(self) -> Self:
        if self.use is None:
            return self
        is_bound = self.error_kind in ("at most", "at least")
        scored = is_bound or (self.error_kind and self.error is not None)
        if self.arm is None or not scored or (self.error_kind == "SD" and self.n is None):
            raise ValueError(f'use = "{self.use}" -> a target needs arm, error and error_kind, an SD n, too')
        if not is_bound and not self.error:
            raise ValueError("error = 0 -> a target without error is met by no model: give an error")
        if is_bound and self.use == "fitted" and not self.value:
            raise ValueError("value = 0 -> nothing can be fitted to a bound of 0: how far is beyond it?")
        return self

    @property
    def published_error(self) -> float | None:
        """Standard error of the published value, None where a range or a bound is published."""
        if self.error is None or self.error_kind not in ("SE", "SD"):
            return None
        return self.error if self.error_kind == "SE" else self.error / math.sqrt(self.n or 1)


class Phase(Section):
    """What is seen in a span of hours after the last dose of a toxin."""

    hours_after_last_dose: Annotated[tuple[float, float], Field(strict=False)]
    """First and last hour."""
    what: str
    """What is seen then."""
    grade: Literal["A", "B", "C", "derived"]
    """As that of a value."""


class Evidence(Section):
    """One published data set."""

    format: Literal[1]
    """Version of the format of this file."""
    name: str
    """Short name: that of the file."""
    citation: str
    """Where it was published."""
    species: Literal["mouse", "rat", "human"]
    """Of the animals or patients."""
    cohort: str
    """Who was studied."""
    protocol: str
    """What was done with them, and how the arms repeat it."""
    arm: Annotated[tuple[Arm, ...], Field(strict=False)] = ()
    """Groups, each a case."""
    value: Annotated[tuple[Value, ...], Field(strict=False)] = ()
    """Published numbers."""
    phase: Annotated[tuple[Phase, ...], Field(strict=False)] = ()
    """Published order of events, not scored."""

    @model_validator(mode="after")
    def _arms_are_there(self) -> Self:
        names = [arm.name for arm in self.arm]
        for i, value in enumerate(self.value):
            if value.arm is None and value.genotype is None:
                raise ValueError(f"value.{i}.genotype is missing -> or give arm")
            for key in ("arm", "against"):
                name = getattr(value, key)
                if name is not None and name not in names:
                    raise ValueError(f"value.{i}.{key} = {shown(name)} -> no such arm{nearest(name, names)}")
        return self

    @property
    def targets(self) -> tuple[Value, ...]:
        """The values that the validation holds the model against."""
        return tuple(value for value in self.value if value.use is not None)

    def arm_named(self, name: str) -> Arm:
        """Return the arm `name`."""
        return next(arm for arm in self.arm if arm.name == name)

    def concerning(self, case: Case) -> Iterator[Value]:
        """Yield the plain values that stand beside a run of `case`.

        A value belongs to its genotype (and sex, in man); that of an arm to cases that also have the arm's
        diet and all kinds of its treatments.
        """
        for value in self.value:
            if value.measure not in ("level", "fold", "remaining") or value.against is not None:
                continue
            genotype, sex = value.genotype, value.sex
            if value.arm is not None:
                arm = _arm_case(self.name, value.arm)
                genotype, sex = arm.subject.genotype, arm.subject.sex if self.species == "human" else None
                if arm.diet != case.diet or not _kinds(arm) <= _kinds(case):
                    continue
            if genotype == case.subject.genotype and sex in (None, case.subject.sex):
                yield value


def _kinds(case: Case) -> set[str]:
    return {dose.kind for dose in case.treatments}


@cache
def _arm_case(data_set: str, arm: str) -> Case:
    return read_evidence(data_set).arm_named(arm).resolved()


def data_sets() -> list[str]:
    """Return the names of the data sets."""
    folder = files("lobule.experiments") / "evidence"
    return sorted(e.name.removesuffix(".toml") for e in folder.iterdir() if e.name.endswith(".toml"))


@cache
def read_evidence(name: str) -> Evidence:
    """Return the data set `name`.

    Raises
    ------
    InputError
        If there is none of that name, or its file is wrong.
    """
    known = data_sets()
    if name not in known:
        hint = nearest(name, known)
        raise InputError(f"evidence = {shown(name)} -> no such data set; there are {', '.join(known)}{hint}")
    with as_file(files("lobule.experiments") / "evidence" / f"{name}.toml") as path:
        return evidence_file(path, f"{name}.toml")


def evidence_file(path: Path, label: str = "") -> Evidence:
    """Return the data set that a file holds.

    Parameters
    ----------
    path : Path
        The file.
    label : str
        What messages call it; its path unless given.

    Raises
    ------
    InputError
        If it is wrong.
    """
    label = label or str(path)
    data = read_toml(path, label)
    try:
        return Evidence.model_validate(data)
    except ValidationError as error:
        raise InputError(explain_errors(error, Evidence, data, lambda key: label)) from None
