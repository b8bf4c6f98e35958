"""Evolution over HTTP: which instance, whose key, what is accepted, and how the answer goes wrong when it was told to.

Source: evolution-api 2.3.7, `src/api/routes`, `guards`, `whatsapp.baileys.service.ts`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from local.simulator.actions import Action
from local.simulator.answers import Json
from local.simulator.evolution import bodies, chats
from local.simulator.evolution.deeds import deed_events
from local.simulator.evolution.errors import (
    EvolutionError,
    bad,
    disconnected,
    no_instance,
    not_on_whatsapp,
    unauthorized,
)
from local.simulator.evolution.hooks import Hooks
from local.simulator.evolution.people import GROUP_MEMBER, People, group_jid, jid, lid, read_number
from local.simulator.evolution.rules import checked
from local.simulator.evolution.sends import Sent, read_send
from local.simulator.gateway import Gateway, Webhook, World
from local.simulator.integrations import SimulatedIntegration
from local.simulator.request_log import LoggedRequest, parsed
from local.simulator.tempo import now
from local.simulator.threads import Thread, ThreadMessage

ROOT = "/simulator/evolution"
SENDS = ("Text", "Media", "WhatsAppAudio", "Sticker", "Location", "Contact", "Buttons", "List")
STATUSES = {"sent": "SERVER_ACK", "delivered": "DELIVERY_ACK", "read": "READ", "played": "PLAYED", "failed": "ERROR"}

Endpoint = Callable[[SimulatedIntegration, Mapping[str, Any], str], Awaitable[Response]]


class EvolutionGateway(Gateway):
    """One Evolution server with an instance for every integration."""

    provider = "evolution"
    statuses = ("sent", "delivered", "read", "played")

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.people = People()
        self.hooks = Hooks()

    def routes(self) -> list[BaseRoute]:
        """Evolution's paths below /simulator/evolution; the instance is always the last part."""
        deeds = chats.Chats(self)
        paths: dict[tuple[str, str], Endpoint] = {("POST", f"message/send{kind}"): self._send for kind in SENDS}
        paths |= deeds.paths()
        routes: list[BaseRoute] = [
            Route(f"{ROOT}/{path}/{{instance}}", self._owned(path, endpoint), methods=[method])
            for (method, path), endpoint in paths.items()
        ]
        every = ["GET", "POST", "PUT", "DELETE"]
        return [*routes, Route(f"{ROOT}/{{rest:path}}", self._unknown_path, methods=every)]

    # ------------------------------------------------------------------------------------------------ its words

    def new_id(self, thread: Thread, *, incoming: bool) -> str:  # noqa: ARG002
        """A message id of WhatsApp's."""
        return bodies.new_id(incoming=incoming)

    def webhooks(
        self, integration: SimulatedIntegration, thread: Thread, action: Action, message_id: str
    ) -> Sequence[Webhook]:
        """What a customer does, or the company's phone."""
        self.people.note(integration, action.who.customer)
        with_files = self.hooks.of(integration).base64
        events = deed_events(integration, thread, action, message_id, with_files=with_files)
        return self.worded(integration, events)

    def status_webhook(
        self, integration: SimulatedIntegration, thread: Thread, message: ThreadMessage, status: str
    ) -> Webhook | None:
        """What became of a message, flat; who read it is told by LID."""
        name = jid(thread.customer) if status in {"sent", "delivered"} else lid(thread.customer)
        data = {
            "keyId": message.id,
            "remoteJid": group_jid(thread.customer) if thread.group else name,
            "fromMe": True,
            "participant": lid(GROUP_MEMBER) if thread.group else name,
            "status": STATUSES[status],
            "instanceId": bodies.instance_id(integration),
            "messageId": bodies.row_id(message.id),
        }
        return next(iter(self.worded(integration, [("messages.update", data)])), None)

    def connection_webhook(
        self,
        integration: SimulatedIntegration,
        connected: bool,
        reason: str | None,  # noqa: ARG002 - Evolution says a number
    ) -> Webhook | None:
        """Open, or closed for good: a connection that comes back by itself is told to nobody."""
        state, code = ("open", 200) if connected else ("close", 401)
        data = {"instance": integration.account_id, "state": state, "statusReason": code}
        if connected:
            data |= {"wuid": jid(integration.digits), "profileName": integration.name, "profilePictureUrl": ""}
        return next(iter(self.worded(integration, [("connection.update", data)])), None)

    def worded(self, integration: SimulatedIntegration, events: Sequence[tuple[str, object]]) -> list[Webhook]:
        """Events as webhooks, as far as the instance's are set to tell them."""
        hook = self.hooks.of(integration)
        return [
            Webhook(bodies.envelope(integration, event, data), bodies.headers(hook.jwt_key))
            for event, data in events
            if hook.tells(event)
        ]

    def refused(self, code: int | None) -> Response:
        """Nobody with that number, unless told what status."""
        if code is None:
            return not_on_whatsapp("5500000000000", jid("5500000000000")).answer()
        return EvolutionError(code, ["The simulator was told to refuse this message."]).answer()

    def throttled(self, code: int | None) -> Response:
        """WhatsApp's own word for it, which Evolution passes on with a 400."""
        return EvolutionError(code or 400, ["Error: rate-overlimit"]).answer()

    def failed(self, code: int | None) -> Response:
        """The message has left, and then Evolution could not write it down."""
        text = "Invalid `this.prismaRepository.message.create()` invocation"
        return EvolutionError(code or 400, [f"PrismaClientKnownRequestError: {text}"]).answer()

    # --------------------------------------------------------------------------------------------- who may what

    def _owned(self, path: str, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def owned(request: Request) -> Response:
            name = request.path_params["instance"]
            integration = self.world.integrations.by_account(self.provider, name)

            async def answer(logged: LoggedRequest) -> Response:
                try:
                    if integration is None:
                        raise no_instance(name)
                    if request.headers.get("apikey") != integration.access_token:
                        raise unauthorized()
                    return await endpoint(integration, self._body(request, path, logged), path)
                except EvolutionError as error:
                    return error.answer()

            return await self.noted(request, integration, answer)

        return owned

    def _body(self, request: Request, path: str, logged: LoggedRequest) -> Mapping[str, Any]:
        if request.method == "GET" or path == "instance/logout":
            return {}
        if not request.headers.get("content-type", "").startswith("application/json"):
            return checked(path, {})  # Express reads no other body
        body = parsed(logged.body)
        if logged.body and isinstance(body, str):
            raise EvolutionError(400, "Unexpected token in JSON at position 0")
        return checked(path, body)

    async def _unknown_path(self, request: Request) -> Response:
        async def answer(_: LoggedRequest) -> Response:
            return EvolutionError(404, [f"Cannot {request.method} /{request.path_params['rest']}"]).answer()

        return await self.noted(request, None, answer)

    # -------------------------------------------------------------------------------------------------- messages

    def addressed(self, integration: SimulatedIntegration, number: str) -> Thread:
        """The thread of a number that is on WhatsApp. Raises EvolutionError."""
        if not self.connected(integration):
            raise disconnected()
        named, group = read_number(number)
        if group:
            return self.thread(integration, named, group=True)
        digits = self.people.find(integration, named)
        if digits is None:
            raise not_on_whatsapp(number, named if "@" in named else jid(named))
        self.people.note(integration, digits)
        return self.thread(integration, digits)

    async def _send(self, integration: SimulatedIntegration, body: Mapping[str, Any], path: str) -> Response:
        sent = await read_send(path, body, self.world.media)
        thread = self.addressed(integration, body["number"])
        quoted = (body.get("quoted") or {}).get("key", {}).get("id")
        return await self.answered(integration, lambda: self._accepted(integration, thread, sent, quoted))

    def _accepted(self, integration: SimulatedIntegration, thread: Thread, sent: Sent, quoted: str | None) -> Response:
        message = self.accept(
            integration,
            thread,
            sent.kind,
            sent.text,
            reply_to=quoted,
            media=sent.media,
            voice=sent.voice,
            content=sent.content,
        )
        return self.echoed(integration, thread, message.id, sent.message, quoted)

    def echoed(
        self,
        integration: SimulatedIntegration,
        thread: Thread,
        message_id: str,
        message: Mapping[str, Any],
        quoted: str | None = None,
    ) -> Response:
        """The answer to a send, which Evolution also posts as `send.message`."""
        chat = group_jid(thread.customer) if thread.group else jid(thread.customer)
        data = {
            "key": {"remoteJid": chat, "fromMe": True, "id": message_id},
            "pushName": "",
            "status": "PENDING",
            "message": dict(message),
            "contextInfo": {"stanzaId": quoted} if quoted else None,
            "messageType": next(iter(message)),
            "messageTimestamp": int(now().timestamp()),
            "instanceId": bodies.instance_id(integration),
            "source": "unknown",
        }
        self.post(integration, self.worded(integration, [("send.message", data)]))
        return Json(data, status_code=201)

    def target(self, integration: SimulatedIntegration, message_id: str) -> tuple[Thread, ThreadMessage]:
        """A message that Evolution has in its database. Raises EvolutionError."""
        thread = self.world.threads.holding(integration.id, message_id)
        message = thread.message(message_id) if thread else None
        if thread is None or message is None:
            raise bad("Message not found")
        return thread, message
