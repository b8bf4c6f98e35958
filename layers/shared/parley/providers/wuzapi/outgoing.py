"""Sending through WuzAPI: which path and which body each kind has. The one rule: every message gets our own id, so
that a repeated request is one message.

The id is our reference in upper-case hexadecimal, the form of ids that WhatsApp's own phones choose; receipts and
echoes carry it. Paths and fields: wuzapi API.md and handlers.go; older builds want `data:audio/ogg` for audio, and
documents as `data:application/octet-stream` whatever they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias

from parley.domain.errors import ParleyError
from parley.domain.identity import Address
from parley.domain.outgoing import Accepted, Draft, NotSent, Outcome, Refused, Target, Uncertain, Upload
from parley.providers.base import Account
from parley.providers.calls import Answer, Caller
from parley.providers.embedded import Embedded

from .errors import outcome_of
from .proto import Fields
from .vcards import vcard_of

Body: TypeAlias = dict[str, Any]

_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+", re.ASCII)
NEARLY_ZERO: Final = 1e-7  # a centimetre: WuzAPI takes a zero for a coordinate that is missing

MEDIA_FIELDS: Final[Mapping[str, str]] = {
    "image": "Image",
    "audio": "Audio",
    "video": "Video",
    "document": "Document",
    "sticker": "Sticker",
}


class Api:
    """WuzAPI's HTTP interface, of any account."""

    def __init__(self, caller: Caller, patient: Caller, quick: Caller) -> None:
        self._caller, self._patient, self._quick = caller, patient, quick
        self._own: dict[tuple[str, str], str] = {}

    def get(self, account: Account, path: str) -> Answer | Outcome:
        """Ask for something."""
        return self._call("GET", account, path)

    def post(self, account: Account, path: str, body: object, *, file: Embedded | None = None) -> Answer | Outcome:
        """Do something; `file` goes into the body, under its own name, as it is read."""
        if file is None:
            return self._call("POST", account, path, json_body=body)
        try:
            return self._call(
                "POST",
                account,
                path,
                caller=self._patient,
                content=file.chunks(),
                headers={"content-type": "application/json", "content-length": str(file.length)},
            )
        except ParleyError as error:  # our own store of files, in the middle of the request, which so never got whole
            if error.retryable:
                return NotSent(f"the file could not be read: {error.code}")
            return Refused("media_failed", "The attached file is no longer there.", {"code": error.code})

    def own_jid(self, account: Account) -> str | None:
        """The account's own JID, which quoting a message of ours needs; None where this build does not say it."""
        key = (base_url(account), account.account_id)
        if key not in self._own:
            answer = self._call("GET", account, "/session/status", caller=self._quick)
            jid = Fields(answer.object()).object("data").text("jid") if isinstance(answer, Answer) else None
            if not jid:
                return None
            self._own[key] = jid.partition("@")[0].partition(":")[0].partition(".")[0] + "@s.whatsapp.net"
        return self._own[key]

    def _call(
        self,
        method: str,
        account: Account,
        path: str,
        *,
        caller: Caller | None = None,
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> Answer | Outcome:
        base = base_url(account)
        if not base:
            return Refused("not_configured", "This number's WuzAPI address is not set.", account_lost=True)
        token = account.credentials.get("token", "")
        if not token or not token.isascii() or not token.isprintable():
            return Refused("credential_expired", "This number's WuzAPI token is not set.", account_lost=True)
        sent = {"token": token, **(headers or {})}
        return (caller or self._caller).call(method, base + path, headers=sent, **body)


def base_url(account: Account) -> str:
    """Where this account's WuzAPI is."""
    return str(account.settings.get("baseUrl") or "").rstrip("/")


def phone(address: Address) -> str:
    """An address as WuzAPI's `Phone`: digits, or a JID."""
    return address.value.lstrip("+") if address.kind == "phone" else address.value


def jid(address: Address) -> str:
    """An address as a JID."""
    return f"{phone(address)}@s.whatsapp.net" if address.kind == "phone" else address.value


def judge(answer: Answer | Outcome, our_id: str = "") -> Outcome:
    """What became of a request: WuzAPI's 200 says that WhatsApp's servers took it. A 200 that broke off, or is somebody
    else's, says nothing.
    """
    if not isinstance(answer, Answer):
        return answer
    if answer.status != 200:
        return outcome_of(answer)
    said = Fields(answer.object())
    if said.get("success") is False:
        return outcome_of(replace(answer, status=500))
    if said.get("success", "data", "details") is None:
        return Uncertain("a success that does not read as WuzAPI's")
    return Accepted(said.object("data").id("id") or our_id)


class Sender:
    """Sends messages."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def send(self, draft: Draft, account: Account) -> Outcome:
        """Send one message, once."""
        if draft.to.kind == "bsuid":
            return Refused("recipient_unreachable", "WuzAPI needs the customer's phone number; it is not known.")
        written = _write(draft)
        if isinstance(written, Refused):
            return written
        path, body = written
        our_id = draft.reference.hex.upper()
        body = {"Phone": phone(draft.to), **body, "Id": our_id}
        if draft.reply_to is not None and draft.kind != "interactive":
            body["ContextInfo"] = self._quote(draft.reply_to, draft.to, account)
        file = _embedded(MEDIA_FIELDS[draft.kind], draft.media, body) if draft.media else None
        return judge(self._api.post(account, path, body, file=file), our_id)

    def _quote(self, target: Target, to: Address, account: Account) -> Body:
        """The message that is answered; WuzAPI wants to know who wrote it, so where our own JID cannot be learned, the
        other side's stands in: the quote then shows under their name, which is better than no message.
        """
        author = self._api.own_jid(account) if target.ours else None
        return {"StanzaId": target.provider_message_id, "Participant": author or jid(target.author or to)}


def _embedded(field: str, media: Upload, body: Body) -> Embedded:
    """The request with its file as the data URI WuzAPI wants."""
    return Embedded(body, field, media, f"data:{_data_type(field, media.mime_type)};base64,")


def _data_type(field: str, mime_type: str) -> str:
    """The type a data URI may have: WuzAPI compares its beginning, so parameters go and documents are bytes."""
    plain = mime_type.partition(";")[0].strip().lower()
    if field == "Document" or not _TYPE.fullmatch(plain):
        return "application/octet-stream"
    return plain


def _write(draft: Draft) -> tuple[str, Body] | Refused:
    """The path and the fields of a kind."""
    if draft.kind in MEDIA_FIELDS:
        if draft.media is None:
            return Refused("media_failed", "The message has no file.")
        return f"/chat/send/{draft.kind}", _media(draft, draft.media)
    write = _WRITERS.get(draft.kind)
    if write is None:
        return Refused("unsupported_capability", "WuzAPI cannot send this kind of message.")
    try:
        return write(draft)
    except (KeyError, TypeError) as error:
        return Refused("invalid_request", f"The content of this {draft.kind} is not whole: {error}.")


def _media(draft: Draft, media: Upload) -> Body:
    body: Body = {"MimeType": media.mime_type}
    if draft.text and draft.kind in {"image", "video", "document"}:
        body["Caption"] = draft.text
    if draft.kind == "audio":
        body["PTT"] = media.voice
    if draft.kind == "document":
        body["FileName"] = media.file_name or "document"
    return body


def _text(draft: Draft) -> tuple[str, Body]:
    return "/chat/send/text", {"Body": draft.text or ""}


def _location(draft: Draft) -> tuple[str, Body]:
    place = draft.content
    name = ", ".join(str(place[part]) for part in ("name", "address") if place.get(part))
    return "/chat/send/location", {
        "Latitude": place["latitude"] or NEARLY_ZERO,
        "Longitude": place["longitude"] or NEARLY_ZERO,
        "Name": name,
    }


def _contacts(draft: Draft) -> tuple[str, Body] | Refused:
    cards = draft.content["contacts"]
    if len(cards) != 1:
        return Refused("unsupported_capability", "WuzAPI sends one contact card a message.")
    card = cards[0]
    return "/chat/send/contact", {"Name": card["name"], "Vcard": card.get("vcard") or vcard_of(card)}


def _interactive(draft: Draft) -> tuple[str, Body] | Refused:
    asked = draft.content
    if asked.get("type") == "buttons":
        words = [text for name in ("header", "body", "footer") if (text := asked.get(name))]
        buttons = [{"ButtonId": one["id"], "ButtonText": one["title"]} for one in asked["buttons"]]
        return "/chat/send/buttons", {"Title": "\n\n".join(words), "Buttons": buttons}
    if asked.get("type") != "list":
        return Refused("unsupported_capability", "WuzAPI cannot send this kind of message.")
    sections = [
        {
            "title": section.get("title") or "",
            "rows": [
                {"title": row["title"], "desc": row.get("description") or "", "RowId": row["id"]}
                for row in section["rows"]
            ],
        }
        for section in asked["sections"]
    ]
    return "/chat/send/list", {
        "ButtonText": asked["button"],
        "Desc": asked["body"],
        "TopText": asked.get("header") or asked["button"],  # WuzAPI refuses a list without one
        "Sections": sections,
        "FooterText": asked.get("footer") or "",
    }


_WRITERS: Final[Mapping[str, Callable[[Draft], tuple[str, Body] | Refused]]] = {
    "text": _text,
    "location": _location,
    "contacts": _contacts,
    "interactive": _interactive,
}
