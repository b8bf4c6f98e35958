"""A reader's place in a tenant's event log: `<epoch>:<seq>`. The one rule: a place is good only for the epoch it was
earned in, and clients never look inside the epoch.

The epoch joins the stream's own (it changes after a restore) and the reader's rights version, so that a reader whose
rights changed falls to the snapshot like one whose log was restored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import InvalidRequest

_WRITTEN = re.compile(r"([A-Za-z0-9._-]{1,64}):([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Everything up to and with `seq` has been seen."""

    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read a cursor as a client sends it back.

        Raises InvalidRequest for anything that was never a cursor.
        """
        match = _WRITTEN.fullmatch(text)
        if match is None:
            raise InvalidRequest("This is not a cursor.")
        return cls(match[1], int(match[2]))


def epoch_of(stream_epoch: str, rights_version: int) -> str:
    """The epoch as a reader with these rights sees it."""
    return f"{stream_epoch}.{rights_version}"
