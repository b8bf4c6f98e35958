"""What `useQueues` says a queue is, is what the route answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def fields_of(text: str) -> dict[str, str]:
    """The fields of a TypeScript object type, by name."""
    found: dict[str, str] = {}
    for field in re.split(r";(?![^{]*})", text):
        name, _, kind = field.strip().partition(": ")
        if name:
            found[name] = kind.strip()
    return found


def kind_of(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    """A JSON schema as TypeScript would say it."""
    if "$ref" in schema:
        return kind_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return " | ".join(kind_of(one, schemas) for one in schema["anyOf"])
    if schema["type"] == "array":
        return f"{kind_of(schema['items'], schemas)}[]"
    if schema["type"] == "object":
        inner = "; ".join(f"{name}: {kind_of(one, schemas)}" for name, one in schema["properties"].items())
        return f"{{ {inner} }}"
    return {"integer": "number"}.get(schema["type"], str(schema["type"]))


def test_the_hook_s_type_is_the_route_s_answer() -> None:
    source = (ROOT / "web/packages/react/src/hooks.ts").read_text(encoding="utf-8")
    declared = re.search(r"export interface QueueFigures \{(.*?)\n\}", source, re.DOTALL)
    assert declared
    schemas = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))["components"]["schemas"]
    answered = {name: kind_of(schema, schemas) for name, schema in schemas["Queue"]["properties"].items()}
    assert set(schemas["Queue"]["required"]) == set(answered)
    assert fields_of(declared[1]) == answered
