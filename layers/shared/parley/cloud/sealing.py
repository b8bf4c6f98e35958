"""Credentials at rest: AES-256-GCM under versioned keys. The one rule: what was sealed for one tenant, integration
and purpose opens for no other, so a row's ciphertext is worthless in any other row.

Format: key version (2 bytes, big-endian), nonce (12 bytes), ciphertext and tag.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .ports import NotSealedHere

_VERSION_BYTES: Final = 2
_NONCE_BYTES: Final = 12


class Sealer:
    """Seals under the current key, opens under any."""

    def __init__(self, keys: Mapping[int, bytes], current: int) -> None:
        if current not in keys:
            raise ValueError("the current key is not among the keys")
        self._ciphers = {version: AESGCM(key) for version, key in keys.items()}
        self._current = current

    def seal(self, plain: Mapping[str, str], tenant_id: object, integration_id: object, purpose: str) -> bytes:
        """Encrypt under the current key; two seals of the same thing differ."""
        nonce = os.urandom(_NONCE_BYTES)
        text = json.dumps(dict(plain), sort_keys=True).encode()
        sealed = self._ciphers[self._current].encrypt(nonce, text, _context(tenant_id, integration_id, purpose))
        return self._current.to_bytes(_VERSION_BYTES, "big") + nonce + sealed

    def open(self, sealed: bytes, tenant_id: object, integration_id: object, purpose: str) -> dict[str, str]:
        """Decrypt what was sealed for exactly this tenant, integration and purpose.

        Raises NotSealedHere for anything else, a key version that is no more included.
        """
        cipher = self._ciphers.get(self.version(sealed))
        nonce, text = sealed[_VERSION_BYTES : _VERSION_BYTES + _NONCE_BYTES], sealed[_VERSION_BYTES + _NONCE_BYTES :]
        if cipher is None or len(nonce) < _NONCE_BYTES:
            raise NotSealedHere
        try:
            opened = cipher.decrypt(nonce, text, _context(tenant_id, integration_id, purpose))
        except InvalidTag as error:
            raise NotSealedHere from error
        return {str(name): str(value) for name, value in json.loads(opened).items()}

    @staticmethod
    def version(sealed: bytes) -> int:
        """Which key version sealed this; a row whose version is not the current one waits for rotation."""
        return int.from_bytes(sealed[:_VERSION_BYTES], "big")


def _context(tenant_id: object, integration_id: object, purpose: str) -> bytes:
    return json.dumps([str(tenant_id), str(integration_id), purpose]).encode()
