"""Move messages from one conversation to another after two contacts became one, or two again: few at once, many in
steps. The one rule: a step is a transaction of its own that holds no conversation, and whoever takes the next one may
be another process.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from uuid import UUID

from parley.domain import events
from parley.domain.errors import DataRefused, Unavailable
from parley.store import joining as store
from parley.store.database import Database, Row, Transaction
from parley.store.event_log import append_events
from parley.store.ids import new_id
from parley.store.joining import Move

LOG = logging.getLogger(__name__)
AT_ONCE = 1000
"""What a join moves by itself; more is moved in steps."""
STEP = 500
_STEPS = 20
_AT_MOST = 50


def start(tx: Transaction, merge_id: UUID, moves: Sequence[Move]) -> None:
    """Write moves down, and make them at once if all together are few."""
    ids = [new_id() for _ in moves]
    for move_id, move in zip(ids, moves, strict=True):
        store.insert_move(tx, move_id, merge_id, move)
    if sum(move.size for move in moves) <= AT_ONCE:
        for move_id in ids:
            _move(tx, move_id, AT_ONCE + 1)  # who starts it tells of the conversations


def carry_on(database: Database, steps: int = _STEPS) -> int:
    """Take the next steps of moves that are not over; answer how many were taken. What is in the way now, is not the
    next time.
    """
    with database.unscoped() as tx:
        found = store.find_moves(tx, _AT_MOST)
    taken = 0
    for row in found:
        going_on = True
        while going_on and taken < steps:
            going_on = _step(database, row["tenant_id"], row["id"])
            taken += 1
    return taken


def _step(database: Database, tenant_id: UUID, move_id: UUID) -> bool:
    """One step of one move; whether there is another one."""
    try:
        return database.run(tenant_id, lambda tx: _move_and_tell(tx, move_id))
    except (DataRefused, Unavailable) as error:
        # One message is being sent in each of the two conversations, or they are in use.
        LOG.info("messages wait to be moved", extra={"tenant_id": tenant_id, "move_id": move_id, "code": error.code})
        return False


def _move_and_tell(tx: Transaction, move_id: UUID) -> bool:
    move, going_on = _move(tx, move_id, STEP)
    if move is not None and not going_on:
        append_events(tx, [events.conversation_updated(move[which], None) for which in ("from_id", "into_id")])
    return going_on


def _move(tx: Transaction, move_id: UUID, at_most: int) -> tuple[Row | None, bool]:
    """The move of which some was made, and whether there is more of it."""
    move = store.lock_move(tx, move_id)
    if move is None or move["blocked"]:
        return None, False
    if store.move_some(tx, move, at_most) == at_most:
        return move, True
    store.finish_move(tx, move)
    return move, False
