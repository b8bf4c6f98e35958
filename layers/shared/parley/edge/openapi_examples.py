"""Examples for the OpenAPI document. The one rule: an example is made of its schema, so it cannot go stale; names that
readers know have values that they would expect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_DEEPEST: Final = 6
_BY_NAME: Final[Mapping[str, Any]] = {
    "phone": "+5511955550100",
    "email": "ana@acme.example",
    "name": "Ana",
    "text": "Good morning!",
    "fileName": "note.txt",
    "mimeType": "text/plain",
    "emoji": "👍",
    "url": "https://files.acme.example/note.txt",
    "status": None,
    "label": "vip",
    "color": "#4c6ef5",
}
_BY_FORMAT: Final[Mapping[str, str]] = {
    "uuid": "0192d3a4-5b6c-7d8e-9f01-23456789abcd",
    "date-time": "2026-03-01T12:00:00Z",
    "date": "2026-03-01",
    "time": "09:00:00",
}


def example_of(schema: Mapping[str, Any], components: Mapping[str, Any], name: str = "", depth: int = 0) -> object:
    """Something that a schema allows; `components`: what it refers to, by name."""
    if "$ref" in schema:
        return example_of(components[schema["$ref"].rpartition("/")[2]], components, name, depth)
    for given in ("example", "const", "default"):
        if schema.get(given) is not None:
            return schema[given]
    if schema.get("examples"):
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return _of_choice(schema[choice], components, name, depth)
    return _of_type(schema, components, name, depth)


def _of_choice(options: list[Mapping[str, Any]], components: Mapping[str, Any], name: str, depth: int) -> object:
    nullable = any(option.get("type") == "null" for option in options)
    if nullable and depth >= _DEEPEST:
        return None
    chosen = next((option for option in options if option.get("type") != "null"), options[0])
    return example_of(chosen, components, name, depth)


def _of_type(schema: Mapping[str, Any], components: Mapping[str, Any], name: str, depth: int) -> object:
    kind = schema.get("type")
    if kind == "object":
        properties = schema.get("properties", {})
        # Where nothing is needed, something is shown all the same: a change of nothing is refused.
        wanted = schema.get("required") or list(properties)[:1]
        return {key: example_of(properties[key], components, key, depth + 1) for key in wanted if key in properties}
    if kind == "array":
        few = depth >= _DEEPEST and not schema.get("minItems")
        return [] if few else [example_of(schema.get("items", {}), components, name.removesuffix("s"), depth + 1)]
    if kind in ("integer", "number"):
        return max(
            schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1 if "exclusiveMinimum" in schema else 1
        )
    if kind == "boolean":
        return False
    if kind == "null":
        return None
    return _of_text(schema, name)


def _of_text(schema: Mapping[str, Any], name: str) -> str:
    if schema.get("format") in _BY_FORMAT:
        return _BY_FORMAT[schema["format"]]
    text = str(_BY_NAME.get(name) or name or "text")
    return text[: schema.get("maxLength", 200)].ljust(schema.get("minLength", 0), "0")
