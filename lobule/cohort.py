"""Cohorts: what differs between the subjects of a case, and the subject that a seed stands for."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lobule.distributions import Choice, Lognormal, Uniform, Value, drawn_at, shares_of
from lobule.doses import HOURS_PER_DAY
from lobule.errors import InputError, nearest
from lobule.keys import all_keys, field_at
from lobule.sections import OLDEST_DAYS

if TYPE_CHECKING:
    from lobule.case import Case

#: Keys that tell runs apart, or that say how a run is recorded: they are of the case, not of the subject.
UNDRAWN = (
    "format",
    "name",
    "title",
    "description",
    "seed",
    "evidence",
    "subject.species",
    "tissue",
    "clock",
    "record",
    "rules",
    "cohort",
    "drawn",
)
LEAST_SHARE = 1e-3  # of a distribution that must lie between its ends


def flat(table: Any, before: str = "") -> Any:
    """Return ``{"subject": {"age_days": {...}}}`` as ``{"subject.age_days": {...}}``.

    Parameters go without ``parameters.``. What is no table of tables is returned as it is, to be refused.
    """
    if not isinstance(table, Mapping):
        return table
    found: dict[str, Any] = {}
    for key, entry in table.items():
        name = f"{before}.{key}" if before else str(key)
        is_branch = isinstance(entry, Mapping) and "distribution" not in entry and entry
        if is_branch and all(isinstance(below, Mapping) for below in entry.values()):
            found |= flat(entry, name)
        else:
            found[name.removeprefix("parameters.")] = entry
    return found


def subject_of(case: Case, seed: int) -> dict[str, Value]:
    """Return what is drawn for the subject `seed` of the cohort of `case`, by key.

    A draw hangs on seed and key alone: another key in the cohort shifts none.
    """
    return {
        key: drawn_at(distribution, _ends(case, key, distribution), _chance(seed, key))
        for key, distribution in case.cohort.items()
    }


def _chance(seed: int, key: str) -> float:
    """Return the uniform number of `key` for the subject `seed`."""
    import numpy as np

    from lobule.agents.chance import COHORT, uniform

    name = np.uint64(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little"))
    zero = np.uint64(0)
    return float(uniform(np.uint64(seed), COHORT, zero, name, zero))


def check_cohort(case: Case) -> Iterator[tuple[str, Value, str]]:
    """Check the distributions of `case`; yield each key with each value that must be possible, its ends.

    The third entry names where the value stands, for a message.

    Raises
    ------
    InputError
        If something cannot be drawn, or has no ends.
    """
    for key, distribution in case.cohort.items():
        at = f"cohort.{key}"
        if any(key == name or key.startswith(f"{name}.") for name in UNDRAWN):
            raise InputError(f"{at} -> is the same for all subjects of a case and cannot be drawn")
        _declared_range(case, key)  # there is such a key
        if isinstance(distribution, Choice):
            yield from ((key, value, at) for value in distribution.values)
            continue
        ends = _ends(case, key, distribution)
        if not isinstance(distribution, Uniform):
            _, below, above, _ = shares_of(distribution, ends)
            if above - below < LEAST_SHARE:
                raise InputError(
                    f"{at} -> next to nothing of this {distribution.distribution} distribution lies "
                    f"from {ends[0]:g} to {ends[1]:g}"
                )
        for name, end in zip(("low", "high"), ends, strict=True):
            is_given = getattr(distribution, name) is not None
            yield key, end, at if is_given else f"{at}.{name} is missing and cannot be that of the range"


def _ends(case: Case, key: str, distribution: Any) -> tuple[float, float]:
    """Return the ends of what is drawn for `key`: those given, else those of the declared range."""
    if isinstance(distribution, Choice):
        return (-math.inf, math.inf)
    found = []
    is_whole = distribution.low is not None and distribution.high is not None
    limits = (None, None) if is_whole else _declared_range(case, key)
    for name, declared in zip(("low", "high"), limits, strict=True):
        end = getattr(distribution, name)
        if end is None and name == "low" and isinstance(distribution, Lognormal):
            declared = 0.0 if declared is None else max(0.0, declared)
        value = declared if end is None else end
        if value is None:
            raise InputError(
                f"cohort.{key}.{name} is missing -> {key} has no declared range that would end it"
            )
        found.append(float(value))
    if found[0] >= found[1]:
        raise InputError(f"cohort.{key} -> low = {found[0]:g} is not below high = {found[1]:g}")
    return found[0], found[1]


def _declared_range(case: Case, key: str) -> tuple[float | None, float | None]:
    """Return the least and largest value that the declaration of a parameter or a key of the case names."""
    if key == "subject.age_days":
        return 0.0, OLDEST_DAYS[case.subject.species] - case.end_hours / HOURS_PER_DAY
    data = case.model_dump()
    if (field := field_at(type(case), key, data)) is not None:
        limits = [
            next(
                (getattr(entry, name) for entry in field.metadata for name in names if hasattr(entry, name)),
                None,
            )
            for names in (("ge", "gt"), ("le", "lt"))
        ]
        return limits[0], limits[1]
    from lobule.settings import declared_parameters

    declared = declared_parameters()
    if key not in declared:
        hint = nearest(key, [*all_keys(type(case), data), *declared])
        raise InputError(f"cohort.{key} -> no such key of the case and no such parameter{hint}")
    return declared[key].low, declared[key].high


def drawn_values(case: Case) -> dict[str, Value]:
    """Return what was drawn for the subject of a case that a cohort was resolved to, by key."""
    found: dict[str, Value] = {}
    data = case.model_dump()
    for key in case.drawn:
        value: Any = case.parameters.get(key)
        if value is None:
            value = data
            for part in key.split("."):
                value = value[int(part) if part.isdecimal() else part]
        found[key] = value
    return found
