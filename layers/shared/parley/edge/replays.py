"""Replays' hints on the queue of webhooks. The one rule: what is no hint is left to be read as a webhook."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from logging import Logger
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from parley.domain.errors import ParleyError

if TYPE_CHECKING:
    from parley.services.process import Processed
    from parley.services.replay import Replaying

Record: TypeAlias = Mapping[str, Any]
Hint: TypeAlias = tuple[Record, UUID, UUID]
"""A record, and the tenant and the replay that it hints at."""


def split_replays(records: Iterable[Record]) -> tuple[list[Hint], list[Record]]:
    """The hints among records, and the other records."""
    hints, others = [], []
    for record in records:
        named = _named(record)
        if named is None:
            others.append(record)
        else:
            hints.append((record, *named))
    return hints, others


def go_on_replaying(
    hints: Sequence[Hint],
    replaying: Callable[[], Replaying],
    follow_up: Callable[[Processed], None],
    put_off: Callable[..., None],
    log: Logger,
) -> list[Record]:
    """Go on with each of these replays by a page; answer the records that must come again. `put_off`: with the record,
    the error and ids.
    """
    failed: list[Record] = []
    for record, tenant_id, replay_id in hints:
        ids = {"tenant_id": tenant_id, "replay_id": replay_id}
        try:
            for done in replaying().go_on(tenant_id, replay_id):
                follow_up(done)
                log.info("webhooks replayed", extra={**ids, "webhooks": len(done.entries), "parked": done.parked})
        except ParleyError as error:
            failed.append(record)
            put_off(record, error, **ids)
    return failed


def _named(record: Record) -> tuple[UUID, UUID] | None:
    # As hint() writes it. Every webhook comes by here, and a large one is not to be parsed twice.
    if not record["body"].startswith('{"replay"'):
        return None
    try:
        hint = json.loads(record["body"])["replay"]
        return UUID(hint["tenantId"]), UUID(hint["replayId"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
