"""Meta's WhatsApp Cloud API as a gateway: the handshake and the signature. The one rule: nothing of a body is believed
before its signature over the raw bytes was checked.

How bodies are read is in incoming.py and contents.py, the URL of a whole app in app.py, what is sent in outgoing.py and
envelopes.py, files in media.py, an account's settings in accounts.py, the errors in errors.py.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from parley.domain.errors import Rejected
from parley.domain.identity import Address
from parley.domain.incoming import Fact
from parley.domain.outgoing import Draft, Outcome, Refused, Target
from parley.providers.base import Account, Capabilities, Checkup, Download, Pacing
from parley.providers.patience import USUAL, Patience

from . import incoming
from .app import check_signature

if TYPE_CHECKING:
    import httpx

_KB: Final = 1024
_MB: Final = 1024 * 1024
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"

# Source: developers.facebook.com/docs/whatsapp/cloud-api/reference/media, "Supported media types".
_MEDIA_LIMITS: Final[Mapping[str, int]] = {
    "audio": 16 * _MB,
    "document": 100 * _MB,
    "image": 5 * _MB,
    "sticker": 500 * _KB,
    "video": 16 * _MB,
}
_MEDIA_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "audio": frozenset({"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"}),
    "document": frozenset(
        {
            "text/plain",
            "application/pdf",
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
            f"{_OFFICE}.wordprocessingml.document",
            f"{_OFFICE}.spreadsheetml.sheet",
            f"{_OFFICE}.presentationml.presentation",
        }
    ),
    "image": frozenset({"image/jpeg", "image/png"}),
    "sticker": frozenset({"image/webp"}),
    "video": frozenset({"video/mp4", "video/3gpp"}),
}
_UPLOADING: Final = Patience(upload=30.0)
_NOT_AT_META: Final = Refused(
    "unsupported_capability", "WhatsApp's own API cannot change or take back a message once it is sent."
)


class Meta:
    """The Cloud API as a gateway. `http` and `web` are shared and stay their owner's to close: `web` is for the
    addresses of files, which Meta's answers name (`http` unless given). `fast_clock` divides every wait.
    """

    name = "meta"
    channel = "whatsapp"
    capabilities = Capabilities(
        kinds=frozenset(
            {
                "text",
                "image",
                "audio",
                "video",
                "document",
                "sticker",
                "location",
                "contacts",
                "interactive",
                "template",
            }
        ),
        interactive=frozenset({"buttons", "list"}),
        window=timedelta(hours=24),
        templates=True,
        replies=True,
        reactions=True,
        mark_read=True,
        typing=True,
        groups=True,
        # Source: developers.facebook.com/docs/whatsapp/cloud-api/overview, "Throughput" and "Pair rate limits": a burst
        # of up to 45 messages to one person is paid for with the time they would have taken. Short of that, so that
        # what other tools send through the number fits in.
        pacing=Pacing(per_second=80, pair=timedelta(seconds=6), pair_burst=20),
        longest_file_send=_UPLOADING.longest + USUAL.longest,
        media_limits=_MEDIA_LIMITS,
        media_types=_MEDIA_TYPES,
    )

    def __init__(
        self,
        http: httpx.Client,
        *,
        api_url: str,
        version: str,
        web: httpx.Client | None = None,
        fast_clock: float = 1.0,
    ) -> None:
        from parley.providers.calls import Caller

        from .accounts import Accounts
        from .graph import Graph
        from .media import Files
        from .outgoing import Sender

        base = f"{api_url.rstrip('/')}/{version}"
        graph = Graph(Caller(http, fast_clock=fast_clock), base)
        uploading = Graph(Caller(http, _UPLOADING, fast_clock=fast_clock), base)
        self._files = Files(graph, uploading, web or http, fast_clock=fast_clock)
        self._sender = Sender(graph, self._files)
        self._accounts = Accounts(graph)

    @staticmethod
    def handshake(query: Mapping[str, str], verify_token: str) -> str | None:
        """Return `hub.challenge` if `hub.verify_token` is ours, else None."""
        given = query.get("hub.verify_token", "").encode("utf-8", "surrogatepass")
        matches = hmac.compare_digest(given, verify_token.encode())
        return query.get("hub.challenge") if matches and query.get("hub.mode") == "subscribe" else None

    def verify(self, body: bytes, headers: Mapping[str, str], account: Account, received_at: datetime) -> None:  # noqa: ARG002
        """Check `X-Hub-Signature-256`, HMAC-SHA256 of the raw bytes under the app's secret.

        Raises Rejected: signature_missing, signature_malformed, signature_wrong, or app_secret_missing.
        """
        secret = account.credentials.get("app_secret")
        if not secret:
            raise Rejected("app_secret_missing")
        check_signature(body, headers, secret)

    def redact(self, body: bytes, headers: Mapping[str, str]) -> bytes:  # noqa: ARG002
        """Meta puts no credential into a body: its media addresses are of no use without our token."""
        return body

    def normalise(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Fact]:  # noqa: ARG002
        """Say what a webhook says. Raises Unreadable."""
        return incoming.read(body)

    def send(self, draft: Draft, account: Account) -> Outcome:
        """Send one message, once; a file is uploaded first."""
        return self._sender.send(draft, account)

    def react(self, target: Target, to: Address, emoji: str | None, account: Account) -> Outcome:
        """Set or take back our reaction."""
        return self._sender.react(target, to, emoji, account)

    def edit(self, target: Target, to: Address, text: str, account: Account) -> Outcome:  # noqa: ARG002
        """Meta has no endpoint for it."""
        return _NOT_AT_META

    def delete(self, target: Target, to: Address, account: Account) -> Outcome:  # noqa: ARG002
        """Meta has no endpoint for it."""
        return _NOT_AT_META

    def mark_read(self, targets: Sequence[Target], to: Address, account: Account) -> Outcome:  # noqa: ARG002
        """Mark the newest read; Meta marks what came before it."""
        return self._sender.mark_read(targets, account)

    def show_typing(self, to: Address, on: bool, latest: Target | None, account: Account) -> Outcome:  # noqa: ARG002
        """Show "typing…" for up to 25 seconds; it also marks `latest` as read. It ends by itself."""
        return self._sender.show_typing(on, latest, account)

    def fetch_media(self, source: Mapping[str, Any], account: Account) -> AbstractContextManager[Download]:
        """Open a customer's file by its id. Raises MediaGone or Unavailable."""
        return self._files.fetch(source, account)

    def check(self, account: Account) -> Checkup:
        """Ask for the number's own settings."""
        return self._accounts.check(account)

    def set_up_webhook(self, url: str, account: Account) -> Outcome:
        """Give this number a callback address of its own; it needs the credential `verify_token`."""
        return self._accounts.set_up_webhook(url, account)
