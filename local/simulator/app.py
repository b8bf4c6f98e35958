"""Puts the simulator together; a further gateway is one more entry in the table here."""

from collections.abc import Sequence

import httpx
from starlette.applications import Starlette

from local.simulator.control import Control
from local.simulator.faults import Faults
from local.simulator.gateway import Gateway
from local.simulator.integrations import Integrations, SimulatedIntegration
from local.simulator.meta.api import MetaGateway
from local.simulator.phone import Phone
from local.simulator.receipts import Receipts
from local.simulator.request_log import RequestLog
from local.simulator.tempo import Tempo
from local.simulator.threads import Threads
from local.simulator.webhooks import WebhookPoster

__all__ = ["SimulatedIntegration", "Simulator", "create_app"]


class Simulator:
    """What runs behind the routes, for whoever must wait for it or end it."""

    def __init__(self, tempo: Tempo, threads: Threads, poster: WebhookPoster) -> None:
        self._tempo = tempo
        self._threads = threads
        self._poster = poster

    async def settled(self) -> None:
        """Wait until every webhook under way has been taken or given up."""
        await self._tempo.settled()

    async def close(self) -> None:
        """End the pages' streams, the work in the background and the connections; call it before the server waits."""
        self._threads.hang_up()
        await self._tempo.stop()
        await self._poster.close()


def create_app(
    integrations: Sequence[SimulatedIntegration],
    clock_rate: float = 1.0,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Starlette:
    """The simulator as an application whose routes have their full paths.

    `integrations` is read anew at each request. `clock_rate` divides every delay. `transport` is what webhooks are
    posted through, the network unless given. `app.state.simulator` is the Simulator: whoever serves these routes calls
    its `close()`, since an application that lends its routes has no lifespan of its own.
    """
    known, tempo, threads = Integrations(integrations), Tempo(clock_rate), Threads()
    requests, faults, poster = RequestLog(), Faults(), WebhookPoster(tempo, transport)
    gateways: dict[str, Gateway] = {}
    receipts = Receipts(tempo, faults, gateways)
    gateways["meta"] = MetaGateway(
        integrations=known,
        threads=threads,
        requests=requests,
        faults=faults,
        poster=poster,
        tempo=tempo,
        receipts=receipts,
    )
    routes = Control(known, gateways, threads, requests, faults).routes() + Phone(known, threads, receipts).routes()
    app = Starlette(routes=[*routes, *(route for gateway in gateways.values() for route in gateway.routes())])
    app.state.simulator = Simulator(tempo, threads, poster)
    return app
