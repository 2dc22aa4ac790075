"""The optimisation file: a patient, what may be given, what is wanted, what must not happen."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from lobule.doses import Section
from lobule.errors import shown
from lobule.experiments.comparisons.comparefile import Endpoint
from lobule.experiments.studyfiles import Kind, StudyFile, check_once, check_readout
from lobule.experiments.sweeps.design import Scale

Quantity = Literal["cells", "doses", "visits"]
LimitAt = Literal["end", "max", "min"]
LIMIT_ATS = get_args(LimitAt)
LEAST_POPULATION = 4
MOST_OBJECTIVES = 3
LARGEST = 1e300
OPTIMISATIONS = Kind("optimisation", "optimisations")


class ChoiceTable(Section):
    """A value of a treatment that the search may choose."""

    low: int | float | None = None
    """Lower end of an interval."""
    high: int | float | None = None
    """Upper end."""
    step: int | float | None = Field(default=None, gt=0)
    """Difference between two values that are tried, which are whole numbers where all three are; any value
    of the interval when absent."""
    scale: Scale = "linear"
    """Whether values or their logarithms are spread evenly."""
    choices: Annotated[tuple[bool | int | float | str, ...], Field(min_length=2, strict=False)] | None = None
    """Values to choose from, instead of an interval: numbers or words."""

    @field_validator("low", "high", "step", mode="before")
    @classmethod
    def _is_a_number(cls, value: Any) -> Any:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and -LARGEST <= value <= LARGEST):  # a whole number may be too large for a float
            raise ValueError("must be a finite number")
        return value

    @model_validator(mode="after")
    def _has_ends_or_choices(self) -> Self:
        if self.choices is not None:
            if {"low", "high", "step", "scale"} & self.model_fields_set:
                raise ValueError("choices -> go without low, high, step and scale")
            if len(set(self.choices)) < len(self.choices):
                raise ValueError(f"choices = {shown(self.choices)} -> a value is there twice")
            return self
        if self.low is None or self.high is None:
            raise ValueError("low and high -> both are needed, or choices = [...]")
        if not self.low < self.high:
            raise ValueError(f"low = {self.low:g} -> must be less than high = {self.high:g}")
        if self.scale == "log" and (self.low <= 0.0 or self.step is not None):
            raise ValueError('scale = "log" -> needs low = more than 0, and no step')
        if self.step is not None:
            number = (self.high - self.low) / self.step
            if abs(number - round(number)) > 1e-6:
                raise ValueError(
                    f"step = {self.step:g} -> must lead from low = {self.low:g} to high = {self.high:g}"
                )
        return self

    @property
    def is_whole(self) -> bool:
        """Whether the values of the interval are whole numbers."""
        return all(isinstance(number, int) for number in (self.low, self.high, self.step))

    def ends(self) -> tuple[bool | int | float | str, ...]:
        """Return the ends of the interval and its middle, where that is tried; or all choices."""
        if self.choices is not None:
            return self.choices
        low, high = self.low or 0, self.high or 0
        return (low, high) if self.step is not None else (low, 0.5 * (low + high), high)


class Objective(Endpoint):
    """What is wanted: a readout, or a quantity of the schedule itself."""

    readout: str = ""
    """Name of the readout; this or `quantity`."""
    quantity: Quantity | None = None
    """Of the schedule alone, as planned: `cells` given in all, `doses` of all kinds, or `visits`: different
    times at which cells, vesicles, blood or iron are given, blood is drawn or liver removed."""
    goal: Literal["minimise", "maximise"]
    """Which way is better."""
    resolution: float | None = Field(default=None, gt=0)
    """Difference that is too small to matter: values are compared after rounding to multiples of it."""
    label: str = Field(default="", max_length=60)
    """What it is called in tables and figures."""

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        _check_one(self.readout, self.quantity)
        if self.quantity is not None and {"at", "measure"} & self.model_fields_set:
            raise ValueError("quantity -> is of the whole schedule: leave out at and measure")
        return self


class Limit(Section):
    """What must hold in every patient."""

    readout: str = ""
    """Name of the readout; this or `quantity`."""
    quantity: Quantity | None = None
    """Of the schedule alone: `cells`, `doses` or `visits`."""
    at: str | float = "end"
    """end, max or min over the time from `branch_day` to the end, or a day of the run."""
    above: float | None = None
    """Least value that is allowed, in the unit of the readout."""
    below: float | None = None
    """Greatest value that is allowed."""
    label: str = Field(default="", max_length=60)
    """What it is called in tables and figures."""

    @field_validator("readout")
    @classmethod
    def _is_there(cls, value: str) -> str:
        return check_readout(value)

    @field_validator("at", mode="before")
    @classmethod
    def _word_or_day(cls, value: Any) -> Any:
        is_day = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100_000
        if not is_day and value not in LIMIT_ATS:
            raise ValueError(f"must be {', '.join(LIMIT_ATS)} or a day of the run")
        return value

    @model_validator(mode="after")
    def _bounds_one(self) -> Self:
        _check_one(self.readout, self.quantity)
        if self.quantity is not None and "at" in self.model_fields_set:
            raise ValueError("quantity -> is of the whole schedule: leave out at")
        if self.above is None and self.below is None:
            raise ValueError("above or below -> one is needed")
        if self.above is not None and self.below is not None and self.above > self.below:
            raise ValueError(f"above = {self.above:g} -> must not be more than below = {self.below:g}")
        return self


def _check_one(readout: str, quantity: str | None) -> None:
    if bool(readout) == (quantity is not None):
        names = ", ".join(get_args(Quantity))
        raise ValueError(f"readout or quantity -> give one of the two; a quantity is one of {names}")


class OptimiseQuickTable(Section):
    """What `--quick` changes."""

    patients: int | None = Field(default=None, ge=1, le=10_000)
    """Patients instead."""
    check_patients: int | None = Field(default=None, ge=0, le=10_000)
    """Fresh patients instead."""
    generations: int | None = Field(default=None, ge=1, le=1000)
    """Generations instead."""
    population: int | None = Field(default=None, ge=LEAST_POPULATION, le=1000)
    """Schedules of a generation instead."""
    front: int | None = Field(default=None, ge=1, le=100)
    """Schedules that are checked and written instead."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Further changes of the case by dotted key."""


