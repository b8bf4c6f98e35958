"""What a route declares about itself, at the one place where it is made. The one rule: whoever describes or checks the
routes (the OpenAPI document, the tests of who may what) reads it here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

EVERYBODY: Final = "everybody"
"""The scope of what is answered without a credential."""
ANY_CALLER: Final = "any caller"
"""The scope of what every key may."""

Role: TypeAlias = Literal["agent", "admin", "owner"]
Weight: TypeAlias = Literal["api", "send"]
Answers: TypeAlias = Any
"""The type of the answer with status 200, or types by status; None as a type: no body."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """One route: who may have it, what answers it, and what the OpenAPI document says of it."""

    method: str
    path: str
    scope: str
    role: Role
    weight: Weight
    handler: Callable[..., Any]
    gives: Answers
    summary: str | None
    example: Mapping[str, Any] | None
    headers: tuple[str, ...]

    @property
    def answers(self) -> Mapping[int, Any]:
        """The type of each good answer by its status."""
        return self.gives if isinstance(self.gives, Mapping) else {200: self.gives}

    @property
    def name(self) -> str:
        """The operation's id: the handler's name."""
        return "".join(word if place == 0 else word.capitalize() for place, word in enumerate(self._words))

    @property
    def title(self) -> str:
        """One line that says what it does."""
        return self.summary or " ".join(self._words).capitalize()

    @property
    def _words(self) -> list[str]:
        return self.handler.__name__.strip("_").split("_")
