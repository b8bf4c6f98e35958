"""Events as lines for a person. The one rule: what customers wrote reaches the terminal as words only, never as control
characters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cli.stream import Event

LONGEST_TEXT = 200
_JOINS_EMOJI = "\u200d"
_ARROWS = {"incoming": "←", "outgoing": "→", "internal": "·"}


def plain(text: object) -> str:
    """Text on one line: line ends become ⏎, and whatever could steer a terminal or turn its line around becomes �."""
    shown = str(text).replace("\r\n", "⏎").replace("\n", "⏎").replace("\t", " ")
    shown = "".join("\ufffd" if _steers(letter) else letter for letter in shown)
    return shown if len(shown) <= LONGEST_TEXT else shown[: LONGEST_TEXT - 1] + "…"


def _steers(letter: str) -> bool:
    return letter != _JOINS_EMOJI and unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def line(event: Event, contact: str) -> str:
    """One event on one line: time, number, type, contact, what happened."""
    time = _local_time(str(event["occurredAt"]))
    return f"{time} {'#' + str(event['seq']):>6}  {event['type']:<20}  {plain(contact):<20}  {_what(event)}".rstrip()


def contact_of(conversation: Mapping[str, Any]) -> str:
    """What a person calls a conversation: its group, else its contact's name, else the number."""
    group, contact = conversation.get("group"), conversation.get("contact") or {}
    named = (group or {}).get("name") or contact.get("name") or contact.get("phone")
    return str(named or conversation["id"])


def conversation_in(event: Event) -> Mapping[str, Any] | None:
    """The whole conversation, where an event carries one."""
    data = event.get("data") or {}
    if str(event["type"]).startswith("conversation.") and "contact" in data:
        return dict(data)
    inner = data.get("conversation")
    return dict(inner) if isinstance(inner, Mapping) else None


def _what(event: Event) -> str:
    data: Mapping[str, Any] = event.get("data") or {}
    kind = event["type"]
    if event.get("ref"):
        return f"too long to push: {plain(event['ref'])}"
    if kind == "message.status":
        return _status(data)
    if kind in {"message.new", "message.updated"}:
        return _message(data.get("message", data))
    if kind == "contact.updated":
        return plain(data.get("phone") or "")
    if kind in {"conversation.new", "conversation.updated"}:
        return plain(data.get("status", ""))
    return ""


def _message(message: Mapping[str, Any]) -> str:
    arrow = _ARROWS.get(str(message.get("direction")), "·")
    text = message.get("text")
    words = plain(text) if text else f"({plain(message.get('kind'))})"
    status = message.get("status")
    return f"{arrow} {words}" + (f"  [{plain(status)}]" if status not in {None, "received"} else "")


def _status(data: Mapping[str, Any]) -> str:
    error = data.get("error") or {}
    why = f": {plain(error.get('message') or error.get('code'))}" if error else ""
    return f"{plain(data.get('status'))}{why}  (message …{str(data.get('id', ''))[-6:]})"


def _local_time(text: str) -> str:
    return datetime.fromisoformat(text).astimezone().strftime("%H:%M:%S.%f")[:-3]
