"""The sweep file: a base case, what is varied, arms, replicates, what is recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator

from lobule.case import builtin_cases
from lobule.casefile import explain_errors, read_toml
from lobule.distributions import DRAW_KEYS
from lobule.doses import Section
from lobule.errors import InputError, nearest, shown
from lobule.experiments.sweeps.design import (
    MOST_SAMPLES,
    Axis,
    Method,
    Sampled,
    Scale,
    Values,
    declared_of,
    spread,
    steps,
)
from lobule.experiments.sweeps.plan import Plan

Table = TypeVar("Table", bound=Section)

FORMAT = 1
MOST_VALUES = 100_000
NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$"


class ArmTable(Section):
    """One arm: how it differs from the base case."""

    name: str = Field(pattern=NAME)
    """Name, as in figures and tables: letters, digits, spaces and . _ -, at most 64."""
    treatments: Annotated[tuple[dict[str, Any], ...], Field(strict=False)] | None = None
    """Treatments instead of those of the base case; an empty list for none."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Further changes of the case by dotted key."""


class SamplesTable(Section):
    """How intervals are sampled."""

    method: Method
    """Latin hypercube, scrambled Sobol' sequence, or trajectories after Morris."""
    number: int = Field(ge=1, le=MOST_SAMPLES)
    """Number of samples; of trajectories for morris."""


class RecordTable(Section):
    """What is kept of every run, where it differs from the case."""

    every_hours: float | None = None
    """Hours between two rows of the series."""
    snapshot_days: list[float] | None = None
    """Days on which cells and fields are kept."""
    final_snapshot: bool | None = None
    """Keep the cells and fields of the final state, too."""


class RangeTable(Section):
    """Values from one end to the other."""

    start: float = Field(alias="from")
    """First value, in the declared unit."""
    to: float
    """Last value."""
    points: int | None = Field(default=None, ge=2, le=MOST_VALUES)
    """How many, both ends included; or `step`."""
    step: float | None = Field(default=None, gt=0)
    """Difference between two values."""
    scale: Scale = "linear"
    """Whether values or their logarithms are spread evenly."""
    unit: str | None = None
    """Unit of the ends; held against the declared one."""


class IntervalTable(Section):
    """An interval to be sampled; its ends are those of the declared range unless given."""

    low: float | None = None
    """Lower end, in the declared unit; that of the declared range unless given."""
    high: float | None = None
    """Upper end, likewise."""
    scale: Scale = "linear"
    """Whether values or their logarithms are spread evenly."""
    unit: str | None = None
    """Unit of the ends; held against the declared one."""


class SweepFile(Section):
    """A whole sweep file, checked in itself."""

    format: Literal[1]
    """Version of the format of this file."""
    name: str | None = Field(default=None, pattern=NAME)
    """Name of the sweep; that of the file when absent."""
    case: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
    """Base case or cases: built-in names, or paths as seen from this file."""
    days: float | None = Field(default=None, gt=0, le=100_000)
    """Length of the runs instead of the case's (days)."""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """The root that the seeds of all replicates and the samples come from."""
    replicates: int = Field(default=1, ge=1, le=1_000_000)
    """Runs of everything, each with a seed of its own."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Changes of the base case by dotted key."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """What is varied: by dotted key a list, a range or an interval."""
    samples: SamplesTable | None = None
    """How intervals are sampled; see [samples]."""
    record: RecordTable = RecordTable()
    """What is kept of every run; see [record]."""
    arms: Annotated[tuple[ArmTable, ...], Field(strict=False)] = ()
    """What is compared: every arm with every case, point and replicate; see [[arms]]."""

    @field_validator("case", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        if not isinstance(value, str | list | tuple):
            raise ValueError("must be a name, a path or a list of them")
        return (value,) if isinstance(value, str) else value


Part = TypeVar("Part", RangeTable, IntervalTable)


def read_sweep(path: Path) -> Plan:
    """Return the plan of a sweep file.

    Raises
    ------
    InputError
        One line naming the file, the key, the value, what is allowed and the nearest valid name.
    """
    label, table = str(path), read_checked(path, SweepFile, "sweep file")
    from lobule.experiments.sweeps.planning import make_plan

    cases = [located(case, path) for case in table.case]
    axes = dict(_axes(table, label))
    record = {f"record.{key}": value for key, value in table.record if value is not None}
    arms: dict[str, dict[str, Any]] = {}
    for i, arm in enumerate(table.arms):
        if arm.name in arms:
            raise InputError(f"{label}: arms.{i}.name = {shown(arm.name)} -> another arm has this name")
        given = {} if arm.treatments is None else {"treatments": list(arm.treatments)}
        arms[arm.name] = {**given, **settings_in(arm.settings, path)}
    try:
        return make_plan(
            table.name or path.stem,
            cases,
            axes,
            range(table.replicates),
            arms=arms,
            settings={**settings_in(table.settings, path), **record},
            days=table.days,
            root=table.seed,
            label=label,
        )
    except InputError as error:
        raise InputError(f"{label}: {error}") from None


def read_checked(path: Path, model: type[Table], what: str) -> Table:
    """Return the tables of a file that plans runs, checked in themselves.

    Parameters
    ----------
    path : Path
        The file.
    model : type
        What it must be.
    what : str
        What such a file is called.

    Raises
    ------
    InputError
        As `read_sweep`.
    """
    label = str(path)
    data = read_toml(path, label)
    version = data.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise InputError(f"{label}: this file has format {shown(version)}; this version reads {FORMAT}")
    if version is None:
        raise InputError(f"{label}: format is missing -> a {what} begins with: format = {FORMAT}")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InputError(explain_errors(error, model, data, lambda key: label)) from None


def settings_in(table: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return settings by dotted key; the path of a tissue map is as seen from the sweep file."""
    found = dict(leaves(table))
    if isinstance(name := found.get("tissue.map"), str):
        found["tissue.map"] = str(path.parent / name)
    return found


