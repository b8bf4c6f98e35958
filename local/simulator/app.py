"""Puts the simulator together; a further gateway is one more entry in gateways.py."""

from collections.abc import Sequence

import httpx
from starlette.applications import Starlette

from local.simulator.control import Control
from local.simulator.faults import Faults
from local.simulator.gateway import Gateway, World
from local.simulator.gateways import every_gateway
from local.simulator.integrations import Integrations, SimulatedIntegration
from local.simulator.media import MediaStore
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
    base_url: str = "http://127.0.0.1:8080",
    transport: httpx.AsyncBaseTransport | None = None,
) -> Starlette:
    """The simulator as an application whose routes have their full paths.

    `integrations` is read anew at each request. `clock_rate` divides every delay. `transport` is what webhooks are
    posted and companies' links fetched through, the network unless given. `base_url` is where these routes are reached,
    for the addresses of media. `app.state.simulator` is the Simulator: whoever serves these routes calls
    its `close()`, since an application that lends its routes has no lifespan of its own.
    """
    gateways: dict[str, Gateway] = {}
    tempo = Tempo(clock_rate)
    world = World(
        integrations=Integrations(integrations),
        threads=Threads(),
        requests=RequestLog(),
        faults=Faults(),
        poster=WebhookPoster(tempo, transport),
        tempo=tempo,
        media=MediaStore(base_url, transport),
        base_url=base_url.rstrip("/"),
    )
    world.receipts = Receipts(tempo, world.faults, gateways)
    gateways.update(every_gateway(world))
    phone = Phone(world.integrations, world.threads, world.receipts, gateways)
    routes = [*Control(world, gateways).routes(), *phone.routes(), *world.media.routes()]
    app = Starlette(routes=[*routes, *(route for gateway in gateways.values() for route in gateway.routes())])
    app.state.simulator = Simulator(tempo, world.threads, world.poster)
    return app
