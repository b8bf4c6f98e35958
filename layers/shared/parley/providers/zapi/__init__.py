"""Z-API as a gateway: WhatsApp through a phone of the company's, hosted. The one rule: a webhook is signed by nobody,
so the URL's token is what makes it believed.

How bodies are read is in incoming.py (chats.py, contents.py, parts.py, forms.py), what is sent in outgoing.py and
bodies.py, files in media.py, the errors in errors.py.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from parley.domain.errors import Rejected
from parley.domain.identity import Address
from parley.domain.incoming import Fact
from parley.domain.outgoing import Draft, Outcome, Refused, Target
from parley.providers.base import Account, Capabilities, Checkup, Download, Pacing

from . import incoming

if TYPE_CHECKING:
    import httpx

_MB: Final = 1024 * 1024
_NO_TYPING: Final = Refused("unsupported_capability", "Z-API has no way to show that somebody is typing.")


class ZApi:
    """Z-API as a gateway. `http` is for its API, `web` (guarded) for the files a webhook names; both stay their owner's
    to close. `fast_clock` divides every wait.
    """

    name = "zapi"
    channel = "whatsapp"
    capabilities = Capabilities(
        kinds=frozenset(
            {"text", "image", "audio", "video", "document", "sticker", "location", "contacts", "interactive"}
        ),
        interactive=frozenset({"buttons", "list"}),
        replies=True,
        reactions=True,
        edit=True,
        delete=True,
        mark_read=True,
        groups=True,
        connection_state=True,
        # Z-API leaves 1 to 3 s between two messages; faster than that they only wait there instead of here.
        pacing=Pacing(per_second=1),
        # Not documented: what WhatsApp itself takes of these kinds.
        media_limits={
            "image": 16 * _MB,
            "audio": 16 * _MB,
            "video": 64 * _MB,
            "document": 100 * _MB,
            "sticker": 1 * _MB,
        },
    )

    def __init__(self, http: httpx.Client, *, web: httpx.Client | None = None, fast_clock: float = 1.0) -> None:
        from parley.providers.calls import Caller

        from .outgoing import Sender

        self._web = web or http
        self._fast_clock = fast_clock
        self._sender = Sender(Caller(http, fast_clock=fast_clock))

    @staticmethod
    def handshake(query: Mapping[str, str], verify_token: str) -> str | None:  # noqa: ARG004
        """Z-API verifies no address: there is nothing to answer."""
        return None

    def verify(self, body: bytes, headers: Mapping[str, str], account: Account, received_at: datetime) -> None:  # noqa: ARG002
        """Compare `z-api-token` where both it and a secret of ours are there: not every installation sends it.

        Raises Rejected: token_wrong.
        """
        given, expected = headers.get("z-api-token"), account.credentials.get("z_api_token")
        if given is None or not expected:
            return
        if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass")):
            raise Rejected("token_wrong")

    def redact(self, body: bytes, headers: Mapping[str, str]) -> bytes:  # noqa: ARG002
        """Z-API puts no credential into a body."""
        return body

    def normalise(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Fact]:  # noqa: ARG002
        """Say what a webhook says. Raises Unreadable."""
        return incoming.read(body)

    def send(self, draft: Draft, account: Account) -> Outcome:
        """Send one message, once."""
        return self._sender.send(draft, account)

    def react(self, target: Target, to: Address, emoji: str | None, account: Account) -> Outcome:
        """Set or take back our reaction."""
        return self._sender.react(target, to, emoji, account)

    def edit(self, target: Target, to: Address, text: str, account: Account) -> Outcome:
        """Replace the text of a message of ours."""
        return self._sender.edit(target, to, text, account)

    def delete(self, target: Target, to: Address, account: Account) -> Outcome:
        """Take a message of ours back for everyone."""
        return self._sender.delete(target, to, account)

    def mark_read(self, targets: Sequence[Target], to: Address, account: Account) -> Outcome:
        """Tell the customer that these messages were read."""
        return self._sender.mark_read(targets, to, account)

    def show_typing(self, to: Address, on: bool, latest: Target | None, account: Account) -> Outcome:  # noqa: ARG002
        """Refused: there is no such call."""
        return _NO_TYPING

    def fetch_media(self, source: Mapping[str, Any], account: Account) -> AbstractContextManager[Download]:  # noqa: ARG002
        """Open a file of a received message. Raises MediaGone, Unavailable."""
        from .media import fetch

        return fetch(self._web, source, fast_clock=self._fast_clock)

    def check(self, account: Account) -> Checkup:
        """Ask Z-API whether the instance is connected."""
        return self._sender.check(account)

    def set_up_webhook(self, url: str, account: Account) -> Outcome:
        """Have every event of this instance posted to `url`."""
        return self._sender.set_up_webhook(url, account)
