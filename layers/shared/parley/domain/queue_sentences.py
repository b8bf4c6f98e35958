"""What is wrong with a queue, for a person to read. The one rule: a sentence is there only where somebody should look,
and it says what the figures beside it say.
"""

from __future__ import annotations

from typing import Final

from .queue_figures import LATELY, QueueState

OLD_SECONDS: Final = 300
FEW_FAILURES: Final = 3
_TOO_MANY: Final = 0.5


def sentence(state: QueueState, dead: int, beside: str = "") -> str | None:
    """What somebody should look after; None where nothing is wrong. `dead`: the letters that the reader may see.
    `beside`: what is known to be wrong that these figures do not show.
    """
    said = " ".join(filter(None, (_dead(dead), _old(state), _failing(state), beside)))
    return said or None


def _dead(dead: int) -> str:
    many = "1 message was" if dead == 1 else f"{dead} messages were"
    return f"{many} given up: see the dead letters." if dead else ""


def _old(state: QueueState) -> str:
    age = state.oldest_age_seconds or 0
    return f"The oldest message has been there for {round(age)} seconds." if age >= OLD_SECONDS else ""


def _failing(state: QueueState) -> str:
    lately = state.minutes[-LATELY:]
    failed = sum(minute.failed for minute in lately)
    if failed < FEW_FAILURES or state.error_rate < _TOO_MANY:
        return ""
    tried = failed + sum(minute.completed for minute in lately)
    return f"Of {tried} tries in the last {LATELY} minutes {failed} failed."
