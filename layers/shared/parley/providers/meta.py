"""Meta's WhatsApp Cloud API as a gateway: the handshake and the signature. The one rule: nothing of a body is believed
before its signature over the raw bytes was checked.

How bodies are read is in meta_incoming.py, how messages are sent in meta_outgoing.py, the errors in meta_errors.py.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from parley.domain.errors import Rejected
from parley.domain.incoming import Fact
from parley.domain.outgoing import Draft, Outcome

from . import meta_incoming
from .base import Account, Capabilities

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS: Final = 3.0
READ_SECONDS: Final = 10.0

_SIGNATURE: Final = re.compile(r"sha256=([0-9a-fA-F]{64})", re.ASCII)


class Meta:
    """The Cloud API as a gateway. `http` is shared and stays its owner's to close.

    With the defaults one send takes at most 27 s, which is below the lease of a send: 1 for a connection of the pool,
    3 to connect, 3 to write, 10 until the answer starts, 10 until it ends.
    """

    name = "meta"
    channel = "whatsapp"
    capabilities = Capabilities(kinds=frozenset({"text"}), window=timedelta(hours=24))

    def __init__(
        self,
        http: httpx.Client,
        api_url: str,
        version: str,
        *,
        connect: float = CONNECT_SECONDS,
        read: float = READ_SECONDS,
        fast_clock: float = 1.0,
    ) -> None:
        import httpx

        from .meta_outgoing import Sender

        connect, read = connect / fast_clock, read / fast_clock
        timeout = httpx.Timeout(read, connect=connect, pool=connect / 3, write=connect)
        self._sender = Sender(http, f"{api_url.rstrip('/')}/{version}", timeout)

    @staticmethod
    def handshake(query: Mapping[str, str], verify_token: str) -> str | None:
        """Return `hub.challenge` if `hub.verify_token` is ours, else None."""
        given = query.get("hub.verify_token", "").encode("utf-8", "surrogatepass")
        matches = hmac.compare_digest(given, verify_token.encode())
        return query.get("hub.challenge") if matches and query.get("hub.mode") == "subscribe" else None

    def verify(self, body: bytes, headers: Mapping[str, str], account: Account) -> None:
        """Check `X-Hub-Signature-256`, HMAC-SHA256 of the raw bytes under the app's secret.

        Raises Rejected: signature_missing, signature_malformed, signature_wrong, or app_secret_missing.
        """
        header = headers.get("x-hub-signature-256")
        if not header:
            raise Rejected("signature_missing")
        match = _SIGNATURE.fullmatch(header.strip())
        if not match:
            raise Rejected("signature_malformed")
        secret = account.credentials.get("app_secret")
        if not secret:
            raise Rejected("app_secret_missing")
        expected = hmac.digest(secret.encode(), body, hashlib.sha256).hex()
        if not hmac.compare_digest(match[1].lower(), expected):
            raise Rejected("signature_wrong")

    def normalise(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Fact]:  # noqa: ARG002
        """Say what a webhook says. Raises Unreadable."""
        return meta_incoming.read(body)

    def send(self, draft: Draft, account: Account) -> Outcome:
        """Send one text, once."""
        return self._sender.send(draft, account)
