"""When the breaker trips: too much parked, of everybody's; never for one account of several."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from parley.services.breaker import Breaker, Limits

A, B, C, D = (UUID(int=number) for number in range(1, 5))
LIMITS = Limits(minimum=20, share=0.5, window=timedelta(minutes=5))


def test_one_account_alone_trips_it_at_the_minimum() -> None:
    breaker = Breaker(LIMITS)
    assert breaker.note(0, {A: 10}, {A: 10}) is None
    assert breaker.note(1, {A: 9}, {A: 9}) is None
    trip = breaker.note(2, {A: 1}, {A: 1})
    assert trip is not None
    assert (trip.parked, trip.webhooks, trip.accounts_parked, trip.accounts) == (20, 20, 1, 1)


@given(parked=st.integers(20, 10_000), others=st.sets(st.uuids(), min_size=1, max_size=5))
def test_one_account_of_several_never_trips_it_however_much_it_sends(parked: int, others: set[UUID]) -> None:
    breaker = Breaker(LIMITS)
    assert breaker.note(0, {A: parked, **dict.fromkeys(others - {A}, 1), B: 1}, {A: parked}) is None


def test_what_half_of_the_accounts_send_is_not_enough_and_more_than_half_is() -> None:
    assert Breaker(LIMITS).note(0, {A: 10, B: 10, C: 1, D: 1}, {A: 10, B: 10}) is None
    assert Breaker(LIMITS).note(0, {A: 10, B: 10, C: 1, D: 1}, {A: 10, B: 10, C: 1}) is not None


def test_half_of_the_webhooks_is_not_enough() -> None:
    assert Breaker(LIMITS).note(0, {A: 40}, {A: 20}) is None
    assert Breaker(LIMITS).note(0, {A: 39}, {A: 20}) is not None


def test_what_is_older_than_the_window_counts_no_more() -> None:
    breaker = Breaker(LIMITS)
    breaker.note(0, {A: 19}, {A: 19})
    assert breaker.note(301, {A: 19}, {A: 19}) is None
    assert breaker.note(302, {A: 1}, {A: 1}) is not None


def test_a_batch_without_anything_parked_never_trips_it() -> None:
    breaker = Breaker(LIMITS)
    assert breaker.note(0, {A: 30}, {A: 30}) is not None
    assert breaker.note(1, {A: 1}, {}) is None


def test_on_trial_a_quarter_of_the_minimum_is_enough() -> None:
    assert Breaker(LIMITS).note(0, {A: 4}, {A: 4}, on_trial=True) is None
    assert Breaker(LIMITS).note(0, {A: 5}, {A: 5}, on_trial=True) is not None


def test_what_was_forgotten_does_not_count() -> None:
    breaker = Breaker(LIMITS)
    breaker.note(0, {A: 19}, {A: 19})
    breaker.forget()
    assert breaker.note(1, {A: 1}, {A: 1}) is None
