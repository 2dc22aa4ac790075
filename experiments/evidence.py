"""Published data sets: read, checked and looked up, to stand beside what was simulated."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import as_file, files
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, ValidationError

from lobule.casefile import explain_errors, read_toml
from lobule.doses import Section
from lobule.errors import InputError, nearest, shown

AGE_TOLERANCE_DAYS = 3.5


class Value(Section):
    """One published number."""

    readout: str
    """Name of the readout it compares with."""
    genotype: Literal["wild-type", "hfe-knockout"]
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


class Published(NamedTuple):
    """A published value and the data set it comes from."""

    name: str
    value: Value


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


def lookup(names: Iterable[str], genotype: str, age_days: float) -> list[Published]:
    """Return the published values for a genotype at an age.

    Parameters
    ----------
    names : iterable of str
        Data sets to look in, in order of weight.
    genotype : str
        ``"wild-type"`` or ``"hfe-knockout"``.
    age_days : float
        Age of the simulated subject (days); values within half a week are returned.

    Returns
    -------
    list of Published
        In the order of `names`, then of the file. Values that are relative to an injury are not among them.

    Raises
    ------
    InputError
        If a data set does not exist.
    """
    return [
        Published(name, value)
        for name in names
        for value in read_evidence(name).value
        if value.genotype == genotype
        and value.age_days is not None
        and abs(value.age_days - age_days) <= AGE_TOLERANCE_DAYS
    ]
