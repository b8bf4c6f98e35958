"""Evolution API v2 (evolution-foundation/evolution-api, on Baileys) as a gateway: what it can do, whether a webhook is
believed. The one rule: its live `apikey` is in every body and goes no further than this package.

incoming.py reads webhooks (kinds.py what is in a message, people.py who wrote it, updates.py what became of ours,
notices.py the rest), outgoing.py sends, server.py speaks HTTP, media.py fetches files, errors.py holds the errors.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from parley.domain.errors import Rejected
from parley.domain.identity import Address
from parley.domain.incoming import Fact
from parley.domain.outgoing import Draft, Outcome, Target
from parley.providers.base import Account, Capabilities, Checkup, Download
from parley.providers.patience import QUICK, USUAL, Patience

from . import incoming

if TYPE_CHECKING:
    import httpx

LEEWAY_SECONDS: Final = 1800
"""How much later than its `exp` a token counts: Evolution signs a webhook once, for ten minutes, and repeats it with
that token for up to half an hour.
"""

_MEGABYTE: Final = 1024 * 1024
_FILES: Final = Patience(read=20.0, upload=30.0)
"""Evolution fetches, converts and uploads a file before it answers."""
_BEARER: Final = re.compile(r"Bearer +([\w-]+)\.([\w-]+)\.([\w-]+)", re.ASCII | re.IGNORECASE)
_CREDENTIAL: Final = re.compile(
    # `destination` is our own webhook's address, token and all. In JSON, a text cannot hold these quotes unescaped.
    rb'("(?:api_?key|destination)"\s*:\s*")[^"\\]*(?:\\.[^"\\]*)*',
    re.IGNORECASE | re.DOTALL,
)
_PAIRING: Final = re.compile(rb'("(?:pairingCode|code|base64)"\s*:\s*")[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_SHOWS_PAIRING: Final = re.compile(rb'"event"\s*:\s*"(?:qrcode\.updated|QRCODE_UPDATED)"')


class Evolution:
    """Evolution as a gateway. `http` is shared and stays its owner's to close; `fast_clock` divides every wait. An
    account's `settings["baseUrl"]` is its server; credentials: `api_key`, and `jwt_key` if its webhooks are signed.
    """

    name = "evolution"
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
        typing=True,
        groups=True,
        connection_state=True,
        # An error may be followed by asking for the connection's state.
        longest_send=USUAL.longest + QUICK.longest,
        longest_file_send=_FILES.longest + QUICK.longest,
        media_limits={
            "image": 16 * _MEGABYTE,
            "audio": 16 * _MEGABYTE,
            "video": 64 * _MEGABYTE,
            "document": 100 * _MEGABYTE,
            "sticker": _MEGABYTE,
        },
    )

    def __init__(self, http: httpx.Client, *, web: httpx.Client | None = None, fast_clock: float = 1.0) -> None:
        from parley.providers.calls import Caller

        from .media import Files
        from .outgoing import Sender
        from .server import Server

        usual, patient, quick = (Caller(http, waits, fast_clock=fast_clock) for waits in (USUAL, _FILES, QUICK))
        self._server = Server(usual, patient, quick)
        self._sender = Sender(self._server, fast_clock=fast_clock)
        self._files = Files(http, web or http, fast_clock=fast_clock)

    @staticmethod
    def handshake(query: Mapping[str, str], verify_token: str) -> str | None:  # noqa: ARG004
        """Evolution asks nothing before it posts."""
        return None

    def verify(self, body: bytes, headers: Mapping[str, str], account: Account, received_at: datetime) -> None:  # noqa: ARG002
        """Check the JWT (HS256) that Evolution makes from the account's `jwt_key`; without one the URL's token is all.

        Raises Rejected: signature_missing, signature_malformed, signature_wrong, signature_expired.
        """
        key = account.credentials.get("jwt_key")
        if key:
            _check_token(headers.get("authorization", ""), key, received_at.timestamp())

    def redact(self, body: bytes, headers: Mapping[str, str]) -> bytes:  # noqa: ARG002
        """Blank the instance's API key, our own address and, where it is shown, the code that pairs a phone."""
        redacted = _CREDENTIAL.sub(rb"\1", body)
        return _PAIRING.sub(rb"\1", redacted) if _SHOWS_PAIRING.search(redacted) else redacted

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
        """Replace a text or caption of ours, within fifteen minutes."""
        return self._sender.edit(target, to, text, account)

    def delete(self, target: Target, to: Address, account: Account) -> Outcome:
        """Take a message of ours back for everyone."""
        return self._sender.delete(target, to, account)

    def mark_read(self, targets: Sequence[Target], to: Address, account: Account) -> Outcome:
        """Tell the customer that these were read."""
        return self._sender.mark_read(targets, to, account)

    def show_typing(self, to: Address, on: bool, latest: Target | None, account: Account) -> Outcome:  # noqa: ARG002
        """Show "typing…" for three seconds, for which Evolution holds the request."""
        return self._sender.show_typing(to, on, account)

    def fetch_media(self, source: Mapping[str, Any], account: Account) -> AbstractContextManager[Download]:
        """Open a customer's file. Raises MediaGone or Unavailable."""
        return self._files.fetch(source, account)

    def check(self, account: Account) -> Checkup:
        """Ask for the connection's state."""
        return self._server.check(account)

    def set_up_webhook(self, url: str, account: Account) -> Outcome:
        """Have this instance's events posted to `url`, signed if there is a `jwt_key`, without files."""
        return self._sender.set_up_webhook(url, account)


def _check_token(header: str, key: str, now: float) -> None:
    """RFC 7515: HS256 and nothing else, whatever the token says of itself."""
    if not header:
        raise Rejected("signature_missing")
    match = _BEARER.fullmatch(header.strip())
    if match is None:
        raise Rejected("signature_malformed")
    expected = hmac.digest(key.encode(), f"{match[1]}.{match[2]}".encode(), hashlib.sha256)
    if not hmac.compare_digest(_decoded(match[3]), expected):
        raise Rejected("signature_wrong")
    try:
        head, claims = json.loads(_decoded(match[1])), json.loads(_decoded(match[2]))
        algorithm, expires = head["alg"], float(claims["exp"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Rejected("signature_malformed") from error
    if algorithm != "HS256":
        raise Rejected("signature_wrong")
    if not now <= expires + LEEWAY_SECONDS:
        raise Rejected("signature_expired")


def _decoded(part: str) -> bytes:
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError) as error:
        raise Rejected("signature_malformed") from error
