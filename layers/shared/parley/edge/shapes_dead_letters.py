"""What is asked and answered about dead letters, as types (schemas.py and shapes.py say why)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, model_validator
from typing_extensions import TypedDict

from .schemas import BodyModel, LooseId
from .shapes import Natural

MOST_IDS: Final = 100


class DeadWebhook(TypedDict):
    """What the queue `inbound` carries; `body`: null where it is too long for a list."""

    provider: str
    integrationId: UUID
    receivedAt: datetime
    headers: dict[str, str]
    body: str | None


class DeadLetter(TypedDict):
    """A message that left its queue after too many tries; `payload`: a webhook, or the hint as it was."""

    id: UUID
    correlationId: UUID | None
    queue: str
    payload: DeadWebhook | dict[str, Any]
    error: str | None
    failureCount: Natural
    firstFailedAt: datetime


class Redriven(TypedDict):
    """How many were sent again, and how many still lie there."""

    redriven: Natural
    left: Natural


def _truth(value: object) -> object:
    # 1 is as good as True to `Literal`.
    if value is not True:
        raise ValueError("should be true")
    return value


class RedriveBody(BodyModel):
    """Which to send again: some by their ids, one with another body (`body`), or all."""

    ids: Annotated[list[LooseId], Field(min_length=1, max_length=MOST_IDS)] | None = None
    every: Annotated[Literal[True], BeforeValidator(_truth)] | None = Field(None, alias="all")
    body: str | dict[str, Any] | None = None

    @model_validator(mode="after")
    def _says_which(self) -> RedriveBody:
        if (self.ids is None) == (self.every is None):
            raise ValueError("should have ids, or all")
        if self.body is not None and (self.ids is None or len(self.ids) != 1):
            raise ValueError("should have exactly one id beside a body")
        return self
