"""Sending through Telegram: the exact request of every kind, and what becomes of it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from parley.domain.errors import Unavailable
from parley.domain.identity import Address
from parley.domain.outgoing import Accepted, NotSent, Refused, Target, Uncertain, Upload
from parley.providers.base import Account
from parley.providers.telegram import Telegram
from tests.unit.telegram.conftest import (
    ACCOUNT,
    BASE,
    CUSTOMER,
    GROUP,
    SUPERGROUP,
    TOKEN,
    Api,
    draft,
    parameters,
    refused,
    sent,
    upload,
)

THEIRS, OURS = Target("5126845012:41", ours=False), Target("5126845012:42", ours=True)
PRESS = Target("5126845012:42:callback:22019632893481230111", ours=False)
PLACE = {"latitude": -23.5, "longitude": -46.6}
BUTTONS = [{"id": "yes", "title": "Sim"}, {"id": "no", "title": "Não"}]
KEYBOARD = {"inline_keyboard": [[{"text": "Sim", "callback_data": "yes"}], [{"text": "Não", "callback_data": "no"}]]}
ABC = b"abc"

# kind and members of the draft, the method, its parameters beside chat_id
REQUESTS: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("text", {"text": "Olá *x*"}, "sendMessage", {"text": "Olá *x*"}),
    (
        "text",
        {"text": "Sim", "reply_to": THEIRS},
        "sendMessage",
        {"text": "Sim", "reply_parameters": {"message_id": 41, "allow_sending_without_reply": True}},
    ),
    (
        "text",
        {"text": "Combinado", "reply_to": PRESS},
        "sendMessage",
        {"text": "Combinado", "reply_parameters": {"message_id": 42, "allow_sending_without_reply": True}},
    ),
    ("location", {"content": PLACE}, "sendLocation", PLACE),
    (
        "location",
        {"content": {**PLACE, "name": "Sé"}},
        "sendVenue",
        {**PLACE, "title": "Sé", "address": "Sé"},
    ),
    (
        "location",
        {"content": {**PLACE, "name": "MASP", "address": "Av. Paulista"}},
        "sendVenue",
        {**PLACE, "title": "MASP", "address": "Av. Paulista"},
    ),
    (
        "contacts",
        {"content": {"contacts": [{"name": "Ana", "phones": ["+5511955554444", "+551130001000"]}]}},
        "sendContact",
        {"phone_number": "+5511955554444", "first_name": "Ana"},
    ),
    (
        "contacts",
        {"content": {"contacts": [{"name": "Ana", "phones": ["+55"], "vcard": "BEGIN:VCARD"}]}},
        "sendContact",
        {"phone_number": "+55", "first_name": "Ana", "vcard": "BEGIN:VCARD"},
    ),
    (
        "interactive",
        {"content": {"type": "buttons", "header": "Pedido", "body": "Confirma?", "footer": "Loja", "buttons": BUTTONS}},
        "sendMessage",
        {"text": "Pedido\n\nConfirma?\n\nLoja", "reply_markup": KEYBOARD},
    ),
    (
        "image",
        {"text": "Veja", "media": upload("image/png", "a.png")},
        "sendPhoto",
        {"caption": "Veja", "photo": ("a.png", "image/png", ABC)},
    ),
    (
        "image",
        {"media": upload("image/gif", "a.gif")},
        "sendAnimation",
        {"animation": ("a.gif", "image/gif", ABC)},
    ),
    (
        "audio",
        {"media": upload("audio/ogg; codecs=opus", None, voice=True)},
        "sendVoice",
        {"voice": ("file.oga", "audio/ogg; codecs=opus", ABC)},
    ),
    (
        "audio",
        {"media": upload("audio/amr", "nota.amr", voice=True)},
        "sendAudio",
        {"audio": ("nota.amr", "audio/amr", ABC)},
    ),
    (
        "audio",
        {"media": upload("audio/mpeg", "a.mp3")},
        "sendAudio",
        {"audio": ("a.mp3", "audio/mpeg", ABC)},
    ),
    (
        "video",
        {"text": "Veja", "media": upload("video/mp4", "a.mp4")},
        "sendVideo",
        {"caption": "Veja", "video": ("a.mp4", "video/mp4", ABC)},
    ),
    (
        "document",
        {"text": "Nota", "media": upload("application/pdf", 'no"ta\r\n.pdf'), "reply_to": THEIRS},
        "sendDocument",
        {
            "caption": "Nota",
            "disable_content_type_detection": "true",
            "reply_parameters": '{"message_id": 41, "allow_sending_without_reply": true}',
            "document": ("nota.pdf", "application/pdf", ABC),
        },
    ),
    (
        "sticker",
        {"media": upload("image/webp", "s.webp")},
        "sendSticker",
        {"sticker": ("s.webp", "image/webp", ABC)},
    ),
]


@pytest.mark.parametrize(("kind", "members", "method", "asked"), REQUESTS)
def test_a_draft_is_exactly_this_request(
    telegram: Telegram, api: Api, kind: str, members: dict[str, Any], method: str, asked: dict[str, Any]
) -> None:
    api.will(200, sent())
    outcome = telegram.send(draft(kind, **members), ACCOUNT)
    assert outcome == Accepted("5126845012:43", CUSTOMER)
    is_form = "media" in members
    assert api.asked() == (method, {"chat_id": "5126845012" if is_form else 5126845012, **asked})


@pytest.mark.parametrize(
    ("kind", "members", "code"),
    [
        ("text", {"text": ""}, "invalid_request"),
        ("template", {}, "unsupported_capability"),
        ("location", {"content": {"latitude": True, "longitude": 1}}, "invalid_request"),
        ("location", {"content": {"latitude": float("nan"), "longitude": 1}}, "invalid_request"),
        ("contacts", {"content": {"contacts": []}}, "invalid_request"),
        ("contacts", {"content": {"contacts": [{"name": "A", "phones": ["1"]}] * 2}}, "invalid_request"),
        ("contacts", {"content": {"contacts": [{"name": "A"}]}}, "invalid_request"),
        ("image", {}, "invalid_request"),
        ("sticker", {"text": "x", "media": upload("image/webp")}, "invalid_request"),
        ("interactive", {"content": {"type": "list", "body": "?"}}, "unsupported_capability"),
        ("interactive", {"content": {"type": "buttons", "body": "?", "buttons": []}}, "invalid_request"),
        (
            "interactive",
            {"content": {"type": "buttons", "body": "?", "buttons": [{"id": "é" * 33, "title": "A"}]}},
            "invalid_request",
        ),
        ("text", {"text": "oi", "to": Address("phone", "5126845012")}, "unsupported_capability"),
        ("text", {"text": "oi", "to": Address("jid", "12036@g.us")}, "unsupported_capability"),
        ("text", {"text": "oi", "reply_to": Target("3EB0", ours=False)}, "provider_rejected"),
    ],
)
def test_what_telegram_cannot_send_never_leaves(
    telegram: Telegram, api: Api, kind: str, members: dict[str, Any], code: str
) -> None:
    outcome = telegram.send(draft(kind, **members), ACCOUNT)
    assert isinstance(outcome, Refused)
    assert (outcome.code, api.requests) == (code, [])


# ------------------------------------------------------------------------------------------------------------ deeds


def test_a_reaction_is_set_without_the_mark_for_colours_and_taken_back(telegram: Telegram, api: Api) -> None:
    for emoji, reaction in (("❤️", [{"type": "emoji", "emoji": "❤"}]), (None, [])):
        api.will(200, {"ok": True, "result": True})
        assert telegram.react(THEIRS, CUSTOMER, emoji, ACCOUNT) == Accepted("")
        assert api.asked() == (
            "setMessageReaction",
            {"chat_id": 5126845012, "message_id": 41, "reaction": reaction},
        )


def test_a_message_is_changed_and_taken_back_where_it_is(telegram: Telegram, api: Api) -> None:
    api.will(200, sent())
    assert telegram.edit(OURS, CUSTOMER, "novo", ACCOUNT) == Accepted("")
    assert api.asked() == ("editMessageText", {"chat_id": 5126845012, "message_id": 42, "text": "novo"})
    api.will(200, {"ok": True, "result": True})
    assert telegram.delete(OURS, CUSTOMER, ACCOUNT) == Accepted("")
    assert api.asked() == ("deleteMessage", {"chat_id": 5126845012, "message_id": 42})


def test_a_message_that_says_so_already_is_changed(telegram: Telegram, api: Api) -> None:
    api.will_refuse(400, "Bad Request: message is not modified: specified new message content and reply markup are …")
    assert telegram.edit(OURS, CUSTOMER, "igual", ACCOUNT) == Accepted("")


def test_typing_is_shown_and_ends_by_itself(telegram: Telegram, api: Api) -> None:
    api.will(200, {"ok": True, "result": True})
    assert telegram.show_typing(CUSTOMER, True, THEIRS, ACCOUNT) == Accepted("")
    assert api.asked() == ("sendChatAction", {"chat_id": 5126845012, "action": "typing"})
    assert telegram.show_typing(CUSTOMER, False, None, ACCOUNT) == Accepted("")
    assert len(api.requests) == 1


def test_the_press_of_a_button_is_not_reacted_to_and_nothing_is_marked_as_read(telegram: Telegram, api: Api) -> None:
    for outcome in (
        telegram.react(PRESS, CUSTOMER, "👍", ACCOUNT),
        telegram.mark_read([THEIRS], CUSTOMER, ACCOUNT),
    ):
        assert isinstance(outcome, Refused)
        assert outcome.code == "unsupported_capability"
    assert api.requests == []


def test_a_deed_that_may_have_been_done_may_be_done_again(telegram: Telegram, api: Api) -> None:
    api.will_fail(httpx.ReadTimeout("silence"))
    assert isinstance(telegram.delete(OURS, CUSTOMER, ACCOUNT), NotSent)
    api.will(502, b"<html>")
    assert isinstance(telegram.react(OURS, CUSTOMER, "👍", ACCOUNT), NotSent)


# ----------------------------------------------------------------------------------------------- groups that moved


def test_a_group_that_moved_gets_the_message_where_it_is_now(telegram: Telegram, api: Api) -> None:
    api.will_refuse(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1001987654321)
    api.will(200, sent(-1001987654321, 3))
    quoted = Target("-876543210:12", ours=False)
    outcome = telegram.send(draft(text="Oi", to=GROUP, reply_to=quoted), ACCOUNT)
    assert outcome == Accepted("-1001987654321:3", SUPERGROUP)
    assert api.asked() == ("sendMessage", {"chat_id": -1001987654321, "text": "Oi"})


def test_a_file_for_a_group_that_may_have_moved_is_sent_once(telegram: Telegram, api: Api) -> None:
    api.will_refuse(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1001987654321)
    api.will(200, sent(-1001987654321, 3))
    outcome = telegram.send(draft("image", to=GROUP, media=upload("image/png", "a.png")), ACCOUNT)
    assert outcome == Accepted("-1001987654321:3", SUPERGROUP)
    assert api.asked(0) == ("sendChatAction", {"chat_id": -876543210, "action": "upload_document"})
    assert api.asked(1) == ("sendPhoto", {"chat_id": "-1001987654321", "photo": ("a.png", "image/png", ABC)})


@pytest.mark.parametrize("kind", ["text", "image"])
def test_a_group_that_moves_for_ever_is_asked_twice_and_within_the_time_that_was_told(
    telegram: Telegram, api: Api, kind: str
) -> None:
    for _ in range(2):
        api.will_refuse(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-1001987654321)
    media = upload("image/png") if kind == "image" else None
    outcome = telegram.send(draft(kind, "Oi", to=GROUP, media=media), ACCOUNT)
    assert isinstance(outcome, Refused)
    assert len(api.requests) == 2
    waits = [request.extensions["timeout"] for request in api.requests]
    taken = timedelta(seconds=sum(each["pool"] + each["connect"] + each["write"] + 2 * each["read"] for each in waits))
    said = Telegram.capabilities
    assert taken <= (said.longest_file_send if media else said.longest_send)


# ------------------------------------------------------------------------------------------------------ the errors

ERRORS: list[tuple[int, str, str, str]] = [
    (403, "Forbidden: bot was blocked by the user", "recipient_unreachable", "blocked"),
    (403, "Forbidden: user is deactivated", "recipient_unreachable", "no longer exists"),
    (403, "Forbidden: bot can't initiate conversation with a user", "recipient_unreachable", "write to the bot first"),
    (403, "Forbidden: bot can't send messages to bots", "recipient_unreachable", "another bot"),
    (403, "Forbidden: bot was kicked from the supergroup chat", "recipient_unreachable", "no longer in this group"),
    (403, "Forbidden: bot is not a member of the supergroup chat", "recipient_unreachable", "no longer in this group"),
    (403, "Forbidden: the group chat was deleted", "recipient_unreachable", "no longer in this group"),
    (403, "Forbidden: something new", "permission_denied", "does not let"),
    (400, "Bad Request: chat not found", "recipient_unreachable", "write to the bot first"),
    (400, "Bad Request: PEER_ID_INVALID", "recipient_unreachable", "write to the bot first"),
    (400, "Bad Request: not enough rights to send text messages to the chat", "permission_denied", "does not let"),
    (400, "Bad Request: CHAT_WRITE_FORBIDDEN", "permission_denied", "does not let"),
    (400, "Bad Request: TOPIC_CLOSED", "permission_denied", "does not let"),
    (400, "Bad Request: VOICE_MESSAGES_FORBIDDEN", "permission_denied", "voice"),
    (400, "Bad Request: message is too long", "invalid_request", "4,096"),
    (400, "Bad Request: message caption is too long", "invalid_request", "1,024"),
    (400, "Bad Request: message text is empty", "invalid_request", "no text"),
    (400, "Bad Request: REACTION_INVALID", "unsupported_capability", "emoji"),
    (400, "Bad Request: message can't be edited", "provider_rejected", "changed"),
    (400, "Bad Request: message to edit not found", "provider_rejected", "changed"),
    (400, "Bad Request: there is no text in the message to edit", "provider_rejected", "changed"),
    (400, "Bad Request: message can't be deleted for everyone", "provider_rejected", "48 hours"),
    (400, "Bad Request: message to delete not found", "provider_rejected", "48 hours"),
    (400, "Bad Request: message to react not found", "provider_rejected", "no longer there"),
    (400, "Bad Request: BUTTON_DATA_INVALID", "invalid_request", "buttons"),
    (400, "Bad Request: PHOTO_INVALID_DIMENSIONS", "media_failed", "file"),
    (400, "Bad Request: IMAGE_PROCESS_FAILED", "media_failed", "file"),
    (400, "Bad Request: file must be non-empty", "media_failed", "file"),
    (413, "Request Entity Too Large", "media_failed", "file"),
    (400, "Bad Request: nobody knows this", "provider_rejected", "refused"),
    (404, "Not Found: method not found", "provider_rejected", "refused"),
]


@pytest.mark.parametrize(("status", "description", "code", "words"), ERRORS)
def test_an_error_means_this_to_a_person(
    telegram: Telegram, api: Api, status: int, description: str, code: str, words: str
) -> None:
    api.will_refuse(status, description)
    outcome = telegram.send(draft(text="Oi"), ACCOUNT)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.account_lost) == (code, False)
    assert words in outcome.message
    assert outcome.provider == {"status": status, "description": description}


@pytest.mark.parametrize(("status", "description"), [(401, "Unauthorized"), (404, "Not Found"), (421, "Misdirected")])
def test_a_token_that_is_not_accepted_loses_the_account(
    telegram: Telegram, api: Api, status: int, description: str
) -> None:
    api.will_refuse(status, description)
    outcome = telegram.send(draft(text="Oi"), ACCOUNT)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.account_lost) == ("credential_expired", True)


def test_an_account_without_a_token_is_lost_before_anything_leaves(telegram: Telegram, api: Api) -> None:
    outcome = telegram.send(draft(text="Oi"), Account("1", {}))
    assert isinstance(outcome, Refused)
    assert (outcome.account_lost, api.requests) == (True, [])


@pytest.mark.parametrize(
    ("body", "headers", "wait"),
    [
        (refused(429, "Too Many Requests: retry after 14", retry_after=14), {}, 14),
        (refused(429, "Too Many Requests: retry after 14", retry_after=14), {"retry-after": "3"}, 14),
        (refused(429, "Too Many Requests"), {"retry-after": "3"}, 3),
        (refused(429, "Too Many Requests", retry_after=10**8), {}, 86_400),
    ],
)
def test_one_message_too_many_waits_as_long_as_telegram_says(
    telegram: Telegram, api: Api, body: object, headers: dict[str, str], wait: int
) -> None:
    api.will(429, body, headers)
    outcome = telegram.send(draft(text="Oi"), ACCOUNT)
    assert isinstance(outcome, NotSent)
    assert outcome.retry_after == timedelta(seconds=wait)


def test_a_yes_that_names_no_message_is_uncertain_and_a_no_within_a_200_is_a_no(telegram: Telegram, api: Api) -> None:
    api.will(200, {"ok": True, "result": True})
    assert isinstance(telegram.send(draft(text="Oi"), ACCOUNT), Uncertain)
    api.will(200, refused(400, "Bad Request: chat not found"))
    assert isinstance(telegram.send(draft(text="Oi"), ACCOUNT), Refused)


def test_a_file_that_cannot_be_read_to_its_end_was_not_sent(telegram: Telegram, api: Api) -> None:
    from collections.abc import Iterator
    from contextlib import contextmanager

    @contextmanager
    def read() -> Iterator[Iterator[bytes]]:
        def chunks() -> Iterator[bytes]:
            yield b"a"
            raise Unavailable("the bucket is away")

        yield chunks()

    api.will(200, sent())
    outcome = telegram.send(draft("image", media=Upload("image/png", 3, None, False, "https://x", read)), ACCOUNT)
    assert isinstance(outcome, NotSent)
    assert api.requests == []


def test_the_token_is_in_no_reason_and_no_outcome(telegram: Telegram, api: Api) -> None:
    url = httpx.Request("POST", f"{BASE}/bot{TOKEN}/sendMessage")
    for error in (httpx.ConnectError(f"no {url.url}", request=url), httpx.ReadTimeout(f"no {url.url}", request=url)):
        api.will_fail(error)
        assert "AAH-a_token" not in repr(telegram.send(draft(text="Oi"), ACCOUNT))
    assert TOKEN not in repr(ACCOUNT)


def test_a_server_of_ones_own_is_asked_instead(telegram: Telegram, api: Api) -> None:
    own = Account(ACCOUNT.account_id, ACCOUNT.credentials, {"baseUrl": "https://bots.example:8081/"})
    api.will(200, sent())
    telegram.send(draft(text="Oi"), own)
    assert str(api.requests[0].url) == f"https://bots.example:8081/bot{TOKEN}/sendMessage"
    assert parameters(api.requests[0]) == json.loads(api.requests[0].content)
