"""Take a webhook in. The one rule: whoever is answered "received" has been written to the queue or, failing that, to
the bucket, and nothing else is touched on the way: no database, no parsing.

The queue message: `{"v", "provider", "integrationId", "generation", "receivedAt", "correlationId", "headers", "body"
| "pointer"}`, where `body` is base64 of the raw bytes and `pointer` names an object that holds them. A spooled
object holds the same JSON.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias
from uuid import UUID

from parley.cloud.ports import Bucket, Queue
from parley.domain.errors import NotFound, TooLarge, Unauthenticated, Unavailable
from parley.domain.tokens import DeploymentKeys

LARGEST_BODY: Final = 6 * 1024 * 1024
LARGEST_QUEUED_BODY: Final = 700_000
ENVELOPE_VERSION: Final = 1

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
class Webhook:
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

    def accept(self, webhook: Webhook) -> str:
        """Write the webhook where nothing loses it, and say where that was: `queue`, or `spool` when the queue is away.

        Raises NotFound for a gateway nobody knows, Unauthenticated for a wrong URL token, TooLarge above 6 MB, and
        Unavailable when neither queue nor bucket took it: the one case in which the gateway should come again.
        """
        self._known(webhook.provider)
        generation = self.keys().read_url_token(webhook.integration_id, webhook.token)
        if len(webhook.body) > LARGEST_BODY:
            raise TooLarge(f"A webhook may have {LARGEST_BODY} bytes.")
        received_at = _rfc3339(webhook.received_at)
        envelope = json.dumps(
            {
                "v": ENVELOPE_VERSION,
                "provider": webhook.provider,
                "integrationId": webhook.integration_id,
                "generation": generation,
                "receivedAt": received_at,
                "correlationId": str(webhook.correlation_id),
                "headers": {name: value for name, value in webhook.headers.items() if name in KEPT_HEADERS},
                **self._content(webhook, received_at[:10]),
            }
        )
        try:
            self.queue.send(envelope, webhook.integration_id)
        except Unavailable:
            self.bucket.put(f"spool/{received_at}-{self.new_id()}.json", envelope.encode(), "application/json")
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

    def _content(self, webhook: Webhook, day: str) -> dict[str, str]:
        if len(webhook.body) <= LARGEST_QUEUED_BODY:
            return {"body": b64encode(webhook.body).decode()}
        pointer = f"payloads/{day}/{webhook.integration_id}/{self.new_id()}"
        self.bucket.put(pointer, webhook.body)
        return {"pointer": pointer}


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
