"""What a message holds, by its kind. The one rule: a kind nobody knows is `unsupported` under WhatsApp's own name
for it, with whatever of it a person can read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from parley.domain.errors import Unreadable
from parley.domain.incoming import MediaKind
from parley.providers.content import Content
from parley.providers.reading import clean_text, optional_id, read_object, text_of

from .bodies import Event
from .media import read_media
from .proto import Fields, read_jid

MOST_WRAPPERS: Final = 10
MOST_LISTED: Final = 300

_VIEW_ONCE: Final = frozenset({"viewoncemessage", "viewoncemessagev2", "viewoncemessagev2extension"})
_WRAPPERS: Final = _VIEW_ONCE | {
    "devicesentmessage",
    "ephemeralmessage",
    "documentwithcaptionmessage",
    "editedmessage",
    "lottiestickermessage",
    "groupmentionedmessage",
    "botinvokemessage",
    "associatedchildmessage",
    "botforwardedmessage",
    "spoilermessage",
}
_WITHOUT_CONTENT: Final[Mapping[str, str]] = {
    "albummessage": "the announcement of an album, whose pictures come on their own",
    "calllogmessage": "a note of a call",
    "calllogmesssage": "a note of a call",
    "encreactionmessage": "a reaction that is encrypted",
    "enceventresponsemessage": "an answer to an event, encrypted",
    "fastratchetkeysenderkeydistributionmessage": "keys of a group",
    "keepinchatmessage": "a message was kept",
    "messagecontextinfo": "no content",
    "pininchatmessage": "a message was pinned",
    "pollupdatemessage": "a vote, encrypted",
    "protocolmessage": "no content",
    "senderkeydistributionmessage": "keys of a group",
    "stickersyncrmrmessage": "a sync of stickers",
}


def unwrap(message: Fields) -> tuple[Fields, bool]:
    """The message inside its wrappers, and whether it may be seen once only.

    Raises Unreadable for more wrappers than WhatsApp nests.
    """
    once = False
    for _ in range(MOST_WRAPPERS):
        name = message.first(_WRAPPERS)
        inner = message.object(name).object("message") if name else None
        if name is None or not inner:
            return message, once
        once = once or name in _VIEW_ONCE
        message = inner
    raise Unreadable("wrapped too deeply")


def read_content(message: Fields, event: Event, *, once: bool = False) -> Content | str:
    """The content of an unwrapped message, or why it has none."""
    reason = "a message without content"
    for name in message:
        folded = name.lower()
        value = message.get(folded)
        if folded in _WITHOUT_CONTENT:
            reason = _WITHOUT_CONTENT[folded]
            continue
        if folded == "conversation":
            return Content("text", text_of(value) or "")
        fields = Fields(value)
        read = _READERS.get(folded)
        content = read(fields, event) if read else _unsupported(name, fields)
        return _with_context(content, fields, once=once or fields.flag("viewonce"))
    return reason


def _with_context(content: Content, fields: Fields, *, once: bool) -> Content:
    context = fields.object("contextinfo")
    if not context and not once:
        return content
    also: dict[str, Any] = {}
    if context.flag("isforwarded") or (context.integer("forwardingscore") or 0) > 0:
        also["forwarded"] = True
    if once:
        also["viewOnce"] = True
    if mentions := _mentions(context.get("mentionedjid")):
        also["mentions"] = mentions
    if referral := _referral(context.object("externaladreply")):
        also["referral"] = referral
    return replace(content, content={**content.content, **also}, reply_to=context.id("stanzaid"))


def _mentions(value: object) -> list[str]:
    jids = [read_jid(one) for one in value[:MOST_LISTED]] if isinstance(value, list) else []
    return [jid.address.value for jid in jids if jid and jid.address]


def _referral(advert: Fields) -> dict[str, str]:
    """The advertisement that led here; the same object also decorates plain links, which name no source."""
    if not (advert.id("sourceid") or advert.id("ctwaclid")):
        return {}
    names = {
        "sourceUrl": "sourceurl",
        "sourceType": "sourcetype",
        "sourceId": "sourceid",
        "headline": "title",
        "body": "body",
        "ctwaClid": "ctwaclid",
    }
    return {name: text for name, spelled in names.items() if (text := advert.text(spelled))}


def _text(fields: Fields, _: Event) -> Content:
    return Content("text", fields.text("text") or "")


def _media(kind: MediaKind) -> Callable[[Fields, Event], Content]:
    def read(fields: Fields, event: Event) -> Content:
        return Content(kind, fields.text("caption"), media=(read_media(kind, fields, event),))

    return read


def _location(fields: Fields, _: Event) -> Content:
    latitude, longitude = fields.degrees("degreeslatitude"), fields.degrees("degreeslongitude")
    if latitude is None and longitude is None:
        return Content("unsupported", fields.text("name", "caption"), {"type": "locationMessage"})
    # A zero is left out of the body: 0 on one side alone is the equator or the meridian.
    place: dict[str, Any] = {"latitude": latitude or 0.0, "longitude": longitude or 0.0}
    place |= {name: text for name in ("name", "address", "url") if (text := fields.text(name))}
    return Content("location", fields.text("caption", "comment"), place)


def _contact(fields: Fields, _: Event) -> Content:
    return Content("contacts", content={"contacts": [_card(fields)]})


def _contacts(fields: Fields, _: Event) -> Content:
    return Content("contacts", content={"contacts": [_card(one) for one in fields.objects("contacts")[:MOST_LISTED]]})


def _card(fields: Fields) -> dict[str, Any]:
    vcard = fields.text("vcard")
    phones: list[str] = []
    name = fields.text("displayname")
    for line in (vcard or "").splitlines():
        head, _, value = line.partition(":")
        label = head.partition(";")[0].rpartition(".")[2].upper()
        if label == "TEL" and value.strip():
            phones.append(value.strip())
        elif label == "FN" and not name:
            name = value.strip() or None
    card: dict[str, Any] = {"name": name or next(iter(phones), ""), "phones": phones}
    return {**card, "vcard": vcard} if vcard else card


def _chosen(kind: str, id_: str | None, title: str | None, description: str | None = None) -> Content:
    content = {"type": kind, "id": id_, "title": title, "description": description}
    return Content("interactive", title, {name: value for name, value in content.items() if value is not None})


def _button(fields: Fields, _: Event) -> Content:
    # Go writes a `oneof` as an object under the name of the choice.
    title = fields.text("selecteddisplaytext") or fields.object("response").text("selecteddisplaytext")
    return _chosen("button", fields.id("selectedbuttonid", "selectedid"), title)


def _row(fields: Fields, _: Event) -> Content:
    row = fields.object("singleselectreply").id("selectedrowid")
    return _chosen("list", row, fields.text("title"), fields.text("description"))


def _flow(fields: Fields, _: Event) -> Content:
    answer = fields.object("nativeflowresponsemessage")
    answer = answer or fields.object("interactiveresponsemessage").object("nativeflowresponsemessage")
    try:
        given = Fields(read_object(answer.text("paramsjson") or "{}"))
    except Unreadable:
        given = Fields(None)
    title = fields.object("body").text("text") or given.text("display_text", "title")
    return _chosen("button" if given.id("id") else "flow", given.id("id"), title)


def _poll(fields: Fields, _: Event) -> Content:
    options = [text for one in fields.objects("options")[:MOST_LISTED] if (text := one.text("optionname"))]
    asked = _chosen("poll", None, fields.text("name"))
    return replace(asked, content={**asked.content, "options": options})


def _order(fields: Fields, _: Event) -> Content:
    order = _chosen("order", fields.id("orderid"), fields.text("ordertitle"), fields.text("message"))
    count = fields.integer("itemcount")
    return replace(order, content={**order.content, **({"itemCount": count} if count else {})})


def _template(fields: Fields, _: Event) -> Content:
    chosen = fields.object("hydratedtemplate") or fields.object("format").object("hydratedfourrowtemplate")
    name = chosen.id("templateid")
    return Content("template", chosen.text("hydratedcontenttext"), {"name": name} if name else {})


def _unsupported(name: str, fields: Fields) -> Content:
    """Of the names under which WhatsApp keeps what a person can read, the first that says something."""
    text = fields.text("text", "caption", "contenttext", "name", "title", "description", "groupname", "body")
    text = text or fields.object("body").text("text") or fields.object("product").text("title")
    return Content("unsupported", text, {"type": optional_id(name) or clean_text(name)[:80]})


_READERS: Final[Mapping[str, Callable[[Fields, Event], Content]]] = {
    "extendedtextmessage": _text,
    "imagemessage": _media("image"),
    "videomessage": _media("video"),
    "ptvmessage": _media("video"),
    "audiomessage": _media("audio"),
    "documentmessage": _media("document"),
    "stickermessage": _media("sticker"),
    "locationmessage": _location,
    "livelocationmessage": _location,
    "contactmessage": _contact,
    "contactsarraymessage": _contacts,
    "buttonsresponsemessage": _button,
    "templatebuttonreplymessage": _button,
    "listresponsemessage": _row,
    "interactiveresponsemessage": _flow,
    "pollcreationmessage": _poll,
    **{f"pollcreationmessagev{version}": _poll for version in range(2, 7)},
    "ordermessage": _order,
    "templatemessage": _template,
}
