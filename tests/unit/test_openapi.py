"""The OpenAPI document: what is committed is what the routes say, and its examples are what it allows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from parley import wiring
from parley.edge import schemas_admin, schemas_working
from parley.edge.schemas import BodyModel

COMMITTED = Path(__file__).resolve().parents[2] / "docs/openapi.json"
DOCUMENT = json.loads(wiring.openapi())
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def test_the_committed_document_is_that_of_the_routes() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == wiring.openapi(), "run `make openapi`"


def test_every_operation_has_a_name_of_its_own_a_summary_and_says_who_may() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert sorted(set(names)) == sorted(names)
    for route, operation in OPERATIONS.items():
        assert operation["summary"], route
        assert operation["x-role"] in ("agent", "admin", "owner"), route
        assert bool(operation["security"]) == (operation["x-scope"] != "everybody"), route
        assert "default" in operation["responses"], route


def test_every_good_answer_says_what_it_is() -> None:
    silent = {
        (route, status)
        for route, operation in OPERATIONS.items()
        for status, answer in operation["responses"].items()
        if status not in ("default", "204") and "content" not in answer
    }
    assert silent == set()


def examples() -> Iterator[tuple[str, Any, Any]]:
    """Every example with its schema."""
    for route, operation in OPERATIONS.items():
        contents = [("body", operation.get("requestBody", {}).get("content", {}))]
        contents += [(status, answer.get("content", {})) for status, answer in operation["responses"].items()]
        for what, content in contents:
            given = content.get("application/json", {})
            if "example" in given:
                yield f"{route} {what}", given["schema"], given["example"]


@pytest.mark.parametrize(
    ("what", "schema", "example"), list(examples()), ids=lambda one: one if isinstance(one, str) else ""
)
def test_every_example_is_what_its_schema_allows(what: str, schema: Any, example: Any) -> None:
    validator = jsonschema.Draft202012Validator(
        {**schema, "components": DOCUMENT["components"]}, format_checker=jsonschema.FormatChecker()
    )
    assert [error.message for error in validator.iter_errors(example)] == []


@pytest.mark.parametrize(
    "patch",
    [*schemas_admin.Patch.__subclasses__(), *schemas_working.Patch.__subclasses__()],
    ids=lambda one: one.__name__,
)
def test_a_patch_takes_null_where_its_schema_does_and_fills_nothing_in(patch: type[BodyModel]) -> None:
    schema = DOCUMENT["components"]["schemas"][patch.__name__]
    assert schema["minProperties"] == 1
    for name, field in schema["properties"].items():
        assert "default" not in field, name
        nullable = {"type": "null"} in field.get("anyOf", [])
        try:
            patch.model_validate({name: None})
        except ValidationError:
            assert not nullable, name
        else:
            assert nullable, name


def test_every_reference_leads_somewhere() -> None:
    text = wiring.openapi()
    named = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert named <= DOCUMENT["components"]["schemas"].keys()
