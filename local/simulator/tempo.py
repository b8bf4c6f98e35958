"""How fast the simulated world goes, and what runs in its background; every wait of the simulator is divided here."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """A moment as the control API writes it, in milliseconds with a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Tempo:
    """Scales every duration by the clock rate and owns the tasks that outlive a request.

    The event loop holds tasks only weakly, so the simulator keeps each one until it has ended.
    """

    def __init__(self, clock_rate: float) -> None:
        if clock_rate <= 0:
            raise ValueError("clock_rate must be above zero")
        self._clock_rate = clock_rate
        self._tasks: set[asyncio.Task[None]] = set()

    def scaled(self, seconds: float) -> float:
        """What a duration is on this clock."""
        return seconds / self._clock_rate

    async def sleep(self, seconds: float) -> None:
        """Wait a duration, as long as it is on this clock."""
        await asyncio.sleep(self.scaled(seconds))

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Let some work go on after the request that caused it was answered."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Wait until nothing is going on in the background, work begun meanwhile included."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        """Cancel what is going on in the background and wait until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
