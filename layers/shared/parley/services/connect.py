"""Admit a connection to the socket, and forget it. The one rule: a connection is a person's, and takes the place
of that person's oldest where there are too many.
"""

from __future__ import annotations

from uuid import UUID

from parley.cloud.ports import Connections
from parley.domain.errors import Forbidden, RateLimited
from parley.domain.principal import Principal
from parley.domain.terms import Terms
from parley.store.connections import admit, count_connections, delete_connection, find_connection
from parley.store.database import Database, Transaction

from .farewell import say_bye


def connect(
    database: Database, connections: Connections, principal: Principal, connection_id: str, terms: Terms
) -> None:
    """Add a connection that has said nothing yet; whoever had to make room hears `bye`.

    Raises Forbidden for an API key, RateLimited where the whole company has too many.
    """
    if principal.kind != "user":
        raise Forbidden("A connection is for a person; a key reads GET /v1/events.")

    def work(tx: Transaction) -> list[str]:
        if count_connections(tx) >= terms.per_tenant:
            raise RateLimited("Your company has too many connections open.")
        return admit(tx, connection_id, principal, terms.session, terms.per_user)

    for oldest in database.run(principal.tenant_id, work):
        say_bye(connections, oldest, "too_many")


def forget(database: Database, connection_id: str) -> UUID | None:
    """Forget a connection that ended; whose it was, a company's, if it was known."""
    with database.unscoped() as tx:
        owner = find_connection(tx, connection_id)
    if owner is None:
        return None
    with database.transaction(owner[0]) as tx:
        return owner[0] if delete_connection(tx, connection_id) else None
