"""Tell two contacts apart that had been joined. The one rule: each gets back what was its own, and of what came since
then what its own addresses wrote; what nobody can tell stays with the kept one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from parley.domain import events
from parley.domain.events import NewEvent
from parley.store import joining as store
from parley.store.database import Row, Transaction
from parley.store.ids import new_id
from parley.store.joining import Merge, Move
from parley.store.receiving import insert_conversations

from .move_messages import start

Window = Callable[[str], timedelta | None]
"""How long one may answer on a gateway after the customer wrote."""
Read = tuple[datetime | None, str]
"""Up to where a conversation is read: a message's time and the gateway's id."""


@dataclass(slots=True)
class _Parting:
    """What is found out on the way. `moves`: what has to go where. `read`: up to where conversations are read. `made`:
    conversations that came to be. `partner`: of two that had become one, the other one.
    """

    merge: Merge
    conversations: dict[UUID, Row]
    moves: list[Move] = field(default_factory=list)
    read: dict[UUID, Read] = field(default_factory=dict)
    made: list[UUID] = field(default_factory=list)
    partner: dict[UUID, UUID] = field(default_factory=dict)

    def before(self, conversation_id: UUID) -> int | None:
        """The last number a conversation had given away when the contacts were joined, if it was unresolved."""
        found: int | None = self.merge.moved["numbers"].get(str(conversation_id))
        return found

    def is_merged(self, conversation_id: UUID) -> bool:
        """Whether a conversation is the merged contact's now."""
        return str(conversation_id) in self.merge.moved["conversations"]


def part(tx: Transaction, merge: Merge, window_of: Window) -> list[NewEvent]:
    """Undo a join whose contacts are locked and whose messages have all arrived; answer the events."""
    parting = _Parting(merge, store.conversations_of(tx, merge.kept_id, merge.created_at))
    for joined in merge.moved["joined"]:
        _divide(parting, joined)
    store.part_contact(tx, merge)
    for id_ in sorted(parting.partner, key=str):
        _reopen(tx, parting, id_)
    for id_, row in sorted(parting.conversations.items()):
        before = parting.before(id_)
        written = before is not None and row["last_number"] > before
        if (written or row["touched"]) and row["merged_into"] is None:
            _sort_out(tx, parting, row)
    start(tx, merge.id, parting.moves)
    store.give_back_reactions(tx, merge)
    changed = {id_ for move in parting.moves for id_ in (move.from_id, move.into_id)} | set(parting.partner)
    for id_ in sorted(changed):
        store.summarise(tx, id_, _known_read(parting, id_), window_of(store.provider_of(tx, id_)))
    theirs = {id_ for id_ in parting.conversations if parting.is_merged(id_)}
    log = [events.conversation_new(id_, None) for id_ in parting.made]
    log += [events.conversation_updated(id_, None) for id_ in sorted((changed | theirs) - set(parting.made))]
    return [*log, events.contact_updated(merge.kept_id, None), events.contact_updated(merge.merged_id, None)]


def _divide(parting: _Parting, joined: Mapping[str, Any]) -> None:
    """Two conversations that had become one: the younger one's messages go back to their own numbers."""
    kept, closed = UUID(joined["kept"]), UUID(joined["closed"])
    shift, count = joined["shift"], joined["count"]
    parting.moves.append(Move(kept, closed, shift, shift + count, -shift))
    parting.partner |= {kept: closed, closed: kept}
    before = [(datetime.fromisoformat(at) if at else None, key) for at, key in joined["read"]]
    now = _read(parting.conversations[kept])
    untouched = now == max(before, key=_order)
    parting.read[kept] = before[0] if untouched else max(before[0], now, key=_order)
    parting.read[closed] = before[1] if untouched else max(before[1], now, key=_order)


def _reopen(tx: Transaction, parting: _Parting, id_: UUID) -> None:
    row = parting.conversations[id_]
    if row["merged_into"] is not None:
        # The one it went on in is the other contact's, so as long as that one is open nothing else of this one's is.
        status = parting.conversations[parting.partner[id_]]["status"]
        store.reopen_conversation(tx, id_, _LIKE.get(status, "open"), parting.before(id_) or 0)


def _sort_out(tx: Transaction, parting: _Parting, row: Row) -> None:
    """What the other one wrote in this conversation since the join goes to a conversation of the other one."""
    merge, id_ = parting.merge, row["id"]
    above = parting.before(id_)
    if above is None:
        above = store.number_before(tx, id_, merge.created_at)
    foreign = store.written_by(tx, merge, id_, above, of_merged=not parting.is_merged(id_))
    if not foreign:
        return
    target = parting.partner.get(id_) or _find_or_make(tx, parting, row)
    base = store.set_aside(tx, target, len(foreign))
    # From its old numbers no other move takes them: those end where the join did.
    parting.moves.append(Move(id_, target, above, above, base, foreign))
    parting.read[target] = max(_known_read(parting, target), _known_read(parting, id_), key=_order)
    if row["status"] != "resolved" and target not in parting.partner:
        store.open_conversation(tx, target)


def _find_or_make(tx: Transaction, parting: _Parting, row: Row) -> UUID:
    """A conversation of the other contact on the same integration: the unresolved one, else the youngest."""
    wanted = not parting.is_merged(row["id"])
    others = [
        other
        for other in parting.conversations.values()
        if other["integration_id"] == row["integration_id"]
        and parting.is_merged(other["id"]) == wanted
        and (other["merged_into"] is None or other["id"] in parting.partner)
    ]
    if others:
        found: UUID = max(others, key=lambda other: (other["status"] != "resolved", other["id"]))["id"]
        return found
    id_ = new_id()
    owner = parting.merge.merged_id if wanted else parting.merge.kept_id
    made = {"id": id_, "integration_id": row["integration_id"], "contact_id": owner, "group_id": None}
    insert_conversations(tx, [made])
    if row["status"] == "resolved":
        store.reopen_conversation(tx, id_, "resolved", 0)
    parting.made.append(id_)
    if wanted:
        parting.merge.moved["conversations"].append(str(id_))
    parting.conversations[id_] = {**made, "status": row["status"], "merged_into": None, **_UNREAD}
    return id_


_UNREAD: Mapping[str, Any] = {"read_at": None, "read_key": ""}
_LIKE: Mapping[str, str] = {"resolved": "resolved", "pending": "pending"}


def _known_read(parting: _Parting, id_: UUID) -> Read:
    return parting.read.get(id_) or _read(parting.conversations[id_])


def _read(row: Row) -> Read:
    return row["read_at"], row["read_key"]


def _order(read: Read) -> tuple[bool, float, str]:
    at, key = read
    return at is not None, at.timestamp() if at else 0.0, key
