"""housekeeper: every minute, what hints and workers left behind. The one rule: it is only the net; nothing waits."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from parley import wiring

LOG = wiring.start_logging("housekeeper")


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Sweep once; an error fails the invocation, and the next minute tries again."""
    swept = asdict(wiring.housekeeper().sweep())
    LOG.info("swept", extra=swept)
    return swept
