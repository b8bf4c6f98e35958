"""Messages, to send: the REST form and the short form older frontends use. The one rule: both are the same path
inside; they differ in what they answer, and in that the short form always waits for the gateway.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path

from parley.domain.errors import InvalidRequest
from parley.services.outbox import Outbox, Partner, SendResult

from .api import Api, answer
from .problems import known_error, problem_headers
from .schemas import is_client_key
from .schemas_sending import FirstBody, SendBody, ShortSendBody
from .shapes import Message, One, Sent

SHORT_FORM_WAITS_SECONDS: Final = 10
FAILED_STATUS: Final = {"invalid_request": 400, "window_closed": 409, "gateway_unreachable": 503}
"""The status of the short form for a message the gateway did not take, by the message's error; 422 for all others."""

_TAKEN: Final = {202: One[Message], 201: One[Message]}
_SENDING_HEADERS: Final = ("Idempotency-Key", "Prefer")
_SOME_ID: Final = "0192d3a4-5b6c-7d8e-9f01-23456789abcd"
_ON_ITS_WAY = frozenset({"sent", "delivered", "read", "played"})
_WAIT = re.compile(r"wait\s*=\s*\"?([0-9]{1,3})\"?")


def add_sending_routes(api: Api, outbox: Callable[[], Outbox]) -> None:
    """Answer the routes that send."""

    @api.route(
        "POST",
        "/v1/conversations/{id}/messages",
        scope="messages:write",
        weight="send",
        gives=_TAKEN,
        example={"type": "text", "text": "Good morning!"},
        headers=_SENDING_HEADERS,
    )
    def send_message(
        conversation_id: Annotated[UUID, Path(alias="id")], body: Annotated[SendBody, Body()]
    ) -> Response[Any]:
        api.call.facts["conversation_id"] = str(conversation_id)
        key = _idempotency_key(api.call.headers)
        taken = outbox().send(api.caller, conversation_id, body.request(), key, api.call.correlation_id)
        return _answer_taken(api, outbox(), taken)

    @api.route(
        "POST",
        "/v1/messages",
        scope="messages:write",
        weight="send",
        gives=_TAKEN,
        example={"integrationId": _SOME_ID, "to": "+5511955550100", "type": "text", "text": "Good morning!"},
        headers=_SENDING_HEADERS,
    )
    def write_first(body: Annotated[FirstBody, Body()]) -> Response[Any]:
        key = _idempotency_key(api.call.headers)
        partner = Partner(body.integration_id, body.to)
        taken = outbox().write_first(api.caller, partner, body.request(), key, api.call.correlation_id)
        api.call.facts["conversation_id"] = taken.view["conversationId"]
        return _answer_taken(api, outbox(), taken)

    @api.route(
        "POST",
        "/v1/messages/{id}/resend",
        scope="messages:write",
        weight="send",
        gives=_TAKEN,
        headers=_SENDING_HEADERS,
    )
    def resend_message(message_id: Annotated[UUID, Path(alias="id")]) -> Response[Any]:
        key = _idempotency_key(api.call.headers)
        taken = outbox().resend(api.caller, message_id, key, api.call.correlation_id)
        return _answer_taken(api, outbox(), taken)

    @api.route(
        "POST",
        "/send-message",
        scope="messages:write",
        weight="send",
        gives=Sent,
        summary="Send a message and wait for the gateway",
        example={"conversationId": _SOME_ID, "message": "Good morning!", "messageType": "text"},
        shape=short_problem,
    )
    def send_short(body: Annotated[ShortSendBody, Body()]) -> Response[Any]:
        api.call.facts["conversation_id"] = str(body.conversation_id)
        correlation_id = api.call.correlation_id
        taken = outbox().send(api.caller, body.conversation_id, body.request(), body.client_key, correlation_id)
        view = _wait(api, outbox(), taken, SHORT_FORM_WAITS_SECONDS)
        api.call.facts |= {"message_id": view["id"], "replayed": taken.replayed}
        if view["status"] == "failed":
            return _short_failure(view["error"] or {})
        return answer(
            {
                "success": True,
                "messageId": view["id"],
                "externalMessageId": view["providerMessageId"],
                "status": view["status"],
            }
        )


def _answer_taken(api: Api, outbox: Outbox, taken: SendResult) -> Response[Any]:
    """202 with the message as it was taken, or 201 with its outcome where the caller would wait for it; 201 for a note,
    which nobody sends.
    """
    is_note = taken.view["direction"] == "internal"
    view, status, headers = taken.view, 201 if is_note else 202, {"location": f"/v1/messages/{taken.view['id']}"}
    if taken.replayed:
        headers["idempotency-replayed"] = "true"
    seconds = preferred_wait(api.call.headers.get("prefer", ""))
    if seconds and not is_note and view["status"] != "scheduled":
        headers["preference-applied"] = f"wait={seconds}"
        view = _wait(api, outbox, taken, seconds)
        status = 201 if view["status"] in _ON_ITS_WAY or view["status"] == "failed" else 202
    api.call.facts |= {"message_id": view["id"], "replayed": taken.replayed}
    return answer({"data": view}, status, headers)


def _wait(api: Api, outbox: Outbox, taken: SendResult, seconds: int) -> dict[str, Any]:
    began = time.perf_counter()
    view = outbox.wait(api.caller, UUID(taken.view["id"]), seconds)
    api.call.waited += time.perf_counter() - began
    return view


def preferred_wait(prefer: str) -> int | None:
    """The seconds of `Prefer: wait=N` (RFC 7240) if they are 1 to 25; any other preference is ignored."""
    for preference in prefer.split(","):
        wait = _WAIT.fullmatch(preference.split(";")[0].strip().lower())
        if wait is not None:
            seconds = int(wait[1])
            return seconds if 1 <= seconds <= 25 else None
    return None


def short_problem(error: Exception, _request_id: str, correlation_id: str) -> dict[str, Any]:
    """An error in the short form, with the status problem+json would have."""
    known = known_error(error)
    told = "; ".join(f"{one['path']}: {one['message']}" for one in known.errors)
    body = {"success": False, "error": f"{known.detail} {told}".strip(), "code": known.code}
    headers = problem_headers(known, "application/json", correlation_id)
    return {"statusCode": known.status, "headers": headers, "body": json.dumps(body), "isBase64Encoded": False}


def _short_failure(error: Mapping[str, Any]) -> Response[Any]:
    code = str(error.get("code") or "provider_rejected")
    message = str(error.get("message") or "The gateway did not take the message.")
    return answer({"success": False, "error": message, "code": code}, FAILED_STATUS.get(code, 422))


def _idempotency_key(headers: Mapping[str, str]) -> str | None:
    key = headers.get("idempotency-key")
    if key is None or is_client_key(key):
        return key
    problem = {"path": "Idempotency-Key", "message": "should have 1 to 255 printable characters"}
    raise InvalidRequest(errors=[problem])
