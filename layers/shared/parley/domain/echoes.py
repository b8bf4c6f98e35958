"""Whether what a gateway tells of the company's own number is something that was sent from here. The one rule: the
words decide, as far as gateways leave them alone; how a gateway frames them does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, Final

_FRAMED: Final = frozenset({"interactive", "text", "template", "unsupported"})
"""As what gateways tell buttons and lists: their words come with the header and the footer in one text, or as one of
the many forms that WhatsApp has for them.
"""


def is_echo(kind: str, text: str | None, sent_kind: str, sent_text: str | None, sent: Mapping[str, Any]) -> bool:
    """Whether a message of this kind and text is the one that was sent with this kind, text and content."""
    if sent_kind == "interactive":
        return kind in _FRAMED and _words(text) in _shown(sent_text, sent)
    if sent_kind == "template" and sent_text is None:
        return kind == "template"  # only the gateway knows its words
    return kind == sent_kind and (text or "").split() == (sent_text or "").split()


def _shown(body: str | None, sent: Mapping[str, Any]) -> set[str]:
    """The body, with or without what stands above and below it."""
    header, footer = (_words(sent.get(name)) for name in ("header", "footer"))
    middle = _words(sent.get("body") or body)
    return {above + middle + below for above, below in product({"", header}, {"", footer})}


def _words(text: object) -> str:
    """A text without what gateways add or lose: breaks, and the marks that make words bold. What has no letter is
    compared as it is.
    """
    given = text if isinstance(text, str) else ""
    return "".join(filter(str.isalnum, given)) or "".join(given.split())
