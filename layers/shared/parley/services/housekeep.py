"""The net under the hints: finds what a lost hint, a dead worker or a failed queue left behind. The one rule: each step
is bounded, harmless to repeat and harmless when two run at once.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from parley.cloud.ports import Bucket, Queue
from parley.domain.errors import NotFound, ParleyError, TooLarge, Unreadable
from parley.domain.metrics import Meter, unmeasured
from parley.domain.webhook import Webhook
from parley.store import attachments
from parley.store import housekeeping as store
from parley.store.database import Database
from parley.store.presence import find_due

from .accept import SPOOL
from .farewell import Reason
from .fetch_media import PendingFile
from .fetch_media import hint as hint_media
from .hints import hint
from .move_messages import carry_on
from .notice import LOST_AFTER

LOG = logging.getLogger("parley.housekeep")

LARGEST_SPOOLED = 8 * 1024 * 1024
_LAGGING_AFTER = timedelta(seconds=2)
_UNUSED_AFTER = timedelta(days=1)
_AT_MOST = 500


@dataclass(frozen=True, slots=True)
class Swept:
    """How much each step found."""

    hinted: int
    unspooled: int
    disconnected: int
    pushed: int
    media: int
    unused: int
    present: int
    tended: int
    moved: int


def nobody_there(*_: object) -> None:
    """Tell nobody, where nobody listens."""


class Housekeeper:
    """`silent_for`: a connection unheard for so long is dead. `stuck_for`: a message queued or claimed for so long has
    lost its hint or its sender. `dismiss` closes a connection with a reason; `announce` tells a company who is here.
    """

    def __init__(
        self,
        database: Database,
        *,
        inbound: Queue,
        outbound: Queue,
        media: Queue,
        bucket: Bucket,
        wake: Callable[[UUID], None],
        silent_for: timedelta,
        stuck_for: timedelta,
        dismiss: Callable[[str, Reason], object] = nobody_there,
        announce: Callable[[UUID], object] = nobody_there,
        meter: Meter = unmeasured,
        tend: Callable[[], int] = int,
    ) -> None:
        self._database = database
        self._inbound = inbound
        self._outbound = outbound
        self._media = media
        self._bucket = bucket
        self._wake = wake
        self._silent_for = silent_for
        self._stuck_for = stuck_for
        self._dismiss = dismiss
        self._announce = announce
        self._meter = meter
        self._tend = tend

    def sweep(self) -> Swept:
        """Run every step once. Raises what kept one from running, after the others ran; the next minute tries again."""
        found: list[int] = []
        failed: list[ParleyError] = []
        steps = (
            self._tidy,
            self._hint_stuck,
            self._empty_spool,
            self._drop_silent,
            self._push_lagging,
            self._hint_media,
            self._drop_unused,
            self._look_at_presence,
            self._tend_inbox,
            self._move_messages,
        )
        for step in steps:
            try:
                found.append(step())
            except ParleyError as error:
                # A bucket that is away must not keep listeners and senders waiting.
                failed.append(error)
        if failed:
            raise failed[0]
        return Swept(*found[1:])

    def _tidy(self) -> int:
        with self._database.unscoped() as tx:
            store.make_partitions(tx)
            store.forget_pacing(tx)
            store.forget_signals(tx)
            connections = store.count_open_connections(tx)
        self._meter("realtime.connections", connections)
        return 0

    def _hint_stuck(self) -> int:
        with self._database.unscoped() as tx:
            stuck = store.find_stuck_sends(tx, self._stuck_for, _AT_MOST)
        for row in stuck:
            hint(self._outbound, row["tenant_id"], row["conversation_id"], row["integration_id"])
        return len(stuck)

    def _empty_spool(self) -> int:
        """Give spooled webhooks to the queue, oldest first; an object goes only once the queue confirmed."""
        keys = self._bucket.list_prefix(SPOOL, _AT_MOST)
        for key in keys:
            try:
                envelope = self._bucket.get(key, LARGEST_SPOOLED).decode(errors="replace")
                integration_id = Webhook.decode(envelope).integration_id
            except NotFound:
                continue
            except (Unreadable, TooLarge):
                # Nothing of ours; it must not keep those behind it waiting.
                LOG.warning("the spool holds what is no webhook", extra={"key": key})
                continue
            self._inbound.send(envelope, str(integration_id))
            self._bucket.delete(key)
        return len(keys)

    def _drop_silent(self) -> int:
        """Forget connections unheard for too long; should somebody be there after all, they hear that they must come
        again.
        """
        with self._database.unscoped() as tx:
            silent = store.find_silent_connections(tx, self._silent_for)
        by_tenant: dict[UUID, list[str]] = defaultdict(list)
        for row in silent:
            by_tenant[row["tenant_id"]].append(row["id"])
        for tenant_id, ids in by_tenant.items():
            with self._database.transaction(tenant_id) as tx:
                dropped = store.delete_silent_connections(tx, ids, self._silent_for)
                store.delete_expired_tickets(tx)
            for row in dropped:
                self._dismiss(row["id"], "revoked" if row["revoked"] else "unknown_connection")
            if dropped:
                self._announce(tenant_id)
        return len(silent)

    def _tend_inbox(self) -> int:
        """Snoozes, messages for later, counters and assignments (tend.py)."""
        return self._tend()

    def _look_at_presence(self) -> int:
        """Tell changes of presence whose hint was lost."""
        with self._database.unscoped() as tx:
            due = find_due(tx, LOST_AFTER)
        for tenant_id in due:
            self._announce(tenant_id)
        return len(due)

    def _push_lagging(self) -> int:
        with self._database.unscoped() as tx:
            lagging = store.find_lagging_tenants(tx, _LAGGING_AFTER)
        for tenant_id in lagging:
            self._wake(tenant_id)
        return len(lagging)

    def _hint_media(self) -> int:
        """Hint at files that are due and that nobody fetches."""
        with self._database.unscoped() as tx:
            stuck = attachments.find_stuck(tx, self._stuck_for, _AT_MOST)
        for row in stuck:
            hint_media(self._media, PendingFile(row["tenant_id"], row["integration_id"], row["attachment_id"]))
        return len(stuck)

    def _move_messages(self) -> int:
        """Go on with joins of contacts that wrote much."""
        return carry_on(self._database)

    def _drop_unused(self) -> int:
        """Forget uploads that no message took; their objects in the bucket go by the bucket's own rule."""
        with self._database.unscoped() as tx:
            unused = attachments.find_unused(tx, _UNUSED_AFTER, _AT_MOST)
        by_tenant: dict[UUID, list[UUID]] = defaultdict(list)
        for row in unused:
            by_tenant[row["tenant_id"]].append(row["attachment_id"])
        for tenant_id, ids in by_tenant.items():
            with self._database.transaction(tenant_id) as tx:
                attachments.delete_unused(tx, ids)
        return len(unused)
