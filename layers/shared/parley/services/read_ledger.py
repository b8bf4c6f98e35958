"""The ledger for those who administer a company: search it, read a row, have rows replayed. The one rule: what proves a
webhook is kept, but not shown, for with some gateways it is a token that would prove others too.
"""

from __future__ import annotations

import contextlib
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

from parley.cloud.ports import Bucket, Queue
from parley.domain.errors import NotFound, TooLarge, Unavailable
from parley.domain.ledger import Wanted
from parley.domain.principal import Principal
from parley.store import audit, ledger_rows, replays
from parley.store.database import Database, Row, Transaction
from parley.store.ids import new_id
from parley.store.views import View

from .accept import KEPT_HEADERS
from .read_inbox import Page
from .replay import hint

LARGEST_SHOWN: Final = 1024 * 1024
"""An answer has 6 MB, and written as JSON a body may take several times its size."""
NOT_SHOWN: Final = "(not shown)"
Place: TypeAlias = tuple[datetime, UUID]


class Ledger:
    """The ledgers of companies. `inbound` is opened at the first replay."""

    def __init__(self, database: Database, bucket: Bucket, inbound: Callable[[], Queue]) -> None:
        self._database = database
        self._bucket = bucket
        self._inbound = inbound

    def page(self, by: Principal, wanted: Wanted, before: Place | None, limit: int) -> Page[Place]:
        """The next rows before one, the newest first."""
        with self._database.transaction(by.tenant_id) as tx:
            found = ledger_rows.page(tx, wanted, before, limit + 1)
        items = [ledger_rows.shown(row) for row in found[:limit]]
        return Page(items, _place(found, limit, "id"))

    def one(self, by: Principal, row_id: UUID) -> View:
        """A row with its headers and its body. Raises NotFound, Unavailable."""
        with self._database.transaction(by.tenant_id) as tx:
            row = _row(tx, row_id)
        return {**ledger_rows.shown(row), "headers": _shown_headers(row["headers"]), **self._body(row)}

    def replay_one(self, by: Principal, row_id: UUID, correlation_id: UUID) -> View:
        """Begin to replay one row. Raises NotFound."""
        with self._database.transaction(by.tenant_id) as tx:
            row = _row(tx, row_id)
            id_ = new_id()
            replays.insert_one(tx, id_, by, row, correlation_id)
            audit.record(tx, by, "ledger.replayed", ("replay", id_), {"ledgerId": str(row_id)}, correlation_id)
            begun = replays.one(tx, id_) or {}
        self._hint(by.tenant_id, id_)
        return begun

    def replay(self, by: Principal, wanted: Wanted, correlation_id: UUID) -> View:
        """Begin to replay all rows received until now of which this holds."""
        with self._database.transaction(by.tenant_id) as tx:
            id_ = new_id()
            replays.insert(tx, id_, by, wanted, replays.count(tx, wanted), correlation_id)
            begun = replays.one(tx, id_) or {}
            about = {"asked": begun.get("asked"), "total": begun.get("total")}
            audit.record(tx, by, "ledger.replayed", ("replay", id_), about, correlation_id)
        self._hint(by.tenant_id, id_)
        return begun

    def replays(self, by: Principal, before: UUID | None, limit: int) -> Page[UUID]:
        """The next replays before one, the newest first."""
        with self._database.transaction(by.tenant_id) as tx:
            items = replays.page(tx, before, limit + 1)
        return Page(items[:limit], UUID(items[limit - 1]["id"]) if len(items) > limit else None)

    def replay_of(self, by: Principal, replay_id: UUID) -> View:
        """A replay and how far it has come. Raises NotFound."""
        with self._database.transaction(by.tenant_id) as tx:
            return _replay(tx, replay_id)

    def replay_rows(self, by: Principal, replay_id: UUID, after: Place | None, limit: int) -> Page[Place]:
        """The next rows a replay came to, in the order of receipt. Raises NotFound."""
        with self._database.transaction(by.tenant_id) as tx:
            _replay(tx, replay_id)
            found = replays.rows(tx, replay_id, after, limit + 1)
        return Page([replays.row_shown(row) for row in found[:limit]], _place(found, limit, "ledger_id"))

    def cancel(self, by: Principal, replay_id: UUID, correlation_id: UUID) -> View:
        """Have a replay go no further than the page it is at; one that is over stays as it is. Raises NotFound."""
        with self._database.transaction(by.tenant_id) as tx:
            if replays.cancel(tx, replay_id):
                audit.record(tx, by, "ledger.replay_cancelled", ("replay", replay_id), {}, correlation_id)
            return _replay(tx, replay_id)

    def _hint(self, tenant_id: UUID, replay_id: UUID) -> None:
        # The row is there: without a hint the housekeeper finds it.
        with contextlib.suppress(Unavailable):
            hint(self._inbound(), tenant_id, replay_id)

    def _body(self, row: Row) -> View:
        body, why = row["body"], None
        if body is None and row["pointer"] is None:
            why = "erased"
        elif body is None:
            try:
                body = self._bucket.get(row["pointer"], LARGEST_SHOWN)
            except (NotFound, TooLarge) as error:
                why = "gone" if isinstance(error, NotFound) else "too_large"
        if why is not None:
            return {"body": None, "bodyEncoding": None, "bodyMissing": why}
        data = bytes(body)
        try:
            return {"body": data.decode(), "bodyEncoding": "text", "bodyMissing": None}
        except UnicodeDecodeError:
            return {"body": b64encode(data).decode(), "bodyEncoding": "base64", "bodyMissing": None}


def _place(found: Sequence[Row], limit: int, id_: str) -> Place | None:
    """Where the next page begins, if there is one."""
    return (found[limit - 1]["received_at"], found[limit - 1][id_]) if len(found) > limit else None


def _row(tx: Transaction, row_id: UUID) -> Row:
    row = ledger_rows.one(tx, row_id)
    if row is None:
        raise NotFound
    return row


def _replay(tx: Transaction, replay_id: UUID) -> View:
    found = replays.one(tx, replay_id)
    if found is None:
        raise NotFound
    return found


def _shown_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value if name in KEPT_HEADERS else NOT_SHOWN for name, value in sorted(headers.items())}
