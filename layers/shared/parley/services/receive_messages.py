"""Receive messages: customers', groups', and those typed on the company's own phone.

The one rule: one provider id is one message for ever. An echo of our own send is not a message but evidence for one;
the content that follows a placeholder fills it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any
from uuid import UUID

from parley.domain import events
from parley.domain.echoes import is_echo
from parley.domain.events import NewEvent
from parley.domain.identity import Address
from parley.domain.incoming import Media, MessageReceived
from parley.domain.media import object_key
from parley.domain.principal import Actor
from parley.domain.sniffing import HEAD, settled_type
from parley.domain.thread import Arrived, Summary
from parley.store import receiving as store
from parley.store.conversations import Happened, keep_timeline
from parley.store.database import Row, Transaction
from parley.store.ids import new_id
from parley.store.reading import see_members

from .arrivals import Arrival, Policy, key_of

_SUMMARY = tuple(field.name for field in fields(Summary))

Message = Arrival[MessageReceived]
Chat = tuple[UUID, UUID]
"""(integration, contact or group)"""


@dataclass(slots=True)
class Stored:
    """`known`: our id of each message. `echoes`: keys that turned out to be our own sends. `log`: what to tell.
    `pending`: (integration, attachment) of each file that is still to be fetched.
    """

    known: dict[store.ProviderKey, UUID]
    log: list[NewEvent] = field(default_factory=list)
    echoes: dict[store.ProviderKey, UUID] = field(default_factory=dict)
    pending: list[tuple[UUID, UUID]] = field(default_factory=list)

    def keep_files(self, tx: Transaction, files: Sequence[Mapping[str, Any]]) -> None:
        """Write files, and remember those that are still to be fetched."""
        store.insert_attachments(tx, files)
        self.pending += [(file["integration_id"], file["id"]) for file in files if file["state"] == "pending"]


def receive_messages(
    tx: Transaction,
    arrivals: Sequence[Message],
    contacts: Mapping[int, UUID],
    known: Mapping[store.ProviderKey, Row],
    policies: Mapping[UUID, Policy],
) -> Stored:
    """Store what is new. `contacts`: of each arrival, by its place, whose person is known."""
    stored = Stored({key: row["id"] for key, row in known.items()})
    _fill(tx, arrivals, known, stored)
    new: dict[store.ProviderKey, tuple[Message, UUID | None, Chat]] = {}
    groups = _groups(tx, arrivals)
    for place, arrival in enumerate(arrivals):
        fact = arrival.fact
        if key_of(arrival) in known:
            continue
        if key_of(arrival) in new and not (new[key_of(arrival)][0].fact.placeholder and not fact.placeholder):
            continue
        owner = groups[arrival.integration_id, fact.group.id] if fact.group else contacts.get(place)
        if owner is not None:
            new[key_of(arrival)] = (arrival, contacts.get(place), (arrival.integration_id, owner))
    if not new:
        return stored
    group_ids = set(groups.values())
    conversations, created = _conversations(tx, {entry[2] for entry in new.values()}, group_ids, policies)
    _recognise_echoes(tx, new, conversations, stored)
    _insert(tx, list(new.values()), conversations, created, policies, stored)
    see_members(
        tx,
        [
            {"group_id": chat[1], "contact_id": contact_id, "seen_at": arrival.occurred_at}
            for arrival, contact_id, chat in new.values()
            if contact_id is not None and chat[1] in group_ids
        ],
    )
    return stored


def _fill(tx: Transaction, arrivals: Sequence[Message], known: Mapping[store.ProviderKey, Row], stored: Stored) -> None:
    """Give placeholders their content."""
    late = {
        key_of(a): a
        for a in arrivals
        if key_of(a) in known and known[key_of(a)]["placeholder"] and not a.fact.placeholder
    }
    rows = store.fill_placeholders(
        tx,
        [
            {
                "integration_id": a.integration_id,
                "provider_message_id": a.fact.provider_message_id,
                "kind": a.fact.kind,
                "body": a.fact.text,
                "content": a.fact.content,
                "reply_to": a.fact.reply_to,
            }
            for _, a in sorted(late.items())
        ],
    )
    files: list[dict[str, Any]] = []
    for row in rows:
        arrival = late[row["integration_id"], row["provider_message_id"]]
        files += _files(tx.tenant_id, arrival, row["id"])
        stored.log.append(
            events.message_updated(
                row["conversation_id"], row["id"], is_last=True, correlation_id=arrival.correlation_id
            )
        )
    stored.keep_files(tx, files)


def _groups(tx: Transaction, arrivals: Sequence[Message]) -> dict[tuple[UUID, str], UUID]:
    wanted: dict[tuple[UUID, str], dict[str, Any]] = {}
    for arrival in arrivals:
        group = arrival.fact.group
        if group is None:
            continue
        row = {"id": new_id(), "integration_id": arrival.integration_id, "address": group.id, "name": group.name}
        row["name_at"] = arrival.occurred_at if group.name else None
        earlier = wanted.get((arrival.integration_id, group.id))
        if earlier is None or (row["name_at"] and (not earlier["name_at"] or row["name_at"] > earlier["name_at"])):
            wanted[arrival.integration_id, group.id] = row
    return store.lock_groups(tx, [wanted[key] for key in sorted(wanted)])


def _conversations(
    tx: Transaction, wanted: Collection[Chat], groups: Collection[UUID], policies: Mapping[UUID, Policy]
) -> tuple[dict[Chat, Row], set[UUID]]:
    """The locked conversation of each chat, made where there is none; and the ids of those made."""
    found = store.lock_conversations(tx, wanted)
    missing = sorted(
        chat
        for chat in wanted
        if chat not in found
        or (found[chat]["status"] == "resolved" and not found[chat]["muted"] and not policies[chat[0]].reopen)
    )
    if not missing:
        return found, set()
    made = {new_id(): chat for chat in missing}
    store.insert_conversations(
        tx,
        [
            {
                "id": id_,
                "integration_id": integration,
                "contact_id": None if owner in groups else owner,
                "group_id": owner if owner in groups else None,
            }
            for id_, (integration, owner) in made.items()
        ],
    )
    return found | store.lock_conversations(tx, missing), set(made)


def _recognise_echoes(
    tx: Transaction,
    new: dict[store.ProviderKey, tuple[Message, UUID | None, Chat]],
    conversations: Mapping[Chat, Row],
    stored: Stored,
) -> None:
    """Take out of `new` what our own sends explain: our own id, or the same conversation, kind and words, sent without
    the gateway's answer yet. Those being sent are asked first, then the oldest whose outcome is unknown.
    """
    own = {key: entry for key, entry in new.items() if entry[0].fact.origin == "device"}
    if not own:
        return
    store.lock_provider_ids(tx, own)
    candidates = store.unconfirmed(tx, {conversations[entry[2]]["id"] for entry in own.values()})
    echoes = []
    for key, (arrival, _, chat) in sorted(own.items(), key=lambda item: (item[1][0].occurred_at, item[0])):
        fact = arrival.fact
        match = _sent_as(fact, [row for row in candidates if row["conversation_id"] == conversations[chat]["id"]])
        if match is None:
            continue
        candidates.remove(match)
        del new[key]
        echoes.append({"id": match["id"], "provider_message_id": fact.provider_message_id})
        stored.known[key] = match["id"]
        stored.echoes[key] = arrival.correlation_id
    store.confirm(tx, echoes)


def _sent_as(fact: MessageReceived, candidates: Sequence[Row]) -> Row | None:
    """The message of ours that this is; one under our own id is no other, whatever it says."""
    if fact.client_reference is not None:
        return next((row for row in candidates if str(row["id"]) == fact.client_reference), None)
    alike = (row for row in candidates if is_echo(fact.kind, fact.text, row["kind"], row["body"], row["content"]))
    return next(alike, None)


def _insert(
    tx: Transaction,
    new: Iterable[tuple[Message, UUID | None, Chat]],
    conversations: Mapping[Chat, Row],
    created: set[UUID],
    policies: Mapping[UUID, Policy],
    stored: Stored,
) -> None:
    numbers = {row["id"]: row["last_number"] for row in conversations.values()}
    rows = []
    for arrival, contact_id, chat in new:
        conversation_id = conversations[chat]["id"]
        numbers[conversation_id] += 1
        rows.append((arrival, _row(arrival, contact_id, conversation_id, numbers[conversation_id])))
    inserted = store.insert_messages(tx, [row for _, row in rows])
    arrived: dict[UUID, list[Arrived]] = defaultdict(list)
    files: list[dict[str, Any]] = []
    for arrival, row in rows:
        if row["id"] not in inserted:
            continue
        stored.known[key_of(arrival)] = row["id"]
        arrived[row["conversation_id"]].append(_arrived(arrival, row))
        files += _files(tx.tenant_id, arrival, row["id"])
        if row["conversation_id"] in created:
            created.remove(row["conversation_id"])
            stored.log.append(events.conversation_new(row["conversation_id"], arrival.correlation_id))
        stored.log.append(events.message_new(row["conversation_id"], row["id"], arrival.correlation_id))
    stored.keep_files(tx, files)
    by_id = {row["id"]: row for row in conversations.values()}
    summaries = {
        id_: _summary(by_id[id_]).absorb(
            new_ones, policies[by_id[id_]["integration_id"]].window, muted=by_id[id_]["muted"]
        )
        for id_, new_ones in sorted(arrived.items())
    }
    store.update_conversations(tx, [{"id": id_, **_columns(summary)} for id_, summary in summaries.items()])
    keep_timeline(tx, _reopened(by_id, summaries, arrived))
    store.recount_unread(
        tx,
        [id_ for id_, after in summaries.items() if (after.read_at, after.read_key) != _horizon(by_id[id_])],
    )


def _reopened(
    before: Mapping[UUID, Row], after: Mapping[UUID, Summary], arrived: Mapping[UUID, Sequence[Arrived]]
) -> list[Happened]:
    """What new messages did to the status of their conversations."""
    return [
        Happened(id_, "status", {"from": before[id_]["status"], "to": summary.status}, _who_wrote(arrived[id_]))
        for id_, summary in after.items()
        if summary.status != before[id_]["status"]
    ]


def _who_wrote(arrived: Sequence[Arrived]) -> Actor:
    return Actor("contact" if any(message.reply_address for message in arrived) else "device")


def _row(arrival: Message, contact_id: UUID | None, conversation_id: UUID, number: int) -> dict[str, Any]:
    fact = arrival.fact
    own = fact.origin == "device"
    return {
        "id": new_id(),
        "integration_id": arrival.integration_id,
        "conversation_id": conversation_id,
        "number": number,
        "direction": "outgoing" if own else "incoming",
        "kind": fact.kind,
        "body": fact.text,
        "content": fact.content,
        "provider_message_id": fact.provider_message_id,
        "occurred_at": arrival.occurred_at,
        "status": "sent" if own else "received",
        "reply_to": fact.reply_to,
        "sender_kind": "device" if own else "contact",
        "sender_id": None if own else contact_id,
        **_from(arrival),
        "placeholder": fact.placeholder,
        "correlation_id": arrival.correlation_id,
    }


def _from(arrival: Message) -> dict[str, str | None]:
    """The address a customer wrote from, and how the gateway wrote it where that differs."""
    address = _address(arrival.fact) if arrival.fact.origin == "contact" else None
    if address is None:
        return {"from_kind": None, "from_key": None, "from_address": None}
    written = address.value if address.value != address.key else None
    return {"from_kind": address.kind, "from_key": address.key, "from_address": written}


def _arrived(arrival: Message, row: Mapping[str, Any]) -> Arrived:
    fact = arrival.fact
    address: Address | None = None
    if fact.origin == "contact":
        address = Address("jid", fact.group.id) if fact.group else _address(fact)
    return Arrived(row["id"], row["number"], arrival.occurred_at, fact.provider_message_id, address)


def _address(fact: MessageReceived) -> Address | None:
    return fact.person.reply_address if fact.person else None


def _files(tenant_id: UUID | None, arrival: Message, message_id: UUID) -> list[dict[str, Any]]:
    return [
        {
            "message_id": message_id,
            "integration_id": arrival.integration_id,
            "position": place,
            **_file(tenant_id, media),
        }
        for place, media in enumerate(arrival.fact.media)
    ]


def _file(tenant_id: UUID | None, media: Media) -> dict[str, Any]:
    """A row of a file: settled already where the webhook carried it (process.py put it into the bucket)."""
    row = {
        "id": new_id(),
        "kind": media.kind,
        "state": "pending",
        "reason": None,
        "mime_type": media.mime_type,
        "file_name": media.file_name,
        "size": media.size,
        "sha256": media.sha256,
        "voice": media.voice,
        "source": media.source,
        "object_key": None,
    }
    if media.inline is not None and tenant_id is not None:
        key = object_key(tenant_id, media.inline)
        row |= {"size": len(media.inline), "sha256": key.rpartition("/")[2]}
        mime_type = settled_type(media.kind, media.inline[:HEAD], media.mime_type)
        if mime_type is None:
            return row | {"state": "failed", "reason": f"The file is no {media.kind}, though it was said to be one."}
        row |= {"state": "stored", "object_key": key, "mime_type": mime_type}
    return row


def _summary(row: Row) -> Summary:
    return Summary(**{name: row[name] for name in _SUMMARY})


def _columns(summary: Summary) -> dict[str, Any]:
    # Not asdict(): it copies every id and time deeply.
    return {name: getattr(summary, name) for name in _SUMMARY}


def _horizon(row: Row) -> tuple[Any, str]:
    return row["read_at"], row["read_key"]
