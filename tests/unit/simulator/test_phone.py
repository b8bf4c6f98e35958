"""The phone over a real server: its stream, who reads when, and what a broken connection looks like to a caller."""

from html.parser import HTMLParser

import httpx
import pytest

from local.simulator.phone import STATIC
from tests.unit.simulator.conftest import THREAD, A, B, Served


async def test_the_stream_begins_with_the_thread_and_goes_on_with_each_change(served: Served) -> None:
    await served.client.post("/simulator/messages", json=THREAD | {"kind": "text", "text": "Oi"})
    await served.simulator.settled()
    async with served.page() as stream:
        begun = await anext(stream)
        assert [(each["text"], each["author"], each["state"]) for each in begun["messages"]] == [
            ("Oi", "customer", "delivered")
        ]
        await served.send()
        states = [(await anext(stream))["message"]["state"] for _ in range(3)]
        assert states == ["accepted", "sent", "delivered"]


async def test_an_answer_is_read_when_the_open_page_says_so_and_not_before(served: Served) -> None:
    async with served.page() as stream:
        await anext(stream)
        message_id = (await served.send()).json()["messages"][0]["id"]
        await served.simulator.settled()
        assert served.company.statuses() == ["sent", "delivered"]
        for _ in range(2):
            await served.client.post("/simulator/phone/read", json=THREAD | {"messageIds": [message_id]})
        await served.simulator.settled()
        assert served.company.statuses() == ["sent", "delivered", "read"]


async def test_what_a_closed_page_left_unread_is_read_by_itself(served: Served) -> None:
    async with served.page() as stream:
        await anext(stream)
        await served.send()
        await served.simulator.settled()
        assert "read" not in served.company.statuses()
    await served.company.told("read")
    assert served.company.statuses() == ["sent", "delivered", "read"]


async def test_a_customer_sees_that_the_company_read_and_types(served: Served) -> None:
    written = await served.client.post("/simulator/messages", json=THREAD | {"kind": "text", "text": "Oi"})
    await served.simulator.settled()
    read = {"messaging_product": "whatsapp", "status": "read", "message_id": written.json()["providerMessageId"]}
    async with served.page() as stream:
        await anext(stream)
        headers = {"Authorization": f"Bearer {A.access_token}"}
        path = f"/simulator/meta/v26.0/{A.account_id}/messages"
        await served.client.post(path, json=read | {"typing_indicator": {"type": "text"}}, headers=headers)
        assert (await anext(stream))["message"]["state"] == "read"
        assert (await anext(stream))["type"] == "typing"


async def test_an_accepted_send_may_leave_its_caller_waiting(served: Served) -> None:
    fault = {"integrationId": A.id, "behaviour": "accept-then-timeout", "times": 1}
    await served.client.post("/simulator/faults", json=fault)
    served.client.timeout = httpx.Timeout(0.2)
    with pytest.raises(httpx.ReadTimeout):
        await served.send()
    served.client.timeout = httpx.Timeout(5)
    await served.simulator.settled()
    assert served.company.statuses() == ["sent", "delivered", "read"]


async def test_a_reset_reaches_the_caller_as_a_broken_connection_and_nothing_was_accepted(served: Served) -> None:
    await served.client.post("/simulator/faults", json={"integrationId": A.id, "behaviour": "reset", "times": 1})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await served.send()
    await served.simulator.settled()
    assert served.company.requests == []
    assert (await served.send()).status_code == 200


async def test_closing_the_simulator_ends_open_pages(served: Served) -> None:
    async with served.page() as stream:
        await anext(stream)
        await served.simulator.close()
        assert [change async for change in stream] == []


async def test_the_page_names_the_companies_and_none_of_their_secrets(served: Served) -> None:
    answer = await served.client.get("/simulator/phone/companies")
    assert [each["integrationId"] for each in answer.json()["data"]] == [A.id, B.id]
    assert "secret" not in answer.text
    assert "token" not in answer.text


class Loaded(HTMLParser):
    """What a page loads, and whether anything in it is code or style of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag in {"script", "link", "img"}:
            self.addresses.append(named.get("src") or named.get("href") or "")
        self.inline += [name for name in named if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in named):
            self.inline.append(tag)


async def test_the_page_loads_only_what_is_served_beside_it(served: Served) -> None:
    page = await served.client.get("/phone")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    loaded = Loaded()
    loaded.feed(page.text)
    assert loaded.inline == []
    assert loaded.addresses
    for address in loaded.addresses:
        assert (await served.client.get(address)).status_code == 200
    for script in STATIC.glob("*.js"):
        assert "innerHTML" not in script.read_text()
        assert "https://" not in script.read_text()
