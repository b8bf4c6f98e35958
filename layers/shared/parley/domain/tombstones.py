"""What is left of an erased person: keyed hashes of their addresses, and of their messages' ids at the gateway (many of
which are the number in another form). The one rule: a hash tells somebody who has both what was hashed and the
deployment's key that it was erased, and tells nobody else anything.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

PURPOSE: Final = "tombstones"
"""What the deployment's key is derived for."""
PREFIX: Final = "tombstones/"
"""Where tombstones lie in their bucket."""

Named = tuple[UUID, str, str]
"""(scope, kind, value): an address by its canonical key, or a message by its integration and the gateway's id."""


def named_message(integration_id: UUID, provider_message_id: str) -> Named:
    """A message, as something to be hashed."""
    return integration_id, "message", provider_message_id


@dataclass(frozen=True)
class Hashing:
    """Makes the hashes. `keys`: by version; `current` makes, every version is looked for."""

    keys: Mapping[int, bytes] = field(repr=False)
    current: int

    def mark(self, tenant_id: UUID, named: Named) -> bytes:
        """The hash, as it is kept. Two companies have nothing to compare: the tenant is in it."""
        return _hash(self.keys[self.current], tenant_id, named)

    def marks(self, tenant_id: UUID, named: Named) -> list[bytes]:
        """Every hash under which this may have been kept."""
        return [_hash(key, tenant_id, named) for key in self.keys.values()]


def object_of(tenant_id: UUID, erasure_id: UUID) -> str:
    """Where a tombstone lies."""
    return f"{PREFIX}{tenant_id}/{erasure_id}.json"


def _hash(key: bytes, tenant_id: UUID, named: Named) -> bytes:
    scope, kind, value = named
    said = "\n".join((str(tenant_id), str(scope), kind, value))
    return hmac.digest(key, said.encode("utf-8", "surrogatepass"), hashlib.sha256)
