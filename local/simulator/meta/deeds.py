"""The webhooks of what customers do, and the echoes of what somebody does on the company's own phone."""

import base64
from collections.abc import Callable

from local.simulator.actions import Action, Deletes, Edits, Reacts, Who, Writes
from local.simulator.integrations import SimulatedIntegration
from local.simulator.media import File
from local.simulator.meta import bodies
from local.simulator.threads import Thread

Json = dict[str, object]
UrlOf = Callable[[File], str]


def deed_webhook(
    integration: SimulatedIntegration, thread: Thread, action: Action, message_id: str, url_of: UrlOf
) -> bytes | None:
    """The body that says what was done; none for typing, which Meta tells nobody."""
    content = _content(integration, thread, action, url_of)
    if content is None:
        return None
    who = action.who
    message: Json = {"from": integration.digits, "to": who.customer} if who.device else {"from": who.customer}
    message |= {"id": message_id, "timestamp": bodies.seconds(who.at)}
    if who.group is not None:
        message["group_id"] = who.group.id
    message |= content
    if who.device:
        return bodies.envelope(integration, _contact(thread, who), {"message_echoes": [message]}, "smb_message_echoes")
    return bodies.envelope(integration, _contact(thread, who), {"messages": [message]})


def _contact(thread: Thread, who: Who) -> Json:
    name = who.name if who.group is not None else thread.name
    return {"profile": {"name": name or who.customer}, "wa_id": who.customer}


def _content(integration: SimulatedIntegration, thread: Thread, action: Action, url_of: UrlOf) -> Json | None:
    match action:
        case Writes():
            return _context(integration, thread, action) | _written(action, url_of)
        case Reacts():
            # A reaction taken back has no emoji at all.
            emoji = {"emoji": action.emoji} if action.emoji else {}
            return {"reaction": {"message_id": action.target, **emoji}, "type": "reaction"}
        case Edits():
            return {"edit": _edit(thread, action), "type": "edit"}
        case Deletes():
            return {"revoke": {"original_message_id": action.target}, "type": "revoke"}
    return None


def _edit(thread: Thread, action: Edits) -> Json:
    original = thread.message(action.target)
    kind = original.kind if original is not None and original.media is not None else "text"
    words = {"body": action.text} if kind == "text" else {"caption": action.text}
    return {"original_message_id": action.target, "message": {"type": kind, kind: words}}


def _context(integration: SimulatedIntegration, thread: Thread, action: Writes) -> Json:
    context: Json = {}
    if action.reply_to is not None:
        original = thread.message(action.reply_to)
        customers = original is not None and original.author == "customer"
        author = (original.sender if original else None) or thread.customer if customers else integration.digits
        context |= {"from": author, "id": action.reply_to}
    if action.forwarded:
        context["forwarded"] = True
    return {"context": context} if context else {}


def _written(action: Writes, url_of: UrlOf) -> Json:
    if action.media is not None:
        return {action.kind: _file(action, action.media, url_of), "type": action.kind}
    if action.location is not None:
        place = action.location
        named = {"name": place.name, "address": place.address}
        where: Json = {"latitude": place.latitude, "longitude": place.longitude}
        return {"location": where | {key: text for key, text in named.items() if text}, "type": "location"}
    if action.contacts:
        cards = [
            {
                "name": {"first_name": card.name.split(" ")[0], "formatted_name": card.name},
                "phones": [{"phone": f"+{card.phone}", "wa_id": card.phone, "type": "CELL"}],
            }
            for card in action.contacts
        ]
        return {"contacts": cards, "type": "contacts"}
    if action.choice is not None:
        reply = f"{action.choice.kind}_reply"
        chosen: Json = {"id": action.choice.id, "title": action.choice.title}
        if action.choice.description:
            chosen["description"] = action.choice.description
        return {"interactive": {"type": reply, reply: chosen}, "type": "interactive"}
    return {"text": {"body": action.text}, "type": "text"}


def _file(action: Writes, file: File, url_of: UrlOf) -> Json:
    described: Json = {
        "mime_type": file.mime_type,
        # In webhooks the digest is in base64; where the file is described it is hexadecimal.
        "sha256": base64.b64encode(bytes.fromhex(file.sha256)).decode(),
        "id": file.id,
        "url": url_of(file),
    }
    if action.text:
        described["caption"] = action.text
    if action.kind == "document" and file.file_name:
        described["filename"] = file.file_name
    if action.kind == "audio":
        described["voice"] = action.voice
    if action.kind == "sticker":
        described["animated"] = False
    return described
