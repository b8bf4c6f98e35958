"""What surrounds conversations and messages, to read. The one rule: a context goes on where the thread does, with the
same cursor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from parley.services.read_inbox import Page as Piece
from parley.services.read_more import MessageFilter, Reading

from .api import Api, answer
from .cursors import bad_cursor, read_cursor, read_id, read_time, write_cursor
from .schemas import Limit, Moment
from .shapes import Message, One, Page, Status
from .shapes_working import Counts, Happening, Member, Receipt

Id = Annotated[UUID, Path(alias="id")]
PageLimit = Annotated[Limit, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=1024)]
Around = Annotated[Limit, Query(ge=0, le=50, description="how many messages on each side")]


def add_reading_routes(api: Api, reading: Callable[[], Reading]) -> None:
    """Answer the routes that read what surrounds conversations and messages."""
    _add_of_conversations(api, reading)
    _add_of_messages(api, reading)


def _add_of_conversations(api: Api, reading: Callable[[], Reading]) -> None:
    @api.route("GET", "/v1/conversations/counts", scope="conversations:read", gives=One[Counts])
    def count_conversations() -> Response[Any]:
        return answer({"data": reading().counts(api.caller)})

    @api.route("GET", "/v1/conversations/{id}/timeline", scope="conversations:read", gives=Page[Happening])
    def read_timeline(conversation_id: Id, limit: PageLimit = 20, cursor: Cursor = None) -> Response[Any]:
        api.call.facts["conversation_id"] = str(conversation_id)
        of = f"timeline {conversation_id}"
        after = None
        if cursor:
            at, id_ = read_cursor(of, cursor, 2)
            after = (read_time(at), read_id(id_))
        return _page(reading().timeline(api.caller, conversation_id, after, limit), lambda at: write_cursor(of, *at))

    @api.route("GET", "/v1/conversations/{id}/members", scope="conversations:read", gives=Page[Member])
    def list_members(conversation_id: Id, limit: PageLimit = 20, cursor: Cursor = None) -> Response[Any]:
        api.call.facts["conversation_id"] = str(conversation_id)
        of = f"members {conversation_id}"
        after = read_id(read_cursor(of, cursor, 1)[0]) if cursor else None
        return _page(reading().members(api.caller, conversation_id, after, limit), lambda id_: write_cursor(of, id_))


def _add_of_messages(api: Api, reading: Callable[[], Reading]) -> None:
    @api.route(
        "GET", "/v1/messages", scope="messages:read", gives=Page[Message], summary="List messages of all threads"
    )
    def list_all_messages(
        status: Annotated[Status | None, Query()] = None,
        integration_id: Annotated[UUID | None, Query(alias="integrationId")] = None,
        since: Annotated[Moment | None, Query(alias="from")] = None,
        before: Annotated[Moment | None, Query(alias="to")] = None,
        limit: PageLimit = 20,
        cursor: Cursor = None,
    ) -> Response[Any]:
        wanted = MessageFilter(status, integration_id, since, before)
        of = f"messages {wanted}"
        after = read_id(read_cursor(of, cursor, 1)[0]) if cursor else None
        return _page(reading().messages(api.caller, wanted, after, limit), lambda id_: write_cursor(of, id_))

    @api.route("GET", "/v1/messages/{id}/context", scope="messages:read", gives=Page[Message])
    def read_context(message_id: Id, around: Around = 20) -> Response[Any]:
        conversation_id, page = reading().context(api.caller, message_id, around)
        of = f"messages {conversation_id}"
        return _page(page, lambda at: write_cursor(of, at.at, at.key, at.id))

    @api.route("GET", "/v1/messages/{id}/receipts", scope="messages:read", gives=Page[Receipt])
    def list_receipts(message_id: Id, limit: PageLimit = 20, cursor: Cursor = None) -> Response[Any]:
        of = f"receipts {message_id}"
        after = None
        if cursor:
            at, status, participant = read_cursor(of, cursor, 3)
            if status is None or participant is None:
                raise bad_cursor()
            after = (read_time(at), status, participant)
        return _page(reading().receipts(api.caller, message_id, after, limit), lambda at: write_cursor(of, *at))


def _page(page: Piece[Any], write: Callable[[Any], str]) -> Response[Any]:
    following = write(page.after) if page.after else None
    return answer({"data": page.items, "pagination": {"nextCursor": following, "hasMore": following is not None}})
