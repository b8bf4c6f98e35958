"""Take a batch of webhooks from the queue into the inbox: find whose they are, believe or reject, understand, receive.

The one rule: each webhook ends in exactly one ledger row (or stray), or it is handed back to the queue. What fails
alone and will always fail is parked; what may pass is tried again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from parley.cloud.ports import Bucket, NotSealedHere, Sealer
from parley.domain.errors import DataRefused, NotFound, ParleyError, Rejected, TooLarge, Unreadable
from parley.domain.incoming import Fact, Ignored, MessageReceived, Receipt
from parley.domain.webhook import Webhook
from parley.providers.base import Account, Provider
from parley.store.database import Database, Transaction
from parley.store.integrations import Integration, find_integrations, integration_by_account
from parley.store.ledger import Entry, LedgerState, record, record_stray

from .accept import LARGEST_BODY
from .receive import Arrival, Policy, Touched, receive

_PARSER_BUGS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a parser raises for a body it was not written for: the same bytes will raise it again."""

Said = TypeVar("Said", MessageReceived, Receipt)


@dataclass(frozen=True, slots=True)
class Examined:
    """A webhook after all that needs no transaction: its integration, and either facts or why there are none."""

    webhook: Webhook
    integration: Integration
    facts: Sequence[Fact] = ()
    state: LedgerState | None = None
    reason: str | None = None


@dataclass(slots=True)
class Processed:
    """`failed`: the indexes to be tried again, with what was in the way. `changed`: tenants whose listeners should
    hear. `parked`: how many were set aside.
    """

    failed: dict[int, ParleyError] = field(default_factory=dict)
    changed: set[UUID] = field(default_factory=set)
    parked: int = 0


