"""`$connect`: who may open a socket. The one rule: the origin is checked before a credential is looked at, and none is
ever logged; browsers can put one nowhere but into the subprotocol, so that header is as secret as a credential.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from parley.domain.errors import Forbidden, ParleyError, Unauthenticated
from parley.domain.principal import Principal

from .problems import known_error

LOG = logging.getLogger("parley.handshake")

SUBPROTOCOL: Final = "parley.v1"
TICKET: Final = "t."
BEARER: Final = "bearer."


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client brings to `$connect`; header names are lower case."""

    connection_id: str
    origin: str | None
    protocols: tuple[str, ...] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    def offered(self, prefix: str) -> str | None:
        """The credential among the subprotocols that begins with `prefix`, without it."""
        return next((name.removeprefix(prefix) for name in self.protocols if name.startswith(prefix)), None)


class Gate:
    """Lets connections in. `admit` adds one; `authenticate` reads headers, the other two a credential each."""

    def __init__(
        self,
        *,
        origins: Collection[str],
        consume_ticket: Callable[[str], Principal],
        authenticate_token: Callable[[str], Principal],
        authenticate: Callable[[Mapping[str, str]], Principal],
        admit: Callable[[Principal, str], None],
    ) -> None:
        self._origins = frozenset(origins)
        self._consume_ticket = consume_ticket
        self._authenticate_token = authenticate_token
        self._authenticate = authenticate
        self._admit = admit

    def open(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a `$connect` event; anything but 200 refuses the upgrade."""
        handshake = read_handshake(event)
        try:
            if handshake.origin is not None and handshake.origin not in self._origins:
                raise Forbidden("This origin may not connect.")
            principal = self._recognise(handshake)
            self._admit(principal, handshake.connection_id)
        except Exception as error:
            return _refuse(error)
        LOG.info("connected", extra={"tenant_id": principal.tenant_id, "principal": principal.key})
        if SUBPROTOCOL in handshake.protocols:
            return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": SUBPROTOCOL}}
        return {"statusCode": 200}

    def _recognise(self, handshake: Handshake) -> Principal:
        if (ticket := handshake.offered(TICKET)) is not None:
            return self._consume_ticket(ticket)
        if (token := handshake.offered(BEARER)) is not None:
            return self._authenticate_token(token)
        if "authorization" in handshake.headers:
            return self._authenticate(handshake.headers)
        raise Unauthenticated


def read_handshake(event: Mapping[str, Any]) -> Handshake:
    """Read a `$connect` event of API Gateway; a header that came twice counts as one list."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    for name, values in (event.get("multiValueHeaders") or {}).items():
        headers[name.lower()] = ",".join(values)
    protocols = (name.strip() for name in headers.get("sec-websocket-protocol", "").split(","))
    return Handshake(
        connection_id=event["requestContext"]["connectionId"],
        origin=headers.get("origin"),
        protocols=tuple(name for name in protocols if name),
        headers=headers,
    )


def _refuse(error: Exception) -> dict[str, Any]:
    known = known_error(error)
    if isinstance(error, ParleyError):
        LOG.warning("refused", extra={"code": known.code, "detail": known.detail})
    else:
        LOG.error("connecting failed", exc_info=error)
    return {"statusCode": known.status}
