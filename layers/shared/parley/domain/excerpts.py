"""Why something was found: a piece of its text in parts that say whether they are what was looked for. The one rule:
parts, never marks inside the text, so that nothing a person wrote can pass for one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

_WORD: Final = re.compile(r"[^\W_]+(?:[\u0300-\u036f]+[^\W_]*)*")
LEAD: Final = 60
"""So much is shown before the first hit."""
LENGTH: Final = 240
MOST_WORDS: Final = 2000
"""So many different words of one page are looked at."""


def words_of(texts: Iterable[str]) -> list[str]:
    """The different words of these texts."""
    found: dict[str, None] = {}
    for text in texts:
        for match in _WORD.finditer(text):
            found[match[0]] = None
            if len(found) == MOST_WORDS:
                return list(found)
    return list(found)


def excerpt(text: str, hits: Collection[str]) -> list[dict[str, Any]]:
    """The piece of a text around the first of these words, in parts `{"text", "hit"}`."""
    spans = [match.span() for match in _WORD.finditer(text) if match[0] in hits]
    return _parts(text, spans)


def excerpt_of_pieces(text: str, pieces: Sequence[str]) -> list[dict[str, Any]]:
    """The same where any piece of a word counts, in capitals or not."""
    wanted = "|".join(re.escape(piece) for piece in sorted(pieces, key=len, reverse=True) if piece)
    return _parts(text, [match.span() for match in re.finditer(wanted, text, re.IGNORECASE)] if wanted else [])


def _parts(text: str, spans: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    begin = _at_word(text, spans[0][0] - LEAD) if spans else 0
    end = begin + LENGTH
    parts: list[dict[str, Any]] = []
    at = begin
    for start, stop in spans:
        if start >= end:
            break
        if start > at:
            parts.append({"text": text[at:start], "hit": False})
        parts.append({"text": text[start : min(stop, end)], "hit": True})
        at = min(stop, end)
    if at < min(end, len(text)):
        parts.append({"text": text[at:end], "hit": False})
    return parts


def _at_word(text: str, begin: int) -> int:
    """The beginning of the next word, so that none is cut."""
    if begin <= 0:
        return 0
    space = text.find(" ", begin, begin + LEAD)
    return space + 1 if space >= 0 else begin
