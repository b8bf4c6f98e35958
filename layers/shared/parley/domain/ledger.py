"""Which webhooks somebody asks for. The one rule: whatever is given must hold, and what is not given says nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows of the ledger: received at `since` or later and before `until`; `text` is in the reason, in any case."""

    state: str | None = None
    integration_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    correlation_id: UUID | None = None
