"""What Z-API has taken and not yet sent. It answers before it sends, and keeps what comes while the phone is away."""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.simulator.actions import Reacts, Who, Writes
from local.simulator.gateway import Gateway, Webhook
from local.simulator.integrations import SimulatedIntegration
from local.simulator.media import File
from local.simulator.tempo import now
from local.simulator.threads import Thread
from local.simulator.zapi import bodies
from local.simulator.zapi.rules import Send, ZApiError

LONGEST_QUEUE = 1_000

Ids = dict[str, str]


@dataclass(frozen=True)
class Sending:
    """A message to send, or why its file cannot be."""

    thread: Thread
    asked: Send
    file: File | None
    error: str | None


@dataclass(frozen=True)
class Reacting:
    """A reaction to set, or without an emoji to take back."""

    thread: Thread
    target: str
    emoji: str | None


class Outbox:
    """The queue of every instance."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._waiting: defaultdict[str, deque[Callable[[], None]]] = defaultdict(deque)
        self._without_echoes: set[str] = set()

    def put(self, integration: SimulatedIntegration, what: Sending | Reacting) -> Ids:
        """Send it now, or as soon as the phone is back; answers its ids at once. Raises ZApiError."""
        message_id = self._gateway.new_id(what.thread, incoming=False)
        ids = {"zaapId": bodies.new_zaap_id(), "messageId": message_id, "id": message_id}
        if self._gateway.connected(integration):
            self._send(integration, what, ids)
            return ids
        waiting = self._waiting[integration.id]
        if len(waiting) >= LONGEST_QUEUE:
            raise ZApiError("The queue of this instance is full")
        waiting.append(lambda: self._send(integration, what, ids))
        return ids

    def flush(self, integration: SimulatedIntegration) -> None:
        """The phone is back: send what waited for it, in its order."""
        waiting = self._waiting[integration.id]
        while waiting:
            waiting.popleft()()

    def echoes(self, integration: SimulatedIntegration) -> bool:
        """Whether what the company itself sends is told, too."""
        return integration.id not in self._without_echoes

    def tell_echoes(self, integration: SimulatedIntegration, *, told: bool) -> None:
        """Say whether it is."""
        (self._without_echoes.discard if told else self._without_echoes.add)(integration.id)

    def _send(self, integration: SimulatedIntegration, what: Sending | Reacting, ids: Ids) -> None:
        told: list[Webhook] = []
        if isinstance(what, Sending):
            told.append(bodies.delivery(integration, what.asked.chat.phone, ids, now(), what.error))
        if isinstance(what, Reacting):
            what.thread.react(what.target, "company", what.emoji)
        elif what.error is None:
            self._show(integration, what, ids["messageId"])
        else:
            self._gateway.post(integration, told)
            return
        echo = _echo(integration, what, ids["messageId"]) if self.echoes(integration) else None
        self._gateway.post(integration, [*told, echo] if echo else told)

    def _show(self, integration: SimulatedIntegration, what: Sending, message_id: str) -> None:
        asked, choices = what.asked, _choices(what.asked.content)
        if asked.edits is not None:
            what.thread.edit(asked.edits, asked.text)
            return
        self._gateway.accept(
            integration,
            what.thread,
            asked.kind,
            asked.text,
            reply_to=asked.reply_to,
            media=what.file,
            voice=asked.voice,
            content={**asked.content, **({"choices": choices} if choices else {})},
            message_id=message_id,
        )


def _echo(integration: SimulatedIntegration, what: Sending | Reacting, message_id: str) -> Webhook | None:
    """The ReceivedCallback of what was sent; of lists none is documented."""
    thread, who = what.thread, Who(what.thread.customer, now(), device=True)
    if isinstance(what, Reacting):
        content = bodies.reaction(integration, thread, Reacts(who, what.target, what.emoji))
        return bodies.received(integration, thread, who, message_id, content, api=True)
    asked = what.asked
    if "optionList" in asked.content:
        return None
    if asked.edits is not None:
        content, message_id = bodies.edited(thread, asked.edits, asked.text), asked.edits
    elif "buttonList" in asked.content:
        content = {"buttonsMessage": _buttons(asked)}
    else:
        places: dict[str, Any] = {"location": asked.location, "contacts": asked.contacts}
        action = Writes(who, asked.kind, asked.text or None, asked.reply_to, what.file, asked.voice, **places)
        content = bodies.written(action)
    return bodies.received(integration, thread, who, message_id, content, api=True)


def _choices(content: Mapping[str, Any]) -> list[dict[str, object]]:
    """What the customer's phone lets them pick of buttons or a list; an id left out is its place."""
    buttons, options = (
        content.get("buttonList", {}).get("buttons", ()),
        content.get("optionList", {}).get("options", ()),
    )
    picked: list[tuple[str, Any, str, str | None]] = [
        ("button", each.get("id"), each["label"], None) for each in buttons
    ]
    picked += [("list", each.get("id"), each["title"], each["description"]) for each in options]
    return [
        {"kind": kind, "id": given or str(place), "title": title, **({"description": words} if words else {})}
        for place, (kind, given, title, words) in enumerate(picked, start=1)
    ]


def _buttons(asked: Send) -> dict[str, Any]:
    buttons = [
        {"buttonId": button.get("id"), "type": 1, "buttonText": {"displayText": button["label"]}}
        for button in asked.content["buttonList"]["buttons"]
    ]
    return {"imageUrl": None, "videoUrl": None, "message": asked.text, "buttons": buttons}
