"""The keys a case file may have, found from its declaration."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Path = Sequence[str | int]
DISCRIMINATORS = ("kind", "distribution")  # keys that say which of several tables one means to be


def dotted(path: Path) -> str:
    """Return ``"clock.phases.0.days"`` for its path."""
    return ".".join(str(part) for part in path)


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the tables that a value of this type can be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in models_in(part)]


def choose(models: list[type[BaseModel]], data: Any) -> type[BaseModel] | None:
    """Return the table that `data` means to be: the only one, or the one of its kind or distribution."""
    if len(models) == 1:
        return models[0]
    for model in models:
        for name in DISCRIMINATORS:
            kind = data.get(name) if isinstance(data, Mapping) else None
            if name in model.model_fields and kind in typing.get_args(model.model_fields[name].annotation):
                return model
    return None


def model_at(model: type[BaseModel], path: Path, data: Any) -> type[BaseModel] | None:
    """Return the table at `path` below `model`, or None when the path leads to none."""
    at: type[BaseModel] | None = model
    models: list[type[BaseModel]] = [model]
    is_mapping = False  # of any names to tables
    for part in path:
        data = step_into(data, part)
        if isinstance(part, str) and not is_mapping:
            if at is None or part not in at.model_fields:
                return None
            models = models_in(at.model_fields[part].annotation)
            is_mapping = typing.get_origin(at.model_fields[part].annotation) is dict
        else:
            is_mapping = False
        at = choose(models, data)
    return at


def field_at(model: type[BaseModel], key: str, data: Any) -> FieldInfo | None:
    """Return the declaration of a dotted `key` below `model`, or None when there is no such key."""
    *before, last = (int(part) if part.isdecimal() else part for part in key.split("."))
    table = model_at(model, before, data)
    return None if table is None else table.model_fields.get(str(last))


def step_into(data: Any, part: str | int) -> Any:
    """Return the entry `part` of a table or list, or None when it has none."""
    if isinstance(data, Mapping):
        return data.get(part)
    if isinstance(data, Sequence) and not isinstance(data, str) and isinstance(part, int):
        return data[part] if 0 <= part < len(data) else None
    return None


def all_keys(model: type[BaseModel], data: Any, before: tuple[str | int, ...] = ()) -> Iterator[str]:
    """Yield the dotted name of every key below `model`; lists have the entries they have in `data`."""
    for name, field in model.model_fields.items():
        here, value = (*before, name), step_into(data, name)
        yield dotted(here)
        models = models_in(field.annotation)
        if not models:
            continue
        if typing.get_origin(field.annotation) is tuple:
            for i, entry in enumerate(value if isinstance(value, list | tuple) else ()):
                if (found := choose(models, entry)) is not None:
                    yield from all_keys(found, entry, (*here, i))
        elif (found := choose(models, value)) is not None:
            yield from all_keys(found, value, here)
