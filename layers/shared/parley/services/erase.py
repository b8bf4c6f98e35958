"""Erase a contact: at once for everybody who looks, and then, piece by piece, from wherever it left a trace. The one
rule: from its first transaction on an erasure is carried to its end, by whoever comes along, and nothing of the person
comes back (suppress.py).

That transaction locks the contact as receiving does. What was received before it goes with the rest; what comes after
it finds the tombstone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from parley.cloud.ports import Bucket, Keep
from parley.domain import events
from parley.domain.errors import Conflict, NotFound, ParleyError
from parley.domain.principal import Principal
from parley.domain.timestamps import rfc3339
from parley.domain.tombstones import Hashing
from parley.store import audit
from parley.store import erasing as store
from parley.store.database import Database, Row, Transaction
from parley.store.erasing import Erasure
from parley.store.event_log import append_events
from parley.store.ids import new_id
from parley.store.joining import contact_now, is_moving
from parley.store.views import View

from . import erase_steps as steps
from . import erase_traces as traces
from .erase_steps import Hands, Step

LOG = logging.getLogger(__name__)
AT_ONCE: Final = timedelta(seconds=8)
"""How long a request erases before it answers."""
A_MINUTE: Final = timedelta(seconds=20)
"""How long one run of the housekeeper erases."""
_AT_MOST: Final = 50
STEPS: Final = (
    Step("tombstone", steps.keep_tombstone),
    Step("threads", steps.delete_threads),
    Step("groups", steps.leave_groups),
    Step("reactions", steps.take_reactions_back),
    Step("contact", steps.delete_contact),
    Step("events", traces.clean_events),
    Step("notices", traces.clean_notices),
    Step("ledger", traces.clean_ledger),
    Step("dead_letters", traces.clean_dead_letters),
    Step("objects", traces.delete_objects),
)


@dataclass(frozen=True, slots=True)
class Whom:
    """A contact to erase. `erasure_id` and `erased_at`: of an erasure that is done again after a restore."""

    contact_id: UUID
    erasure_id: UUID | None = None
    erased_at: Any = None


class Erasing:
    """Erases contacts. `bucket`: where files and large webhooks lie; `tombstones`: where tombstones are kept; `wake`
    tells the pusher; `clock` counts seconds.
    """

    def __init__(
        self,
        database: Database,
        hashing: Callable[[], Hashing],
        bucket: Callable[[], Bucket],
        tombstones: Callable[[], Keep],
        wake: Callable[[UUID], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._hashing = hashing
        self._bucket = bucket
        self._tombstones = tombstones
        self._wake = wake
        self._clock = clock

    def erase(self, by: Principal, contact_id: UUID, correlation_id: UUID) -> View:
        """Erase a contact, as far as that is quickly done; answer how far it has come. Doing it again answers the same.

        Raises NotFound; Conflict while its messages are being moved.
        """

        def work(tx: Transaction) -> UUID | None:
            begun = begin(tx, Whom(contact_id), self._hashing())
            if begun is None:
                return None
            detail = {"contacts": len(begun.contact_ids)}
            audit.record(tx, by, "contact.erased", ("contact", begun.contact_id), detail, correlation_id)
            return begun.id

        erasure_id = self._database.run(by.tenant_id, work)
        if erasure_id is not None:
            self._wake(by.tenant_id)
            until = self._clock() + AT_ONCE.total_seconds()
            try:
                self._go_on(by.tenant_id, erasure_id, until)
            except ParleyError as error:
                # It is erased for everybody who looks; the housekeeper goes on with the rest.
                LOG.info("an erasure waits for the housekeeper", extra={"tenant": by.tenant_id, "code": error.code})
        with self._database.transaction(by.tenant_id) as tx:
            erasure = store.erasure_of(tx, contact_id)
        if erasure is None:
            raise NotFound
        return _view(erasure)

    def carry_on(self) -> int:
        """Go on with erasures that are not over, of all companies; answer how many there were. What kept one back is
        raised once the others had their turn.
        """
        until = self._clock() + A_MINUTE.total_seconds()
        with self._database.unscoped() as tx:
            found = store.find_erasures(tx, _AT_MOST)
        failed: list[ParleyError] = []
        for row in found:
            try:
                self._go_on(row["tenant_id"], row["id"], until)
            except ParleyError as error:
                failed.append(error)
        if failed:
            raise failed[0]
        return len(found)

    def _go_on(self, tenant_id: UUID, erasure_id: UUID, until: float) -> None:
        """Take step after step until it is over, somebody else has it, or time is up."""
        hands = Hands(self._hashing(), self._bucket(), self._tombstones())
        told = False
        while self._database.run(tenant_id, lambda tx: _step(tx, erasure_id, hands)):
            told = True
            if self._clock() > until:
                break
        if told:
            self._wake(tenant_id)


def begin(tx: Transaction, whom: Whom, hashing: Hashing) -> Erasure | None:
    """Make a contact nobody's and leave its tombstone; None: that was done already. Raises NotFound, Conflict."""
    people = _lock(tx, whom.contact_id)
    if people is None:
        return None
    ids = [row["id"] for row in people]
    now = next(row["id"] for row in people if row["merged_into"] is None)
    if is_moving(tx, now):
        raise Conflict("Messages of this contact are still being moved; try again in a minute.")
    conversations = store.lock_conversations(tx, ids)
    addresses = [_address(row) for row in store.aliases(tx, ids)]
    latest = max((row["last_message_at"] for row in conversations if row["last_message_at"]), default=None)
    tenant_id = tx.tenant_id
    if tenant_id is None:
        raise NotFound
    named = [(UUID(one["scope"]), one["kind"], one["value"]) for one in addresses]
    erasure = Erasure(
        id=whom.erasure_id or new_id(),
        contact_id=now,
        contact_ids=ids,
        addresses=addresses,
        hashes=[hashing.mark(tenant_id, one) for one in named],
        step=STEPS[0].name,
        place={},
        erased_at=whom.erased_at or store.moment(tx, latest),
    )
    store.bury(tx, erasure.hashes, erasure.erased_at)
    store.begin(tx, erasure)
    log = [events.conversation_updated(row["id"], None) for row in conversations]
    append_events(tx, [*log, *(events.contact_updated(id_, None) for id_ in ids)])
    return erasure


