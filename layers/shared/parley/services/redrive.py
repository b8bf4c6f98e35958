"""Look at a company's dead letters, send them again, as they are or edited, and throw them away. The one rule: a letter
is sent before its row goes, because receiving twice is harmless and losing is not, and it never leaves the company.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias
from uuid import UUID

from parley.cloud.ports import Bucket, Queue
from parley.domain.errors import InvalidRequest, NotFound, TooLarge
from parley.domain.principal import Principal
from parley.domain.queues import QueueName, group_of, is_replay, named_id, own_hint
from parley.domain.webhook import Webhook
from parley.providers.base import Provider
from parley.store import audit, dead_letters
from parley.store.database import Database, Row, Transaction
from parley.store.views import View, timestamp

from .accept import KEPT_HEADERS
from .read_inbox import Page

NewBody: TypeAlias = str | Mapping[str, Any]
MOST_AT_ONCE: Final = 50
MOST_PAGES: Final = 4
"""Of all: 200 letters a call, so that it answers in time; a caller asks again while some are left."""
LARGEST_SHOWN: Final = 1_000_000
_SUBJECT: Final = "dead_letter"


class DeadLetters:
    """The dead letters of each company. `queues` gives the queue of a name."""

    def __init__(
        self,
        database: Database,
        queues: Callable[[QueueName], Queue],
        bucket: Callable[[], Bucket],
        providers: Mapping[str, Provider],
    ) -> None:
        self._database = database
        self._queues = queues
        self._bucket = bucket
        self._providers = providers

    def page(self, by: Principal, queue: QueueName, after: UUID | None, limit: int) -> Page[UUID]:
        """The next letters after one, the latest first; a webhook's body is null where it is too long for a list."""
        with self._database.transaction(by.tenant_id) as tx:
            rows = dead_letters.page(tx, queue, after, limit + 1)
        shown = rows[:limit]
        return Page([self._shown(row) for row in shown], shown[-1]["id"] if len(rows) > limit else None)

    def read(self, by: Principal, queue: QueueName, letter_id: UUID) -> View:
        """One letter, whole. Raises NotFound."""
        with self._database.transaction(by.tenant_id) as tx:
            return self._shown(_one(tx, queue, letter_id), whole=True)

    def redrive(
        self, by: Principal, queue: QueueName, ids: Sequence[UUID], body: NewBody | None, correlation_id: UUID
    ) -> View:
        """Send these again, the one that is meant with another body; how many were sent, and how many are left.

        Raises NotFound (one is not there: nothing was sent), InvalidRequest, Unavailable.
        """
        with self._database.transaction(by.tenant_id) as tx:
            rows = dead_letters.find(tx, queue, ids)
        if len(rows) < len(set(ids)):
            raise NotFound
        if body is None:
            messages = [(row["id"], _message(row["payload"])) for row in rows]
        else:
            messages = [(rows[0]["id"], self._edited(by, queue, rows[0], body))]
        redriven = self._send(by, queue, messages, correlation_id, edited=body is not None)
        return self._result(by, queue, redriven)

    def redrive_all(self, by: Principal, queue: QueueName, correlation_id: UUID) -> View:
        """Send what is there, those first that lie there longest, as much as one call may take. Raises Unavailable."""
        redriven = 0
        for _ in range(MOST_PAGES):
            with self._database.transaction(by.tenant_id) as tx:
                rows = dead_letters.find(tx, queue, dead_letters.oldest(tx, queue, MOST_AT_ONCE))
            if not rows:
                break
            messages = [(row["id"], _message(row["payload"])) for row in rows]
            redriven += self._send(by, queue, messages, correlation_id)
        return self._result(by, queue, redriven)

    def delete(self, by: Principal, queue: QueueName, letter_id: UUID, correlation_id: UUID) -> View:
        """Throw a letter away; answers it as it was. Raises NotFound."""
        with self._database.transaction(by.tenant_id) as tx:
            view = self._shown(_one(tx, queue, letter_id))
            dead_letters.remove(tx, queue, [letter_id])
            detail = {"queue": queue}
            audit.record(tx, by, "dead_letter.deleted", (_SUBJECT, letter_id), detail, correlation_id)
        return view

    def _send(
        self,
        by: Principal,
        queue: QueueName,
        messages: Sequence[tuple[UUID, str]],
        correlation_id: UUID,
        *,
        edited: bool = False,
    ) -> int:
        """Send messages, and only then remove the letters they are of, those that were sent before one that was not
        included.
        """
        sent: list[UUID] = []
        try:
            for letter_id, message in messages:
                self._queues(queue).send(message, group_of(queue, json.loads(message)))
                sent.append(letter_id)
        finally:
            if sent:
                self._remove(by, queue, sent, correlation_id, edited=edited)
        return len(sent)

    def _remove(
        self, by: Principal, queue: QueueName, sent: Sequence[UUID], correlation_id: UUID, *, edited: bool
    ) -> None:
        action = "dead_letter.edited" if edited else "dead_letter.redriven"
        subject = sent[0] if len(sent) == 1 else None
        detail = {"queue": queue, "ids": [str(one) for one in sent]}
        with self._database.transaction(by.tenant_id) as tx:
            dead_letters.remove(tx, queue, sent)
            audit.record(tx, by, action, (_SUBJECT, subject), detail, correlation_id)

    def _result(self, by: Principal, queue: QueueName, redriven: int) -> View:
        with self._database.transaction(by.tenant_id) as tx:
            return {"redriven": redriven, "left": dead_letters.count(tx)[queue]}

    def _edited(self, by: Principal, queue: QueueName, row: Row, body: NewBody) -> str:
        """The message with another body, which never leaves the company. Raises InvalidRequest, NotFound."""
        if is_replay(queue, row["payload"]):
            raise InvalidRequest("A replay's hint can be sent as it is, or not at all.")
        if queue == "inbound":
            return self._edited_webhook(row, body)
        if isinstance(body, str):
            raise InvalidRequest(errors=[{"path": "body", "message": "should be an object: the hint"}])
        hint = own_hint(queue, by.tenant_id, body)
        if body.get("tenantId", str(by.tenant_id)).lower() != str(by.tenant_id):
            raise NotFound
        named = named_id(queue, hint)
        if named is not None:
            with self._database.transaction(by.tenant_id) as tx:
                if not dead_letters.is_own(tx, queue, named):
                    raise NotFound
        return _message(hint)

    def _edited_webhook(self, row: Row, body: NewBody) -> str:
        """The same account's webhook with other bytes; whoever may edit answers for them, so nothing else vouches."""
        webhook = Webhook.decode(_message(row["payload"]))
        if not isinstance(body, str):
            body = _body_of(self._shown(row)["payload"], body)
        if not body:
            raise InvalidRequest(errors=[{"path": "body", "message": "should not be empty"}])
        edited = body.encode()
        mark = hashlib.sha256(edited).digest()
        return replace(webhook, body=edited, pointer=None, believed_as=mark).encode()

    def _shown(self, row: Row, *, whole: bool = False) -> View:
        payload: Mapping[str, Any] = row["payload"]
        is_webhook = row["queue"] == "inbound" and not is_replay(row["queue"], payload)
        return {
            "id": str(row["id"]),
            "correlationId": str(row["correlation_id"]) if row["correlation_id"] else None,
            "queue": row["queue"],
            "payload": self._readable(payload, whole=whole) if is_webhook else payload,
            "error": row["error"],
            "failureCount": row["failure_count"],
            "firstFailedAt": timestamp(row["first_failed_at"]),
        }

    def _readable(self, payload: Mapping[str, Any], *, whole: bool) -> View:
        """A webhook as people read it: the body as text, and nothing that proves where it came from."""
        webhook = Webhook.decode(_message(payload))
        body = webhook.body
        if body is None and webhook.pointer is not None and whole:
            try:
                body = self._bucket().get(webhook.pointer, LARGEST_SHOWN)
            except (NotFound, TooLarge):
                body = None
        if body is not None and webhook.provider in self._providers:
            body = self._providers[webhook.provider].redact(body, webhook.headers)
        return {
            "provider": webhook.provider,
            "integrationId": str(webhook.integration_id),
            "receivedAt": timestamp(webhook.received_at),
            "headers": {name: value for name, value in webhook.headers.items() if name in KEPT_HEADERS},
            "body": None if body is None else body.decode(errors="backslashreplace"),
        }


def _one(tx: Transaction, queue: QueueName, letter_id: UUID) -> Row:
    rows = dead_letters.find(tx, queue, [letter_id])
    if not rows:
        raise NotFound
    return rows[0]


def _message(payload: Mapping[str, Any]) -> str:
    return json.dumps(payload, separators=(",", ":"))


def _body_of(shown: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """The new body out of a payload as it was read, with nothing but the body changed; what is no such thing is the
    body itself, as JSON. Raises InvalidRequest.
    """
    if not isinstance(given.get("body"), str) or not given.keys() <= shown.keys():
        return json.dumps(given, ensure_ascii=False)
    if changed := [name for name in given if name != "body" and given[name] != shown[name]]:
        errors = [{"path": f"body.{name}", "message": "cannot be changed"} for name in changed]
        raise InvalidRequest("Of a webhook only the body can be edited.", errors=errors)
    return str(given["body"])
