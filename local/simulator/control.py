"""The simulator's control: what scripts and tests ask of it, under /simulator, on the local stack only."""

from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from local.simulator.answers import Json
from local.simulator.asked import RefusedError, answering, json_object, known_integration, phone_digits
from local.simulator.faults import Behaviour, Fault, Faults
from local.simulator.gateway import Draft, Gateway
from local.simulator.integrations import Integrations
from local.simulator.request_log import RequestLog
from local.simulator.tempo import now
from local.simulator.threads import Threads

MAXIMUM_TEXT = 65_536
MAXIMUM_TIMES = 1_000_000


class Control:
    """The control API over every gateway."""

    def __init__(
        self,
        integrations: Integrations,
        gateways: Mapping[str, Gateway],
        threads: Threads,
        requests: RequestLog,
        faults: Faults,
    ) -> None:
        self._integrations = integrations
        self._gateways = gateways
        self._threads = threads
        self._requests = requests
        self._faults = faults

    def routes(self) -> list[BaseRoute]:
        """The control API's paths."""
        return [
            Route("/simulator/requests", self._list_requests, methods=["GET"]),
            Route("/simulator/messages", answering(self._customer_writes), methods=["POST"]),
            Route("/simulator/faults", answering(self._add_fault), methods=["POST"]),
            Route("/simulator/faults", self._clear_faults, methods=["DELETE"]),
        ]

    async def _list_requests(self, request: Request) -> Response:
        asked = request.query_params
        found = self._requests.find(asked.get("integrationId"), asked.get("contains"))
        return Json({"data": [logged.shown() for logged in found]})

    async def _customer_writes(self, request: Request) -> Response:
        body = await json_object(request)
        integration = known_integration(self._integrations, body.get("integrationId"))
        gateway = self._gateways.get(integration.provider)
        if gateway is None:
            raise RefusedError(422, "unsupported_provider", f"{integration.provider} is not simulated.")
        customer = phone_digits(body.get("from"))
        if str(body.get("kind", "text")) not in gateway.kinds:
            supported = ", ".join(sorted(gateway.kinds))
            raise RefusedError(422, "unsupported_kind", f"A customer of {gateway.provider} can write: {supported}.")
        draft = _draft(body)
        thread = self._threads.of(integration.id, customer)
        message_id = gateway.customer_text(integration, thread, draft)
        data = {"id": message_id, "providerMessageId": message_id}
        return Json({"data": data, "providerMessageId": message_id})

    async def _add_fault(self, request: Request) -> Response:
        body = await json_object(request)
        integration = known_integration(self._integrations, body.get("integrationId"))
        fault = _fault(body)
        self._faults.add(integration.id, fault)
        shown = {"integrationId": integration.id, "behaviour": fault.behaviour, "times": fault.times}
        return Json({"data": shown | ({"code": fault.code} if fault.code is not None else {})})

    async def _clear_faults(self, request: Request) -> Response:
        self._faults.clear(request.query_params.get("integrationId"))
        return Json({"data": []})


def _draft(body: Mapping[str, object]) -> Draft:
    text, name, reply_to = body.get("text"), body.get("name"), body.get("replyTo")
    if not isinstance(text, str) or not 0 < len(text) <= MAXIMUM_TEXT:
        raise RefusedError(422, "invalid_text", f"`text` must be 1 to {MAXIMUM_TEXT} characters.")
    if name is not None and not isinstance(name, str):
        raise RefusedError(422, "invalid_name", "`name` must be text.")
    if reply_to is not None and (not isinstance(reply_to, str) or not reply_to):
        raise RefusedError(422, "invalid_reply_to", "`replyTo` must be a provider message id.")
    return Draft(text, name, _moment(body.get("timestamp")), reply_to)


def _moment(value: object) -> datetime:
    if value is None:
        return now()
    try:
        if isinstance(value, str) and not value.isdigit():
            return datetime.fromisoformat(value).astimezone(UTC)
        return datetime.fromtimestamp(float(str(value)), UTC)
    except (ValueError, OverflowError, OSError) as exc:
        raise RefusedError(422, "invalid_timestamp", "`timestamp` must be unix seconds or RFC 3339.") from exc


def _fault(body: Mapping[str, object]) -> Fault:
    wanted, times, code = body.get("behaviour"), body.get("times", 1), body.get("code")
    if wanted not in list(Behaviour):
        raise RefusedError(422, "invalid_behaviour", f"`behaviour` must be one of {', '.join(Behaviour)}.")
    if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= MAXIMUM_TIMES:
        raise RefusedError(422, "invalid_times", f"`times` must be a whole number from 1 to {MAXIMUM_TIMES}.")
    if code is not None and (not isinstance(code, int) or isinstance(code, bool)):
        raise RefusedError(422, "invalid_code", "`code` must be the provider's error number.")
    return Fault(Behaviour(str(wanted)), times, code)
