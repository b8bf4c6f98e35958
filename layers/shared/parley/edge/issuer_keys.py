"""The public keys of the issuer of people's tokens. The one rule: the issuer is asked seldom, whatever tokens come, and
keys once read are good until the issuer shows others: that it is down shuts nobody out.

A key set is read again when it is an hour old, and when a token names a key that is not in it, but never twice within
the cooldown (RFC 7517; OpenID Connect Core 10.1.1).
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Final, Literal

import jwt

from parley.domain.errors import ParleyError, Unavailable

LOG = logging.getLogger("parley.issuer_keys")

TERM_SECONDS: Final = 3600.0
COOLDOWN_SECONDS: Final = 60.0
MOST_KEYS: Final = 100
SMALLEST_RSA_BITS: Final = 2048

Algorithm = Literal["RS256", "ES256"]
_FAMILIES: Final[Mapping[str, Mapping[str, str]]] = {"RS256": {"kty": "RSA"}, "ES256": {"kty": "EC", "crv": "P-256"}}


class IssuerKeys:
    """The issuer's keys for one algorithm. Thread-safe.

    `fetch` reads the key set from the issuer, `kept` what was last kept, `keep` keeps it for functions that start while
    the issuer is down; each raises a ParleyError where it fails.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        fetch: Callable[[], bytes],
        *,
        kept: Callable[[], bytes | None] = lambda: None,
        keep: Callable[[bytes], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.algorithm: Final = algorithm
        self._fetch = fetch
        self._kept = kept
        self._keep = keep
        self._clock = clock
        self._keys: dict[str | None, jwt.PyJWK] | None = None
        self._fresh_until = 0.0
        self._next_try = 0.0
        self._lock = Lock()

    def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key of this id; of a token that names none, the only one there is.

        Raises Unavailable where no key set was ever read.
        """
        with self._lock:
            if self._keys is None or self._clock() >= self._fresh_until:
                self._read()
            found = self._pick(key_id)
            if found is None:
                self._read()
                found = self._pick(key_id)
            return found

    def _pick(self, key_id: str | None) -> jwt.PyJWK | None:
        if self._keys is None:
            raise Unavailable("The keys of the tokens' issuer cannot be read.")
        if key_id is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(key_id)

    def _read(self) -> None:
        """Ask the issuer, unless it was asked a moment ago; where it does not answer, what is known stays."""
        if self._clock() < self._next_try:
            return
        self._next_try = self._clock() + COOLDOWN_SECONDS
        try:
            text = self._fetch()
            self._keys = read_keys(text, self.algorithm)
        except (ParleyError, ValueError) as error:
            LOG.warning("the issuer's keys were not read", exc_info=error)
            if self._keys is None:
                self._recall()
            return
        self._fresh_until = self._clock() + TERM_SECONDS
        try:
            self._keep(text)
        except ParleyError as error:
            LOG.warning("the issuer's keys were not kept", exc_info=error)

    def _recall(self) -> None:
        try:
            text = self._kept()
            self._keys = read_keys(text, self.algorithm) if text else None
        except (ParleyError, ValueError) as error:
            LOG.warning("the issuer's keys were not kept anywhere", exc_info=error)


def read_keys(text: bytes, algorithm: Algorithm) -> dict[str | None, jwt.PyJWK]:
    """The keys of a JSON Web Key Set that sign with this algorithm, by id. Raises ValueError where there are none."""
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError("the key set is nested too deeply") from error
    listed = found.get("keys") if isinstance(found, dict) else None
    keys = {}
    for item in listed[:MOST_KEYS] if isinstance(listed, list) else ():
        key = _usable(item, algorithm)
        if key is not None:
            keys[key.key_id] = key
    if not keys:
        raise ValueError(f"the key set has no key for {algorithm}")
    return keys


def _usable(item: object, algorithm: Algorithm) -> jwt.PyJWK | None:
    """A key of the set, if it is one that signs with this algorithm; a set may hold others beside it."""
    if not isinstance(item, dict) or any(item.get(name) != value for name, value in _FAMILIES[algorithm].items()):
        return None
    if item.get("use", "sig") != "sig" or item.get("alg", algorithm) != algorithm:
        return None
    if not isinstance(item.get("kid"), str | None):
        return None
    try:
        key = jwt.PyJWK(_public(item), algorithm)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        LOG.warning("a key of the issuer's is not usable", exc_info=error)
        return None
    return None if getattr(key.key, "key_size", 0) < SMALLEST_RSA_BITS and algorithm == "RS256" else key


def _public(item: Mapping[str, Any]) -> dict[str, Any]:
    """Less the private members that should never be in a set."""
    return {name: item[name] for name in ("kty", "kid", "n", "e", "crv", "x", "y") if name in item}
