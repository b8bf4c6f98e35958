"""Messages out of their wrappers (view once, disappearing, with caption), and what lies beside the content. The one
rule: one message has one content; Evolution's own additions (`base64`, `mediaUrl`) are never taken for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from parley.providers.reading import Json, object_of, text_of

from .people import address_of

_WRAPPERS: Final = frozenset(
    {
        "associatedChildMessage",
        "botInvokeMessage",
        "deviceSentMessage",
        "documentWithCaptionMessage",
        "editedMessage",
        "ephemeralMessage",
        "groupMentionedMessage",
        "lottieStickerMessage",
        "viewOnceMessage",
        "viewOnceMessageV2",
        "viewOnceMessageV2Extension",
    }
)
_BESIDE: Final = frozenset(
    {"base64", "contextInfo", "mediaUrl", "messageContextInfo", "senderKeyDistributionMessage", "speechToText"}
)
_DEEPEST: Final = 8


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A message out of its wrappers: the name and the value of its content. `base64` and `media_url` lie outside of all
    wrappers, where Evolution puts them.
    """

    name: str
    value: Any
    view_once: bool = False
    base64: str | None = None
    media_url: str | None = None
    source: Mapping[str, str] = field(default_factory=dict)


def unwrap(message: object, key_id: str = "") -> Unwrapped | None:
    """Find the content of a message; None where there is nothing but keys."""
    outside = object_of(message)
    inner, view_once = outside, False
    for _ in range(_DEEPEST):
        name = next((name for name in inner if name in _WRAPPERS and isinstance(inner[name], dict)), None)
        if name is None:
            break
        view_once = view_once or name.startswith("viewOnce")
        inner = object_of(inner[name].get("message"))
    name = next((name for name in inner if name not in _BESIDE and inner[name] is not None), None)
    if name is None:
        return None
    url = text_of(outside.get("mediaUrl"))
    source = {"id": key_id, **({"url": url} if url else {})}
    return Unwrapped(name[:80], inner[name], view_once, outside.get("base64"), url, source)


def context_of(data: Json, message: Unwrapped) -> Json:
    """What a message refers to: beside it, or (older builds) within its content."""
    within = object_of(message.value).get("contextInfo")
    return {**object_of(within), **object_of(data.get("contextInfo"))}


def additions(context: Json) -> Json:
    """What any kind of content may add: that it was forwarded, whom it mentions, the advertisement it came from."""
    added: Json = {"forwarded": True} if context.get("isForwarded") is True else {}
    mentioned = context.get("mentionedJid")
    mentions = [address_of(jid) for jid in mentioned] if isinstance(mentioned, list) else []
    if any(mentions):
        added["mentions"] = [address.value for address in mentions if address]
    advertisement = object_of(context.get("externalAdReply"))
    wanted = ("title", "body", "sourceId", "sourceType", "sourceUrl", "ctwaClid")
    referral = {name: text for name in wanted if (text := text_of(advertisement.get(name)))}
    if referral:
        added["referral"] = referral
    return added
