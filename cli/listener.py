"""Listens to a tenant's events over the WebSocket, for as long as it takes. The one rule: whatever breaks on the way,
the next connection goes on from the cursor, so nothing is missed or told twice.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Subprotocol

from cli.api import Api, is_loopback
from cli.demo import Access
from cli.failure import FailureError, TroubleError
from cli.session import ByeError, Session, Tell
from cli.stream import Stream

PROTOCOL: Final = "parley.v1"
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
SETTLED_SECONDS: Final = 30.0
"""A connection that lived so long was a good one: the next back-off begins from the start."""


class Listener:
    """One reader. `access` is asked before each connection; `tell` gets each event, `notice` what is worth knowing."""

    def __init__(
        self,
        access: Callable[[], Access],
        topics: Sequence[str],
        tell: Tell,
        notice: Callable[[str], None],
        cursor: str | None = None,
    ) -> None:
        self._access = access
        self._topics = topics
        self._tell = tell
        self._notice = notice
        self._tab = secrets.token_hex(8)
        self._connected_once = False
        self.stream = Stream(cursor)
        self.api: Api | None = None

    async def listen(self) -> NoReturn:
        """Tell events as they happen, for ever.

        Raises FailureError for what no repetition will mend, and for whatever is in the way of the first connection.
        """
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            try:
                await self._connect()
            except TroubleError as trouble:
                if not self._connected_once:
                    raise
                failures = 0 if loop.time() - began >= SETTLED_SECONDS else failures
                at_once = isinstance(trouble, ByeError) and trouble.now and failures == 0
                pause = max(0.0 if at_once else full_jitter(failures), trouble.after_seconds)
                failures += 1
                self._notice(f"{trouble}; connecting again in {pause:.1f} s")
                await asyncio.sleep(pause)

    async def _connect(self) -> NoReturn:
        """One connection, until it ends in an error."""
        api = self.api = Api(self._access())
        try:
            ticket = (await api.ask("POST", "/v1/realtime/ticket"))["data"]
            async with await _open(ticket["url"], ticket["ticket"]) as socket:
                session = Session(socket, api, self.stream, self._topics, self._tell, self._notice)
                try:
                    await session.run(self._tab)
                finally:
                    self._connected_once |= session.welcomed
        except ConnectionClosed as error:
            raise TroubleError("the connection was lost") from error
        finally:
            await api.close()


async def _open(url: str, ticket: str) -> ClientConnection:
    """Open the socket with a one-time ticket. Raises TroubleError and FailureError."""
    protocols = [Subprotocol(PROTOCOL), Subprotocol(f"t.{ticket}")]
    try:
        # The protocol has a heartbeat of its own, and API Gateway compresses nothing.
        return await connect(
            url,
            subprotocols=protocols,
            compression=None,
            ping_interval=None,
            proxy=None if is_loopback(url) else True,
        )
    except InvalidURI as error:
        raise FailureError(f"the API named a socket address that is none: {url}") from error
    except InvalidHandshake as error:
        raise TroubleError(f"the socket was refused: {error}") from error
    except (OSError, TimeoutError) as error:
        raise TroubleError(f"the socket at {url} cannot be reached") from error


def full_jitter(failures: int) -> float:
    """A pause of anything up to a limit that doubles, so that readers cut off together do not come back together."""
    longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(failures, 10))
    return random.uniform(0, longest)  # noqa: S311 - spreads load, guards nothing
