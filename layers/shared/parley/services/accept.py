"""Take a webhook in. The one rule: whoever is answered "received" has been written to the queue or, failing that, to
the bucket, and nothing else is touched on the way: no database, no parsing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID

from parley.cloud.ports import Bucket, Queue
from parley.domain.errors import NotFound, Rejected, TooLarge, Unauthenticated, Unavailable
from parley.domain.timestamps import rfc3339
from parley.domain.tokens import DeploymentKeys
from parley.domain.webhook import APP_WIDE, Webhook

if TYPE_CHECKING:
    from parley.providers.base import App

LARGEST_BODY: Final = 6 * 1024 * 1024
LARGEST_QUEUED_BODY: Final = 700_000
SPOOL: Final = "spool/"
PAYLOADS: Final = "payloads/"
APP: Final = "app"
"""Where a webhook's URL has an integration's id, that of a gateway's whole app has this word."""

# What a body is and which gateway's version sent it. Beside what verifying needs, which each gateway has its own names
# for, the rest of a request's headers is nobody's business.
KEPT_HEADERS: Final = frozenset({"content-encoding", "content-type", "user-agent"})

Handshake: TypeAlias = Callable[[Mapping[str, str], str], str | None]


@dataclass(frozen=True, slots=True)
class Post:
    """One POST as it came: the parts of its path, the raw bytes, headers by lower-case name, when it came."""

    provider: str
    integration_id: str
    token: str
    body: bytes
    headers: Mapping[str, str]
    received_at: datetime
    correlation_id: UUID


@dataclass(frozen=True, slots=True)
class Intake:
    """The door. `handshakes` are the known gateways with their answer to a GET verification; `keys` are asked for each
    time, because they may be rotated while the container lives, and so are the secrets of gateways' apps, by gateway;
    `proofs` are the headers each gateway's webhooks prove themselves with.
    """

    handshakes: Mapping[str, Handshake]
    keys: Callable[[], DeploymentKeys]
    queue: Queue
    bucket: Bucket
    new_id: Callable[[], UUID]
    apps: Callable[[str], App | None]
    app_secret: Callable[[str], str | None]
    proofs: Mapping[str, frozenset[str]]

    def accept(self, post: Post) -> str:
        """Write the webhook where nothing loses it, and say where that was: `queue`, or `spool` when the queue is away.

        Raises NotFound for a gateway nobody knows, Unauthenticated for a wrong URL token (for a whole app also
        for a wrong signature), TooLarge above 6 MB, and Unavailable when neither queue nor bucket took it, or nothing
        is there to check an app's signature with: the cases in which the gateway should come again.
        """
        self._known(post.provider)
        app = self._app(post.provider, post.integration_id)
        generation = self.keys().read_url_token(post.integration_id, post.token)
        if len(post.body) > LARGEST_BODY:
            raise TooLarge(f"A webhook may have {LARGEST_BODY} bytes.")
        if app is not None:
            self._prove(app, post)
        pointer = self._set_aside(post) if len(post.body) > LARGEST_QUEUED_BODY else None
        kept = KEPT_HEADERS | self.proofs.get(post.provider, frozenset())
        message = Webhook(
            provider=post.provider,
            # A token that was read proves the id to be one of ours.
            integration_id=UUID(post.integration_id) if app is None else APP_WIDE,
            generation=generation,
            received_at=post.received_at,
            correlation_id=post.correlation_id,
            headers={name: value for name, value in post.headers.items() if name in kept},
            body=None if pointer else post.body,
            pointer=pointer,
        ).encode()
        try:
            # Tenants of one app do not wait for one another either.
            self.queue.send(message, f"{APP}:{app.account_of(post.body)}" if app else post.integration_id)
        except Unavailable:
            key = f"{SPOOL}{rfc3339(post.received_at)}-{self.new_id()}.json"
            self.bucket.put(key, message.encode(), "application/json")
            return "spool"
        return "queue"

    def shake_hands(self, provider: str, integration_id: str, token: str, query: Mapping[str, str]) -> str:
        """Answer a gateway's GET verification with the text it waits for.

        Raises NotFound, or Unauthenticated for a wrong URL token or a verify token of no live key version.
        """
        answer = self._known(provider)
        self._app(provider, integration_id)
        keys = self.keys()
        keys.read_url_token(integration_id, token)
        for verify_token in keys.verify_tokens(integration_id):
            text = answer(query, verify_token)
            if text is not None:
                return text
        raise Unauthenticated("The verify token is wrong.")

    def _known(self, provider: str) -> Handshake:
        if provider not in self.handshakes:
            raise NotFound("There is no such gateway.")
        return self.handshakes[provider]

    def _app(self, provider: str, integration_id: str) -> App | None:
        """What knows the app whose URL this is; None for an integration's own. Raises NotFound."""
        if integration_id != APP:
            return None
        app = self.apps(provider)
        if app is None:
            raise NotFound("This gateway has no URL for a whole app.")
        return app

    def _prove(self, app: App, post: Post) -> None:
        """Check the signature of an app: nobody else can, since no tenant is known yet."""
        secret = self.app_secret(post.provider)
        if not secret:
            raise Unavailable("The app's secret is not set.")
        try:
            app.verify(post.body, post.headers, secret)
        except Rejected as error:
            raise Unauthenticated(f"The webhook's signature is not the app's: {error.detail}.") from error

    def _set_aside(self, post: Post) -> str:
        """Put a body too large for the queue into the bucket; answer its key."""
        pointer = f"{PAYLOADS}{rfc3339(post.received_at)[:10]}/{post.integration_id}/{self.new_id()}"
        self.bucket.put(pointer, post.body)
        return pointer
