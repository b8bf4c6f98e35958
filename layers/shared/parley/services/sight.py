"""Keep what a person may not see from them, where something is to be done to it. The one rule: it is as if it were not
there (NotFound).

Reading needs none of this: a transaction with a `viewer` holds only what they may see.
"""

from __future__ import annotations

from uuid import UUID

from parley.domain.errors import NotFound
from parley.domain.principal import Principal
from parley.store.database import Transaction
from parley.store.sight import sees_conversation, sees_message


def require_conversation(tx: Transaction, by: Principal, conversation_id: UUID) -> None:
    """Raise NotFound where the caller may not see this conversation."""
    if by.viewer is not None and not sees_conversation(tx, by.viewer, conversation_id):
        raise NotFound


def require_message(tx: Transaction, by: Principal, message_id: UUID) -> None:
    """Raise NotFound where the caller may not see this message."""
    if by.viewer is not None and not sees_message(tx, by.viewer, message_id):
        raise NotFound
