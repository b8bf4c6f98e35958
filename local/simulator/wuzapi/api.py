"""WuzAPI over HTTP (routes.go, handlers.go): who may send, what is accepted, and what its answers look like."""

import time
from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from local.simulator.actions import Action
from local.simulator.gateway import Gateway, Webhook, World
from local.simulator.integrations import SimulatedIntegration
from local.simulator.request_log import LoggedRequest
from local.simulator.tempo import now
from local.simulator.threads import Thread, ThreadMessage
from local.simulator.wuzapi import bodies, settings
from local.simulator.wuzapi.downloads import KEYS_OF, downloaded
from local.simulator.wuzapi.errors import WuzError, done, sending_failed
from local.simulator.wuzapi.jids import parsed as parsed_jid
from local.simulator.wuzapi.jids import phone_jid, recipient
from local.simulator.wuzapi.messages import event_of
from local.simulator.wuzapi.rules import SENDS, Send, checked_send, decoded, required
from local.simulator.wuzapi.sessions import Sessions

ROOT = "/simulator/wuzapi"

Handler = Callable[[SimulatedIntegration, bytes, Request], Awaitable[Response]]


class WuzApiGateway(Gateway):
    """One WuzAPI with an instance for every WuzAPI integration; a request's token says whose it is."""

    provider = "wuzapi"
    statuses = ("delivered", "read")

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.sessions = Sessions()

    def routes(self) -> list[BaseRoute]:
        """WuzAPI's paths below /simulator/wuzapi."""
        post: dict[str, Handler] = {
            **{f"/chat/send/{kind}": self._sends(kind) for kind in SENDS},
            **{f"/chat/download{kind}": self._downloads(kind) for kind in KEYS_OF},
            "/chat/send/edit": self._edit,
            "/chat/delete": self._delete,
            "/chat/react": self._react,
            "/chat/markread": self._mark_read,
            "/chat/presence": self._presence,
            "/user/check": self._check,
        }
        routes = [Route(ROOT + path, self._owned(handler), methods=["POST"]) for path, handler in post.items()]
        own = settings.routes(self.sessions, self.connected)
        routes += [
            Route(ROOT + path, self._owned(handler, session=False), methods=[method]) for method, path, handler in own
        ]
        return [*routes, Route(ROOT + "/{rest:path}", self._unknown_path, methods=["GET", "POST", "PUT", "DELETE"])]

    # ------------------------------------------------------------------------------------------------ its words

    def new_id(self, thread: Thread, *, incoming: bool) -> str:  # noqa: ARG002 - ids say nothing of the chat
        """An id of a phone's, or of whatsmeow's."""
        return bodies.new_id(incoming=incoming)

    def webhooks(
        self, integration: SimulatedIntegration, thread: Thread, action: Action, message_id: str
    ) -> Sequence[Webhook]:
        """What a customer does, or somebody on the company's phone."""
        session = self.sessions.of(integration)
        event = event_of(integration, thread, action, message_id, session)
        return bodies.posted(integration, session, event) if event else []

    def status_webhook(
        self, integration: SimulatedIntegration, thread: Thread, message: ThreadMessage, status: str
    ) -> Webhook | None:
        """A receipt; WuzAPI has none for "sent" and discards those of listening."""
        event = bodies.receipt_event(thread, message, status, now())
        return next(iter(bodies.posted(integration, self.sessions.of(integration), event)), None)

    def connection_webhook(
        self, integration: SimulatedIntegration, connected: bool, reason: str | None
    ) -> Webhook | None:
        """What whatsmeow says of its connection."""
        event = bodies.connection_event(connected, reason)
        return next(iter(bodies.posted(integration, self.sessions.of(integration), event)), None)

    def refused(self, code: int | None) -> Response:
        """WhatsApp's server refuses; with 401 WuzAPI itself does."""
        if code == 401:
            return WuzError(401, "unauthorized").answer()
        return sending_failed(f"server returned error {code or 463}").answer()

    def throttled(self, code: int | None) -> Response:
        """WhatsApp's server has had enough."""
        return sending_failed(f"server returned error {code or 429}").answer()

    def failed(self, code: int | None) -> Response:  # noqa: ARG002 - it has no codes
        """The answer of WhatsApp's server did not come."""
        return sending_failed("timed out waiting for message send response").answer()

    # --------------------------------------------------------------------------------------------- who may what

    def _owned(self, handler: Handler, *, session: bool = True) -> Callable[[Request], Awaitable[Response]]:
        """The handler for the instance of the request's token; `session`: it must be connected."""

        async def owned(request: Request) -> Response:
            token = request.headers.get("token") or request.query_params.get("token")
            mine = (each for each in self.world.integrations.all() if each.provider == self.provider)
            integration = next((each for each in mine if token and each.access_token == token), None)

            async def answer(logged: LoggedRequest) -> Response:
                try:
                    if integration is None:
                        raise WuzError(401, "unauthorized")
                    if session and not self.connected(integration):
                        raise WuzError(500, "no session")
                    return await handler(integration, logged.body, request)
                except WuzError as error:
                    return error.answer()
                finally:
                    _without_files(logged)

            return await self.noted(request, integration, answer)

        return owned

    async def _unknown_path(self, request: Request) -> Response:
        async def answer(_: LoggedRequest) -> Response:
            return PlainTextResponse("404 page not found\n", 404)

        return await self.noted(request, None, answer)

    # -------------------------------------------------------------------------------------------------- messages

    def _sends(self, kind: str) -> Handler:
        async def send(integration: SimulatedIntegration, body: bytes, _: Request) -> Response:
            asked = checked_send(kind, body, self.world.media)
            return await self.answered(integration, lambda: self._accepted(integration, asked))

        return send

    def _accepted(self, integration: SimulatedIntegration, asked: Send) -> Response:
        message = self.accept(
            integration,
            self.thread(integration, asked.to, group=asked.group),
            asked.kind,
            asked.text,
            reply_to=asked.reply_to,
            media=asked.media,
            voice=asked.voice,
            content=asked.content,
            message_id=asked.id,
        )
        return _sent(message.id)

    async def _edit(self, integration: SimulatedIntegration, body: bytes, _: Request) -> Response:
        fields = decoded(body, Phone=str, Body=str, Id=str, ContextInfo=dict)
        required(fields, "Phone", "Body", "Id")
        thread = self._thread_of(integration, fields["Phone"])

        def edited() -> Response:
            thread.edit(fields["Id"], fields["Body"])
            return _sent(fields["Id"])

        return await self.answered(integration, edited)

    async def _delete(self, integration: SimulatedIntegration, body: bytes, _: Request) -> Response:
        fields = decoded(body, Phone=str, Id=str)
        required(fields, "Phone", "Id")
        thread = self._thread_of(integration, fields["Phone"])

        def deleted() -> Response:
            thread.delete(fields["Id"])
            return _sent(fields["Id"], "Deleted")

        return await self.answered(integration, deleted)

    async def _react(self, integration: SimulatedIntegration, body: bytes, _: Request) -> Response:
        fields = decoded(body, Phone=str, Body=str, Id=str, Participant=str)
        required(fields, "Phone", "Body", "Id")
        thread = self._thread_of(integration, fields["Phone"])
        target = fields["Id"].removeprefix("me:")

        def reacted() -> Response:
            thread.react(target, "company", None if fields["Body"] == "remove" else fields["Body"])
            return _sent(target)

        return await self.answered(integration, reacted)

    async def _mark_read(self, integration: SimulatedIntegration, body: bytes, _: Request) -> Response:
        fields = decoded(body, Id=list, Chat=str, Sender=str, ChatPhone=str, SenderPhone=str)
        chat = fields["ChatPhone"] or fields["Chat"]
        if not chat:
            raise WuzError(400, "missing ChatPhone in Payload")
        required(fields, "Id")
        thread = self._thread_of(integration, chat)
        for message_id in fields["Id"]:
            thread.read_by_company(str(message_id))
        return done({"Details": "Message(s) marked as read"})

    async def _presence(self, integration: SimulatedIntegration, body: bytes, _: Request) -> Response:
        fields = decoded(body, Phone=str, State=str, Media=str)
        required(fields, "Phone", "State")
        self._thread_of(integration, fields["Phone"]).company_types(fields["State"] == "composing")
        return done({"Details": "Chat presence set successfuly"})

    def _thread_of(self, integration: SimulatedIntegration, written: str) -> Thread:
        to, group = recipient(written)
        return self.thread(integration, to, group=group)

    async def _check(self, integration: SimulatedIntegration, body: bytes, _: Request) -> Response:  # noqa: ARG002
        fields = decoded(body, Phone=list)
        required(fields, "Phone")
        users = [
            {"Query": str(one), "IsInWhatsapp": True, "JID": phone_jid(parsed_jid(str(one))[0]), "VerifiedName": ""}
            for one in fields["Phone"]
        ]
        return done({"Users": users})

    def _downloads(self, kind: str) -> Handler:
        async def download(_: SimulatedIntegration, body: bytes, __: Request) -> Response:
            return downloaded(kind, body, self.world.media)

        return download


def _sent(message_id: str, details: str = "Sent") -> Response:
    return done({"Details": details, "Id": message_id, "Timestamp": int(time.time())})


def _without_files(logged: LoggedRequest) -> None:
    """The log is for people to read: a file has no place in it."""
    if len(logged.body) > 20_000:
        head, _, _ = logged.body.partition(b";base64,")
        logged.body = head[:20_000] + b";base64,..."
