"""The statements of receiving: each takes a whole batch, with its keys sorted, so that two workers lock alike."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from .database import Row, Transaction, jsonb
from .queries import queries

_SQL = queries("receiving")

AliasKey = tuple[UUID, str, str]
"""(scope, kind, canonical value)"""

ProviderKey = tuple[UUID, str]
"""(integration, the gateway's message id)"""


def find_aliases(tx: Transaction, keys: Iterable[AliasKey]) -> dict[AliasKey, Row]:
    """The contacts these addresses belong to (contact_id, name, name_at), locked; unknown addresses are absent."""
    wanted = [{"scope": scope, "kind": kind, "value": value} for scope, kind, value in sorted(keys)]
    rows = tx.rows(_SQL["find_aliases"], aliases=jsonb(wanted)) if wanted else []
    return {(row["scope"], row["kind"], row["value"]): row for row in rows}


def insert_contacts(tx: Transaction, aliases: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """Create contacts by their first address; answer which of them came to be."""
    return {row["id"] for row in tx.rows(_SQL["insert_contacts"], aliases=jsonb(list(aliases)))} if aliases else set()


def insert_aliases(tx: Transaction, aliases: Sequence[Mapping[str, Any]]) -> int:
    """Add addresses to contacts; one that exists stays whose it is. Answer how many were added."""
    return tx.execute(_SQL["insert_aliases"], aliases=jsonb(list(aliases))) if aliases else 0


def rename_contacts(tx: Transaction, names: Sequence[Mapping[str, Any]]) -> None:
    """Set the names the gateways told last."""
    if names:
        tx.execute(_SQL["rename_contacts"], names=jsonb(list(names)))


def find_messages(tx: Transaction, keys: Collection[ProviderKey]) -> dict[ProviderKey, Row]:
    """What is known of messages: `id` (None: not stored), `placeholder`, and whether they were `revised`."""
    rows = tx.rows(_SQL["find_messages"], wanted=jsonb(_named(keys))) if keys else []
    return {_key(row): row for row in rows}


def lock_groups(tx: Transaction, groups: Sequence[Mapping[str, Any]]) -> dict[tuple[UUID, str], UUID]:
    """Find, create and lock groups by (integration, address); the latest told name wins."""
    rows = tx.rows(_SQL["lock_groups"], groups=jsonb(list(groups))) if groups else []
    return {(row["integration_id"], row["address"]): row["id"] for row in rows}


def lock_conversations(tx: Transaction, wanted: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Row]:
    """Lock the conversation of each (integration, contact or group): the unresolved one, else the last resolved."""
    pairs = [{"integration_id": integration, "owner_id": owner} for integration, owner in sorted(set(wanted))]
    rows = tx.rows(_SQL["lock_conversations"], wanted=jsonb(pairs)) if pairs else []
    return {(row["integration_id"], row["owner_id"]): row for row in rows}


def insert_conversations(tx: Transaction, conversations: Sequence[Mapping[str, Any]]) -> None:
    """Create conversations."""
    if conversations:
        tx.execute(_SQL["insert_conversations"], conversations=jsonb(list(conversations)))


def insert_messages(tx: Transaction, messages: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """Store messages; answer the ids of those that were new."""
    rows = tx.rows(_SQL["insert_messages"], messages=jsonb(list(messages))) if messages else []
    return {row["id"] for row in rows}


def update_conversations(tx: Transaction, conversations: Sequence[Mapping[str, Any]]) -> None:
    """Write the summaries computed under the conversations' locks."""
    if conversations:
        tx.execute(_SQL["update_conversations"], conversations=jsonb(list(conversations)))


def lock_provider_ids(tx: Transaction, keys: Iterable[ProviderKey]) -> None:
    """Serialise whoever stores receipts of a message with whoever learns its provider id, until the end."""
    names = sorted({f"{integration}:{id_}" for integration, id_ in keys})
    if names:
        tx.execute(_SQL["lock_provider_ids"], keys=names)


def heal_references(tx: Transaction, references: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Give our messages the provider ids that gateways told beside our own id; answer those (integration_id,
    provider_message_id, message_id) where another id or another message is in the way.
    """
    return tx.rows(_SQL["heal_references"], references=jsonb(list(references))) if references else []


def insert_receipts(tx: Transaction, receipts: Sequence[Mapping[str, Any]]) -> None:
    """Keep receipts; a repeated one keeps its earliest time. Keys must be distinct."""
    if receipts:
        tx.execute(_SQL["insert_receipts"], receipts=jsonb(list(receipts)))


def project_statuses(tx: Transaction, keys: Collection[ProviderKey]) -> list[Row]:
    """Move messages up to what their receipts prove; answer those that moved (id, conversation_id, status, error,
    version, occurred_at, is_last). Call under `lock_provider_ids`.
    """
    return tx.rows(_SQL["project_statuses"], touched=jsonb(_named(keys))) if keys else []


def fill_placeholders(tx: Transaction, messages: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Give messages whose content could not be read their content; answer those that were waiting for it."""
    return tx.rows(_SQL["fill_placeholders"], messages=jsonb(list(messages))) if messages else []


def insert_attachments(tx: Transaction, attachments: Sequence[Mapping[str, Any]]) -> None:
    """Write the files of new messages, stored already or still to be fetched."""
    if attachments:
        tx.execute(_SQL["insert_attachments"], attachments=jsonb(list(attachments)))


def unconfirmed(tx: Transaction, conversations: Collection[UUID]) -> list[Row]:
    """Lock and answer our messages of these conversations that may be out without the gateway's id: those being sent
    first, then the oldest unknown ones.
    """
    return tx.rows(_SQL["unconfirmed"], conversations=list(conversations)) if conversations else []


def confirm(tx: Transaction, echoes: Sequence[Mapping[str, Any]]) -> None:
    """Give our messages the provider ids that echoes told."""
    if echoes:
        tx.execute(_SQL["confirm"], echoes=jsonb(list(echoes)))


def recount_unread(tx: Transaction, conversations: Collection[UUID]) -> None:
    """Count unread anew where the read horizon moved."""
    if conversations:
        tx.execute(_SQL["recount_unread"], ids=list(conversations))


def upsert_reactions(tx: Transaction, reactions: Sequence[Mapping[str, Any]]) -> set[ProviderKey]:
    """Keep each person's latest reaction; answer the messages whose reactions changed. Keys must be distinct."""
    rows = tx.rows(_SQL["upsert_reactions"], reactions=jsonb(list(reactions))) if reactions else []
    return {_key(row) for row in rows}


def touch_messages(tx: Transaction, keys: Collection[ProviderKey]) -> list[Row]:
    """Raise the version of the messages that are there; answer them (id, conversation_id, version, is_last)."""
    return tx.rows(_SQL["touch_messages"], touched=jsonb(_named(keys))) if keys else []


def insert_revisions(tx: Transaction, revisions: Sequence[Mapping[str, Any]]) -> None:
    """Keep edits and deletions; a repeated one is known."""
    if revisions:
        tx.execute(_SQL["insert_revisions"], revisions=jsonb(list(revisions)))


def project_revisions(tx: Transaction, keys: Collection[ProviderKey]) -> list[Row]:
    """Bring messages to what their revisions say; answer those that changed (id, conversation_id, deleted_at,
    is_last).
    """
    return tx.rows(_SQL["project_revisions"], touched=jsonb(_named(keys))) if keys else []


def _named(keys: Iterable[ProviderKey]) -> list[dict[str, Any]]:
    return [{"integration_id": integration, "provider_message_id": id_} for integration, id_ in sorted(set(keys))]


def _key(row: Row) -> ProviderKey:
    return row["integration_id"], row["provider_message_id"]
