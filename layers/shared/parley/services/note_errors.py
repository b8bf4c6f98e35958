"""Note why a queue's message failed, so that its dead letter can say it. The one rule: it is the best effort of a
consumer that has something better to do, so it never raises, and a database that is away is not asked again and again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from parley.domain.errors import ParleyError
from parley.domain.queues import QueueName, fingerprint
from parley.store import dead_letters
from parley.store.database import Database

LOG = logging.getLogger("parley.note_errors")

QUIET_SECONDS: Final = 30.0
LONGEST_ERROR: Final = 500


class ErrorNotes:
    """Notes errors; after one that could not be noted, none for a while."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._quiet_until = 0.0

    def note(self, queue: QueueName, message: str, error: Exception) -> None:
        """Note why a message of a queue was put off; never raises."""
        if dead_letters.is_database_away(error) or self._clock() < self._quiet_until:
            return
        try:
            with self._database.unscoped() as tx:
                dead_letters.note_error(tx, queue, fingerprint(message), sentence(error))
        except ParleyError as failure:
            self._quiet_until = self._clock() + QUIET_SECONDS
            LOG.warning("an error was not noted", extra={"code": failure.code})


def sentence(error: Exception) -> str:
    """An error as its code and a sentence of ours; of one that is not ours only the kind, for its words may hold what a
    person wrote.
    """
    if not isinstance(error, ParleyError):
        return f"unexpected: {type(error).__name__}"
    return f"{error.code}: {error.detail}".replace("\0", "")[:LONGEST_ERROR]
