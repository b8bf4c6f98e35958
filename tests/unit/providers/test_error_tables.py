"""The error tables: each code of Meta's ends as the design says, and each text of the others is reached, not shadowed
by a row above it. Hints to wait are kept, and a lost account is said to be lost in a sentence.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from parley.domain.outgoing import NotSent, Outcome, Refused, Uncertain
from parley.providers.evolution import errors as evolution
from parley.providers.registry import GATEWAYS
from parley.providers.telegram import errors as telegram
from parley.providers.wuzapi import errors as wuzapi
from parley.providers.zapi import errors as zapi
from tests.unit.providers.conftest import ACCOUNT, DRAFTS, against, gave, names

LOST = {"credential_expired": (0, 190), "sender_restricted": (131048, 368, 131031)}
REFUSED = {
    "permission_denied": (3, 10, *range(200, 300)),
    "window_closed": (131047,),
    "recipient_unreachable": (131026,),
    "recipient_limit": (131049,),
    "recipient_opted_out": (131050,),
    "recipient_in_experiment": (130472,),
    "country_restricted": (130497,),
    "recipient_is_sender": (131021,),
    "recipient_not_allowed": (131030,),
    "recipient_without_number": (131062, 131063),
    "payment_required": (131042,),
    "sender_not_ready": (131005, 131037, 131045, 133010, 134011),
    "media_failed": (131052, 131053),
    "template_invalid": (132000, 132001, 132005, 132007, 132008, 132012, 132068, 132069),
    "template_paused": (132015, 132016),
    "unsupported_capability": (131051,),
    "provider_rejected": (100, 33, 131008, 131009, 137000),
}
LATER = (4, 80007, 130429, 131056, 133016, 131064, 1, 2, 131000, 131016, 131057, 133004)


def sent(name: str, status: int, body: Any, headers: dict[str, str] | None = None) -> Outcome:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/instance/connectionState/123456789"):
            return gave(200, {"instance": {"state": "open"}})(request)
        return gave(status, body, headers)(request)

    with against(name, answer) as (provider, _):
        return provider.send(names(name).of(DRAFTS["text"]), ACCOUNT)


def meta(code: int, status: int = 400) -> Outcome:
    return sent("meta", status, {"error": {"message": "no", "type": "OAuthException", "code": code}})


@pytest.mark.parametrize("code", LATER)
def test_metas_throttles_and_own_troubles_are_tried_again(code: int) -> None:
    assert isinstance(meta(code), NotSent)
    # The same behind a server error may have been done.
    assert isinstance(meta(code, 500), Uncertain)


@pytest.mark.parametrize(
    ("code", "number", "lost"),
    [
        *((code, number, True) for code, numbers in LOST.items() for number in numbers),
        *((code, number, False) for code, numbers in REFUSED.items() for number in numbers),
    ],
)
def test_every_code_of_metas_table_is_what_it_says(code: str, number: int, lost: bool) -> None:
    outcome = meta(number)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.account_lost, outcome.provider["code"]) == (code, lost, number)
    assert outcome.message.endswith(".")


@pytest.mark.parametrize(("text", "row"), [(text, row) for texts, row in evolution.TEXTS for text in texts])
def test_every_text_of_evolutions_is_reached(text: str, row: evolution.Meaning) -> None:
    outcome = sent("evolution", 400, {"status": 400, "error": "Bad Request", "response": {"message": [text.upper()]}})
    match row.verdict:
        case evolution.Verdict.UNKNOWN:
            assert isinstance(outcome, Uncertain)
        case evolution.Verdict.AGAIN | evolution.Verdict.DISCONNECTED:
            assert isinstance(outcome, NotSent)
            assert outcome.reason == row.code
        case verdict:
            assert isinstance(outcome, Refused)
            assert (outcome.code, outcome.account_lost) == (row.code, verdict is evolution.Verdict.LOST)


@pytest.mark.parametrize(("text", "row"), [(text, row) for texts, row in zapi._PHRASES for text in texts])
def test_every_text_of_zapis_is_reached(text: str, row: zapi.Refusal) -> None:
    outcome = sent("zapi", 400, {"error": f"Oh: {text.upper()} !"})
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.message, outcome.account_lost) == (row.code, row.sentence, row.account_lost)


@pytest.mark.parametrize(("text", "row"), wuzapi._BY_TEXT)
def test_every_text_of_wuzapis_is_reached(text: str, row: wuzapi.Row) -> None:
    for status in (400, 500):
        outcome = sent("wuzapi", status, {"code": status, "error": f"Oh: {text.upper()} !", "success": False})
        assert isinstance(outcome, {"again": NotSent, "uncertain": Uncertain}.get(row.deed, Refused))
        if isinstance(outcome, Refused):
            assert (outcome.code, outcome.account_lost) == (row.code, row.deed == "lost")


@pytest.mark.parametrize(("text", "row"), [(text, row) for texts, row in telegram._PHRASES for text in texts])
def test_every_text_of_telegrams_is_reached(text: str, row: telegram.Refusal) -> None:
    outcome = sent("telegram", 400, {"ok": False, "error_code": 400, "description": f"Bad Request: {text.upper()} !"})
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.message) == (row.code, row.sentence)


DISCONNECTED: dict[str, tuple[int, Any]] = {
    "meta": (401, {"error": {"code": 190, "message": "Error validating access token"}}),
    "evolution": (404, {"response": {"message": ['The "line" instance does not exist']}}),
    "zapi": (400, {"error": "You need to be connected to send messages"}),
    "wuzapi": (500, {"code": 500, "error": "no session", "success": False}),
    "telegram": (401, {"ok": False, "error_code": 401, "description": "Unauthorized"}),
}


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_disconnected_account_is_lost_in_a_sentence_a_person_understands(name: str) -> None:
    outcome = sent(name, *DISCONNECTED[name])
    assert isinstance(outcome, Refused)
    assert outcome.account_lost
    assert len(outcome.message.split()) > 4
    assert outcome.message.endswith(".")


HINTS: dict[str, tuple[int, Any, dict[str, str]]] = {
    name: (429, b"", {"retry-after": "23"}) for name in ("meta", "evolution", "zapi", "wuzapi")
} | {"telegram": (429, {"ok": False, "error_code": 429, "parameters": {"retry_after": 23}}, {})}


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_gateways_own_hint_when_to_come_again_is_kept(name: str) -> None:
    outcome = sent(name, *HINTS[name])
    assert isinstance(outcome, NotSent)
    assert outcome.retry_after == timedelta(seconds=23)
    json.dumps(dict(outcome.provider))
