"""Hints on the outbound queue. The one rule: a hint only says where to look; it may be lost, late or repeated."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from uuid import UUID

from parley.cloud.ports import Queue

LONGEST_HINT = timedelta(minutes=15)


def hint(
    queue: Queue,
    tenant_id: UUID,
    conversation_id: UUID,
    integration_id: UUID,
    *,
    delay: timedelta = timedelta(0),
    correlation_id: UUID | None = None,
) -> None:
    """Say that a conversation has something to send, now or after a delay (15 minutes at most, then look again)."""
    body = {
        "v": 1,
        "tenantId": str(tenant_id),
        "conversationId": str(conversation_id),
        "correlationId": str(correlation_id) if correlation_id else None,
    }
    seconds = math.ceil(min(delay, LONGEST_HINT).total_seconds())
    queue.send(json.dumps(body), str(integration_id), seconds)
