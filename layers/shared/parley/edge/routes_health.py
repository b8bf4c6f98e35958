"""Whether the process lives and whether its dependencies answer. The one rule: open to everybody, so without any
detail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response

from .api import EVERYBODY, Api, answer
from .shapes import Health


def add_health_routes(api: Api, probes: Mapping[str, Callable[[], object]]) -> None:
    """Answer `/healthz` and `/readyz`; a probe raises where its dependency does not answer; only the log names it."""

    @api.route("GET", "/healthz", scope=EVERYBODY, gives=Health, summary="Whether the process answers")
    def get_health() -> Response[Any]:
        return answer({"status": "ok"})

    @api.route("GET", "/readyz", scope=EVERYBODY, gives={200: Health, 503: Health}, summary="Whether all it needs does")
    def get_readiness() -> Response[Any]:
        failing = [name for name, probe in probes.items() if not _answers(probe)]
        api.call.facts["failing"] = failing
        return answer({"status": "unavailable"}, 503) if failing else answer({"status": "ok"})


def _answers(probe: Callable[[], object]) -> bool:
    try:
        probe()
    except Exception:
        return False
    return True
