"""Which gateways are simulated; a further one is one entry in the table here."""

import importlib
from collections.abc import Mapping

from local.simulator.gateway import Gateway, World

GATEWAYS: Mapping[str, str] = {
    "meta": "local.simulator.meta.api:MetaGateway",
    "evolution": "local.simulator.evolution.api:EvolutionGateway",
    "zapi": "local.simulator.zapi.api:ZApiGateway",
    "wuzapi": "local.simulator.wuzapi.api:WuzApiGateway",
    "telegram": "local.simulator.telegram.api:TelegramGateway",
}


def every_gateway(world: World) -> dict[str, Gateway]:
    """Each gateway of the table, by its provider's name."""
    made: dict[str, Gateway] = {}
    for provider, place in GATEWAYS.items():
        module, _, name = place.partition(":")
        gateway: type[Gateway] = getattr(importlib.import_module(module), name)
        made[provider] = gateway(world)
    return made
