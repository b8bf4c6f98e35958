"""The company sends through the simulated Cloud API, which is as strict as the real one and answers in its words."""

import base64
from typing import Any

import pytest

from tests.unit.simulator.conftest import A, B, Company, Gateway, text


def kind(name: str, fields: object) -> dict[str, object]:
    return {"messaging_product": "whatsapp", "to": "5511987654321", "type": name, name: fields}


async def test_a_send_is_answered_with_a_new_message_id_and_the_wa_id(gateway: Gateway) -> None:
    first, second = [(await gateway.send(text())).json() for _ in range(2)]
    assert first["messaging_product"] == "whatsapp"
    assert first["contacts"] == [{"input": "+55 11 98765-4321", "wa_id": "5511987654321"}]
    message_id = first["messages"][0]["id"]
    assert message_id.startswith("wamid.")
    assert b"5511987654321" in base64.b64decode(message_id.removeprefix("wamid."))
    assert message_id != second["messages"][0]["id"]


async def test_a_send_is_reported_sent_delivered_and_read_with_its_callback_data(
    gateway: Gateway, company: Company
) -> None:
    answer = await gateway.send(text(biz_opaque_callback_data="attempt 7"))
    await gateway.simulator.settled()
    assert company.statuses() == ["sent", "delivered", "read"]
    for value in company.values():
        receipt = value["statuses"][0]
        assert value["metadata"] == {"display_phone_number": A.digits, "phone_number_id": A.account_id}
        assert receipt["id"] == answer.json()["messages"][0]["id"]
        assert receipt["recipient_id"] == "5511987654321"
        assert receipt["biz_opaque_callback_data"] == "attempt 7"
        assert receipt["timestamp"].isdigit()
    assert {value["statuses"][0]["conversation"]["id"] for value in company.values()} != {""}


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        pytest.param("words", 100, 400, id="not an object"),
        pytest.param({"to": "5511987654321", "text": {"body": "x"}}, 100, 400, id="no product"),
        pytest.param(text(messaging_product="sms"), 100, 400, id="another product"),
        pytest.param(text(to=None), 100, 400, id="no recipient"),
        pytest.param(text(to="maria"), 131009, 400, id="a recipient that is no number"),
        pytest.param(text(to=A.phone), 131021, 400, id="to oneself"),
        pytest.param(text(""), 131008, 400, id="empty text"),
        pytest.param(text("x" * 4097), 100, 400, id="text too long"),
        pytest.param(text(text="x"), 100, 400, id="text that is no object"),
        pytest.param(text(text={"body": "x", "colour": "red"}), 100, 400, id="a field text has not"),
        pytest.param(text(text=None), 131008, 400, id="no text"),
        pytest.param(text(context={"message_id": "7"}), 131009, 400, id="a reply to what is no message"),
        pytest.param(text(biz_opaque_callback_data="x" * 513), 100, 400, id="callback data too long"),
        pytest.param(kind("order", {}), 131051, 400, id="a kind only customers send"),
        pytest.param(kind("image", {"caption": "x"}), 131008, 400, id="an image without an image"),
        pytest.param(kind("image", {"link": "file:///x"}), 131009, 400, id="a link that is no web address"),
        pytest.param(kind("audio", {"id": "1", "caption": "x"}), 100, 400, id="audio with a caption"),
        pytest.param(kind("location", {"latitude": 91, "longitude": 0}), 131009, 400, id="a place off the map"),
        pytest.param(kind("contacts", [{"phones": []}]), 131008, 400, id="a card without a name"),
        pytest.param(kind("template", {"name": "nope", "language": {"code": "en_US"}}), 132001, 404, id="no template"),
        pytest.param(
            kind("template", {"name": "order_update", "language": {"code": "pt_BR"}}), 132000, 400, id="no parameters"
        ),
        pytest.param(
            kind("interactive", {"type": "button", "body": {"text": "?"}, "action": {"buttons": [{}] * 4}}),
            131009,
            400,
            id="four buttons",
        ),
    ],
)
async def test_a_send_meta_would_not_take_is_refused_with_its_code(
    gateway: Gateway, company: Company, body: object, code: int, status: int
) -> None:
    answer = await gateway.send(body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert error["type"] == "OAuthException"
    assert error["error_data"]["messaging_product"] == "whatsapp"
    assert error["error_data"]["details"]
    assert error["fbtrace_id"]
    await gateway.simulator.settled()
    assert company.requests == []


@pytest.mark.parametrize(
    "body",
    [
        kind("image", {"link": "https://example.com/a.png", "caption": "a"}),
        kind("audio", {"link": "https://example.com/a.ogg", "voice": True}),
        kind("document", {"link": "https://example.com/a", "filename": "a.pdf"}),
        kind("location", {"latitude": -23.5, "longitude": "-46.6", "name": "Sé"}),
        kind("contacts", [{"name": {"formatted_name": "Ana", "first_name": "Ana"}}]),
        kind("reaction", {"message_id": "wamid.x", "emoji": ""}),
        kind("template", {"name": "hello_world", "language": {"code": "en_US"}}),
        kind("interactive", {"type": "button", "body": {"text": "?"}, "action": {"buttons": [{}]}}),
        text(context={"message_id": "wamid.x"}),
    ],
)
async def test_every_documented_kind_is_taken(gateway: Gateway, body: object) -> None:
    assert (await gateway.send(body)).status_code == 200


@pytest.mark.parametrize(
    ("how", "status", "code", "subcode"),
    [
        pytest.param({"token": ""}, 401, 190, None, id="no token"),
        pytest.param({"token": "stolen"}, 401, 190, None, id="an unknown token"),
        pytest.param({"token": B.access_token}, 400, 100, 33, id="another number's token"),
        pytest.param({"account_id": "5"}, 400, 100, 33, id="an unknown number"),
    ],
)
async def test_who_may_not_send_is_told_as_meta_tells(
    gateway: Gateway, how: dict[str, Any], status: int, code: int, subcode: int | None
) -> None:
    answer = await gateway.send(text(), **how)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error.get("error_subcode")) == (status, code, subcode)


async def test_marking_read_and_typing_are_taken_and_a_made_up_id_is_not(gateway: Gateway) -> None:
    message_id = (await gateway.say()).json()["providerMessageId"]
    read = {"messaging_product": "whatsapp", "status": "read", "message_id": message_id}
    for body in (read, read | {"typing_indicator": {"type": "text"}}):
        answer = await gateway.send(body)
        assert (answer.status_code, answer.json()) == (200, {"success": True})
    refused = await gateway.send(read | {"message_id": "7"})
    assert refused.json()["error"]["code"] == 131009


async def test_a_path_graph_does_not_have_is_refused_in_its_words(gateway: Gateway) -> None:
    answer = await gateway.client.post("/simulator/meta/v26.0/nothing/here")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 2500)
