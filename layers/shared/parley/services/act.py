"""Act on what is in the inbox: react, edit, take back, mark as read, show typing. The one rule: the gateway does it
first, and what it did is then kept as if a webhook had told it, so that its own telling changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from parley.cloud.ports import NotSealedHere, Sealer
from parley.domain import events
from parley.domain.errors import (
    AccountLost,
    Conflict,
    InvalidRequest,
    NotFound,
    ProviderRejected,
    Unavailable,
    UnsupportedCapability,
)
from parley.domain.identity import Address
from parley.domain.outgoing import Accepted, NotSent, Outcome, Refused, Target
from parley.domain.principal import Principal
from parley.providers.base import Account, Provider
from parley.store import acting as store
from parley.store import receiving, sending
from parley.store.database import Database, Row, Transaction
from parley.store.event_log import append_events
from parley.store.ids import new_id
from parley.store.views import View, load_conversations, load_messages

from .lost_accounts import pause
from .project import revise
from .receive_facts import OURSELVES
from .show_typing import Typists
from .sight import require_conversation, require_message
from .unsent import rewrite_unsent, withdraw_unsent

LOG = logging.getLogger(__name__)
_MOST_READ = 50
"""Read receipts at once: the newest; gateways and customers' phones take earlier ones as read with them."""


