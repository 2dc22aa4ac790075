"""The comparison file: a case, arms, what is measured, what is drawn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from lobule.doses import Section, Treatment
from lobule.errors import shown
from lobule.experiments.studyfiles import Kind, StudyFile, check_arm, check_arms, check_once, check_readout
from lobule.experiments.sweeps.courses import ATS
from lobule.experiments.sweeps.sweepfile import NAME

COMPARISONS = Kind("comparison", "comparisons")
LEAST_DOSES = 3
"""Different doses above 0 that a dose response needs: a line and a curve that saturates can be told apart."""

Day = Annotated[float, Field(ge=0, le=100_000)]
Names = Annotated[tuple[str, ...], Field(strict=False)]


class Endpoint(Section):
    """What is measured, and when."""

    readout: str
    """Name of the readout."""
    at: str | float = "end"
    """end, a day of the run, or max or mean over the time from `branch_day` to the end."""
    measure: Literal["level", "change"] = "level"
    """The readout itself, or how far it has changed since `branch_day`."""

    @field_validator("readout")
    @classmethod
    def _is_there(cls, value: str) -> str:
        return check_readout(value)

    @field_validator("at", mode="before")
    @classmethod
    def _word_or_day(cls, value: Any) -> Any:
        is_day = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100_000
        if not is_day and value not in ATS:
            raise ValueError(f"must be {', '.join(ATS)} or a day of the run")
        return value


class SynergyTable(Endpoint):
    """Two treatments and both together, for one endpoint."""

    a: str
    """Arm with the one treatment."""
    b: str
    """Arm with the other."""
    both: str
    """Arm with both."""
    least: float = Field(default=0.02, ge=0, le=1)
    """Excess over Bliss independence that counts, as a share of the control's mean; less is trivial."""

    @model_validator(mode="after")
    def _are_three(self) -> Self:
        if len({self.a, self.b, self.both}) < 3:
            raise ValueError(f"a, b and both = {shown([self.a, self.b, self.both])} -> must be three arms")
        return self


class DoseResponseTable(Endpoint):
    """Arms that differ by their dose, for one endpoint."""

    arms: Names
    """Arms, each with a `dose`; at least three different ones are above 0."""
    unit: str = Field(default="", max_length=30)
    """Unit of the doses, for the figure."""


class CompareArm(Section):
    """One arm: what is given or changed beside the base case."""

    name: str = Field(pattern=NAME)
    """Name, as in figures and tables: letters, digits, spaces and . _ -, at most 64."""
    add: Annotated[tuple[Treatment, ...], Field(strict=False)] = ()
    """Treatments given beside those of the base case."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Further changes of the case by dotted key."""
    dose: float | None = Field(default=None, ge=0)
    """Dose, for dose responses; 0 is a placebo."""
    caveat: str = ""
    """What a reader must know of this arm."""


class QuickTable(Section):
    """What `--quick` changes."""

    patients: int = Field(default=3, ge=1, le=10_000)
    """Patients instead."""
    days: float | None = Field(default=None, gt=0, le=100_000)
    """Length of the runs instead (days); endpoints and pictures after it are left out."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Further changes of the base case by dotted key."""


class CompareFile(StudyFile):
    """A whole comparison file, checked in itself."""

    patients: int = Field(default=10, ge=1, le=10_000)
    """Virtual patients, each a seed; all arms treat the same ones."""
    control: str | None = None
    """Arm that all others are held against; the first when absent."""
    branch_day: float | None = Field(default=None, ge=0, le=100_000)
    """Day from which changes are counted; the day of the first treatment that an arm adds when absent, or 0
    where none is added."""
    picture_days: Annotated[tuple[Day, ...], Field(strict=False)] = ()
    """Days on which the lobules of one patient are drawn; the end when absent."""
    arms: Annotated[tuple[CompareArm, ...], Field(min_length=2, strict=False)]
    """What is compared; see [[arms]]."""
    endpoints: Annotated[tuple[Endpoint, ...], Field(min_length=1, strict=False)]
    """What is measured; see [[endpoints]]."""
    synergy: Annotated[tuple[SynergyTable, ...], Field(strict=False)] = ()
    """Pairs of treatments that may do more together; see [[synergy]]."""
    dose_response: Annotated[tuple[DoseResponseTable, ...], Field(strict=False)] = ()
    """Dose responses; see [[dose_response]]."""
    quick: QuickTable = QuickTable()
    """What `--quick` changes; see [quick]."""

    @model_validator(mode="after")
    def _names_are_there(self) -> Self:
        check_arms(self.arms)
        for key, name in self._named_arms():
            check_arm(key, name, self.arms)
        check_once("endpoints", self.endpoints)
        control = self.control or self.arms[0].name
        for i, pair in enumerate(self.synergy):
            if control in (pair.a, pair.b, pair.both):
                raise ValueError(f"synergy.{i} -> {shown(control)} is the control, which has no effect")
        dose = {arm.name: arm.dose for arm in self.arms}
        for i, table in enumerate(self.dose_response):
            for name in table.arms:
                if dose[name] is None:
                    raise ValueError(f"dose_response.{i}.arms: {shown(name)} -> this arm has no dose")
            if len({dose[name] for name in table.arms if dose[name]}) < LEAST_DOSES:
                raise ValueError(
                    f"dose_response.{i}.arms = {shown(list(table.arms))} -> must have {LEAST_DOSES} "
                    "different doses above 0, or more"
                )
        return self

    def _named_arms(self) -> Iterable[tuple[str, str]]:
        """Yield each key that names an arm, and the name."""
        if self.control is not None:
            yield "control", self.control
        for i, pair in enumerate(self.synergy):
            yield from ((f"synergy.{i}.{key}", getattr(pair, key)) for key in ("a", "b", "both"))
        for i, table in enumerate(self.dose_response):
            yield from ((f"dose_response.{i}.arms", name) for name in table.arms)
