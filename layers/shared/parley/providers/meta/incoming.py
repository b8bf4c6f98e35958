"""Meta's webhook bodies in Parley's words. The one rule: tolerant of shape, strict about identity; whatever is left
out is named in an `Ignored`, and a message that does not say whose it is makes the body unreadable.

One body holds several entries, each several changes, each several messages and statuses, perhaps of several numbers.
Speed matters here (docs: performance), so this walks plain dicts; only what is kept is cleaned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, cast

from parley.domain.errors import Unreadable
from parley.domain.identity import Address, Person
from parley.domain.incoming import (
    AccountNotice,
    Deletion,
    Edit,
    Fact,
    Group,
    Ignored,
    MessageReceived,
    NumberChanged,
    Reaction,
    Receipt,
)
from parley.domain.status import RECEIPT_STATUSES, ReceiptStatus
from parley.providers.reading import (
    Json,
    clean,
    clean_text,
    identity,
    object_of,
    objects,
    only_objects,
    optional_id,
    read_object,
    seconds_moment,
    short,
)

from .contents import read_content, words_of
from .errors import described, error_code, refusal

MESSAGES: Final = "messages"
ECHOES: Final = "smb_message_echoes"

NOTICES: Final[Mapping[str, str]] = {
    "account_alerts": "account_alert",
    "account_review_update": "account_review",
    "account_settings_update": "account_settings",
    "account_update": "account_update",
    "business_capability_update": "business_capability",
    "business_status_update": "business_status",
    "message_template_components_update": "template_components",
    "message_template_quality_update": "template_quality",
    "message_template_status_update": "template_status",
    "payment_configuration_update": "payment_configuration",
    "phone_number_name_update": "phone_number_name",
    "phone_number_quality_update": "phone_number_quality",
    "security": "security",
    "template_category_update": "template_category",
}
"""The fields an operator should know of; they name the business account, at times without any of its numbers."""

ANYBODYS: Final = ("edit", "revoke")
"""What its author alone can do, so that it need not say who did."""

_DIGITS: Final = re.compile(r"\+?[0-9]{3,20}", re.ASCII)
_BSUID: Final = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}", re.ASCII)


def read(body: bytes) -> list[Fact]:
    """Say what the body says, in its order.

    Raises Unreadable.
    """
    webhook = read_object(body)
    if webhook.get("object") != "whatsapp_business_account":
        raise Unreadable("not a webhook of a WhatsApp business account")
    facts: list[Fact] = []
    for entry in objects(webhook.get("entry"), "entry"):
        changes = objects(entry.get("changes"), "changes")
        for change in changes:
            facts.extend(_change(change, entry))
        if not changes:
            facts.append(Ignored("an entry without changes"))
    return facts or [Ignored("a webhook without entries")]


def _change(change: Json, entry: Json) -> list[Fact]:
    field, value = change.get("field") or MESSAGES, change.get("value")
    if isinstance(field, str) and field in NOTICES:
        return [_notice(NOTICES[field], object_of(value), entry)]
    if field not in (MESSAGES, ECHOES):
        return [Ignored(f"field {short(field)}")]
    if not isinstance(value, dict):
        raise Unreadable("a change without a value")
    facts = [*_messages(value), *_echoes(value), *_statuses(value)]
    facts.extend(_trouble(error, value) for error in only_objects(value.get("errors")))
    return facts or [Ignored("nothing that is known: " + short(", ".join(map(str, value))))]


def _notice(kind: str, value: Json, entry: Json) -> Fact:
    number, business = (
        optional_id(object_of(value.get("metadata")).get("phone_number_id")),
        optional_id(entry.get("id")),
    )
    account = number or business
    return AccountNotice(account, kind, clean(value), number is None) if account else Ignored(f"{kind} of no account")


def _trouble(error: Json, value: Json) -> Fact:
    """An error Meta has with the number itself, outside of any message."""
    account = optional_id(object_of(value.get("metadata")).get("phone_number_id"))
    if account is None:
        return Ignored(f"error {short(error.get('code'))}: {short(error.get('title') or error.get('message'))}")
    return AccountNotice(account, "error", described(clean(error)))


# ------------------------------------------------------------------------------------------------------- messages


def _messages(value: Json) -> Iterator[Fact]:
    messages = objects(value.get("messages"), "messages")
    if not messages:
        return
    account = _account(value)
    contacts = _by_address(value)
    for message in messages:
        person = None
        if message.get("type") not in ANYBODYS:
            person = _person(message.get("from"), message.get("from_user_id"), contacts)
            if person is None:
                raise Unreadable("a message without a sender")
        yield from _facts_of(message, account, person, device=False)


def _echoes(value: Json) -> Iterator[Fact]:
    """What was typed on the company's own phone; its other side is `to`, which samples at times only hint at."""
    echoes = objects(value.get("message_echoes"), "message_echoes")
    if not echoes:
        return
    account = _account(value)
    contacts = _by_address(value)
    known = only_objects(value.get("contacts"))
    only = _person(known[0].get("wa_id"), known[0].get("user_id"), contacts) if len(known) == 1 else None
    for echo in echoes:
        try:
            person = _person(echo.get("to"), echo.get("to_user_id"), contacts)
        except Unreadable:
            person = None
        yield from _facts_of(echo, account, person or only, device=True)


