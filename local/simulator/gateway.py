"""What each simulated gateway must be able to do, so that control, receipts and phone need to know none of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from starlette.routing import BaseRoute

from local.simulator.integrations import SimulatedIntegration
from local.simulator.threads import Thread, ThreadMessage


@dataclass(frozen=True)
class Draft:
    """What a customer writes."""

    text: str
    name: str | None
    written_at: datetime
    reply_to: str | None


class Gateway(Protocol):
    """One provider."""

    provider: str
    kinds: frozenset[str]

    def routes(self) -> list[BaseRoute]:
        """The provider's own HTTP API, with full paths."""
        ...

    def customer_text(self, integration: SimulatedIntegration, thread: Thread, draft: Draft) -> str:
        """A customer writes text: show it, post its webhook in the background, answer the provider's message id."""
        ...

    async def report(
        self, integration: SimulatedIntegration, thread: Thread, message: ThreadMessage, status: str, *, repeated: bool
    ) -> None:
        """Post the webhook that says what became of a company's message."""
        ...
