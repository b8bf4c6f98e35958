"""The ledger: what became of each webhook, and replaying it. The one rule: a replay is asked for here and done
elsewhere; the answer is where to look.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from pydantic import AfterValidator, Field

from parley.domain.ledger import Wanted
from parley.services.read_inbox import Page as Piece
from parley.services.read_ledger import Ledger

from .api import Api, answer
from .cursors import read_cursor, read_id, read_time, write_cursor
from .routes_admin import Cursor, PageLimit, after_id, page_by_id
from .schemas import BodyModel, LooseId, Moment
from .shapes import One, Page
from .shapes_ledger import LedgerRow, LedgerState, Replay, ReplayRow, WholeLedgerRow

Id = Annotated[UUID, Path(alias="id")]
LONGEST_SEARCH: Final = 200
_ADMIN: Final[Any] = {"scope": "admin", "role": "admin"}


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("should be printable")
    return value


SearchText = Annotated[str, Field(min_length=1, max_length=LONGEST_SEARCH), AfterValidator(_printable)]


class ReplayBody(BodyModel):
    """Which rows to replay: all of which this holds."""

    state: Literal["processed", "ignored", "rejected", "parked"] | None = None
    integration_id: LooseId | None = Field(None, alias="integrationId")
    since: Moment | None = Field(None, alias="from")
    until: Moment | None = Field(None, alias="to")
    q: SearchText | None = None

    def wanted(self) -> Wanted:
        """As the ledger is asked."""
        return Wanted(self.state, self.integration_id, self.since, self.until, self.q)


def add_ledger_routes(api: Api, ledger: Callable[[], Ledger]) -> None:
    """Answer the routes of the ledger and of replays."""
    _add_reading(api, ledger)
    _add_replaying(api, ledger)
    _add_replays(api, ledger)


def _add_reading(api: Api, ledger: Callable[[], Ledger]) -> None:
    @api.route("GET", "/v1/ledger", **_ADMIN, gives=Page[LedgerRow], summary="What became of webhooks")
    def list_ledger(
        state: Annotated[LedgerState | None, Query()] = None,
        integration_id: Annotated[UUID | None, Query(alias="integrationId")] = None,
        since: Annotated[Moment | None, Query(alias="from")] = None,
        until: Annotated[Moment | None, Query(alias="to")] = None,
        q: Annotated[SearchText | None, Query()] = None,
        correlation_id: Annotated[UUID | None, Query(alias="correlationId")] = None,
        limit: PageLimit = 20,
        cursor: Cursor = None,
    ) -> Response[Any]:
        wanted = Wanted(state, integration_id, since, until, q, correlation_id)
        of = f"ledger {wanted}"
        return _page_by_place(of, ledger().page(api.caller, wanted, _place(of, cursor), limit))

    @api.route("GET", "/v1/ledger/{id}", **_ADMIN, gives=One[WholeLedgerRow], summary="A webhook as it came")
    def get_ledger_row(row_id: Id) -> Response[Any]:
        return answer({"data": ledger().one(api.caller, row_id)})


def _add_replaying(api: Api, ledger: Callable[[], Ledger]) -> None:
    @api.route("POST", "/v1/ledger/{id}/replay", **_ADMIN, gives={202: One[Replay]})
    def replay_ledger_row(row_id: Id) -> Response[Any]:
        return answer({"data": ledger().replay_one(api.caller, row_id, api.call.correlation_id)}, 202)

    example = {"state": "parked", "from": "2030-01-31T00:00:00Z"}

    @api.route("POST", "/v1/ledger/replay", **_ADMIN, gives={202: One[Replay]}, example=example)
    def replay_ledger(body: Annotated[ReplayBody, Body()]) -> Response[Any]:
        return answer({"data": ledger().replay(api.caller, body.wanted(), api.call.correlation_id)}, 202)


def _add_replays(api: Api, ledger: Callable[[], Ledger]) -> None:
    @api.route("GET", "/v1/ledger/replays", **_ADMIN, gives=Page[Replay])
    def list_replays(limit: PageLimit = 20, cursor: Cursor = None) -> Response[Any]:
        of = "replays"
        return page_by_id(of, ledger().replays(api.caller, after_id(of, cursor), limit))

    @api.route("GET", "/v1/ledger/replays/{id}", **_ADMIN, gives=One[Replay])
    def get_replay(replay_id: Id) -> Response[Any]:
        return answer({"data": ledger().replay_of(api.caller, replay_id)})

    @api.route("GET", "/v1/ledger/replays/{id}/rows", **_ADMIN, gives=Page[ReplayRow])
    def list_replay_rows(replay_id: Id, limit: PageLimit = 20, cursor: Cursor = None) -> Response[Any]:
        of = f"replay {replay_id}"
        return _page_by_place(of, ledger().replay_rows(api.caller, replay_id, _place(of, cursor), limit))

    @api.route("POST", "/v1/ledger/replays/{id}/cancel", **_ADMIN, gives=One[Replay])
    def cancel_replay(replay_id: Id) -> Response[Any]:
        return answer({"data": ledger().cancel(api.caller, replay_id, api.call.correlation_id)})


def _place(of: str, cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    at, id_ = read_cursor(of, cursor, 2)
    return read_time(at), read_id(id_)


def _page_by_place(of: str, piece: Piece[tuple[datetime, UUID]]) -> Response[Any]:
    following = write_cursor(of, *piece.after) if piece.after else None
    return answer({"data": piece.items, "pagination": {"nextCursor": following, "hasMore": following is not None}})
