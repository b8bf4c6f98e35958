"""send_message: takes messages to send. Its one rule: 202 means committed; the sending itself is message_sender's."""

from __future__ import annotations

from typing import Any

from parley import wiring

wiring.start_logging("send_message")
wiring.load_for_sending()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one request of the HTTP API (payload 2.0)."""
    return wiring.sending_api()(event, context)
