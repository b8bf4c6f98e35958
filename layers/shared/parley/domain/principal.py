"""Who asks: a person or an API key of one tenant."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something: a person, a program of the tenant's (`bot`), a customer, or Parley itself."""

    kind: Literal["contact", "user", "bot", "device", "system"]
    id: UUID | None = None

    def as_json(self) -> dict[str, Any]:
        """As it stands in an event's row."""
        return {"kind": self.kind, "id": str(self.id) if self.id else None}


SYSTEM: Final = Actor("system")
OPERATOR: Final = "operator"
"""The scope of what concerns every company."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. `scopes` binds API keys only; a person may what the role may. `until`: when what was
    presented ends. `restricted`: an agent who does not see everything. `per_minute`: a key's own rate. `busy`: as the
    person says of themselves.
    """

    tenant_id: UUID
    kind: Literal["user", "api_key"]
    id: UUID
    name: str
    role: Literal["owner", "admin", "agent"] | None = None
    scopes: frozenset[str] = frozenset()
    rights_version: int = 0
    until: datetime | None = field(default=None, compare=False)
    restricted: bool = False
    per_minute: int | None = None
    busy: bool = field(default=False, compare=False)

    @property
    def viewer(self) -> UUID | None:
        """For whom the inbox is to be read, where the company's agents do not see all of it; else None."""
        return self.id if self.restricted else None

    @property
    def key(self) -> str:
        """The namespace of this caller's idempotency keys."""
        return f"{self.kind}:{self.id}"

    @property
    def actor(self) -> Actor:
        """As whom its deeds appear."""
        return Actor(self.sender_kind, self.id)

    @property
    def sender_kind(self) -> Literal["user", "bot"]:
        """As whom its messages appear."""
        return "user" if self.kind == "user" else "bot"

    @property
    def is_operator(self) -> bool:
        """Whether it speaks for the whole deployment: a key that the command line made."""
        return self.kind == "api_key" and OPERATOR in self.scopes

    def may(self, scope: str) -> bool:
        """Whether an API key carries the scope, or one of several (`a or b`); people are not bound by scopes."""
        return self.kind == "user" or any(self._carries(one) for one in scope.split(" or "))

    def _carries(self, scope: str) -> bool:
        # What concerns other companies too is no admin's.
        return scope in self.scopes or ("admin" in self.scopes and scope != OPERATOR)
