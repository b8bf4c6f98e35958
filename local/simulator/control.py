"""The simulator's control: what scripts and tests ask of it, under /simulator, on the local stack only."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from local.simulator.answers import Json
from local.simulator.asked import RefusedError, answering, json_object, known_integration
from local.simulator.asked_actions import read_action, read_chat
from local.simulator.faults import Behaviour, Fault
from local.simulator.gateway import Gateway, World
from local.simulator.integrations import SimulatedIntegration

MAXIMUM_TIMES = 1_000_000


class Control:
    """The control API over every gateway."""

    def __init__(self, world: World, gateways: Mapping[str, Gateway]) -> None:
        self._world = world
        self._gateways = gateways

    def routes(self) -> list[BaseRoute]:
        """The control API's paths."""
        return [
            Route("/simulator/requests", self._list_requests, methods=["GET"]),
            Route("/simulator/messages", answering(self._customer_writes), methods=["POST"]),
            Route("/simulator/messages", answering(self._list_messages), methods=["GET"]),
            Route("/simulator/connection", answering(self._change_connection), methods=["POST"]),
            Route("/simulator/faults", answering(self._add_fault), methods=["POST"]),
            Route("/simulator/faults", self._clear_faults, methods=["DELETE"]),
        ]

    async def _list_requests(self, request: Request) -> Response:
        asked = request.query_params
        found = self._world.requests.find(asked.get("integrationId"), asked.get("contains"))
        return Json({"data": [logged.shown() for logged in found]})

    async def _customer_writes(self, request: Request) -> Response:
        body = await json_object(request)
        integration, gateway = self._gateway(body)
        action = await read_action(body, gateway.kinds, self._world.media)
        message_id = gateway.customer_writes(integration, action)
        data = {"id": message_id, "providerMessageId": message_id}
        return Json({"data": data, "providerMessageId": message_id})

    async def _list_messages(self, request: Request) -> Response:
        """What the phone of a customer shows of a company, or of a group."""
        integration, _ = self._gateway(request.query_params)
        chat, is_group = read_chat(request.query_params)
        thread = self._world.threads.of(integration.id, chat, group=is_group)
        return Json({"data": [message.shown() for message in thread.messages()]})

    async def _change_connection(self, request: Request) -> Response:
        body = await json_object(request)
        integration, gateway = self._gateway(body)
        connected, reason = body.get("connected"), body.get("reason")
        if not isinstance(connected, bool) or not isinstance(reason, str | None):
            raise RefusedError(422, "invalid_connected", "`connected` must be true or false, `reason` a text.")
        gateway.change_connection(integration, connected, reason)
        return Json({"data": {"integrationId": integration.id, "connected": connected}})

    def _gateway(self, body: Mapping[str, object]) -> tuple[SimulatedIntegration, Gateway]:
        integration = known_integration(self._world.integrations, body.get("integrationId"))
        gateway = self._gateways.get(integration.provider)
        if gateway is None:
            raise RefusedError(422, "unsupported_provider", f"{integration.provider} is not simulated.")
        return integration, gateway

    async def _add_fault(self, request: Request) -> Response:
        body = await json_object(request)
        integration = known_integration(self._world.integrations, body.get("integrationId"))
        fault = _fault(body)
        self._world.faults.add(integration.id, fault)
        shown = {"integrationId": integration.id, "behaviour": fault.behaviour, "times": fault.times}
        return Json({"data": shown | ({"code": fault.code} if fault.code is not None else {})})

    async def _clear_faults(self, request: Request) -> Response:
        self._world.faults.clear(request.query_params.get("integrationId"))
        return Json({"data": []})


def _fault(body: Mapping[str, object]) -> Fault:
    wanted, times, code = body.get("behaviour"), body.get("times", 1), body.get("code")
    if wanted not in list(Behaviour):
        raise RefusedError(422, "invalid_behaviour", f"`behaviour` must be one of {', '.join(Behaviour)}.")
    if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= MAXIMUM_TIMES:
        raise RefusedError(422, "invalid_times", f"`times` must be a whole number from 1 to {MAXIMUM_TIMES}.")
    if code is not None and (not isinstance(code, int) or isinstance(code, bool)):
        raise RefusedError(422, "invalid_code", "`code` must be the provider's error number.")
    return Fault(Behaviour(str(wanted)), times, code)
