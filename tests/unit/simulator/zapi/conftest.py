"""The simulated Z-API with Parley's own adapter at its other end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from local.simulator.app import SimulatedIntegration, create_app
from parley.domain.identity import Address
from parley.domain.incoming import (
    Fact,
)
from parley.domain.outgoing import Draft, Outcome
from parley.providers.base import Account
from parley.providers.zapi import ZApi
from tests.unit.simulator.conftest import Company

CUSTOMER, GROUP = "5511987654321", "120363041234567890"
TO, TO_GROUP = Address("phone", CUSTOMER), Address("jid", f"{GROUP}-group")
CREDENTIALS = {"instance_token": "instance-token", "client_token": "client-token", "z_api_token": "webhook-token"}
LINE = SimulatedIntegration(
    id="integration-z",
    tenant_name="Tenant",
    provider="zapi",
    account_id="3D0E5A7C",
    phone="+5511900000003",
    webhook_url="http://company.test/webhooks/z",
    secret="webhook-token",
    access_token="instance-token",
    name="Loja",
    credentials=CREDENTIALS,
)
ACCOUNT = Account(LINE.account_id, CREDENTIALS, {"baseUrl": "http://simulator.test/simulator/zapi"})
INSTANCE = "/simulator/zapi/instances/3D0E5A7C/token/instance-token"
HEADERS = {"client-token": "client-token"}


class World(Company):
    """Takes webhooks, and has the files companies link to."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "files.example":
            return httpx.Response(200, content=b"bytes", headers={"content-type": "image/png"})
        return await super().handle_async_request(request)


class Line:
    """The simulator and the adapter at its two ends."""

    def __init__(self, world: World) -> None:
        self.world = world
        app = create_app([LINE], clock_rate=500, transport=world)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://simulator.test")
        self.simulator = app.state.simulator

    async def adapter(self, deed: Callable[[ZApi], Any]) -> Any:
        """What the adapter does, its requests taken over to the simulator."""
        loop = asyncio.get_running_loop()

        def take(request: httpx.Request) -> httpx.Response:
            content = request.read()
            asked = self.client.request(request.method, request.url, headers=request.headers, content=content)
            try:
                answer = asyncio.run_coroutine_threadsafe(asked, loop).result(10)
            except ConnectionResetError as error:
                raise httpx.ReadError("reset") from error
            return httpx.Response(answer.status_code, stream=httpx.ByteStream(answer.content), headers=answer.headers)

        def do() -> Any:
            with httpx.Client(transport=httpx.MockTransport(take)) as http:
                return deed(ZApi(http))

        return await asyncio.to_thread(do)

    async def send(self, draft: Draft) -> Outcome:
        outcome: Outcome = await self.adapter(lambda zapi: zapi.send(draft, ACCOUNT))
        return outcome

    async def customer(self, **does: object) -> str:
        answer = await self.client.post(
            "/simulator/messages", json={"integrationId": LINE.id, "from": CUSTOMER, "name": "Maria"} | does
        )
        assert answer.status_code < 300, answer.text
        return str(answer.json()["providerMessageId"])

    async def facts(self) -> list[Fact]:
        """What the webhooks since the last time say, each believed by the adapter."""
        await self.simulator.settled()
        found: list[Fact] = []
        with httpx.Client() as http:
            zapi = ZApi(http)
            for request in self.world.requests:
                zapi.verify(request.content, request.headers, ACCOUNT, datetime.now(UTC))
                found += zapi.normalise(request.content, request.headers)
        self.world.requests.clear()
        return found

    async def only(self) -> Any:
        [fact] = await self.facts()
        return fact


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    line = Line(World())
    async with line.client:
        yield line
    await line.simulator.close()


def draft(kind: str, text: str | None = None, to: Address = TO, **members: Any) -> Draft:
    return Draft(UUID(int=1), to, kind, text, **members)