class Acting:
    """Does what a person asks for, through the conversation's gateway."""

    def __init__(
        self,
        database: Database,
        providers: Mapping[str, Provider],
        sealer: Callable[[], Sealer],
        wake: Callable[[UUID], None],
        typists: Typists | None = None,
    ) -> None:
        self._database = database
        self._providers = providers
        self._sealer = sealer
        self._wake = wake
        self._typists = typists

    def react(self, principal: Principal, message_id: UUID, emoji: str | None, correlation_id: UUID) -> View:
        """Set the number's reaction to a message, or (None) take it back; answer the message.

        Raises NotFound, UnsupportedCapability, Conflict, ProviderRejected, Unavailable.
        """
        message = self._message(principal, message_id, "reactions", "react to a message")
        provider, to = self._providers[message["provider"]], _address(message)
        self._do(
            principal.tenant_id,
            message,
            correlation_id,
            lambda account: provider.react(_target(message), to, emoji, account),
        )

        def keep(tx: Transaction) -> None:
            key = (message["integration_id"], message["provider_message_id"])
            reaction = {
                "integration_id": key[0],
                "provider_message_id": key[1],
                "actor": OURSELVES,
                "emoji": emoji,
                "sender_kind": principal.sender_kind,
                "sender_id": principal.id,
            }
            store.react(tx, reaction)
            for row in receiving.touch_messages(tx, {key}):
                event = events.message_reaction(
                    row["conversation_id"], row["id"], is_last=bool(row["is_last"]), correlation_id=correlation_id
                )
                append_events(tx, [event])

        return self._keep(principal, message_id, keep)

    def edit(self, principal: Principal, message_id: UUID, text: str, correlation_id: UUID) -> View:
        """Replace the text of a message of ours; answer the message. Raises what `react` raises, and Forbidden."""
        unsent = self._unsent(
            principal, message_id, lambda tx: rewrite_unsent(tx, principal, message_id, text, correlation_id)
        )
        if unsent is not None:
            return unsent
        message = self._message(principal, message_id, "edit", "change a message", ours=True)
        if message["kind"] != "text":
            problem = {"path": "text", "message": "only a text can be changed"}
            raise UnsupportedCapability("Only a text can be changed.", errors=[problem], capability="edit")
        provider, to = self._providers[message["provider"]], _address(message)
        accepted = self._do(
            principal.tenant_id,
            message,
            correlation_id,
            lambda account: provider.edit(_target(message), to, text, account),
        )
        # Where the edit has an id of its own at the gateway, the gateway tells it under that id.
        own = accepted.provider_message_id
        key = own if own and own != message["provider_message_id"] else f"ours:{new_id()}"
        return self._revise(principal, message, correlation_id, kind="edit", revision_key=key, body=text)

    def delete(self, principal: Principal, message_id: UUID, correlation_id: UUID) -> View:
        """Take a message of ours back for everyone; answer what is left of it. Raises what `react` raises, and
        Forbidden.
        """
        unsent = self._unsent(
            principal, message_id, lambda tx: withdraw_unsent(tx, principal, message_id, correlation_id)
        )
        if unsent is not None:
            return unsent
        message = self._message(principal, message_id, "delete", "take a message back", ours=True, deleted=True)
        if message["deleted"]:
            with self._database.transaction(principal.tenant_id) as tx:
                return _there(load_messages(tx, [message_id]), message_id)
        provider, to = self._providers[message["provider"]], _address(message)
        self._do(
            principal.tenant_id, message, correlation_id, lambda account: provider.delete(_target(message), to, account)
        )
        return self._revise(principal, message, correlation_id, kind="delete", revision_key="", body=None)

    def mark_read(self, principal: Principal, conversation_id: UUID, up_to: UUID, correlation_id: UUID) -> View:
        """Mark a conversation as read up to a message of it, here and, where it can, at the gateway; answer it.

        Raises NotFound, InvalidRequest; a gateway that fails fails nothing.
        """
        conversation, targets = self._database.run(
            principal.tenant_id, lambda tx: _read(tx, principal, conversation_id, up_to, correlation_id)
        )
        provider = self._providers[conversation["provider"]]
        if targets is not None:
            self._wake(principal.tenant_id)
        if targets and provider.capabilities.mark_read and conversation["reply_address"]:
            to = _address(conversation)
            try:
                self._do(
                    principal.tenant_id,
                    conversation,
                    correlation_id,
                    lambda account: provider.mark_read(targets, to, account),
                )
            except (ProviderRejected, UnsupportedCapability, Unavailable) as error:
                about = {"tenant_id": principal.tenant_id, "conversation_id": conversation_id, "code": error.code}
                LOG.warning("read receipts not sent", extra={**about, "correlation_id": correlation_id})
        with self._database.transaction(principal.tenant_id) as tx:
            return _there(load_conversations(tx, [conversation_id]), conversation_id)

    def show_typing(self, principal: Principal, conversation_id: UUID, on: bool, correlation_id: UUID) -> None:
        """Show colleagues and the customer that somebody is typing, or no longer. Raises what `react` raises, after
        colleagues were told.
        """
        with self._database.transaction(principal.tenant_id) as tx:
            require_conversation(tx, principal, conversation_id)
        by = {"kind": principal.sender_kind, "id": str(principal.id), "name": principal.name}
        if self._typists is not None:
            self._typists.colleague(principal.tenant_id, by, conversation_id, on=on, viewer=principal.viewer)
        self._show_customer(principal.tenant_id, conversation_id, on, correlation_id)

    def pass_typing_on(self, tenant_id: UUID, conversation_id: UUID, on: bool, correlation_id: UUID) -> bool:
        """Show the customer that somebody is typing, where the gateway can; answer whether it was shown. Never raises
        what the gateway does.
        """
        try:
            self._show_customer(tenant_id, conversation_id, on, correlation_id)
        except (NotFound, Conflict, UnsupportedCapability, Unavailable) as error:
            about = {"tenant_id": tenant_id, "conversation_id": conversation_id, "code": error.code}
            LOG.info("typing not shown", extra=about)
            return False
        return True

    def _show_customer(self, tenant_id: UUID, conversation_id: UUID, on: bool, correlation_id: UUID) -> None:
        with self._database.transaction(tenant_id) as tx:
            conversation = store.find_conversation(tx, conversation_id)
            latest = store.latest_incoming(tx, conversation_id)
        if conversation is None:
            raise NotFound
        provider = self._providers[conversation["provider"]]
        _require(provider, "typing", "show that somebody is typing", conversation)
        target = Target(latest, ours=False) if latest else None
        to = _address(conversation)
        self._do(tenant_id, conversation, correlation_id, lambda account: provider.show_typing(to, on, target, account))

    def _unsent(self, principal: Principal, message_id: UUID, deed: Callable[[Transaction], bool]) -> View | None:
        """Do it here alone, where no gateway has the message; None where one may have."""

        def work(tx: Transaction) -> View | None:
            require_message(tx, principal, message_id)
            return load_messages(tx, [message_id])[message_id] if deed(tx) else None

        view = self._database.run(principal.tenant_id, work, viewer=principal.viewer)
        if view is not None:
            self._wake(principal.tenant_id)
        return view

    def _message(
        self,
        principal: Principal,
        message_id: UUID,
        capability: str,
        deed: str,
        *,
        ours: bool = False,
        deleted: bool = False,
    ) -> Row:
        """A message the gateway knows; `ours`: only of the company, `deleted`: also one that was taken back."""
        with self._database.transaction(principal.tenant_id, viewer=principal.viewer) as tx:
            message = store.find_message(tx, message_id)
        if message is None:
            raise NotFound
        _require(self._providers[message["provider"]], capability, deed, message)
        if ours and not message["ours"]:
            raise Conflict("Only a message of the company's own can be changed or taken back.")
        if not message["provider_message_id"]:
            raise Conflict("The gateway does not know this message (yet).")
        if message["deleted"] and not deleted:
            raise Conflict("The message was taken back.")
        return message

    def _do(self, tenant_id: UUID, row: Row, correlation_id: UUID, deed: Callable[[Account], Outcome]) -> Accepted:
        """Let the gateway do it, outside any transaction. Raises what became of it otherwise."""
        try:
            credentials = self._sealer().open(row["credentials"], tenant_id, row["integration_id"], "provider")
        except NotSealedHere as error:
            raise AccountLost("The integration's credentials cannot be opened.") from error
        outcome = deed(Account(row["account_id"], credentials, row["settings"]))
        if isinstance(outcome, Accepted):
            return outcome
        if isinstance(outcome, Refused) and outcome.account_lost:
            self._database.run(
                tenant_id,
                lambda tx: append_events(tx, pause(tx, row["integration_id"], outcome, correlation_id)),
            )
            self._wake(tenant_id)
        raise _trouble(outcome)

    def _revise(
        self,
        principal: Principal,
        message: Row,
        correlation_id: UUID,
        **revision: Any,
    ) -> View:
        key = (message["integration_id"], message["provider_message_id"])

        def keep(tx: Transaction) -> None:
            row = {"integration_id": key[0], "provider_message_id": key[1], "occurred_at": sending.now(tx), **revision}
            append_events(tx, revise(tx, [row], {key: correlation_id}))

        return self._keep(principal, message["id"], keep)

    def _keep(self, principal: Principal, message_id: UUID, keep: Callable[[Transaction], None]) -> View:
        def work(tx: Transaction) -> View:
            keep(tx)
            return _there(load_messages(tx, [message_id]), message_id)

        view = self._database.run(principal.tenant_id, work)
        self._wake(principal.tenant_id)
        return view


