"""Dead letters: what left its queue after too many tries. The one rule: they are an admin's, and what is done with them
is written down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path

from parley.domain.errors import NotFound
from parley.domain.queues import QueueName, is_queue
from parley.services.redrive import DeadLetters

from .api import Api, answer
from .routes_admin import Cursor, Id, PageLimit, after_id, page_by_id
from .shapes import One, Page
from .shapes_dead_letters import DeadLetter, RedriveBody, Redriven

Name = Annotated[str, Path(alias="name")]
_LIST: Final = "/v1/queues/{name}/dead"
_ONE: Final = "/v1/queues/{name}/dead/{id}"


def add_dead_letter_routes(api: Api, letters: Callable[[], DeadLetters]) -> None:
    """Answer the routes of dead letters."""
    _add_reading(api, letters)
    _add_doing(api, letters)


def _add_reading(api: Api, letters: Callable[[], DeadLetters]) -> None:
    @api.route("GET", _LIST, scope="admin", role="admin", gives=Page[DeadLetter])
    def list_dead_letters(name: Name, limit: PageLimit = 20, cursor: Cursor = None) -> Response[Any]:
        queue = _queue(name)
        of = f"dead letters {queue}"
        return page_by_id(of, letters().page(api.caller, queue, after_id(of, cursor), limit))

    @api.route("GET", _ONE, scope="admin", role="admin", gives=One[DeadLetter])
    def get_dead_letter(name: Name, letter_id: Id) -> Response[Any]:
        return answer({"data": letters().read(api.caller, _queue(name), letter_id)})


def _add_doing(api: Api, letters: Callable[[], DeadLetters]) -> None:
    example = {"ids": ["0192d3a4-5b6c-7d8e-9f01-23456789abcd"]}

    @api.route("POST", f"{_LIST}/redrive", scope="admin", role="admin", gives=One[Redriven], example=example)
    def redrive_dead_letters(name: Name, body: Annotated[RedriveBody, Body()]) -> Response[Any]:
        queue, correlation_id = _queue(name), api.call.correlation_id
        if body.ids is None:
            done = letters().redrive_all(api.caller, queue, correlation_id)
        else:
            done = letters().redrive(api.caller, queue, body.ids, body.body, correlation_id)
        api.call.facts |= {"queue": queue, **done}
        return answer({"data": done})

    @api.route("DELETE", _ONE, scope="admin", role="admin", gives=One[DeadLetter])
    def delete_dead_letter(name: Name, letter_id: Id) -> Response[Any]:
        return answer({"data": letters().delete(api.caller, _queue(name), letter_id, api.call.correlation_id)})


def _queue(name: str) -> QueueName:
    """The queue of a name. Raises NotFound."""
    if not is_queue(name):
        raise NotFound("There is no such queue.")
    return name
