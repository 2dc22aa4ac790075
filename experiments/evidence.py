"""Published data sets: read and checked, to stand beside what was simulated."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from lobule.casefile import explain_errors, read_toml
from lobule.doses import Section
from lobule.errors import InputError, nearest, shown
from lobule.sections import Subject


class Value(Section):
    """One published number."""

    readout: str
    """Name of the readout it compares with."""
    genotype: Literal["wild-type", "hfe-knockout", "thalassaemia-major"]
    sex: Literal["male", "female"] | None = None
    """Of whom, or None for both."""
    value: float
    unit: str
    grade: Literal["A", "B", "C", "derived"]
    """A: read in the source; B: recalled; C: a sign only; derived: worked out from published inputs."""
    source: str
    """Table or figure."""
    age_days: float | None = Field(default=None, ge=0)
    """Age of the animals (days), or None for a value that belongs to a time after an injury."""
    days_after_injury: float | None = Field(default=None, ge=0)
    relative: bool = False
    """The value is a fraction of what `unit` says."""
    error: float | None = Field(default=None, ge=0)
    error_kind: Literal["SE", "SD", "range", "at most", "not stated"] | None = None
    note: str = ""

    def concerns(self, subject: Subject) -> bool:
        """Return whether it is about such a subject."""
        return self.genotype == subject.genotype and self.sex in (None, subject.sex)


class Phase(Section):
    """What is seen in a span of hours after the last dose of a toxin."""

    hours_after_last_dose: Annotated[tuple[float, float], Field(strict=False)]
    what: str
    grade: Literal["A", "B", "C", "derived"]


class Evidence(Section):
    """One published data set."""

    format: Literal[1]
    name: str
    citation: str
    species: Literal["mouse", "rat", "human"]
    cohort: str
    protocol: str
    value: Annotated[tuple[Value, ...], Field(strict=False)] = ()
    phase: Annotated[tuple[Phase, ...], Field(strict=False)] = ()


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
        data = read_toml(path, f"{name}.toml")
    try:
        return Evidence.model_validate(data)
    except ValidationError as error:
        raise InputError(explain_errors(error, Evidence, data, lambda key: f"{name}.toml")) from None
