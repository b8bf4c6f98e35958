"""What became of a send, told from what Meta answers and from what the network does: a transport for the tables, real
sockets for the faults.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import Any
from uuid import UUID

import httpx
import pytest

from parley.domain.identity import Address
from parley.domain.outgoing import Accepted, Draft, NotSent, Outcome, Refused, Target, Uncertain
from parley.providers.base import Account
from parley.providers.meta import Meta

REFERENCE = UUID("01920000-0000-7000-8000-000000000001")
ACCOUNT = Account("1122334455667", {"access_token": "token-1", "app_secret": "secret"})
DRAFT = Draft(REFERENCE, Address("phone", "+55 31 8765-4321"), "text", "Olá")
ACCEPTED = {"messaging_product": "whatsapp", "contacts": [{"wa_id": "5531"}], "messages": [{"id": "wamid.out"}]}


def answered(
    status: int, body: object = None, headers: dict[str, str] | None = None, draft: Draft = DRAFT
) -> tuple[Outcome, httpx.Request]:
    """Send against a gateway that gives one answer; return the outcome and the request it got."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.Response(status, stream=httpx.ByteStream(content), headers=headers)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        outcome = Meta(http, api_url="https://graph.example/", version="v26.0").send(draft, ACCOUNT)
    assert len(seen) == 1
    return outcome, seen[0]


def error(code: object, **members: object) -> dict[str, Any]:
    return {"error": {"message": "(#1) no", "code": code, "error_data": {"details": "why"}, **members}}


def test_an_accepted_text_went_out_as_meta_wants_it() -> None:
    outcome, request = answered(200, ACCEPTED)
    assert outcome == Accepted("wamid.out", Address("phone", "5531"))
    assert str(request.url) == "https://graph.example/v26.0/1122334455667/messages"
    assert request.headers["authorization"] == "Bearer token-1"
    assert json.loads(request.content) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "553187654321",
        "type": "text",
        "text": {"body": "Olá"},
        "biz_opaque_callback_data": str(REFERENCE),
    }


def test_a_reply_names_its_message_and_a_person_without_a_number_is_addressed_by_id() -> None:
    draft = Draft(REFERENCE, Address("bsuid", "BR.1"), "text", "Olá", reply_to=Target("wamid.in", ours=False))
    sent = json.loads(answered(200, ACCEPTED, draft=draft)[1].content)
    assert (sent["recipient"], sent["context"]) == ("BR.1", {"message_id": "wamid.in"})
    assert "to" not in sent


@pytest.mark.parametrize(
    ("status", "code", "ours"),
    [
        (401, 190, "credential_expired"),
        (400, 0, "credential_expired"),
        (401, None, "credential_expired"),
        (403, None, "permission_denied"),
        (403, 10, "permission_denied"),
        (400, 3, "permission_denied"),
        (403, 200, "permission_denied"),
        (403, 299, "permission_denied"),
        (400, 131047, "window_closed"),
        (400, "131047", "window_closed"),
        (400, 131026, "recipient_unreachable"),
        (400, 131049, "recipient_limit"),
        (400, 131050, "recipient_opted_out"),
        (400, 130472, "recipient_in_experiment"),
        (403, 130497, "country_restricted"),
        (400, 131021, "recipient_is_sender"),
        (400, 131030, "recipient_not_allowed"),
        (400, 131062, "recipient_without_number"),
        (400, 131048, "sender_restricted"),
        (403, 368, "sender_restricted"),
        (403, 131031, "sender_restricted"),
        (400, 131042, "payment_required"),
        (400, 133010, "sender_not_ready"),
        (400, 131051, "unsupported_capability"),
        (400, 131053, "media_failed"),
        (404, 132001, "template_invalid"),
        (400, 132015, "template_paused"),
        (400, 100, "provider_rejected"),
        (400, 33, "provider_rejected"),
        (400, 999_999, "provider_rejected"),
        (404, None, "provider_rejected"),
        (302, None, "provider_rejected"),
    ],
)
def test_an_answer_that_repeating_cannot_change_is_refused(status: int, code: object, ours: str) -> None:
    outcome, _ = answered(status, error(code))
    assert isinstance(outcome, Refused)
    assert outcome.code == ours
    assert outcome.message.endswith(".")
    assert outcome.provider["status"] == status
    assert outcome.provider["details"] == "why"
    assert outcome.account_lost == (ours in {"credential_expired", "sender_restricted"})


@pytest.mark.parametrize("code", [4, 80007, 130429, 131056, 131064, 133016, 1, 2, 131000, 131016, 131057, 133004])
def test_too_much_or_a_passing_trouble_was_not_sent(code: int) -> None:
    assert isinstance(answered(400, error(code))[0], NotSent)


@pytest.mark.parametrize("status", [408, 425, 429])
def test_a_status_that_says_come_again_was_not_sent_whatever_its_body(status: int) -> None:
    assert isinstance(answered(status, b"<html>")[0], NotSent)


def test_an_error_meta_itself_calls_transient_was_not_sent() -> None:
    assert isinstance(answered(400, error(12345, is_transient=True))[0], NotSent)


