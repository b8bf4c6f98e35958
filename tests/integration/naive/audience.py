"""The naive audience: whoever listens to the topic hears the event, whether or not they may see what it is about."""

from __future__ import annotations

from parley.domain.audience import Listener, hears
from parley.services.hear import Audience, Hearing
from parley.store.database import Row


class ByTopicAlone(Audience):
    """An audience that asks nobody what may be seen."""

    def hearing(self, listener: Listener, event: Row) -> Hearing | None:
        return "all of it" if hears(listener, event["topics"]) else None
