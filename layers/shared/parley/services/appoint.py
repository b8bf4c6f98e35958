"""Appoint a company's people: invite them, say what they may, take their access away. The one rule: whoever loses a
right has lost it when this returns; sockets opened under the old rights are told at once, and there is always an
owner who can come in where there ever was one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from parley.domain.errors import Conflict, DataRefused, Forbidden, InvalidRequest, NotFound
from parley.domain.principal import Principal
from parley.store import people as store
from parley.store.audit import page as page_of_deeds
from parley.store.audit import record
from parley.store.database import Database, Row, Transaction
from parley.store.ids import new_id
from parley.store.views import View

from .read_inbox import Page

Result = TypeVar("Result")
DEFAULTS: Mapping[str, Any] = {
    "agentsSee": "everything",
    "provisionAutomatically": False,
    "autoAssignment": {"mode": "off"},
    "retention": {"events": None, "ledger": None, "attempts": None},
}


class Staff:
    """The people of each tenant, its settings, and the record of what was done to both."""

    def __init__(self, database: Database, wake: Callable[[UUID], None]) -> None:
        self._database = database
        self._wake = wake

    def page(self, by: Principal, after: UUID | None, limit: int, status: str | None) -> Page[UUID]:
        """The next people after one."""
        with self._database.transaction(by.tenant_id) as tx:
            return _page(store.page(tx, after, limit + 1, status), limit)

    def invite(self, by: Principal, person: Mapping[str, Any], correlation_id: UUID) -> View:
        """Add a person: `name`, `role`, and `subject` with `issuer`, or an `email` under which they come in.

        Raises Forbidden, Conflict, InvalidRequest.
        """
        _may_make(by, person["role"])
        user_id = new_id()
        columns = {name: person.get(name) for name in ("name", "email", "role", "capacity", "issuer", "subject")}

        def work(tx: Transaction) -> View:
            if columns["subject"] is None and store.is_invited(tx, str(columns["email"])):
                raise Conflict("This address is invited already.")
            store.insert(tx, user_id, columns)
            store.set_integrations(tx, user_id, person.get("integration_ids") or ())
            about = {"name": columns["name"], "role": columns["role"]}
            record(tx, by, "user.invited", ("user", user_id), about, correlation_id)
            return _there(store.one(tx, user_id))

        return self._run(by, work)

    def change(self, by: Principal, user_id: UUID, asked: Mapping[str, Any], correlation_id: UUID) -> View:
        """Change what is asked of a person: `name`, `email`, `role`, `capacity`, `disabled`, `integration_ids`.

        Raises NotFound, Forbidden, Conflict, InvalidRequest.
        """

        def work(tx: Transaction) -> View:
            rows = store.lock(tx, user_id)
            old = _there(store.one(tx, user_id))
            was = {**old, "disabled": old["status"] == "disabled"}
            new = {name: asked.get(name, was[name]) for name in ("name", "email", "role", "capacity", "disabled")}
            _may_change(by, user_id, rows, new)
            store.update(tx, user_id, new)
            if "integration_ids" in asked and store.set_integrations(tx, user_id, asked["integration_ids"]):
                store.raise_rights(tx, [user_id])
            now = _there(store.one(tx, user_id))
            about = {
                name: [old[name], now[name]] for name in ("role", "status", "integrationIds") if old[name] != now[name]
            }
            record(tx, by, "user.changed", ("user", user_id), about, correlation_id)
            return now

        return self._run(by, work)

    def settings(self, by: Principal) -> View:
        """What the company has chosen."""
        with self._database.transaction(by.tenant_id) as tx:
            return _chosen(store.settings(tx))

    def choose(self, by: Principal, asked: Mapping[str, Any], correlation_id: UUID) -> View:
        """Choose some settings; those that are not asked stay. Raises InvalidRequest."""

        def work(tx: Transaction) -> View:
            old = store.settings(tx)
            store.set_settings(tx, {**old, **asked})
            if "agentsSee" in asked and asked["agentsSee"] != _chosen(old)["agentsSee"]:
                store.raise_rights(tx, None)
            now = _chosen({**old, **asked})
            about = {name: [before, now[name]] for name, before in _chosen(old).items() if before != now[name]}
            record(tx, by, "settings.changed", ("tenant", by.tenant_id), about, correlation_id)
            return now

        return self._run(by, work)

    def deeds(self, by: Principal, after: UUID | None, limit: int, **wanted: Any) -> Page[UUID]:
        """The next deeds of the audit log (`action`, `since`, `until`) before one."""
        with self._database.transaction(by.tenant_id) as tx:
            return _page(page_of_deeds(tx, after, limit + 1, **wanted), limit)

    def _run(self, by: Principal, work: Callable[[Transaction], Result]) -> Result:
        try:
            done = self._database.run(by.tenant_id, work)
        except DataRefused as error:
            if error.constraint == "users_subject":
                raise Conflict("The company has somebody with this issuer and subject already.") from error
            if error.constraint == "integration_members_integration":
                problem = {"path": "integrationIds", "message": "names an integration that is not there"}
                raise InvalidRequest(errors=[problem]) from error
            raise
        # Sockets under rights that are gone hear so from the next push.
        self._wake(by.tenant_id)
        return done


def _may_make(by: Principal, role: str) -> None:
    if role == "owner" and by.kind == "user" and by.role != "owner":
        raise Forbidden("Only an owner makes owners.")
    if role == "owner" and by.kind != "user":
        raise Forbidden("Only an owner makes owners.")


def _may_change(by: Principal, user_id: UUID, rows: list[Row], new: Mapping[str, Any]) -> None:
    """Whether `by` may make this of that person. Raises Forbidden, Conflict."""
    old = next(row for row in rows if row["id"] == user_id)
    loses = old["role"] != new["role"] or (new["disabled"] and old["disabled_at"] is None)
    if old["role"] != new["role"]:
        _may_make(by, new["role"])
    if old["role"] == "owner" and loses and not (by.kind == "user" and by.role == "owner"):
        raise Forbidden("Only an owner changes what an owner may.")
    if loses and user_id == by.id:
        raise Conflict("Nobody takes their own rights away: ask somebody else.")
    others = [row for row in rows if row["role"] == "owner" and row["disabled_at"] is None and row["id"] != user_id]
    if old["role"] == "owner" and loses and not others:
        raise Conflict("This is the last owner.")


def _chosen(settings: Mapping[str, Any]) -> View:
    return {name: settings.get(name, default) for name, default in DEFAULTS.items()}


def _page(items: list[View], limit: int) -> Page[UUID]:
    return Page(items[:limit], UUID(items[limit - 1]["id"]) if len(items) > limit else None)


def _there(view: View | None) -> View:
    if view is None:
        raise NotFound
    return view
