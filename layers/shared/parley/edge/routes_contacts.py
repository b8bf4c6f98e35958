"""Contacts: listed, added, changed, blocked. The one rule: of the attributes those that are given change, and null
takes one away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query

from parley.services.keep_contacts import Contacts

from .api import Api, answer
from .cursors import read_cursor, read_id, write_cursor
from .schemas import Limit
from .schemas_working import BlockBody, ContactBody, ContactPatch, Phone, read_version
from .shapes import Contact, One, Page

Id = Annotated[UUID, Path(alias="id")]
PageLimit = Annotated[Limit, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=1024)]


def add_contact_routes(api: Api, contacts: Callable[[], Contacts]) -> None:
    """Answer the routes of contacts."""

    @api.route("GET", "/v1/contacts", scope="contacts:read", gives=Page[Contact])
    def list_contacts(
        phone: Annotated[Phone | None, Query()] = None,
        blocked: Annotated[bool | None, Query()] = None,
        limit: PageLimit = 20,
        cursor: Cursor = None,
    ) -> Response[Any]:
        of = f"contacts {phone} {blocked}"
        after = read_id(read_cursor(of, cursor, 1)[0]) if cursor else None
        page = contacts().page(api.caller, after, limit, phone=phone, blocked=blocked)
        following = write_cursor(of, page.after) if page.after else None
        return answer({"data": page.items, "pagination": {"nextCursor": following, "hasMore": following is not None}})

    @api.route(
        "POST",
        "/v1/contacts",
        scope="contacts:write",
        gives={201: One[Contact]},
        example={"phone": "+5511955550100", "name": "Beatriz", "attributes": {"plan": "gold"}},
    )
    def create_contact(body: Annotated[ContactBody, Body()]) -> Response[Any]:
        made = contacts().add(api.caller, body.phone, body.name, body.attributes or {}, api.call.correlation_id)
        api.call.facts["contact_id"] = made["id"]
        return answer({"data": made}, 201, {"location": f"/v1/contacts/{made['id']}"})

    @api.route(
        "PATCH",
        "/v1/contacts/{id}",
        scope="contacts:write",
        gives=One[Contact],
        example={"name": "Beatriz", "attributes": {"plan": "gold"}},
        headers=("If-Match",),
    )
    def change_contact(contact_id: Id, body: Annotated[ContactPatch, Body()]) -> Response[Any]:
        api.call.facts["contact_id"] = str(contact_id)
        version = read_version(api.call.headers.get("if-match"))
        changed = contacts().change(api.caller, contact_id, body.asked(), api.call.correlation_id, version=version)
        return answer({"data": changed}, headers={"etag": f'"{changed["version"]}"'})

    @api.route("POST", "/v1/contacts/{id}/block", scope="contacts:write", gives=One[Contact], example={"blocked": True})
    def block_contact(contact_id: Id, body: Annotated[BlockBody, Body()]) -> Response[Any]:
        api.call.facts["contact_id"] = str(contact_id)
        asked = {"blocked": body.blocked}
        return answer({"data": contacts().change(api.caller, contact_id, asked, api.call.correlation_id)})
