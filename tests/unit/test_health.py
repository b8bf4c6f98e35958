"""What the figures of an account mean: each state, its sentence, and when nothing is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.domain.health import STATES, Counts, Figures, Health, Usual, judge

NOW = datetime(2026, 11, 23, 10, 47, tzinfo=UTC)
FINE = Figures(now=NOW, hour_from=NOW.replace(hour=9, minute=45), counted_to=NOW - timedelta(minutes=1))
SINCE = NOW - timedelta(hours=2)

SICK = {
    "credential_expired": replace(FINE, state="paused", code="credential_expired", reason="Token over.", since=SINCE),
    "credential_refused": replace(FINE, state="disconnected", code="permission_denied", since=SINCE),
    "restricted": replace(FINE, state="paused", code="sender_restricted", since=SINCE),
    "disconnected": replace(FINE, state="disconnected", reason="close 401", since=SINCE),
    "silent": replace(FINE, last_received_at=SINCE, usual=Usual(4, 40, 60)),
    "receiving_fails": replace(FINE, hour=Counts(received=40, processed=28, parked=10, rejected=2)),
    "not_delivered": replace(
        FINE, hour=Counts(delivered=3, undelivered=7, failed=2), usually_delivered=95, usually_undelivered=5
    ),
    "media_failing": replace(FINE, hour=Counts(received=10, processed=10, media_stored=6, media_failed=4)),
    "paused": replace(FINE, held=True),
    "ok": FINE,
}

SENTENCES = {
    "credential_expired": "Token over. Nothing has been sent since 08:47 UTC.",
    "credential_refused": "The gateway does not let this account's credential do its work. "
    "Nothing has been sent since 08:47 UTC.",
    "restricted": "This account has been restricted. Nothing has been sent since 08:47 UTC.",
    "disconnected": "The gateway says that this account is not connected (close 401). "
    "Nothing has been sent since 08:47 UTC.",
    "silent": "No webhook came from 08:47 UTC to 10:46 UTC; in the same hours of the last 4 weeks 40 to 60 came.",
    "receiving_fails": "Of 40 webhooks received between 09:45 UTC and 10:47 UTC 10 could not be processed "
    "and 2 were rejected.",
    "not_delivered": "Of 12 messages sent between 09:45 UTC and 10:47 UTC 7 were not delivered in time and 2 failed; "
    "before that it was 5 of 100.",
    "media_failing": "Of 10 files received between 09:45 UTC and 10:47 UTC 4 could not be fetched from the gateway.",
    "paused": "A person has paused sending through this account.",
    "ok": None,
}

COUNTS = st.builds(Counts, *[st.integers(0, 60) for _ in Counts.__dataclass_fields__])
FIGURES = st.builds(
    Figures,
    now=st.just(NOW),
    hour_from=st.just(FINE.hour_from),
    counted_to=st.just(FINE.counted_to),
    state=st.sampled_from(["connected", "disconnected", "paused"]),
    code=st.sampled_from([None, "credential_expired", "permission_denied", "sender_restricted", "account_gone"]),
    reason=st.sampled_from([None, "", "close 401", "It is lost."]),
    since=st.sampled_from([None, SINCE]),
    held=st.booleans(),
    caught_up=st.booleans(),
    receipts=st.booleans(),
    last_received_at=st.sampled_from([None, SINCE]),
    hour=COUNTS,
    usual=st.none() | st.builds(Usual, st.integers(0, 4), st.integers(0, 50), st.integers(50, 90)),
    usually_delivered=st.integers(0, 100),
    usually_undelivered=st.integers(0, 100),
)


@pytest.mark.parametrize("state", STATES)
def test_each_state_is_reached_and_says_why_in_one_true_sentence(state: str) -> None:
    found = judge(SICK[state])
    assert (found.state, found.reason) == (state, SENTENCES[state])


@given(FIGURES)
def test_the_same_figures_always_give_the_same_state_and_a_sentence_wherever_something_is_wrong(
    figures: Figures,
) -> None:
    found = judge(figures)
    assert found == judge(replace(figures))
    assert found.state in STATES
    assert (found.reason is None) == (found.state == "ok")
    assert found.reason is None or (found.reason.endswith(".") and "None" not in found.reason)


@given(FIGURES)
def test_of_what_is_wrong_the_worst_is_said(figures: Figures) -> None:
    worst = STATES.index(judge(figures).state)
    mended = replace(figures, state="connected", usual=None, hour=Counts(), held=figures.held)
    assert STATES.index(judge(mended).state) >= worst
    assert STATES.index(judge(replace(figures, state="disconnected", code=None)).state) <= STATES.index("disconnected")


def silent(**changes: object) -> Health:
    return judge(replace(SICK["silent"], **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "usual",
    [None, Usual(1, 500, 500), Usual(0, 0, 0), Usual(4, 0, 60), Usual(4, 7, 60)],
    ids=["no history asked for", "one week", "no week", "a quiet night among them", "a quiet number"],
)
def test_where_little_usually_comes_silence_is_no_alarm(usual: Usual | None) -> None:
    assert silent(usual=usual) == Health("ok")


def test_while_webhooks_wait_in_the_queue_nobody_is_called_silent() -> None:
    assert silent(caught_up=False).state == "ok"
    assert silent().since == SINCE


def test_two_weeks_are_a_history_and_a_day_ago_is_named_by_its_day() -> None:
    found = silent(usual=Usual(2, 8, 8), last_received_at=datetime(2026, 11, 20, 17, 5, tzinfo=UTC))
    assert found.reason is not None
    assert found.reason.startswith("No webhook came from Friday 17:05 UTC to 10:46 UTC;")
    assert found.reason.endswith("in the same hours of the last 2 weeks 8 came.")


def test_two_failures_are_bad_luck_and_so_are_few_of_many() -> None:
    assert judge(replace(FINE, hour=Counts(received=2, parked=2))).state == "ok"
    assert judge(replace(FINE, hour=Counts(received=31, parked=3))).state == "ok"
    assert judge(replace(FINE, hour=Counts(received=30, parked=3))).state == "receiving_fails"
    assert judge(replace(FINE, hour=Counts(media_failed=2))).state == "ok"
    assert judge(replace(FINE, hour=Counts(media_stored=20, media_failed=4))).state == "ok"


def test_an_account_is_compared_with_its_own_share_of_what_is_not_delivered() -> None:
    hour = Counts(delivered=4, undelivered=6)
    usually = replace(FINE, hour=hour, usually_delivered=40, usually_undelivered=40)
    assert judge(usually).state == "ok", "half of it always is late"
    assert judge(replace(usually, usually_undelivered=4)).state == "not_delivered"
    assert judge(replace(FINE, hour=hour)).state == "not_delivered", "and without a history half of it is too much"
    assert judge(replace(FINE, hour=Counts(undelivered=4))).state == "ok"


def test_a_gateway_that_tells_no_deliveries_is_not_asked_for_them() -> None:
    assert judge(replace(SICK["not_delivered"], receipts=False)).state == "ok"
