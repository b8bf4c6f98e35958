"""The connection to Postgres and the tenant-scoped transaction. The one rule: one tenant a transaction, set with
`set_config(…, true)` so that nothing outlives it, whatever pooler is in between.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar, cast
from uuid import UUID

import psycopg
from psycopg import errors as pg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from parley.domain.errors import Contention, DataRefused, Unavailable

Row = dict[str, Any]
Result = TypeVar("Result")


def jsonb(value: Any) -> Jsonb:
    """A jsonb parameter; ids and times are written as text."""
    return Jsonb(value, dumps=_dumps)


def _dumps(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


class Transaction:
    """An open transaction; every query may use `%(tenant_id)s`. What a viewer may not see is not there in theirs."""

    def __init__(self, connection: psycopg.Connection[Row], tenant_id: UUID | None) -> None:
        self._connection = connection
        self.tenant_id = tenant_id

    def rows(self, query: str, **parameters: Any) -> list[Row]:
        """All rows of a query."""
        return self._run(query, parameters).fetchall()

    def row(self, query: str, **parameters: Any) -> Row | None:
        """The first row of a query, or None."""
        return self._run(query, parameters).fetchone()

    def value(self, query: str, **parameters: Any) -> Any:
        """The first column of the first row, or None."""
        row = self.row(query, **parameters)
        return next(iter(row.values())) if row else None

    def execute(self, query: str, **parameters: Any) -> int:
        """Run a statement; answer how many rows it touched."""
        return self._run(query, parameters).rowcount

    def widen(self) -> None:
        """See the whole tenant from here on: for what follows from a deed that its doer was found to be allowed."""
        self._connection.execute("select set_config('parley.user', '', true)")

    def _run(self, query: str, parameters: Mapping[str, Any]) -> psycopg.Cursor[Row]:
        # Queries come from store/sql/*.sql alone (queries.py); psycopg wants that said in types.
        return self._connection.execute(query, {"tenant_id": self.tenant_id, **parameters})


class Database:
    """One connection a thread, opened at first use and again after it broke.

    `pooled`: through a transaction pooler the next transaction may be on another server connection, so nothing is
    prepared; a direct connection prepares what comes twice, which spares the server a third of its work.
    `unreachable` is told each time the database is away.
    """

    def __init__(self, conninfo: str, *, pooled: bool = True, unreachable: Callable[[], object] = lambda: None) -> None:
        self._conninfo = conninfo
        self._unreachable = unreachable
        self._prepare_threshold = None if pooled else 2
        self._local = threading.local()

    @contextmanager
    def transaction(
        self, tenant_id: UUID, *, repeatable_read: bool = False, viewer: UUID | None = None
    ) -> Iterator[Transaction]:
        """A transaction in which only this tenant exists; commits unless it raises. `viewer`: and of its inbox only
        what this person may see.

        Raises Unavailable (the database is away), Contention (deadlock: repeat), DataRefused (a constraint or a value;
        `constraint` names it).
        """
        seen_by = str(viewer) if viewer else ""
        with self._transaction(str(tenant_id), seen_by, repeatable_read=repeatable_read) as connection:
            yield Transaction(connection, tenant_id)

    @contextmanager
    def unscoped(self) -> Iterator[Transaction]:
        """A transaction without a tenant: only the functions that look across tenants see anything in it."""
        with self._transaction("") as connection:
            yield Transaction(connection, None)

    def run(
        self, tenant_id: UUID, work: Callable[[Transaction], Result], attempts: int = 5, *, viewer: UUID | None = None
    ) -> Result:
        """Run `work` in a transaction of this tenant, again where two transactions met."""
        for _ in range(attempts - 1):
            try:
                with self.transaction(tenant_id, viewer=viewer) as tx:
                    return work(tx)
            except Contention:
                continue
        with self.transaction(tenant_id, viewer=viewer) as tx:
            return work(tx)

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            connection.close()

    @contextmanager
    def _transaction(
        self, tenant: str, viewer: str = "", *, repeatable_read: bool = False
    ) -> Iterator[psycopg.Connection[Row]]:
        try:
            connection = self._connection()
            with _begun(connection, tenant, viewer, repeatable_read):
                yield connection
        except (pg.DeadlockDetected, pg.SerializationFailure) as error:
            raise Contention from error
        except (pg.LockNotAvailable, pg.QueryCanceled) as error:
            raise Unavailable("The database is busy.") from error
        except pg.ProgramLimitExceeded as error:
            raise DataRefused("A value is too large.") from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self.close()
            self._unreachable()
            raise Unavailable("The database cannot be reached.") from error
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            raise DataRefused(type(error).__name__, constraint=error.diag.constraint_name) from error

    def _connection(self) -> psycopg.Connection[Row]:
        connection = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = psycopg.connect(
                self._conninfo,
                autocommit=True,
                row_factory=dict_row,
                prepare_threshold=self._prepare_threshold,
                connect_timeout=5,
            )
            self._local.connection = connection
        return cast("psycopg.Connection[Row]", connection)


@contextmanager
def _begun(connection: psycopg.Connection[Row], tenant: str, viewer: str, repeatable_read: bool) -> Iterator[None]:
    """A transaction that begins and names its tenant in one round trip."""
    try:
        connection.execute(_opening(tenant, viewer, repeatable_read))
        yield
    except BaseException:
        if not connection.closed:
            connection.execute("rollback")
        raise
    connection.execute("commit")


@lru_cache(maxsize=256)
def _opening(tenant: str, viewer: str, repeatable_read: bool) -> bytes:
    isolation = sql.SQL("begin isolation level repeatable read" if repeatable_read else "begin")
    name = sql.SQL("select set_config('parley.tenant', {}, true)").format(sql.Literal(tenant))
    if viewer:
        name = sql.SQL("{}, set_config('parley.user', {}, true)").format(name, sql.Literal(viewer))
    return sql.SQL("{}; {}").format(isolation, name).as_bytes()
