"""Meta's webhook bodies in Parley's words. The one rule: tolerant of shape, strict about identity; whatever is left
out is named in an `Ignored`, and a message that does not say whose it is makes the body unreadable.

One body holds several entries, each several changes, each several messages and statuses. Speed matters here (docs:
performance), so this walks plain dicts; only what is kept is cleaned.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NoReturn, TypeAlias, cast

from parley.domain.errors import Unreadable
from parley.domain.identity import Address, Person
from parley.domain.incoming import Fact, Ignored, MessageReceived, Receipt
from parley.domain.status import RECEIPT_STATUSES, ReceiptStatus

from .meta_errors import described, error_code, refusal

Json: TypeAlias = dict[str, Any]

DEEPEST: Final = 100
LONGEST_ID: Final = 512
FACTS_OF_THEIR_OWN: Final = frozenset({"reaction", "edit", "revoke"})

_LAST_SECOND: Final = 253_402_300_799  # of the year 9999, where datetime ends
_DIGITS: Final = re.compile(r"\+?[0-9]{3,20}", re.ASCII)
_BSUID: Final = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}", re.ASCII)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decode: Final = json.JSONDecoder(parse_constant=_refuse_constant).decode


def read(body: bytes) -> list[Fact]:
    """Say what the body says, in its order.

    Raises Unreadable.
    """
    try:
        return _facts(_decode(body.decode()))
    except ValueError as error:
        raise Unreadable("not JSON") from error
    except RecursionError as error:
        raise Unreadable("nested too deeply") from error


def _facts(webhook: object) -> list[Fact]:
    if not isinstance(webhook, dict):
        raise Unreadable("not a JSON object")
    if webhook.get("object") != "whatsapp_business_account":
        raise Unreadable("not a webhook of a WhatsApp business account")
    entries = _objects(webhook.get("entry"), "entry")
    facts: list[Fact] = []
    for entry in entries:
        changes = _objects(entry.get("changes"), "changes")
        for change in changes:
            facts.extend(_change(change))
        if not changes:
            facts.append(Ignored("an entry without changes"))
    return facts or [Ignored("a webhook without entries")]


def _change(change: Json) -> list[Fact]:
    field, value = change.get("field") or "messages", change.get("value")
    if field != "messages":
        return [Ignored(f"field {_short(field)}")]
    if not isinstance(value, dict):
        raise Unreadable("a change without a value")
    facts = [*_messages(value), *_statuses(value)]
    facts.extend(
        Ignored(f"error {_short(error.get('code'))}: {_short(error.get('title') or error.get('message'))}")
        for error in _only_objects(value.get("errors"))
    )
    return facts or [Ignored("nothing that is known: " + _short(", ".join(map(str, value))))]


def _messages(value: Json) -> Iterator[Fact]:
    messages = _objects(value.get("messages"), "messages")
    if not messages:
        return
    account = _account(value)
    contacts = _by_address(value)
    for message in messages:
        yield _message(message, account, contacts)


def _message(message: Json, account: str, contacts: Mapping[str, Json]) -> Fact:
    kind = _short(message.get("type") or "unknown")
    message_id = _identity(message.get("id"), "a message without an id")
    if kind in FACTS_OF_THEIR_OWN:
        return Ignored(f"{kind}: not handled by this version")
    if message.get("group_id"):
        return Ignored("group message: not handled by this version")
    payload = message.get(kind)
    context = message.get("context")
    text = _text_of(payload) if isinstance(payload, dict) else None
    plain = kind == "text" and text is not None
    return MessageReceived(
        account=account,
        provider_message_id=message_id,
        sender=_sender(message, contacts),
        kind="text" if plain else "unsupported",
        occurred_at=_moment(message.get("timestamp")),
        text=text,
        content={} if plain else _unsupported(kind, payload, message),
        reply_to=_optional_id(context.get("id")) if isinstance(context, dict) else None,
    )


def _unsupported(kind: str, payload: object, message: Json) -> Json:
    kept: Json = {"type": kind, "payload": clean(payload)}
    errors = _only_objects(message.get("errors"))
    if errors:
        kept["errors"] = [described(clean(error)) for error in errors]
    return kept


def _text_of(payload: Json) -> str | None:
    """What a person would read of it: a text's or system notice's body, a caption, the words on the button they
    chose.
    """
    for name in ("body", "caption", "text", "title"):
        text = payload.get(name)
        if isinstance(text, str) and (text or name == "body"):
            return _clean_text(text)
    for name in ("button_reply", "list_reply", "nfm_reply"):
        chosen = payload.get(name)
        if isinstance(chosen, dict):
            return _text_of(chosen)
    return None


def _sender(message: Json, contacts: Mapping[str, Json]) -> Person:
    phone = _optional_id(message.get("from"))
    bsuid = _optional_id(message.get("from_user_id"))
    if phone is not None and _BSUID.fullmatch(phone):
        phone, bsuid = None, phone
    contact = contacts.get(phone or "") or contacts.get(bsuid or "") or {}
    phone = phone or _optional_id(contact.get("wa_id"))
    bsuid = bsuid or _optional_id(contact.get("user_id"))
    addresses = []
    if phone is not None:
        if not _DIGITS.fullmatch(phone):
            raise Unreadable("a sender that is no phone number")
        addresses.append(Address("phone", phone))
    if bsuid is not None:
        addresses.append(Address("bsuid", bsuid))
    if not addresses:
        raise Unreadable("a message without a sender")
    profile = contact.get("profile")
    name = profile.get("name") if isinstance(profile, dict) else None
    return Person(tuple(addresses), (_clean_text(name).strip() or None) if isinstance(name, str) else None)


def _by_address(value: Json) -> dict[str, Json]:
    """The contacts by what their messages name them by: never by their place, since one body may hold several."""
    by_address: dict[str, Json] = {}
    for contact in _only_objects(value.get("contacts")):
        for name in ("wa_id", "user_id"):
            if contact.get(name):
                by_address[str(contact[name])] = contact
    return by_address


def _statuses(value: Json) -> Iterator[Fact]:
    statuses = _objects(value.get("statuses"), "statuses")
    if not statuses:
        return
    account = _account(value)
    for status in statuses:
        yield _status(status, account)


def _status(status: Json, account: str) -> Fact:
    message_id = _identity(status.get("id"), "a status without a message id")
    name = status.get("status")
    if name not in RECEIPT_STATUSES:
        return Ignored(f"status {_short(name)}")
    in_group = status.get("recipient_type") == "group"
    participant = status.get("recipient_participant_id") or status.get("recipient_participant_user_id")
    errors = _only_objects(status.get("errors"))
    return Receipt(
        account=account,
        provider_message_id=message_id,
        status=cast("ReceiptStatus", name),
        occurred_at=_moment(status.get("timestamp")),
        participant=(_optional_id(participant) or "") if in_group else "",
        client_reference=_optional_id(status.get("biz_opaque_callback_data")),
        error=_error(errors[0]) if errors else None,
    )


def _error(error: Json) -> Json:
    """What Parley calls Meta's error, what a person reads, and the error as it came."""
    meaning = refusal(error_code(error))
    return {"code": meaning.code, "message": meaning.sentence, "provider": described(clean(error))}


