"""Rows as the JSON of the API (docs/http-api.md): the same object by HTTP, on the socket and in webhooks out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from parley.domain.identity import e164
from parley.domain.timestamps import rfc3339

from .database import Row, Transaction
from .queries import queries

_SQL = queries("views")
View = dict[str, Any]


def timestamp(value: datetime | None) -> str | None:
    """RFC 3339 in UTC with milliseconds."""
    if value is None:
        return None
    return rfc3339(value)


def load_conversations(tx: Transaction, ids: Iterable[UUID]) -> dict[UUID, View]:
    """The conversations of these ids, as the API shows them; unknown ids are absent."""
    wanted = list(set(ids))
    return {row["id"]: _conversation(row) for row in tx.rows(_SQL["conversations"], ids=wanted)} if wanted else {}


def load_messages(tx: Transaction, ids: Iterable[UUID]) -> dict[UUID, View]:
    """The messages of these ids, as the API shows them; unknown ids are absent."""
    wanted = list(set(ids))
    return {row["id"]: _message(row) for row in tx.rows(_SQL["messages"], ids=wanted)} if wanted else {}


def load_contacts(tx: Transaction, ids: Iterable[UUID]) -> dict[UUID, View]:
    """The contacts of these ids, as the API shows them; unknown ids are absent."""
    wanted = list(set(ids))
    return {row["id"]: _contact(row) for row in tx.rows(_SQL["contacts"], ids=wanted)} if wanted else {}


def load_names(tx: Transaction, ids: Iterable[UUID]) -> dict[UUID, str]:
    """The names of these people and keys; unknown ids are absent."""
    wanted = list(set(ids))
    return {row["id"]: row["name"] for row in tx.rows(_SQL["names"], ids=wanted)} if wanted else {}


def _contact(row: Row) -> View:
    phones = (alias["value"] for alias in row["aliases"] if alias["kind"] == "phone")
    phone = next(phones, None)
    return {
        "id": str(row["id"]),
        "name": row["name"],
        "phone": e164(phone) if phone else None,
        "avatarUrl": row["avatar_url"],
        "aliases": row["aliases"],
        "attributes": row["attributes"],
        "blocked": row["blocked"],
        "createdAt": timestamp(row["created_at"]),
        "updatedAt": timestamp(row["updated_at"]),
        "version": row["version"],
    }


def _conversation(row: Row) -> View:
    window = row["window_expires_at"]
    return {
        "id": str(row["id"]),
        "integrationId": str(row["integration_id"]),
        "channel": row["channel"],
        "provider": row["provider"],
        "bot": None,
        "contact": _contact_of(row),
        "group": {"id": str(row["group_id"]), "name": row["group_name"]} if row["group_id"] else None,
        "status": row["status"],
        "snoozedUntil": timestamp(row["snoozed_until"]),
        "assignee": {"id": str(row["assignee_id"]), "name": row["assignee_name"]} if row["assignee_id"] else None,
        "followers": row["followers"] or [],
        "labels": row["labels"],
        "priority": row["priority"],
        "unreadCount": row["unread_count"],
        "lastMessage": _last_message(row),
        "lastNumber": row["last_number"],
        "window": {"open": row["window_open"], "expiresAt": timestamp(window)} if window else None,
        "createdAt": timestamp(row["created_at"]),
        "updatedAt": timestamp(row["updated_at"]),
        "version": row["version"],
    }


def _contact_of(row: Row) -> View | None:
    if row["contact_id"] is None:
        return None
    return {
        "id": str(row["contact_id"]),
        "name": row["contact_name"],
        "phone": e164(row["contact_phone"]) if row["contact_phone"] else None,
        "avatarUrl": row["avatar_url"],
    }


def _attachment(file: View) -> View:
    """A file as a message shows it: its address is stable and answers with a short-lived one."""
    path = f"/v1/media/{file['id']}" if file["state"] == "stored" else None
    thumbnail = f"{path}?thumbnail=true" if path and file["thumbnail"] else None
    shown = {name: value for name, value in file.items() if name != "thumbnail"}
    return {**shown, "url": path, "thumbnailUrl": thumbnail}


def _last_message(row: Row) -> View | None:
    if row["last_id"] is None:
        return None
    return {
        "id": str(row["last_id"]),
        "text": None if row["last_deleted_at"] else row["last_body"],
        "kind": row["last_kind"],
        "direction": row["last_direction"],
        "status": row["last_status"],
        "occurredAt": timestamp(row["last_occurred_at"]),
    }


def _message(row: Row) -> View:
    deleted = row["deleted_at"] is not None
    reply = {"id": str(row["reply_id"]), "text": row["reply_body"], "kind": row["reply_kind"]}
    waiting = row["status"] in ("queued", "scheduled") and row["not_before"] is not None
    return {
        "id": str(row["id"]),
        "conversationId": str(row["conversation_id"]),
        "direction": row["direction"],
        "kind": row["kind"],
        "text": None if deleted else row["body"],
        "content": {} if deleted else row["content"],
        "attachments": [] if deleted else [_attachment(file) for file in row["attachments"] or ()],
        "status": row["status"],
        "error": row["error"],
        "providerMessageId": row["provider_message_id"],
        "clientKey": row["client_key"],
        "replyTo": reply if row["reply_id"] else None,
        "reactions": row["reactions"] or [],
        "number": row["number"],
        "earliestSendAt": timestamp(row["not_before"]) if waiting else None,
        "resendOf": str(row["resend_of"]) if row["resend_of"] else None,
        "sender": {
            "kind": row["sender_kind"],
            "id": str(row["sender_id"]) if row["sender_id"] else None,
            "name": row["sender_name"],
        },
        "edited": row["edited_at"] is not None,
        "deleted": deleted,
        "occurredAt": timestamp(row["occurred_at"]),
        "createdAt": timestamp(row["created_at"]),
        "metadata": row["metadata"],
        "version": row["version"],
    }
