"""How long things last on the socket, and how many a company may have. The one rule: what the protocol promises to
clients is decided here; the fast clock of the local stack divides every duration.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Terms:
    """`heartbeat`: how often a client pings; `silence`: after which it is dead; `idle`: after which its person is away.

    `max_age`: when a client rolls over, before the platform ends the connection after two hours; `session`: when the
    server does, unless a ticket renews it.
    """

    heartbeat: timedelta = timedelta(seconds=30)
    silence: timedelta = timedelta(seconds=75)
    idle: timedelta = timedelta(minutes=5)
    max_age: timedelta = timedelta(minutes=110)
    session: timedelta = timedelta(hours=2)
    per_user: int = 10
    per_tenant: int = 1000

    @classmethod
    def sped(cls, fast_clock: float, *, silence_seconds: float, per_user: int, per_tenant: int) -> Terms:
        """These terms on a clock that runs `fast_clock` times as fast."""
        usual = cls()
        return cls(
            heartbeat=usual.heartbeat / fast_clock,
            silence=timedelta(seconds=silence_seconds / fast_clock),
            idle=usual.idle / fast_clock,
            max_age=usual.max_age / fast_clock,
            session=usual.session / fast_clock,
            per_user=per_user,
            per_tenant=per_tenant,
        )


def milliseconds(duration: timedelta) -> int:
    """A duration as clients are told it."""
    return round(duration.total_seconds() * 1000)
