"""The statements of receiving: each takes a whole batch, with its keys sorted, so that two workers lock alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


def insert_aliases(tx: Transaction, aliases: Sequence[Mapping[str, Any]]) -> None:
    """Add addresses to contacts; one that exists stays whose it is."""
    if aliases:
        tx.execute(_SQL["insert_aliases"], aliases=jsonb(list(aliases)))


def rename_contacts(tx: Transaction, names: Sequence[Mapping[str, Any]]) -> None:
    """Set the names the gateways told last."""
    if names:
        tx.execute(_SQL["rename_contacts"], names=jsonb(list(names)))


def find_messages(tx: Transaction, keys: Iterable[ProviderKey]) -> dict[ProviderKey, UUID]:
    """Our ids of the messages that are stored already."""
    wanted = [{"integration_id": integration, "provider_message_id": id_} for integration, id_ in sorted(set(keys))]
    rows = tx.rows(_SQL["find_messages"], wanted=jsonb(wanted)) if wanted else []
    return {(row["integration_id"], row["provider_message_id"]): row["id"] for row in rows}


def lock_conversations(tx: Transaction, wanted: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Row]:
    """Lock the conversation of each (integration, contact): the unresolved one, else the last resolved."""
    pairs = [{"integration_id": integration, "contact_id": contact} for integration, contact in sorted(set(wanted))]
    rows = tx.rows(_SQL["lock_conversations"], wanted=jsonb(pairs)) if pairs else []
    return {(row["integration_id"], row["contact_id"]): row for row in rows}


def insert_conversations(tx: Transaction, conversations: Sequence[Mapping[str, Any]]) -> None:
    """Create conversations."""
    if conversations:
        tx.execute(_SQL["insert_conversations"], conversations=jsonb(list(conversations)))


def insert_messages(tx: Transaction, messages: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """Store customers' messages; answer the ids of those that were new."""
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


def heal_references(tx: Transaction, references: Sequence[Mapping[str, Any]]) -> None:
    """Give our messages the provider ids that gateways told beside our own id."""
    if references:
        tx.execute(_SQL["heal_references"], references=jsonb(list(references)))


def insert_receipts(tx: Transaction, receipts: Sequence[Mapping[str, Any]]) -> None:
    """Keep receipts; a repeated one keeps its earliest time. Keys must be distinct."""
    if receipts:
        tx.execute(_SQL["insert_receipts"], receipts=jsonb(list(receipts)))


def project_statuses(tx: Transaction, keys: Iterable[ProviderKey]) -> list[Row]:
    """Move messages up to what their receipts prove; answer those that moved (id, conversation_id, status, error,
    version, occurred_at, is_last). Call under `lock_provider_ids`.
    """
    touched = [{"integration_id": integration, "provider_message_id": id_} for integration, id_ in sorted(set(keys))]
    return tx.rows(_SQL["project_statuses"], touched=jsonb(touched)) if touched else []
