"""Meta's Cloud API over HTTP: who may send, what is accepted, and how the answer goes wrong when it was told to."""

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from local.simulator.answers import Json, Reset, Silence
from local.simulator.faults import Behaviour, Fault, Faults
from local.simulator.gateway import Draft
from local.simulator.integrations import Integrations, SimulatedIntegration
from local.simulator.meta import bodies
from local.simulator.meta.errors import MetaError
from local.simulator.meta.rules import MarkRead, Send, checked
from local.simulator.receipts import Receipts
from local.simulator.request_log import RequestLog, parsed
from local.simulator.tempo import Tempo, now
from local.simulator.threads import Thread, ThreadMessage, Threads
from local.simulator.webhooks import WebhookPoster

# How long a caller is kept waiting by "accept-then-timeout" and by "slow".
SILENCE_SECONDS = 60.0
SLOW_SECONDS = 3.0


class MetaGateway:
    """The WhatsApp Cloud API of every Meta integration."""

    provider = "meta"
    kinds = frozenset({"text"})

    def __init__(
        self,
        *,
        integrations: Integrations,
        threads: Threads,
        requests: RequestLog,
        faults: Faults,
        poster: WebhookPoster,
        tempo: Tempo,
        receipts: Receipts,
    ) -> None:
        self._integrations = integrations
        self._threads = threads
        self._requests = requests
        self._faults = faults
        self._poster = poster
        self._tempo = tempo
        self._receipts = receipts

    def routes(self) -> list[BaseRoute]:
        """Meta's paths below /simulator/meta."""
        messages = "/simulator/meta/{version}/{phone_number_id}/messages"
        return [
            Route(messages, self._messages, methods=["POST"]),
            Route("/simulator/meta/{rest:path}", self._unknown_path, methods=["GET", "POST", "PUT", "DELETE"]),
        ]

    def customer_text(self, integration: SimulatedIntegration, thread: Thread, draft: Draft) -> str:
        """A customer writes text; answers its wamid while the webhook is on its way."""
        thread.name = draft.name or thread.name
        message_id = bodies.new_id(thread.customer, incoming=True)
        body = bodies.text_message(integration, thread, message_id, draft)
        message = thread.write("customer", message_id, "text", draft.text, draft.reply_to)
        repeated = self._faults.for_webhooks(integration.id, Behaviour.REPEAT)
        self._tempo.start(self._deliver(integration, thread, message, body, repeated=repeated))
        return message_id

    async def report(
        self, integration: SimulatedIntegration, thread: Thread, message: ThreadMessage, status: str, *, repeated: bool
    ) -> None:
        """Post a status webhook."""
        body = bodies.status(integration, thread, message, status, now())
        await self._poster.post(integration, body, bodies.signed(integration, body), repeated=repeated)

    async def _deliver(
        self,
        integration: SimulatedIntegration,
        thread: Thread,
        message: ThreadMessage,
        body: bytes,
        *,
        repeated: bool,
    ) -> None:
        taken = await self._poster.post(integration, body, bodies.signed(integration, body), repeated=repeated)
        thread.advance(message, "delivered" if taken else "failed")

    async def _messages(self, request: Request) -> Response:
        account_id = request.path_params["phone_number_id"]
        integration = self._integrations.by_account(self.provider, account_id)
        logged = await self._requests.note(request, self.provider, integration)
        try:
            owner = self._authorised(request, integration)
            asked = checked(parsed(logged.body), owner.digits)
            if isinstance(asked, MarkRead):
                answer = self._mark_read(owner, asked)
            else:
                answer = await self._send(owner, asked, self._faults.for_answer(owner.id))
        except MetaError as error:
            answer = error.answer()
        logged.status = None if isinstance(answer, Reset | Silence) else answer.status_code
        return answer

    def _authorised(self, request: Request, integration: SimulatedIntegration | None) -> SimulatedIntegration:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self._integrations.knows_token(self.provider, token):
            raise MetaError(190, "The access token is missing or unknown.")
        if not re.fullmatch(r"v[0-9]{1,3}\.[0-9]", request.path_params["version"]):
            raise MetaError(2500, "Unknown path components: the version is not one.")
        if integration is None or integration.access_token != token:
            account_id = request.path_params["phone_number_id"]
            raise MetaError(
                100,
                f"Unsupported post request. Object with ID '{account_id}' does not exist, cannot be loaded due to "
                "missing permissions, or does not support this operation.",
                subcode=33,
            )
        return integration

    def _mark_read(self, integration: SimulatedIntegration, asked: MarkRead) -> Response:
        thread = self._threads.holding(integration.id, asked.message_id)
        if thread is not None:
            thread.read_by_company(asked.message_id)
            if asked.typing:
                thread.tell({"type": "typing"})
        # An id from before the simulator was started is as good: it keeps its threads in memory only.
        return Json({"success": True})

    async def _send(self, integration: SimulatedIntegration, asked: Send, fault: Fault) -> Response:
        match fault.behaviour:
            case Behaviour.REFUSE:
                raise MetaError(fault.code or 131026, "The simulator was told to refuse this message.")
            case Behaviour.THROTTLE:
                raise MetaError(fault.code or 130429, "The simulator was told to throttle this number.")
            case Behaviour.RESET:
                return Reset()
            case Behaviour.SLOW:
                await self._tempo.sleep(SLOW_SECONDS)
        message = self._accept(integration, asked)
        if fault.behaviour is Behaviour.ACCEPT_THEN_TIMEOUT:
            return Silence(self._tempo.scaled(SILENCE_SECONDS))
        if fault.behaviour is Behaviour.ERROR_AFTER_ACCEPT:
            answer = MetaError(fault.code or 131000, "The simulator was told to fail after accepting.").answer()
            answer.status_code = 500
            return answer
        return Json(
            {
                "messaging_product": "whatsapp",
                "contacts": [{"input": asked.typed, "wa_id": asked.to}],
                "messages": [{"id": message.id}],
            }
        )

    def _accept(self, integration: SimulatedIntegration, asked: Send) -> ThreadMessage:
        thread = self._threads.of(integration.id, asked.to)
        message_id = bodies.new_id(asked.to, incoming=False)
        message = thread.write("company", message_id, asked.kind, asked.text, asked.reply_to)
        message.callback_data = asked.callback_data
        self._receipts.begin(integration, thread, message)
        return message

    async def _unknown_path(self, request: Request) -> Response:
        logged = await self._requests.note(request, self.provider)
        answer = MetaError(2500, f"Unknown path components: /{request.path_params['rest']}").answer()
        logged.status = answer.status_code
        return answer
