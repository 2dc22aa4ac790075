"""From what a script or a sweep file says to a plan, checked before anything runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

from lobule.case import Case, load_case
from lobule.doses import Treatment
from lobule.errors import InputError, shown
from lobule.experiments.sweeps.design import Axis, Point, Sampled, Values, count, design
from lobule.experiments.sweeps.plan import Arm, Plan, applies

MOST_RUNS = 1_000_000

CaseLike = str | PathLike[str] | Case

#: Keys of a case that cannot be varied, and why.
UNVARIED = {
    "seed": "is not varied by itself: replicates (in a script seeds) are runs with other seeds, "
    "and seed at the top of the file (in a script root) changes them all",
    "cohort": "is not varied as a whole: give each an arm of its own, or vary keys of its distributions",
    "tissue.map": "is not varied: give each map a case of its own, or an arm of the sweep file",
    **dict.fromkeys(
        ("format", "name", "title", "description", "evidence", "drawn", "tissue.agents"),
        "cannot be varied: it does not change the run",
    ),
}


def make_plan(
    name: str,
    cases: Sequence[CaseLike] | Mapping[str, CaseLike],
    parameters: Any,
    replicates: Iterable[int],
    *,
    arms: Mapping[str, Mapping[str, Any]] | None = None,
    settings: Mapping[str, Any] | None = None,
    days: float | None = None,
    root: int = 1,
    label: str = "",
    points: Callable[[Mapping[str, Axis], int], Sequence[Point]] = design,
) -> Plan:
    """Return the plan of a sweep.

    Parameters
    ----------
    name : str
        Name of the sweep.
    cases : sequence or mapping
        Base cases; a mapping names them.
    parameters : mapping of str to Values, Sampled, sequence or scalar
        What is varied, by dotted key.
    replicates : iterable of int
        Numbers of the replicates.
    arms : mapping of str to settings, optional
        Arms: what each sets in every base case.
    settings : mapping of str to object, optional
        What is set in all runs.
    days : float, optional
        Length of the runs.
    root : int
        The seed that all seeds come from.
    label : str
        What messages about a wrong value begin with.
    points : callable
        Returns the points for what each key takes and the root.

    Raises
    ------
    InputError
        In one line, if anything of it is wrong. Combinations of values are tried when the runs are asked for.
    """
    if not (isinstance(name, str) and name.strip()):
        raise InputError(f"name = {shown(name)} -> must be a text")
    if not isinstance(parameters, Mapping):
        words = "must be a mapping of dotted keys to lists of values or samplers"
        raise InputError(f"parameters = {shown(parameters)} -> {words}")
    axes: dict[str, Axis] = {}
    for given, value in parameters.items():
        key = normal(given)
        _check_varied(key)
        if key in axes:
            raise InputError(f"{key} -> is varied twice")
        axes[key] = as_axis(key, value)
    check_whole(root, "root")
    numbers = _checked_replicates(replicates)
    for changes in (settings or {}, *(arms or {}).values()):
        if "seed" in changes:
            _check_varied("seed")
    branches = _arms(cases, arms or {}, settings or {})
    for key in axes:
        if key in map(normal, settings or {}):
            raise InputError(f"{key} -> is both set for all runs and varied")
        for arm, changes in (arms or {}).items():
            if key in map(normal, changes):
                raise InputError(f"{key} -> is both set in arm {shown(arm)} and varied")
        if not any(applies(arm.case, key) for arm in branches):
            load_case(branches[0].case, {key: 0})  # says why
            raise InputError(f"{key} -> means nothing to any arm")
    if (number := count(axes) * len(numbers) * len(branches)) > MOST_RUNS:
        raise InputError(f"{name} -> plans {number:,} runs; at most {MOST_RUNS:,} are possible")
    plan = Plan(name, branches, list(axes), points(axes, root), numbers, root, days, label)
    plan.notes()
    return plan


def normal(key: str) -> str:
    """Return the one spelling of a dotted key: parameters go without ``parameters.``."""
    return str(key).removeprefix("parameters.")


def _check_varied(key: str) -> None:
    """Refuse to vary what does not make one run differ from another."""
    if key in UNVARIED:
        raise InputError(f"{key} -> {UNVARIED[key]}")


def check_whole(number: Any, name: str) -> int:
    """Return `number`, a seed or the number of one, as a Python integer.

    Raises
    ------
    InputError
        If it is not a whole number from 0 to 2**63 - 1.
    """
    value = number.item() if hasattr(number, "item") else number
    if not (isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63):
        raise InputError(f"{name} = {shown(value)} -> must be a whole number, 0 or more, below 2^63")
    return value


def as_axis(key: str, value: Any) -> Axis:
    """Return how a parameter is varied that a script gives as a list, a sampler or a single value.

    Raises
    ------
    InputError
        If `value` is nothing of the kind.
    """
    if isinstance(value, Sampled | Values):
        return value
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, range | list | tuple):
        if not len(value):
            raise InputError(f"{key} -> the list is empty")
        values = tuple(v.item() if hasattr(v, "item") else v for v in value)
        return Values(values)
    if isinstance(value, str | int | float | bool):
        return Values((value,))
    raise InputError(f"{key} = {shown(value)} -> must be a list of values or a sampler such as sobol(64)")


def _checked_replicates(numbers: Iterable[int]) -> list[int]:
    if isinstance(numbers, int) or not isinstance(numbers, Iterable):
        raise InputError(f"seeds = {shown(numbers)} -> must be numbers of replicates, such as range(20)")
    found = [check_whole(number, "seeds") for number in numbers]
    if not found:
        raise InputError("seeds -> there is none; a sweep needs one replicate at least")
    if len(set(found)) < len(found):
        twice = next(number for number in found if found.count(number) > 1)
        raise InputError(f"seeds: {twice} -> is there twice")
    return found


def _arms(
    cases: Sequence[CaseLike] | Mapping[str, CaseLike],
    arms: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> list[Arm]:
    """Return every case with every arm, each under a name of its own."""
    if isinstance(cases, Mapping):
        named = {str(name): load_case(case, settings) for name, case in cases.items()}
    else:
        named = {}
        for case in cases:
            loaded = load_case(case, settings)
            if loaded.name in named:
                raise InputError(
                    f"case = {shown(loaded.name)} -> is there twice; give a mapping of names to cases"
                )
            named[loaded.name] = loaded
    if not named:
        raise InputError("case -> there is none; a sweep needs one case at least")
    if not arms:
        return [Arm(name, case) for name, case in named.items()]
    many = len(named) > 1
    found = []
    for name, case in named.items():
        for arm, changes in arms.items():
            try:
                changed = load_case(case, changes)
            except InputError as error:
                raise InputError(f"arm {shown(arm)}: {error}") from None
            found.append(Arm(f"{name} / {arm}" if many else arm, changed))
    return found


def given_beside(base: Case, doses: Sequence[Treatment]) -> dict[str, Any]:
    """Return the changes of a case by which `doses` are given beside its own treatments."""
    given = [dose.model_dump(exclude_none=True) for dose in (*base.treatments, *doses)]
    drawn = {key: entry for key, entry in base.cohort.items() if key.startswith("treatments.")}
    return {
        "treatments": given,
        **{f"cohort.{key}": entry.model_dump(exclude_none=True) for key, entry in drawn.items()},
    }


def name_of(cases: Iterable[str]) -> str:
    """Return a name for a sweep of `cases` that is given none, fit for a file."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "+".join(cases))[:64].strip("-.") or "sweep"
