"""inbox_api: what agents and integrators read. Its one rule: the routes live in `edge/`; this is only the door."""

from __future__ import annotations

from typing import Any

from parley import wiring

wiring.start_logging("inbox_api")
wiring.load_for_inbox()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one request of the HTTP API (payload 2.0)."""
    return wiring.inbox_api()(event, context)
