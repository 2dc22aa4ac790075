"""The trial file: a case, a cohort, who is included, arms, endpoints, the analysis."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from lobule.doses import Treatment
from lobule.errors import InputError, nearest, shown
from lobule.experiments.comparisons.comparefile import Endpoint
from lobule.experiments.sweeps.sweepfile import NAME, RecordTable, leaves, read_checked
from lobule.readouts import READOUTS
from lobule.strict import Section

Design = Literal["parallel", "counterfactual"]
Day = Annotated[float, Field(ge=0, le=100_000)]


def _checked_readout(value: str) -> str:
    if value not in READOUTS:
        raise ValueError(f"no such readout (docs/readouts.md){nearest(value, READOUTS)}")
    return value


class Bounds(Section):
    """A number that must lie above, below, or between."""

    above: float | None = None
    """Must be more than this, in the readout's unit."""
    below: float | None = None
    """Must be less than this."""

    def holds(self, value: float) -> bool:
        """Return whether `value` is within; what is no number is not."""
        is_above = self.above is None or value > self.above
        return value == value and is_above and (self.below is None or value < self.below)


def _check_bounds(low: float | None, high: float | None) -> None:
    if low is None and high is None:
        raise ValueError("above and below are missing -> give one of the two, or both")
    if low is not None and high is not None and low >= high:
        raise ValueError(f"above = {low:g} is not less than below = {high:g}")


class Criterion(Bounds):
    """What a patient must have on a day before treatment to be included."""

    readout: str
    """Name of the readout."""
    at_day: Day
    """Day of the screening visit; no later than the baseline."""

    _is_there = field_validator("readout")(_checked_readout)

    @model_validator(mode="after")
    def _has_bounds(self) -> Self:
        _check_bounds(self.above, self.below)
        return self


class TrialArm(Section):
    """One arm: what is given beside the base case."""

    name: str = Field(pattern=NAME)
    """Name, as in figures and tables."""
    add: Annotated[tuple[Treatment, ...], Field(strict=False)] = ()
    """Treatments given beside those of the base case; they end with a drop-out. A treatment with
    `missed_percent` misses that share of its visits."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Further changes of the case by dotted key: `cohort.treatments.1.cells_per_kg` draws the dose of the
    second treatment, those of the base case counted first."""
    share: int = Field(default=1, ge=1, le=20)
    """Patients of this arm for each of an arm with share 1."""


class TrialEndpoint(Endpoint):
    """What is measured, when, and what is good for the patient."""

    primary: bool = False
    """The one endpoint that the trial is about; the first when none says so. All others are exploratory."""
    better: Literal["lower", "higher"] = "lower"
    """Which way is good for the patient."""
    least_benefit: float = Field(default=0.0, ge=0)
    """A patient benefits by a difference of more than this in that direction (unit of the readout)."""


class Responder(Endpoint):
    """Who counts as a responder."""

    above: float | None = None
    """Who has more than this, in the readout's unit."""
    below: float | None = None
    """Who has less than this."""

    @model_validator(mode="after")
    def _has_bounds(self) -> Self:
        _check_bounds(self.above, self.below)
        return self

    def holds(self, value: float) -> bool:
        """Return whether a patient with this value responds."""
        return Bounds(above=self.above, below=self.below).holds(value)


class Subgroup(Section):
    """Patients told apart by what they are before treatment: a readout, or a key of the cohort."""

    readout: str | None = None
    """Name of a readout; this or `key`."""
    key: str | None = None
    """Key of the cohort, such as subject.sex; this or `readout`."""
    at_day: Day | None = None
    """Day of the readout, no later than the baseline; the baseline when absent."""
    cut: float | None = None
    """Those below this, and those that are not."""
    levels: Annotated[tuple[float | int | str | bool, ...] | None, Field(strict=False)] = None
    """Values that are groups of their own; all that occur when neither `cut` nor `levels` is given."""

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.readout is None) == (self.key is None):
            raise ValueError("readout and key -> give one of the two")
        if self.readout is not None:
            _checked_readout(self.readout)
            if self.cut is None:
                raise ValueError("cut is missing -> a readout is cut in two")
        if self.key is not None and self.at_day is not None:
            raise ValueError("at_day -> is for a readout: what the cohort draws has no day")
        if self.cut is not None and self.levels is not None:
            raise ValueError("cut and levels -> give one of the two")
        return self

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.readout or self.key)


