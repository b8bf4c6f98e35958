"""The phone: a page on which a person is a customer; all it shows comes from the threads."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from local.simulator.answers import Json
from local.simulator.asked import RefusedError, answering, json_object, known_integration
from local.simulator.asked_actions import read_chat
from local.simulator.gateway import Gateway
from local.simulator.integrations import Integrations, SimulatedIntegration
from local.simulator.receipts import Receipts
from local.simulator.threads import Change, Thread, Threads

STATIC = Path(__file__).parent / "static"
KEEP_ALIVE_SECONDS = 15.0
# Everything the page loads is its own; anything a message could smuggle in would have nowhere to come from.
_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Phone:
    """The page and its API."""

    def __init__(
        self, integrations: Integrations, threads: Threads, receipts: Receipts, gateways: Mapping[str, Gateway]
    ) -> None:
        self._integrations = integrations
        self._threads = threads
        self._receipts = receipts
        self._gateways = gateways

    def routes(self) -> list[BaseRoute]:
        """The page at /phone, what it loads below that, and what it asks below /simulator/phone."""
        return [
            Route("/phone", self._page, methods=["GET"]),
            Mount("/phone/static", _Files(directory=STATIC)),
            Route("/simulator/phone/companies", self._companies, methods=["GET"]),
            Route("/simulator/phone/events", answering(self._events), methods=["GET"]),
            Route("/simulator/phone/read", answering(self._read), methods=["POST"]),
        ]

    async def _page(self, _: Request) -> Response:
        return FileResponse(STATIC / "phone.html", headers=_PAGE_HEADERS)

    async def _companies(self, _: Request) -> Response:
        companies = [
            {
                "integrationId": each.id,
                "name": each.name,
                "tenantName": each.tenant_name,
                "phone": each.phone,
                "provider": each.provider,
                "kinds": sorted(self._gateways[each.provider].kinds) if each.provider in self._gateways else [],
            }
            for each in self._integrations.all()
        ]
        return Json({"data": companies})

    async def _events(self, request: Request) -> Response:
        integration, thread = self._thread(request.query_params)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._stream(integration, thread), media_type="text/event-stream", headers=headers)

    async def _stream(self, integration: SimulatedIntegration, thread: Thread) -> AsyncIterator[str]:
        try:
            with thread.listening() as changes:
                yield "retry: 1000\n\n"
                yield _event({"type": "thread", "messages": [message.shown() for message in thread.messages()]})
                while True:
                    try:
                        change = await asyncio.wait_for(changes.get(), KEEP_ALIVE_SECONDS)
                    except TimeoutError:
                        yield ": still here\n\n"
                        continue
                    if change is None:
                        return
                    yield _event(change)
        finally:
            self._receipts.page_closed(integration, thread)

    async def _read(self, request: Request) -> Response:
        body = await json_object(request)
        integration, thread = self._thread(body)
        message_ids = body.get("messageIds")
        if not isinstance(message_ids, list):
            raise RefusedError(422, "invalid_message_ids", "`messageIds` must be a list of message ids.")
        for message in thread.messages():
            if message.id in message_ids:
                self._receipts.seen(integration, thread, message)
        return Json({"data": []})

    def _thread(self, named: Mapping[str, object]) -> tuple[SimulatedIntegration, Thread]:
        integration = known_integration(self._integrations, named.get("integrationId"))
        chat, is_group = read_chat(named)
        return integration, self._threads.of(integration.id, chat, group=is_group)


class _Files(StaticFiles):
    """The page's files, asked for anew each time: a browser must not run yesterday's page against today's stack."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """A file, or that it has not changed."""
        answer = super().file_response(*args, **kwargs)
        answer.headers.update({"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"})
        return answer


def _event(change: Change) -> str:
    return f"data: {json.dumps(change, separators=(',', ':'))}\n\n"