def _lock(tx: Transaction, contact_id: UUID) -> Sequence[Row] | None:
    """The contact an id names now and all that were joined to it, locked; None where it is erased."""
    while True:
        now = contact_now(tx, contact_id)
        people = store.lock_people(tx, now) if now else []
        if not people:
            if store.erasure_of(tx, contact_id) is None:
                raise NotFound
            return None
        (kept,) = (row for row in people if row["id"] == now)
        if kept["erased_at"] is not None:
            return None
        if kept["merged_into"] is None:
            return people


def _step(tx: Transaction, erasure_id: UUID, hands: Hands) -> bool:
    """Take the next piece of an erasure; whether there is more, and it is for us."""
    erasure = store.lock_erasure(tx, erasure_id)
    if erasure is None:
        return False
    names = [step.name for step in STEPS]
    done = STEPS[names.index(erasure.step)].run(tx, erasure, hands)
    append_events(tx, done.log)
    if done.back_to is not None:
        store.advance(tx, erasure_id, done.back_to, {})
    elif done.place is not None:
        store.advance(tx, erasure_id, erasure.step, done.place)
    elif erasure.step == names[-1]:
        store.finish(tx, erasure_id)
        return False
    else:
        store.advance(tx, erasure_id, names[names.index(erasure.step) + 1], {})
    return True


def _address(row: Row) -> dict[str, Any]:
    return {**row, "scope": str(row["scope"])}


def _view(erasure: Row) -> View:
    finished = erasure["finished_at"]
    return {
        "contactId": str(erasure["contact_id"]),
        "state": "erased" if finished else "erasing",
        "erasedAt": rfc3339(erasure["erased_at"]),
        "finishedAt": rfc3339(finished) if finished else None,
    }
