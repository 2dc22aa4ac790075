"""Tables of the reference pages, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

Lines = list[str]


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Lines:
    """Return the lines of a Markdown table; bars inside cells are escaped."""
    body = [[" ".join(cell.replace("|", "\\|").split()) for cell in row] for row in rows]
    lines = [header, ["---"] * len(header), *body]
    return [f"| {' | '.join(row)} |" for row in lines] + [""]


def keys_of(model: type[BaseModel]) -> Lines:
    """Return the table of every key that `model` declares."""
    return key_table(model.model_json_schema(by_alias=True))


def key_table(table: Mapping[str, Any], without: Iterable[str] = ()) -> Lines:
    """Return the table of every key of a JSON schema but those named in `without`."""
    required = set(table.get("required", ()))
    rows = []
    for key, entry in table["properties"].items():
        if key in without:
            continue
        default = "required" if key in required else _default(entry.get("default"))
        rows.append((f"`{key}`", _allowed(entry), default, entry.get("description", "")))
    return markdown(("key", "what is allowed", "default", "meaning"), rows)


def _default(value: Any) -> str:
    if value is None or isinstance(value, list | dict):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _allowed(entry: Mapping[str, Any]) -> str:
    """Say in words what a JSON schema allows."""
    if "$ref" in entry:
        name = str(entry["$ref"]).rsplit("/", 1)[-1]
        return f"table [{name}](#{name.lower()})"
    for choice in ("anyOf", "oneOf"):
        if choice in entry:
            return " or ".join(_allowed(e) for e in entry[choice] if e.get("type") != "null")
    if "const" in entry:
        return f"`{entry['const']}`"
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    if entry.get("type") == "array":
        if "prefixItems" in entry:
            return f"list of {len(entry['prefixItems'])}: {_allowed(entry['prefixItems'][0])}"
        return f"list of: {_allowed(entry['items'])}"
    words = {"number": "number", "integer": "whole number", "string": "text", "boolean": "true or false"}
    limits = [
        f"{word} {entry[name]:g}"
        for name, word in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "more than"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "less than"),
        )
        if name in entry
    ]
    return ", ".join([words.get(entry.get("type", ""), "table"), *limits])
