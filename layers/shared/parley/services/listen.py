"""Listen on the socket: what each signal of `parley.v1` does. The one rule: a change of what is listened to is
committed before the log's head is read, so that no event falls between the two.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from parley.domain.audience import UnknownTopic, conversation_of, resolve_topics
from parley.domain.batches import FRAME_BYTES, Batch, dumps, fitting
from parley.domain.cursor import Cursor, epoch_of
from parley.domain.errors import Conflict, Forbidden, InvalidRequest, NotFound, RateLimited
from parley.domain.metrics import Meter, unmeasured
from parley.domain.signals import Bye, Hello, Ping, Renew, Signal, Subscribe, Sync, Typing, Unsubscribe
from parley.domain.terms import Terms, milliseconds
from parley.store import connections as seats
from parley.store import presence as turns
from parley.store.connections import Position, Seat
from parley.store.database import Database, Transaction
from parley.store.event_log import READ_LIMIT, Stream, number_events, read_stream
from parley.store.views import timestamp

from . import tickets
from .catch_up import visible
from .connect import forget
from .farewell import Dismissed
from .notice import Notices
from .presence import fitting_people, who_is_here
from .show_typing import Typists

TOO_FAR = 2000
"""A client further behind than this is quicker with the snapshot."""
MOST_TOPICS = 200
PRESENCE_BYTES = 16_000
ENVELOPE_BYTES = 1_000
"""What an answer holds beside its events, generously; the signal's id is among it."""

Answer = dict[str, Any]
Refusal = Literal["no_cursor", "epoch", "too_old", "too_far"]


