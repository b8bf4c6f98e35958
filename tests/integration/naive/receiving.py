"""Receiving as it is usually written: look, then write; count each delivery; the last one processed wins. Kept to prove
that the property test can fail."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from parley.domain.identity import phone_key
from parley.domain.incoming import MessageReceived, Receipt
from parley.domain.webhook import Webhook
from parley.providers.base import Provider
from parley.store.database import Database, Transaction
from parley.store.ids import new_id


class NaiveProcessor:
    """Has Processor's `process`, for one tenant."""

    def __init__(self, database: Database, gateway: Provider, tenant_id: UUID) -> None:
        self._database = database
        self._gateway = gateway
        self._tenant_id = tenant_id

    def process(self, webhooks: Sequence[Webhook]) -> None:
        for webhook in webhooks:
            with self._database.transaction(self._tenant_id) as tx:
                for fact in self._gateway.normalise(webhook.body or b"", webhook.headers):
                    if isinstance(fact, MessageReceived):
                        self._message(tx, webhook, fact)
                    elif isinstance(fact, Receipt):
                        tx.execute(
                            "update messages set status = %(status)s, lease_until = null"
                            " where tenant_id = %(tenant_id)s and provider_message_id = %(id)s",
                            status=fact.status,
                            id=fact.provider_message_id,
                        )

    def _message(self, tx: Transaction, webhook: Webhook, fact: MessageReceived) -> None:
        person = fact.person
        assert person is not None
        phone = person.addresses[0].value
        conversation = tx.row(
            "select c.id, c.contact_id, c.last_number from conversations c join contact_aliases a"
            " on a.contact_id = c.contact_id where a.value = %(key)s",
            key=phone_key(phone),
        )
        if conversation is None:
            conversation = {"id": new_id(), "contact_id": new_id(), "last_number": 0}
            ids = {"contact": conversation["contact_id"], "integration": webhook.integration_id}
            tx.execute("insert into contacts (tenant_id, id) values (%(tenant_id)s, %(contact)s)", **ids)
            tx.execute(
                "insert into contact_aliases (tenant_id, scope, kind, value, address, contact_id) values"
                " (%(tenant_id)s, '00000000-0000-0000-0000-000000000000', 'phone', %(key)s, %(phone)s, %(contact)s)",
                key=phone_key(phone),
                phone=phone,
                **ids,
            )
            tx.execute(
                "insert into conversations (tenant_id, id, integration_id, contact_id)"
                " values (%(tenant_id)s, %(id)s, %(integration)s, %(contact)s)",
                id=conversation["id"],
                **ids,
            )
        message_id = new_id()
        tx.execute(
            "insert into messages (tenant_id, id, integration_id, conversation_id, number, direction, kind, body,"
            " provider_message_id, occurred_at, status, sender_kind, sender_id) values (%(tenant_id)s, %(id)s,"
            " %(integration)s, %(conversation)s, %(number)s, 'incoming', 'text', %(body)s, %(provider_id)s, %(at)s,"
            " 'received', 'contact', %(contact)s) on conflict do nothing",
            id=message_id,
            integration=webhook.integration_id,
            conversation=conversation["id"],
            number=conversation["last_number"] + 1,
            body=fact.text,
            provider_id=fact.provider_message_id,
            at=fact.occurred_at,
            contact=conversation["contact_id"],
        )
        tx.execute(
            "update contacts set name = coalesce(%(name)s, name) where id = %(contact)s",
            name=person.name,
            contact=conversation["contact_id"],
        )
        tx.execute(
            "update conversations set unread_count = unread_count + 1, last_number = last_number + 1,"
            " last_message_id = coalesce((select id from messages where id = %(message)s), last_message_id),"
            " last_message_at = %(at)s, reply_address = %(phone)s, reply_kind = 'phone' where id = %(id)s",
            message=message_id,
            at=fact.occurred_at,
            phone=phone,
            id=conversation["id"],
        )
