"""The naive fetcher: take the file off the list, then fetch it. It has no lease: nobody goes on where it died, and its
file stays on its way for ever.
"""

from __future__ import annotations

from uuid import UUID

from parley.services.fetch_media import MediaFetcher, Outcome
from parley.store import attachments
from parley.store.attachments import Kept

TAKE = """
update attachments set tries = 1, due_at = 'infinity'
where tenant_id = %(tenant_id)s and id = %(id)s and state = 'pending' and tries = 0
returning id, message_id, integration_id, kind, mime_type, size, sha256, source, tries
"""
ACCOUNT = "select provider, account_id, settings, credentials from integrations where id = %(id)s"


class NaiveFetcher(MediaFetcher):
    """Has MediaFetcher's `fetch`."""

    def fetch(self, tenant_id: UUID, attachment_id: UUID) -> Outcome:
        with self._database.transaction(tenant_id) as tx:
            taken = tx.row(TAKE, id=attachment_id)
            if taken is None:
                return "nothing"
            taken |= tx.row(ACCOUNT, id=taken["integration_id"]) or {}
        kept = self._attempt(tenant_id, taken)
        if not isinstance(kept, Kept):
            return kept
        with self._database.transaction(tenant_id) as tx:
            attachments.store(tx, attachment_id, kept, 1)
        return "stored"
