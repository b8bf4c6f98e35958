"""WhatsApp's forms as Z-API tells of them: buttons, lists, polls, events, orders, payments, templates. The one rule:
what they are called and answered with is Parley's, everything else of them is kept as it came.

Source: Z-API/z-api-docs, docs/webhooks/on-message-received.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from parley.domain.incoming import Media, MediaKind
from parley.providers.content import Content, read_place
from parley.providers.reading import Json, clean, clean_text, object_of, only_objects, optional_id, text_of

from .parts import FILES, file_of


def _interactive(
    kind: str,
    words: str = "",
    *,
    reply: str | None = None,
    **members: str,
) -> Callable[[object], Content | None]:
    """A reader of one of WhatsApp's interactive forms. `members`: what Parley calls which of its members; `words`: the
    member a person reads; the rest is kept as it came, `reply` names the message it answers.
    """

    def read(value: object) -> Content | None:
        given = object_of(value)
        if not given:
            return None
        kept = {ours: clean(given[theirs]) for ours, theirs in members.items() if given.get(theirs) not in (None, "")}
        rest = {
            clean_text(name): clean(item)
            for name, item in given.items()
            if name not in {*members.values(), words, reply, "token"} and item not in (None, "")
        }
        text = text_of(given.get(words)) or text_of(kept.get("title"))
        answered = optional_id(given.get(reply)) if reply else None
        return Content("interactive", text or None, {**rest, **kept, "type": kind}, reply_to=answered)

    return read


def _poll(value: object) -> Content | None:
    return _with_options(_interactive("poll", title="question")(value))


def _vote(value: object) -> Content | None:
    found = _with_options(_interactive("poll_vote", reply="pollMessageId")(value))
    return replace(found, text=", ".join(found.content["options"]) or None) if found else None


def _with_options(found: Content | None) -> Content | None:
    if found is None:
        return None
    names = [text_of(option.get("name")) for option in only_objects(found.content.get("options"))]
    return replace(found, content={**found.content, "options": [name for name in names if name]})


def _event_response(value: object) -> Content | None:
    given = object_of(value)
    answer = text_of(given.get("response"))
    if not answer:
        return None
    answered = optional_id(object_of(given.get("referencedMessage")).get("messageId"))
    return Content("interactive", answer, {"type": "event_response", "id": answer}, reply_to=answered)


def _buttons(value: object) -> Content | None:
    given = object_of(value)
    buttons = [
        {
            "id": optional_id(button.get("buttonId")),
            "title": text_of(object_of(button.get("buttonText")).get("displayText")),
        }
        for button in only_objects(given.get("buttons"))
    ]
    return Content(
        "interactive", text_of(given.get("message")), {"type": "buttons", "buttons": buttons}, _headed(given)
    )


def _template(value: object) -> Content | None:
    given = object_of(value)
    header, texts = object_of(given.get("header")), {name: text_of(given.get(name)) for name in ("title", "footer")}
    place = read_place(header.get("location"))
    content: Json = {
        **({"id": template} if (template := text_of(given.get("templateId"))) else {}),
        **{name: text for name, text in texts.items() if text},
        **({"location": dict(place.content)} if place else {}),
        **({"buttons": clean(buttons)} if (buttons := only_objects(given.get("hydratedButtons"))) else {}),
    }
    files = tuple(file_of(kind, header[name]) for name, kind in FILES.items() if isinstance(header.get(name), dict))
    return Content("template", text_of(given.get("message")), content, files)


def _headed(given: Json) -> tuple[Media, ...]:
    """The picture or film above some buttons, of which only the address is told."""
    kinds: tuple[MediaKind, ...] = ("image", "video")
    return tuple(file_of(kind, given) for kind in kinds if given.get(f"{kind}Url"))


FORMS: Final[Mapping[str, Callable[[object], Content | None]]] = {
    "hydratedTemplate": _template,
    "buttonsMessage": _buttons,
    "buttonsResponseMessage": _interactive("button", id="buttonId", title="message"),
    "buttonReply": _interactive("button", reply="referenceMessageId", id="buttonId", title="message"),
    "listResponseMessage": _interactive("list", "title", id="selectedRowId", title="title", description="message"),
    "poll": _poll,
    "pollVote": _vote,
    "event": _interactive("event", title="name", description="description"),
    "eventResponse": _event_response,
    "order": _interactive("order", "message", id="orderId", title="orderTitle", items="products"),
    "reviewAndPay": _interactive("order", id="referenceId", items="products"),
    "reviewOrder": _interactive("order_update", id="referenceId", items="products"),
    "product": _interactive("product", id="productId", title="title", description="description"),
    "pixKeyMessage": _interactive("pix", id="referenceId", title="merchantName"),
    "requestPayment": _interactive("payment_request"),
    "sendPayment": _interactive("payment"),
    "carouselMessage": _interactive("carousel", "text"),
    "newsletterAdminInvite": _interactive("newsletter_invite", "text", id="newsletterId", title="newsletterName"),
}
