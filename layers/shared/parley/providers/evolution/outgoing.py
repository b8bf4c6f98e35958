"""Sending through Evolution. The one rule: one request a message and never another, for Evolution knows no id of ours.

Source: evolution-api 2.3.7, `src/validate/message.schema.ts` and `chat.schema.ts`. No body has a `delay`: it would hold
the request open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from parley.domain.identity import Address
from parley.domain.outgoing import Accepted, Draft, Outcome, Target, Uncertain
from parley.providers.base import Account
from parley.providers.calls import Answer
from parley.providers.embedded import Embedded
from parley.providers.reading import Json, object_of, only_objects, optional_id

from .errors import CANNOT, INVALID
from .people import address_of, is_group, jid_of
from .server import Server, refused
from .values import decimal

LONGEST_URL: Final = 2083
"""Evolution's check of a URL (validator's `isURL`) takes no longer ones; such a file goes in the body."""

TYPING_MILLISECONDS: Final = 3000
"""How long it shows: Evolution holds the request as long and then shows "paused"."""

EVENTS: Final = (
    "MESSAGES_UPSERT",
    "MESSAGES_UPDATE",
    "MESSAGES_EDITED",
    "MESSAGES_DELETE",
    "SEND_MESSAGE",
    "SEND_MESSAGE_UPDATE",
    "CONTACTS_UPSERT",
    "CONTACTS_UPDATE",
    "PRESENCE_UPDATE",
    "CONNECTION_UPDATE",
    "STATUS_INSTANCE",
    "LOGOUT_INSTANCE",
    "REMOVE_INSTANCE",
)

_FILES: Final[Mapping[str, str]] = {"image": "image", "video": "video", "document": "document", "audio": "audio"}

Body: TypeAlias = tuple[str, Json]


class Sender:
    """Sends messages and does what else concerns one."""

    def __init__(self, server: Server, *, fast_clock: float = 1.0) -> None:
        self._server = server
        self._typing = max(1, round(TYPING_MILLISECONDS / fast_clock))

    def send(self, draft: Draft, account: Account) -> Outcome:
        """Send one message."""
        build = _KINDS.get(draft.kind)
        prepared = build(draft) if build else None
        if prepared is None:
            return refused(INVALID if build else CANNOT)
        path, body = prepared
        body = {"number": _number(draft.to), **body}
        if draft.reply_to:
            body["quoted"] = {"key": _key(draft.reply_to, draft.to)}
        if draft.media is None:
            return _accepted(self._server.ask(account, "POST", path, body))
        place = _PLACES.get(path, "media")
        if len(draft.media.url) < LONGEST_URL:
            return _accepted(self._server.ask(account, "POST", path, {**body, place: draft.media.url}, patient=True))
        file = Embedded(body, place, draft.media)
        headers = {"content-type": "application/json", "content-length": str(file.length)}
        return _accepted(self._server.ask(account, "POST", path, patient=True, content=file.chunks(), headers=headers))

    def react(self, target: Target, to: Address, emoji: str | None, account: Account) -> Outcome:
        """Set our reaction; an empty one takes it back."""
        body = {"key": _key(target, to), "reaction": emoji or ""}
        return _done(self._server.ask(account, "POST", "message/sendReaction", body))

    def edit(self, target: Target, to: Address, text: str, account: Account) -> Outcome:
        """Change a text or a caption of ours. `number` is the JID, because Evolution compares it with the message's."""
        body = {"number": jid_of(to), "key": _key(target, to), "text": text}
        return _done(self._server.ask(account, "POST", "chat/updateMessage", body))

    def delete(self, target: Target, to: Address, account: Account) -> Outcome:
        """Take a message of ours back for everyone."""
        return _done(self._server.ask(account, "DELETE", "chat/deleteMessageForEveryone", _key(target, to)))

    def mark_read(self, targets: Sequence[Target], to: Address, account: Account) -> Outcome:
        """Mark messages read. Evolution 2.3.7 passes over those in a chat that is only a LID, and says yes."""
        keys = [{name: item for name, item in _key(one, to).items() if name != "participant"} for one in targets]
        return _done(self._server.ask(account, "POST", "chat/markMessageAsRead", {"readMessages": keys}))

    def show_typing(self, to: Address, on: bool, account: Account) -> Outcome:
        """Show that somebody is typing, for some seconds, or that nobody is."""
        presence = "composing" if on else "paused"
        body = {"number": _number(to), "presence": presence, "delay": self._typing if on else 0}
        return _done(self._server.ask(account, "POST", "chat/sendPresence", body))

    def set_up_webhook(self, url: str, account: Account) -> Outcome:
        """Have this instance's webhooks posted to `url`, with a JWT if the account has a key for it. Files stay where
        they are: a body with one in base64 is larger than a gateway of AWS takes.
        """
        key = account.credentials.get("jwt_key")
        webhook = {
            "enabled": True,
            "url": url,
            "headers": {"jwt_key": key} if key else {},
            "byEvents": False,
            "base64": False,
            "events": list(EVENTS),
        }
        return _done(self._server.ask(account, "POST", "webhook/set", {"webhook": webhook}))


