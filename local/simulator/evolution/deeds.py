"""Evolution's webhooks of what customers do, and of what somebody does on the company's own phone, as 2.3.7 sends them:
an edit and a deletion are told twice, in different events.
"""

from typing import Any

from local.simulator.actions import Action, Deletes, Edits, Reacts, Types, Who, Writes
from local.simulator.evolution import bodies
from local.simulator.evolution.people import group_jid, jid, lid
from local.simulator.integrations import SimulatedIntegration
from local.simulator.threads import Thread

Json = dict[str, Any]


def deed_events(
    integration: SimulatedIntegration, thread: Thread, action: Action, message_id: str, *, with_files: bool
) -> list[tuple[str, object]]:
    """The events of a deed with their data, in their order."""
    who = action.who
    match action:
        case Writes():
            message = bodies.written(action)
            if with_files and action.media is not None:
                message["base64"] = action.media.base64
            data = upsert(integration, who, message_id, message)
            data["contextInfo"] = _context(integration, thread, action)
            return [("messages.upsert", data), *_first_seen(integration, thread, who)]
        case Reacts():
            target = {"id": action.target, **_place(integration, who), "fromMe": _is_ours(thread, action.target)}
            at = str(int(who.at.timestamp() * 1000))
            reaction = {"key": target, "text": action.emoji or "", "senderTimestampMs": at}
            return [("messages.upsert", upsert(integration, who, message_id, {"reactionMessage": reaction}))]
        case Edits():
            return _edited(integration, thread, action)
        case Deletes():
            revoked = {"key": _as_the_sender_sees_it(integration, action.target), "type": "REVOKE"}
            taken = {**_place(integration, who), "fromMe": who.device, "id": action.target, "status": "DELETED"}
            return [("messages.edited", revoked), ("messages.delete", taken)]
        case Types():
            # Nobody is told of the company's own typing, nor does WhatsApp tell a number it did not resolve.
            presence = ("recording" if action.recording else "composing") if action.on else "paused"
            chat = group_jid(who.group.id) if who.group else lid(who.customer)
            known = {"id": chat, "presences": {lid(who.customer): {"lastKnownPresence": presence}}}
            return [] if who.device else [("presence.update", known)]


def upsert(integration: SimulatedIntegration, who: Who, message_id: str, message: Json) -> Json:
    """A message in its envelope."""
    return {
        "key": {**_place(integration, who), "fromMe": who.device, "id": message_id},
        "pushName": "Você" if who.device else who.name or who.customer,
        "status": "SERVER_ACK" if who.device else "DELIVERY_ACK",
        "message": {**message, "messageContextInfo": {"deviceListMetadataVersion": 2}},
        "contextInfo": None,
        "messageType": next(iter(message)),
        "messageTimestamp": int(who.at.timestamp()),
        "instanceId": bodies.instance_id(integration),
        "source": "android",
    }


def _place(integration: SimulatedIntegration, who: Who) -> Json:
    if who.group is None:
        alternative = {} if who.device else {"remoteJidAlt": lid(who.customer), "addressingMode": "pn"}
        return {"remoteJid": jid(who.customer), **alternative}
    author = integration.digits if who.device else who.customer
    member = {"participant": lid(author), "participantAlt": jid(author), "addressingMode": "lid"}
    return {"remoteJid": group_jid(who.group.id), **member}


def _context(integration: SimulatedIntegration, thread: Thread, action: Writes) -> Json | None:
    context: Json = {"isForwarded": True, "forwardingScore": 1} if action.forwarded else {}
    if action.reply_to is not None:
        original = thread.message(action.reply_to)
        ours = original is not None and original.author == "company"
        author = integration.digits if ours else (original.sender if original else None) or thread.customer
        quoted = {"conversation": original.text if original else ""}
        context |= {"stanzaId": action.reply_to, "participant": lid(author), "quotedMessage": quoted}
    return context or None


def _first_seen(integration: SimulatedIntegration, thread: Thread, who: Who) -> list[tuple[str, object]]:
    """Evolution tells of a contact after the first message of it."""
    if who.device or thread.messages() or who.group is not None:
        return []
    contact = {"remoteJid": jid(who.customer), "pushName": who.name or "", "profilePicUrl": None}
    return [("contacts.upsert", {**contact, "instanceId": bodies.instance_id(integration)})]


def _edited(integration: SimulatedIntegration, thread: Thread, action: Edits) -> list[tuple[str, object]]:
    original = thread.message(action.target)
    kind = original.kind if original is not None and original.media is not None else "text"
    message: Json = {f"{kind}Message": {"caption": action.text}} if kind != "text" else {"conversation": action.text}
    protocol = {
        "key": _as_the_sender_sees_it(integration, action.target),
        "type": "MESSAGE_EDIT",
        "editedMessage": message,
        "timestampMs": str(int(action.who.at.timestamp() * 1000)),
    }
    update = {
        "keyId": action.target,
        "remoteJid": _place(integration, action.who)["remoteJid"],
        "fromMe": action.who.device,
        "status": "SERVER_ACK",  # what Evolution says where there is no status
        "message": {"editedMessage": {"message": message}},
        "instanceId": bodies.instance_id(integration),
        "messageId": bodies.row_id(action.target),
    }
    return [("messages.edited", protocol), ("messages.update", update)]


def _as_the_sender_sees_it(integration: SimulatedIntegration, target: str) -> Json:
    """Its `fromMe` and `remoteJid` are the other side's (#1367)."""
    return {"remoteJid": jid(integration.digits), "fromMe": True, "id": target}


def _is_ours(thread: Thread, target: str) -> bool:
    message = thread.message(target)
    return message is not None and message.author == "company"
