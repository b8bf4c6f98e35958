"""Contacts, one by one: read, joined and told apart by a person. The one rule: the id of a contact that was joined to
another one goes on to name the person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from uuid import UUID

from parley.domain.errors import Conflict, DataRefused, NotFound
from parley.domain.principal import Principal
from parley.providers.base import Provider
from parley.store import joining as store
from parley.store.database import Database, Transaction
from parley.store.event_log import append_events
from parley.store.views import View, load_contacts

from .join import join
from .part import part


class SamePerson:
    """Says who is one person, on a caller's word. `wake` tells the pusher."""

    def __init__(self, database: Database, providers: Mapping[str, Provider], wake: Callable[[UUID], None]) -> None:
        self._database = database
        self._providers = providers
        self._wake = wake

    def contact(self, principal: Principal, contact_id: UUID) -> View:
        """A contact as the API shows it. Raises NotFound."""
        with self._database.transaction(principal.tenant_id, viewer=principal.viewer) as tx:
            return _view(tx, contact_id)

    def merge(self, principal: Principal, contact_id: UUID, other_id: UUID) -> View:
        """Join two contacts that a person knows to be the same; answer the one that stays, the older one.

        Raises NotFound, Conflict where both are one, or a message is being sent to each of them.
        """
        if contact_id == other_id:
            raise Conflict("A contact cannot be joined with itself.")
        for id_ in (contact_id, other_id):
            self.contact(principal, id_)

        def work(tx: Transaction) -> View:
            one, other = _lock_both(tx, contact_id, other_id)
            if one == other:
                raise Conflict("These two are one contact already.")
            append_events(tx, join(tx, one, other, {"mergedBy": _who(principal)}))
            return _view(tx, one)

        return self._run(principal, work)

    def unmerge(self, principal: Principal, contact_id: UUID, merge_id: UUID | None = None) -> View:
        """Undo the last join of a contact, or the one that made it another contact's; answer the kept contact.

        Raises NotFound, Conflict where there is nothing to undo, another join must be undone first (`merge_id` names
        one that is not the last), or messages of the last one are still being moved.
        """
        self.contact(principal, contact_id)

        def work(tx: Transaction) -> View:
            kept = _lock(tx, contact_id)
            merge = store.last_merge(tx, kept)
            if merge is None:
                raise Conflict("This contact was not joined with another one.")
            wanted = merge_id or (store.merge_of(tx, contact_id) or {"id": merge.id})["id"]
            if wanted != merge.id:
                raise Conflict("Another join of this contact comes first.", mergeId=str(merge.id))
            store.lock_contacts(tx, [merge.kept_id, merge.merged_id])
            if store.is_moving(tx, kept):
                raise Conflict("Messages of this contact are still being moved; try again in a minute.")
            append_events(tx, part(tx, merge, self._window_of))
            store.finish_merge(tx, merge.id, {"unmergedBy": _who(principal)})
            return _view(tx, kept)

        return self._run(principal, work)

    def _run(self, principal: Principal, work: Callable[[Transaction], View]) -> View:
        try:
            view = self._database.run(principal.tenant_id, work)
        except DataRefused as error:
            if error.constraint != "messages_one_sending":
                raise
            raise Conflict("A message is being sent in both conversations; try again in a moment.") from error
        self._wake(principal.tenant_id)
        return view

    def _window_of(self, provider: str) -> timedelta | None:
        window: timedelta | None = self._providers[provider].capabilities.window
        return window


def _who(principal: Principal) -> dict[str, str]:
    return {"kind": principal.kind, "id": str(principal.id)}


def _lock_both(tx: Transaction, one: UUID, other: UUID) -> tuple[UUID, UUID]:
    """The contacts two ids name now, locked in the order in which everybody locks them. Raises NotFound."""
    while True:
        found = store.lock_contacts(tx, [one, other])
        if len(found) < 2:
            raise NotFound
        now = tuple(found[id_]["merged_into"] or id_ for id_ in (one, other))
        if now == (one, other) or now[0] == now[1]:
            return now[0], now[1]
        one, other = now


def _lock(tx: Transaction, contact_id: UUID) -> UUID:
    """The contact an id names now, locked. Raises NotFound."""
    while True:
        row = store.lock_contacts(tx, [contact_id]).get(contact_id)
        if row is None:
            raise NotFound
        if row["merged_into"] is None:
            return contact_id
        contact_id = row["merged_into"]


def _view(tx: Transaction, contact_id: UUID) -> View:
    now = store.contact_now(tx, contact_id)
    found = load_contacts(tx, [now]) if now else {}
    if not now or now not in found:
        raise NotFound
    return found[now]
