"""A contact's data: exported and erased. The one rule: both are an admin's, and both are written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from parley.services.erase import Erasing
from parley.services.export import KEYS, Exporting, Place

from .api import Api, answer
from .cursors import bad_cursor, read_cursor, read_id, read_number, write_cursor
from .schemas import Limit
from .shapes import One, Page
from .shapes_privacy import ErasureState, ExportRecord

Id = Annotated[UUID, Path(alias="id")]
ExportLimit = Annotated[Limit, Query(ge=1, le=500)]
Cursor = Annotated[str | None, Query(max_length=1024)]


def add_privacy_routes(api: Api, erasing: Callable[[], Erasing], exporting: Callable[[], Exporting]) -> None:
    """Answer the routes of a contact's data."""

    @api.route(
        "DELETE",
        "/v1/contacts/{id}",
        scope="admin",
        role="admin",
        gives={202: One[ErasureState]},
        summary="Erase contact",
    )
    def erase_contact(contact_id: Id) -> Response[Any]:
        api.call.facts["contact_id"] = str(contact_id)
        return answer({"data": erasing().erase(api.caller, contact_id, api.call.correlation_id)}, 202)

    @api.route("GET", "/v1/contacts/{id}/export", scope="admin", role="admin", gives=Page[ExportRecord])
    def export_contact(contact_id: Id, limit: ExportLimit = 200, cursor: Cursor = None) -> Response[Any]:
        api.call.facts["contact_id"] = str(contact_id)
        of = f"export {contact_id}"
        after = _place(of, cursor) if cursor else None
        records, last = exporting().page(api.caller, contact_id, after, limit, api.call.correlation_id)
        following = write_cursor(of, last.part, *_two(last.key)) if last else None
        return answer({"data": records, "pagination": {"nextCursor": following, "hasMore": following is not None}})


def _two(key: tuple[str, ...]) -> tuple[str | None, str | None]:
    one, other, *_ = (*key, None, None)
    return one, other


def _place(of: str, cursor: str) -> Place:
    """Where an export goes on. Raises InvalidRequest."""
    part, *parts = read_cursor(of, cursor, 3)
    if part is None or part not in KEYS:
        raise bad_cursor()
    key = tuple(one for one in parts[: KEYS[part]] if one is not None)
    if len(key) < KEYS[part]:
        raise bad_cursor()
    if key:
        read_id(key[0])
    if part == "message":
        read_number(key[1])
    return Place(part, key)
