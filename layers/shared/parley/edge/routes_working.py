"""Work on conversations: their status, assignee, labels, priority and followers. The one rule: who says `If-Match` is
told 409 where the conversation is not what they have seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path

from parley.services.assign import Assigning
from parley.services.change import Changing

from .api import Api, answer
from .schemas_working import AssignBody, ConversationPatch, read_version
from .shapes import Conversation, One
from .shapes_working import Following

Id = Annotated[UUID, Path(alias="id")]
UserId = Annotated[UUID, Path(alias="userId")]
_COMPARED: Final = ("If-Match",)


@dataclass(frozen=True, slots=True)
class Work:
    """What works on conversations, made when it is first needed."""

    changing: Callable[[], Changing]
    assigning: Callable[[], Assigning]


def add_working_routes(api: Api, work: Work) -> None:
    """Answer the routes that work on conversations."""

    @api.route(
        "PATCH",
        "/v1/conversations/{id}",
        scope="conversations:write",
        gives=One[Conversation],
        example={"status": "pending", "labels": ["vip"]},
        headers=_COMPARED,
    )
    def change_conversation(conversation_id: Id, body: Annotated[ConversationPatch, Body()]) -> Response[Any]:
        api.call.facts["conversation_id"] = str(conversation_id)
        version = read_version(api.call.headers.get("if-match"))
        correlation_id = api.call.correlation_id
        view = work.changing().change(api.caller, conversation_id, body.asked(), correlation_id, version=version)
        return _conversation(view)

    @api.route(
        "POST",
        "/v1/conversations/{id}/assign",
        scope="conversations:write",
        gives=One[Conversation],
        example={"userId": None, "note": "Who speaks Portuguese?"},
        headers=_COMPARED,
    )
    def assign_conversation(conversation_id: Id, body: Annotated[AssignBody, Body()]) -> Response[Any]:
        api.call.facts["conversation_id"] = str(conversation_id)
        view = work.assigning().assign(
            api.caller,
            conversation_id,
            body.user_id,
            api.call.correlation_id,
            version=read_version(api.call.headers.get("if-match")),
            note=body.note,
        )
        return _conversation(view)

    @api.route("PUT", "/v1/conversations/{id}/followers/{userId}", scope="conversations:write", gives=One[Following])
    def follow_conversation(conversation_id: Id, user_id: UserId) -> Response[Any]:
        return _follow(conversation_id, user_id, on=True)

    @api.route("DELETE", "/v1/conversations/{id}/followers/{userId}", scope="conversations:write", gives=One[Following])
    def unfollow_conversation(conversation_id: Id, user_id: UserId) -> Response[Any]:
        return _follow(conversation_id, user_id, on=False)

    def _follow(conversation_id: UUID, user_id: UUID, *, on: bool) -> Response[Any]:
        api.call.facts["conversation_id"] = str(conversation_id)
        found = work.changing().follow(api.caller, conversation_id, user_id, on, api.call.correlation_id)
        return answer({"data": {"conversationId": str(conversation_id), "followers": found}})


def _conversation(view: dict[str, Any]) -> Response[Any]:
    return answer({"data": view}, headers={"etag": f'"{view["version"]}"'})
