"""admin_api: what admins do with people, keys and accounts. Its one rule: the routes live in `edge/`; this is only the
door.
"""

from __future__ import annotations

from typing import Any

from parley import wiring

wiring.start_logging("admin_api")
wiring.load_for_administration()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one request of the HTTP API (payload 2.0)."""
    return wiring.admin_api()(event, context)
