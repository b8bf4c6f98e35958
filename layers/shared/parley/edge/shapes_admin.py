"""What is answered about people, keys, accounts and settings, as types (shapes.py says why)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypedDict

from .shapes import Natural
from .shapes_health import HealthNote

RoleName = Literal["owner", "admin", "agent"]


class User(TypedDict):
    """A person of the company; `integrationIds` counts where agents see their integrations only."""

    id: UUID
    name: str
    email: str | None
    role: RoleName
    status: Literal["active", "invited", "disabled"]
    capacity: Natural | None
    integrationIds: list[UUID]
    createdAt: datetime
    updatedAt: datetime


class AutoAssignment(TypedDict, total=False):
    """Whether new conversations are given to people who are online, in turn."""

    mode: Literal["off", "round_robin"]
    capacity: Natural | None


class Retention(TypedDict):
    """For how many days the company keeps each; null: as long as is usual in this deployment."""

    events: Annotated[int, Field(ge=1)] | None
    ledger: Annotated[int, Field(ge=1)] | None
    attempts: Annotated[int, Field(ge=1)] | None


class Settings(TypedDict):
    """What the company has chosen."""

    agentsSee: Literal["everything", "integrations", "own"]
    provisionAutomatically: bool
    autoAssignment: AutoAssignment
    retention: Retention


class ApiKey(TypedDict):
    """An API key, less the key itself; `lastUsedAt` to the hour."""

    id: UUID
    name: str
    scopes: list[str]
    perMinute: Annotated[int, Field(ge=1)] | None
    expiresAt: datetime | None
    previousUntil: datetime | None
    lastUsedAt: datetime | None
    createdAt: datetime


class NewApiKey(ApiKey):
    """An API key with the key itself, which is shown this once."""

    key: str


class Integration(TypedDict):
    """A connected account on a gateway; `held`: a person wants nothing sent through it."""

    id: UUID
    provider: str
    channel: str
    name: str
    accountId: str
    phone: str | None
    state: Literal["connected", "disconnected", "paused"]
    reason: str | None
    held: bool
    health: HealthNote
    settings: dict[str, Any]
    createdAt: datetime
    updatedAt: datetime
    version: Natural


class WebhookAddress(TypedDict):
    """Where the gateway posts; `setUp`: it was told so, else a person enters it there, and `message` says why."""

    url: str
    verifyToken: str
    setUp: bool
    message: str | None


class ConnectedIntegration(Integration):
    """An account with the address of its webhooks, where that is new."""

    webhook: WebhookAddress | None


class Checkup(TypedDict):
    """What the gateway said of the account just now."""

    ok: bool
    reason: str
    reachable: bool


class CheckedIntegration(Integration):
    """An account and what its gateway said."""

    check: Checkup


class Doer(TypedDict):
    """Who did something."""

    kind: Literal["user", "bot", "system"]
    id: UUID | None
    name: str | None


class Subject(TypedDict):
    """What it was done to."""

    kind: str
    id: UUID | None


class Deed(TypedDict):
    """An entry of the audit log."""

    id: UUID
    action: str
    actor: Doer
    subject: Subject
    detail: dict[str, Any]
    correlationId: UUID | None
    occurredAt: datetime
