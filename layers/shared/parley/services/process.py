"""Take a batch of webhooks from the queue into the inbox: find whose they are, believe or reject, understand, receive.

The one rule: each webhook ends in exactly one ledger row (or stray), or it is handed back to the queue. What fails
alone and will always fail is parked; what may pass is tried again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from parley.cloud.ports import Bucket, NotSealedHere, Sealer
from parley.domain.errors import DataRefused, NotFound, ParleyError, Rejected, TooLarge, Unreadable
from parley.domain.identity import Person
from parley.domain.incoming import AccountNotice, Fact, Ignored, MessageReceived, TypingSeen, account_names
from parley.domain.media import object_key
from parley.domain.webhook import Webhook
from parley.providers.base import Account, App, Provider
from parley.store.database import Database, Transaction
from parley.store.integrations import (
    Integration,
    find_integrations,
    integration_by_account,
    integrations_of_business,
)
from parley.store.ledger import Entry, LedgerState, record, record_stray

from .accept import LARGEST_BODY
from .arrivals import Arrival, Policy, Storable
from .fetch_media import PendingFile
from .receive import Received, Touched, receive
from .suppress import ErasedMetError, Sieved, Suppression, forget_objects, record_unsaid
from .take_apart import PARSER_BUGS, Splitter, no_apps


@dataclass(frozen=True, slots=True)
class Examined:
    """A webhook after all that needs no transaction: its integration, and either facts or why there are none.
    `redacted`: what its object is to be, once the rest is stored; None where it stays.
    """

    webhook: Webhook
    integration: Integration
    stored_body: bytes | None
    facts: Sequence[Fact] = ()
    state: LedgerState | None = None
    reason: str | None = None
    believed: bool = False
    redacted: bytes | None = None


@dataclass(frozen=True, slots=True)
class TypingHeard:
    """A customer of an integration types, or no longer."""

    tenant_id: UUID
    integration_id: UUID
    person: Person
    on: bool
    seen_at: datetime


@dataclass(slots=True)
class Processed:
    """`failed`: the indexes to be tried again, with what was in the way. `changed`: tenants whose listeners should
    hear. `parked`: how many were set aside. `ended`: how many are in the ledger, by integration, and `parked_of` how
    many of those were set aside; those `replayed` count in neither, for that one is parked again says nothing new.
    `entries`: how each ended; of one for a whole app, in one of its tenants. `files`: what is still to be fetched.
    `resumed`: accounts (tenant, integration) whose gateway says they are
    connected. `typing`: customers who type just now. `unsent`: how many sends turned out to have failed.
    """

    failed: dict[int, ParleyError] = field(default_factory=dict)
    changed: set[UUID] = field(default_factory=set)
    parked: int = 0
    replayed: frozenset[int] = frozenset()
    ended: Counter[UUID] = field(default_factory=Counter)
    parked_of: Counter[UUID] = field(default_factory=Counter)
    entries: dict[int, Entry] = field(default_factory=dict)
    files: list[PendingFile] = field(default_factory=list)
    resumed: set[tuple[UUID, UUID]] = field(default_factory=set)
    typing: list[TypingHeard] = field(default_factory=list)
    unsent: int = 0


class Processor:
    """Processes batches; its collaborators are the deployment's. `suppression`: what is erased; None: nothing was."""

    def __init__(
        self,
        database: Database,
        bucket: Bucket,
        providers: Mapping[str, Provider],
        sealer: Callable[[], Sealer],
        apps: Callable[[str], App | None] = no_apps,
        suppression: Suppression | None = None,
    ) -> None:
        self._database = database
        self._bucket = bucket
        self._providers = providers
        self._sealer = sealer
        self._suppression = suppression
        self._splitter = Splitter(database, bucket, apps)

    def process(self, webhooks: Sequence[Webhook]) -> Processed:
        """Take webhooks in; never raises for one of them."""
        replayed = frozenset(i for i, webhook in enumerate(webhooks) if webhook.is_believed or webhook.is_replay)
        done = Processed(replayed=replayed)
        try:
            with self._database.unscoped() as tx:
                integrations = find_integrations(tx, {webhook.integration_id for webhook in webhooks})
        except ParleyError as error:
            done.failed = dict.fromkeys(range(len(webhooks)), error)
            return done
        by_tenant: dict[UUID, dict[int, Examined]] = defaultdict(dict)
        apart: set[int] = set()
        for index, webhook in enumerate(webhooks):
            integration = integrations.get(webhook.integration_id)
            try:
                if webhook.is_app_wide:
                    shares = self._splitter.take_apart(webhook)
                    if shares is not None:
                        apart.add(index)
                    for share in shares or ():
                        tenant_id = share.integration.tenant_id
                        by_tenant[tenant_id][index] = self._examine(share.webhook, share.integration)
                elif integration is None:
                    self._stray(webhook)
                else:
                    by_tenant[integration.tenant_id][index] = self._examine(webhook, integration)
            except ParleyError as error:
                done.failed[index] = error
        for tenant_id, group in by_tenant.items():
            self._store(tenant_id, group, done)
        for index in apart - set(done.failed):
            self._finish(index, webhooks[index], done)
        return done

    def _finish(self, index: int, webhook: Webhook, done: Processed) -> None:
        try:
            self._splitter.finish(webhook)
        except ParleyError as error:
            done.failed[index] = error

    def _stray(self, webhook: Webhook) -> None:
        with self._database.unscoped() as tx:
            record_stray(tx, webhook, "unknown_integration")

    def _examine(self, webhook: Webhook, integration: Integration) -> Examined:
        """Believe and understand one webhook. Raises only what may pass (the bucket or a secret out of reach)."""
        kept: bytes | None = None
        believed = webhook.is_believed
        facts: Sequence[Fact] = ()
        state: LedgerState | None = None
        reason: str | None = None
        try:
            webhook = self._with_body(webhook)
            provider = self._providers[integration.provider]
            kept = provider.redact(webhook.body or b"", webhook.headers)
            if not believed:
                self._believe(webhook, integration, provider)
            believed = True
            facts = _understood(webhook, provider)
            self._keep_files(integration.tenant_id, facts)
        except Rejected as error:
            state, reason = "rejected", error.detail
        except (Unreadable, NotFound, TooLarge, NotSealedHere) as error:
            state, reason = "parked", error.detail
        except PARSER_BUGS as error:
            state, reason = "parked", f"{type(error).__name__} while reading it"
        stored, redacted = kept, None
        if webhook.pointer is not None:
            stored, redacted = None, kept if kept != webhook.body else None
        return Examined(webhook, integration, stored, facts if state is None else (), state, reason, believed, redacted)

    def _believe(self, webhook: Webhook, integration: Integration, provider: Provider) -> None:
        if webhook.provider != integration.provider:
            raise Rejected(f"wrong_provider: this integration is on {integration.provider}")
        if webhook.generation < integration.token_generation:
            raise Rejected("old_url: the webhook's URL was replaced")
        credentials = self._sealer().open(integration.credentials, integration.tenant_id, integration.id, "provider")
        account = Account(integration.account_id, credentials, integration.settings)
        provider.verify(webhook.body or b"", webhook.headers, account, webhook.received_at)

    def _keep_files(self, tenant_id: UUID, facts: Sequence[Fact]) -> None:
        """Put files that came within the webhook into the bucket, under the names their rows will have."""
        for fact in facts:
            for media in fact.media if isinstance(fact, MessageReceived) else ():
                if media.inline is not None:
                    self._bucket.put(object_key(tenant_id, media.inline), media.inline)

    def _with_body(self, webhook: Webhook) -> Webhook:
        if webhook.pointer is None or webhook.body is not None:
            return webhook
        return webhook.with_body(self._bucket.get(webhook.pointer, LARGEST_BODY))

    def _store(self, tenant_id: UUID, group: Mapping[int, Examined], done: Processed) -> None:
        """Store one tenant's webhooks together; if that fails for their content, each alone."""
        try:
            received = self._received(tenant_id, group, done)
            if received.changed:
                done.changed.add(tenant_id)
            done.unsent += received.unsent
            done.resumed |= {(tenant_id, integration_id) for integration_id in received.resumed}
            done.files += [PendingFile(tenant_id, *ids) for ids in received.pending]
            self._count(group, {i: examined for i, examined in group.items() if examined.state == "parked"}, done)
            done.typing += [heard for examined in group.values() for heard in _typing(examined)]
            self._redact(group, done)
        except DataRefused as error:
            if error.constraint == "messages_one_sending":
                # Two conversations that become one are both sending: a moment later they are not.
                done.failed.update(dict.fromkeys(group, error))
            elif len(group) > 1:
                for index, examined in group.items():
                    self._store(tenant_id, {index: examined}, done)
            else:
                self._park(tenant_id, group, error, done)
        except ParleyError as error:
            done.failed.update(dict.fromkeys(group, error))

    def _park(self, tenant_id: UUID, group: Mapping[int, Examined], error: DataRefused, done: Processed) -> None:
        reason = f"{error.detail} ({error.constraint})" if error.constraint else error.detail
        entries = {
            index: Entry(examined.webhook, examined.stored_body, "parked", reason, believed=examined.believed)
            for index, examined in group.items()
        }
        try:
            self._database.run(tenant_id, lambda tx: record(tx, list(entries.values())))
            done.entries.update(entries)
            self._count(group, group, done)
            self._redact(group, done)
        except ParleyError as failure:
            done.failed.update(dict.fromkeys(group, failure))

    def _redact(self, group: Mapping[int, Examined], done: Processed) -> None:
        """Rewrite objects as they may be kept. Not before: whoever comes again needs the bytes that were signed."""
        for index, examined in group.items():
            pointer = done.entries[index].webhook.pointer
            if examined.redacted is not None and pointer is not None:
                self._bucket.put(pointer, examined.redacted)

    def _count(self, group: Mapping[int, Examined], parked: Mapping[int, Examined], done: Processed) -> None:
        done.parked += len(parked)
        done.ended.update(group[index].integration.id for index in group.keys() - done.replayed)
        done.parked_of.update(parked[index].integration.id for index in parked.keys() - done.replayed)

    def _received(self, tenant_id: UUID, group: Mapping[int, Examined], done: Processed) -> Received:
        """Receive in one transaction; where it met something erased, once more without that."""
        try:
            return self._database.run(tenant_id, lambda tx: self._receive(tx, group, done, sieved=False))[0]
        except ErasedMetError:
            received, sieved = self._database.run(tenant_id, lambda tx: self._receive(tx, group, done, sieved=True))
        pointers = {index: examined.webhook.pointer for index, examined in group.items()}
        forget_objects(self._database, self._bucket, tenant_id, sieved, pointers)
        return received

    def _receive(
        self, tx: Transaction, group: Mapping[int, Examined], done: Processed, *, sieved: bool
    ) -> tuple[Received, Sieved]:
        arrivals: list[Arrival[Storable]] = []
        policies: dict[UUID, Policy] = {}
        unknown: set[int] = set()
        for index, examined in group.items():
            for fact in examined.facts:
                if isinstance(fact, Ignored | TypingSeen):
                    continue
                owners = self._owners(tx, examined.integration, fact)
                if not owners:
                    unknown.add(index)
                webhook = examined.webhook
                for owner in owners:
                    policies[owner.id] = self._policy(owner)
                    arrivals.append(Arrival(index, owner.id, webhook.received_at, webhook.correlation_id, fact))
        if self._suppression is None:
            received, parted = receive(tx, arrivals, policies), Sieved(arrivals, [])
        else:
            received, parted = self._suppression.receive(tx, arrivals, policies, sieved=sieved)
        taken = {arrival.webhook for arrival in parted.kept}
        entries = {i: _entry(e, received.touched.get(i), i in taken, i in unknown) for i, e in group.items()}
        said = record_unsaid(tx, entries, parted)
        record(tx, said)
        done.entries.update(zip(entries, said, strict=True))
        return received, parted

    def _owners(self, tx: Transaction, integration: Integration, fact: Storable) -> Sequence[Integration]:
        """The integration a fact belongs to: the URL's own (also where a body names none), or another of the same
        tenant on the same gateway; all that share an account, where it is of all of them, else the URL's own.
        """
        names = account_names(fact.account)
        if not names or integration.account_id in names:
            return [integration]
        if isinstance(fact, AccountNotice) and fact.shared:
            return integrations_of_business(tx, integration.provider, fact.account) or [integration]
        others = (integration_by_account(tx, integration.provider, name) for name in names)
        return [other for other in others if other][:1]

    def _policy(self, integration: Integration) -> Policy:
        window: timedelta | None = self._providers[integration.provider].capabilities.window
        return Policy(window, reopen=integration.settings.get("whenResolved", "reopen") == "reopen")


