"""The calibration file: data sets, parameters with their priors, how thoroughly to search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from lobule.doses import Section
from lobule.errors import InputError, nearest, shown
from lobule.experiments.calibration.problem import Calibration, Prior, Target
from lobule.experiments.evidence import Evidence, Value, data_sets, evidence_file, read_evidence
from lobule.experiments.sweeps.design import Sampled, declared_of, interval
from lobule.experiments.sweeps.plan import Plan
from lobule.experiments.sweeps.sweepfile import (
    NAME,
    interval_in,
    leaves,
    located,
    read_checked,
    settings_in,
)
from lobule.experiments.validation.measures import ends
from lobule.experiments.validation.studies import arm_name, study_plan
from lobule.settings import declared_parameters
from lobule.units import HOURS_PER_DAY

#: What the runs of particles go without: only their series is read.
BARE = {"record.snapshot_days": [], "record.final_snapshot": False, "evidence": []}


class DataTable(Section):
    """A data set of which not all fitted values are wanted."""

    set: str
    """Built-in data set, or path of a file of your own as seen from this file."""
    values: Annotated[tuple[int, ...], Field(min_length=1, strict=False)] | None = None
    """Numbers of its [[value]] tables, counted from 1, instead of all with use = "fitted"."""


class CalibrationFile(Section):
    """A whole calibration file, checked in itself."""

    format: Literal[1]
    """Version of the format of this file."""
    name: str | None = Field(default=None, pattern=NAME)
    """Name of the calibration; that of the file when absent."""
    data: Annotated[tuple[str | DataTable, ...], Field(min_length=1, strict=False)]
    """Data sets: built-in names, or paths as seen from this file; a table for some values only."""
    parameters: dict[str, Any]
    """By dotted key of a declared parameter an interval; `{}` is its declared range."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Changes of all cases by dotted key."""
    replicates: int = Field(default=1, ge=1, le=1000)
    """Runs of every arm for each particle, with other seeds."""
    particles: int = Field(default=100, ge=10, le=100_000)
    """Accepted particles of a generation."""
    generations: int = Field(default=8, ge=1, le=100)
    """Generations at most, the sample of the prior being the first."""
    tolerance: float | None = Field(default=None, ge=0)
    """Distance at which it is done, instead of that at which the posterior is as wide as the errors."""
    least_acceptance: float = Field(default=0.02, gt=0, le=0.5)
    """Share of accepted particles below which a generation is given up."""
    seed: int = Field(default=1, ge=0, lt=2**63)
    """The root that the seeds of all runs and all proposals come from."""


def read_calibration(path: Path) -> Calibration:
    """Return the calibration that a file describes.

    Raises
    ------
    InputError
        One line naming the file, the key, the value, what is allowed and the nearest valid name.
    """
    label = str(path)
    table = read_checked(path, CalibrationFile, "calibration file")
    given = [(i, DataTable(set=e) if isinstance(e, str) else e) for i, e in enumerate(table.data)]
    chosen = [_chosen(entry, path, f"{label}: data.{i}") for i, entry in given]
    names = [evidence.name for evidence in chosen]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{label}: data -> there are two data sets of the name {shown(twice)}")
    settings = settings_in(table.settings, path)
    name = table.name or path.stem
    try:
        plan = study_plan(chosen, table.replicates, {**settings, **BARE}, name=name, root=table.seed)
    except InputError as error:
        raise InputError(f"{label}: {error}") from None
    targets = tuple(Target(evidence.name, value) for evidence in chosen for value in evidence.value)
    for target in targets:
        _check_target(target, plan, label)
    return Calibration(
        name,
        tuple(_priors(table.parameters, settings, plan, label)),
        targets,
        plan,
        table.particles,
        table.generations,
        table.tolerance,
        table.least_acceptance,
        table.seed,
    )


