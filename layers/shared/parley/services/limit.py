"""Limit how often a caller may ask. The one rule: a caller who keeps to the rate never waits, and one who does not is
told for how long.

A minute's worth may come at once; after that requests are granted at the rate (the generic cell rate algorithm).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from parley.domain.errors import RateLimited
from parley.domain.principal import Principal
from parley.store.database import Database
from parley.store.rate_limits import take

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests a minute; 0: as many as they like. `send`: those of a key that send messages."""

    key: int = 100
    send: int = 60
    person: int = 1200


class Limiter:
    """Counts the requests of keys and people."""

    def __init__(self, database: Database, rates: Rates) -> None:
        self._database = database
        self._rates = rates

    def take(self, caller: Principal, weight: Literal["api", "send"]) -> Mapping[str, str]:
        """Count a request; answer the headers that say what is left. Raises RateLimited."""
        rate = self._rate(caller, weight)
        if not rate:
            return {}
        subject = f"{weight}:{caller.key}" if caller.kind == "api_key" else caller.key
        with self._database.transaction(caller.tenant_id) as tx:
            granted, ahead = take(tx, subject, MINUTE / rate, MINUTE)
        apart = 60 / rate
        headers = {
            "ratelimit-limit": str(rate),
            "ratelimit-remaining": str(max(0, math.floor((60 - ahead) / apart + 1e-6)) if granted else 0),
            "ratelimit-reset": str(math.ceil(ahead)),
        }
        if not granted:
            wait = max(1, math.ceil(ahead + apart - 60))
            raise RateLimited("Too many requests: slow down.", retry_after=wait, headers=headers)
        return headers

    def _rate(self, caller: Principal, weight: Literal["api", "send"]) -> int:
        if caller.kind == "user":
            return self._rates.person
        return caller.per_minute or (self._rates.send if weight == "send" else self._rates.key)
