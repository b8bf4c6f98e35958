"""What the deployment's secret derives. The one rule: it is derived once for each secret that is read, and follows a
rotation as soon as the secret is read anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING

from parley.domain.tokens import DeploymentKeys

if TYPE_CHECKING:
    from .sealing import Sealer
    from .secrets import Secrets


class Keyring:
    """The deployment's keys, and the sealer that uses those of one purpose. Thread-safe."""

    def __init__(self, secrets: Secrets, arn: str, sealing_purpose: str) -> None:
        self._secrets = secrets
        self._arn = arn
        self._sealing_purpose = sealing_purpose
        self._secret: Mapping[str, str] | None = None
        self._keys: DeploymentKeys | None = None
        self._sealer: Sealer | None = None
        self._lock = Lock()

    def keys(self) -> DeploymentKeys:
        """Every key of the deployment. Raises Unavailable when the secret was never read."""
        with self._lock:
            return self._current()

    def sealer(self) -> Sealer:
        """Seals with the current key, opens with every one. Raises Unavailable when the secret was never read."""
        from .sealing import Sealer  # brings cryptography, which the webhook receiver never needs

        with self._lock:
            keys = self._current()
            if self._sealer is None:
                self._sealer = Sealer(keys.derive_all(self._sealing_purpose), keys.current)
            return self._sealer

    def _current(self) -> DeploymentKeys:
        secret = self._secrets.read(self._arn)
        if self._keys is None or secret is not self._secret:
            self._secret, self._keys, self._sealer = secret, DeploymentKeys.from_secret(secret), None
        return self._keys
