"""What is derived from the deployment's secret: URL tokens, verify tokens, sealing keys. The one rule: nothing here
needs a database, and whatever any live key version made is accepted until that version is taken out of the secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

from .errors import Unauthenticated

MINIMUM_KEY_LENGTH: Final = 32

_URL_TOKEN: Final = re.compile(r"([0-9]{1,9})\.[A-Za-z0-9_-]{43}", re.ASCII)
_KEY_NAME: Final = re.compile(r"key_([0-9]{1,5})", re.ASCII)


class DeploymentKeys:
    """The deployment's keys by version; `current` makes, every version verifies."""

    def __init__(self, keys: Mapping[int, str], current: int) -> None:
        if current not in keys:
            raise ValueError(f"the deployment secret has no key_{current}, which it calls current")
        short = sorted(version for version, key in keys.items() if len(key) < MINIMUM_KEY_LENGTH)
        if short:
            raise ValueError(f"key_{short[0]} of the deployment secret has fewer than {MINIMUM_KEY_LENGTH} characters")
        newest_first = sorted(keys, key=lambda version: (version != current, -version))
        self._keys = {version: keys[version].encode() for version in newest_first}
        self.current = current

    @classmethod
    def from_secret(cls, secret: Mapping[str, str]) -> DeploymentKeys:
        """Read `{"current": "1", "key_1": "…"}`; other members of the secret are not ours."""
        named = ((_KEY_NAME.fullmatch(name), key) for name, key in secret.items())
        keys = {int(match[1]): key for match, key in named if match}
        return cls(keys, int(secret.get("current", "1")))

    def url_token(self, integration_id: str, generation: int) -> str:
        """Make the last part of an integration's webhook URL: `<generation>.<mac>`."""
        return f"{generation}.{_mac(self._keys[self.current], f'webhook-url:{integration_id}:{generation}')}"

    def read_url_token(self, integration_id: str, token: str) -> int:
        """Return the token's generation; whether it is still the integration's own, the database says.

        Raises Unauthenticated for anything this deployment did not make for this integration.
        """
        match = _URL_TOKEN.fullmatch(token)
        if match:
            purpose = f"webhook-url:{integration_id}:{match[1]}"
            for key in self._keys.values():
                if hmac.compare_digest(token, f"{match[1]}.{_mac(key, purpose)}"):
                    return int(match[1])
        raise Unauthenticated("The webhook's URL token is wrong.")

    def verify_token(self, integration_id: str) -> str:
        """Make the token Meta repeats in its handshake."""
        return self.verify_tokens(integration_id)[0]

    def verify_tokens(self, integration_id: str) -> tuple[str, ...]:
        """Every verify token that still counts, the current one first."""
        return tuple(_mac(key, f"verify:{integration_id}") for key in self._keys.values())

    def derive(self, purpose: str, version: int | None = None) -> bytes:
        """Derive 32 bytes for one purpose from one version of the key, the current one by default."""
        key = self._keys[self.current if version is None else version]
        return hmac.digest(key, purpose.encode(), hashlib.sha256)

    def derive_all(self, purpose: str) -> dict[int, bytes]:
        """Derive the purpose's key of every version, for what must still be read after a rotation."""
        return {version: self.derive(purpose, version) for version in self._keys}


def _mac(key: bytes, message: str) -> str:
    digest = hmac.digest(key, message.encode("utf-8", "surrogatepass"), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
