"""How the house is kept. The one rule: it is the deployment's, so it holds figures and sentences, and nobody's ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import Response

from parley.services.read_housekeeping import HousekeepingReport

from .api import Api, answer
from .shapes_housekeeping import Housekeeping


def add_housekeeping_routes(api: Api, report: Callable[[], HousekeepingReport]) -> None:
    """Answer the route of housekeeping."""
    summary = "What the housekeeper found the last time, and what waits for it"

    @api.route("GET", "/v1/housekeeping", scope="admin", role="admin", gives=Housekeeping, summary=summary)
    def get_housekeeping() -> Response[Any]:
        return answer({"data": report().read()})
