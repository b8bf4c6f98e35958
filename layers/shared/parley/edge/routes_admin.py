"""People, API keys, settings and the audit log. The one rule: whatever changes who may what is an admin's, and is
written down.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query

from parley.services.appoint import Staff
from parley.services.issue_keys import Keys
from parley.services.read_inbox import Page as Piece

from .api import Api, answer
from .cursors import read_cursor, read_id, write_cursor
from .schemas import Limit, Moment
from .schemas_admin import KeyBody, KeyRotation, SettingsPatch, UserBody, UserPatch
from .shapes import One, Page
from .shapes_admin import ApiKey, Deed, NewApiKey, Settings, User

Id = Annotated[UUID, Path(alias="id")]
PageLimit = Annotated[Limit, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=1024)]
_KEY_EXAMPLE: Final = {"name": "n8n", "scopes": ["conversations:read", "messages:write"]}


def add_admin_routes(api: Api, staff: Callable[[], Staff], keys: Callable[[], Keys]) -> None:
    """Answer the routes of people, keys, settings and the audit log."""
    _add_people(api, staff)
    _add_keys(api, keys)
    _add_settings(api, staff)


def _add_people(api: Api, staff: Callable[[], Staff]) -> None:
    @api.route("GET", "/v1/users", scope="conversations:read", gives=Page[User])
    def list_users(
        status: Annotated[Literal["active", "invited", "disabled"] | None, Query()] = None,
        limit: PageLimit = 20,
        cursor: Cursor = None,
    ) -> Response[Any]:
        of = f"users {status}"
        return page_by_id(of, staff().page(api.caller, after_id(of, cursor), limit, status))

    example = {"name": "Bruno", "email": "bruno@acme.example", "role": "agent"}

    @api.route("POST", "/v1/users", scope="admin", role="admin", gives={201: One[User]}, example=example)
    def invite_user(body: Annotated[UserBody, Body()]) -> Response[Any]:
        made = staff().invite(api.caller, body.model_dump(), api.call.correlation_id)
        return answer({"data": made}, 201)

    @api.route("PATCH", "/v1/users/{id}", scope="admin", role="admin", gives=One[User], example={"role": "admin"})
    def change_user(user_id: Id, body: Annotated[UserPatch, Body()]) -> Response[Any]:
        return answer({"data": staff().change(api.caller, user_id, body.asked(), api.call.correlation_id)})


def _add_keys(api: Api, keys: Callable[[], Keys]) -> None:
    @api.route("GET", "/v1/api-keys", scope="admin", role="admin", gives=Page[ApiKey])
    def list_api_keys(limit: PageLimit = 20, cursor: Cursor = None) -> Response[Any]:
        of = "api keys"
        return page_by_id(of, keys().page(api.caller, after_id(of, cursor), limit))

    @api.route("POST", "/v1/api-keys", scope="admin", role="admin", gives={201: One[NewApiKey]}, example=_KEY_EXAMPLE)
    def create_api_key(body: Annotated[KeyBody, Body()]) -> Response[Any]:
        return answer({"data": keys().issue(api.caller, body.model_dump(), api.call.correlation_id)}, 201)

    @api.route("POST", "/v1/api-keys/{id}/rotate", scope="admin", role="admin", gives={201: One[NewApiKey]})
    def rotate_api_key(key_id: Id, body: Annotated[KeyRotation, Body()]) -> Response[Any]:
        overlap = timedelta(seconds=body.overlap_seconds)
        return answer({"data": keys().rotate(api.caller, key_id, overlap, api.call.correlation_id)}, 201)

    @api.route("DELETE", "/v1/api-keys/{id}", scope="admin", role="admin", gives=One[ApiKey])
    def revoke_api_key(key_id: Id) -> Response[Any]:
        return answer({"data": keys().revoke(api.caller, key_id, api.call.correlation_id)})


def _add_settings(api: Api, staff: Callable[[], Staff]) -> None:
    @api.route("GET", "/v1/settings", scope="admin", gives=One[Settings])
    def get_settings() -> Response[Any]:
        return answer({"data": staff().settings(api.caller)})

    example = {"agentsSee": "own"}

    @api.route("PATCH", "/v1/settings", scope="admin", role="admin", gives=One[Settings], example=example)
    def change_settings(body: Annotated[SettingsPatch, Body()]) -> Response[Any]:
        return answer({"data": staff().choose(api.caller, body.chosen(), api.call.correlation_id)})

    @api.route("GET", "/v1/audit", scope="admin", role="admin", gives=Page[Deed], summary="What was done, and by whom")
    def list_audit(
        action: Annotated[str | None, Query(max_length=100, pattern=r"^[a-z_.]+$")] = None,
        since: Annotated[Moment | None, Query(alias="from")] = None,
        until: Annotated[Moment | None, Query(alias="to")] = None,
        limit: PageLimit = 20,
        cursor: Cursor = None,
    ) -> Response[Any]:
        of = f"audit {action} {since} {until}"
        found = staff().deeds(api.caller, after_id(of, cursor), limit, action=action, since=since, until=until)
        return page_by_id(of, found)


def after_id(of: str, cursor: str | None) -> UUID | None:
    """The id that a cursor of the list `of` stands at. Raises InvalidRequest."""
    return None if cursor is None else read_id(read_cursor(of, cursor, 1)[0])


def page_by_id(of: str, piece: Piece[UUID]) -> Response[Any]:
    """A page of the list `of`, which goes on after an id."""
    following = write_cursor(of, piece.after) if piece.after else None
    return answer({"data": piece.items, "pagination": {"nextCursor": following, "hasMore": following is not None}})
