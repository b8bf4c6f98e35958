"""The queues of the deployment. The one rule: every admin sees how they are, and only whoever may speak for every
company stops one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path

from parley.domain.errors import NotFound
from parley.domain.queues import QueueName, is_queue
from parley.services.operate_queues import Queues

from .api import Api, answer
from .shapes import One, Page
from .shapes_queues import PauseBody, Queue

Name = Annotated[str, Path(alias="name")]
_SCOPE: Final = "admin or operator"


def add_queue_routes(api: Api, queues: Callable[[], Queues]) -> None:
    """Answer the routes of queues."""

    @api.route("GET", "/v1/queues", scope=_SCOPE, role="admin", gives=Page[Queue])
    def list_queues() -> Response[Any]:
        return answer({"data": queues().overview(api.caller), "pagination": {"nextCursor": None, "hasMore": False}})

    example = {"reason": "A bug in the adapter: mended at ten."}

    @api.route("POST", "/v1/queues/{name}/pause", scope=_SCOPE, role="admin", gives=One[Queue], example=example)
    def pause_queue(name: Name, body: Annotated[PauseBody, Body()]) -> Response[Any]:
        return answer({"data": queues().pause(api.caller, known(name), body.reason, api.call.correlation_id)})

    @api.route("POST", "/v1/queues/{name}/resume", scope=_SCOPE, role="admin", gives=One[Queue])
    def resume_queue(name: Name) -> Response[Any]:
        return answer({"data": queues().resume(api.caller, known(name), api.call.correlation_id)})


def known(name: str) -> QueueName:
    """The queue of a name. Raises NotFound."""
    if not is_queue(name):
        raise NotFound("There is no such queue.")
    return name
