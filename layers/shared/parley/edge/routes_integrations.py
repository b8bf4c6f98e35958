"""Accounts on gateways. The one rule: no answer holds a credential; the address of an account's webhooks, which is as
good as one, is answered only where it is new.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path

from parley.services.connect_lines import Lines

from .api import Api, answer
from .routes_admin import Cursor, PageLimit, after_id, page_by_id
from .schemas_admin import IntegrationBody, IntegrationPatch, IntegrationRotation, opened
from .shapes import One, Page
from .shapes_admin import CheckedIntegration, ConnectedIntegration, Integration
from .shapes_health import IntegrationHealth

Id = Annotated[UUID, Path(alias="id")]
_NEW: Final = {
    "provider": "meta",
    "name": "Shop",
    "accountId": "123450000",
    "phone": "+5511900000009",
    "credentials": {"appSecret": "0123456789abcdef", "accessToken": "EAAG0123456789"},
}


def add_integration_routes(api: Api, lines: Callable[[], Lines]) -> None:
    """Answer the routes of integrations."""
    _add_reading(api, lines)
    _add_writing(api, lines)


def _add_reading(api: Api, lines: Callable[[], Lines]) -> None:
    @api.route("GET", "/v1/integrations", scope="conversations:read", gives=Page[Integration])
    def list_integrations(limit: PageLimit = 20, cursor: Cursor = None) -> Response[Any]:
        of = "integrations"
        return page_by_id(of, lines().page(api.caller, after_id(of, cursor), limit))

    @api.route("GET", "/v1/integrations/{id}", scope="conversations:read", gives=One[Integration])
    def get_integration(integration_id: Id) -> Response[Any]:
        return answer({"data": lines().one(api.caller, integration_id)})

    @api.route("GET", "/v1/integrations/{id}/health", scope="conversations:read", gives=One[IntegrationHealth])
    def get_integration_health(integration_id: Id) -> Response[Any]:
        return answer({"data": lines().health(api.caller, integration_id)})


def _add_writing(api: Api, lines: Callable[[], Lines]) -> None:
    admin: Any = {"scope": "admin", "role": "admin"}

    @api.route("POST", "/v1/integrations", **admin, gives={201: One[ConnectedIntegration]}, example=_NEW)
    def connect_integration(body: Annotated[IntegrationBody, Body()]) -> Response[Any]:
        new = {**body.model_dump(exclude={"credentials"}), "credentials": opened(body.credentials)}
        made = lines().connect(api.caller, new, api.call.base_url, api.call.correlation_id)
        return answer({"data": made}, 201)

    @api.route("PATCH", "/v1/integrations/{id}", **admin, gives=One[Integration], example={"name": "Shop, downtown"})
    def change_integration(integration_id: Id, body: Annotated[IntegrationPatch, Body()]) -> Response[Any]:
        return answer({"data": lines().change(api.caller, integration_id, body.asked(), api.call.correlation_id)})

    example = {"credentials": {"accessToken": "EAAG9876543210"}}

    @api.route("POST", "/v1/integrations/{id}/rotate", **admin, gives={201: One[ConnectedIntegration]}, example=example)
    def rotate_integration(integration_id: Id, body: Annotated[IntegrationRotation, Body()]) -> Response[Any]:
        credentials = None if body.credentials is None else opened(body.credentials)
        call = api.call
        made = lines().rotate(
            api.caller, integration_id, credentials, body.webhook_url, call.base_url, call.correlation_id
        )
        return answer({"data": made}, 201)

    @api.route("POST", "/v1/integrations/{id}/check", **admin, gives=One[CheckedIntegration])
    def check_integration(integration_id: Id) -> Response[Any]:
        return answer({"data": lines().check(api.caller, integration_id, api.call.correlation_id)})

    @api.route("DELETE", "/v1/integrations/{id}", **admin, gives=One[Integration])
    def disconnect_integration(integration_id: Id) -> Response[Any]:
        return answer({"data": lines().disconnect(api.caller, integration_id, api.call.correlation_id)})
