"""Scripts play customers, read the provider's own log and tell it to misbehave."""

import asyncio
import json

import httpx
import pytest

from tests.unit.simulator.conftest import A, B, Company, Gateway, text


async def test_a_customers_text_is_posted_signed_and_in_metas_shape(gateway: Gateway, company: Company) -> None:
    answer = await gateway.say(text="Olá 👋 a/b", name="Bia", timestamp="1700000000")
    await gateway.simulator.settled()
    assert answer.json()["data"] == {"id": answer.json()["providerMessageId"]} | answer.json()["data"]
    (value,) = company.values()
    assert value["contacts"] == [{"profile": {"name": "Bia"}, "wa_id": "5511987654321"}]
    assert value["messages"] == [
        {
            "from": "5511987654321",
            "id": answer.json()["providerMessageId"],
            "timestamp": "1700000000",
            "text": {"body": "Olá 👋 a/b"},
            "type": "text",
        }
    ]
    raw = company.requests[0].content
    assert raw.isascii()
    assert b"Ol\\u00e1 \\ud83d\\udc4b a\\/b" in raw


async def test_a_customer_replies_to_what_the_company_wrote(gateway: Gateway, company: Company) -> None:
    original = (await gateway.send(text())).json()["messages"][0]["id"]
    await gateway.say(replyTo=original)
    await gateway.simulator.settled()
    (value,) = [value for value in company.values() if "messages" in value]
    assert value["messages"][0]["context"] == {"from": A.digits, "id": original}


async def test_text_that_is_hostile_to_json_goes_through(gateway: Gateway, company: Company) -> None:
    answer = await gateway.client.post(
        "/simulator/messages",
        content=json.dumps({"integrationId": A.id, "from": "5511987654321", "kind": "text", "text": "\x00 \ud800"}),
    )
    await gateway.simulator.settled()
    assert answer.status_code == 200
    assert company.values()[0]["messages"][0]["text"]["body"] == "\x00 \ud800"


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"kind": "hologram"}, 422, "text"),
        ({"kind": ["text"]}, 422, "text"),
        ({"integrationId": "nobody"}, 404, "nobody"),
        ({"from": "maria"}, 422, "country code"),
        ({"text": ""}, 422, "characters"),
        ({"timestamp": "yesterday"}, 422, "RFC 3339"),
        ({"replyTo": 5}, 422, "message id"),
    ],
)
async def test_a_customer_who_makes_no_sense_is_told_what_would(
    gateway: Gateway, company: Company, fields: dict[str, object], status: int, words: str
) -> None:
    answer = await gateway.say(**fields)
    await gateway.simulator.settled()
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]
    assert company.requests == []


async def test_a_webhook_is_posted_again_until_it_is_answered_200(gateway: Gateway, company: Company) -> None:
    company.answers = [503, 201, 404]
    await gateway.say()
    await gateway.simulator.settled()
    assert len(company.requests) == 4
    assert len({request.content for request in company.requests}) == 1


async def test_a_webhook_nobody_takes_is_given_up(gateway: Gateway, company: Company) -> None:
    company.answers = [500] * 100
    await gateway.say()
    await gateway.simulator.settled()
    assert len(company.requests) == 13


async def test_the_log_lists_every_request_oldest_first_without_credentials(gateway: Gateway) -> None:
    await gateway.send(text("primeiro"))
    await gateway.send(text("segundo"), to=B)
    await gateway.send(text(""), token="stolen")
    first, second, third = await gateway.requests()
    assert (first["integrationId"], first["provider"], first["method"], first["status"]) == (A.id, "meta", "POST", 200)
    assert first["path"] == f"/simulator/meta/v26.0/{A.account_id}/messages"
    assert first["body"]["text"] == {"body": "primeiro"}
    assert first["at"] <= second["at"] <= third["at"]
    assert (second["integrationId"], third["status"]) == (B.id, 401)
    assert "access-token" not in json.dumps([first, second, third])
    assert await gateway.requests(integrationId=B.id) == [second]


