"""Say `bye` and close. The one rule: the platform can close only with 1000, so the reason goes in a frame before it."""

from __future__ import annotations

import json
import logging
from typing import Any, Literal

from parley.cloud.ports import Connections, Gone
from parley.domain.errors import ParleyError

LOG = logging.getLogger("parley.farewell")

Reason = Literal["too_many", "rights", "revoked", "expired", "unknown_connection", "going_away"]

_WORDS: dict[Reason, tuple[str, Literal["now", "backoff", "never"]]] = {
    # Coming back would throw out the connection that took this one's place, and so on for ever.
    "too_many": ("You have too many connections open; the oldest was closed.", "never"),
    "rights": ("Your rights have changed.", "now"),
    "revoked": ("Your access was taken away.", "never"),
    "expired": ("This session has ended.", "now"),
    "unknown_connection": ("The server no longer knows this connection.", "now"),
    "going_away": ("The server is going away.", "backoff"),
}


class Dismissed(ParleyError):
    """This connection may not go on."""

    code = "dismissed"

    def __init__(self, reason: Reason) -> None:
        super().__init__()
        self.reason: Reason = reason


def bye(reason: Reason) -> dict[str, Any]:
    """The last frame of a connection."""
    words, reconnect = _WORDS[reason]
    return {"type": "bye", "code": reason, "reason": words, "reconnect": reconnect, "afterMs": 0}


def say_bye(connections: Connections, connection_id: str, reason: Reason) -> None:
    """Tell a client why, and close; whoever cannot be reached any more needs neither."""
    try:
        connections.post(connection_id, json.dumps(bye(reason)).encode())
        connections.close(connection_id)
    except Gone:
        return
    except ParleyError as error:
        # Its row is gone already, so the next frame it sends is answered with a bye again.
        LOG.warning("a connection was not closed: %s", error.code)
