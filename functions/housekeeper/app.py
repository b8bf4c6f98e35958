"""housekeeper: every minute, what hints and workers left behind. The one rule: it is only the net; nothing waits."""

from __future__ import annotations

import logging
from typing import Any

from parley import wiring

LOG = wiring.start_logging("housekeeper")
ENOUGH_MS = 15_000
"""As long as a step may take that is begun: one that is killed is noted nowhere."""


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Sweep once; a step that fails makes the invocation fail after the others ran, and the next minute tries again."""
    swept = wiring.housekeeper().sweep(lambda: context.get_remaining_time_in_millis() > ENOUGH_MS)
    steps = {name: {"found": outcome.found, "ms": outcome.ms} for name, outcome in swept.outcomes.items()}
    failed = {name: error.code for name, error in swept.failed.items()}
    level = logging.WARNING if failed or swept.left else logging.INFO
    LOG.log(level, "swept", extra={"steps": steps, "failed": failed, "left": swept.left})
    for error in swept.failed.values():
        raise error
    return dict(swept)
