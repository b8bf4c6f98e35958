"""Posts webhooks to the company's address as a gateway does: again with back-off until it is answered 200."""

import asyncio
import logging
from collections.abc import Mapping
from secrets import SystemRandom

import httpx

from local.simulator.integrations import SimulatedIntegration
from local.simulator.tempo import Tempo

log = logging.getLogger(__name__)

# Seconds before each further try; what comes after the last is given up, as Meta does after seven days.
BACK_OFF = (0.5, 1, 2, 4, 8, 15, 30, 30, 30, 30, 30, 30)
ANSWER_WITHIN = 30.0
AT_ONCE = 50
chance = SystemRandom()


class WebhookPoster:
    """One HTTP client for every webhook; tries are asynchronous, since the receiver may be this same process."""

    def __init__(self, tempo: Tempo, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._tempo = tempo
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def post(
        self, integration: SimulatedIntegration, body: bytes, headers: Mapping[str, str], *, repeated: bool = False
    ) -> bool:
        """Post one body, already signed, and answer whether it was taken; `repeated` posts it 2 to 5 times."""
        taken = await self._until_taken(integration, body, headers)
        for _ in range(chance.randint(1, 4) if repeated else 0):
            await self._until_taken(integration, body, headers)
        return taken

    async def get(self, url: str, query: Mapping[str, str]) -> httpx.Response:
        """Ask the company's address something, as a handshake does. Raises httpx.HTTPError."""
        return await self._connected().get(url, params=dict(query))

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _until_taken(self, integration: SimulatedIntegration, body: bytes, headers: Mapping[str, str]) -> bool:
        outcome = await self._try(integration, body, headers)
        for seconds in BACK_OFF:
            if outcome == 200:
                return True
            await self._tempo.sleep(seconds * chance.uniform(0.8, 1.2))
            outcome = await self._try(integration, body, headers)
        if outcome != 200:
            log.warning("the webhook of integration %s was given up; its last answer: %s", integration.id, outcome)
        return outcome == 200

    async def _try(self, integration: SimulatedIntegration, body: bytes, headers: Mapping[str, str]) -> int | str:
        async with self._slots:
            try:
                answer = await self._connected().post(integration.webhook_url, content=body, headers=dict(headers))
            except httpx.HTTPError as exc:
                return type(exc).__name__
        return answer.status_code

    def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            # Made on first use, inside the loop it belongs to; never through a proxy, for this is loopback.
            self._client = httpx.AsyncClient(transport=self._transport, timeout=ANSWER_WITHIN, trust_env=False)
        return self._client
