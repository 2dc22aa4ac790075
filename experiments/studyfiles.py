"""What the files of comparisons, trials and optimisations have in common: keys, arms, built-in ones."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeVar

from pydantic import Field

from lobule.case import Case
from lobule.doses import HOURS_PER_DAY, TOLERANCE_HOURS
from lobule.errors import InputError, nearest, shown
from lobule.experiments.sweeps.sweepfile import NAME, RecordTable, leaves, read_checked
from lobule.readouts import HUMAN_ONLY, READOUTS
from lobule.strict import Section

Table = TypeVar("Table", bound=Section)


class StudyFile(Section):
    """The keys that all of them begin with."""

    format: Literal[1]
    """Version of the format of this file."""
    name: Annotated[str, Field(pattern=NAME)] | None = None
    """Name of what the file describes; that of the file when absent."""
    title: str = Field(default="", max_length=200)
    """One line that says what it is."""
    question: str = Field(default="", max_length=400)
    """What it is to answer."""
    case: str
    """Base case: a built-in name, or a path as seen from this file."""
    days: float | None = Field(default=None, gt=0, le=100_000)
    """Length of the runs instead of the case's (days)."""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """The root of all chance: the seeds of the patients come from it, and whatever else is drawn."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Changes of the base case by dotted key."""
    record: RecordTable = RecordTable()
    """What is kept of every run; see [record]."""


def check_readout(name: str) -> str:
    """Return `name`, the name of a readout.

    Raises
    ------
    ValueError
        If there is no such readout; naming the nearest.
    """
    if name not in READOUTS:
        raise ValueError(f"no such readout (docs/readouts.md){nearest(name, READOUTS)}")
    return name


def check_species(readouts: Iterable[tuple[str, str]], case: Case) -> None:
    """Refuse what is a number in man only where `case` is no man.

    Parameters
    ----------
    readouts : iterable of (str, str)
        Keys of the file, and the readouts they name.
    case : Case
        The case that is run.

    Raises
    ------
    InputError
        Naming the key, and the species.
    """
    species = case.subject.species
    for key, name in readouts:
        if species != "human" and name in HUMAN_ONLY:
            raise InputError(f"{key} = {shown(name)} -> is a readout of man only; the case has a {species}")


def check_once(key: str, asked: Sequence[Any]) -> None:
    """Refuse what stands twice under `key`.

    Raises
    ------
    ValueError
        Naming the second.
    """
    for i, one in enumerate(asked):
        if one in asked[:i]:
            raise ValueError(f"{key}.{i} -> is there twice")


class EndpointLike(Protocol):
    """What is measured, as far as `check_endpoints` looks at it."""

    @property
    def readout(self) -> str:
        """Name of the readout."""

    @property
    def at(self) -> str | float:
        """A day of the run, or a word."""

    @property
    def measure(self) -> str:
        """Level or change."""


def check_endpoints(
    named: Iterable[tuple[str, EndpointLike]], case: Case, start: float, first: float
) -> Iterator[str]:
    """Refuse changes up to a day before they are counted from; yield notes on what is read inexactly.

    Parameters
    ----------
    named : iterable of (str, EndpointLike)
        Keys of the file, and what they measure.
    case : Case
        The case that is run.
    start, first : float
        Day from which changes are counted, and that of the first treatment that an arm adds.

    Raises
    ------
    InputError
        Naming the key, when the notes are asked for.
    """
    if start > first + TOLERANCE_HOURS / HOURS_PER_DAY:
        yield f"changes are counted from day {start:g}, which is after the first treatment, day {first:g}"
    every = case.record.every_hours
    for key, endpoint in named:
        if isinstance(endpoint.at, str):
            continue
        if endpoint.measure == "change" and endpoint.at <= start:
            words = f"is not after day {start:g}, from which changes are counted"
            raise InputError(f"{key}.at = {endpoint.at:g} -> {words}")
        hours = endpoint.at * HOURS_PER_DAY
        past = every * math.floor(hours / every + TOLERANCE_HOURS)
        step = case.clock.step_start(hours)
        if hours < case.end_hours and max(hours - past, abs(step - hours)) > TOLERANCE_HOURS:
            yield (
                f"{key}.at = {endpoint.at:g} -> lies between two rows of the series and is read from the "
                f"line between them: one comes every {every:g} h (record.every_hours)"
            )


class ArmLike(Protocol):
    """An arm, as far as `check_arms` looks at it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What it changes of the base case."""


def check_arms(arms: Sequence[ArmLike]) -> None:
    """Refuse arms of one name, and settings of an arm that all must share.

    Raises
    ------
    ValueError
        Naming the key.
    """
    names = [arm.name.strip().lower() for arm in arms]
    for i, arm in enumerate(arms):
        if names[i] in names[:i]:
            raise ValueError(f"arms.{i}.name = {shown(arm.name)} -> another arm has this name")
        for key, _ in leaves(arm.settings):
            if key.split(".")[0] in ("record", "clock"):
                raise ValueError(
                    f"arms.{i}.settings.{key} -> is the same in all arms: set it under [settings]"
                )


def check_arm(key: str, name: str, arms: Sequence[ArmLike]) -> None:
    """Refuse a `name` under `key` that no arm has.

    Raises
    ------
    ValueError
        Naming the arms and the nearest.
    """
    names = [arm.name for arm in arms]
    if name not in names:
        there = ", ".join(names)
        raise ValueError(f"{key} = {shown(name)} -> no such arm; there are {there}{nearest(name, names)}")


@dataclass(frozen=True)
class Kind:
    """A kind of these files, of which some are built in.

    Attributes
    ----------
    word : str
        What one is called, such as "trial".
    package : str
        Package of `lobule.experiments` that holds the built-in ones.
    """

    word: str
    package: str

    def titles(self) -> dict[str, str]:
        """Return the title of every built-in one by its name."""
        folder = files(f"lobule.experiments.{self.package}") / "builtin"
        names = sorted(e.name.removesuffix(".toml") for e in folder.iterdir() if e.name.endswith(".toml"))
        texts = {name: (folder / f"{name}.toml").read_text("utf-8") for name in names}
        return {name: tomllib.loads(text)["title"] for name, text in texts.items()}

    def read(self, file: Path, model: type[Table]) -> tuple[Path, Table]:
        """Return the path and the tables of a file, or of a built-in one by its name.

        Raises
        ------
        InputError
            One line naming the file, the key, the value, what is allowed and the nearest valid name.
        """
        names, text = self.titles(), str(file)
        if text in names:
            file = Path(str(files(f"lobule.experiments.{self.package}") / "builtin" / f"{text}.toml"))
        elif file.suffix.lower() != ".toml" and not file.exists() and len(file.parts) == 1:
            raise InputError(
                f"{shown(text)} -> no built-in {self.word} and no file; the built-in {self.word}s are "
                f"{', '.join(names)}{nearest(text, names)}"
            )
        return file, read_checked(file, model, f"{self.word} file")
