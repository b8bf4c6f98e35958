"""The simulated Bot API: as strict as the real one, and silent where that one is."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from local.simulator.app import SimulatedIntegration, create_app
from tests.unit.simulator.conftest import Company

TOKEN = "7012345678:simulated"
CUSTOMER = "5511987654321"
BOT = SimulatedIntegration(
    id="integration-t",
    tenant_name="Tenant",
    provider="telegram",
    account_id="7012345678",
    phone="@parley_demo_bot",
    webhook_url="http://company.test/webhooks/t",
    secret="webhook-secret",
    access_token=TOKEN,
    name="Loja",
)
ROOT = "/simulator/telegram"
KEYBOARD = {"inline_keyboard": [[{"text": "Sim", "callback_data": "yes"}]]}


class Bot:
    """The simulator, from the company's side and the customer's."""

    def __init__(self, company: Company) -> None:
        self.company = company
        app = create_app([BOT], clock_rate=500, transport=company)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://simulator.test")
        self.simulator = app.state.simulator

    async def call(self, method: str, token: str = TOKEN, **parameters: Any) -> httpx.Response:
        return await self.client.post(f"{ROOT}/bot{token}/{method}", json=parameters)

    async def done(self, method: str, **parameters: Any) -> Any:
        answer = await self.call(method, chat_id=int(CUSTOMER), **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    async def says(self, kind: str = "text", **what: Any) -> str:
        body = {"integrationId": BOT.id, "from": CUSTOMER, "name": "Beatriz", "kind": kind, **what}
        answer = await self.client.post("/simulator/messages", json=body)
        assert answer.status_code == 200, answer.text
        await self.simulator.settled()
        return str(answer.json()["providerMessageId"])

    async def phone(self) -> list[dict[str, Any]]:
        asked = {"integrationId": BOT.id, "from": CUSTOMER}
        answer = await self.client.get("/simulator/messages", params=asked)
        shown: list[dict[str, Any]] = answer.json()["data"]
        return shown

    def updates(self) -> list[dict[str, Any]]:
        for request in self.company.requests:
            assert request.headers["x-telegram-bot-api-secret-token"] == "webhook-secret"
        return [json.loads(request.content) for request in self.company.requests]


@pytest.fixture
async def bot() -> AsyncIterator[Bot]:
    bot = Bot(Company())
    async with bot.client:
        yield bot
    await bot.simulator.close()


async def test_an_update_has_one_member_beside_its_id_and_ids_that_count(bot: Bot) -> None:
    first, second = await bot.says(text="Oi"), await bot.says(text="Alguém?")
    one, two = bot.updates()
    assert set(one) == {"update_id", "message"}
    assert two["update_id"] == one["update_id"] + 1
    assert [first, second] == [f"{CUSTOMER}:{update['message']['message_id']}" for update in (one, two)]
    assert one["message"]["from"] == {
        "id": int(CUSTOMER),
        "is_bot": False,
        "first_name": "Beatriz",
        "language_code": "pt-br",
    }


async def test_a_message_of_the_bots_is_on_the_phone_and_nothing_is_told_of_it(bot: Bot) -> None:
    sent = await bot.done("sendMessage", text="Olá")
    await bot.simulator.settled()
    (shown,) = await bot.phone()
    assert (shown["id"], shown["text"], shown["author"]) == (f"{CUSTOMER}:{sent['message_id']}", "Olá", "company")
    assert (sent["from"]["id"], sent["chat"]["id"]) == (7012345678, int(CUSTOMER))
    assert bot.updates() == []


async def test_a_button_is_pressed_below_the_message_it_hangs_from(bot: Bot) -> None:
    sent = await bot.done("sendMessage", text="Confirma?", reply_markup=KEYBOARD)
    pressed = await bot.says("interactive", choice={"kind": "button", "id": "yes", "title": "Sim"})
    (update,) = bot.updates()
    query = update["callback_query"]
    assert (query["data"], query["message"]["message_id"]) == ("yes", sent["message_id"])
    assert query["message"]["reply_markup"] == KEYBOARD
    assert pressed == f"{CUSTOMER}:{sent['message_id']}:callback:{query['id']}"


async def test_only_updates_that_were_asked_for_are_posted(bot: Bot) -> None:
    target = await bot.says(text="Oi")
    answer = await bot.call("setWebhook", url="https://parley.example/w", allowed_updates=["message"])
    assert answer.json()["result"] is True
    await bot.says("reaction", target=target, emoji="👍")
    await bot.says("edit", target=target, text="Oi!")
    assert [set(update) - {"update_id"} for update in bot.updates()] == [{"message"}]


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("sendMessage", {"text": " "}, "Bad Request: message text is empty"),
    ("sendMessage", {"text": "x" * 4097}, "Bad Request: message is too long"),
    ("sendMessage", {"chat_id": "nobody", "text": "x"}, "Bad Request: chat not found"),
    ("sendMessage", {"chat_id": None, "text": "x"}, "Bad Request: chat_id is empty"),
    ("sendMessage", {"chat_id": -100123, "text": "x"}, "Bad Request: chat not found"),
    (
        "sendMessage",
        {"text": "x", "reply_markup": {"inline_keyboard": [[{"text": "A", "callback_data": "é" * 33}]]}},
        "Bad Request: BUTTON_DATA_INVALID",
    ),
    (
        "sendMessage",
        {"text": "x", "reply_parameters": {"message_id": 9}},
        "Bad Request: message to be replied not found",
    ),
    ("sendPhoto", {"photo": "https://files.example/1"}, "Bad Request: there is no photo in the request"),
    ("sendLocation", {"latitude": 91, "longitude": 0}, "Bad Request: wrong latitude or longitude specified"),
    (
        "sendVenue",
        {"latitude": 1, "longitude": 1, "title": "", "address": "x"},
        "Bad Request: venue title must be non-empty",
    ),
    ("sendContact", {"first_name": "Ana"}, "Bad Request: contact phone number must be non-empty"),
    (
        "setMessageReaction",
        {"message_id": 1, "reaction": [{"type": "emoji", "emoji": "❤️"}]},
        "Bad Request: REACTION_INVALID",
    ),
    ("setMessageReaction", {"message_id": 1, "reaction": []}, "Bad Request: message to react not found"),
    ("editMessageText", {"message_id": 1, "text": "x"}, "Bad Request: message to edit not found"),
    ("deleteMessage", {"message_id": 1}, "Bad Request: message to delete not found"),
    ("sendChatAction", {"action": "dancing"}, "Bad Request: wrong parameter action in request"),
    ("getFile", {"file_id": "nothing"}, "Bad Request: wrong file_id or the file is temporarily unavailable"),
    (
        "setWebhook",
        {"url": "http://parley.example/w"},
        "Bad Request: bad webhook: An HTTPS URL must be provided for webhook",
    ),
    ("setWebhook", {"url": "", "secret_token": "a b"}, "Bad Request: secret token contains unallowed characters"),
]


@pytest.mark.parametrize(("method", "parameters", "description"), REFUSED)
async def test_what_is_wrong_is_refused_in_telegrams_words(
    bot: Bot, method: str, parameters: dict[str, Any], description: str
) -> None:
    answer = await bot.call(method, **{"chat_id": int(CUSTOMER), **parameters})
    assert answer.json() == {"ok": False, "error_code": 400, "description": description}
    assert answer.status_code == 400
    assert await bot.phone() == []


async def test_an_edit_that_changes_nothing_or_is_of_no_text_is_refused(bot: Bot) -> None:
    sent = await bot.done("sendMessage", text="Olá")
    same = await bot.call("editMessageText", chat_id=int(CUSTOMER), message_id=sent["message_id"], text="Olá")
    assert same.json()["description"].startswith("Bad Request: message is not modified")
    theirs = (await bot.says(text="Oi")).rpartition(":")[2]
    other = await bot.call("editMessageText", chat_id=int(CUSTOMER), message_id=int(theirs), text="x")
    assert other.json()["description"] == "Bad Request: message can't be edited"


async def test_another_token_opens_nothing_and_none_is_in_the_log(bot: Bot) -> None:
    for path in (f"bot{TOKEN}x/getMe", f"bot{TOKEN}/getMe", f"bot{TOKEN}/noSuchMethod", f"oops{TOKEN}/getMe"):
        await bot.client.post(f"{ROOT}/{path}")
    await bot.client.get(f"{ROOT}/file/bot{TOKEN}x/documents/1")
    logged = (await bot.client.get("/simulator/requests")).json()["data"]
    assert [each["status"] for each in logged] == [401, 200, 404, 404, 404]
    assert "simulated" not in json.dumps(logged)


async def test_a_file_comes_back_as_it_was_and_a_large_one_not_at_all(bot: Bot) -> None:
    await bot.says("document", media={"base64": "b2xh", "fileName": "ola.txt"})
    (update,) = bot.updates()
    document = update["message"]["document"]
    assert (document["file_name"], document["file_size"]) == ("ola.txt", 3)
    path = (await bot.call("getFile", file_id=document["file_id"])).json()["result"]["file_path"]
    assert (await bot.client.get(f"{ROOT}/file/bot{TOKEN}/{path}")).content == b"ola"


@pytest.mark.parametrize(
    ("behaviour", "status", "description"),
    [
        ("refuse", 403, "Forbidden: bot was blocked by the user"),
        ("throttle", 429, "Too Many Requests: retry after 1"),
        ("error-after-accept", 500, "Internal Server Error"),
    ],
)
async def test_it_misbehaves_as_it_is_told(bot: Bot, behaviour: str, status: int, description: str) -> None:
    fault = {"integrationId": BOT.id, "behaviour": behaviour, "times": 1}
    await bot.client.post("/simulator/faults", json=fault)
    answer = await bot.call("sendMessage", chat_id=int(CUSTOMER), text="Olá")
    assert (answer.status_code, answer.json()["description"]) == (status, description)
    assert len(await bot.phone()) == (1 if status == 500 else 0)


async def test_a_bot_whose_token_was_revoked_is_unauthorized_until_it_is_back(bot: Bot) -> None:
    for connected, status in ((False, 401), (True, 200)):
        await bot.client.post("/simulator/connection", json={"integrationId": BOT.id, "connected": connected})
        assert (await bot.call("getMe")).status_code == status
