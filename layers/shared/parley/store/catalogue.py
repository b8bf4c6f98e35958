"""The statements of labels and canned replies, which a company keeps for its people to choose from."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from .database import Row, Transaction, jsonb
from .ids import new_id
from .queries import queries

_SQL = queries("catalogue")


def page_of_labels(tx: Transaction, after: str | None, limit: int) -> list[Row]:
    """The next labels after a name."""
    return tx.rows(_SQL["labels"], after=after, limit=limit)


def lock_label(tx: Transaction, label_id: UUID) -> Row | None:
    """Lock and answer a label."""
    return tx.row(_SQL["label"], id=label_id)


def insert_label(tx: Transaction, label_id: UUID, name: str, color: str | None, description: str | None) -> Row | None:
    """Add a label. Raises DataRefused (`labels_name`) where the name is taken."""
    return tx.row(_SQL["insert_label"], id=label_id, name=name, color=color, description=description)


def add_labels(tx: Transaction, names: Collection[str]) -> None:
    """Add the labels that the catalogue has not."""
    if names:
        tx.execute(_SQL["add_labels"], labels=jsonb([{"id": new_id(), "name": name} for name in names]))


def update_label(tx: Transaction, label_id: UUID, name: str, color: str | None, description: str | None) -> Row | None:
    """Set what a label is. Raises DataRefused (`labels_name`) where the name is taken."""
    return tx.row(_SQL["update_label"], id=label_id, name=name, color=color, description=description)


def delete_label(tx: Transaction, label_id: UUID) -> None:
    """Take a label out of the catalogue."""
    tx.execute(_SQL["delete_label"], id=label_id)


def relabel_conversations(tx: Transaction, old: str, new: str | None) -> list[UUID]:
    """Give conversations with the label `old` the label `new` instead, or none; answer which they were."""
    return [row["id"] for row in tx.rows(_SQL["rename_on_conversations"], old=old, new=new)]


def page_of_canned_replies(tx: Transaction, after: str | None, limit: int) -> list[Row]:
    """The next canned replies after a shortcut."""
    return tx.rows(_SQL["canned_replies"], after=after, limit=limit)


def insert_canned_reply(tx: Transaction, id_: UUID, shortcut: str, body: str) -> Row | None:
    """Add a canned reply. Raises DataRefused (`canned_replies_shortcut`) where the shortcut is taken."""
    return tx.row(_SQL["insert_canned_reply"], id=id_, shortcut=shortcut, body=body)


def update_canned_reply(tx: Transaction, id_: UUID, shortcut: str | None, body: str | None) -> Row | None:
    """Set what is given of a canned reply; None if there is no such one. Raises DataRefused as inserting does."""
    return tx.row(_SQL["update_canned_reply"], id=id_, shortcut=shortcut, body=body)


def delete_canned_reply(tx: Transaction, id_: UUID) -> Row | None:
    """Drop a canned reply; answer what it was, None if there is no such one."""
    return tx.row(_SQL["delete_canned_reply"], id=id_)
