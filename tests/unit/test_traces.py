"""An erased person's addresses are found in whatever form a gateway writes them, and nobody else's are."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import pytest

from parley.domain.traces import Traces

ALIASES = [
    {"kind": "phone", "value": "5531987654321", "address": "+55 31 8765-4321"},
    {"kind": "lid", "value": "77001122334455@lid", "address": "77001122334455@lid"},
    {"kind": "jid", "value": "612345678", "address": "612345678"},
]
TRACES = Traces(ALIASES)
BODY = json.dumps({"from": "553187654321", "text": "x" * 40})


@pytest.mark.parametrize(
    "body",
    [
        '{"from":"5531987654321"}',
        '{"wa_id":"553187654321"}',
        '{"jid":"5531987654321:12@s.whatsapp.net"}',
        '{"participant":"77001122334455@lid"}',
        '{"chat":{"id":612345678}}',
        "jsonData=" + quote('{"from":"5531987654321"}'),
        "jsonData=" + quote('{"n":"\\u0022553187654321\\u0022"}'),
    ],
)
def test_an_address_is_found_in_any_form(body: str) -> None:
    assert TRACES.in_bytes(body.encode())


@pytest.mark.parametrize(
    "body", ['{"from":"15531987654321"}', '{"timestamp":"6123456789"}', '{"from":"5531987654322"}', "{}", ""]
)
def test_a_part_of_a_longer_number_is_nobodys(body: str) -> None:
    assert not TRACES.in_bytes(body.encode())


@pytest.mark.parametrize(
    "payload",
    [
        {"body": b64encode(BODY.encode()).decode(), "provider": "meta"},
        {"queued": json.dumps({"body": b64encode(BODY.encode()).decode()})},
        [{"to": 5531987654321}],
    ],
)
def test_it_is_found_within_what_a_queue_carries(payload: Any) -> None:
    assert TRACES.in_payload(payload)
    assert not Traces([]).in_payload(payload)


def test_what_only_mentions_an_address_loses_that_and_nothing_else() -> None:
    assert TRACES.without("ask @553187654321 or @5511999999999") == "ask @… or @5511999999999"
    said = {"mentions": ["5531987654321", "5511999999999"], "5531987654321": 1, "at": 5531987654321, "n": 7, "ok": True}
    assert TRACES.without_in_json(said) == {"mentions": ["…", "5511999999999"], "…": 1, "at": None, "n": 7, "ok": True}


def test_an_address_of_a_few_characters_would_be_found_everywhere_and_so_is_looked_for_nowhere() -> None:
    short = Traces([{"kind": "jid", "value": "42", "address": "42"}])
    assert short.spellings == []
    assert not short.in_bytes(b'{"id": 42}')
    assert short.without("42") == "42"
