"""Labels and canned replies. The one rule: what is dropped is answered as it was, for whoever wants it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query

from parley.services.keep_catalogue import Catalogue
from parley.services.read_inbox import Page as Piece

from .api import Api, answer
from .cursors import bad_cursor, read_cursor, write_cursor
from .schemas import Limit
from .schemas_working import CannedReplyBody, CannedReplyPatch, LabelBody, LabelPatch
from .shapes import One, Page
from .shapes_working import CannedReply, Label

Id = Annotated[UUID, Path(alias="id")]
PageLimit = Annotated[Limit, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=1024)]


def add_catalogue_routes(api: Api, catalogue: Callable[[], Catalogue]) -> None:
    """Answer the routes of labels and canned replies."""
    _add_labels(api, catalogue)
    _add_canned_replies(api, catalogue)


def _add_labels(api: Api, catalogue: Callable[[], Catalogue]) -> None:
    @api.route("GET", "/v1/labels", scope="conversations:read", gives=Page[Label])
    def list_labels(limit: PageLimit = 20, cursor: Cursor = None) -> Response[Any]:
        return _page("labels", catalogue().labels(api.caller, _after("labels", cursor), limit))

    @api.route("POST", "/v1/labels", scope="conversations:write", gives={201: One[Label]})
    def create_label(body: Annotated[LabelBody, Body()]) -> Response[Any]:
        return answer({"data": catalogue().add_label(api.caller, body.model_dump(), api.call.correlation_id)}, 201)

    @api.route("PATCH", "/v1/labels/{id}", scope="conversations:write", gives=One[Label])
    def change_label(label_id: Id, body: Annotated[LabelPatch, Body()]) -> Response[Any]:
        changed = catalogue().change_label(api.caller, label_id, body.asked(), api.call.correlation_id)
        return answer({"data": changed})

    @api.route("DELETE", "/v1/labels/{id}", scope="conversations:write", gives=One[Label])
    def delete_label(label_id: Id) -> Response[Any]:
        return answer({"data": catalogue().drop_label(api.caller, label_id, api.call.correlation_id)})


def _add_canned_replies(api: Api, catalogue: Callable[[], Catalogue]) -> None:
    @api.route("GET", "/v1/canned-replies", scope="conversations:read", gives=Page[CannedReply])
    def list_canned_replies(limit: PageLimit = 20, cursor: Cursor = None) -> Response[Any]:
        of = "canned replies"
        return _page(of, catalogue().canned_replies(api.caller, _after(of, cursor), limit))

    @api.route("POST", "/v1/canned-replies", scope="conversations:write", gives={201: One[CannedReply]})
    def create_canned_reply(body: Annotated[CannedReplyBody, Body()]) -> Response[Any]:
        made = catalogue().add_canned_reply(api.caller, body.shortcut, body.text, api.call.correlation_id)
        return answer({"data": made}, 201)

    @api.route("PATCH", "/v1/canned-replies/{id}", scope="conversations:write", gives=One[CannedReply])
    def change_canned_reply(reply_id: Id, body: Annotated[CannedReplyPatch, Body()]) -> Response[Any]:
        asked = body.asked()
        changed = catalogue().change_canned_reply(
            api.caller, reply_id, asked.get("shortcut"), asked.get("text"), api.call.correlation_id
        )
        return answer({"data": changed})

    @api.route("DELETE", "/v1/canned-replies/{id}", scope="conversations:write", gives=One[CannedReply])
    def delete_canned_reply(reply_id: Id) -> Response[Any]:
        return answer({"data": catalogue().drop_canned_reply(api.caller, reply_id, api.call.correlation_id)})


def _after(of: str, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    (after,) = read_cursor(of, cursor, 1)
    if after is None:
        raise bad_cursor()
    return after


def _page(of: str, page: Piece[str]) -> Response[Any]:
    following = write_cursor(of, page.after) if page.after else None
    return answer({"data": page.items, "pagination": {"nextCursor": following, "hasMore": following is not None}})
