"""Changes of a case by dotted name: ``tissue.lobules``, ``treatments.0.cells``, ``matrix.baseline``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from lobule.cohort import flat
from lobule.errors import InputError, nearest, shown
from lobule.keys import all_keys

if TYPE_CHECKING:
    from lobule.agents.declare import Parameter
    from lobule.agents.rules import RuleSet


@cache
def declared_parameters() -> Mapping[str, Parameter]:
    """Return every declared parameter by its dotted name."""
    from lobule.parameters import GROUPS  # compiles the cells' modules: not for the commands that only look

    return {
        f"{group.name}.{name}": parameter
        for group in GROUPS.values()
        for name, parameter in group.declared.items()
    }


def check_parameter(key: str, value: float) -> None:
    """Refuse a change of a parameter that is not declared, or out of its range.

    Raises
    ------
    InputError
        Naming the nearest parameter, or the range.
    """
    declared = declared_parameters()
    if key not in declared:
        raise InputError(f"{key} = {shown(value)} -> no such parameter{_nearest_parameter(key, declared)}")
    parameter = declared[key]
    if not (math.isfinite(value) and parameter.low <= value <= parameter.high):
        unit = "" if parameter.unit == "-" else f" {parameter.unit}"
        allowed = f"{parameter.low:g} to {parameter.high:g}{unit}"
        raise InputError(f"{key} = {shown(value)} -> outside its plausible range, {allowed}")


def checked_rules(rows: Iterable[Mapping[str, Any]], species: str, changes: Mapping[str, float]) -> RuleSet:
    """Return the rules of a case: those of the project with `rows` merged in.

    Parameters
    ----------
    rows : iterable of mapping
        Rows of the case.
    species : str
        Species of the subject, for the base values of the behaviours.
    changes : mapping of str to float
        Changed parameters by dotted name.

    Raises
    ------
    RuleError
        If a row is wrong or contradicts another.
    """
    from lobule.agents.rules import rules_from
    from lobule.parameters import GROUPS
    from lobule.sensing import rule_set

    own: dict[str, dict[str, float]] = {name: {} for name in GROUPS}
    for key, value in changes.items():
        group, name = key.split(".", 1)
        own[group][name] = value
    values = {name: group.values(species, own[name]) for name, group in GROUPS.items()}
    return rule_set(values, rules_from(list(rows), "rules"))


def _nearest_parameter(key: str, names: Mapping[str, Any]) -> str:
    """Look for the nearest name in the same group first, then among all last names."""
    if hint := nearest(key, names):
        return hint
    by_last = {name.split(".", 1)[1]: name for name in names}
    hint = nearest(key.rsplit(".", 1)[-1], by_last)
    last = hint.split('"')[1] if hint else ""
    return f'; did you mean "{by_last[last]}"?' if last else ""


def flatten(table: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested tables as one table with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{before}.{key}" if before else str(key)
        if isinstance(value, Mapping):
            flat |= flatten(value, name)
        else:
            flat[name] = value
    return flat


def apply_settings(
    data: dict[str, Any], settings: Mapping[str, Any], model: type[BaseModel]
) -> dict[str, Any]:
    """Return a copy of `data`, the content of a case file, with `settings` applied.

    Parameters
    ----------
    data : dict
        The content of a case file.
    settings : mapping of str to object
        Values by dotted name. A name that starts with a key of the case file is a path into it; any other
        is a declared parameter.
    model : type
        The declaration of the case file.

    Raises
    ------
    InputError
        If a name leads nowhere.
    """
    if not isinstance(settings, Mapping):
        raise InputError(f"settings = {shown(settings)} -> must be a mapping of dotted keys to values")
    changed = _copied(data)
    if "cohort" in changed:
        changed["cohort"] = flat(changed["cohort"])
    for key, value in settings.items():
        value = value.item() if hasattr(value, "item") else value
        first, *rest = str(key).split(".")
        _replace_draws(changed, str(key))
        if first == "cohort" and rest and isinstance(value, Mapping):
            changed["cohort"] = dict(changed.get("cohort", {})) | flat({".".join(rest): _copied(value)})
        elif first == "cohort" and len(rest) > 1:
            _set_of_draw(changed, ".".join(rest[:-1]).removeprefix("parameters."), rest[-1], value)
        elif first == "parameters" and rest:
            changed["parameters"] = _parameters(changed) | {".".join(rest): value}
        elif first in model.model_fields:
            _set(changed, [first, *rest], value, str(key))
        else:
            _check_known(str(key), value, changed, model)
            changed["parameters"] = _parameters(changed) | {str(key): value}
    return changed


def _replace_draws(data: dict[str, Any], key: str) -> None:
    """Leave out what the cohort draws for `key` or below it: a setting takes its place."""
    name = key.removeprefix("parameters.")
    if isinstance(cohort := data.get("cohort"), Mapping):
        kept = {k: v for k, v in cohort.items() if k != name and not k.startswith(f"{name}.")}
        data["cohort"] = kept


def _set_of_draw(data: dict[str, Any], name: str, part: str, value: Any) -> None:
    """Set one key of the distribution of `name`."""
    cohort = data.get("cohort") or {}
    if not isinstance(cohort.get(name), Mapping):
        hint = nearest(name, cohort)
        raise InputError(
            f"setting: cohort.{name}.{part} = {shown(value)} -> the cohort draws no {name}{hint}"
        )
    cohort[name][part] = value


def _check_known(key: str, value: Any, data: dict[str, Any], model: type[BaseModel]) -> None:
    declared = declared_parameters()
    if key not in declared:
        hint = nearest(key, [*all_keys(model, data), *declared]) or _nearest_parameter(key, declared)
        raise InputError(f"setting: {key or '(no name)'} = {shown(value)} -> no such setting{hint}")


def _parameters(data: dict[str, Any]) -> dict[str, Any]:
    table = data.get("parameters", {})
    return flatten(table) if isinstance(table, Mapping) else {}


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(entry) for key, entry in value.items()}
    return [_copied(entry) for entry in value] if isinstance(value, list | tuple) else value


def _set(data: dict[str, Any], path: list[str], value: Any, key: str) -> None:
    """Set the entry at `path`; a table that is not there yet is made, an entry of a list is not."""
    at: Any = data
    for i, part in enumerate(path):
        is_last = i == len(path) - 1
        name = ".".join(path[:i])
        if isinstance(at, list):
            if not (part.isdecimal() and int(part) < len(at)):
                have = f"has {len(at)}, counted from 0" if at else "is empty"
                raise InputError(f"setting: {key} = {shown(value)} -> no entry {shown(part)}: {name} {have}")
            index: Any = int(part)
        elif isinstance(at, dict):
            index = part
            if not is_last:
                at.setdefault(part, [] if path[i + 1].isdecimal() else {})
        else:
            raise InputError(f"setting: {key} = {shown(value)} -> {name} is not a table")
        if is_last:
            at[index] = value
        else:
            at = at[index]
