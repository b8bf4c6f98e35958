"""Secrets Manager, read and kept for five minutes. The one rule: a secret once read is not lost to an outage of the
service.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Final

from .endpoint import CallFailed, Endpoint, service_url

TERM_SECONDS: Final = 300.0
AFTER_FAILURE_SECONDS: Final = 10.0


class Secrets:
    """Reads flat JSON secrets by their ARN or name. Thread-safe."""

    def __init__(self, endpoint: Endpoint | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._endpoint = endpoint or Endpoint(service_url("secretsmanager"), "secretsmanager")
        self._clock = clock
        self._kept: dict[str, tuple[float, Mapping[str, str]]] = {}
        self._lock = Lock()

    def read(self, arn: str) -> Mapping[str, str]:
        """Return the secret, at most five minutes old, or older while the service does not answer. It is the same
        object as long as nothing new was read, so that what is made of it can be kept beside it.

        Raises CallFailed (an Unavailable) when it was never read.
        """
        with self._lock:
            until, secret = self._kept.get(arn, (0.0, None))
            if secret is not None and self._clock() < until:
                return secret
            try:
                fresh = self._fetch(arn)
            except CallFailed:
                if secret is None:
                    raise
                self._kept[arn] = (self._clock() + AFTER_FAILURE_SECONDS, secret)
                return secret
            kept = secret if secret == fresh else fresh
            self._kept[arn] = (self._clock() + TERM_SECONDS, kept)
            return kept

    def _fetch(self, arn: str) -> Mapping[str, str]:
        answer = self._endpoint.call("secretsmanager.GetSecretValue", "1.1", {"SecretId": arn})
        try:
            secret = json.loads(answer["SecretString"])
        except (KeyError, ValueError) as error:
            raise CallFailed("secretsmanager.GetSecretValue", 200, "not a JSON secret") from error
        if not isinstance(secret, dict):
            raise CallFailed("secretsmanager.GetSecretValue", 200, "not a JSON object")
        return {str(name): str(value) for name, value in secret.items()}
