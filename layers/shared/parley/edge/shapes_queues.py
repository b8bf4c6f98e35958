"""What is answered about queues, and what may be asked of them, as types (shapes.py says why)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from parley.domain.queues import QueueName

from .schemas import BodyModel
from .schemas_admin import Name as Words
from .shapes import Natural


class QueueMinute(TypedDict):
    """What became of a queue's messages in one minute: done, or come back to be tried again."""

    at: datetime
    completed: Natural
    failed: Natural


class QueuePause(TypedDict):
    """Since when nothing is taken from a queue, and why."""

    since: datetime
    reason: str


class Queue(TypedDict):
    """A queue of the deployment; `dead` counts the caller's own. `sentence`: what somebody should look after. `series`:
    the last hour, the oldest minute first.
    """

    name: QueueName
    depth: Natural
    inFlight: Natural
    oldestAgeSeconds: Annotated[float, Field(ge=0)] | None
    ratePerMinute: Annotated[float, Field(ge=0)]
    errorRate: Annotated[float, Field(ge=0, le=1)]
    dead: Natural
    sentence: str | None
    paused: QueuePause | None
    series: list[QueueMinute]


class PauseBody(BodyModel):
    """Why a queue is to be paused, for whoever finds it so."""

    reason: Words = "Paused by hand."