def _account(value: Json) -> str:
    metadata = value.get("metadata")
    return _identity(metadata.get("phone_number_id") if isinstance(metadata, dict) else None, "no phone_number_id")


def _identity(value: object, otherwise: str) -> str:
    found = _optional_id(value)
    if found is None:
        raise Unreadable(otherwise)
    return found


def _optional_id(value: object) -> str | None:
    """An id as text: Meta writes text, tools people test with also numbers; what is longer than any id is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return (_clean_text(value) or None) if isinstance(value, str) and len(value) <= LONGEST_ID else None


def _moment(value: object) -> datetime | None:
    """Unix seconds, as text or a number; None for what is no time."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 12:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LAST_SECOND:
        return datetime.fromtimestamp(value, UTC)
    return None


def _objects(value: object, what: str) -> list[Json]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise Unreadable(f"{what} is not a list of objects")
    return value


def _only_objects(value: object) -> list[Json]:
    """For what only adds to a message: a shape nobody expects costs no message."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _short(value: object) -> str:
    return _clean_text(str(value))[:80]


def _clean_text(text: str) -> str:
    """Without NUL and lone surrogates: JSON may carry both, Postgres takes neither."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def clean(value: Any, depth: int = 0) -> Any:  # noqa: ANN401  (any JSON)
    """The same value as Postgres' jsonb takes it, at every depth; a number it cannot hold becomes null.

    Raises Unreadable for what is nested deeper than anything meant well.
    """
    if depth > DEEPEST:
        raise Unreadable("nested too deeply")
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, Mapping):
        return {_clean_text(name): clean(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [clean(item, depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
