"""A simulator of two company numbers, and the company its webhooks go to."""

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from local.simulator.app import SimulatedIntegration, Simulator, create_app


def company_number(letter: str, account_id: str) -> SimulatedIntegration:
    return SimulatedIntegration(
        id=f"integration-{letter}",
        tenant_name=f"Tenant {letter}",
        provider="meta",
        account_id=account_id,
        phone=f"+55119000000{len(letter):02}",
        webhook_url=f"http://company.test/webhooks/{letter}",
        secret=f"app-secret-{letter}",
        access_token=f"access-token-{letter}",
        name=f"Number {letter}",
    )


A = company_number("a", "123456789")
B = company_number("b", "987654321")
CUSTOMER = "5511987654321"
THREAD = {"integrationId": A.id, "from": CUSTOMER}


class Company(httpx.AsyncBaseTransport):
    """Takes webhooks as the company's receiver would; `answers` are the statuses given before it takes them."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.requests: list[httpx.Request] = []
        self._came = asyncio.Condition()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async with self._came:
            self.requests.append(request)
            self._came.notify_all()
        return httpx.Response(self.answers.pop(0) if self.answers else 200)

    async def told(self, status: str) -> None:
        """Wait until a status was posted."""
        async with self._came, asyncio.timeout(10):
            await self._came.wait_for(lambda: status in self.statuses())

    def values(self, of: SimulatedIntegration = A) -> list[dict[str, Any]]:
        """The `value` of every webhook taken or not, each with its signature checked on the way."""
        found = []
        for request in self.requests:
            if str(request.url) == of.webhook_url:
                signature = hmac.new(of.secret.encode(), request.content, hashlib.sha256).hexdigest()
                assert request.headers["x-hub-signature-256"] == f"sha256={signature}"
                body = json.loads(request.content)
                assert body["object"] == "whatsapp_business_account"
                found.append(body["entry"][0]["changes"][0]["value"])
        return found

    def statuses(self) -> list[str]:
        return [value["statuses"][0]["status"] for value in self.values() if "statuses" in value]


class Gateway:
    """The simulator as its callers reach it."""

    def __init__(self, app: Starlette) -> None:
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://simulator.test")
        self.simulator: Simulator = app.state.simulator

    async def send(
        self, body: object, *, to: SimulatedIntegration = A, token: str | None = None, account_id: str | None = None
    ) -> httpx.Response:
        path = f"/simulator/meta/v26.0/{account_id or to.account_id}/messages"
        headers = {"Authorization": f"Bearer {to.access_token if token is None else token}"}
        return await self.client.post(path, json=body, headers=headers)

    async def say(self, **fields: object) -> httpx.Response:
        body = {"integrationId": A.id, "from": "+55 11 98765-4321", "kind": "text", "text": "Oi"} | fields
        return await self.client.post("/simulator/messages", json=body)

    async def fault(self, behaviour: str, times: int = 1, **also: object) -> None:
        body = {"integrationId": A.id, "behaviour": behaviour, "times": times, **also}
        answer = await self.client.post("/simulator/faults", json=body)
        assert answer.status_code == 200, answer.text

    async def requests(self, **conditions: str) -> list[dict[str, Any]]:
        answer = await self.client.get("/simulator/requests", params=conditions)
        data: list[dict[str, Any]] = answer.json()["data"]
        return data


def text(words: str = "Olá", **also: object) -> dict[str, object]:
    body = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": "+55 11 98765-4321"}
    return body | {"type": "text", "text": {"body": words}} | also


@pytest.fixture
def company() -> Company:
    return Company()


@pytest.fixture
async def gateway(company: Company) -> AsyncIterator[Gateway]:
    gateway = Gateway(create_app([A, B], clock_rate=500, transport=company))
    async with gateway.client:
        yield gateway
    await gateway.simulator.close()


class Listening(uvicorn.Server):
    """A server that says when it takes connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


class Served:
    """The simulator over a real port."""

    def __init__(self, app: Starlette, client: httpx.AsyncClient, company: Company) -> None:
        self.simulator = app.state.simulator
        self.client = client
        self.company = company

    async def send(self, words: str = "Olá") -> httpx.Response:
        return await self.send_body(text(words))

    async def send_body(self, body: dict[str, object]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {A.access_token}"}
        path = f"/simulator/meta/v26.0/{A.account_id}/messages"
        addressed = {"messaging_product": "whatsapp", "to": CUSTOMER} | body
        return await self.client.post(path, json=addressed, headers=headers)

    @asynccontextmanager
    async def page(self) -> AsyncIterator[AsyncGenerator[dict[str, Any], None]]:
        async with self.client.stream("GET", "/simulator/phone/events", params=THREAD) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            async with aclosing(changes(answer)) as stream:
                yield stream


async def changes(answer: httpx.Response) -> AsyncGenerator[dict[str, Any], None]:
    async for line in answer.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


@pytest.fixture
async def served(company: Company) -> AsyncIterator[Served]:
    app = create_app([A, B], clock_rate=50, transport=company)
    process = Listening(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    serving = asyncio.create_task(process.serve())
    await asyncio.wait_for(process.ready.wait(), 10)
    port = process.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
        yield Served(app, client, company)
    await app.state.simulator.close()
    process.should_exit = True
    await serving
