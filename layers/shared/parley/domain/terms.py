"""How long things last on the socket, and how many a company may have. The one rule: what the protocol promises to
clients is decided here; the fast clock of the local stack divides every duration.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, then one every `apart`."""

    apart: timedelta
    burst: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What a deployment may set: how long a connection may be silent, how many there may be, how often somebody may
    say something.
    """

    silence_seconds: float = 75.0
    per_user: int = 10
    per_tenant: int = 1000
    frames_per_second: float = 10.0
    typing_per_second: float = 1.0


@dataclass(frozen=True, slots=True)
class Terms:
    """`heartbeat`: how often a client pings; `silence`: after which it is dead; `idle`: after which its person is away.

    `max_age`: when a client rolls over, before the platform ends the connection after two hours; `session`: when the
    server does, unless a ticket renews it. `grace`: a person is offline so long after the last connection went;
    `coalesce`: changes of presence are told together. `typing_life`: how long typing is believed; `typing_again`: how
    often it is repeated at most. `frames`, `typing`: how often a person may say something.
    """

    heartbeat: timedelta = timedelta(seconds=30)
    silence: timedelta = timedelta(seconds=75)
    idle: timedelta = timedelta(minutes=5)
    max_age: timedelta = timedelta(minutes=110)
    session: timedelta = timedelta(hours=2)
    grace: timedelta = timedelta(seconds=15)
    coalesce: timedelta = timedelta(seconds=1.5)
    typing_life: timedelta = timedelta(seconds=6)
    typing_again: timedelta = timedelta(seconds=3)
    frames: Rate = Rate(timedelta(seconds=0.1), 10)
    typing: Rate = Rate(timedelta(seconds=1), 2)
    per_user: int = 10
    per_tenant: int = 1000

    @classmethod
    def sped(cls, fast_clock: float, limits: Limits) -> Terms:
        """These terms on a clock that runs `fast_clock` times as fast."""
        usual = cls()
        return cls(
            heartbeat=usual.heartbeat / fast_clock,
            silence=timedelta(seconds=limits.silence_seconds / fast_clock),
            idle=usual.idle / fast_clock,
            max_age=usual.max_age / fast_clock,
            session=usual.session / fast_clock,
            grace=usual.grace / fast_clock,
            coalesce=usual.coalesce / fast_clock,
            typing_life=usual.typing_life / fast_clock,
            typing_again=usual.typing_again / fast_clock,
            # A burst is a second's worth; of typing one more, since who begins may end at once.
            frames=_rate(limits.frames_per_second, fast_clock, spare=0),
            typing=_rate(limits.typing_per_second, fast_clock, spare=1),
            per_user=limits.per_user,
            per_tenant=limits.per_tenant,
        )


def _rate(per_second: float, fast_clock: float, *, spare: int) -> Rate:
    return Rate(timedelta(seconds=1 / (per_second * fast_clock)), max(1, round(per_second)) + spare)


def milliseconds(duration: timedelta) -> int:
    """A duration as clients are told it."""
    return round(duration.total_seconds() * 1000)
