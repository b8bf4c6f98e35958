"""A webhook on its way: the raw bytes a gateway posted and what the door knew of them. The one rule: the bytes are
never changed, for signatures are over them.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from .errors import Unreadable
from .timestamps import rfc3339

APP_WIDE: Final = UUID(int=0)
"""In the place of an integration's id where the URL is a whole app's: whose it is, the body says."""


@dataclass(frozen=True)
class Webhook:
    """`headers`: only those worth keeping, names in lower case. Either `body` is here or `pointer` names the object
    that holds it. `generation`: of the URL token it came with. `believed_as`: somebody answered for it already (the
    door, for all of which this is a part; an earlier processing; an admin who edited it), so that no signature is
    checked; the hash under which the ledger has it. `replay_of`: of a replay, that hash, believed or not; it does not
    travel.
    """

    provider: str
    integration_id: UUID
    generation: int
    received_at: datetime
    correlation_id: UUID
    headers: Mapping[str, str]
    body: bytes | None = None
    pointer: str | None = None
    believed_as: bytes | None = None
    replay_of: bytes | None = None

    @property
    def is_app_wide(self) -> bool:
        """Whether it came by the URL of a whole app, and was not taken apart yet."""
        return self.integration_id == APP_WIDE

    @property
    def is_believed(self) -> bool:
        """Whether its signature needs no check any more."""
        return self.believed_as is not None

    @property
    def is_replay(self) -> bool:
        """Whether it comes out of the ledger, and not from its gateway."""
        return self.replay_of is not None

    @cached_property
    def body_hash(self) -> bytes:
        """SHA-256 of the bytes received: what makes a repetition one."""
        known = self.believed_as or self.replay_of
        if known is None:
            # Where an object is gone nobody can tell what it held; two of them are two all the same.
            unread = self.body is None and self.pointer is not None
            known = hashlib.sha256((self.pointer or "").encode() if unread else self.body or b"").digest()
        return known

    def with_body(self, body: bytes) -> Webhook:
        """The same webhook, its object read."""
        return replace(self, body=body)

    def part(self, integration_id: UUID, body: bytes, pointer: str | None) -> Webhook:
        """What of this webhook concerns one tenant; `pointer` where the part is too large to be kept in a row."""
        return replace(self, integration_id=integration_id, body=body, pointer=pointer, believed_as=self.body_hash)

    def encode(self) -> str:
        """The queue message. The body travels as base64: SQS refuses some control characters."""
        message: dict[str, Any] = {
            "v": 1,
            "provider": self.provider,
            "integrationId": str(self.integration_id),
            "generation": self.generation,
            "receivedAt": rfc3339(self.received_at),
            "correlationId": str(self.correlation_id),
            "headers": dict(self.headers),
        }
        if self.believed_as is not None:
            message["bodyHash"] = self.believed_as.hex()
        if self.pointer is not None:
            message["pointer"] = self.pointer
        else:
            message["body"] = b64encode(self.body or b"").decode()
        return json.dumps(message, separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> Webhook:
        """Read a queue message. Raises Unreadable where it is none of ours."""
        try:
            message = json.loads(text)
            return cls(
                provider=message["provider"],
                integration_id=UUID(message["integrationId"]),
                generation=int(message["generation"]),
                received_at=datetime.fromisoformat(message["receivedAt"]),
                correlation_id=UUID(message["correlationId"]),
                headers=message["headers"],
                body=b64decode(message["body"]) if "body" in message else None,
                pointer=message.get("pointer"),
                believed_as=bytes.fromhex(message["bodyHash"]) if "bodyHash" in message else None,
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unreadable("The queue message is not a webhook.") from error
