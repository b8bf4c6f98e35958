"""Look for messages and contacts. The one rule: whatever is found is read again as the caller, so what they may not see
is not there even if it was found.

Contacts come first, the best fit first. Messages come in pools of the newest that fit, each ranked in itself, so that a
common word costs no more than a rare one; a pool is pinned by its ends while somebody pages through it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from parley.domain.excerpts import excerpt, excerpt_of_pieces, words_of
from parley.domain.principal import Principal
from parley.store import search as store
from parley.store.database import Database, Transaction
from parley.store.search import Found, Place, Search
from parley.store.views import View, load_contacts, load_messages

from .read_inbox import Page

POOL: Final = 400
__all__ = ["Place", "Position", "Search", "Searching"]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a list of what was found goes on: after a contact; or, with a pool (its newest and oldest place), after a
    message of it. Without an id: before the first message.
    """

    score: int = 0
    id: UUID | None = None
    pool: tuple[Place, Place] | None = None
    in_messages: bool = False


class Searching:
    """Looks for what people wrote and who they are."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def search(
        self, by: Principal, wanted: Search, after: Position | None, limit: int, *, messages: bool, contacts: bool
    ) -> Page[Position]:
        """What fits, `limit` of it after a position."""
        with self._database.transaction(by.tenant_id, viewer=by.viewer) as tx:
            positions: list[Position] = []
            if contacts and not (after and after.in_messages):
                last = (after.score, after.id) if after and after.id else None
                rows = store.best_contacts(tx, wanted, last, limit + 1)
                positions = [Position(score, id_) for score, id_ in rows]
            if messages and len(positions) <= limit:
                start = after if after and after.in_messages else None
                walk = _messages(tx, wanted, start)
                positions += [found for found, _ in zip(walk, range(limit + 1 - len(positions)), strict=False)]
            shown = positions[:limit]
            items = _shown(tx, wanted.text, shown)
        return Page(items, shown[-1] if len(positions) > limit else None)


def _messages(tx: Transaction, wanted: Search, after: Position | None) -> Iterator[Position]:
    """The messages that fit after a position, pool by pool."""
    below: Place | None = None
    if after and after.pool:
        newest, below = after.pool
        found = store.messages_between(tx, wanted, newest, below, 2 * POOL)
        place = next((one.place for one in found if one.place.id == after.id), None)
        yield from _ranked(found, after.pool, after, place)
    while True:
        found = store.newest_messages(tx, wanted, below, POOL)
        if not found:
            return
        pool = found[0].place, found[-1].place
        yield from _ranked(found, pool, None, None)
        if len(found) < POOL:
            return
        below = pool[1]


def _ranked(
    found: list[Found], pool: tuple[Place, Place], after: Position | None, place: Place | None
) -> Iterator[Position]:
    """A pool, the best first and then the newest, after a position in it."""
    for one in sorted(found, key=lambda each: each.rank, reverse=True):
        if after is None or one.score < after.score or (one.score == after.score and _later(one, after, place)):
            yield Position(one.score, one.place.id, pool, in_messages=True)


def _later(one: Found, after: Position, place: Place | None) -> bool:
    # The one that was shown last may be gone by now: its equals then come once more rather than not at all.
    return one.place < place if place else one.place.id != after.id


def _shown(tx: Transaction, text: str, positions: list[Position]) -> list[View]:
    messages = load_messages(tx, [at.id for at in positions if at.id and at.in_messages])
    contacts = load_contacts(tx, [at.id for at in positions if at.id and not at.in_messages])
    hits = store.hits(tx, text, words_of(view["text"] for view in messages.values() if view["text"]))
    shown: list[View] = []
    for at in positions:
        view = (messages if at.in_messages else contacts).get(at.id) if at.id else None
        if view is None or view.get("deleted"):
            continue
        part = excerpt(view["text"] or "", hits) if at.in_messages else _why(view, text)
        kind = "message" if at.in_messages else "contact"
        shown.append(
            {"type": kind, "score": at.score, "excerpt": part, "message": None, "contact": None} | {kind: view}
        )
    return shown


def _why(contact: View, text: str) -> list[View]:
    """What of a contact fits: its name, else one of its addresses, else what was noted."""
    pieces = text.replace('"', " ").split()
    digits = "".join(letter for letter in text if letter.isdecimal())
    noted = [str(value) for value in contact["attributes"].values() if isinstance(value, str | int | float)]
    for shown in (contact["name"], *(alias["value"] for alias in contact["aliases"]), *noted):
        parts = excerpt_of_pieces(shown or "", [*pieces, digits] if digits else pieces)
        if any(part["hit"] for part in parts):
            return parts
    return excerpt_of_pieces(contact["name"] or "", [])
