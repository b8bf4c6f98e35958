"""Keep contacts: list them, add them, say who they are, block them. The one rule: what a person says of a contact holds
against what gateways tell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

from parley.domain import events
from parley.domain.errors import Conflict, InvalidRequest, NotFound
from parley.domain.identity import TENANT_WIDE, phone_key
from parley.domain.principal import Principal
from parley.store import contacts as store
from parley.store import receiving
from parley.store.database import Database, Transaction
from parley.store.event_log import append_events
from parley.store.ids import new_id
from parley.store.joining import contact_now
from parley.store.views import View, load_contacts

from .read_inbox import Page

LARGEST_ATTRIBUTES: Final = 16 * 1024


class Contacts:
    """The contacts of each tenant."""

    def __init__(self, database: Database, wake: Callable[[UUID], None]) -> None:
        self._database = database
        self._wake = wake

    def page(
        self, by: Principal, after: UUID | None, limit: int, *, phone: str | None = None, blocked: bool | None = None
    ) -> Page[UUID]:
        """The next contacts, the newest first."""
        key = phone_key(phone) if phone else None
        with self._database.transaction(by.tenant_id, viewer=by.viewer) as tx:
            restricted = by.viewer is not None
            ids = store.page_of_contacts(tx, after, limit + 1, phone=key, blocked=blocked, restricted=restricted)
            views = load_contacts(tx, ids[:limit])
        following = ids[limit - 1] if len(ids) > limit else None
        return Page([views[id_] for id_ in ids[:limit] if id_ in views], following)

    def add(
        self, by: Principal, phone: str, name: str | None, attributes: Mapping[str, Any], correlation_id: UUID
    ) -> View:
        """Add a contact by its phone number. Raises Conflict where somebody has that number, with the contact's id if
        the caller may see it.
        """

        def work(tx: Transaction) -> View:
            contact_id = new_id()
            alias = {
                "scope": TENANT_WIDE,
                "kind": "phone",
                "value": phone_key(phone),
                "address": re.sub(r"\D", "", phone),
                "contact_id": contact_id,
                "evidence": {"correlationId": str(correlation_id)},
            }
            if not receiving.insert_contacts(tx, [alias]):
                other = store.contact_by_phone(tx, phone_key(phone))
                known: dict[str, Any] = {"contactId": str(other)} if other else {}
                raise Conflict("There is a contact with this number.", **known)
            store.change_contact(tx, contact_id, name=name, attributes=_without_nulls(attributes), blocked=False)
            append_events(tx, [events.contact_updated(contact_id, correlation_id)])
            return load_contacts(tx, [contact_id])[contact_id]

        return self._run(by, work)

    def change(
        self,
        by: Principal,
        contact_id: UUID,
        asked: Mapping[str, Any],
        correlation_id: UUID,
        *,
        version: int | None = None,
    ) -> View:
        """Change what is asked of a contact: `name`, `blocked`, those of the `attributes` that are given (None takes
        one away). Raises NotFound, InvalidRequest, Conflict.
        """

        def work(tx: Transaction) -> View:
            now = contact_now(tx, contact_id)
            contact = store.lock_contact(tx, now) if now else None
            if now is None or contact is None:
                raise NotFound
            if version is not None and version != contact["version"]:
                view = load_contacts(tx, [now])[now]
                raise Conflict("Somebody changed this contact meanwhile.", contact=view)
            attributes = _without_nulls({**contact["attributes"], **asked.get("attributes", {})})
            _check_size(attributes)
            new = {**contact, **asked, "attributes": attributes}
            if new != contact:
                said = {name: new[name] for name in ("name", "attributes", "blocked")}
                store.change_contact(tx, now, **said)
                append_events(tx, [events.contact_updated(now, correlation_id)])
            return load_contacts(tx, [now])[now]

        return self._run(by, work)

    def _run(self, by: Principal, work: Callable[[Transaction], View]) -> View:
        view = self._database.run(by.tenant_id, work, viewer=by.viewer)
        self._wake(by.tenant_id)
        return view


def _without_nulls(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}


def _check_size(attributes: Mapping[str, Any]) -> None:
    if len(json.dumps(attributes, ensure_ascii=False, separators=(",", ":")).encode()) > LARGEST_ATTRIBUTES:
        problem = {"path": "attributes", "message": f"should have at most {LARGEST_ATTRIBUTES} bytes as JSON in all"}
        raise InvalidRequest("The contact has too many attributes.", errors=[problem])
