"""WuzAPI (asternic/wuzapi, on whatsmeow) as a gateway: what it can do, and the signature. The one rule: where a signing
key is set, nothing of a body is believed before its signature was checked.

bodies.py reads the three forms of a webhook; incoming.py, chats.py, messages.py and media.py say what it says;
outgoing.py sends, deeds.py does the rest, downloads.py fetches files; errors.py holds the errors.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from parley.domain.errors import Rejected, Unreadable
from parley.domain.identity import Address
from parley.domain.incoming import Fact
from parley.domain.outgoing import Draft, Outcome, Target
from parley.providers.base import Account, Capabilities, Checkup, Download
from parley.providers.patience import QUICK, USUAL, Patience

from . import bodies, incoming

if TYPE_CHECKING:
    import httpx

_MEGABYTE: Final = 1024 * 1024
_FILES: Final = Patience(read=20.0, upload=30.0)
"""WuzAPI uploads a file to WhatsApp before it answers."""
_SIGNATURE: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


class WuzApi:
    """WuzAPI as a gateway. `http` is shared, as is `web`, which refuses private addresses; both stay their owner's.
    An account's `settings["baseUrl"]` says where its WuzAPI is; credentials: `token`, and `hmac_key` if webhooks
    are signed.
    """

    name = "wuzapi"
    channel = "whatsapp"
    capabilities = Capabilities(
        kinds=frozenset(
            {"text", "image", "audio", "video", "document", "sticker", "location", "contacts", "interactive"}
        ),
        interactive=frozenset({"buttons", "list"}),
        idempotent_send=True,
        replies=True,
        reactions=True,
        edit=True,
        delete=True,
        mark_read=True,
        typing=True,
        groups=True,
        connection_state=True,
        # A reply to a message of ours asks for our own JID first.
        longest_send=USUAL.longest + QUICK.longest,
        longest_file_send=_FILES.longest + QUICK.longest,
        media_limits={
            "image": 16 * _MEGABYTE,
            "audio": 16 * _MEGABYTE,
            "video": 100 * _MEGABYTE,
            "document": 100 * _MEGABYTE,
            "sticker": _MEGABYTE,
        },
        media_types={
            "image": frozenset({"image/jpeg", "image/png"}),
            "video": frozenset({"video/mp4", "video/3gpp"}),
            "audio": frozenset({"audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/amr"}),
            "sticker": frozenset({"image/webp"}),
        },
    )

    def __init__(self, http: httpx.Client, *, web: httpx.Client | None = None, fast_clock: float = 1.0) -> None:
        from parley.providers.calls import Caller

        from .deeds import Deeds
        from .downloads import Downloads
        from .outgoing import Api, Sender

        api = Api(*(Caller(http, waits, fast_clock=fast_clock) for waits in (USUAL, _FILES, QUICK)))
        self._sender, self._deeds = Sender(api), Deeds(api)
        self._downloads = Downloads(http, web or http, fast_clock=fast_clock)

    @staticmethod
    def handshake(query: Mapping[str, str], verify_token: str) -> str | None:  # noqa: ARG004
        """WuzAPI asks nothing before it posts."""
        return None

    def verify(self, body: bytes, headers: Mapping[str, str], account: Account, received_at: datetime) -> None:  # noqa: ARG002
        """Check `x-hmac-signature`, if a key is set: HMAC-SHA256 in bare hexadecimal (see bodies.py).

        Without one the URL's token is the check, and the instance's token, which older builds put into the body, must
        not be another's. Raises Rejected: signature_missing, signature_malformed, signature_wrong or token_wrong.
        """
        key = account.credentials.get("hmac_key")
        if not key:
            _check_token(body, headers, account)
            return
        header = headers.get("x-hmac-signature", "").strip()
        if not header:
            raise Rejected("signature_missing")
        if not _SIGNATURE.fullmatch(header):
            raise Rejected("signature_malformed")
        for signed in bodies.signed_bytes(body, headers):
            if hmac.compare_digest(hmac.digest(key.encode(), signed, hashlib.sha256).hex(), header.lower()):
                return
        raise Rejected("signature_wrong")

    def redact(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        """The body less the instance's token and a pairing code."""
        return bodies.redact(body, headers)

    def normalise(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Fact]:
        """Say what a webhook says. Raises Unreadable."""
        return incoming.read(body, headers)

    def send(self, draft: Draft, account: Account) -> Outcome:
        """Send one message under our own id."""
        return self._sender.send(draft, account)

    def react(self, target: Target, to: Address, emoji: str | None, account: Account) -> Outcome:
        """Set or take back our reaction."""
        return self._deeds.react(target, to, emoji, account)

    def edit(self, target: Target, to: Address, text: str, account: Account) -> Outcome:
        """Replace a text of ours."""
        return self._deeds.edit(target, to, text, account)

    def delete(self, target: Target, to: Address, account: Account) -> Outcome:
        """Take a message of ours back."""
        return self._deeds.delete(target, to, account)

    def mark_read(self, targets: Sequence[Target], to: Address, account: Account) -> Outcome:
        """Tell that messages were read."""
        return self._deeds.mark_read(targets, to, account)

    def show_typing(self, to: Address, on: bool, latest: Target | None, account: Account) -> Outcome:  # noqa: ARG002
        """Show or end "typing…"."""
        return self._deeds.show_typing(to, on, account)

    def fetch_media(self, source: Mapping[str, Any], account: Account) -> AbstractContextManager[Download]:
        """Open a file of a received message."""
        return self._downloads.fetch(source, account)

    def check(self, account: Account) -> Checkup:
        """Ask WuzAPI for the session's state."""
        return self._deeds.check(account)

    def set_up_webhook(self, url: str, account: Account) -> Outcome:
        """Set the address, the events, the signing key and, where there is a choice, bodies without files."""
        return self._deeds.set_up_webhook(url, account)


def _check_token(body: bytes, headers: Mapping[str, str], account: Account) -> None:
    try:
        given = bodies.read_event(body, headers).token
    except Unreadable:
        return  # which normalising will say
    ours = account.credentials.get("token")
    if given and ours and given != bodies.REDACTED and not hmac.compare_digest(given.encode(), ours.encode()):
        raise Rejected("token_wrong")
