"""Take a message to send, and see to it that it goes soon. The one rule: once the message is committed it is taken,
whatever becomes of the hint: the housekeeper finds what nobody was told of.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from uuid import UUID

from parley.cloud.ports import Queue
from parley.domain.errors import Unavailable
from parley.domain.principal import Principal
from parley.providers.base import Provider
from parley.store.database import Database
from parley.store.views import View

from .deliver import hint
from .send import SendRequest, SendResult, send_message, wait_for_outcome

__all__ = ["Outbox", "SendRequest", "SendResult"]

LOG = logging.getLogger(__name__)


class Outbox:
    """Where people and keys put what is to be sent."""

    def __init__(
        self, database: Database, providers: Mapping[str, Provider], queue: Queue, wake: Callable[[UUID], None]
    ) -> None:
        self._database = database
        self._providers = providers
        self._queue = queue
        self._wake = wake

    def send(
        self,
        principal: Principal,
        conversation_id: UUID,
        request: SendRequest,
        idempotency_key: str | None,
        correlation_id: UUID,
    ) -> SendResult:
        """Queue a message, hint at it and wake the pusher; a replay hints again, in case its first hint was lost.

        Raises what `send_message` raises, and nothing once it is committed.
        """
        taken = send_message(
            self._database, self._providers, principal, conversation_id, request, idempotency_key, correlation_id
        )
        if taken.view["status"] == "queued":
            try:
                hint(
                    self._queue,
                    principal.tenant_id,
                    UUID(taken.view["conversationId"]),
                    taken.integration_id,
                    correlation_id=correlation_id,
                )
            except Unavailable as error:
                about = {"correlation_id": correlation_id, "tenant_id": principal.tenant_id}
                LOG.warning("outbound hint lost", extra={**about, "code": error.code})
        if not taken.replayed:
            self._wake(principal.tenant_id)
        return taken

    def wait(self, principal: Principal, message_id: UUID, seconds: float) -> View:
        """The message as it is once it is final, or when the time is over."""
        return wait_for_outcome(self._database, principal, message_id, seconds)
