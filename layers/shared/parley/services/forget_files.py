"""Delete files whose rows are gone. The one rule: a file is named by what is in it, so it stays as long as anybody of
the company has it.
"""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from parley.domain.media import thumbnail_key
from parley.store import erasing_traces as store
from parley.store.database import Database

from .accept import PAYLOADS


class Deletes(Protocol):
    """A bucket, as far as it is needed here."""

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is no error.

        Raises Unavailable.
        """


def forget_file(database: Database, bucket: Deletes, tenant_id: UUID, key: str) -> None:
    """Delete a file that came too late for its message, unless somebody has it. Raises Unavailable."""
    with database.transaction(tenant_id) as tx:
        needed = store.is_needed(tx, key)
    if not needed:
        delete_object(bucket, key)


def delete_object(bucket: Deletes, key: str) -> None:
    """Delete an object, and with a file its thumbnail. Raises Unavailable."""
    bucket.delete(key)
    if not key.startswith(PAYLOADS):
        bucket.delete(thumbnail_key(key))
