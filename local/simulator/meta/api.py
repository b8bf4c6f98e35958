"""Meta's Cloud API over HTTP: who may send, what is accepted, and how the answer goes wrong when it was told to."""

import re
from collections.abc import Awaitable, Callable, Sequence

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from local.simulator.actions import Action
from local.simulator.answers import Json
from local.simulator.gateway import Gateway, Webhook
from local.simulator.integrations import SimulatedIntegration
from local.simulator.media import STALL_SECONDS, File, stalled_response
from local.simulator.meta import bodies, uploads
from local.simulator.meta.deeds import deed_webhook
from local.simulator.meta.errors import MetaError
from local.simulator.meta.kinds import choices_of
from local.simulator.meta.rules import MarkRead, Send, checked
from local.simulator.meta.settings import checked_override, phone_number
from local.simulator.request_log import LoggedRequest, parsed
from local.simulator.tempo import now
from local.simulator.threads import Thread, ThreadMessage

ROOT = "/simulator/meta"
# Below the one private address that companies may fetch from; unlike it, these ask for the token.
ATTACHMENTS = "/simulator/media/meta"


class MetaGateway(Gateway):
    """The WhatsApp Cloud API of every Meta integration."""

    provider = "meta"
    statuses = ("sent", "delivered", "read", "played")

    def routes(self) -> list[BaseRoute]:
        """Meta's paths below /simulator/meta."""
        number = ROOT + "/{version}/{object_id}"
        return [
            Route(f"{number}/messages", self._owned(self._messages), methods=["POST"]),
            Route(f"{number}/media", self._owned(self._upload), methods=["POST"]),
            Route(f"{ATTACHMENTS}/{{media_id}}", self._download, methods=["GET"]),
            Route(number, self._node, methods=["GET"]),
            Route(number, self._owned(self._configure), methods=["POST"]),
            Route(f"{ROOT}/{{rest:path}}", self._unknown_path, methods=["GET", "POST", "PUT", "DELETE"]),
        ]

    # ------------------------------------------------------------------------------------------------ its words

    def new_id(self, thread: Thread, *, incoming: bool) -> str:
        """A wamid."""
        return bodies.new_id(thread.customer, incoming=incoming)

    def webhooks(
        self, integration: SimulatedIntegration, thread: Thread, action: Action, message_id: str
    ) -> Sequence[Webhook]:
        """What a customer does, or an echo of what the company's phone does; nobody is told of typing."""
        body = deed_webhook(integration, thread, action, message_id, self._attachment_url)
        return [Webhook(body, bodies.signed(integration, body))] if body else []

    def status_webhook(
        self, integration: SimulatedIntegration, thread: Thread, message: ThreadMessage, status: str
    ) -> Webhook:
        """What became of a message."""
        body = bodies.status(integration, thread, message, status, now())
        return Webhook(body, bodies.signed(integration, body))

    def refused(self, code: int | None) -> Response:
        """Undeliverable, unless told what."""
        return MetaError(code or 131026, "The simulator was told to refuse this message.").answer()

    def throttled(self, code: int | None) -> Response:
        """Too many, unless told what."""
        return MetaError(code or 130429, "The simulator was told to throttle this number.").answer()

    def failed(self, code: int | None) -> Response:
        """Always a 500: the message was taken."""
        answer = MetaError(code or 131000, "The simulator was told to fail after accepting.").answer()
        answer.status_code = 500
        return answer

    # --------------------------------------------------------------------------------------------- who may what

    def _owned(
        self, endpoint: Callable[[SimulatedIntegration, Request, LoggedRequest], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint for those whose token is that of the number in the path."""

        async def owned(request: Request) -> Response:
            integration = self.world.integrations.by_account(self.provider, request.path_params["object_id"])

            async def answer(logged: LoggedRequest) -> Response:
                try:
                    return await endpoint(self._owner(request, integration), request, logged)
                except MetaError as error:
                    return error.answer()

            return await self.noted(request, integration, answer)

        return owned

    def _owner(self, request: Request, integration: SimulatedIntegration | None) -> SimulatedIntegration:
        token = self._token(request)
        if integration is None or integration.access_token != token:
            raise _no_such_object(request)
        return integration

    def _token(self, request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self.world.integrations.knows_token(self.provider, token):
            raise MetaError(190, "The access token is missing or unknown.")
        if not all(map(self.connected, self._owners(token))):
            raise MetaError(190, "The access token has expired.", subcode=463)
        if not re.fullmatch(r"v[0-9]{1,3}\.[0-9]", request.path_params.get("version", "v1.0")):
            raise MetaError(2500, "Unknown path components: the version is not one.")
        return token

    def _owners(self, token: str) -> list[SimulatedIntegration]:
        """The numbers that send with this token."""
        return [each for each in self.world.integrations.all() if each.access_token == token]

    # -------------------------------------------------------------------------------------------------- messages

    async def _messages(self, integration: SimulatedIntegration, _: Request, logged: LoggedRequest) -> Response:
        asked = checked(parsed(logged.body), integration.digits)
        if isinstance(asked, MarkRead):
            return self._mark_read(integration, asked)
        media = await self._media(asked)
        return await self.answered(integration, lambda: self._accepted(integration, asked, media))

    async def _media(self, asked: Send) -> File | None:
        """The file a send names; one behind a link is fetched, as Meta does before it answers."""
        if asked.media_link:
            try:
                return await self.world.media.fetch(asked.media_link)
            except ValueError:
                return None  # Meta accepts the message and reports 131052 later; here it has no picture
        if not asked.media_id:
            return None
        file = self.world.media.get(asked.media_id)
        if file is None:
            raise MetaError(100, f"Param {asked.kind}['id'] is not the id of a media object")
        return file

    def _mark_read(self, integration: SimulatedIntegration, asked: MarkRead) -> Response:
        thread = self.world.threads.holding(integration.id, asked.message_id)
        if thread is not None:
            thread.read_by_company(asked.message_id)
            if asked.typing:
                thread.company_types()
        # An id from before the simulator was started is as good: it keeps its threads in memory only.
        return Json({"success": True})

    def _accepted(self, integration: SimulatedIntegration, asked: Send, media: File | None) -> Response:
        thread = self.thread(integration, asked.to, group=asked.group)
        if asked.kind == "reaction":
            thread.react(str(asked.content.get("message_id")), "company", asked.text or None)
            message_id = self.new_id(thread, incoming=False)
        else:
            message = self.accept(
                integration,
                thread,
                asked.kind,
                asked.text,
                reply_to=asked.reply_to,
                media=media,
                voice=asked.content.get("voice") is True,
                content={**asked.content, "choices": choices_of(asked.content)},
                reference=asked.callback_data,
            )
            message_id = message.id
        contact = {"input": asked.typed} if asked.group else {"input": asked.typed, "wa_id": asked.to}
        return Json({"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": message_id}]})

    # ----------------------------------------------------------------------------------------------------- media

    async def _upload(self, integration: SimulatedIntegration, request: Request, logged: LoggedRequest) -> Response:  # noqa: ARG002
        file = uploads.read_upload(request.headers.get("content-type", ""), logged.body, self.world.media)
        # The log is for people to read: a file has no place in it.
        logged.body = b'{"file": "%d bytes of %s"}' % (file.size, file.mime_type.encode())
        return Json({"id": file.id})

    def _attachment_url(self, file: File) -> str:
        return f"{self.world.base_url}{ATTACHMENTS}/{file.id}?source=webhook"

    async def _download(self, request: Request) -> Response:
        async def answer(_: LoggedRequest) -> Response:
            try:
                token = self._token(request)
            except MetaError as error:
                return error.answer()
            file = self.world.media.get(request.path_params["media_id"])
            if file is None:
                return Response(status_code=404)
            if any(self.world.faults.for_file(owner.id) for owner in self._owners(token)):
                return stalled_response(file, lambda: self.world.tempo.sleep(STALL_SECONDS))
            return Response(file.content, headers={"content-type": file.mime_type})

        return await self.noted(request, None, answer)

    async def _node(self, request: Request) -> Response:
        """A number's settings, or a media object: Graph knows both by their ids alone."""
        integration = self.world.integrations.by_account(self.provider, request.path_params["object_id"])

        async def answer(_: LoggedRequest) -> Response:
            try:
                token = self._token(request)
                file = self.world.media.get(request.path_params["object_id"])
                if file is not None:
                    return Json(uploads.described(file, self._attachment_url(file)))
                if integration is None or integration.access_token != token:
                    raise _no_such_object(request)
                return Json(phone_number(integration, request.query_params.get("fields")))
            except MetaError as error:
                return error.answer()

        return await self.noted(request, integration, answer)

    async def _configure(self, integration: SimulatedIntegration, _: Request, logged: LoggedRequest) -> Response:  # noqa: ARG002
        """Take another webhook for one number, once its handshake succeeded."""
        url, verify_token = checked_override(parsed(logged.body))
        challenge = bodies.challenge()
        query = {"hub.mode": "subscribe", "hub.verify_token": verify_token, "hub.challenge": challenge}
        try:
            answer = await self.world.poster.get(url, query)
        except httpx.HTTPError as error:
            raise MetaError(100, f"The callback URL could not be validated: {type(error).__name__}.") from error
        if answer.status_code != 200 or answer.text != challenge:
            raise MetaError(100, "The callback URL could not be validated: its answer was not the challenge.")
        return Json({"success": True})

    async def _unknown_path(self, request: Request) -> Response:
        async def answer(_: LoggedRequest) -> Response:
            return MetaError(2500, f"Unknown path components: /{request.path_params['rest']}").answer()

        return await self.noted(request, None, answer)


def _no_such_object(request: Request) -> MetaError:
    method = request.method.lower()
    return MetaError(
        100,
        f"Unsupported {method} request. Object with ID '{request.path_params['object_id']}' does not exist, cannot be "
        "loaded due to missing permissions, or does not support this operation.",
        subcode=33,
    )
