"""The OpenAPI 3.1 document, made of what the routes declare. The one rule: nothing is written down twice; what a route
takes is read from its handler's annotations, what it gives from its declaration.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from pydantic import TypeAdapter

from .declaration import ANY_CALLER, EVERYBODY, Declaration
from .openapi_examples import example_of
from .shapes import One, Page, Problem

REFERENCE: Final = "#/components/schemas/{model}"
HEADERS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "Idempotency-Key": (
        "The same key and body are the same request: repeat it as often as you like.",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    ),
    "Prefer": (
        "`wait=N`: wait up to N seconds, 1 to 25, for the gateway.",
        {"type": "string", "pattern": "^wait=[0-9]+$"},
    ),
    "If-Match": (
        "The version that you have seen; where it is another by now, 409.",
        {"type": "string", "pattern": '^"?[0-9]{1,9}"?$'},
    ),
}
"""Headers that routes read: what for, and how they look."""
_ABOUT: Final = (
    "The API of a shared inbox. People send a bearer token, programs an API key. Errors are "
    "`application/problem+json` with a stable `code`. What belongs to another company is 404."
)
_LIMITS: Final[Mapping[str, str]] = {
    "RateLimit-Limit": "Requests a minute.",
    "RateLimit-Remaining": "Requests left just now.",
    "RateLimit-Reset": "Seconds until all of them are.",
}


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    place: str
    required: bool
    type: Any
    default: Any


def document(declared: Iterable[Declaration]) -> dict[str, Any]:
    """The document of these routes."""
    routes = sorted(declared, key=lambda one: (one.path, one.method))
    taken = {id(route): _parameters(route) for route in routes}
    types = _Types([one.type for found in taken.values() for one in found], routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        operation = paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, taken[id(route)], types)
        _link(operation["responses"], route, routes)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Parley", "version": "1", "description": _ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": types.components(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
            },
        },
    }


def written(found: Mapping[str, Any]) -> str:
    """The document as it is committed and served."""
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


class _Types:
    """Every type that the routes name, as schemas that share their definitions."""

    def __init__(self, taken: Iterable[Any], routes: Iterable[Declaration]) -> None:
        # By identity: annotations with a field in them are not always equal to themselves.
        self._found: dict[int, TypeAdapter[Any]] = {}
        given = [_inner(type_) for route in routes for type_ in route.answers.values()]
        for type_ in (*taken, *given, Problem):
            if type_ is not None and id(type_) not in self._found:
                self._found[id(type_)] = TypeAdapter(type_)
        inputs = [(key, "validation", adapter) for key, adapter in self._found.items()]
        self._schemas, definitions = TypeAdapter.json_schemas(inputs, ref_template=REFERENCE)  # type: ignore[arg-type]
        self._components: dict[str, Any] = dict(sorted(definitions.get("$defs", {}).items()))

    def of(self, type_: object) -> dict[str, Any]:
        """The schema of a type; of `One` and `Page` with their envelope."""
        if type_ is Any:
            return {}
        if get_origin(type_) is One:
            return _object({"data": self.of(_inner(type_))})
        if get_origin(type_) is Page:
            cursor = {"anyOf": [{"type": "string"}, {"type": "null"}]}
            pagination = _object({"nextCursor": cursor, "hasMore": {"type": "boolean"}})
            return _object({"data": {"type": "array", "items": self.of(_inner(type_))}, "pagination": pagination})
        return dict(self._schemas[id(type_), "validation"])

    def components(self) -> dict[str, Any]:
        """The definitions, each with an example."""
        return {
            name: {**schema, "examples": [example_of(schema, self._components)]}
            for name, schema in self._components.items()
        }

    def example(self, schema: Mapping[str, Any]) -> object:
        """Something that a schema allows."""
        return example_of(schema, self._components)


def _inner(type_: object) -> object:
    return get_args(type_)[0] if get_origin(type_) in (One, Page) else type_


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def _operation(route: Declaration, found: Sequence[_Parameter], types: _Types) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.title,
        "tags": [_tag(route.path)],
        "x-scope": route.scope,
        "x-role": route.role,
        "security": [] if route.scope == EVERYBODY else [{"bearer": []}, {"apiKey": []}],
    }
    if route.scope not in (EVERYBODY, ANY_CALLER):
        made["description"] = f"An API key needs the scope `{route.scope}`."
        if route.role != "agent":
            made["description"] += f" A person needs the role `{route.role}`."
    parameters = [_shown(one, types) for one in found if one.place != "body"]
    parameters += [_header(name) for name in route.headers]
    if parameters:
        made["parameters"] = parameters
    for body in (one for one in found if one.place == "body"):
        schema = types.of(body.type)
        content = {"schema": schema, "example": route.example or types.example(schema)}
        made["requestBody"] = {"required": body.required, "content": {"application/json": content}}
    made["responses"] = _responses(route, types)
    return made


def _responses(route: Declaration, types: _Types) -> dict[str, Any]:
    made: dict[str, Any] = {}
    limits = {name: {"description": about, "schema": {"type": "integer"}} for name, about in _LIMITS.items()}
    for status, type_ in route.answers.items():
        answer: dict[str, Any] = {"description": _DESCRIPTIONS.get(status, "Done.")}
        if route.scope != EVERYBODY:
            answer["headers"] = limits
        if type_ is not None:
            schema = types.of(type_)
            answer["content"] = {"application/json": {"schema": schema, "example": types.example(schema)}}
        made[str(status)] = answer
    made["default"] = {
        "description": "An error; `code` says which.",
        "content": {"application/problem+json": {"schema": types.of(Problem)}, "application/json": {"schema": {}}},
    }
    return made


def _link(responses: Mapping[str, Any], route: Declaration, routes: Iterable[Declaration]) -> None:
    """Say which routes go on with what a collection's POST made."""
    under = f"{route.path}/{{id}}"
    further = [one for one in routes if one.path.startswith(under) and "{" not in one.path[len(under) :]]
    made = [status for status, type_ in route.answers.items() if get_origin(type_) is One and route.method == "POST"]
    for status in made if further else ():
        here = {"id": "$response.body#/data/id"}
        responses[str(status)]["links"] = {one.name: {"operationId": one.name, "parameters": here} for one in further}


