"""The promises of providers/base.py, tried on every gateway of the registry."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.domain.errors import NotFound, Rejected, Unreadable
from parley.domain.identity import Address
from parley.domain.incoming import Ignored, MediaKind
from parley.domain.outgoing import Accepted, Draft, NotSent, Outcome, Refused, Uncertain
from parley.providers.base import Provider
from parley.providers.registry import GATEWAYS, HANDSHAKES, adapter, build
from tests.unit.providers.conftest import (
    ACCOUNT,
    BASE,
    DRAFTS,
    GROUP,
    INTERACTIVES,
    SUCCESS,
    THEIRS,
    Names,
    against,
    broke,
    gave,
    names,
    samples,
)

JSON_HEADERS = {"content-type": "application/json"}
EVERY_GATEWAY = pytest.mark.parametrize("name", GATEWAYS)
TEXT = DRAFTS["text"]


def capabilities(name: str) -> Any:
    return adapter(name).capabilities


def never(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"left for {request.url}")


def sent(name: str, draft: Draft, answer: Callable[[httpx.Request], httpx.Response]) -> Outcome:
    with against(name, answer) as (provider, _):
        return provider.send(names(name).of(draft), ACCOUNT)


# ------------------------------------------------------------------------------------------------- what it says


@EVERY_GATEWAY
def test_a_gateway_is_found_by_the_name_it_gives_itself(name: str) -> None:
    with against(name, never) as (provider, _):
        assert provider.name == name
        assert provider.channel
    assert set(HANDSHAKES) == set(GATEWAYS)


def test_an_unknown_gateway_is_not_found() -> None:
    providers = build(httpx.Client(), meta_api_url=BASE, meta_api_version="v26.0")
    assert set(providers) == set(GATEWAYS)
    assert "pigeon" not in providers
    with pytest.raises(NotFound):
        providers["pigeon"]


@EVERY_GATEWAY
def test_capabilities_agree_with_each_other(name: str) -> None:
    said = capabilities(name)
    media = said.kinds & set(get_args(MediaKind))
    assert "text" in said.kinds
    assert said.kinds <= {*DRAFTS, "interactive"}
    assert said.interactive <= set(INTERACTIVES)
    assert ("interactive" in said.kinds) == bool(said.interactive)
    assert ("template" in said.kinds) == said.templates
    assert set(said.media_limits) == media
    assert set(said.media_types) <= media
    assert all(limit > 0 for limit in said.media_limits.values())
    assert said.window is None or said.window > timedelta()
    assert all(rate is None or rate > 0 for rate in (said.pacing.per_second, said.pacing.per_day))
    # Beyond the window only a template may be sent.
    assert said.window is None or said.templates


# ------------------------------------------------------------------------------------------------- what it sends


@EVERY_GATEWAY
@pytest.mark.parametrize("draft", [*DRAFTS.values(), *INTERACTIVES.values()], ids=lambda draft: draft.kind)
def test_a_declared_kind_is_accepted_and_another_never_leaves(name: str, draft: Draft) -> None:
    said = capabilities(name)
    declared = draft.kind in said.kinds and draft.content.get("type") in {None, *said.interactive}
    with against(name, gave(200, SUCCESS)) as (provider, left):
        outcome = provider.send(names(name).of(draft), ACCOUNT)
        hosts = {request.url.host for request in left}
    if declared:
        assert isinstance(outcome, Accepted)
        assert outcome.provider_message_id
        assert hosts == {httpx.URL(BASE).host}
    else:
        assert isinstance(outcome, Refused)
        assert (outcome.code, left) == ("unsupported_capability", [])


@EVERY_GATEWAY
def test_a_kind_nobody_has_is_refused(name: str) -> None:
    outcome = sent(name, dataclasses.replace(TEXT, kind="hologram"), never)
    assert isinstance(outcome, Refused)
    assert outcome.code == "unsupported_capability"


@EVERY_GATEWAY
def test_a_message_to_a_group_and_a_reply_go_where_the_gateway_has_them(name: str) -> None:
    said = capabilities(name)
    to_group = sent(name, dataclasses.replace(TEXT, to=GROUP), gave(200, SUCCESS))
    assert isinstance(to_group, Accepted if said.groups else Refused)
    if said.replies:
        assert isinstance(sent(name, dataclasses.replace(TEXT, reply_to=THEIRS), gave(200, SUCCESS)), Accepted)


DEEDS: dict[str, Callable[[Provider, Names], Outcome]] = {
    "reactions": lambda provider, its: provider.react(its.theirs, its.customer, "👍", ACCOUNT),
    "edit": lambda provider, its: provider.edit(its.ours, its.customer, "new words", ACCOUNT),
    "delete": lambda provider, its: provider.delete(its.ours, its.customer, ACCOUNT),
    "mark_read": lambda provider, its: provider.mark_read([its.theirs], its.customer, ACCOUNT),
    "typing": lambda provider, its: provider.show_typing(its.customer, True, its.theirs, ACCOUNT),
}


@EVERY_GATEWAY
@pytest.mark.parametrize("deed", DEEDS)
def test_a_declared_deed_is_accepted_and_another_never_leaves(name: str, deed: str) -> None:
    declared = getattr(capabilities(name), deed)
    with against(name, gave(200, SUCCESS) if declared else never) as (provider, _):
        outcome = DEEDS[deed](provider, names(name))
    if declared:
        assert isinstance(outcome, Accepted)
    else:
        assert isinstance(outcome, Refused)
        assert outcome.code == "unsupported_capability"


@EVERY_GATEWAY
def test_a_reaction_can_be_taken_back_and_typing_can_end(name: str) -> None:
    its = names(name)
    with against(name, gave(200, SUCCESS)) as (provider, _):
        if provider.capabilities.reactions:
            assert isinstance(provider.react(its.theirs, its.customer, None, ACCOUNT), Accepted)
        if provider.capabilities.typing:
            assert isinstance(provider.show_typing(its.customer, False, None, ACCOUNT), Accepted)


# ---------------------------------------------------------------------------------------- what became of an attempt


@EVERY_GATEWAY
@pytest.mark.parametrize("fault", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError])
def test_what_never_reached_the_gateway_was_not_sent(name: str, fault: type[httpx.HTTPError]) -> None:
    assert isinstance(sent(name, TEXT, broke(fault)), NotSent)


@EVERY_GATEWAY
@pytest.mark.parametrize("fault", [httpx.ReadTimeout, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError])
def test_silence_after_the_request_is_uncertain_unless_a_repeat_is_harmless(
    name: str, fault: type[httpx.HTTPError]
) -> None:
    assert_uncertain(name, sent(name, TEXT, broke(fault)))


@EVERY_GATEWAY
@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("body", [b"", b"<html>", b"{}"])
def test_a_server_error_is_uncertain_unless_a_repeat_is_harmless(name: str, status: int, body: bytes) -> None:
    assert_uncertain(name, sent(name, TEXT, gave(status, body)))


def assert_uncertain(name: str, outcome: Outcome) -> None:
    idempotent = capabilities(name).idempotent_send
    assert isinstance(outcome, Uncertain | NotSent if idempotent else Uncertain), outcome


@EVERY_GATEWAY
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b"null", b'{"id": {}}', b'{"messageId": 5'])
def test_a_success_without_an_id_is_never_called_a_refusal(name: str, body: bytes) -> None:
    outcome = sent(name, TEXT, gave(200, body))
    if capabilities(name).idempotent_send:
        assert not isinstance(outcome, Refused)
    else:
        assert isinstance(outcome, Uncertain)


@EVERY_GATEWAY
def test_one_message_too_many_was_not_sent_and_keeps_the_gateways_hint(name: str) -> None:
    outcome = sent(name, TEXT, gave(429, b"", {"retry-after": "17"}))
    assert isinstance(outcome, NotSent)
    assert outcome.retry_after == timedelta(seconds=17)


@EVERY_GATEWAY
@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b'{"error": 5}', b'{"error": {"code": {}}}'])
def test_a_refused_credential_loses_the_account_and_what_is_refused_says_a_sentence(name: str, body: bytes) -> None:
    lost, refused = sent(name, TEXT, gave(401, body)), sent(name, TEXT, gave(400, body))
    assert isinstance(lost, Refused)
    assert lost.account_lost
    # A gateway that answers everything with 400 may be uncertain; nobody may call it "not sent".
    assert isinstance(refused, Refused | Uncertain)
    for outcome in (lost, refused):
        if isinstance(outcome, Refused):
            assert outcome.code.replace("_", "").isalpha()
            assert outcome.message.endswith(".")
            json.dumps(dict(outcome.provider))


@EVERY_GATEWAY
def test_a_message_goes_out_once(name: str) -> None:
    for answer in (gave(500, b""), gave(429, b""), gave(302, b"", {"location": "https://evil.example/"})):
        with against(name, answer) as (provider, left):
            provider.send(names(name).of(TEXT), ACCOUNT)
            assert len(left) == 1


@settings(max_examples=30, deadline=None)
@given(
    text=st.text(st.characters(exclude_categories=())),
    address=st.sampled_from(["phone", "lid", "bsuid", "jid"]),
    value=st.text(max_size=30),
    kind=st.sampled_from([*DRAFTS, "interactive"]),
    content=st.dictionaries(
        st.sampled_from(
            ["latitude", "longitude", "contacts", "name", "language", "type", "body", "buttons", "sections"]
        ),
        st.none() | st.integers() | st.text(max_size=5) | st.lists(st.dictionaries(st.just("rows"), st.none())),
    ),
)
def test_no_draft_however_wild_raises(text: str, address: Any, value: str, kind: str, content: dict[str, Any]) -> None:
    media = DRAFTS[kind].media if kind in DRAFTS else None
    draft = Draft(TEXT.reference, Address(address, value), kind, text, content, media=media)
    for name in GATEWAYS:
        assert isinstance(sent(name, draft, gave(200, SUCCESS)), Accepted | Refused)


# ------------------------------------------------------------------------------------------------- what it reads

# Old builds of WuzAPI name only the account's token: their webhooks are of the account whose URL they came to.
NAMES_NO_ACCOUNT = {
    "wuzapi/chat_presence__composing",
    "wuzapi/connected",
    "wuzapi/message_text_fromme_token",
    "wuzapi/qr",
    "wuzapi/read_receipt__read",
}
# Telegram's updates never name the bot they are for: it is the address they come to that does.
NEVER_NAMES_AN_ACCOUNT = {"telegram"}


@EVERY_GATEWAY
def test_every_recorded_payload_says_something_and_is_of_an_account(name: str) -> None:
    with against(name, never) as (provider, _):
        for path in samples(name):
            facts = provider.normalise(path.read_bytes(), JSON_HEADERS)
            assert facts, path.name
            unnamed = [fact for fact in facts if not isinstance(fact, Ignored) and not fact.account]
            allowed = name in NEVER_NAMES_AN_ACCOUNT or f"{name}/{path.stem}" in NAMES_NO_ACCOUNT
            assert not unnamed or allowed, path.name


@EVERY_GATEWAY
def test_redacting_changes_nothing_that_is_read_and_takes_every_credential(name: str) -> None:
    with against(name, never) as (provider, _):
        for path in samples(name):
            body = path.read_bytes()
            redacted = provider.redact(body, JSON_HEADERS)
            assert provider.redact(redacted, JSON_HEADERS) == redacted, path.name
            assert provider.normalise(redacted, JSON_HEADERS) == provider.normalise(body, JSON_HEADERS), path.name
            if b"apikey" not in body and b"oken" not in body and b"code" not in body:
                assert redacted == body, path.name


HOSTILE = [
    b"",
    b"\xff\xfe\x00",
    b"not json",
    b"null",
    b"[]",
    b'"text"',
    b"{}",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"n": NaN}',
    b'{"n": ' + b"9" * 5000 + b"}",
    b"jsonData=%7B%7D&token=x",
    b"--x\r\ncontent-disposition: form-data\r\n\r\n--x--",
]


@EVERY_GATEWAY
@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: repr(body[:20]))
@pytest.mark.parametrize(
    "headers",
    [
        {},
        JSON_HEADERS,
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "\x00é", "authorization": "Bearer é", "x-hub-signature-256": "é", "x-hmac-signature": "é"},
    ],
    ids=lambda headers: str(headers.get("content-type", "none"))[:12],
)
def test_a_hostile_body_is_unreadable_or_read_and_never_breaks_anything(
    name: str, body: bytes, headers: dict[str, str]
) -> None:
    with against(name, never) as (provider, _):
        try:
            provider.normalise(body, headers)
        except Unreadable as unreadable:
            assert unreadable.detail  # noqa: PT017
        assert isinstance(provider.redact(body, headers), bytes)
        try:
            provider.verify(body, headers, ACCOUNT, datetime.now(UTC))
        except Rejected as rejected:
            assert rejected.detail  # noqa: PT017


@EVERY_GATEWAY
def test_a_handshake_without_our_token_is_refused(name: str) -> None:
    for query in ({}, {"hub.mode": "subscribe", "hub.verify_token": "other", "hub.challenge": "1"}):
        assert HANDSHAKES[name](query, "ours") is None
