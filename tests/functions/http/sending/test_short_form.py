"""The short form older frontends use."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from parley.edge.api import Api
from parley.store.database import Database
from tests.functions.http.conftest import Reply, ask, event

from .conftest import FILE_ID, SHORT, Files, stored


def test_the_short_form_sends_a_file_by_id_or_by_address(
    send_short: Callable[..., Reply], files: Files, outcome: Callable[..., None], tenant: uuid.UUID, database: Database
) -> None:
    outcome("sent", id="wamid.1")
    assert send_short(messageType="image", message="Our cat", mediaId=str(files.add(tenant))).status == 200
    outcome("sent", id="wamid.2")
    by_address = {"messageType": "image", "message": None, "mediaUrl": "https://example.com/a.png", "clientKey": "u"}
    first = send_short(**by_address)
    assert first.status == 200, first.text
    assert send_short(**by_address).body == first.body
    assert files.fetched == ["https://example.com/a.png"], "a replay fetches nothing"
    changed = send_short(**{**by_address, "mediaUrl": "https://example.com/b.png"})
    assert (changed.status, changed.body["code"]) == (422, "idempotency_mismatch")
    assert [(row["kind"], row["body"]) for row in stored(database, tenant)] == [("image", "Our cat"), ("image", None)]
    for fields, word in [
        ({"messageType": "image"}, "mediaId"),
        ({"messageType": "image", "mediaId": FILE_ID, "mediaUrl": "https://example.com/a.png"}, "mediaId"),
        ({"messageType": "audio", "mediaId": FILE_ID}, "message"),
        ({"mediaId": FILE_ID}, "mediaId"),
        ({"messageType": "image", "mediaUrl": "https://example.com/nothing"}, "mediaUrl"),
        ({"messageType": "image", "mediaUrl": ""}, "mediaUrl"),
    ]:
        reply = send_short(**fields)
        assert (reply.status, reply.body["code"]) == (400, "invalid_request"), (fields, reply.text)
        assert word in reply.body["error"], reply.text


def test_the_short_form_answers_what_became_of_the_message(
    send_short: Callable[..., Reply], outcome: Callable[..., None], api: Api
) -> None:
    outcome("sent", id="wamid.7")
    first = send_short(clientKey="c1")
    assert first.status == 200
    assert first.body == {
        "success": True,
        "messageId": first.body["messageId"],
        "externalMessageId": "wamid.7",
        "status": "sent",
    }
    assert send_short(clientKey="c1").body == first.body
    outcome("sent", id="wamid.8")
    assert send_short().body["messageId"] != first.body["messageId"]
    outcome("failed", error={"code": "provider_rejected", "message": "The number is not on WhatsApp."})
    refused = send_short()
    assert (refused.status, refused.body) == (
        422,
        {"success": False, "error": "The number is not on WhatsApp.", "code": "provider_rejected"},
    )
    assert ask(api, event(SHORT, body={})).body["success"] is False


def test_the_short_form_refuses_with_the_status_a_problem_would_have(send_short: Callable[..., Reply]) -> None:
    for fields, word in [
        ({"message": ""}, "message"),
        ({"messageType": "fax"}, "messageType"),
        ({"conversationId": "nope"}, "conversationId"),
        ({"clientKey": ""}, "clientKey"),
        ({"clientKey": "\n"}, "clientKey"),
        ({"colour": "red"}, "colour"),
    ]:
        reply = send_short(**fields)
        assert (reply.status, reply.body["success"], reply.body["code"]) == (400, False, "invalid_request"), fields
        assert word in reply.body["error"]
