"""The runs that published data sets ask for, on the sweep runner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lobule.errors import InputError, nearest, shown
from lobule.experiments.evidence import Evidence, Value, data_sets, read_evidence
from lobule.experiments.sweeps.courses import ArmCourses
from lobule.experiments.sweeps.design import Point
from lobule.experiments.sweeps.plan import Arm, Plan
from lobule.experiments.validation.measures import Simulated, simulated

ROOT = 1
"""Root of the seeds of every validation."""
SEEDS, QUICK = 20, 3
"""Runs of each arm, and of a quick look."""
MOST_SEEDS = 10_000


def arm_name(data_set: str, arm: str) -> str:
    """Return the name of an arm among those of all data sets."""
    return f"{data_set}: {arm}"


def with_targets(names: Sequence[str]) -> list[str]:
    """Return the data sets asked for, or all that have targets when none is named.

    Raises
    ------
    InputError
        If there is no such data set, or it has no targets.
    """
    known = [name for name in data_sets() if read_evidence(name).targets]
    for name in names:
        if name not in known:
            hint = nearest(name, known)
            raise InputError(f"{shown(name)} -> no data set with targets; there are {', '.join(known)}{hint}")
    return list(dict.fromkeys(names)) or known


def study_plan(
    names: Iterable[str | Evidence],
    seeds: int,
    settings: Mapping[str, Any] | None = None,
    *,
    name: str = "validation",
    root: int = ROOT,
) -> Plan:
    """Return the plan of every run that the data sets `names` ask for.

    Parameters
    ----------
    names : iterable of str or Evidence
        Data sets; those without targets ask for nothing.
    seeds : int
        Runs of each arm. Arms share the seeds.
    settings : mapping of str to object, optional
        Changes of every case by dotted key: parameter values to be tried.
    name : str
        Name of the plan.
    root : int
        Root of the seeds.

    Raises
    ------
    InputError
        If a data set or one of its cases is wrong.
    """
    if not 1 <= seeds <= MOST_SEEDS:
        raise InputError(f"seeds = {seeds} -> must be a whole number from 1 to {MOST_SEEDS}")
    arms = []
    for entry in names:
        evidence = entry if isinstance(entry, Evidence) else read_evidence(entry)
        wanted = {arm for value in evidence.targets for arm in (value.arm, value.against) if arm}
        for arm in evidence.arm:
            if arm.name in wanted:
                try:
                    arms.append(
                        Arm(
                            arm_name(evidence.name, arm.name),
                            arm.resolved({"tissue.agents": False, **(settings or {})}),
                        )
                    )
                except InputError as error:
                    raise InputError(f"data set {evidence.name}: arm {arm.name}: {error}") from None
    return Plan(name, arms, (), [Point((), None)], range(seeds), root)


class Courses(ArmCourses):
    """The recorded readouts of the runs of data sets, and what they say of published values."""

    def simulated(self, data_set: str, value: Value) -> Simulated:
        """Return what the runs say of a value of a data set."""
        assert value.arm is not None
        arm = arm_name(data_set, value.arm)
        against = None if value.against is None else arm_name(data_set, value.against)
        courses, control = self.of(arm, against)
        return simulated(value, self.cases[arm], courses, control)
