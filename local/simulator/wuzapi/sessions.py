"""What an account has set at its WuzAPI: the webhook and its events, the signing key, and where files go."""

import hashlib
from dataclasses import dataclass, field

from local.simulator.integrations import SimulatedIntegration


@dataclass
class Session:
    """One account's settings. Files are left out of webhooks, as after Parley's own set-up: `delivery` is `s3`
    without a bucket. With `base64` they are in the body, with a bucket (`bucket`) a link is.
    """

    key: str
    webhook: str
    events: list[str] = field(default_factory=lambda: ["All"])
    delivery: str = "s3"
    bucket: bool = False

    def wants(self, event: str) -> bool:
        """Whether the account asked for this event."""
        return event in self.events or "All" in self.events


class Sessions:
    """Every account's settings, made when first needed."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def of(self, integration: SimulatedIntegration) -> Session:
        """The settings of one account."""
        fresh = Session(integration.secret, integration.webhook_url)
        return self._sessions.setdefault(integration.id, fresh)


def user_id(integration: SimulatedIntegration) -> str:
    """WuzAPI's id of the account: the same as its name here."""
    return integration.account_id


def media_key(file_id: str) -> bytes:
    """The key a file would be encrypted with; who asks for the file must know it."""
    return hashlib.sha256(f"media key of {file_id}".encode()).digest()
