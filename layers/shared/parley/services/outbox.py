"""Take a message to send, and see to it that it goes soon. The one rule: once the message is committed it is taken,
whatever becomes of the hint: the housekeeper finds what nobody was told of.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol
from uuid import UUID

from parley.cloud.ports import Queue
from parley.domain.errors import InvalidRequest, NotFound, Unavailable, UnsupportedCapability
from parley.domain.principal import Principal
from parley.providers.base import Provider
from parley.store.database import Database
from parley.store.views import View

from .hints import LONGEST_HINT, hint
from .meet import Partner
from .pace import Pace
from .send import SendRequest, SendResult, is_key_used, resend_message, send_message, wait_for_outcome, write_first

__all__ = ["Outbox", "Partner", "SendRequest", "SendResult"]

LOG = logging.getLogger(__name__)


class Files(Protocol):
    """Where the files to send are (upload_media.py's Uploads)."""

    def settle(self, principal: Principal, media_id: UUID) -> None:
        """See to it that a file can be sent."""

    def fetch_url(self, principal: Principal, url: str) -> UUID:
        """Fetch a file from the public web."""


class Outbox:
    """Where people and keys put what is to be sent. `speed` divides the waits that gateways' paces ask for."""

    def __init__(
        self,
        database: Database,
        providers: Mapping[str, Provider],
        queue: Queue,
        wake: Callable[[UUID], None],
        *,
        files: Callable[[], Files] | None = None,
        speed: float = 1.0,
    ) -> None:
        self._database = database
        self._providers = providers
        self._queue = queue
        self._wake = wake
        self._files = files
        self._pace = Pace(speed)

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
            self._database,
            self._providers,
            principal,
            conversation_id,
            self._with_file(principal, request, idempotency_key),
            idempotency_key,
            correlation_id,
            pace=self._pace,
        )
        self._see_off(principal, taken, correlation_id)
        return taken

    def write_first(
        self,
        principal: Principal,
        partner: Partner,
        request: SendRequest,
        idempotency_key: str | None,
        correlation_id: UUID,
    ) -> SendResult:
        """Queue a message to somebody by their address, as `send` does. Raises what `write_first` raises."""
        taken = write_first(
            self._database,
            self._providers,
            principal,
            partner,
            self._with_file(principal, request, idempotency_key),
            idempotency_key,
            correlation_id,
            pace=self._pace,
        )
        self._see_off(principal, taken, correlation_id)
        return taken

    def resend(
        self, principal: Principal, message_id: UUID, idempotency_key: str | None, correlation_id: UUID
    ) -> SendResult:
        """Queue a new message in the place of one that failed, as `send` does. Raises what `resend_message` raises."""
        taken = resend_message(
            self._database, self._providers, principal, message_id, idempotency_key, correlation_id, pace=self._pace
        )
        self._see_off(principal, taken, correlation_id)
        return taken

    def wait(self, principal: Principal, message_id: UUID, seconds: float) -> View:
        """The message as it is once it is final, or when the time is over."""
        return wait_for_outcome(self._database, principal, message_id, seconds)

    def _with_file(self, principal: Principal, request: SendRequest, key: str | None) -> SendRequest:
        """The request with its file ready to be sent."""
        if request.media_id is None and request.media_url is None:
            return request
        if self._files is None:
            problem = {"path": "mediaUrl", "message": "cannot be fetched"}
            raise UnsupportedCapability("No file can be fetched here.", errors=[problem])
        if key is not None and is_key_used(self._database, principal, key):
            return request
        if request.media_url is not None:
            return replace(request, media_id=self._fetched(self._files(), principal, request.media_url))
        if request.media_id is not None:
            try:
                self._files().settle(principal, request.media_id)
            except NotFound as error:
                problem = {"path": "mediaId", "message": "no such file"}
                raise InvalidRequest("There is no such file.", errors=[problem]) from error
        return request

    def _fetched(self, files: Files, principal: Principal, url: str) -> UUID:
        try:
            return files.fetch_url(principal, url)
        except InvalidRequest as error:
            problems = [{**problem, "path": "mediaUrl"} for problem in error.errors]
            raise InvalidRequest(error.detail, errors=problems) from error

    def _see_off(self, principal: Principal, taken: SendResult, correlation_id: UUID) -> None:
        soon = taken.view["status"] == "scheduled" and taken.wait <= LONGEST_HINT
        if taken.view["status"] == "queued" or soon:
            try:
                hint(
                    self._queue,
                    principal.tenant_id,
                    UUID(taken.view["conversationId"]),
                    taken.integration_id,
                    delay=taken.wait,
                    correlation_id=correlation_id,
                )
            except Unavailable as error:
                about = {"correlation_id": correlation_id, "tenant_id": principal.tenant_id}
                LOG.warning("outbound hint lost", extra={**about, "code": error.code})
        if not taken.replayed:
            self._wake(principal.tenant_id)
