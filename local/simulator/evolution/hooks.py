"""Each instance's webhook as `POST /webhook/set` left it; until then, as the demo set it up: every event, signed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.simulator.evolution import bodies
from local.simulator.evolution.rules import EVENTS
from local.simulator.integrations import SimulatedIntegration
from local.simulator.tempo import now, rfc3339


@dataclass(frozen=True)
class Hook:
    """What is told, how it is signed, and whether files are in the bodies."""

    jwt_key: str | None
    events: frozenset[str] = frozenset(EVENTS)
    enabled: bool = True
    base64: bool = False

    def tells(self, event: str) -> bool:
        """Whether an event is told."""
        return self.enabled and event.replace(".", "_").replace("-", "_").upper() in self.events


class Hooks:
    """The webhooks of the instances."""

    def __init__(self) -> None:
        self._hooks: dict[str, tuple[Hook, dict[str, Any]]] = {}

    def of(self, integration: SimulatedIntegration) -> Hook:
        """The webhook of an instance."""
        kept = self._hooks.get(integration.id)
        return kept[0] if kept else Hook(integration.secret or None)

    def set(self, integration: SimulatedIntegration, webhook: Mapping[str, Any]) -> dict[str, Any]:
        """Set it, and answer it as Evolution does. It goes on going to the integration's own address."""
        headers = webhook.get("headers") or {}
        chosen = webhook.get("events") or list(EVENTS)
        hook = Hook(headers.get("jwt_key"), frozenset(chosen), webhook["enabled"], base64=webhook.get("base64") is True)
        at = rfc3339(now())
        shown = {
            "id": bodies.row_id(integration.id),
            "url": webhook["url"],
            "headers": headers,
            "enabled": hook.enabled,
            "events": chosen if hook.enabled else [],
            "webhookByEvents": webhook.get("byEvents") is True,
            "webhookBase64": hook.base64,
            "createdAt": at,
            "updatedAt": at,
            "instanceId": bodies.instance_id(integration),
        }
        self._hooks[integration.id] = (hook, shown)
        return shown

    def shown(self, integration: SimulatedIntegration) -> dict[str, Any] | None:
        """What `GET /webhook/find` answers."""
        kept = self._hooks.get(integration.id)
        return kept[1] if kept else None
