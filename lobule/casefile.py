"""Reading and writing TOML, and saying in one line what is wrong in a file."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from lobule.errors import InputError, nearest, shown
from lobule.keys import DISCRIMINATORS, dotted, model_at, models_in, step_into

LARGEST_FILE = 4_000_000
LONGEST_LINE = 100  # of a list of texts; longer ones have a line for each

WRONG_TYPE = {
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a smaller whole number",
    "string_type": "must be text in quotes",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "finite_number": "must be a finite number",
}


def read_toml(path: Path, label: str) -> dict[str, Any]:
    """Return what a TOML file holds.

    Raises
    ------
    InputError
        If there is no such file, or it is not TOML; the message starts with `label`.
    """
    if path.is_dir():
        raise InputError(f"{label}: is a folder, not a file")
    try:
        with path.open("rb") as handle:
            content = handle.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "no such file" if missing else getattr(error, "strerror", None) or str(error)
        raise InputError(f"{label}: {reason}") from None
    if len(content) > LARGEST_FILE:
        raise InputError(f"{label}: larger than {LARGEST_FILE // 1_000_000} MB, which is too large")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{label}: line {line}: is not UTF-8 text") from None
    if not text.strip():
        raise InputError(f"{label}: the file is empty")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "is nested too deeply" if isinstance(error, RecursionError) else str(error)
        if at := re.search(r" \(at line (\d+), column (\d+)\)$", reason):
            reason, line = reason[: at.start()], int(at[1])
            raise InputError(f"{label}: line {line}: {reason[:1].lower()}{reason[1:]}") from None
        raise InputError(f"{label}: not TOML: {reason}") from None


def explain_errors(
    error: ValidationError, model: type[BaseModel], data: Any, label: Callable[[str], str]
) -> str:
    """Return the first error of a validation as one line, and how many more there are.

    Parameters
    ----------
    error : pydantic.ValidationError
        What validation found.
    model : type
        The declaration that `data` was checked against.
    data : dict
        What was checked.
    label : callable
        Returns what the line starts with for a dotted key: the name of the file, say.
    """
    entries = error.errors(include_url=False)
    # A list with a wrong entry is also too short.
    wrong = {entry["loc"][: i + 1] for entry in entries for i in range(len(entry["loc"]) - 1)}
    entries = [entry for entry in entries if entry["type"] != "too_short" or entry["loc"] not in wrong]
    # A misspelt key is also a missing one: name what is there first.
    found = sorted(entries, key=lambda entry: entry["type"] == "missing")
    text = _explain(found[0], model, data)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    key = text.split(" ", 1)[0].rstrip(":")
    return f"{label(key)}: {text}{more}"


def _explain(error: Mapping[str, Any], model: type[BaseModel], data: Any) -> str:
    """Return the message of one error; it begins with the dotted key."""
    kind, context = error["type"], error.get("ctx", {})
    path = _path_in(error["loc"], data, kind)
    key, value = dotted(path), error["input"]
    if kind == "missing":
        return f"{key} is missing{_choices(model, path, data)}"
    if kind == "union_tag_not_found":
        return f"{key}.{_discriminator(context)} is missing -> one of {_tags(model, path, data)}"
    if kind == "union_tag_invalid":
        tag, tags = context["tag"], _tags(model, path, data)
        hint = nearest(tag, tags.split(", "))
        return f"{key}.{_discriminator(context)} = {shown(tag)} -> not one of {tags}{hint}"
    if kind == "extra_forbidden":
        table = model_at(model, path[:-1], data)
        names = [field.alias or name for name, field in table.model_fields.items()] if table else []
        hint = nearest(str(path[-1]), names) or f"; there are {', '.join(names)}"
        return f"{key} = {shown(value)} -> no such key{hint}"
    if kind == "value_error":
        text = str(context["error"])
        if isinstance(value, Mapping):
            return f"{key}.{text}" if key else text
        return f"{key}: {text}" if key in ("rules", "") else f"{key} = {shown(value)} -> {text}"
    if kind == "json_invalid":
        return "not JSON"
    if kind in ("tuple_type", "list_type") and isinstance(value, Mapping):
        return f"{key} -> must be a list of tables: begin each with [[{key}]], in double brackets"
    return f"{key} = {shown(value)} -> {_allowed(kind, context, value, error['msg'])}"


def _allowed(kind: str, context: Mapping[str, Any], value: Any, message: str) -> str:
    """Say what would have been allowed."""
    if kind == "literal_error":
        names = re.findall(r"'([^']*)'", context["expected"])
        if not names:
            return f"must be {context['expected']}"
        if len(names) == 1:
            return f"must be {names[0]}"
        return f"not one of {', '.join(names)}{nearest(value, names) if isinstance(value, str) else ''}"
    limits = {"greater_than": ("gt", "more than"), "greater_than_equal": ("ge", "at least")}
    limits |= {"less_than": ("lt", "less than"), "less_than_equal": ("le", "at most")}
    if kind in limits:
        name, words = limits[kind]
        limit = context[name]
        return f"must be {words} {limit if isinstance(limit, int) and limit < 10**9 else f'{limit:g}'}"
    if kind in WRONG_TYPE:
        return WRONG_TYPE[kind]
    if kind == "string_pattern_mismatch":
        letters = "lower-case letters" if "A-Z" not in context["pattern"] else "letters, spaces"
        return f"must be {letters}, digits, dots, hyphens or underscores, 64 at most"
    if kind in ("too_short", "string_too_short"):
        return f"must have at least {context.get('min_length', 1)}"
    return message[:1].lower() + message[1:]


def _path_in(loc: Sequence[str | int], data: Any, kind: str) -> list[str | int]:
    """Return `loc` without the entries that name a member of a union instead of a key."""
    path: list[str | int] = []
    for i, part in enumerate(loc):
        is_last = i == len(loc) - 1
        is_key = not isinstance(data, Mapping) or part in data or (is_last and kind == "missing")
        if is_key:
            path.append(part)
            data = step_into(data, part)
    return path


def _choices(model: type[BaseModel], path: Sequence[str | int], data: Any) -> str:
    """List the words a missing key may have, when it may have only some."""
    table = model_at(model, path[:-1], data)
    field = table.model_fields.get(str(path[-1])) if table else None
    words = (
        [arg for arg in getattr(field.annotation, "__args__", ()) if isinstance(arg, str)] if field else []
    )
    return f" -> one of {', '.join(words)}" if words else ""


def _discriminator(context: Mapping[str, Any]) -> str:
    return str(context["discriminator"]).strip("'")


def _tags(model: type[BaseModel], path: Sequence[str | int], data: Any) -> str:
    """List the kinds that the entry at `path`, in a list or a table of such entries, may have."""
    above = model_at(model, path[:-2], data)
    tables = models_in(above.model_fields[str(path[-2])].annotation) if above else []
    names = (name for table in tables for name in DISCRIMINATORS if name in table.model_fields)
    return ", ".join(
        sorted(
            table.model_fields[name].annotation.__args__[0]  # type: ignore[union-attr]
            for table, name in zip(tables, names, strict=True)
        )
    )


def to_toml(data: Mapping[str, Any]) -> str:
    """Return `data` as TOML: plain keys first, then tables, then lists of tables."""
    lines: list[str] = []
    _write_table(lines, data, ())
    return "\n".join(lines).strip() + "\n"


def _write_table(lines: list[str], table: Mapping[str, Any], path: tuple[str, ...]) -> None:
    later: list[tuple[str, Any]] = []
    for key, value in table.items():
        if isinstance(value, Mapping) or _is_table_list(value):
            later.append((key, value))
        else:
            lines.append(f"{_key(key)} = {_value(value)}")
    for key, value in later:
        name = ".".join(_key(part) for part in (*path, key))
        for entry in [value] if isinstance(value, Mapping) else value:
            head = f"[{name}]" if isinstance(value, Mapping) else f"[[{name}]]"
            if not isinstance(value, Mapping) or _has_plain_keys(entry):
                lines.extend(["", head])
            _write_table(lines, entry, (*path, key))


def _has_plain_keys(table: Mapping[str, Any]) -> bool:
    return not table or any(not isinstance(v, Mapping) and not _is_table_list(v) for v in table.values())


def _is_table_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(v, Mapping) for v in value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _quoted(key)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, str):
        lines = value.split("\n")
        if len(lines) > 1 and all(line.isprintable() for line in lines) and not re.search(r'["\\]', value):
            return f'"""\n{value}"""'
        return _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, list | tuple) and sum(len(v) for v in value if isinstance(v, str)) > LONGEST_LINE:
        return "[\n" + "".join(f"    {_value(v)},\n" for v in value) + "]"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
    return repr(value)
