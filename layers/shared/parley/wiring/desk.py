"""What works on the inbox: conversations, contacts, and what people choose from."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from .resources import database, providers
from .work import distributor, pusher

if TYPE_CHECKING:
    from uuid import UUID

    from parley.edge.api import Api
    from parley.services.assign import Assigning
    from parley.services.change import Changing
    from parley.services.keep_catalogue import Catalogue
    from parley.services.keep_contacts import Contacts
    from parley.services.read_more import Reading
    from parley.services.same_person import SamePerson
    from parley.services.search import Searching


def _follow_up(tenant_id: UUID) -> None:
    """A conversation was changed: whoever resolved it may have room for another one."""
    distributor().distribute(tenant_id)
    pusher().wake(tenant_id)


@cache
def changing() -> Changing:
    """Changes conversations."""
    from parley.services.change import Changing

    return Changing(database(), _follow_up)


@cache
def assigning() -> Assigning:
    """Gives conversations to people."""
    from parley.services.assign import Assigning

    return Assigning(database(), pusher().wake)


@cache
def catalogue() -> Catalogue:
    """Labels and canned replies."""
    from parley.services.keep_catalogue import Catalogue

    return Catalogue(database(), pusher().wake)


@cache
def people() -> SamePerson:
    """Says which contacts are one person."""
    from parley.services.same_person import SamePerson

    return SamePerson(database(), providers(), pusher().wake)


@cache
def contacts() -> Contacts:
    """Contacts, as people keep them."""
    from parley.services.keep_contacts import Contacts

    return Contacts(database(), pusher().wake)


@cache
def reading() -> Reading:
    """What there is to read beside the inbox itself."""
    from parley.services.read_more import Reading

    return Reading(database())


@cache
def searching() -> Searching:
    """Looks for messages and contacts."""
    from parley.services.search import Searching

    return Searching(database())


def add_desk_routes(api: Api) -> None:
    """Answer the routes of working on the inbox."""
    from parley.edge.routes_catalogue import add_catalogue_routes
    from parley.edge.routes_contacts import add_contact_routes
    from parley.edge.routes_identity import add_identity_routes
    from parley.edge.routes_reading import add_reading_routes
    from parley.edge.routes_search import add_search_routes
    from parley.edge.routes_working import Work, add_working_routes

    add_working_routes(api, Work(changing, assigning))
    add_catalogue_routes(api, catalogue)
    add_reading_routes(api, reading)
    add_search_routes(api, searching)
    add_contact_routes(api, contacts)
    add_identity_routes(api, people)
