"""Keep what a company's people choose from: labels and canned replies. The one rule: a name means one thing, so a label
that is renamed or dropped is so on every conversation, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from parley.domain import events
from parley.domain.errors import Conflict, DataRefused, NotFound
from parley.domain.events import NewEvent
from parley.domain.principal import Principal
from parley.store import catalogue as store
from parley.store.database import Database, Row, Transaction
from parley.store.event_log import append_events
from parley.store.ids import new_id
from parley.store.views import View, timestamp

from .read_inbox import Page

Result = TypeVar("Result")
MOST_IDS: Final = 500
"""In one event: more than that is told in several."""
_TAKEN: Final = {
    "labels_name": "There is a label of this name.",
    "canned_replies_shortcut": "There is a canned reply under this shortcut.",
}


class Catalogue:
    """The labels and canned replies of each tenant."""

    def __init__(self, database: Database, wake: Callable[[UUID], None]) -> None:
        self._database = database
        self._wake = wake

    def labels(self, by: Principal, after: str | None, limit: int) -> Page[str]:
        """The next labels after a name."""
        with self._database.transaction(by.tenant_id, viewer=by.viewer) as tx:
            rows = store.page_of_labels(tx, after, limit + 1)
        following = rows[limit - 1]["name"] if len(rows) > limit else None
        return Page([_label(row) for row in rows[:limit]], following)

    def add_label(self, by: Principal, label: Mapping[str, Any], correlation_id: UUID) -> View:
        """Add a label (`name`, `color`, `description`). Raises Conflict where the name is taken."""

        def work(tx: Transaction) -> View:
            row = store.insert_label(tx, new_id(), label["name"], label.get("color"), label.get("description"))
            return _told(tx, "label", "created", _label(_there(row)), correlation_id)

        return self._run(by, work)

    def change_label(self, by: Principal, label_id: UUID, asked: Mapping[str, Any], correlation_id: UUID) -> View:
        """Change what is asked of a label, and its name where conversations have it. Raises NotFound, Conflict."""

        def work(tx: Transaction) -> View:
            old = _there(store.lock_label(tx, label_id))
            tx.widen()  # a label is the whole company's
            new = {**old, **asked}
            row = store.update_label(tx, label_id, new["name"], new["color"], new["description"])
            if new["name"] != old["name"]:
                touched = store.relabel_conversations(tx, old["name"], new["name"])
                append_events(tx, _bulk(touched, old["name"], new["name"], correlation_id))
            return _told(tx, "label", "updated", _label(_there(row)), correlation_id)

        return self._run(by, work)

    def drop_label(self, by: Principal, label_id: UUID, correlation_id: UUID) -> View:
        """Take a label out of the catalogue and off every conversation; answer what it was. Raises NotFound."""

        def work(tx: Transaction) -> View:
            old = _there(store.lock_label(tx, label_id))
            tx.widen()  # a label is the whole company's
            store.delete_label(tx, label_id)
            touched = store.relabel_conversations(tx, old["name"], None)
            append_events(tx, _bulk(touched, old["name"], None, correlation_id))
            return _told(tx, "label", "deleted", _label(old), correlation_id)

        return self._run(by, work)

    def canned_replies(self, by: Principal, after: str | None, limit: int) -> Page[str]:
        """The next canned replies after a shortcut."""
        with self._database.transaction(by.tenant_id, viewer=by.viewer) as tx:
            rows = store.page_of_canned_replies(tx, after, limit + 1)
        following = rows[limit - 1]["shortcut"] if len(rows) > limit else None
        return Page([_canned_reply(row) for row in rows[:limit]], following)

    def add_canned_reply(self, by: Principal, shortcut: str, text: str, correlation_id: UUID) -> View:
        """Add a canned reply. Raises Conflict where the shortcut is taken."""

        def work(tx: Transaction) -> View:
            row = store.insert_canned_reply(tx, new_id(), shortcut, text)
            return _told(tx, "cannedReply", "created", _canned_reply(_there(row)), correlation_id)

        return self._run(by, work)

    def change_canned_reply(
        self, by: Principal, id_: UUID, shortcut: str | None, text: str | None, correlation_id: UUID
    ) -> View:
        """Change what is given of a canned reply. Raises NotFound, Conflict."""

        def work(tx: Transaction) -> View:
            row = store.update_canned_reply(tx, id_, shortcut, text)
            return _told(tx, "cannedReply", "updated", _canned_reply(_there(row)), correlation_id)

        return self._run(by, work)

    def drop_canned_reply(self, by: Principal, id_: UUID, correlation_id: UUID) -> View:
        """Drop a canned reply; answer what it was. Raises NotFound."""

        def work(tx: Transaction) -> View:
            row = store.delete_canned_reply(tx, id_)
            return _told(tx, "cannedReply", "deleted", _canned_reply(_there(row)), correlation_id)

        return self._run(by, work)

    def _run(self, by: Principal, work: Callable[[Transaction], Result]) -> Result:
        try:
            result = self._database.run(by.tenant_id, work, viewer=by.viewer)
        except DataRefused as error:
            if error.constraint not in _TAKEN:
                raise
            raise Conflict(_TAKEN[error.constraint]) from error
        self._wake(by.tenant_id)
        return result


def _there(row: Row | None) -> Row:
    if row is None:
        raise NotFound
    return row


def _told(tx: Transaction, kind: str, action: str, view: View, correlation_id: UUID) -> View:
    append_events(tx, [events.bulk_updated(kind, {"action": action}, [UUID(view["id"])], correlation_id)])
    return view


def _bulk(touched: Sequence[UUID], old: str, new: str | None, correlation_id: UUID) -> list[NewEvent]:
    change = {"labels": {"added": [new] if new else [], "removed": [old]}}
    parts = (touched[at : at + MOST_IDS] for at in range(0, len(touched), MOST_IDS))
    return [events.bulk_updated("conversation", change, part, correlation_id) for part in parts]


def _label(row: Row) -> View:
    return {
        "id": str(row["id"]),
        "name": row["name"],
        "color": row["color"],
        "description": row["description"],
        "createdAt": timestamp(row["created_at"]),
        "updatedAt": timestamp(row["updated_at"]),
        "version": row["version"],
    }


def _canned_reply(row: Row) -> View:
    return {
        "id": str(row["id"]),
        "shortcut": row["shortcut"],
        "text": row["body"],
        "createdAt": timestamp(row["created_at"]),
        "updatedAt": timestamp(row["updated_at"]),
        "version": row["version"],
    }
