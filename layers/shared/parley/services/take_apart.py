"""Take a webhook that came by the URL of a whole app apart, so that each tenant gets what names its accounts. The one
rule: what one tenant keeps holds nothing that was written to another, and what names nobody here is a stray.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from parley.cloud.ports import Bucket
from parley.domain.errors import NotFound, TooLarge, Unreadable
from parley.domain.webhook import Webhook
from parley.providers.base import App, Part
from parley.store.database import Database
from parley.store.integrations import Integration, find_account_owners
from parley.store.ledger import record_stray

from .accept import APP, LARGEST_BODY, LARGEST_QUEUED_BODY, PAYLOADS

PARSER_BUGS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a parser raises for a body it was not written for: the same bytes will raise it again."""
DONE = b""
"""What is left of a large body whose parts were all stored."""


def no_apps(_provider: str) -> None:
    """No gateway has a URL for a whole app."""


@dataclass(frozen=True, slots=True)
class Share:
    """One tenant's part, and the first of its integrations that the part names."""

    integration: Integration
    webhook: Webhook


class Splitter:
    """Takes webhooks apart; `apps` knows the gateways' apps by name."""

    def __init__(self, database: Database, bucket: Bucket, apps: Callable[[str], App | None]) -> None:
        self._database = database
        self._bucket = bucket
        self._apps = apps

    def take_apart(self, webhook: Webhook) -> Sequence[Share] | None:
        """Each tenant's share; what is nobody's is kept as a stray, and None answered where that is all of it. Harmless
        to repeat.

        Raises Unavailable.
        """
        app = self._apps(webhook.provider)
        if app is None:
            self._stray(webhook, "unknown_integration")
            return None
        try:
            whole = self._with_body(webhook)
            if webhook.pointer and whole.body == DONE:
                return ()
            parts = app.take_apart(whole.body or b"")
        except (Unreadable, NotFound, TooLarge) as error:
            self._stray(webhook, f"unreadable: {error.detail}")
            return None
        except PARSER_BUGS as error:
            self._stray(webhook, f"unreadable: {type(error).__name__}")
            return None
        return self._shares(whole, app, parts)

    def finish(self, webhook: Webhook) -> None:
        """Every share is stored: what was set aside for all of them is of nobody's use any more. Raises Unavailable."""
        if webhook.pointer is not None:
            self._bucket.put(webhook.pointer, DONE)

    def _shares(self, whole: Webhook, app: App, parts: Sequence[Part]) -> Sequence[Share]:
        owners = self._owners(whole.provider, {part.account for part in parts if part.account})
        shares: dict[UUID, list[Part]] = defaultdict(list)
        first: dict[UUID, Integration] = {}
        unknown: list[Part] = []
        for part in parts:
            found = owners.get(part.account, ())
            for integration in found:
                shares[integration.tenant_id].append(part)
                first.setdefault(integration.tenant_id, integration)
            if not found:
                unknown.append(part)
        if unknown or not parts:
            reason = "unknown_account" if unknown else "it says nothing"
            self._stray(self._part(whole, app, parts, unknown, whole.integration_id, "stray"), reason)
        return [
            Share(first[tenant], self._part(whole, app, parts, mine, first[tenant].id, str(tenant)))
            for tenant, mine in shares.items()
        ]

    def _owners(self, provider: str, accounts: Iterable[str]) -> Mapping[str, Sequence[Integration]]:
        """Whose each account is, as the operator said: a number is of one tenant, a business account may be of
        several.
        """
        names = sorted(accounts)
        if not names:
            return {}
        with self._database.unscoped() as tx:
            found = find_account_owners(tx, provider, names)
        owners: dict[str, list[Integration]] = defaultdict(list)
        for name in names:
            of_number = next((one for one in found if one.account_id == name), None)
            of_business = {one.tenant_id: one for one in reversed(found) if one.app_business == name}
            owners[name] = [of_number] if of_number else list(of_business.values())
        return owners

    def _part(
        self, whole: Webhook, app: App, parts: Sequence[Part], mine: Sequence[Part], integration_id: UUID, name: str
    ) -> Webhook:
        """These parts as a webhook of their own: the bytes that came, where they are all of it."""
        body = (whole.body or b"") if len(mine) == len(parts) else app.put_together(mine)
        pointer = None
        if len(body) > LARGEST_QUEUED_BODY:
            # Named after the whole, so that a repetition writes the same object.
            pointer = f"{whole.pointer or f'{PAYLOADS}{APP}/{whole.correlation_id}'}/{name}"
            self._bucket.put(pointer, body)
        return whole.part(integration_id, body, pointer)

    def _stray(self, webhook: Webhook, reason: str) -> None:
        with self._database.unscoped() as tx:
            record_stray(tx, webhook, reason)

    def _with_body(self, webhook: Webhook) -> Webhook:
        if webhook.pointer is None:
            return webhook
        return webhook.with_body(self._bucket.get(webhook.pointer, LARGEST_BODY))
