"""The OpenAPI document. The one rule: it is made of the routes that answer, in this very version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import Response

from .api import EVERYBODY, Api


def add_document_routes(api: Api, document: Callable[[], str]) -> None:
    """Answer the OpenAPI document; `document` is asked at the first request."""

    @api.route("GET", "/v1/openapi.json", scope=EVERYBODY, gives=dict[str, Any], summary="This document")
    def get_openapi() -> Response[Any]:
        return Response(200, "application/json", document(), headers={"cache-control": "public, max-age=300"})
