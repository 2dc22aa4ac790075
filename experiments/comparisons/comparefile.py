"""The comparison file: a case, arms, what is measured, what is drawn."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from lobule.doses import Section, Treatment
from lobule.errors import InputError, nearest, shown
from lobule.experiments.sweeps.courses import ATS
from lobule.experiments.sweeps.sweepfile import NAME, RecordTable, leaves, read_checked
from lobule.readouts import READOUTS

LEAST_DOSES = 3
"""Different doses above 0 that a dose response needs: a line and a curve that saturates can be told apart."""

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
        if value not in READOUTS:
            raise ValueError(f"no such readout (docs/readouts.md){nearest(value, READOUTS)}")
        return value

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


class DoseResponseTable(Endpoint):
    """Arms that differ by their dose, for one endpoint."""

    arms: Names
    """Arms, each with a `dose`; at least three different ones are above 0."""
    unit: str = Field(default="", max_length=30)
    """Unit of the doses, for the figure."""


class CompareArm(Section):
    """One arm: what is given or changed beside the base case."""

    name: str = Field(pattern=NAME)
    """Name, as in figures and tables."""
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


class CompareFile(Section):
    """A whole comparison file, checked in itself."""

    format: Literal[1]
    """Version of the format of this file."""
    name: str | None = Field(default=None, pattern=NAME)
    """Name of the comparison; that of the file when absent."""
    title: str = Field(default="", max_length=200)
    """One line that says what is compared."""
    question: str = Field(default="", max_length=400)
    """What the comparison is to answer."""
    case: str
    """Base case: a built-in name, or a path as seen from this file."""
    days: float | None = Field(default=None, gt=0, le=100_000)
    """Length of the runs instead of the case's (days)."""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """The root that the seeds of all patients come from."""
    patients: int = Field(default=10, ge=1, le=10_000)
    """Virtual patients, each a seed; all arms treat the same ones."""
    control: str | None = None
    """Arm that all others are held against; the first when absent."""
    branch_day: float | None = Field(default=None, ge=0, le=100_000)
    """Day from which changes are counted; the day of the first treatment that an arm adds when absent, or 0
    where none is added."""
    picture_days: Annotated[tuple[float, ...], Field(strict=False)] = ()
    """Days on which the lobules of one patient are drawn; the end when absent."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Changes of the base case by dotted key."""
    record: RecordTable = RecordTable()
    """What is kept of every run; see [record]."""
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
        names = [arm.name for arm in self.arms]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise ValueError(f"arms.{i}.name = {shown(name)} -> another arm has this name")
        for key, name in self._named_arms():
            if name not in names:
                there = ", ".join(names)
                raise ValueError(
                    f"{key} = {shown(name)} -> no such arm; there are {there}{nearest(name, names)}"
                )
        for i, arm in enumerate(self.arms):
            for key, _ in leaves(arm.settings):
                if key.split(".")[0] in ("record", "clock"):
                    raise ValueError(
                        f"arms.{i}.settings.{key} -> is the same in all arms: set it under [settings]"
                    )
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


def builtin_comparisons() -> dict[str, str]:
    """Return the title of every built-in comparison by its name."""
    folder = files("lobule.experiments.comparisons") / "builtin"
    names = sorted(e.name.removesuffix(".toml") for e in folder.iterdir() if e.name.endswith(".toml"))
    return {name: tomllib.loads((folder / f"{name}.toml").read_text("utf-8"))["title"] for name in names}


def compare_file(file: Path) -> tuple[Path, CompareFile]:
    """Return the path and the tables of a comparison file, or of a built-in comparison by its name.

    Raises
    ------
    InputError
        One line naming the file, the key, the value, what is allowed and the nearest valid name.
    """
    names, text = builtin_comparisons(), str(file)
    if text in names:
        file = Path(str(files("lobule.experiments.comparisons") / "builtin" / f"{text}.toml"))
    elif file.suffix.lower() != ".toml" and not file.exists() and len(file.parts) == 1:
        there = ", ".join(names)
        raise InputError(
            f"{shown(text)} -> no built-in comparison and no file; the built-in comparisons are "
            f"{there}{nearest(text, names)}"
        )
    return file, read_checked(file, CompareFile, "comparison file")
