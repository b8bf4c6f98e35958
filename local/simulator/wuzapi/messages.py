"""What customers do, as whatsmeow's events: who (Info) and what (the proto of the message)."""

import base64
from typing import Any

from local.simulator.actions import Action, Choice, Deletes, Edits, Reacts, Types, Who, Writes
from local.simulator.integrations import SimulatedIntegration
from local.simulator.media import File
from local.simulator.threads import Thread
from local.simulator.wuzapi.bodies import message_event, source, timestamp
from local.simulator.wuzapi.jids import group_jid, lid, phone_jid
from local.simulator.wuzapi.sessions import Session, media_key

Json = dict[str, Any]

_MEDIA_TYPES = {"location": "location", "contacts": "vcard", "document": "document", "video": "video"}
REVOKE, MESSAGE_EDIT = 0, 14


def event_of(
    integration: SimulatedIntegration, thread: Thread, action: Action, message_id: str, session: Session
) -> Json | None:
    """The event a deed causes; none for typing on the company's own phone."""
    who = action.who
    if isinstance(action, Types):
        return None if who.device else _typing(action)
    info = _info(integration, who, message_id)
    match action:
        case Writes():
            message = _written(integration, thread, action)
            info |= {"Type": "text" if action.kind in {"text", "interactive"} else "media"}
            info |= {"MediaType": "ptt" if action.voice else _MEDIA_TYPES.get(action.kind, "")}
            if action.kind in {"image", "audio", "sticker"} and not action.voice:
                info["MediaType"] = action.kind
            return message_event(info, message, **_file_beside(action, message_id, session))
        case Reacts():
            key = _key(thread, action.target, who)
            moment = int(who.at.timestamp() * 1000)
            reaction = {"key": key, "text": action.emoji or "", "senderTimestampMS": moment}
            return message_event({**info, "Type": "reaction"}, {"reactionMessage": reaction})
        case Edits():
            return message_event({**info, "Type": "text", "Edit": "1"}, _edited(thread, action))
        case Deletes():
            revoked = {"key": _key(thread, action.target, who), "type": REVOKE}
            return message_event({**info, "Type": "text", "Edit": "7"}, {"protocolMessage": revoked})


def _info(integration: SimulatedIntegration, who: Who, message_id: str) -> Json:
    about = {"ID": message_id, "Timestamp": timestamp(who.at), "PushName": who.name or ""}
    if who.device:
        about["PushName"] = integration.name
        own = phone_jid(integration.digits)
        if who.group is not None:
            return {**source(group_jid(who.group.id), own, IsFromMe=True, IsGroup=True), **about}
        chat = phone_jid(who.customer)
        sent = {"DestinationJID": chat, "Phash": ""}
        return {**source(chat, own, IsFromMe=True, RecipientAlt=lid(who.customer)), **about, "DeviceSentMeta": sent}
    if who.group is not None:
        # Groups are written to by LID, the number beside it.
        by = source(group_jid(who.group.id), lid(who.customer), IsGroup=True, AddressingMode="lid")
        return {**by, "SenderAlt": phone_jid(who.customer), **about}
    chat = phone_jid(who.customer)
    return {**source(chat, chat, SenderAlt=lid(who.customer)), **about}


def _typing(action: Types) -> Json:
    who = action.who
    sender = phone_jid(who.customer)
    by = source(group_jid(who.group.id) if who.group else sender, sender, IsGroup=who.group is not None)
    state = {"State": "composing" if action.on else "paused", "Media": "audio" if action.recording else ""}
    return {"type": "ChatPresence", "event": {**by, **state}}


def _key(thread: Thread, target: str, who: Who) -> Json:
    """A message as its sender sees it: `fromMe` is true for the sender's own."""
    original = thread.message(target)
    own = original is not None and original.author == ("company" if who.device else "customer")
    chat = group_jid(who.group.id) if who.group else phone_jid(who.customer)
    return {"remoteJID": chat, "fromMe": own, "ID": target}