def located(case: str, path: Path) -> str:
    """Return a case as `load_case` finds it: paths are as seen from the sweep file."""
    return case if case in builtin_cases() or Path(case).is_absolute() else _beside(case, path)


def _beside(case: str, path: Path) -> str:
    is_path = case.lower().endswith(".toml") or "/" in case or (path.parent / case).exists()
    return str(path.parent / case) if is_path else case


#: Keys of the tables that say how a parameter is varied; no parameter has such a name.
AXIS_KEYS = {
    *(field.alias or name for name, field in RangeTable.model_fields.items()),
    *IntervalTable.model_fields,
}


def leaves(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted key and value of everything in nested tables, those that describe an axis whole."""
    for key, value in table.items():
        name = f"{before}.{key}" if before else str(key)
        if isinstance(value, Mapping) and value and not _is_whole(name, value):
            yield from leaves(value, name)
        else:
            yield name, value


def _is_whole(name: str, value: Mapping[str, Any]) -> bool:
    """Return whether a table describes an axis or a distribution, rather than holding further keys.

    Distributions have ends as axes have: in a cohort only a table below one of their keys is an axis.
    """
    if "distribution" in value:
        return True
    is_of_cohort = name.startswith("cohort.") and name.rsplit(".", 1)[-1] not in DRAW_KEYS
    return bool(AXIS_KEYS & set(value)) and not is_of_cohort


def _axes(table: SweepFile, label: str) -> Iterator[tuple[str, Axis]]:
    for key, value in leaves(table.parameters):
        where = f"{label}: parameters.{key}"
        if isinstance(value, Mapping):
            yield key, _described(key, value, where, table.samples)
        elif isinstance(value, list):
            if not value:
                raise InputError(f"{where} -> the list is empty")
            yield key, Values(tuple(value))
        else:
            raise InputError(
                f"{where} = {shown(value)} -> must be a list, a range or an interval; "
                "what is the same in all runs belongs into [settings]"
            )
    if table.samples is not None and not any(
        isinstance(value, Mapping) and not {"from", "to"} & set(value)
        for _, value in leaves(table.parameters)
    ):
        raise InputError(f"{label}: samples -> no parameter is an interval, such as {{ low = 1, high = 2 }}")


def _described(key: str, value: Mapping[str, Any], where: str, samples: SamplesTable | None) -> Axis:
    """Return the axis that a table describes."""
    if {"from", "to", "points", "step"} & set(value):
        return Values(_values(_part(key, value, where, RangeTable), where))
    table = interval_in(key, value, where)
    if samples is None:
        raise InputError(
            f"{where} is an interval -> say how it is sampled: [samples] with method and number; "
            "or give a list, or from, to and points"
        )
    return Sampled(samples.method, samples.number, table.low, table.high, table.scale)


def interval_in(key: str, value: Mapping[str, Any], where: str) -> IntervalTable:
    """Return an interval under [parameters], its unit held against the declared one.

    Raises
    ------
    InputError
        If the table is wrong; the message begins with `where`.
    """
    return _part(key, value, where, IntervalTable)


def _part(key: str, value: Mapping[str, Any], where: str, kind: type[Part]) -> Part:
    try:
        table = kind.model_validate(value)
    except ValidationError as error:
        raise InputError(explain_errors(error, kind, value, lambda _: where)) from None
    _check_unit(key, table.unit, where)
    return table


def _values(table: RangeTable, where: str) -> tuple[float, ...]:
    if not table.start < table.to:
        raise InputError(f"{where}: from = {table.start:g} -> must be less than to = {table.to:g}")
    if (table.points is None) == (table.step is None):
        raise InputError(f"{where} -> a range needs points or step, one of the two")
    if table.scale == "log" and (table.start <= 0.0 or table.points is None):
        raise InputError(f"{where} -> a range on a log scale needs points, and from = more than 0")
    if table.points is not None:
        return spread(table.start, table.to, table.points, table.scale)
    if (table.to - table.start) / float(table.step or 1.0) > MOST_VALUES:
        raise InputError(f"{where}: step = {table.step:g} -> makes more than {MOST_VALUES} values")
    return steps(table.start, table.to, float(table.step or 1.0))


def _check_unit(key: str, unit: str | None, where: str) -> None:
    declared = declared_of(key)
    if unit is None:
        return
    if declared is None:
        raise InputError(f"{where}: unit = {shown(unit)} -> only declared parameters have a unit")
    if unit != declared.unit:
        hint = nearest(unit, [declared.unit])
        raise InputError(f"{where}: unit = {shown(unit)} -> it is declared in {declared.unit}{hint}")