def _there(views: Mapping[UUID, View], id_: UUID) -> View:
    """What was just done something to, unless it was erased meanwhile. Raises NotFound."""
    if id_ not in views:
        raise NotFound
    return views[id_]


def _read(
    tx: Transaction, by: Principal, conversation_id: UUID, up_to: UUID, correlation_id: UUID
) -> tuple[Row, list[Target] | None]:
    """Move the horizon; answer the conversation and what was read thereby (None: it was read that far already)."""
    require_conversation(tx, by, conversation_id)
    before = store.lock_read_horizon(tx, conversation_id)
    conversation = store.find_conversation(tx, conversation_id)
    if before is None or conversation is None:
        raise NotFound
    if sending.conversation_of(tx, up_to) != conversation_id:
        raise InvalidRequest(errors=[{"path": "upTo", "message": "no message of this conversation"}])
    after = store.move_read_horizon(tx, conversation_id, up_to)
    if after is None:
        return conversation, None
    append_events(tx, [events.conversation_updated(conversation_id, correlation_id)])
    return conversation, [
        Target(row["provider_message_id"], ours=False, author=_author(row))
        for row in store.read_between(tx, conversation_id, before, after, _MOST_READ)
    ]


def _require(provider: Provider, capability: str, deed: str, row: Row) -> None:
    able = bool(getattr(provider.capabilities, capability))
    if able and row["is_group"] and not provider.capabilities.groups:
        able, capability = False, "groups"
    if not able:
        raise UnsupportedCapability(f"{provider.name} cannot {deed} here.", capability=capability)
    if row["reply_address"] is None:
        raise Conflict("The customer's address is not known.")


def _target(message: Row) -> Target:
    return Target(message["provider_message_id"], bool(message["ours"]), _author(message))


def _author(row: Row) -> Address | None:
    return Address(row["author_kind"], row["author_address"]) if row["author_address"] else None


def _address(row: Row) -> Address:
    return Address(row["reply_kind"], row["reply_address"])


def _trouble(outcome: Outcome) -> Exception:
    """What the gateway did not do, as an error."""
    match outcome:
        case Refused(code="unsupported_capability", message=message):
            return UnsupportedCapability(message)
        case Refused(code=code, message=message, provider=provider, account_lost=lost):
            error = AccountLost if lost else ProviderRejected
            return error(message, reason=code, provider=dict(provider))
        case NotSent(retry_after=retry_after):
            seconds = max(1, round(retry_after.total_seconds())) if retry_after else 1
            return Unavailable("The gateway cannot be reached; try again.", retry_after=seconds)
    return Unavailable("The gateway did not answer, so nobody knows whether it was done.")
