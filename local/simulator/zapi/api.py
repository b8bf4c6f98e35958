"""Z-API over HTTP: who may ask, what is queued, and what is told of it afterwards."""

import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from local.simulator.actions import Action
from local.simulator.answers import Json
from local.simulator.gateway import Gateway, Webhook, World
from local.simulator.integrations import SimulatedIntegration
from local.simulator.media import File
from local.simulator.request_log import LoggedRequest, parsed
from local.simulator.tempo import now
from local.simulator.threads import Thread, ThreadMessage
from local.simulator.zapi import bodies
from local.simulator.zapi.outbox import Outbox, Reacting, Sending
from local.simulator.zapi.rules import SENDS, Send, ZApiError, checked_chat, checked_send, optional, required

ROOT = "/simulator/zapi"
_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]
_WEBHOOKS = (
    *("update-webhook-received", "update-webhook-received-delivery", "update-webhook-delivery"),
    *("update-webhook-message-status", "update-webhook-chat-presence", "update-webhook-connected"),
    *("update-webhook-disconnected", "update-every-webhooks"),
)

Fields = Mapping[str, Any]
Endpoint = Callable[[SimulatedIntegration, str, Fields], Awaitable[Response]]


class ZApiGateway(Gateway):
    """Every Z-API instance."""

    provider = "zapi"
    statuses = ("sent", "delivered", "read", "played")

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._outbox = Outbox(self)
        self._endpoints: dict[str, tuple[str, Endpoint]] = {
            **dict.fromkeys(SENDS, ("POST", self._send)),
            "send-reaction": ("POST", self._react),
            "send-remove-reaction": ("POST", self._react),
            "read-message": ("POST", self._read),
            "messages": ("DELETE", self._delete),
            "status": ("GET", self._status),
            "phone-exists": ("GET", self._exists),
            **dict.fromkeys(_WEBHOOKS, ("PUT", self._configure)),
        }

    def routes(self) -> list[BaseRoute]:
        """Z-API's paths below /simulator/zapi."""
        instance = f"{ROOT}/instances/{{instance}}/token/{{token}}/{{path:path}}"
        return [
            Route(instance, self._instance, methods=_METHODS),
            Route(f"{ROOT}/{{path:path}}", self._unknown, methods=_METHODS),
        ]

    # ------------------------------------------------------------------------------------------------ its words

    def new_id(self, thread: Thread, *, incoming: bool) -> str:  # noqa: ARG002
        """WhatsApp's own message id."""
        return bodies.new_id(incoming=incoming)

    def webhooks(
        self, integration: SimulatedIntegration, thread: Thread, action: Action, message_id: str
    ) -> Sequence[Webhook]:
        """What a customer does; what the company's own phone does, if that is to be told."""
        if action.who.device and not self._outbox.echoes(integration):
            return []
        webhook = bodies.deed(integration, thread, action, message_id)
        return [webhook] if webhook else []

    def status_webhook(
        self, integration: SimulatedIntegration, thread: Thread, message: ThreadMessage, status: str
    ) -> Webhook:
        """What became of a message."""
        return bodies.status(integration, thread, [message.id], bodies.STATUSES[status], now())

    def connection_webhook(self, integration: SimulatedIntegration, connected: bool, reason: str | None) -> Webhook:
        """The instance was connected or disconnected."""
        return bodies.connection(integration, now(), connected=connected, reason=reason)

    def change_connection(self, integration: SimulatedIntegration, connected: bool, reason: str | None) -> None:
        """Once connected again, what was queued meanwhile is sent."""
        super().change_connection(integration, connected, reason)
        if connected:
            self._outbox.flush(integration)

    def refused(self, code: int | None) -> Response:
        """A 400, or the status it was told."""
        return Json({"error": "Invalid phone"}, status_code=code if code and 400 <= code < 500 else 400)

    def throttled(self, code: int | None) -> Response:  # noqa: ARG002 - there is but one
        """Too many requests."""
        return Json({"error": "Too Many Requests"}, status_code=429, headers={"Retry-After": "1"})

    def failed(self, code: int | None) -> Response:
        """Always a 5xx: the message was queued."""
        return Json({"error": "Internal Server Error"}, status_code=code if code and 500 <= code < 600 else 500)

    # --------------------------------------------------------------------------------------------- who may what

    async def _instance(self, request: Request) -> Response:
        path, token = request.path_params["path"], request.path_params["token"]
        integration = self.world.integrations.by_account(self.provider, request.path_params["instance"])

        async def answer(logged: LoggedRequest) -> Response:
            logged.path = logged.path.replace(f"/token/{token}/", "/token/…/", 1)
            try:
                owner = _owner(integration, token, request.headers.get("client-token"))
                method, endpoint = self._endpoints.get(path.partition("/")[0], (None, None))
                if endpoint is None:
                    raise ZApiError("NOT_FOUND", 404)
                if request.method != method:
                    raise ZApiError("Method Not Allowed", 405)
                return await endpoint(owner, path, _asked(request, logged))
            except ZApiError as error:
                return Json({"error": error.error}, status_code=error.status)

        return await self.noted(request, integration, answer)

    async def _unknown(self, request: Request) -> Response:
        async def answer(_: LoggedRequest) -> Response:
            return Json({"error": "NOT_FOUND"}, status_code=404)

        return await self.noted(request, None, answer)

    # ---------------------------------------------------------------------------------------------------- sends

    async def _send(self, integration: SimulatedIntegration, path: str, body: Fields) -> Response:
        asked = checked_send(path, body)
        file, error = await self._file(asked)

        def accept() -> Response:
            thread = self.thread(integration, asked.chat.to, group=asked.chat.group)
            return Json(self._outbox.put(integration, Sending(thread, asked, file, error)))

        return await self.answered(integration, accept)

    async def _file(self, asked: Send) -> tuple[File | None, str | None]:
        """The file a send names; that it cannot be had is told by webhook."""
        if asked.file is None:
            return None, None
        media = self.world.media
        try:
            if asked.file.startswith("data:"):
                return media.decode(asked.file, file_name=asked.file_name), None
            return await media.fetch(asked.file, file_name=asked.file_name), None
        except ValueError:
            return None, "Message not send caused by invalid media url"

    # ---------------------------------------------------------------------------------------------------- deeds

    async def _react(self, integration: SimulatedIntegration, path: str, body: Fields) -> Response:
        chat, target = checked_chat(body), required(body, "messageId")
        emoji = required(body, "reaction", longest=100) if path == "send-reaction" else None

        def accept() -> Response:
            thread = self.thread(integration, chat.to, group=chat.group)
            return Json(self._outbox.put(integration, Reacting(thread, target, emoji)))

        return await self.answered(integration, accept)

    async def _read(self, integration: SimulatedIntegration, path: str, body: Fields) -> Response:  # noqa: ARG002
        chat, message_id = checked_chat(body), required(body, "messageId")
        thread = self.thread(integration, chat.to, group=chat.group)
        thread.read_by_company(message_id)
        self.post(integration, [bodies.status(integration, thread, [message_id], "READ_BY_ME", now())])
        return Response(status_code=204)

    async def _delete(self, integration: SimulatedIntegration, path: str, body: Fields) -> Response:  # noqa: ARG002
        chat, target = checked_chat(body), required(body, "messageId")
        if body.get("owner") not in {"true", "false"}:
            raise ZApiError("owner is required")
        self.thread(integration, chat.to, group=chat.group).delete(target)
        return Response(status_code=204)

    # -------------------------------------------------------------------------------------------- the instance

    async def _status(self, integration: SimulatedIntegration, path: str, body: Fields) -> Response:  # noqa: ARG002
        connected = self.connected(integration)
        error = "You are already connected." if connected else "You are not connected."
        return Json({"connected": connected, "smartphoneConnected": connected, "error": error})

    async def _exists(self, integration: SimulatedIntegration, path: str, body: Fields) -> Response:  # noqa: ARG002
        chat = checked_chat({"phone": path.partition("/")[2]})
        return Json({"exists": True, "phone": chat.to, "lid": bodies.lid_of(chat.to)})

    async def _configure(self, integration: SimulatedIntegration, path: str, body: Fields) -> Response:
        """Take a webhook's address, which has to be https unless it is this machine's own."""
        value = optional(body, "value")
        if not value.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise ZApiError("The webhook must be https")
        wanted = body.get("notifySentByMe", path == "update-webhook-received-delivery")
        if path in {"update-every-webhooks", "update-webhook-received", "update-webhook-received-delivery"}:
            self._outbox.tell_echoes(integration, told=wanted is True)
        return Json({"value": True})


def _owner(integration: SimulatedIntegration | None, token: str, client_token: str | None) -> SimulatedIntegration:
    """The instance, if both tokens are its own. Raises ZApiError."""
    if integration is None or not hmac.compare_digest(token.encode(), integration.access_token.encode()):
        raise ZApiError("Instance not found")
    expected = integration.credentials.get("client_token")
    if expected and not hmac.compare_digest((client_token or "").encode(), expected.encode()):
        raise ZApiError(f"{client_token or 'null'} not allowed")
    return integration


def _asked(request: Request, logged: LoggedRequest) -> Fields:
    """What a request asks for: its query where it has no body, else a JSON object. Raises ZApiError."""
    if request.method in {"GET", "DELETE"}:
        return dict(request.query_params)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise ZApiError("Unsupported Media Type", 415)
    body = parsed(logged.body)
    if not isinstance(body, dict):
        raise ZApiError("The body is not a JSON object")
    return body