def _facts_of(message: Json, account: str, person: Person | None, *, device: bool) -> Iterator[Fact]:
    kind = short(message.get("type") or "unknown")
    message_id = identity(message.get("id"), "a message without an id")
    at = seconds_moment(message.get("timestamp"))
    payload = message.get(kind)
    if kind in _DEEDS:
        deed, target = object_of(payload), optional_id(object_of(payload).get(_DEEDS[kind]))
        if target is None:
            yield Ignored(f"{kind} of no message")
        elif kind == "reaction":
            emoji = deed.get("emoji")
            shown = clean_text(emoji) or None if isinstance(emoji, str) else None
            yield Reaction(account, target, None if device else person, shown, at)
        elif kind == "edit":
            yield Edit(account, target, message_id, _edited_text(deed), at)
        else:
            yield Deletion(account, target, at)
        return
    context, group_id = object_of(message.get("context")), optional_id(message.get("group_id"))
    if device and person is None and group_id is None:
        raise Unreadable("a message of the device without a recipient")
    content = read_content(kind, payload, message)
    yield MessageReceived(
        account=account,
        provider_message_id=message_id,
        # In a group the device writes to nobody in particular.
        person=None if device and group_id else person,
        kind=content.kind,
        occurred_at=at,
        text=content.text,
        content=content.content,
        reply_to=optional_id(context.get("id")),
        media=content.media,
        group=Group(group_id) if group_id else None,
        origin="device" if device else "contact",
    )
    if kind == "system" and person is not None:
        yield from _number_changed(object_of(payload), message, account)


_DEEDS: Final[Mapping[str, str]] = {
    "reaction": "message_id",
    "edit": "original_message_id",
    "revoke": "original_message_id",
}
"""What is no message but about one, and where it names that."""


def _edited_text(edit: Json) -> str | None:
    message = object_of(edit.get("message"))
    return words_of(message.get(str(message.get("type"))))


def _number_changed(system: Json, message: Json, account: str) -> Iterator[Fact]:
    """A customer's new number and new business-scoped id, each beside its old one."""
    if system.get("type") not in ("user_changed_number", "customer_changed_number"):
        return
    at = seconds_moment(message.get("timestamp"))
    old, new = optional_id(message.get("from")), optional_id(system.get("wa_id") or system.get("new_wa_id"))
    if old and new and old != new and _DIGITS.fullmatch(old) and _DIGITS.fullmatch(new):
        yield NumberChanged(account, Address("phone", old), Address("phone", new), at)
    old, new = optional_id(message.get("from_user_id")), optional_id(system.get("user_id"))
    if old and new and old != new:
        yield NumberChanged(account, Address("bsuid", old), Address("bsuid", new), at)


# --------------------------------------------------------------------------------------------------------- people


def _person(phone_given: object, bsuid_given: object, contacts: Mapping[str, Json]) -> Person | None:
    """Somebody by what a message says and by what its contact adds. Raises Unreadable for what is no phone number."""
    phone, bsuid = optional_id(phone_given), optional_id(bsuid_given)
    if phone is not None and _BSUID.fullmatch(phone):
        phone, bsuid = None, phone
    contact = contacts.get(phone or "") or contacts.get(bsuid or "") or {}
    phone = phone or optional_id(contact.get("wa_id"))
    bsuid = bsuid or optional_id(contact.get("user_id"))
    addresses = []
    if phone is not None:
        if not _DIGITS.fullmatch(phone):
            raise Unreadable("a person that is no phone number")
        addresses.append(Address("phone", phone))
    if bsuid is not None:
        addresses.append(Address("bsuid", bsuid))
    if not addresses:
        return None
    name = object_of(contact.get("profile")).get("name")
    return Person(tuple(addresses), (clean_text(name).strip() or None) if isinstance(name, str) else None)


def _by_address(value: Json) -> dict[str, Json]:
    """The contacts by what their messages name them by: never by their place, since one body may hold several."""
    by_address: dict[str, Json] = {}
    for contact in only_objects(value.get("contacts")):
        for name in ("wa_id", "user_id"):
            if contact.get(name):
                by_address[str(contact[name])] = contact
    return by_address


# ------------------------------------------------------------------------------------------------------- statuses


def _statuses(value: Json) -> Iterator[Fact]:
    statuses = objects(value.get("statuses"), "statuses")
    if not statuses:
        return
    account = _account(value)
    for status in statuses:
        yield _status(status, account)


def _status(status: Json, account: str) -> Fact:
    message_id = identity(status.get("id"), "a status without a message id")
    name = status.get("status")
    if not isinstance(name, str) or name not in RECEIPT_STATUSES:
        return Ignored(f"status {short(name)}")
    in_group = status.get("recipient_type") == "group"
    participant = status.get("recipient_participant_id") or status.get("recipient_participant_user_id")
    errors = only_objects(status.get("errors"))
    return Receipt(
        account=account,
        provider_message_id=message_id,
        status=cast("ReceiptStatus", name),
        occurred_at=seconds_moment(status.get("timestamp")),
        participant=(optional_id(participant) or "") if in_group else "",
        client_reference=optional_id(status.get("biz_opaque_callback_data")),
        error=_error(errors[0]) if errors else None,
    )


def _error(error: Json) -> Json:
    """What Parley calls Meta's error, what a person reads, and the error as it came."""
    meaning = refusal(error_code(error))
    return {"code": meaning.code, "message": meaning.sentence, "provider": described(clean(error))}


def _account(value: Json) -> str:
    return identity(object_of(value.get("metadata")).get("phone_number_id"), "no phone_number_id")
