"""Telegram's errors as a table. The one rule: the HTTP status says what kind of error it is, and only within 400 and
403 do Telegram's words decide, here and nowhere else.

Where the words are from: tdlib/telegram-bot-api, telegram-bot-api/Client.cpp (`fail_query_with_error` and its callers);
the errors in capitals are those of Telegram's servers, passed on. What is unknown is refused in general words.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from parley.domain.outgoing import NotSent, Refused, Uncertain
from parley.providers.calls import LONGEST_RETRY_AFTER, Answer
from parley.providers.reading import clean_text, object_of, optional_id

LONGEST_TEXT: Final = 500


@dataclass(frozen=True, slots=True)
class Refusal:
    """A class of errors that no repetition helps: Parley's code, and what it means to a person."""

    code: str
    sentence: str
    account_lost: bool = False


CREDENTIALS: Final = Refusal(
    "credential_expired",
    "Telegram does not accept this bot's token. An administrator has to enter it again.",
    account_lost=True,
)
OTHERWISE: Final = Refusal("provider_rejected", "Telegram refused this.")
_FORBIDDEN: Final = Refusal("permission_denied", "Telegram does not let the bot do this in this chat.")
_FILE: Final = Refusal("media_failed", "Telegram could not use the attached file.")

# The first row with a phrase that occurs decides; lower case.
_PHRASES: Final[tuple[tuple[Collection[str], Refusal], ...]] = (
    (
        ("bot was blocked by the user", "user_is_blocked"),
        Refusal("recipient_unreachable", "The customer has blocked this bot."),
    ),
    (
        ("user is deactivated", "input_user_deactivated"),
        Refusal("recipient_unreachable", "The customer's Telegram account no longer exists."),
    ),
    (
        ("can't initiate conversation", "chat not found", "user not found", "peer_id_invalid"),
        Refusal(
            "recipient_unreachable", "Telegram does not know this chat. The customer has to write to the bot first."
        ),
    ),
    (("to bots", "user_is_bot"), Refusal("recipient_unreachable", "A bot cannot write to another bot.")),
    (
        ("bot was kicked", "bot is not a member", "chat was deleted", "channel_private"),
        Refusal("recipient_unreachable", "The bot is no longer in this group."),
    ),
    (
        ("voice_messages_forbidden",),
        Refusal("permission_denied", "The customer's settings do not allow voice messages."),
    ),
    (
        ("not enough rights", "have no rights", "_forbidden", "chat_restricted", "topic_closed", "need administrator"),
        _FORBIDDEN,
    ),
    (
        ("message is too long", "caption is too long", "media_caption_too_long", "text is too long"),
        Refusal("invalid_request", "Telegram takes 4,096 characters of text, and 1,024 with a file."),
    ),
    (
        ("text is empty", "text must be non-empty"),
        Refusal("invalid_request", "There is no text that Telegram would show."),
    ),
    (
        ("reaction_invalid", "reactions_too_many", "reaction_empty", "invalid reaction"),
        Refusal("unsupported_capability", "Telegram does not have this emoji as a reaction."),
    ),
    (
        ("can't be edited", "to edit not found", "no text in the message", "message_edit_time_expired"),
        Refusal("provider_rejected", "Telegram no longer lets this message be changed."),
    ),
    (
        ("can't be deleted", "to delete not found"),
        Refusal("provider_rejected", "Telegram lets a message be taken back for 48 hours only."),
    ),
    (
        ("to react not found", "to be replied not found", "message_id_invalid"),
        Refusal("provider_rejected", "The message is no longer there."),
    ),
    (
        ("button_data_invalid", "reply markup", "button_text", "reply_markup"),
        Refusal("invalid_request", "Telegram does not take these buttons."),
    ),
    (
        ("photo_", "image_process_failed", "is too big", "wrong file", "upload", "sticker", "media_", "video_"),
        _FILE,
    ),
    (("file must be non-empty", "entity too large", "failed to get http", "wrong type"), _FILE),
)
_UNCHANGED: Final = "message is not modified"
_LOST: Final = frozenset({401, 404, 421})


def is_unchanged(answer: Answer) -> bool:
    """Whether an edit was refused because the message says that already."""
    return answer.status == 400 and _UNCHANGED in _said(answer).lower()


def moved_to(answer: Answer) -> int | None:
    """Where a group went that outgrew its kind."""
    chat = _parameters(answer).get("migrate_to_chat_id")
    return chat if answer.status == 400 and isinstance(chat, int) and not isinstance(chat, bool) else None


def trouble(answer: Answer) -> NotSent | Uncertain | Refused | None:
    """What became of an attempt that was answered so; None if it was a success."""
    status = answer.status
    if 200 <= status < 300 and answer.object().get("ok") is not False:
        return None
    said = _said(answer)
    provider = {"status": status, **({"description": said} if said else {})}
    if status in {408, 425, 429}:
        return NotSent("throttled", _wait(answer), provider)
    if status >= 500:
        return Uncertain(f"HTTP {status}")
    meaning = _meaning(status, said.lower())
    return Refused(meaning.code, meaning.sentence, provider, account_lost=meaning.account_lost)


def _meaning(status: int, words: str) -> Refusal:
    if status in _LOST:
        # An own server that is older than a method says so with the same status as of a token nobody has.
        return OTHERWISE if "method not found" in words else CREDENTIALS
    if status == 413:
        return _FILE
    found = next((meaning for phrases, meaning in _PHRASES if any(phrase in words for phrase in phrases)), None)
    return found or (_FORBIDDEN if status == 403 else OTHERWISE)


def _said(answer: Answer) -> str:
    """What Telegram said, as far as a person would read it."""
    description = answer.object().get("description")
    return clean_text(description)[:LONGEST_TEXT] if isinstance(description, str) else ""


def _wait(answer: Answer) -> timedelta | None:
    """Telegram says it in the body, and its server also in the header."""
    seconds = optional_id(_parameters(answer).get("retry_after")) or ""
    if seconds.isascii() and seconds.isdigit() and len(seconds) < 10:
        return min(timedelta(seconds=int(seconds)), LONGEST_RETRY_AFTER)
    return answer.retry_after()


def _parameters(answer: Answer) -> dict[str, Any]:
    return object_of(answer.object().get("parameters"))
