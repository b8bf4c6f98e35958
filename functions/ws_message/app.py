"""ws_message: every frame of a client. The one rule: it answers through the route, never through `@connections`."""

from __future__ import annotations

from typing import Any

from parley import wiring

wiring.start_logging("ws_message")
wiring.load_for_sockets()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one frame."""
    answer = wiring.socket().answer(event["requestContext"]["connectionId"], event.get("body") or "")
    return {"statusCode": 200} if answer is None else {"statusCode": 200, "body": answer}