async def test_the_log_finds_words_however_they_were_escaped(gateway: Gateway) -> None:
    path = f"/simulator/meta/v26.0/{A.account_id}/messages"
    headers = {"Authorization": f"Bearer {A.access_token}"}
    for ascii_only in (True, False):
        body = json.dumps(text("Até amanhã"), ensure_ascii=ascii_only)
        await gateway.client.post(path, content=body.encode(), headers=headers)
    assert len(await gateway.requests(contains="amanhã")) == 2
    assert await gateway.requests(contains="ontem") == []


async def test_refusals_are_counted_down_and_carry_the_code_asked_for(gateway: Gateway, company: Company) -> None:
    await gateway.fault("refuse", times=2, code=131047)
    await gateway.fault("refuse")
    answers = [await gateway.send(text()) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [400, 400, 400, 200]
    assert [answer.json()["error"]["code"] for answer in answers[:3]] == [131047, 131047, 131026]
    await gateway.simulator.settled()
    assert len(company.statuses()) == 3


async def test_a_throttled_number_is_answered_429(gateway: Gateway) -> None:
    await gateway.fault("ok")
    await gateway.fault("throttle")
    statuses = [(await gateway.send(text())).status_code for _ in range(3)]
    assert statuses == [200, 429, 200]


async def test_another_numbers_faults_are_its_own_and_all_can_be_cleared(gateway: Gateway) -> None:
    await gateway.fault("throttle", times=100)
    assert (await gateway.send(text(), to=B)).status_code == 200
    assert (await gateway.client.delete("/simulator/faults")).status_code == 200
    assert (await gateway.send(text())).status_code == 200


async def test_an_error_after_accepting_still_sends_the_message(gateway: Gateway, company: Company) -> None:
    await gateway.fault("error-after-accept")
    answer = await gateway.send(text(biz_opaque_callback_data="healing"))
    await gateway.simulator.settled()
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, 131000)
    assert company.statuses() == ["sent", "delivered", "read"]
    assert company.values()[0]["statuses"][0]["biz_opaque_callback_data"] == "healing"


async def test_a_slow_number_answers_late(gateway: Gateway) -> None:
    await gateway.fault("slow")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(gateway.send(text()), 0.003)
    assert (await gateway.send(text())).status_code == 200


@pytest.mark.parametrize("behaviour", ["reset", "accept-then-timeout"])
async def test_a_send_that_is_never_answered_has_no_status_in_the_log(gateway: Gateway, behaviour: str) -> None:
    await gateway.fault(behaviour)
    with pytest.raises((ConnectionResetError, httpx.HTTPError)):
        await gateway.send(text())
    assert [logged["status"] for logged in await gateway.requests()] == [None]


async def test_repeated_webhooks_are_the_same_bytes_two_to_five_times(gateway: Gateway, company: Company) -> None:
    await gateway.fault("repeat")
    await gateway.say()
    await gateway.simulator.settled()
    assert 2 <= len(company.requests) <= 5
    assert len({request.content for request in company.requests}) == 1


async def test_shuffled_statuses_come_in_other_orders_but_all_of_them(gateway: Gateway, company: Company) -> None:
    await gateway.fault("shuffle", times=40)
    orders = set()
    for _ in range(40):
        company.requests.clear()
        await gateway.send(text())
        await gateway.simulator.settled()
        orders.add(tuple(company.statuses()))
    assert len(orders) > 1
    assert {frozenset(order) for order in orders} == {frozenset({"sent", "delivered", "read"})}


@pytest.mark.parametrize(
    "body", [{"behaviour": "explode"}, {"behaviour": "ok", "times": 0}, {"behaviour": "refuse", "code": "x"}]
)
async def test_a_fault_that_makes_no_sense_is_refused(gateway: Gateway, body: dict[str, object]) -> None:
    answer = await gateway.client.post("/simulator/faults", json={"integrationId": A.id} | body)
    assert answer.status_code == 422
