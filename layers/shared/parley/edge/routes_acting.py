"""What is done to messages and in conversations, beside sending. The one rule: 200 means the gateway did it (of
reading: that it is read here).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path
from pydantic import AfterValidator, Field

from parley.services.act import Acting

from .api import Api, answer
from .schemas import BodyModel, LooseId, Text
from .shapes import Conversation, Message, One, Typing

LONGEST_EMOJI: Final = 32
"""In characters: families and flags are made of many."""


def _emoji(value: str) -> str:
    if any(character.isspace() or (character.isascii() and character.isalpha()) for character in value):
        raise ValueError("should be one emoji")
    return value


Emoji = Annotated[str, Field(min_length=1, max_length=LONGEST_EMOJI), AfterValidator(_emoji)]


class ReactionBody(BodyModel):
    """The number's reaction; null takes it back."""

    emoji: Emoji | None


class EditBody(BodyModel):
    """A message's new text."""

    text: Text


class ReadBody(BodyModel):
    """The newest message that was read."""

    up_to: LooseId = Field(alias="upTo")


class TypingBody(BodyModel):
    """Whether somebody is typing."""

    on: bool


Id = Annotated[UUID, Path(alias="id")]


def add_acting_routes(api: Api, acting: Callable[[], Acting]) -> None:
    """Answer the routes that act."""

    @api.route(
        "POST", "/v1/messages/{id}/reactions", scope="messages:write", gives=One[Message], example={"emoji": "👍"}
    )
    def react_to_message(message_id: Id, body: Annotated[ReactionBody, Body()]) -> Response[Any]:
        api.call.facts["message_id"] = str(message_id)
        return answer({"data": acting().react(api.caller, message_id, body.emoji, api.call.correlation_id)})

    @api.route("PATCH", "/v1/messages/{id}", scope="messages:write", gives=One[Message])
    def edit_message(message_id: Id, body: Annotated[EditBody, Body()]) -> Response[Any]:
        api.call.facts["message_id"] = str(message_id)
        return answer({"data": acting().edit(api.caller, message_id, body.text, api.call.correlation_id)})

    @api.route("DELETE", "/v1/messages/{id}", scope="messages:write", gives=One[Message])
    def delete_message(message_id: Id) -> Response[Any]:
        api.call.facts["message_id"] = str(message_id)
        return answer({"data": acting().delete(api.caller, message_id, api.call.correlation_id)})

    @api.route("POST", "/v1/conversations/{id}/read", scope="conversations:write", gives=One[Conversation])
    def mark_read(conversation_id: Id, body: Annotated[ReadBody, Body()]) -> Response[Any]:
        api.call.facts["conversation_id"] = str(conversation_id)
        return answer({"data": acting().mark_read(api.caller, conversation_id, body.up_to, api.call.correlation_id)})

    @api.route("POST", "/v1/conversations/{id}/typing", scope="messages:write", gives=One[Typing])
    def show_typing(conversation_id: Id, body: Annotated[TypingBody, Body()]) -> Response[Any]:
        api.call.facts["conversation_id"] = str(conversation_id)
        acting().show_typing(api.caller, conversation_id, body.on, api.call.correlation_id)
        return answer({"data": {"conversationId": str(conversation_id), "on": body.on}})