def _understood(webhook: Webhook, provider: Provider) -> Sequence[Fact]:
    """What a webhook says. Raises Unreadable, also for any bug: a parser sees nothing but the bytes, which stay the
    same, and one that fails its batch would take others' webhooks to the dead letters.
    """
    try:
        return provider.normalise(webhook.body or b"", webhook.headers)
    except ParleyError:
        raise
    except Exception as error:
        raise Unreadable(f"{type(error).__name__} while reading it") from error


def _typing(examined: Examined) -> Iterator[TypingHeard]:
    """Of the URL's own account only: it is not worth a look who else's it may be."""
    integration, seen_at = examined.integration, examined.webhook.received_at
    for fact in examined.facts:
        if not isinstance(fact, TypingSeen):
            continue
        names = account_names(fact.account)
        if not names or integration.account_id in names:
            yield TypingHeard(integration.tenant_id, integration.id, fact.person, fact.on, seen_at)


def _entry(examined: Examined, touched: Touched | None, taken: bool, unknown: bool) -> Entry:
    about = partial(Entry, examined.webhook, examined.stored_body, believed=examined.believed)
    if examined.state is not None:
        return about(examined.state, examined.reason)
    if taken:
        ids = touched or Touched(set(), set())
        part = "unknown_account: for a part of it" if unknown else None
        return about("processed", part, tuple(sorted(ids.message_ids)), tuple(sorted(ids.contact_ids)))
    if unknown:
        return about("rejected", "unknown_account")
    reasons = sorted({fact.reason if isinstance(fact, Ignored) else "typing" for fact in examined.facts})
    return about("ignored", "; ".join(reasons) or "it says nothing")
