"""What may be asked of people, keys, accounts and settings. The one rule: a field that is not there is left as it is,
and a credential is never told back, not even in an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, WithJsonSchema, model_validator

from parley.domain.errors import InvalidRequest

from .schemas import BodyModel, LooseId, Moment, some_fields

MOST_INTEGRATIONS: Final = 200
LARGEST_SETTINGS: Final = 4096
LONGEST_CREDENTIAL: Final = 4096
MOST_CREDENTIALS: Final = 20
_EMAIL: Final = re.compile(r"[^@\s<>\"(),:;\[\\\]]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")


def _printable(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("should be printable, without blanks around it")
    return value


def _email(value: str) -> str:
    if not _EMAIL.fullmatch(value) or not value.isprintable():
        raise ValueError("should be an e-mail address")
    return value


def _settings(value: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(value, ensure_ascii=False).encode()) > LARGEST_SETTINGS:
        raise ValueError(f"should have at most {LARGEST_SETTINGS} bytes as JSON")
    return value


def _unlike(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise ValueError("should name nothing twice")
    return values


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Email = Annotated[
    str, Field(max_length=254), AfterValidator(_email), WithJsonSchema({"type": "string", "format": "email"})
]
Role = Literal["owner", "admin", "agent"]
Capacity = Annotated[int, Field(ge=0, le=10_000)]
IntegrationIds = Annotated[list[LooseId], Field(max_length=MOST_INTEGRATIONS), AfterValidator(_unlike)]
ScopeName = Literal[
    "conversations:read", "conversations:write", "messages:read", "messages:write", "contacts:read", "contacts:write",
    "events:read", "media", "admin",
]  # fmt: skip
SettingsObject = Annotated[dict[str, Any], AfterValidator(_settings)]
CredentialText = Annotated[SecretStr, Field(min_length=1, max_length=LONGEST_CREDENTIAL)]
Credentials = Annotated[
    dict[Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9]{0,40}$")], CredentialText], Field(max_length=MOST_CREDENTIALS)
]
AccountId = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Phone = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{5,17}$")]


class Patch(BodyModel):
    """Some fields of something."""

    model_config = ConfigDict(json_schema_extra=some_fields)

    @model_validator(mode="after")
    def _asks_something(self) -> Patch:
        if not self.model_fields_set:
            raise ValueError("should change something")
        return self

    def asked(self) -> dict[str, Any]:
        """What was given, by our names."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


class UserBody(BodyModel):
    """A person to add: with the `subject` that the issuer knows them by, or invited under an `email`."""

    name: Name
    role: Role = "agent"
    email: Email | None = None
    issuer: Name | None = None
    subject: Name | None = None
    capacity: Capacity | None = None
    integration_ids: IntegrationIds | None = Field(None, alias="integrationIds")

    @model_validator(mode="after")
    def _can_come_in(self) -> UserBody:
        if (self.issuer is None) != (self.subject is None):
            raise ValueError("should have issuer and subject, or neither")
        if self.subject is None and self.email is None:
            raise ValueError("should have an email, or issuer and subject")
        return self


class UserPatch(Patch):
    """What is to change of a person."""

    name: Name = Field(default="")
    email: Email | None = None
    role: Role = Field(default="agent")
    capacity: Capacity | None = None
    disabled: bool = Field(default=False)
    integration_ids: IntegrationIds = Field(default=[], alias="integrationIds")


class AutoAssignmentBody(BodyModel):
    """Whether new conversations go to people who are online, in turn; `capacity`: how many each has at most."""

    mode: Literal["off", "round_robin"]
    capacity: Capacity | None = None


class RetentionBody(BodyModel):
    """For how many days the company keeps each; null or not there: as long as is usual in this deployment."""

    events: Annotated[int, Field(ge=1, le=3650)] | None = None
    ledger: Annotated[int, Field(ge=1, le=3650)] | None = None
    attempts: Annotated[int, Field(ge=1, le=3650)] | None = None


class SettingsPatch(Patch):
    """What the company chooses."""

    agents_see: Literal["everything", "integrations", "own"] = Field(default="everything", alias="agentsSee")
    provision_automatically: bool = Field(default=False, alias="provisionAutomatically")
    auto_assignment: AutoAssignmentBody = Field(default=AutoAssignmentBody(mode="off"), alias="autoAssignment")
    retention: RetentionBody = Field(default=RetentionBody())

    def chosen(self) -> dict[str, Any]:
        """As it is stored."""
        chosen = self.model_dump(exclude_unset=True, by_alias=True)
        return {**chosen, "retention": self.retention.model_dump()} if "retention" in chosen else chosen


class KeyBody(BodyModel):
    """An API key to make; `perMinute`: another limit than the deployment's."""

    name: Name
    scopes: Annotated[list[ScopeName], Field(min_length=1, max_length=20), AfterValidator(_unlike)]
    expires_at: Moment | None = Field(None, alias="expiresAt")
    per_minute: Annotated[int, Field(ge=1, le=100_000)] | None = Field(None, alias="perMinute")


class KeyRotation(BodyModel):
    """For how long the secret before this one stays good: 0 seconds to 7 days, by default a day."""

    overlap_seconds: Annotated[int, Field(ge=0, le=7 * 86_400)] = Field(86_400, alias="overlapSeconds")


class IntegrationBody(BodyModel):
    """An account to connect; the names of `credentials` and `settings` are those of its gateway."""

    provider: Annotated[str, Field(pattern=r"^[a-z]{1,40}$")]
    name: Name
    account_id: AccountId = Field(alias="accountId")
    phone: Phone | None = None
    settings: SettingsObject = Field(default={})
    credentials: Credentials


class IntegrationPatch(Patch):
    """What is to change of an account; `settings` is replaced as a whole."""

    name: Name = Field(default="")
    phone: Phone | None = None
    settings: SettingsObject = Field(default={})
    held: bool = Field(default=False)


class IntegrationRotation(BodyModel):
    """New credentials (those that are named), a new address for its webhooks, or both."""

    credentials: Credentials | None = None
    webhook_url: bool = Field(default=False, alias="webhookUrl")

    @model_validator(mode="after")
    def _asks_something(self) -> IntegrationRotation:
        if not self.credentials and not self.webhook_url:
            raise ValueError("should name credentials, ask for a new webhookUrl, or both")
        return self


def opened(credentials: Mapping[str, SecretStr]) -> dict[str, str]:
    """Credentials as adapters name them (`accessToken` is `access_token`). Raises InvalidRequest."""
    plain = {
        _HUMP.sub(lambda hump: f"_{hump[1].lower()}", name): text.get_secret_value()
        for name, text in credentials.items()
    }
    if any(not text.isprintable() for text in plain.values()):
        raise InvalidRequest(errors=[{"path": "credentials", "message": "should be printable"}])
    return plain