class OptimiseFile(StudyFile):
    """A whole optimisation file, checked in itself."""

    patients: int = Field(default=3, ge=1, le=10_000)
    """Virtual patients, each a seed, who all get every schedule; 1 is one patient."""
    check_patients: int | None = Field(default=None, ge=0, le=10_000)
    """Fresh patients, not used in the search, with whom the front is checked; as many as `patients` when
    absent."""
    branch_day: float = Field(default=0.0, ge=0, le=100_000)
    """Day from which changes are counted, and means, highest and lowest values taken."""
    population: int = Field(default=16, ge=LEAST_POPULATION, le=1000)
    """Schedules of a generation."""
    generations: int = Field(default=10, ge=1, le=1000)
    """Generations of the search."""
    front: int = Field(default=8, ge=1, le=100)
    """Schedules of the front that are checked and written as case files, at most: the best of each
    objective, and others far from each other."""
    treatments: Annotated[tuple[dict[str, Any], ...], Field(min_length=1, strict=False)]
    """What may be given beside the treatments of the case; see [[treatments]]."""
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1, strict=False)]
    """What is wanted; see [[objectives]]."""
    limits: Annotated[tuple[Limit, ...], Field(strict=False)] = ()
    """What must hold; see [[limits]]."""
    quick: OptimiseQuickTable = OptimiseQuickTable()
    """What `--quick` changes; see [quick]."""

    @model_validator(mode="after")
    def _can_be_drawn(self) -> Self:
        if (number := len(self.objectives)) > MOST_OBJECTIVES:
            raise ValueError(f"objectives -> are {number}; must be {MOST_OBJECTIVES} at most")
        wanted = [(wish.readout, wish.quantity, wish.at, wish.measure) for wish in self.objectives]
        check_once("objectives", wanted)
        return self
