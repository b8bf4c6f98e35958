"""What the socket promises, as a deployment sets it and as the fast clock divides it."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta

from parley.domain.terms import Limits, Rate, Terms


def test_the_usual_limits_are_the_usual_terms() -> None:
    assert Terms.sped(1, Limits()) == Terms()


def test_the_fast_clock_divides_every_duration() -> None:
    usual, fast = Terms(), Terms.sped(10, Limits())

    spans = [field.name for field in fields(Terms) if isinstance(getattr(usual, field.name), timedelta)]
    assert {"heartbeat", "silence", "grace", "coalesce", "typing_life"} <= set(spans)
    assert all(getattr(fast, name) == getattr(usual, name) / 10 for name in spans)
    assert fast.frames.apart == usual.frames.apart / 10


def test_limits_are_the_deployments() -> None:
    terms = Terms.sped(1, Limits(per_user=2, per_tenant=3, frames_per_second=20, typing_per_second=0.5))

    assert (terms.per_user, terms.per_tenant) == (2, 3)
    assert terms.frames == Rate(timedelta(seconds=0.05), 20)
    assert terms.typing == Rate(timedelta(seconds=2), 2)
