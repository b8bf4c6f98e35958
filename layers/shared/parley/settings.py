"""The environment as one typed model. The one rule: every environment name of the template is a field here,
upper-cased, and the reverse; a template test holds both ways.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Final

_TYPES: Final[Mapping[type, Callable[[str], str | int | float]]] = {str: str, int: int, float: float}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a function is told by its environment. A function gets only what it needs; the rest keeps its default."""

    stage: str = "local"
    log_level: str = "INFO"
    fast_clock: float = 1.0
    deployment_secret_arn: str = ""
    bucket_name: str = ""
    tombstones_bucket_name: str = ""
    inbound_queue_url: str = ""
    outbound_queue_url: str = ""
    push_queue_url: str = ""
    media_queue_url: str = ""
    inbound_dead_letters_url: str = ""
    outbound_dead_letters_url: str = ""
    push_dead_letters_url: str = ""
    media_dead_letters_url: str = ""
    database_host: str = ""
    database_port: int = 5432
    database_name: str = "parley"
    database_sslmode: str = "require"
    database_pooled: str = "true"
    database_secret_arn: str = ""
    migration_secret_arn: str = ""
    websocket_url: str = ""
    connections_url: str = ""
    allowed_origins: str = ""
    meta_api_url: str = "https://graph.facebook.com"
    meta_api_version: str = "v26.0"
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_algorithm: str = "HS256"
    jwt_keys_url: str = ""
    jwt_subject_claim: str = "sub"
    jwt_tenant_claim: str = "tenant_id"
    jwt_role_claim: str = "role"
    api_per_minute: int = 100
    sends_per_minute: int = 60
    person_per_minute: int = 1200
    private_gateway_urls: str = ""
    send_lease_seconds: float = 30.0
    send_backoff_seconds: float = 2.0
    media_lease_seconds: float = 60.0
    media_first_pause_seconds: float = 30.0
    media_second_pause_seconds: float = 300.0
    private_media_urls: str = ""
    connection_silence_seconds: float = 75.0
    max_connections_per_user: int = 10
    max_connections_per_tenant: int = 1000
    max_frames_per_second: float = 10.0
    max_typing_per_second: float = 1.0
    max_frame_bytes: int = 4096
    push_audience_limit: int = 250
    event_days: int = 30
    ledger_days: int = 30
    attempt_days: int = 90
    queue_figures_url: str = ""
    admins_operate: str = "false"
    breaker_minimum: int = 20
    breaker_share: float = 0.5
    breaker_window_seconds: float = 300.0
    breaker_pause_seconds: float = 900.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the fields from their upper-cased names; a field's default gives its type.

        Raises ValueError naming the variable that is not a number.
        """
        given: dict[str, str | int | float] = {}
        for field in fields(cls):
            text = environment.get(field.name.upper(), "")
            if not text:
                continue
            try:
                given[field.name] = _TYPES[type(field.default)](text)
            except ValueError as error:
                raise ValueError(f"{field.name.upper()} is not a number: {text!r}") from error
        return cls(**given)  # type: ignore[arg-type]

    def required(self, name: str) -> str:
        """Return a text field this function cannot do without.

        Raises LookupError naming the variable that is missing.
        """
        value = str(getattr(self, name))
        if not value:
            raise LookupError(f"{name.upper()} is not set")
        return value

    def sped(self, seconds: float) -> float:
        """Shorten a configured duration by the local stack's fast clock."""
        return seconds / self.fast_clock
