"""Empty the spool: webhooks that were answered 200 while the queue was away. The one rule: an object goes only once the
queue has confirmed what it held.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final

from parley.cloud.ports import Bucket, Queue
from parley.domain.errors import NotFound, TooLarge, Unreadable
from parley.domain.webhook import Webhook

from .accept import SPOOL

LOG = logging.getLogger("parley.housekeep")
LARGEST_SPOOLED: Final = 8 * 1024 * 1024
_AT_MOST: Final = 500


def oldest_spooled(bucket: Bucket, now: datetime) -> float:
    """For how many seconds the oldest webhook has been in the spool, as its name says. Raises Unavailable."""
    for key in bucket.list_prefix(SPOOL, 1):
        try:
            since = datetime.fromisoformat(key.removeprefix(SPOOL)[:19]).replace(tzinfo=UTC)
        except ValueError:
            continue
        return max(0.0, (now - since).total_seconds())
    return 0.0


def empty_spool(bucket: Bucket, inbound: Queue) -> int:
    """Give spooled webhooks to the queue, oldest first; answer how many there were. Raises Unavailable."""
    keys = bucket.list_prefix(SPOOL, _AT_MOST)
    for key in keys:
        try:
            envelope = bucket.get(key, LARGEST_SPOOLED).decode(errors="replace")
            integration_id = Webhook.decode(envelope).integration_id
        except NotFound:
            continue
        except (Unreadable, TooLarge):
            # Nothing of ours; it must not keep those behind it waiting.
            LOG.warning("the spool holds what is no webhook", extra={"key": key})
            continue
        inbound.send(envelope, str(integration_id))
        bucket.delete(key)
    return len(keys)
