"""The simulated Z-API refuses what its documentation does not allow, and goes wrong when it is told to."""

from __future__ import annotations

import pytest

from parley.domain.outgoing import NotSent, Outcome, Refused, Uncertain
from tests.unit.simulator.zapi.conftest import (
    CUSTOMER,
    HEADERS,
    INSTANCE,
    LINE,
    Line,
    draft,
)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("send-text", {"message": "x"}),
        ("send-text", {"phone": "+55 11", "message": "x"}),
        ("send-text", {"phone": f"{CUSTOMER}@c.us", "message": "x"}),
        ("send-text", {"phone": CUSTOMER, "message": ""}),
        ("send-text", {"phone": CUSTOMER, "message": 7}),
        ("send-text", {"phone": CUSTOMER, "message": "x", "delayTyping": 16}),
        ("send-image", {"phone": CUSTOMER, "image": "cat.png"}),
        ("send-document/pdf", {"phone": CUSTOMER}),
        ("send-location", {"phone": CUSTOMER, "title": "t", "address": "a", "latitude": 1.5, "longitude": "2"}),
        ("send-location", {"phone": CUSTOMER, "title": "t", "address": "a", "latitude": "91", "longitude": "2"}),
        ("send-location", {"phone": CUSTOMER, "title": "t", "latitude": "1", "longitude": "2"}),
        ("send-contact", {"phone": CUSTOMER, "contactName": "Ana", "contactPhone": "+55"}),
        ("send-contacts", {"phone": CUSTOMER, "contacts": []}),
        ("send-contacts", {"phone": CUSTOMER, "contacts": [{"name": "Ana"}]}),
        ("send-button-list", {"phone": CUSTOMER, "message": "x", "buttonList": {"buttons": []}}),
        ("send-option-list", {"phone": CUSTOMER, "message": "x", "optionList": {"title": "t", "options": []}}),
        ("send-reaction", {"phone": CUSTOMER, "messageId": "M"}),
        ("read-message", {"phone": CUSTOMER}),
        ("send-text", ["phone"]),
    ],
)
async def test_a_body_that_is_not_as_documented_is_refused(line: Line, path: str, body: object) -> None:
    answer = await line.client.post(f"{INSTANCE}/{path}", json=body, headers=HEADERS)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "error"),
    [
        ("POST", f"{INSTANCE}/send-text", {}, 400, "null not allowed"),
        ("POST", f"{INSTANCE}/send-text", {"client-token": "other"}, 400, "other not allowed"),
        ("POST", INSTANCE.replace("instance-token", "other") + "/send-text", HEADERS, 400, "Instance not found"),
        ("POST", INSTANCE.replace("3D0E5A7C", "other") + "/send-text", HEADERS, 400, "Instance not found"),
        ("GET", f"{INSTANCE}/send-text", HEADERS, 405, "Method Not Allowed"),
        ("POST", f"{INSTANCE}/send-text", HEADERS, 415, "Unsupported Media Type"),
        ("POST", f"{INSTANCE}/send-fax", HEADERS, 404, "NOT_FOUND"),
        ("POST", f"{INSTANCE}/send-document", HEADERS | {"content-type": "application/json"}, 404, "NOT_FOUND"),
        ("POST", "/simulator/zapi/send-text", HEADERS, 404, "NOT_FOUND"),
        ("DELETE", f"{INSTANCE}/messages?phone={CUSTOMER}&messageId=M", HEADERS, 400, "owner is required"),
    ],
)
async def test_whoever_asks_wrongly_is_told_so(
    line: Line, method: str, path: str, headers: dict[str, str], status: int, error: str
) -> None:
    answer = await line.client.request(method, path, content=b'{"phone":"5511987654321"}', headers=headers)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


async def test_no_credential_is_in_the_log_of_requests(line: Line) -> None:
    await line.send(draft("text", "Olá"))
    answer = await line.client.get("/simulator/requests", params={"contains": "send-text"})
    [logged] = answer.json()["data"]
    assert (logged["provider"], logged["status"], logged["body"]["message"]) == ("zapi", 200, "Olá")
    assert "instance-token" not in answer.text


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ("refuse", Refused),
        ("throttle", NotSent),
        ("error-after-accept", Uncertain),
        ("reset", Uncertain),
    ],
)
async def test_what_goes_wrong_when_told_to_is_what_the_adapter_says(
    line: Line, behaviour: str, expected: type[Outcome]
) -> None:
    body = {"integrationId": LINE.id, "behaviour": behaviour, "times": 1}
    await line.client.post("/simulator/faults", json=body)
    assert isinstance(await line.send(draft("text", "Olá")), expected)
