"""Sending by HTTP: every kind with its own fields, and what does not fit one."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from parley.store.database import Database
from tests.functions.http.conftest import Reply

from .conftest import FILE_ID, PLACE, Files, stored

CARD = {"name": "Bia", "phones": ["+55 11 98765-4321"]}
TEMPLATE = {"name": "order_ready", "language": "pt_BR", "components": [{"type": "body", "parameters": []}]}
BUTTONS = {"type": "buttons", "body": "Shall we?", "buttons": [{"id": "y", "title": "Yes"}, {"id": "n", "title": "No"}]}
ROWS = [{"id": str(n), "title": f"Row {n}"} for n in range(11)]
LIST = {"type": "list", "body": "Which?", "button": "Choose", "sections": [{"rows": ROWS[:2]}]}

SENDABLE: list[tuple[dict[str, Any], str | None, dict[str, Any]]] = [
    ({"type": "location", "location": PLACE}, None, PLACE),
    ({"type": "contacts", "contacts": [CARD]}, None, {"contacts": [CARD]}),
    ({"type": "template", "template": TEMPLATE}, None, TEMPLATE),
    ({"type": "interactive", "interactive": BUTTONS}, "Shall we?", BUTTONS),
]


def test_every_kind_without_a_file_is_kept_as_it_was_sent(send: Callable[..., Reply]) -> None:
    for body, text, content in SENDABLE:
        reply = send(body)
        assert reply.status == 202, reply.text
        message = reply.body["data"]
        assert (message["kind"], message["text"], message["content"]) == (body["type"], text, content)


def test_a_file_goes_with_its_kind_caption_and_voice(
    send: Callable[..., Reply], files: Files, tenant: uuid.UUID
) -> None:
    image = str(files.add(tenant))
    message = send({"type": "image", "mediaId": image, "caption": "Our cat"}).body["data"]
    (attachment,) = message["attachments"]
    assert (message["text"], attachment["id"], attachment["kind"]) == ("Our cat", image, "image")
    voice = str(files.add(tenant, "audio/ogg; codecs=opus"))
    message = send({"type": "audio", "mediaId": voice, "voice": True}).body["data"]
    assert [(one["kind"], one["voice"]) for one in message["attachments"]] == [("audio", True)]
    again = send({"type": "image", "mediaId": image})
    assert (again.status, again.body["code"], again.body["errors"][0]["path"]) == (409, "conflict", "mediaId")
    wrong = send({"type": "image", "mediaId": str(files.add(tenant, "text/html"))})
    assert (wrong.status, wrong.body["code"]) == (422, "unsupported_media")


INVALID_KINDS: list[tuple[dict[str, Any], str]] = [
    ({"type": "image"}, "mediaId"),
    ({"type": "image", "mediaId": "nope"}, "mediaId"),
    ({"type": "image", "mediaId": FILE_ID}, "mediaId"),
    ({"type": "image", "mediaId": FILE_ID, "text": "x"}, "text"),
    ({"type": "audio", "mediaId": FILE_ID, "caption": "x"}, "caption"),
    ({"type": "video", "mediaId": FILE_ID, "voice": True}, "voice"),
    ({"type": "audio", "mediaId": FILE_ID, "voice": 1}, "voice"),
    ({"type": "image", "mediaId": FILE_ID, "caption": "x" * 4097}, "caption"),
    ({"type": "location"}, "location"),
    ({"type": "location", "location": {"latitude": 1}}, "location.longitude"),
    ({"type": "location", "location": {"latitude": 91, "longitude": 0}}, "location.latitude"),
    ({"type": "location", "location": {"latitude": "1", "longitude": 0}}, "location.latitude"),
    ({"type": "location", "location": {"latitude": True, "longitude": 0}}, "location.latitude"),
    ({"type": "location", "location": {**PLACE, "city": "x"}}, "location.city"),
    ({"type": "contacts", "contacts": []}, "contacts"),
    ({"type": "contacts", "contacts": [{"name": "x", "phones": []}]}, "contacts.0.phones"),
    ({"type": "contacts", "contacts": [{"name": "x", "phones": ["call me"]}]}, "contacts.0.phones.0"),
    ({"type": "contacts", "contacts": [{"name": "", "phones": ["123456"]}]}, "contacts.0.name"),
    ({"type": "template", "template": {"name": "Big Name", "language": "pt_BR"}}, "template.name"),
    ({"type": "template", "template": {"name": "x", "language": "Portuguese!"}}, "template.language"),
    ({"type": "template", "template": {**TEMPLATE, "components": [{}]}}, "template.components"),
    ({"type": "template", "template": {**TEMPLATE, "components": [{"type": "x" * 20_000}]}}, "template.components"),
    ({"type": "interactive", "interactive": {}}, "interactive"),
    ({"type": "interactive", "interactive": {"type": "poll"}}, "interactive"),
    ({"type": "interactive", "interactive": {**BUTTONS, "buttons": []}}, "interactive.buttons"),
    ({"type": "interactive", "interactive": {**BUTTONS, "body": ""}}, "interactive.body"),
    ({"type": "interactive", "interactive": {**BUTTONS, "buttons": [{"id": "x"}]}}, "interactive.buttons.0.title"),
    ({"type": "interactive", "interactive": {**BUTTONS, "list": 1}}, "interactive.list"),
    ({"type": "interactive", "interactive": {**LIST, "button": 1}}, "interactive.button"),
    ({"type": "interactive", "interactive": {**LIST, "sections": [{"rows": []}]}}, "interactive.sections.0.rows"),
    ({"type": "interactive", "interactive": {"type": ["buttons"]}}, "interactive"),
    ({"type": "interactive", "interactive": "buttons"}, "interactive"),
    (
        {"type": "interactive", "interactive": {**BUTTONS, "buttons": [BUTTONS["buttons"][0]] * 2}},
        "interactive.buttons",
    ),
    ({"type": "interactive", "interactive": {**LIST, "sections": [{"rows": ROWS[:2] * 2}]}}, "interactive.sections"),
    (
        {
            "type": "interactive",
            "interactive": {**LIST, "sections": [{"title": "x", "rows": ROWS[:9]}, {"title": "y", "rows": ROWS[9:]}]},
        },
        "interactive.sections",
    ),
    (
        {"type": "interactive", "interactive": {**LIST, "sections": [{"rows": ROWS[:1]}, {"rows": ROWS[1:2]}]}},
        "interactive.sections",
    ),
    ({"type": "text", "text": "x", "location": PLACE}, "location"),
    ({"type": "location", "location": PLACE, "text": "x"}, "text"),
]  # fmt: skip


def test_what_does_not_fit_a_kind_is_named(send: Callable[..., Reply], database: Database, tenant: uuid.UUID) -> None:
    for body, path in INVALID_KINDS:
        reply = send(body)
        assert (reply.status, reply.body["code"]) == (400, "invalid_request"), (body, reply.text)
        assert path in [error["path"] for error in reply.body["errors"]], (body, reply.text)
    assert stored(database, tenant) == []


def test_what_the_gateway_cannot_do_is_422_by_the_capabilitys_name(
    send: Callable[..., Reply], files: Files, tenant: uuid.UUID
) -> None:
    for body, capability in [
        ({"type": "sticker", "mediaId": str(files.add(tenant, "image/webp"))}, "kinds"),
        ({"type": "interactive", "interactive": LIST}, "interactive"),
    ]:
        reply = send(body)
        assert (reply.status, reply.body["code"]) == (422, "unsupported_capability"), reply.text
        assert reply.body["capability"] == capability
