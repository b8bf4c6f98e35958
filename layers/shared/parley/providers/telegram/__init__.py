"""Telegram's Bot API as a gateway: one bot is one account. The one rule: the bot's token is part of every address, so
no address of a request is ever put into a reason, a source or a log.

How updates are read is in incoming.py (chats.py, contents.py, services.py), what is sent in outgoing.py and bodies.py,
files in media.py, the errors in errors.py. Source of all of them: core.telegram.org/bots/api (10.0), and where it is
silent tdlib/telegram-bot-api, the server behind it.
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
from parley.providers.patience import QUICK, USUAL, Patience

from . import incoming

if TYPE_CHECKING:
    import httpx

_HEADER: Final = "x-telegram-bot-api-secret-token"
_MB: Final = 1024 * 1024
_FILES: Final = Patience(read=15.0, upload=30.0)
"""Telegram stores a file, and looks into a film, before it answers."""
_NO_RECEIPTS: Final = Refused("unsupported_capability", "Telegram has no way for bots to mark messages as read.")


class Telegram:
    """The Bot API as a gateway. `http` is for the API and its files, which lie on the same host; it stays its owner's
    to close. `fast_clock` divides every wait. Credentials: `bot_token`, and `secret_token` if webhooks are to prove
    themselves; `settings["baseUrl"]` where the Bot API server is one's own.
    """

    name = "telegram"
    channel = "telegram"
    capabilities = Capabilities(
        kinds=frozenset(
            {"text", "image", "audio", "video", "document", "sticker", "location", "contacts", "interactive"}
        ),
        interactive=frozenset({"buttons"}),
        replies=True,
        reactions=True,
        edit=True,
        delete=True,
        typing=True,
        groups=True,
        receipts=False,
        # A group that moved is asked twice: with a file what comes first is a question.
        longest_send=2 * USUAL.longest,
        longest_file_send=_FILES.longest + QUICK.longest,
        # core.telegram.org/bots/faq, "My bot is hitting limits": one a second and chat, short bursts above that. The
        # 20 a minute of a group are kept by Telegram's own 429.
        pacing=Pacing(per_second=30, pair=timedelta(seconds=1), pair_burst=5),
        # Of an upload: "Sending files" in the API's documentation.
        media_limits={
            "image": 10 * _MB,
            "audio": 50 * _MB,
            "video": 50 * _MB,
            "document": 50 * _MB,
            "sticker": 1 * _MB,
        },
    )

    def __init__(self, http: httpx.Client, *, web: httpx.Client | None = None, fast_clock: float = 1.0) -> None:  # noqa: ARG002
        from parley.providers.calls import Caller

        from .media import Files
        from .outgoing import Sender
        from .server import BotApi

        api = BotApi(*(Caller(http, waits, fast_clock=fast_clock) for waits in (USUAL, _FILES, QUICK)))
        self._sender = Sender(api)
        self._files = Files(api, fast_clock=fast_clock)

    @staticmethod
    def handshake(query: Mapping[str, str], verify_token: str) -> str | None:  # noqa: ARG004
        """Telegram verifies no address: there is nothing to answer."""
        return None

    def verify(self, body: bytes, headers: Mapping[str, str], account: Account, received_at: datetime) -> None:  # noqa: ARG002
        """Compare the secret token, where the account has one; setWebhook has Telegram send it with every update.

        Raises Rejected: token_missing, token_wrong.
        """
        expected, given = account.credentials.get("secret_token"), headers.get(_HEADER)
        if not expected:
            return
        if given is None:
            raise Rejected("token_missing")
        if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass")):
            raise Rejected("token_wrong")

    def redact(self, body: bytes, headers: Mapping[str, str]) -> bytes:  # noqa: ARG002
        """Telegram puts no credential into an update."""
        return body

    def normalise(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Fact]:  # noqa: ARG002
        """Say what an update says. Raises Unreadable."""
        return incoming.read(body)

    def send(self, draft: Draft, account: Account) -> Outcome:
        """Send one message, once."""
        return self._sender.send(draft, account)

    def react(self, target: Target, to: Address, emoji: str | None, account: Account) -> Outcome:
        """Set or take back the bot's reaction."""
        return self._sender.react(target, to, emoji, account)

    def edit(self, target: Target, to: Address, text: str, account: Account) -> Outcome:
        """Replace the text of a message of the bot's."""
        return self._sender.edit(target, to, text, account)

    def delete(self, target: Target, to: Address, account: Account) -> Outcome:
        """Take a message of the bot's back; Telegram allows it for 48 hours."""
        return self._sender.delete(target, to, account)

    def mark_read(self, targets: Sequence[Target], to: Address, account: Account) -> Outcome:  # noqa: ARG002
        """Refused: there is no such method."""
        return _NO_RECEIPTS

    def show_typing(self, to: Address, on: bool, latest: Target | None, account: Account) -> Outcome:  # noqa: ARG002
        """Show it for five seconds; it ends by itself."""
        return self._sender.show_typing(to, on, account)

    def fetch_media(self, source: Mapping[str, Any], account: Account) -> AbstractContextManager[Download]:
        """Open a file of a received message. Raises MediaGone, Unavailable."""
        return self._files.fetch(source, account)

    def check(self, account: Account) -> Checkup:
        """Ask Telegram whose token it is."""
        return self._sender.check(account)

    def set_up_webhook(self, url: str, account: Account) -> Outcome:
        """Have the updates Parley reads posted to `url`, with the secret token."""
        return self._sender.set_up_webhook(url, account)