def _accepted(answer: Answer | Outcome) -> Outcome:
    """201 with the message's key."""
    if not isinstance(answer, Answer):
        return answer
    key = object_of(answer.object().get("key"))
    message_id = optional_id(key.get("id"))
    if message_id is None:
        return Uncertain(f"HTTP {answer.status} without a message id")
    return Accepted(message_id, address_of(key.get("remoteJid")))


def _done(answer: Answer | Outcome) -> Outcome:
    """A deed that was done; some are messages of their own and have an id."""
    if not isinstance(answer, Answer):
        return answer
    return Accepted(optional_id(object_of(answer.object().get("key")).get("id")) or "")


def _number(to: Address) -> str:
    """As Evolution addresses people: digits, or the JID of whoever has none."""
    return jid_of(to).removesuffix("@s.whatsapp.net") if to.kind == "phone" else to.value


def _key(target: Target, to: Address) -> Json:
    """A message as WhatsApp names it."""
    chat = jid_of(to)
    key: Json = {"remoteJid": chat, "fromMe": target.ours, "id": target.provider_message_id}
    if is_group(chat) and target.author and not target.ours:
        key["participant"] = jid_of(target.author)
    return key


def _text(draft: Draft) -> Body | None:
    return ("message/sendText", {"text": draft.text}) if draft.text else None


def _file(draft: Draft) -> Body | None:
    if draft.media is None:
        return None
    if draft.kind == "sticker":
        return "message/sendSticker", {}
    if draft.kind == "audio" and draft.media.voice:
        return "message/sendWhatsAppAudio", {}
    body = {"mediatype": _FILES[draft.kind], "mimetype": draft.media.mime_type, "fileName": draft.media.file_name}
    return "message/sendMedia", {
        **{name: item for name, item in body.items() if item},
        **({"caption": draft.text} if draft.text else {}),
        **({} if draft.media.file_name else {"fileName": f"{draft.kind}-{draft.reference}"}),
    }


def _location(draft: Draft) -> Body | None:
    place = draft.content
    latitude, longitude = decimal(place.get("latitude")), decimal(place.get("longitude"))
    if latitude is None or longitude is None:
        return None
    named = {"name": str(place.get("name") or ""), "address": str(place.get("address") or "")}
    return "message/sendLocation", {"latitude": latitude, "longitude": longitude, **named}


def _contacts(draft: Draft) -> Body | None:
    """A card of Evolution's has one number; a person with several is several cards."""
    cards = [
        {"fullName": str(contact.get("name") or phone), "phoneNumber": str(phone), **_wuid(str(phone))}
        for contact in only_objects(draft.content.get("contacts"))
        for phone in _listed(contact.get("phones"))
    ]
    return ("message/sendContact", {"contact": cards}) if cards else None


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []


def _wuid(phone: str) -> Json:
    digits = "".join(character for character in phone if character in "0123456789")
    return {"wuid": digits} if len(digits) >= 10 else {}


def _interactive(draft: Draft) -> Body | None:
    content: Mapping[str, Any] = draft.content
    body, header, footer = (str(content.get(name) or "") for name in ("body", "header", "footer"))
    title, description = (header, body) if header else (body, "")
    if content.get("type") == "buttons":
        buttons = [
            {"type": "reply", "displayText": str(one.get("title", "")), "id": str(one.get("id", ""))}
            for one in only_objects(content.get("buttons"))
        ]
        words = {"title": title, "description": description, "footer": footer}
        return "message/sendButtons", {**{name: text for name, text in words.items() if text}, "buttons": buttons}
    if content.get("type") != "list":
        return None
    return "message/sendList", {
        "title": title,
        "description": description,
        "footerText": footer,
        "buttonText": str(content.get("button") or ""),
        "sections": [_section(one) for one in only_objects(content.get("sections"))],
    }


def _section(section: Json) -> Json:
    rows = []
    for row in only_objects(section.get("rows")):
        more = {"description": str(row["description"])} if row.get("description") else {}
        rows.append({"title": str(row.get("title", "")), "rowId": str(row.get("id", "")), **more})
    return {"title": str(section.get("title") or ""), "rows": rows}


_KINDS: Final[Mapping[str, Callable[[Draft], Body | None]]] = {
    "text": _text,
    "image": _file,
    "audio": _file,
    "video": _file,
    "document": _file,
    "sticker": _file,
    "location": _location,
    "contacts": _contacts,
    "interactive": _interactive,
}
_PLACES: Final = {"message/sendSticker": "sticker", "message/sendWhatsAppAudio": "audio"}
