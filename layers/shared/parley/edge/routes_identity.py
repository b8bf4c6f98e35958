"""Who is one person: contacts, joined and told apart. The one rule: what is answered is the contact an id names now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path
from pydantic import Field

from parley.services.same_person import SamePerson

from .api import Api, answer
from .schemas import BodyModel, LooseId
from .shapes import Contact, One

Id = Annotated[UUID, Path(alias="id")]


class MergeBody(BodyModel):
    """The other contact."""

    contact_id: LooseId = Field(alias="contactId")


class UnmergeBody(BodyModel):
    """Which join, where the caller means a certain one."""

    merge_id: LooseId | None = Field(default=None, alias="mergeId")


def add_identity_routes(api: Api, people: Callable[[], SamePerson]) -> None:
    """Answer the routes of contacts and who they are."""

    @api.route("GET", "/v1/contacts/{id}", scope="contacts:read", gives=One[Contact])
    def get_contact(contact_id: Id) -> Response[Any]:
        return answer({"data": people().contact(api.caller, contact_id)})

    @api.route("POST", "/v1/contacts/{id}/merge", scope="contacts:write", gives=One[Contact])
    def merge_contact(contact_id: Id, body: Annotated[MergeBody, Body()]) -> Response[Any]:
        api.call.facts["contact_id"] = str(contact_id)
        return answer({"data": people().merge(api.caller, contact_id, body.contact_id)})

    @api.route("POST", "/v1/contacts/{id}/unmerge", scope="contacts:write", gives=One[Contact])
    def unmerge_contact(contact_id: Id, body: Annotated[UnmergeBody, Body()]) -> Response[Any]:
        api.call.facts["contact_id"] = str(contact_id)
        return answer({"data": people().unmerge(api.caller, contact_id, body.merge_id)})