class PowerTable(Section):
    """Which trials the power is worked out for."""

    sizes: Annotated[tuple[Annotated[int, Field(ge=2, le=100_000)], ...], Field(strict=False)] = (
        10, 20, 40, 80, 160,
    )  # fmt: skip
    """Patients in each of two arms."""
    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Two-sided level of the test."""


class QuickTrial(Section):
    """What `--quick` changes."""

    patients: int = Field(default=12, ge=1, le=100_000)
    """Patients screened instead."""
    days: float | None = Field(default=None, gt=0, le=100_000)
    """Length of the runs instead (days); endpoints after it are left out."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Further changes of the base case by dotted key."""


class TrialFile(Section):
    """A whole trial file, checked in itself."""

    format: Literal[1]
    """Version of the format of this file."""
    name: str | None = Field(default=None, pattern=NAME)
    """Name of the trial; that of the file when absent."""
    title: str = Field(default="", max_length=200)
    """One line that says what is tried."""
    question: str = Field(default="", max_length=400)
    """What the trial is to answer."""
    case: str
    """Base case: a built-in name, or a path as seen from this file."""
    days: float | None = Field(default=None, gt=0, le=100_000)
    """Length of the runs instead of the case's (days)."""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """The root of all chance: patients, allocation, drop-out, resampling."""
    patients: int = Field(default=100, ge=1, le=100_000)
    """Patients screened, each a seed."""
    design: Design = "parallel"
    """parallel: each included patient in one arm; counterfactual: each in every arm, and a parallel trial
    drawn from them."""
    control: str | None = None
    """Arm that all others are held against; the first when absent."""
    baseline_day: Day | None = None
    """Day from which changes are counted and drop-out is possible; that of the first treatment that an arm
    adds when absent."""
    drop_out_percent_per_year: float = Field(default=0.0, ge=0, lt=100)
    """Share of the patients that leave within a year after the baseline (%), at a constant rate."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Changes of the base case by dotted key."""
    record: RecordTable = RecordTable()
    """What is kept of every run; see [record]."""
    cohort: dict[str, Any] = Field(default_factory=dict)
    """Distributions by dotted key, beside those of the case or instead of them; see
    [case-file.md](case-file.md#cohort)."""
    inclusion: Annotated[tuple[Criterion, ...], Field(strict=False)] = ()
    """Who is included; see [[inclusion]]."""
    arms: Annotated[tuple[TrialArm, ...], Field(min_length=2, strict=False)]
    """What is compared; see [[arms]]."""
    endpoints: Annotated[tuple[TrialEndpoint, ...], Field(min_length=1, strict=False)]
    """What is measured; see [[endpoints]]."""
    responder: Responder | None = None
    """Who counts as a responder; see [responder]."""
    subgroups: Annotated[tuple[Subgroup, ...], Field(strict=False)] = ()
    """Groups that the primary endpoint is shown for, too; see [[subgroups]]."""
    power: PowerTable = PowerTable()
    """Which trials the power is worked out for; see [power]."""
    quick: QuickTrial = QuickTrial()
    """What `--quick` changes; see [quick]."""

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        names = [arm.name for arm in self.arms]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise ValueError(f"arms.{i}.name = {shown(name)} -> another arm has this name")
        if self.control is not None and self.control not in names:
            there = ", ".join(names)
            raise ValueError(
                f"control = {shown(self.control)} -> no such arm; there are {there}"
                f"{nearest(self.control, names)}"
            )
        for i, arm in enumerate(self.arms):
            for key, _ in leaves(arm.settings):
                if key.split(".")[0] in ("record", "clock"):
                    raise ValueError(
                        f"arms.{i}.settings.{key} -> is the same in all arms: set it under [settings]"
                    )
        if sum(endpoint.primary for endpoint in self.endpoints) > 1:
            raise ValueError("endpoints -> one at most is primary = true")
        return self


def builtin_trials() -> dict[str, str]:
    """Return the title of every built-in trial by its name."""
    folder = files("lobule.experiments.trials") / "builtin"
    names = sorted(e.name.removesuffix(".toml") for e in folder.iterdir() if e.name.endswith(".toml"))
    return {name: tomllib.loads((folder / f"{name}.toml").read_text("utf-8"))["title"] for name in names}


def trial_file(file: Path) -> tuple[Path, TrialFile]:
    """Return the path and the tables of a trial file, or of a built-in trial by its name.

    Raises
    ------
    InputError
        One line naming the file, the key, the value, what is allowed and the nearest valid name.
    """
    names, text = builtin_trials(), str(file)
    if text in names:
        file = Path(str(files("lobule.experiments.trials") / "builtin" / f"{text}.toml"))
    elif file.suffix.lower() != ".toml" and not file.exists() and len(file.parts) == 1:
        there = ", ".join(names)
        raise InputError(
            f"{shown(text)} -> no built-in trial and no file; the built-in trials are "
            f"{there}{nearest(text, names)}"
        )
    return file, read_checked(file, TrialFile, "trial file")