def _chosen(entry: DataTable, path: Path, where: str) -> Evidence:
    """Return a data set with just the values that are wanted of it."""
    evidence = _found(entry.set, path, where)
    if entry.values is None:
        values = [value for value in evidence.value if value.use == "fitted"]
        if not values:
            others = [i for i, value in enumerate(evidence.value, 1) if value.use is not None]
            hint = f'; of use = "tested" are values {", ".join(map(str, others))}' if others else ""
            raise InputError(f'{where} = {shown(entry.set)} -> has no value with use = "fitted"{hint}')
    else:
        values = [_numbered(evidence, number, where) for number in dict.fromkeys(entry.values)]
    return evidence.model_copy(update={"value": tuple(values)})


def _found(name: str, path: Path, where: str) -> Evidence:
    known = data_sets()
    if name in known:
        return read_evidence(name)
    file = Path(located(name, path))
    if not file.is_file():
        hint = nearest(name, known)
        raise InputError(
            f"{where} = {shown(name)} -> no data set and no file; there are {', '.join(known)}{hint}"
        )
    evidence = evidence_file(file)
    arms = [arm.model_copy(update={"case": located(arm.case, file)}) for arm in evidence.arm]
    return evidence.model_copy(update={"arm": tuple(arms)})


def _numbered(evidence: Evidence, number: int, where: str) -> Value:
    if not 1 <= number <= len(evidence.value):
        raise InputError(f"{where}.values: {number} -> {evidence.name} has values 1 to {len(evidence.value)}")
    value = evidence.value[number - 1]
    if value.use is None:
        raise InputError(
            f"{where}.values: {number} -> value {number} of {evidence.name} ({value.readout}) is only shown: "
            "it says no arm or no error, or is not meant to be met"
        )
    return value


def _check_target(target: Target, plan: Plan, label: str) -> None:
    """Refuse what no run could ever give a number for, or no distance could be made of."""
    from lobule.readouts import READOUTS

    value, case = (
        target.value,
        next(arm.case for arm in plan.arms if arm.name == arm_name(target.data_set, str(target.value.arm))),
    )
    for name in (value.readout, value.other, None if value.when is None else value.when.readout):
        if name is not None and name not in READOUTS and not name.startswith("pool_"):
            raise InputError(f"{label}: {target.label} -> no readout {shown(name)}{nearest(name, READOUTS)}")
    if value.measure != "correlation":
        days = case.end_hours / HOURS_PER_DAY
        for day in ends(value, case):
            if not -1e-6 <= day <= days + 1.0 / HOURS_PER_DAY:
                raise InputError(f"{label}: {target.label} -> is outside the run, days 0 to {days:g}")
    is_bound = value.error_kind in ("at most", "at least")
    if not (value.value if is_bound else value.error):
        what = "a bound of 0 has no width" if is_bound else "error = 0"
        raise InputError(f"{label}: {target.label} -> {what}: no distance can be measured in it")


def _priors(table: Mapping[str, Any], settings: Mapping[str, Any], plan: Plan, label: str) -> Iterator[Prior]:
    entries = dict(leaves(table))
    if not entries:
        raise InputError(f"{label}: parameters -> there is none, such as body.diet_power = {{}}")
    fixed = {key.removeprefix("parameters.") for key in settings}
    for key, value in entries.items():
        where = f"{label}: parameters.{key}"
        declared = declared_of(key)
        if declared is None:
            raise InputError(f"{where} -> no such parameter{nearest(key, declared_parameters())}")
        if key in fixed:
            raise InputError(f"{where} -> is set under [settings], too")
        if not isinstance(value, Mapping):
            raise InputError(
                f"{where} = {shown(value)} -> must be an interval, such as {{ low = 1, high = 2 }} or {{}}"
            )
        given = interval_in(key, value, where)
        try:
            low, high = interval(key, Sampled("sobol", 1, given.low, given.high, given.scale))
        except InputError as error:
            raise InputError(f"{label}: parameters.{error}") from None
        yield Prior(key, low, high, given.scale == "log", declared.unit, _default(key, plan.arms))


def _default(key: str, arms: Sequence[Any]) -> float | None:
    """Return the value of a parameter in all arms, None where they differ."""
    from lobule.parameters import parameter_values

    group, name = key.split(".", 1)
    values = {float(getattr(parameter_values(arm.case)[group], name)) for arm in arms}
    return values.pop() if len(values) == 1 else None
