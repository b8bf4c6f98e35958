"""Take a webhook in. The one rule: whoever is answered "received" has been written to the queue or, failing that, to
the bucket, and nothing else is touched on the way: no database, no parsing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from parley.cloud.ports import Bucket, Queue
from parley.domain.errors import NotFound, TooLarge, Unauthenticated, Unavailable
from parley.domain.timestamps import rfc3339
from parley.domain.tokens import DeploymentKeys
from parley.domain.webhook import Webhook

LARGEST_BODY: Final = 6 * 1024 * 1024
LARGEST_QUEUED_BODY: Final = 700_000
SPOOL: Final = "spool/"
PAYLOADS: Final = "payloads/"

# What verifying a signature or finding a gateway's version needs; the rest of a request's headers is nobody's business.
KEPT_HEADERS: Final = frozenset(
    {
        "authorization",
        "content-encoding",
        "content-type",
        "user-agent",
        "x-hmac-signature",
        "x-hub-signature-256",
        "z-api-token",
    }
)


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
    time, because they may be rotated while the container lives.
    """

    handshakes: Mapping[str, Handshake]
    keys: Callable[[], DeploymentKeys]
    queue: Queue
    bucket: Bucket
    new_id: Callable[[], UUID]

    def accept(self, post: Post) -> str:
        """Write the webhook where nothing loses it, and say where that was: `queue`, or `spool` when the queue is away.

        Raises NotFound for a gateway nobody knows, Unauthenticated for a wrong URL token, TooLarge above 6 MB, and
        Unavailable when neither queue nor bucket took it: the one case in which the gateway should come again.
        """
        self._known(post.provider)
        generation = self.keys().read_url_token(post.integration_id, post.token)
        if len(post.body) > LARGEST_BODY:
            raise TooLarge(f"A webhook may have {LARGEST_BODY} bytes.")
        pointer = self._set_aside(post) if len(post.body) > LARGEST_QUEUED_BODY else None
        message = Webhook(
            provider=post.provider,
            # A token that was read proves the id to be one of ours.
            integration_id=UUID(post.integration_id),
            generation=generation,
            received_at=post.received_at,
            correlation_id=post.correlation_id,
            headers={name: value for name, value in post.headers.items() if name in KEPT_HEADERS},
            body=None if pointer else post.body,
            pointer=pointer,
        ).encode()
        try:
            self.queue.send(message, post.integration_id)
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

    def _set_aside(self, post: Post) -> str:
        """Put a body too large for the queue into the bucket; answer its key."""
        pointer = f"{PAYLOADS}{rfc3339(post.received_at)[:10]}/{post.integration_id}/{self.new_id()}"
        self.bucket.put(pointer, post.body)
        return pointer
