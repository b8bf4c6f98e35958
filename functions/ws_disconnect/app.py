"""ws_disconnect: `$disconnect` of the socket. The one rule: it is best effort; who is not forgotten here is swept."""

from __future__ import annotations

from typing import Any

from parley import wiring
from parley.domain.errors import ParleyError

LOG = wiring.start_logging("ws_disconnect")


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Forget one connection."""
    try:
        known = wiring.forget_connection(event["requestContext"]["connectionId"])
    except ParleyError as error:
        LOG.warning("not forgotten", extra={"code": error.code})
    else:
        LOG.info("disconnected", extra={"known": known})
    return {"statusCode": 200}
