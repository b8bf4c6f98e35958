"""The caller as Parley knows them. The one rule: what a person says of themselves here, their colleagues see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from parley.domain.errors import Forbidden
from parley.domain.principal import Principal

from .api import ANY_CALLER, Api, answer
from .schemas import BodyModel
from .shapes import Me, One


class MeBody(BodyModel):
    """What a person says of themselves: `busy`, or null for nothing."""

    status: Literal["busy"] | None


def add_me_routes(api: Api, say_busy: Callable[[Principal, bool], None]) -> None:
    """Answer the routes of the caller."""

    @api.route("GET", "/v1/me", scope=ANY_CALLER, gives=One[Me], summary="Who calls")
    def get_me() -> Response[Any]:
        return answer({"data": _shown(api.caller, busy=api.caller.busy)})

    @api.route("PUT", "/v1/me", scope=ANY_CALLER, gives=One[Me], summary="Say that you are busy, or no longer")
    def put_me(body: Annotated[MeBody, Body()]) -> Response[Any]:
        if api.caller.kind != "user":
            raise Forbidden("A key is nobody who could be busy.")
        say_busy(api.caller, body.status == "busy")
        return answer({"data": _shown(api.caller, busy=body.status == "busy")})


def _shown(caller: Principal, *, busy: bool) -> dict[str, Any]:
    return {
        "id": str(caller.id),
        "kind": caller.kind,
        "tenantId": str(caller.tenant_id),
        "name": caller.name,
        "role": caller.role,
        "scopes": sorted(caller.scopes) if caller.kind == "api_key" else None,
        "status": "busy" if busy else None,
    }
