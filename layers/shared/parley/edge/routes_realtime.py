"""The event log by HTTP, and the way to the socket. The one rule: what these answer is what the socket says, event
for event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from parley.domain.principal import Principal
from parley.services.read_connections import ConnectionPosition
from parley.services.read_inbox import Page as Piece

from .api import Api, answer
from .cursors import bad_cursor, read_cursor, read_time, write_cursor
from .schemas import Limit
from .shapes import Events, One, OpenSocket, Page, Presence, Snapshot, Ticket

EventLimit = Annotated[Limit, Query(ge=1, le=500)]
PageLimit = Annotated[Limit, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=1024)]
_CONNECTIONS: Final = "connections"
View = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Realtime:
    """The use cases behind these routes; each answers the whole body, or a page."""

    events_after: Callable[[Principal, str | None, int, Sequence[str] | None], View]
    snapshot: Callable[[Principal], View]
    issue_ticket: Callable[[Principal], View]
    presence: Callable[[Principal], View]
    connections: Callable[[Principal, ConnectionPosition | None, int], Piece[ConnectionPosition]]


def add_realtime_routes(api: Api, realtime: Realtime) -> None:
    """Answer the routes of the event log and of realtime."""

    @api.route("GET", "/v1/events", scope="events:read", gives=Events)
    def list_events(
        after: Annotated[str | None, Query(max_length=200)] = None,
        limit: EventLimit = 100,
        topics: Annotated[str | None, Query(max_length=4000, description="comma-separated")] = None,
    ) -> Response[Any]:
        wanted = [topic.strip() for topic in topics.split(",") if topic.strip()] if topics else None
        return answer(realtime.events_after(api.caller, after, limit, wanted))

    @api.route("GET", "/v1/snapshot", scope="events:read", gives=One[Snapshot])
    def get_snapshot() -> Response[Any]:
        return answer(realtime.snapshot(api.caller))

    @api.route("POST", "/v1/realtime/ticket", scope="events:read", gives=One[Ticket])
    def create_ticket() -> Response[Any]:
        return answer(realtime.issue_ticket(api.caller))

    @api.route("GET", "/v1/presence", scope="events:read", gives=One[Presence], summary="Who is here")
    def get_presence() -> Response[Any]:
        return answer(realtime.presence(api.caller))

    @api.route("GET", "/v1/realtime/connections", scope="admin", role="admin", gives=Page[OpenSocket])
    def list_connections(limit: PageLimit = 20, cursor: Cursor = None) -> Response[Any]:
        page = realtime.connections(api.caller, _position(cursor) if cursor else None, limit)
        following = write_cursor(_CONNECTIONS, *page.after) if page.after else None
        return answer({"data": page.items, "pagination": {"nextCursor": following, "hasMore": following is not None}})


def _position(cursor: str) -> ConnectionPosition:
    at, id_ = read_cursor(_CONNECTIONS, cursor, 2)
    if id_ is None:
        raise bad_cursor()
    return read_time(at), id_