_DESCRIPTIONS: Final = {
    200: "Done.",
    201: "Made.",
    202: "Taken; the rest follows.",
    204: "Done; there is nothing to say.",
    302: "It is at `Location`.",
    503: "Not ready.",
}


def _tag(path: str) -> str:
    parts = [part for part in path.split("/") if part]
    return parts[1] if parts[0] == "v1" and len(parts) > 1 else "health" if parts[0].endswith("z") else "messages"


def _parameters(route: Declaration) -> list[_Parameter]:
    hints = get_type_hints(route.handler, include_extras=True)
    found = []
    for name, parameter in inspect.signature(route.handler).parameters.items():
        hint = hints[name]
        marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
        mark = next((one for one in marks if isinstance(one, Path | Query | Body)), None)
        place = "body" if isinstance(mark, Body) else "query" if isinstance(mark, Query) else "path"
        alias = (mark.alias if mark is not None else None) or name
        empty = parameter.default is inspect.Parameter.empty
        found.append(_Parameter(alias, place, empty, hint, None if empty else parameter.default))
    return found


def _shown(one: _Parameter, types: _Types) -> dict[str, Any]:
    schema = types.of(one.type)
    # A parameter is there or is not; it is never null.
    options = [option for option in schema.pop("anyOf", []) if option != {"type": "null"}]
    if options:
        schema |= options[0] if len(options) == 1 else {"anyOf": options}
    about = schema.pop("description", None)
    schema.pop("title", None)
    for ours, theirs in (("ge", "minimum"), ("le", "maximum")):
        # Bounds behind a validator of our own are not translated by pydantic.
        if ours in schema:
            schema[theirs] = schema.pop(ours)
    if one.default is not None:
        schema["default"] = one.default
    shown = {"name": one.name, "in": one.place, "required": one.required, "schema": schema}
    if one.place == "query":
        # `?status=` asks for nothing, as a form that was not filled in does.
        shown["allowEmptyValue"] = True
    return {**shown, "description": about} if about else shown


def _header(name: str) -> dict[str, Any]:
    about, schema = HEADERS[name]
    return {"name": name, "in": "header", "required": False, "description": about, "schema": dict(schema)}
