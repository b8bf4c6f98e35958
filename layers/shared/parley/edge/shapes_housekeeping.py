"""What is answered about housekeeping, as types (shapes.py says why)."""

from __future__ import annotations

from datetime import datetime

from typing_extensions import TypedDict

from .shapes import Natural


class HousekeepingStep(TypedDict):
    """A step: when it last began, when it last went well, how much it found and how long that took; what waits for it
    now (null: nobody counts); and a sentence where somebody should look.
    """

    step: str
    lastRunAt: datetime | None
    lastOkAt: datetime | None
    found: Natural
    ms: Natural
    error: str | None
    waiting: Natural | None
    sentence: str | None


class Housekeeping(TypedDict):
    """All steps, by name."""

    data: list[HousekeepingStep]
