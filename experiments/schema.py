"""The JSON schema of the case file, for editors that complete and check while one types."""

from __future__ import annotations

from typing import Any

from lobule.case import Case
from lobule.settings import declared_parameters


def case_schema() -> dict[str, Any]:
    """Return the schema, generated from the declarations of the case and of the parameters.

    Returns
    -------
    dict
        JSON schema, draft 2020-12.
    """
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Case.model_json_schema()
    schema["title"] = "lobule case file"
    groups: dict[str, dict[str, Any]] = {}
    flat: dict[str, Any] = {}
    for key, parameter in declared_parameters().items():
        group, name = key.split(".", 1)
        entry = {
            "type": "number",
            "minimum": parameter.low,
            "maximum": parameter.high,
            "default": parameter.value,
            "description": f"{parameter.meaning} [{parameter.unit}]. Source: {parameter.source}",
        }
        groups.setdefault(group, {})[name] = entry
        flat[key] = entry
    nested = {
        group: {"type": "object", "properties": entries, "additionalProperties": False}
        for group, entries in groups.items()
    }
    schema["properties"]["parameters"] = {
        "type": "object",
        "description": "Changes of declared parameters.",
        "properties": nested | flat,
        "additionalProperties": False,
    }
    drawn = schema["properties"]["cohort"]["additionalProperties"]
    branch = {"type": "object", "not": {"required": ["distribution"]}}  # of unquoted dotted keys
    schema["properties"]["cohort"]["additionalProperties"] = {"anyOf": [drawn, branch]}
    return schema