def _edited(thread: Thread, action: Edits) -> Json:
    original = thread.message(action.target)
    content: Json = {"conversation": action.text}
    if original is not None and original.media is not None:
        content = {f"{original.kind}Message": {"caption": action.text}}
    key = _key(thread, action.target, action.who)
    moment = int(action.who.at.timestamp() * 1000)
    edit = {"key": key, "type": MESSAGE_EDIT, "editedMessage": content, "timestampMS": moment}
    return {"protocolMessage": edit}


def _context(integration: SimulatedIntegration, thread: Thread, action: Writes) -> Json:
    context: Json = {}
    if action.reply_to is not None:
        original = thread.message(action.reply_to)
        customers = original is not None and original.author == "customer"
        author = ((original.sender if original else None) or thread.customer) if customers else integration.digits
        quoted = {"conversation": original.text if original else ""}
        context |= {"stanzaID": action.reply_to, "participant": phone_jid(author), "quotedMessage": quoted}
    if action.forwarded:
        context |= {"isForwarded": True, "forwardingScore": 1}
    return context


def _written(integration: SimulatedIntegration, thread: Thread, action: Writes) -> Json:
    context = _context(integration, thread, action)
    name, content = _content(action)
    if name == "conversation":
        return (
            {"extendedTextMessage": {"text": action.text, "contextInfo": context}} if context else {name: action.text}
        )
    return {name: {**content, "contextInfo": context} if context else content}


def _content(action: Writes) -> tuple[str, Json]:
    if action.media is not None:
        return f"{action.kind}Message", _file(action, action.media)
    if action.location is not None:
        place = action.location
        named = {name: text for name, text in (("name", place.name), ("address", place.address)) if text}
        return "locationMessage", {"degreesLatitude": place.latitude, "degreesLongitude": place.longitude, **named}
    if action.contacts:
        cards = [{"displayName": card.name, "vcard": card.vcard} for card in action.contacts]
        if len(cards) == 1:
            return "contactMessage", cards[0]
        return "contactsArrayMessage", {"displayName": f"{len(cards)} contacts", "contacts": cards}
    return _chosen(action.choice) if action.choice is not None else ("conversation", {})


def _chosen(choice: Choice) -> tuple[str, Json]:
    if choice.kind == "button":
        # Go writes a `oneof` as an object under its own name.
        chosen = {"selectedButtonID": choice.id, "Response": {"SelectedDisplayText": choice.title}, "type": 1}
        return "buttonsResponseMessage", chosen
    row = {"title": choice.title, "listType": 1, "singleSelectReply": {"selectedRowID": choice.id}}
    return "listResponseMessage", {**row, **({"description": choice.description} if choice.description else {})}


def _file(action: Writes, file: File) -> Json:
    path = f"/v/t62.7118-24/{file.id}.enc?ccb=11-4"
    described: Json = {
        "URL": f"https://mmg.whatsapp.net{path}",
        "directPath": path,
        "mimetype": file.mime_type,
        "fileLength": file.size,
        "mediaKey": base64.b64encode(media_key(file.id)).decode(),
        "fileSHA256": base64.b64encode(bytes.fromhex(file.sha256)).decode(),
        "fileEncSHA256": base64.b64encode(media_key(f"{file.id} encrypted")).decode(),
        "mediaKeyTimestamp": int(action.who.at.timestamp()),
    }
    if action.text:
        described["caption"] = action.text
    if action.kind == "document":
        described |= {"fileName": file.file_name or "file", "title": file.file_name or "file"}
    if action.kind == "audio":
        described |= {"PTT": action.voice, "seconds": 3, "waveform": "AAAA"}
    if action.kind == "sticker":
        described["isAnimated"] = False
    return described


def _file_beside(action: Writes, message_id: str, session: Session) -> Json:
    """What WuzAPI adds to a message with a file, as the account set it."""
    file = action.media
    if file is None:
        return {}
    extension = file.mime_type.partition("/")[2].partition(";")[0]
    name = file.file_name if action.kind == "document" and file.file_name else f"{message_id}.{extension}"
    named = {"mimeType": file.mime_type, "fileName": name}
    if session.bucket:
        key = f"users/x/inbox/{name}"
        return {"s3": {"url": file.url, "key": key, "bucket": "simulator", "size": file.size, **named}}
    return {"base64": file.base64, **named} if session.delivery == "base64" else {}
