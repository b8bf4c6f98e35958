"""A client's memory in a few lines: what a snapshot and the events after it add up to. The one rule: everything with a
version is taken only if it is not older than what is known, since a late event tells its subject as it is now.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

View = dict[str, Any]

UNTOLD = frozenset({"providerMessageId", "earliestSendAt"})
"""Of a message, what no event tells when it changes."""


class Reader:
    """`conversations` and `messages` by id. `stale`: conversations to be fetched again. `seen`: types of events."""

    def __init__(self, conversations: Sequence[View], messages: Sequence[View]) -> None:
        self.conversations = {view["id"]: copy.deepcopy(view) for view in conversations}
        self.messages = {view["id"]: copy.deepcopy(view) for view in messages}
        self.integrations: dict[str, View] = {}
        self.mentions: list[str] = []
        self.stale: set[str] = set()
        self.seen: set[str] = set()

    def apply(self, event: Mapping[str, Any]) -> None:
        """Take one event in."""
        self.seen.add(event["type"])
        takers: dict[str, Callable[[View], None]] = {
            "message.new": self._new_message,
            "message.updated": self._message,
            "message.deleted": self._deleted,
            "message.status": lambda data: self._change(data, status=data["status"], error=data["error"]),
            "message.reaction": lambda data: self._change(data, reactions=data["reactions"]),
            "conversation.new": self._conversation,
            "conversation.updated": self._conversation,
            "conversation.assigned": lambda data: self._conversation(data["conversation"]),
            "contact.updated": self._contact,
            "integration.updated": lambda data: self.integrations.update({data["id"]: data}),
            "user.mentioned": lambda data: self.mentions.append(data["messageId"]),
            "bulk.updated": lambda data: self.stale.update(data["ids"]),
        }
        takers[event["type"]](event["data"])

    def inbox(self, user_id: str) -> View:
        """What `GET /v1/snapshot` answers, as far as this client knows."""
        shown = [view for view in self.conversations.values() if view["status"] == "open"]
        shown.sort(key=lambda view: (view["lastMessage"]["occurredAt"], view["id"]), reverse=True)
        counts = {
            "open": len(shown),
            "mine": sum((view["assignee"] or {}).get("id") == user_id for view in shown),
            "unassigned": sum(view["assignee"] is None for view in shown),
            "unread": sum(view["unreadCount"] > 0 for view in shown),
        }
        return {"conversations": shown, "counts": counts}

    def thread(self) -> dict[str, View]:
        """All messages, but for what is not told of them; of one taken back not its version either."""
        return {id_: told_of(view) for id_, view in self.messages.items()}

    def _new_message(self, data: View) -> None:
        self._message(data["message"])
        self._conversation(data["conversation"])

    def _message(self, view: View) -> None:
        if newer(self.messages.get(view["id"]), view["version"]):
            self.messages[view["id"]] = copy.deepcopy(view)
            self._last(view["conversationId"], view["id"], text=view["text"], status=view["status"])

    def _conversation(self, view: View) -> None:
        if newer(self.conversations.get(view["id"]), view["version"]):
            self.conversations[view["id"]] = copy.deepcopy(view)

    def _change(self, data: View, **fields: Any) -> None:
        known = self.messages.get(data["id"])
        if known is not None and newer(known, data["version"]):
            known |= {**fields, "version": data["version"]}
            if "status" in fields:
                self._last(data["conversationId"], data["id"], status=fields["status"])

    def _deleted(self, data: View) -> None:
        if data.get("replacedBy"):
            self.messages.pop(data["id"], None)
        elif data["id"] in self.messages:
            self.messages[data["id"]] |= {"text": None, "content": {}, "attachments": [], "deleted": True}
            self._last(data["conversationId"], data["id"], text=None)

    def _last(self, conversation_id: str, message_id: str, **fields: Any) -> None:
        last = (self.conversations.get(conversation_id) or {}).get("lastMessage")
        if last and last["id"] == message_id:
            last |= fields

    def _contact(self, contact: View) -> None:
        for view in self.conversations.values():
            if view["contact"] and view["contact"]["id"] == contact["id"]:
                view["contact"] = {name: contact[name] for name in ("id", "name", "phone", "avatarUrl")}
        for message in self.messages.values():
            for who in (message["sender"], *(reaction["by"] for reaction in message["reactions"])):
                if (who["kind"], who["id"]) == ("contact", contact["id"]):
                    who["name"] = contact["name"]


def newer(known: View | None, version: int) -> bool:
    """Whether something of this version is to be taken."""
    return known is None or version >= known["version"]


def told_of(view: View) -> View:
    """A message as events tell it."""
    hidden = UNTOLD | ({"version"} if view["deleted"] else frozenset())
    return {name: value for name, value in view.items() if name not in hidden}
