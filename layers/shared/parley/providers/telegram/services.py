"""What Telegram itself writes into a chat. The one rule: what tells who is there, and where a group has gone, is shown
as a system message; the rest is named in an `Ignored`.

Source: core.telegram.org/bots/api#message, the members described as "service message".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from parley.domain.incoming import Ignored
from parley.providers.content import Content
from parley.providers.reading import Json, object_of, only_objects, text_of

from .chats import address_of, name_of, number

_LEFT_OUT: Final = frozenset(
    {
        *("chat_owner_left", "chat_owner_changed", "new_chat_photo", "delete_chat_photo", "channel_chat_created"),
        *("message_auto_delete_timer_changed", "pinned_message", "users_shared", "chat_shared", "gift", "unique_gift"),
        *("gift_upgrade_sent", "connected_website", "write_access_allowed", "passport_data", "boost_added"),
        *("proximity_alert_triggered", "chat_background_set", "checklist_tasks_done", "checklist_tasks_added"),
        *("direct_message_price_changed", "forum_topic_created", "forum_topic_edited", "forum_topic_closed"),
        *("forum_topic_reopened", "general_forum_topic_hidden", "general_forum_topic_unhidden", "giveaway_created"),
        *("giveaway_completed", "managed_bot_created", "paid_message_price_changed", "poll_option_added"),
        *("poll_option_deleted", "suggested_post_approved", "suggested_post_approval_failed"),
        *("suggested_post_declined", "suggested_post_paid", "suggested_post_refunded", "video_chat_scheduled"),
        *("video_chat_started", "video_chat_ended", "video_chat_participants_invited"),
    }
)


def read_service(message: Json) -> Content | Ignored | None:
    """Read a service message; None for what is none."""
    for name, value in message.items():
        if name in _LEFT_OUT:
            return Ignored(f"service message {name}")
        told = _SHOWN.get(name)
        content = told(value) if told else None
        if content is not None:
            return Content("system", None, content)
    return None


def _joined(value: object) -> Json:
    return {"type": "member_joined", "names": [name for name in map(name_of, only_objects(value)) if name]}


def _left(value: object) -> Json:
    name = name_of(object_of(value))
    return {"type": "member_left", "names": [name] if name else []}


def _renamed(value: object) -> Json:
    return {"type": "group_renamed", "name": text_of(value) or ""}


def _created(_: object) -> Json:
    return {"type": "group_created"}


def _moved(side: str) -> Callable[[object], Json | None]:
    """A group that outgrew its kind goes on as another chat, with an id of its own."""

    def read(value: object) -> Json | None:
        chat = number(value)
        return None if chat is None else {"type": "group_moved", side: address_of(chat).value}

    return read


_SHOWN: Final[Mapping[str, Callable[[object], Mapping[str, Any] | None]]] = {
    "new_chat_members": _joined,
    "left_chat_member": _left,
    "new_chat_title": _renamed,
    "group_chat_created": _created,
    "supergroup_chat_created": _created,
    "migrate_to_chat_id": _moved("to"),
    "migrate_from_chat_id": _moved("from"),
}