class Listening:
    """Answers signals. `clock` is the wall clock, for what clients are told."""

    def __init__(
        self,
        database: Database,
        terms: Terms,
        clock: Callable[[], datetime],
        typists: Typists,
        notices: Notices,
        meter: Meter = unmeasured,
    ) -> None:
        self._database = database
        self._terms = terms
        self._clock = clock
        self._typists = typists
        self._notices = notices
        self._meter = meter

    def answer(self, connection_id: str, signal: Signal) -> Answer | None:
        """Do what a signal asks; answer the frame that goes back, but for the signal's id, or None.

        Raises Dismissed (say bye and close) and other ParleyErrors (an `error` frame).
        """
        seat = self._sit(connection_id, signal)
        answer: Answer | None = None
        match signal:
            case Hello():
                answer = self._hello(seat, signal)
            case Subscribe():
                answer = self._subscribe(seat, signal)
            case Unsubscribe():
                answer = self._unsubscribe(seat, signal)
            case Ping():
                answer = self._pong(seat)
            case Sync():
                answer = self._sync(seat, signal)
            case Renew():
                answer = self._renew(seat, signal)
            case Typing():
                self._typing(seat, signal)
            case Bye():
                forget(self._database, seat.id)
        if seat.stirred or isinstance(signal, Hello | Subscribe | Unsubscribe | Bye):
            self._notices.presence_changed(seat.tenant_id)
        return answer

    def _sit(self, connection_id: str, signal: Signal) -> Seat:
        """Find the connection a frame came from, and note that it lives."""
        with self._database.unscoped() as tx:
            owner = seats.find_connection(tx, connection_id)
        if owner is None:
            raise Dismissed("unknown_connection")
        visible_now, idle_ms = (signal.visible, signal.idle_ms) if isinstance(signal, Ping) else (None, None)
        with self._database.transaction(owner[0]) as tx:
            seat = seats.touch(tx, connection_id, visible_now, idle_ms, self._terms.idle)
            wait = turns.take_turn(tx, f"frames:{owner[1]}", self._terms.frames)
        if seat is None:
            raise Dismissed("unknown_connection")
        if seat.ending and not (seat.ending == "expired" and isinstance(signal, Renew)):
            forget(self._database, seat.id)
            self._notices.presence_changed(seat.tenant_id)
            raise Dismissed(seat.ending)
        if wait:
            raise RateLimited("You say too much at once.", retry_after_ms=_milliseconds(wait))
        return seat

    def _hello(self, seat: Seat, hello: Hello) -> Answer:
        cursor = None if hello.cursor is None else Cursor.parse(hello.cursor)
        if cursor is not None:
            self._meter("realtime.reconnects", 1)
        topics = resolve_topics(hello.topics, seat.user_id)
        with self._database.transaction(seat.tenant_id, viewer=seat.user_id) as tx:
            _require_known(tx, topics)
            stream = read_stream(tx)
            start = _start(cursor, stream, seat.rights_version)
            hellos = seats.activate(tx, seat.id, start, topics, hello.tab, visible=hello.visible)
        # Committed: from here on the pusher sees this connection, so nothing falls between it and what is read now.
        number_events(self._database, seat.tenant_id)
        with self._database.transaction(seat.tenant_id, repeatable_read=True) as tx:
            stream = read_stream(tx)
            refusal = _refuse(cursor, stream, seat.rights_version)
            start = _start(cursor, stream, seat.rights_version)
            batch = Batch(start, start, ()) if refusal else self._heard(tx, seat, start, stream)
            here = fitting_people(who_is_here(tx, self._terms), PRESENCE_BYTES)
        welcome = self._welcome(seat, stream, refusal, here)
        room = FRAME_BYTES - ENVELOPE_BYTES - len(dumps(welcome).encode())
        batch = fitting(batch.start, batch.end, batch.events, room)
        welcome |= _range(batch, stream)
        position = Position(seat.id, hellos, sent_seq=batch.end, eval_seq=batch.end)
        self._database.run(seat.tenant_id, lambda tx: seats.raise_positions(tx, [position]))
        return welcome

    def _welcome(self, seat: Seat, stream: Stream, refusal: Refusal | None, here: list[Answer]) -> Answer:
        return {
            "type": "welcome",
            "connectionId": seat.id,
            "epoch": epoch_of(stream.epoch, seat.rights_version),
            "recovered": refusal is None,
            **({"reason": refusal} if refusal else {}),
            "presence": here,
            "heartbeatMs": milliseconds(self._terms.heartbeat),
            "maxAgeMs": milliseconds(self._terms.max_age),
            "expiresAt": timestamp(seat.expires_at),
            "now": timestamp(self._clock()),
        }

    def _subscribe(self, seat: Seat, wish: Subscribe) -> Answer:
        _require_active(seat)
        topics = resolve_topics(wish.topics, seat.user_id)
        with self._database.transaction(seat.tenant_id, viewer=seat.user_id) as tx:
            _require_known(tx, topics)
            if seats.add_topics(tx, seat.id, topics) > MOST_TOPICS:
                raise InvalidRequest(f"A connection listens to {MOST_TOPICS} topics at most.")
        return self._at_head(seat)

    def _unsubscribe(self, seat: Seat, wish: Unsubscribe) -> Answer:
        _require_active(seat)
        topics = resolve_topics(wish.topics, seat.user_id)
        with self._database.transaction(seat.tenant_id) as tx:
            seats.drop_topics(tx, seat.id, topics)
        return self._at_head(seat)

    def _at_head(self, seat: Seat) -> Answer:
        """What was asked is committed; only now is the head read."""
        with self._database.transaction(seat.tenant_id) as tx:
            return {"type": "ok", "at": read_stream(tx).last}

    def _pong(self, seat: Seat) -> Answer:
        """The range in which there was nothing to tell since the last frame: a client that is not at its beginning has
        missed that frame.
        """
        end = max(seat.sent_seq, seat.eval_seq)
        return {"type": "pong", "from": seat.sent_seq, "to": end, "now": timestamp(self._clock())}

    def _sync(self, seat: Seat, sync: Sync) -> Answer:
        _require_active(seat)
        number_events(self._database, seat.tenant_id)
        with self._database.transaction(seat.tenant_id, repeatable_read=True) as tx:
            stream = read_stream(tx)
            if not stream.reaches(sync.start):
                raise NotFound("The log does not hold what comes after that: take the snapshot.")
            batch = self._heard(tx, seat, sync.start, stream, sync.limit)
        batch = fitting(batch.start, batch.end, batch.events, FRAME_BYTES - ENVELOPE_BYTES)
        return {"type": "batch", **_range(batch, stream)}

    def _renew(self, seat: Seat, wish: Renew) -> Answer:
        principal = tickets.consume(self._database, wish.ticket)
        if (principal.tenant_id, principal.id) != (seat.tenant_id, seat.user_id):
            raise Forbidden("This ticket is somebody else's.")
        with self._database.transaction(seat.tenant_id) as tx:
            expires_at = seats.renew(tx, seat.id, self._terms.session, principal.until)
        return {"type": "ok", "expiresAt": timestamp(expires_at)}

    def _typing(self, seat: Seat, typing: Typing) -> None:
        """Others hear of it; the one who types hears nothing, unless something is wrong."""
        _require_active(seat)
        try:
            conversation_id = UUID(typing.conversation_id)
        except ValueError as error:
            raise InvalidRequest("`conversationId` is no id.") from error
        with self._database.transaction(seat.tenant_id) as tx:
            wait = turns.take_turn(tx, f"typing:{seat.user_id}", self._terms.typing)
        if wait:
            raise RateLimited("You tell of typing too often.", retry_after_ms=_milliseconds(wait))
        by = {"kind": "user", "id": str(seat.user_id), "name": seat.name}
        news = self._typists.colleague(
            seat.tenant_id, by, conversation_id, on=typing.on, viewer=seat.user_id, connection_id=seat.id
        )
        if news:
            self._typists.pass_on(seat.tenant_id, conversation_id, on=typing.on)

    @staticmethod
    def _heard(tx: Transaction, seat: Seat, above: int, stream: Stream, limit: int = READ_LIMIT) -> Batch:
        """What this connection hears above a position, by its topics and rights in this snapshot."""
        found = seats.listener(tx, seat.id)
        if found is None:
            raise Dismissed("unknown_connection")
        listener, ending = found
        if ending:
            raise Dismissed(ending)
        return visible(tx, listener, above, stream.last, limit)


