"""Conversations and messages, to read. The one rule: a list is a page and a cursor, one object is `data`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from parley.domain.errors import InvalidRequest
from parley.domain.principal import Principal
from parley.services.read_inbox import ConversationFilter, ConversationPosition, Inbox, MessagePosition, Walk
from parley.services.read_inbox import Page as Piece

from .api import Api, answer
from .cursors import read_cursor, read_id, read_number, read_time, write_cursor
from .schemas import Limit, Moment
from .shapes import Conversation, Message, One, Page

Id = Annotated[UUID, Path(alias="id")]
PageLimit = Annotated[Limit, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=1024)]


def add_inbox_routes(api: Api, inbox: Callable[[], Inbox]) -> None:
    """Answer the reading routes of the inbox."""

    @api.route("GET", "/v1/conversations", scope="conversations:read", gives=Page[Conversation])
    def list_conversations(
        status: Annotated[Literal["open", "pending", "resolved", "snoozed"] | None, Query()] = None,
        assignee: Annotated[str | None, Query(description="`me`, `none`, or a user's id")] = None,
        integration_id: Annotated[UUID | None, Query(alias="integrationId")] = None,
        label: Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00]+$")] = None,
        unread: Annotated[bool | None, Query()] = None,
        last_message_before: Annotated[Moment | None, Query(alias="lastMessageBefore")] = None,
        name: Annotated[
            str | None,
            Query(alias="q", min_length=1, max_length=100, pattern=r"^[^\x00]+$", description="a name or number"),
        ] = None,
        follower: Annotated[str | None, Query(description="`me`, or a user's id")] = None,
        sort: Annotated[Literal["newest", "oldest"], Query()] = "newest",
        limit: PageLimit = 20,
        cursor: Cursor = None,
    ) -> Response[Any]:
        wanted = ConversationFilter(
            status=status,
            assignee=None if assignee == "none" else _person("assignee", api.caller, assignee),
            unassigned=assignee == "none",
            integration_id=integration_id,
            label=label,
            unread=unread,
            before=last_message_before,
            name=name,
            follower=_person("follower", api.caller, follower),
            sort=sort,
        )
        of = f"conversations {wanted}"
        after = _conversation_position(of, cursor) if cursor else None
        page = inbox().conversations(api.caller, wanted, after, limit)
        return _page(page, lambda at: _conversation_cursor(of, at))

    @api.route("GET", "/v1/conversations/{id}", scope="conversations:read", gives=One[Conversation])
    def get_conversation(conversation_id: Id) -> Response[Any]:
        api.call.facts["conversation_id"] = str(conversation_id)
        return answer({"data": inbox().conversation(api.caller, conversation_id)})

    @api.route("GET", "/v1/conversations/{id}/messages", scope="messages:read", gives=Page[Message])
    def list_messages(conversation_id: Id, limit: PageLimit = 20, cursor: Cursor = None) -> Response[Any]:
        api.call.facts["conversation_id"] = str(conversation_id)
        of = f"messages {conversation_id}"
        after = _message_position(of, cursor) if cursor else None
        page = inbox().thread(api.caller, conversation_id, after, limit)
        return _page(page, lambda at: write_cursor(of, at.at, at.key, at.id))

    @api.route("GET", "/v1/messages/{id}", scope="messages:read", gives=One[Message])
    def get_message(message_id: Id) -> Response[Any]:
        return answer({"data": inbox().message(api.caller, message_id)})


def _person(parameter: str, caller: Principal, wanted: str | None) -> UUID | None:
    """The person that a filter names. Raises InvalidRequest."""
    if wanted is None:
        return None
    if wanted == "me":
        return caller.id
    try:
        return UUID(wanted)
    except ValueError as error:
        others = "`me`, `none`" if parameter == "assignee" else "`me`"
        problem = {"path": parameter, "message": f"should be {others} or a user's id"}
        raise InvalidRequest(errors=[problem]) from error


def _conversation_position(of: str, cursor: str) -> ConversationPosition:
    at, id_, late, settled, head, began = read_cursor(of, cursor, 6)
    walk = Walk(read_number(settled), read_number(head), read_time(began))
    return ConversationPosition(None if at is None else read_time(at), read_id(id_), walk, late=late == "late")


def _conversation_cursor(of: str, at: ConversationPosition) -> str:
    walk = at.walk
    return write_cursor(of, at.at, at.id, "late" if at.late else None, str(walk.settled), str(walk.head), walk.began)


def _message_position(of: str, cursor: str) -> MessagePosition:
    at, key, id_ = read_cursor(of, cursor, 3)
    return MessagePosition(read_time(at), key, read_id(id_))


def _page(page: Piece[Any], write: Callable[[Any], str]) -> Response[Any]:
    following = write(page.after) if page.after else None
    return answer({"data": page.items, "pagination": {"nextCursor": following, "hasMore": following is not None}})
