"""The trial file: a case, a cohort, who is included, arms, endpoints, the analysis."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from lobule.doses import Treatment
from lobule.experiments.comparisons.comparefile import Endpoint
from lobule.experiments.studyfiles import Kind, StudyFile, check_arm, check_arms, check_once, check_readout
from lobule.experiments.sweeps.sweepfile import NAME
from lobule.strict import Section

TRIALS = Kind("trial", "trials")
Design = Literal["parallel", "counterfactual"]
Day = Annotated[float, Field(ge=0, le=100_000)]


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

    _is_there = field_validator("readout")(check_readout)

    @model_validator(mode="after")
    def _has_bounds(self) -> Self:
        _check_bounds(self.above, self.below)
        return self


class TrialArm(Section):
    """One arm: what is given beside the base case."""

    name: str = Field(pattern=NAME)
    """Name, as in figures and tables: letters, digits, spaces and . _ -, at most 64."""
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
            check_readout(self.readout)
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

    sizes: Annotated[
        tuple[Annotated[int, Field(ge=2, le=100_000)], ...], Field(min_length=1, strict=False)
    ] = (
        10, 20, 40, 80, 160,
    )  # fmt: skip
    """Patients in each of two arms."""
    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Two-sided level of the test."""


class QuickTrial(Section):
    """What `--quick` changes."""

    patients: int = Field(default=12, ge=2, le=100_000)
    """Patients screened instead."""
    days: float | None = Field(default=None, gt=0, le=100_000)
    """Length of the runs instead (days); endpoints after it are left out."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Further changes of the base case by dotted key."""


class TrialFile(StudyFile):
    """A whole trial file, checked in itself."""

    patients: int = Field(default=100, ge=2, le=100_000)
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
        check_arms(self.arms)
        if self.control is not None:
            check_arm("control", self.control, self.arms)
        check_once("endpoints", [(end.readout, end.at, end.measure) for end in self.endpoints])
        if sum(endpoint.primary for endpoint in self.endpoints) > 1:
            raise ValueError("endpoints -> one at most is primary = true")
        return self