def _start(cursor: Cursor | None, stream: Stream, rights_version: int) -> int:
    """Where a connection goes on: at its cursor, or at the head if that is refused."""
    return stream.last if cursor is None or _refuse(cursor, stream, rights_version) else cursor.seq


def _refuse(cursor: Cursor | None, stream: Stream, rights_version: int) -> Refusal | None:
    """Why a client cannot go on from its cursor, if so: it takes the snapshot instead, never a part of the events."""
    if cursor is None:
        return "no_cursor"
    if cursor.epoch != epoch_of(stream.epoch, rights_version) or cursor.seq > stream.last:
        return "epoch"
    if not stream.reaches(cursor.seq):
        return "too_old"
    return "too_far" if stream.last - cursor.seq > TOO_FAR else None


def _range(batch: Batch, stream: Stream) -> Answer:
    return {
        "from": batch.start,
        "to": batch.end,
        "events": [event.body for event in batch.events],
        "more": batch.end < stream.last,
    }


def _milliseconds(seconds: float) -> int:
    return math.ceil(seconds * 1000)


def _require_active(seat: Seat) -> None:
    if not seat.active:
        raise Conflict("Say hello first.")


def _require_known(tx: Transaction, topics: Collection[str]) -> None:
    """Raise UnknownTopic naming the first topic whose conversation the transaction's viewer cannot see."""
    wanted = {topic: id_ for topic in topics if (id_ := conversation_of(topic))}
    known = seats.known_conversations(tx, list(wanted.values()))
    for topic, id_ in wanted.items():
        if id_ not in known:
            raise UnknownTopic(topic=topic)
