"""Connect a company's accounts on gateways, and look after them. The one rule: a credential comes in and never goes out
again: it is sealed before it is stored, and no answer, event or log holds it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from parley.cloud.ports import NotSealedHere, Sealer
from parley.domain import events
from parley.domain.errors import Conflict, DataRefused, InvalidRequest, NotFound
from parley.domain.outgoing import Accepted, Refused
from parley.domain.principal import Principal
from parley.domain.tokens import DeploymentKeys
from parley.providers.base import Account, Checkup, Provider
from parley.store import accounts
from parley.store import lines as store
from parley.store import sending as clock
from parley.store.audit import record
from parley.store.database import Database, Row, Transaction
from parley.store.event_log import append_events
from parley.store.ids import new_id
from parley.store.provisioning import insert_integration
from parley.store.views import View

from .private_addresses import require_public
from .read_health import Checkups
from .read_inbox import Page
from .watch_health import Tempo, tell

LOG = logging.getLogger(__name__)
PURPOSE = "provider"


@dataclass(frozen=True, slots=True)
class Gateways:
    """What connecting needs to know of gateways: the adapters, the names of the credentials that each cannot do
    without, and the beginnings of addresses where one may be though it is not public.
    """

    providers: Mapping[str, Provider]
    credentials: Mapping[str, tuple[frozenset[str], frozenset[str]]]
    private_urls: tuple[str, ...] = ()


class Lines:
    """The connected accounts of each tenant. `base_url` of a method: where gateways reach this deployment."""

    def __init__(
        self,
        database: Database,
        gateways: Gateways,
        sealer: Callable[[], Sealer],
        keys: Callable[[], DeploymentKeys],
        wake: Callable[[UUID], None],
        tempo: Tempo | None = None,
    ) -> None:
        self._database = database
        self._gateways = gateways
        self._sealer = sealer
        self._keys = keys
        self._wake = wake
        self._checkups = Checkups(database, gateways.providers, tempo or Tempo())

    def page(self, by: Principal, after: UUID | None, limit: int) -> Page[UUID]:
        """The next accounts after one."""
        with self._database.transaction(by.tenant_id) as tx:
            items = store.page(tx, after, limit + 1)
        return Page(items[:limit], UUID(items[limit - 1]["id"]) if len(items) > limit else None)

    def one(self, by: Principal, integration_id: UUID) -> View:
        """One account. Raises NotFound."""
        return store.shown(self._row(by, integration_id))

    def connect(self, by: Principal, new: Mapping[str, Any], base_url: str, correlation_id: UUID) -> View:
        """Connect an account (`provider`, `name`, `account_id`, `phone`, `settings`, `credentials`); tell its gateway
        where to post; the answer's `webhook` says whether that worked. Raises InvalidRequest, Conflict.
        """
        provider = self._provider(new["provider"])
        self._check_credentials(new["provider"], new["credentials"])
        require_public(new["settings"].get("baseUrl"), self._gateways.private_urls)

        def work(tx: Transaction) -> tuple[UUID, int]:
            before = store.removed(tx, provider.name, new["account_id"])
            line_id = before["id"] if before else new_id()
            columns = {name: new[name] for name in ("name", "phone", "settings")}
            columns["credentials"] = self._seal(by, line_id, new["credentials"])
            if before:
                store.take_up(tx, line_id, columns)
            else:
                account = {"provider": provider.name, "channel": provider.channel, "account_id": new["account_id"]}
                insert_integration(tx, line_id, **account, **columns)
            about = {"provider": provider.name, "accountId": new["account_id"]}
            record(tx, by, "integration.connected", ("integration", line_id), about, correlation_id)
            self._tell(tx, line_id, correlation_id)
            return line_id, before["token_generation"] if before else 1

        integration_id, generation = self._run(by, work)
        self._wake(by.tenant_id)
        row = self._row(by, integration_id)
        return {**store.shown(row), "webhook": self._set_up(row, new["credentials"], base_url, generation)}

    def change(self, by: Principal, integration_id: UUID, asked: Mapping[str, Any], correlation_id: UUID) -> View:
        """Change an account's `name`, `phone`, `settings` or whether it is `held`. Raises NotFound, InvalidRequest."""

        def work(tx: Transaction) -> View:
            row = _there(store.lock(tx, integration_id))
            new = {
                "held": row["held_at"] is not None,
                **{name: row[name] for name in ("name", "phone", "settings")},
                **asked,
            }
            # The local address of a gateway that was set by the operator may stay.
            if new["settings"].get("baseUrl") != row["settings"].get("baseUrl"):
                require_public(new["settings"].get("baseUrl"), self._gateways.private_urls)
            store.change(tx, integration_id, new)
            about = {"changed": sorted(asked)}
            record(tx, by, "integration.changed", ("integration", integration_id), about, correlation_id)
            return self._tell(tx, integration_id, correlation_id)

        changed = self._database.run(by.tenant_id, work)
        self._wake(by.tenant_id)
        return changed

    def rotate(
        self,
        by: Principal,
        integration_id: UUID,
        credentials: Mapping[str, str] | None,
        new_address: bool,
        base_url: str,
        correlation_id: UUID,
    ) -> View:
        """Give an account other credentials, its webhooks another address, or both. Raises NotFound, InvalidRequest."""

        def work(tx: Transaction) -> Mapping[str, str]:
            row = _there(store.lock(tx, integration_id))
            opened = {**self._open(by, row), **(credentials or {})}
            self._check_credentials(row["provider"], opened)
            generation = row["token_generation"] + int(new_address)
            store.rotate(tx, integration_id, self._seal(by, integration_id, opened), generation)
            about = {"credentials": sorted(credentials or {}), "webhookUrl": new_address}
            record(tx, by, "integration.rotated", ("integration", integration_id), about, correlation_id)
            return opened

        opened = self._database.run(by.tenant_id, work)
        row = self._row(by, integration_id)
        webhook = self._set_up(row, opened, base_url, row["token_generation"]) if new_address else None
        return {**store.shown(row), "webhook": webhook}

    def check(self, by: Principal, integration_id: UUID, correlation_id: UUID) -> View:
        """Ask the gateway whether the account works, and keep what it says and what that means. Raises NotFound."""
        row = self._row(by, integration_id)
        account = Account(row["account_id"], self._open(by, row), row["settings"])
        found = self._provider(row["provider"]).check(account)
        if not found.unreachable:
            self._database.run(by.tenant_id, lambda tx: self._keep(tx, integration_id, found, correlation_id))
            self._wake(by.tenant_id)
        said = {"ok": found.ok, "reason": found.reason, "reachable": not found.unreachable}
        return {**self.one(by, integration_id), "check": said}

    def health(self, by: Principal, integration_id: UUID) -> View:
        """How an account does, with its figures. Raises NotFound."""
        return self._checkups.one(by, integration_id)

    def _keep(self, tx: Transaction, integration_id: UUID, found: Checkup, correlation_id: UUID) -> None:
        """Keep what a gateway says of an account; one event tells all that changed by it."""
        state, reason, code = ("connected", None, None) if found.ok else ("disconnected", found.reason, found.code)
        told = accounts.set_state(tx, integration_id, state, reason, clock.now(tx), code)
        clock.note_check(tx, integration_id)
        look = self._checkups.look_again(tx, integration_id)
        if not tell(tx, [look], correlation_id) and told is not None:
            append_events(tx, [events.integration_updated(told, correlation_id)])

    def disconnect(self, by: Principal, integration_id: UUID, correlation_id: UUID) -> View:
        """Disconnect an account: nothing comes in or goes out, and its credentials are gone. Raises NotFound."""

        def work(tx: Transaction) -> View:
            row = _there(store.lock(tx, integration_id))
            told = self._removed(tx, by, row)
            about = {"provider": row["provider"], "accountId": row["account_id"]}
            record(tx, by, "integration.disconnected", ("integration", integration_id), about, correlation_id)
            append_events(tx, [events.integration_updated(_event_of(told), correlation_id)])
            return told

        removed = self._database.run(by.tenant_id, work)
        self._wake(by.tenant_id)
        return removed

    def _removed(self, tx: Transaction, by: Principal, row: Row) -> View:
        reason = f"Disconnected by {by.name}."
        store.remove(tx, row["id"], reason, self._seal(by, row["id"], {}))
        return {
            **store.shown(row),
            "state": "disconnected",
            "reason": reason,
            "held": True,
            "version": row["version"] + 1,
        }

    def _set_up(self, row: Row, credentials: Mapping[str, str], base_url: str, generation: int) -> View:
        """Tell the gateway where to post; what it says to that fails nothing: a person may have to enter it."""
        keys, line_id = self._keys(), str(row["id"])
        url = f"{base_url}/webhooks/{row['provider']}/{line_id}/{keys.url_token(line_id, generation)}"
        verify_token = keys.verify_token(line_id)
        account = Account(row["account_id"], {"verify_token": verify_token, **credentials}, row["settings"])
        outcome = self._provider(row["provider"]).set_up_webhook(url, account)
        if isinstance(outcome, Accepted):
            said = None
        else:
            said = (
                outcome.message
                if isinstance(outcome, Refused)
                else "The gateway did not answer: enter it there by hand."
            )
        return {"url": url, "verifyToken": verify_token, "setUp": said is None, "message": said}

    def _tell(self, tx: Transaction, integration_id: UUID, correlation_id: UUID) -> View:
        view = store.shown(_there(store.one(tx, integration_id)))
        append_events(tx, [events.integration_updated(_event_of(view), correlation_id)])
        return view

    def _row(self, by: Principal, integration_id: UUID) -> Row:
        with self._database.transaction(by.tenant_id) as tx:
            return _there(store.one(tx, integration_id))

    def _run(self, by: Principal, work: Callable[[Transaction], tuple[UUID, int]]) -> tuple[UUID, int]:
        try:
            return self._database.run(by.tenant_id, work)
        except DataRefused as error:
            if error.constraint == "integrations_account":
                raise Conflict("This account is connected already.") from error
            raise

    def _provider(self, name: str) -> Provider:
        if name not in self._gateways.providers:
            raise InvalidRequest(errors=[{"path": "provider", "message": "there is no such gateway"}])
        return self._gateways.providers[name]

    def _check_credentials(self, provider: str, given: Mapping[str, str]) -> None:
        required, optional = self._gateways.credentials.get(provider, (frozenset(), frozenset()))
        wrong = dict.fromkeys(sorted(required - given.keys()), "is needed")
        wrong |= dict.fromkeys(sorted(given.keys() - required - optional), "this gateway has no such credential")
        if wrong:
            raise InvalidRequest(
                "The credentials are not those of this gateway.",
                errors=[{"path": f"credentials.{name}", "message": message} for name, message in wrong.items()],
            )

    def _seal(self, by: Principal, integration_id: UUID, credentials: Mapping[str, str]) -> bytes:
        return self._sealer().seal(credentials, by.tenant_id, integration_id, PURPOSE)

    def _open(self, by: Principal, row: Row) -> dict[str, str]:
        try:
            return self._sealer().open(row["credentials"], by.tenant_id, row["id"], PURPOSE)
        except NotSealedHere:
            LOG.warning("credentials cannot be opened", extra={"tenant_id": by.tenant_id, "integration_id": row["id"]})
            return {}


def _event_of(view: View) -> View:
    """An account as its events show it."""
    return {name: view[name] for name in ("id", "provider", "channel", "name", "accountId", "state", "reason")}


def _there(row: Row | None) -> Row:
    if row is None:
        raise NotFound
    return row