class Processor:
    """Processes batches; its collaborators are the deployment's."""

    def __init__(
        self, database: Database, bucket: Bucket, providers: Mapping[str, Provider], sealer: Callable[[], Sealer]
    ) -> None:
        self._database = database
        self._bucket = bucket
        self._providers = providers
        self._sealer = sealer

    def process(self, webhooks: Sequence[Webhook]) -> Processed:
        """Take webhooks in; never raises for one of them."""
        done = Processed()
        try:
            with self._database.unscoped() as tx:
                integrations = find_integrations(tx, {webhook.integration_id for webhook in webhooks})
        except ParleyError as error:
            done.failed = dict.fromkeys(range(len(webhooks)), error)
            return done
        by_tenant: dict[UUID, dict[int, Examined]] = defaultdict(dict)
        for index, webhook in enumerate(webhooks):
            integration = integrations.get(webhook.integration_id)
            try:
                if integration is None:
                    self._stray(webhook)
                else:
                    by_tenant[integration.tenant_id][index] = self._examine(webhook, integration)
            except ParleyError as error:
                done.failed[index] = error
        for tenant_id, group in by_tenant.items():
            self._store(tenant_id, group, done)
        return done

    def _stray(self, webhook: Webhook) -> None:
        with self._database.unscoped() as tx:
            record_stray(tx, webhook, "unknown_integration")

    def _examine(self, webhook: Webhook, integration: Integration) -> Examined:
        """Believe and understand one webhook. Raises only what may pass (the bucket or a secret out of reach)."""
        try:
            webhook = self._with_body(webhook)
            body = webhook.body or b""
            provider = self._providers[integration.provider]
            if webhook.provider != integration.provider:
                raise Rejected(f"wrong_provider: this integration is on {integration.provider}")
            if webhook.generation < integration.token_generation:
                raise Rejected("old_url: the webhook's URL was replaced")
            credentials = self._sealer().open(
                integration.credentials, integration.tenant_id, integration.id, "provider"
            )
            provider.verify(body, webhook.headers, Account(integration.account_id, credentials))
            facts = provider.normalise(body, webhook.headers)
        except Rejected as error:
            return Examined(webhook, integration, state="rejected", reason=error.detail)
        except (Unreadable, NotFound, TooLarge, NotSealedHere) as error:
            return Examined(webhook, integration, state="parked", reason=error.detail)
        except _PARSER_BUGS as error:
            return Examined(webhook, integration, state="parked", reason=f"{type(error).__name__} while reading it")
        return Examined(webhook, integration, facts)

    def _with_body(self, webhook: Webhook) -> Webhook:
        if webhook.pointer is None:
            return webhook
        return webhook.with_body(self._bucket.get(webhook.pointer, LARGEST_BODY))

    def _store(self, tenant_id: UUID, group: Mapping[int, Examined], done: Processed) -> None:
        """Store one tenant's webhooks together; if that fails for their content, each alone."""
        try:
            if self._database.run(tenant_id, lambda tx: self._receive(tx, group)):
                done.changed.add(tenant_id)
            done.parked += sum(examined.state == "parked" for examined in group.values())
        except DataRefused as error:
            if len(group) > 1:
                for index, examined in group.items():
                    self._store(tenant_id, {index: examined}, done)
            else:
                self._park(tenant_id, group, error, done)
        except ParleyError as error:
            done.failed.update(dict.fromkeys(group, error))

    def _park(self, tenant_id: UUID, group: Mapping[int, Examined], error: DataRefused, done: Processed) -> None:
        reason = f"{error.detail} ({error.constraint})" if error.constraint else error.detail
        entries = [Entry(examined.webhook, "parked", reason) for examined in group.values()]
        try:
            self._database.run(tenant_id, lambda tx: record(tx, entries))
            done.parked += len(entries)
        except ParleyError as failure:
            done.failed.update(dict.fromkeys(group, failure))

    def _receive(self, tx: Transaction, group: Mapping[int, Examined]) -> bool:
        messages: list[Arrival[MessageReceived]] = []
        receipts: list[Arrival[Receipt]] = []
        policies: dict[UUID, Policy] = {}
        unknown: set[int] = set()
        for index, examined in group.items():
            for fact in examined.facts:
                if isinstance(fact, Ignored):
                    continue
                integration = self._owner(tx, examined.integration, fact.account)
                if integration is None:
                    unknown.add(index)
                    continue
                policies[integration.id] = self._policy(integration)
                if isinstance(fact, MessageReceived):
                    messages.append(_arrival(index, integration, examined.webhook, fact))
                else:
                    receipts.append(_arrival(index, integration, examined.webhook, fact))
        touched, changed = receive(tx, messages, receipts, policies)
        taken = {arrival.webhook for arrival in messages} | {arrival.webhook for arrival in receipts}
        record(tx, [_entry(e, touched.get(i), i in taken, i in unknown) for i, e in group.items()])
        return changed

    def _owner(self, tx: Transaction, integration: Integration, account: str) -> Integration | None:
        """The integration a fact belongs to: the URL's own, or another of the same tenant on the same gateway."""
        if account == integration.account_id:
            return integration
        return integration_by_account(tx, integration.provider, account)

    def _policy(self, integration: Integration) -> Policy:
        window: timedelta | None = self._providers[integration.provider].capabilities.window
        return Policy(window, reopen=integration.settings.get("whenResolved", "reopen") == "reopen")


def _arrival(index: int, integration: Integration, webhook: Webhook, fact: Said) -> Arrival[Said]:
    return Arrival(index, integration.id, webhook.received_at, webhook.correlation_id, fact)


def _entry(examined: Examined, touched: Touched | None, taken: bool, unknown: bool) -> Entry:
    if examined.state is not None:
        return Entry(examined.webhook, examined.state, examined.reason)
    if taken:
        ids = touched or Touched(set(), set())
        return Entry(
            examined.webhook,
            "processed",
            "unknown_account: for a part of it" if unknown else None,
            tuple(sorted(ids.message_ids)),
            tuple(sorted(ids.contact_ids)),
        )
    if unknown:
        return Entry(examined.webhook, "rejected", "unknown_account")
    reasons = sorted({fact.reason for fact in examined.facts if isinstance(fact, Ignored)})
    return Entry(examined.webhook, "ignored", "; ".join(reasons) or "it says nothing")
