"""What administers a company: people, keys, accounts, settings; and the document of all routes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from .doors import authenticator, inbox_api, limits, sending_api
from .ledger import ledger
from .privacy import erasing, exporting
from .queues import housekeeping_report, queues
from .resources import bucket, database, deployment_keys, providers, queue_named, sealer, settings
from .work import meter, pusher

if TYPE_CHECKING:
    from parley.edge.api import Api
    from parley.edge.declaration import Declaration
    from parley.services.appoint import Staff
    from parley.services.connect_lines import Lines
    from parley.services.issue_keys import Keys
    from parley.services.redrive import DeadLetters


def load_for_administration() -> None:
    """Import what the API for admins will call and make its routes, while start-up still has a whole processor."""
    import parley.store.database  # noqa: F401

    admin_api()


@cache
def staff() -> Staff:
    """The people of companies."""
    from parley.services.appoint import Staff

    return Staff(database(), pusher().wake)


@cache
def keys() -> Keys:
    """The API keys of companies."""
    from parley.services.issue_keys import Keys

    return Keys(database())


@cache
def lines() -> Lines:
    """The accounts of companies."""
    from parley.providers.registry import CREDENTIALS
    from parley.services.connect_lines import Gateways, Lines
    from parley.services.watch_health import Tempo

    private = tuple(url for url in settings().private_gateway_urls.split(",") if url)
    gateways = Gateways(providers(), CREDENTIALS, private)
    tempo = Tempo.sped(settings().fast_clock)
    return Lines(database(), gateways, sealer, deployment_keys, pusher().wake, tempo)


@cache
def dead_letters() -> DeadLetters:
    """What left the queues after too many tries."""
    from parley.services.redrive import DeadLetters

    return DeadLetters(database(), queue_named, bucket, providers())


@cache
def admin_api() -> Api:
    """The routes that administer a company, and the OpenAPI document. Made without opening anything."""
    from parley.edge.api import Api
    from parley.edge.routes_admin import add_admin_routes
    from parley.edge.routes_dead_letters import add_dead_letter_routes
    from parley.edge.routes_documents import add_document_routes
    from parley.edge.routes_housekeeping import add_housekeeping_routes
    from parley.edge.routes_integrations import add_integration_routes
    from parley.edge.routes_ledger import add_ledger_routes
    from parley.edge.routes_privacy import add_privacy_routes
    from parley.edge.routes_queues import add_queue_routes

    api = Api("admin_api", authenticator(), limits(), meter())
    add_admin_routes(api, staff, keys)
    add_integration_routes(api, lines)
    add_dead_letter_routes(api, dead_letters)
    add_queue_routes(api, queues)
    add_housekeeping_routes(api, housekeeping_report)
    add_ledger_routes(api, ledger)
    add_privacy_routes(api, erasing, exporting)
    add_document_routes(api, openapi)
    return api


def declarations() -> list[Declaration]:
    """What every route of every function declares."""
    return [one for api in (inbox_api(), sending_api(), admin_api()) for one in api.declarations.values()]


@cache
def openapi() -> str:
    """The OpenAPI document of all routes."""
    from parley.edge.openapi import document, written

    return written(document(declarations()))
