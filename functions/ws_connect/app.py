"""ws_connect: `$connect` of the socket. The one rule: it only decides and writes the row; a post to the new connection
would answer 410 in here.
"""

from __future__ import annotations

from typing import Any

from parley import wiring

wiring.start_logging("ws_connect")
wiring.load_for_sockets()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one `$connect` event; anything but 200 refuses the upgrade."""
    return wiring.gate().open(event)
