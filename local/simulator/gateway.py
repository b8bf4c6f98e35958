"""What each simulated gateway must say, and what all of them share, so that control, receipts and phone know none.

A gateway words its webhooks, ids and errors; what happens on the phones, in which order webhooks go out and how an
answer goes wrong when it was told to is here, once.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from local.simulator.actions import EVERY_KIND, Action, Deletes, Edits, Reacts, Types, Writes
from local.simulator.answers import Reset, Silence
from local.simulator.faults import Behaviour, Faults
from local.simulator.integrations import Integrations, SimulatedIntegration
from local.simulator.media import File, MediaStore
from local.simulator.receipts import Receipts
from local.simulator.request_log import LoggedRequest, RequestLog
from local.simulator.tempo import Tempo
from local.simulator.threads import Author, Thread, ThreadMessage, Threads
from local.simulator.webhooks import WebhookPoster

# How long a caller is kept waiting by "accept-then-timeout" and by "slow".
SILENCE_SECONDS = 60.0
SLOW_SECONDS = 3.0


class Webhook(NamedTuple):
    """One webhook as it goes over the wire, signed."""

    body: bytes
    headers: Mapping[str, str]


@dataclass
class World:
    """Everything the gateways share."""

    integrations: Integrations
    threads: Threads
    requests: RequestLog
    faults: Faults
    poster: WebhookPoster
    tempo: Tempo
    media: MediaStore
    base_url: str
    receipts: Receipts = field(init=False)


class Gateway(ABC):
    """One provider."""

    provider: ClassVar[str]
    kinds: ClassVar[frozenset[str]] = EVERY_KIND
    statuses: ClassVar[tuple[str, ...]] = ("sent", "delivered", "read")
    choices: ClassVar[frozenset[str]] = frozenset({"button", "list"})

    def __init__(self, world: World) -> None:
        self.world = world
        self._gone: set[str] = set()

    # ---------------------------------------------------------------------------------- what each gateway says

    @abstractmethod
    def routes(self) -> list[BaseRoute]:
        """The provider's own HTTP API, with full paths."""

    @abstractmethod
    def new_id(self, thread: Thread, *, incoming: bool) -> str:
        """A message id as this provider forms them."""

    def id_of(self, thread: Thread, action: Action) -> str:
        """The id of what a customer does. What the phone pages of the company do is a send as far as ids go."""
        return self.new_id(thread, incoming=not action.who.device)

    @abstractmethod
    def webhooks(
        self, integration: SimulatedIntegration, thread: Thread, action: Action, message_id: str
    ) -> Sequence[Webhook]:
        """The webhooks a deed causes, in their order; none where the provider says nothing of it."""

    @abstractmethod
    def status_webhook(
        self, integration: SimulatedIntegration, thread: Thread, message: ThreadMessage, status: str
    ) -> Webhook | None:
        """The webhook that says what became of a company's message."""

    def connection_webhook(
        self,
        integration: SimulatedIntegration,  # noqa: ARG002 - what an overriding gateway needs
        connected: bool,  # noqa: ARG002
        reason: str | None,  # noqa: ARG002
    ) -> Webhook | None:
        """The webhook that says that the account was connected or disconnected."""
        return None

    @abstractmethod
    def refused(self, code: int | None) -> Response:
        """The answer to a send that was told to be refused."""

    @abstractmethod
    def throttled(self, code: int | None) -> Response:
        """The answer to one send too many."""

    @abstractmethod
    def failed(self, code: int | None) -> Response:
        """The answer of a gateway that broke, though it took the message."""

    # ----------------------------------------------------------------------------------------- what customers do

    def customer_writes(self, integration: SimulatedIntegration, action: Action) -> str:
        """Do what a customer, or somebody at the company's phone, does: show it, post its webhooks in the background,
        answer the provider's id of it.
        """
        who = action.who
        thread = self.thread(integration, who.group.id if who.group else who.customer, group=who.group is not None)
        thread.name = (who.group.name if who.group else None if who.device else who.name) or thread.name
        message_id = self.id_of(thread, action)
        webhooks = self.webhooks(integration, thread, action, message_id)
        shown = _show(thread, action, message_id)
        self.post(integration, webhooks, about=(thread, shown) if shown and not who.device else None)
        return message_id

    def change_connection(self, integration: SimulatedIntegration, connected: bool, reason: str | None) -> None:
        """Connect or disconnect the account, and say so where the provider does."""
        (self._gone.discard if connected else self._gone.add)(integration.id)
        webhook = self.connection_webhook(integration, connected, reason)
        self.post(integration, [webhook] if webhook else [])

    def connected(self, integration: SimulatedIntegration) -> bool:
        """Whether the account is connected; it is until it is told otherwise."""
        return integration.id not in self._gone

    # ----------------------------------------------------------------------------------------- what companies do

    def thread(self, integration: SimulatedIntegration, to: str, *, group: bool = False) -> Thread:
        """The thread of a customer, or of a group by its bare id."""
        return self.world.threads.of(integration.id, to, group=group)

    async def noted(
        self,
        request: Request,
        integration: SimulatedIntegration | None,
        answer: Callable[[LoggedRequest], Awaitable[Response]],
    ) -> Response:
        """Answer a request that is kept in the log, with the status it was answered."""
        logged = await self.world.requests.note(request, self.provider, integration)
        given = await answer(logged)
        logged.status = None if isinstance(given, Reset | Silence) else given.status_code
        return given

    async def answered(self, integration: SimulatedIntegration, accept: Callable[[], Response]) -> Response:
        """Answer a send that would be accepted, or let it go wrong as the control was told."""
        fault = self.world.faults.for_answer(integration.id)
        match fault.behaviour:
            case Behaviour.REFUSE:
                return self.refused(fault.code)
            case Behaviour.THROTTLE:
                return self.throttled(fault.code)
            case Behaviour.RESET:
                return Reset()
            case Behaviour.SLOW:
                await self.world.tempo.sleep(SLOW_SECONDS)
        answer = accept()
        if fault.behaviour is Behaviour.ACCEPT_THEN_TIMEOUT:
            return Silence(self.world.tempo.scaled(SILENCE_SECONDS))
        return self.failed(fault.code) if fault.behaviour is Behaviour.ERROR_AFTER_ACCEPT else answer

    def accept(
        self,
        integration: SimulatedIntegration,
        thread: Thread,
        kind: str,
        text: str,
        *,
        reply_to: str | None = None,
        media: File | None = None,
        voice: bool = False,
        content: Mapping[str, Any] | None = None,
        reference: str | None = None,
        message_id: str | None = None,
    ) -> ThreadMessage:
        """Show a company's message and begin its receipts. The same `message_id` again is the same message."""
        known = thread.message(message_id) if message_id else None
        if known is not None:
            return known
        message = thread.write(
            "company",
            message_id or self.new_id(thread, incoming=False),
            kind,
            text,
            reply_to,
            media=media,
            voice=voice,
            content=content,
            reference=reference,
        )
        self.world.receipts.begin(integration, thread, message)
        return message

    def post(
        self,
        integration: SimulatedIntegration,
        webhooks: Sequence[Webhook],
        *,
        about: tuple[Thread, ThreadMessage] | None = None,
    ) -> None:
        """Post webhooks in the background, one after the other; `about`: whose ticks show whether they were taken."""
        if webhooks:
            repeated = self.world.faults.for_webhooks(integration.id, Behaviour.REPEAT)
            self.world.tempo.start(self._post(integration, webhooks, about, repeated=repeated))

    async def report(
        self, integration: SimulatedIntegration, thread: Thread, message: ThreadMessage, status: str, *, repeated: bool
    ) -> None:
        """Post the webhook that says what became of a company's message."""
        webhook = self.status_webhook(integration, thread, message, status)
        if webhook is not None:
            await self.world.poster.post(integration, webhook.body, webhook.headers, repeated=repeated)

    async def _post(
        self,
        integration: SimulatedIntegration,
        webhooks: Sequence[Webhook],
        about: tuple[Thread, ThreadMessage] | None,
        *,
        repeated: bool,
    ) -> None:
        taken = True
        for webhook in webhooks:
            taken &= await self.world.poster.post(integration, webhook.body, webhook.headers, repeated=repeated)
        if about is not None:
            thread, message = about
            thread.advance(message, "delivered" if taken else "failed")


def _show(thread: Thread, action: Action, message_id: str) -> ThreadMessage | None:
    """Let the thread look as it does on the phones; the message that is new in it, if one is."""
    who = action.who
    author: Author = "company" if who.device else "customer"
    match action:
        case Writes():
            return thread.write(
                author,
                message_id,
                action.kind,
                shown_text(action),
                action.reply_to,
                media=action.media,
                voice=action.voice,
                sender=who.customer if who.group and not who.device else None,
                state="read" if who.device else None,
            )
        case Reacts():
            thread.react(action.target, author if who.device or not who.group else who.customer, action.emoji)
        case Edits():
            thread.edit(action.target, action.text)
        case Deletes():
            thread.delete(action.target)
        case Types():
            pass  # one does not see oneself typing
    return None


def shown_text(action: Writes) -> str:
    """What a phone shows of a message beside its file."""
    if action.location is not None:
        place = action.location
        return ", ".join(filter(None, (place.name, place.address))) or f"{place.latitude}, {place.longitude}"
    if action.contacts:
        return ", ".join(card.name for card in action.contacts)
    return action.text or (action.choice.title if action.choice else "")
