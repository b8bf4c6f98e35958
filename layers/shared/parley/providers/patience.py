"""How long a call of a gateway may take. The one rule: the adapter that waits says how long it waits, and whoever holds
a claim meanwhile (a send's lease, a fetch's) holds it longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final


@dataclass(frozen=True, slots=True)
class Patience:
    """The waits of one call, in seconds: for a connection, for the gateway to take a piece of the body, for its next
    bytes; and what all of a streamed body may take (`upload`).
    """

    connect: float = 3.0
    write: float = 5.0
    read: float = 10.0
    upload: float = 0.0

    @property
    def pool(self) -> float:
        """The wait for a connection that others use."""
        return self.connect / 3

    @property
    def longest(self) -> timedelta:
        """How long one call takes at most: each wait once, and twice for the answer, whose head and rest come apart."""
        return timedelta(seconds=self.pool + self.connect + self.upload + self.write + 2 * self.read)

    def sped(self, speed: float) -> Patience:
        """All waits divided."""
        return Patience(self.connect / speed, self.write / speed, self.read / speed, self.upload / speed)


USUAL: Final = Patience()
"""Of a call without a file."""

QUICK: Final = Patience(connect=2.0, write=2.0, read=4.0)
"""Of a question on the way to something else."""