@pytest.mark.parametrize(
    ("headers", "code", "wait"),
    [
        ({}, 130429, None),
        ({}, 131056, timedelta(seconds=6)),
        ({"retry-after": "17"}, 130429, timedelta(seconds=17)),
        ({"retry-after": "17"}, 131056, timedelta(seconds=17)),
        ({"retry-after": "17"}, 131000, timedelta(seconds=17)),
        ({"retry-after": "99999999"}, 4, timedelta(days=1)),
        ({"retry-after": "-3"}, 4, None),
        ({"retry-after": "soon"}, 4, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 4, None),
        (
            {"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"},
            4,
            timedelta(seconds=30),
        ),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 4, timedelta()),
    ],
)
def test_the_gateways_own_hint_when_to_come_again_is_kept(
    headers: dict[str, str], code: int, wait: timedelta | None
) -> None:
    outcome, _ = answered(400, error(code), headers)
    assert isinstance(outcome, NotSent)
    assert outcome.retry_after == wait


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"messages": []}', b'{"messages": [{"id": ""}]}'])
def test_a_success_without_a_message_id_is_uncertain(body: bytes) -> None:
    assert isinstance(answered(200, body)[0], Uncertain)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_is_uncertain_even_when_it_explains_itself(status: int) -> None:
    assert isinstance(answered(status, error(131016))[0], Uncertain)


def test_an_answer_without_end_is_read_no_further_than_its_bound() -> None:
    assert isinstance(answered(200, b'{"messages": [{"id": "' + b"x" * 10_000_000 + b'"}]}')[0], Uncertain)


@pytest.mark.parametrize(
    ("draft", "account", "code"),
    [
        (Draft(REFERENCE, DRAFT.to, "image"), ACCOUNT, "invalid_request"),
        (Draft(REFERENCE, DRAFT.to, "poll"), ACCOUNT, "unsupported_capability"),
        (Draft(REFERENCE, Address("lid", "1@lid"), "text", "x"), ACCOUNT, "unsupported_capability"),
        (Draft(REFERENCE, DRAFT.to, "text", ""), ACCOUNT, "invalid_request"),
        (DRAFT, Account("1", {"app_secret": "s"}), "credential_expired"),
    ],
)
def test_what_cannot_be_sent_never_leaves(draft: Draft, account: Account, code: str) -> None:
    def never(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"left for {request.url}")

    with httpx.Client(transport=httpx.MockTransport(never)) as http:
        outcome = Meta(http, api_url="https://graph.example", version="v26.0").send(draft, account)
    assert isinstance(outcome, Refused)
    assert outcome.code == code


def send_to(url: str, *, fast_clock: float = 5.0) -> Outcome:
    with httpx.Client(trust_env=False) as http:
        return Meta(http, api_url=url, version="v26.0", fast_clock=fast_clock).send(DRAFT, ACCOUNT)


@contextmanager
def gateway(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """Listen on a free port and treat one connection as `behave` says."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            behave(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def read_request(connection: socket.socket) -> None:
    received = b""
    while b"biz_opaque_callback_data" not in received:
        received += connection.recv(65536)


def reset(connection: socket.socket) -> None:
    """Close so that the other side sees a reset, not an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_refused_connection_was_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert isinstance(send_to(f"http://127.0.0.1:{port}"), NotSent)


def test_a_name_nobody_has_was_not_sent() -> None:
    assert isinstance(send_to("http://nobody.invalid"), NotSent)


def test_an_address_that_is_none_was_not_sent() -> None:
    assert isinstance(send_to("ftp://127.0.0.1"), NotSent)


def test_a_failed_tls_handshake_was_not_sent() -> None:
    def talk_plainly(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with gateway(talk_plainly) as url:
        assert isinstance(send_to(url.replace("http:", "https:")), NotSent)


def test_a_connection_closed_or_reset_after_the_request_left_is_uncertain() -> None:
    def close(connection: socket.socket) -> None:
        read_request(connection)

    def break_off(connection: socket.socket) -> None:
        read_request(connection)
        reset(connection)

    for behave in (close, break_off):
        with gateway(behave) as url:
            assert isinstance(send_to(url), Uncertain)


def test_silence_after_the_request_is_uncertain() -> None:
    over = Event()

    def wait(connection: socket.socket) -> None:
        read_request(connection)
        over.wait(10)

    with gateway(wait) as url:
        outcome = send_to(url, fast_clock=50)
        over.set()
    assert isinstance(outcome, Uncertain)


def test_a_refusal_whose_body_breaks_off_is_still_a_refusal_and_a_success_is_uncertain() -> None:
    def half(status: bytes) -> Callable[[socket.socket], None]:
        def behave(connection: socket.socket) -> None:
            read_request(connection)
            connection.sendall(b"HTTP/1.1 " + status + b"\r\ncontent-length: 100\r\n\r\n" + b'{"messages"')
            reset(connection)

        return behave

    with gateway(half(b"400 Bad Request")) as url:
        assert isinstance(send_to(url), Refused)
    with gateway(half(b"200 OK")) as url:
        assert isinstance(send_to(url), Uncertain)


def test_an_answer_that_drips_ends_with_the_deadline() -> None:
    over = Event()

    def drip(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while not over.wait(0.05):
            try:
                connection.sendall(b" ")
            except OSError:
                return

    with gateway(drip) as url:
        outcome = send_to(url, fast_clock=25)
        over.set()
    assert isinstance(outcome, Uncertain)
