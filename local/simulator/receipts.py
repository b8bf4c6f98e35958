"""What becomes of an accepted message: sent, delivered, and read once the customer has seen it, each told once."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from local.simulator.faults import Behaviour, Faults
from local.simulator.integrations import SimulatedIntegration
from local.simulator.tempo import Tempo
from local.simulator.threads import Thread, ThreadMessage
from local.simulator.webhooks import chance

if TYPE_CHECKING:
    from local.simulator.gateway import Gateway

# Seconds from one to the next: a whole cycle takes a second and a half.
BEFORE = {"sent": 0.15, "delivered": 0.45, "read": 0.9, "played": 0.6}


class Receipts:
    """Reports receipts; a customer without an open page reads within seconds, one with a page when it shows."""

    def __init__(self, tempo: Tempo, faults: Faults, gateways: Mapping[str, "Gateway"]) -> None:
        self._tempo = tempo
        self._faults = faults
        self._gateways = gateways

    def begin(self, integration: SimulatedIntegration, thread: Thread, message: ThreadMessage) -> None:
        """Start the cycle of a message that was just accepted."""
        shuffled = self._faults.for_webhooks(integration.id, Behaviour.SHUFFLE)
        repeated = self._faults.for_webhooks(integration.id, Behaviour.REPEAT)
        cycle = self._shuffled if shuffled else self._in_order
        self._tempo.start(cycle(integration, thread, message, repeated=repeated))

    def seen(self, integration: SimulatedIntegration, thread: Thread, message: ThreadMessage) -> None:
        """A page showed a message: report it read, at once and once."""
        if message.author == "company" and thread.advance(message, "read"):
            self._tempo.start(self._tell_read(integration, thread, message, repeated=False))

    def page_closed(self, integration: SimulatedIntegration, thread: Thread) -> None:
        """The last page on a thread went away: what it left unread is read as if there had been none."""
        if not thread.watched:
            for message in thread.messages():
                if message.author == "company" and message.state == "delivered":
                    self._tempo.start(self._read(integration, thread, message, repeated=False))

    async def _in_order(
        self, integration: SimulatedIntegration, thread: Thread, message: ThreadMessage, *, repeated: bool
    ) -> None:
        gateway = self._gateways[integration.provider]
        for status in ("sent", "delivered"):
            await self._tempo.sleep(BEFORE[status])
            if thread.advance(message, status) and status in gateway.statuses:
                self._tempo.start(gateway.report(integration, thread, message, status, repeated=repeated))
        await self._read(integration, thread, message, repeated=repeated)

    async def _read(
        self, integration: SimulatedIntegration, thread: Thread, message: ThreadMessage, *, repeated: bool
    ) -> None:
        await self._tempo.sleep(BEFORE["read"])
        if not thread.watched and thread.advance(message, "read"):
            await self._tell_read(integration, thread, message, repeated=repeated)

    async def _tell_read(
        self, integration: SimulatedIntegration, thread: Thread, message: ThreadMessage, *, repeated: bool
    ) -> None:
        """Report it read; a voice note is listened to next."""
        gateway = self._gateways[integration.provider]
        if "read" in gateway.statuses:
            await gateway.report(integration, thread, message, "read", repeated=repeated)
        if message.voice and "played" in gateway.statuses:
            await self._tempo.sleep(BEFORE["played"])
            if thread.advance(message, "played"):
                await gateway.report(integration, thread, message, "played", repeated=repeated)

    async def _shuffled(
        self, integration: SimulatedIntegration, thread: Thread, message: ThreadMessage, *, repeated: bool
    ) -> None:
        gateway = self._gateways[integration.provider]
        told = [status for status in gateway.statuses if status != "played" or message.voice]
        for status in chance.sample(told, k=len(told)):
            await self._tempo.sleep(BEFORE["sent"])
            thread.advance(message, status)
            # One after the other, so that the order drawn is the order the company gets them in.
            await gateway.report(integration, thread, message, status, repeated=repeated)
