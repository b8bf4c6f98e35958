"""Who asks: a person or an API key of one tenant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. `scopes` binds API keys only; a person may what the role may."""

    tenant_id: UUID
    kind: Literal["user", "api_key"]
    id: UUID
    name: str
    role: Literal["owner", "admin", "agent"] | None = None
    scopes: frozenset[str] = frozenset()
    rights_version: int = 0

    @property
    def key(self) -> str:
        """The namespace of this caller's idempotency keys."""
        return f"{self.kind}:{self.id}"

    @property
    def sender_kind(self) -> Literal["user", "bot"]:
        """As whom its messages appear."""
        return "user" if self.kind == "user" else "bot"

    def may(self, scope: str) -> bool:
        """Whether an API key carries the scope; people are not bound by scopes."""
        return self.kind == "user" or scope in self.scopes or "admin" in self.scopes
