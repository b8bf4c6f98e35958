/**
 * What an event makes of the inbox. The one rule: whatever the order and however often, the higher version stays; so
 * the socket, a resume and polling may all tell the same thing.
 */

import type { Inbox } from "./inbox.ts";
import type { Conversation, Message, ParleyEvent } from "./types.ts";

const reducers: Record<string, (inbox: Inbox, event: ParleyEvent) => void> = {
  "message.new": (inbox, { data }) => {
    inbox.putMessage(data.message);
    inbox.putConversation(data.conversation);
  },
  "message.updated": (inbox, { data }) => {
    inbox.putMessage(data);
    const { id, conversationId, text, kind, status, occurredAt } = data;
    inbox.changeLast(conversationId, id, { text, kind, status, occurredAt });
    quote(inbox, data);
  },
  "message.deleted": (inbox, { data }) => {
    if (data.replacedBy) {
      inbox.removeMessage(data.conversationId, data.id);
      return;
    }
    inbox.wipeMessage(data.conversationId, data.id, data.version);
    inbox.changeLast(data.conversationId, data.id, { text: null });
  },
  "message.status": (inbox, { data }) => {
    const { status, error } = data;
    const waits = status === "queued" || status === "scheduled";
    inbox.putPart(data, "status", { status, error, ...(waits ? {} : { earliestSendAt: null }) });
    inbox.changeLast(data.conversationId, data.id, { status });
  },
  "message.reaction": (inbox, { data }) => inbox.putPart(data, "reactions", { reactions: data.reactions }),
  "conversation.new": (inbox, { data }) => inbox.putConversation(data, true),
  "conversation.updated": (inbox, { data }) =>
    data.erased ? inbox.removeConversation(data.id) : inbox.putConversation(data),
  "conversation.assigned": (inbox, { data }) => inbox.putConversation(data.conversation),
  "contact.updated": (inbox, { data }) => {
    for (const conversation of inbox.conversations.values()) {
      if (conversation.contact?.id !== data.id) continue;
      const { id, name = null, phone = null, avatarUrl = null } = data; // of an erased one there is only the id
      inbox.setConversation({ ...conversation, contact: { id, name, phone, avatarUrl } });
    }
    const renamed = (by: Message["sender"]) =>
      by.kind === "contact" && by.id === data.id ? { ...by, name: data.name ?? null } : by;
    inbox.changeAll((message) => {
      const sender = renamed(message.sender);
      const reactions = message.reactions.map((one) => ({ ...one, by: renamed(one.by) }));
      const same = sender === message.sender && reactions.every((one, at) => one.by === message.reactions[at]!.by);
      return same ? message : { ...message, sender, reactions };
    });
  },
};

/** Apply one event whose data is there; types that are not known change nothing. */
export function reduce(inbox: Inbox, event: ParleyEvent): void {
  if (event.data) reducers[event.type]?.(inbox, event);
}

/** Whoever quotes a message shows its newest text. */
function quote(inbox: Inbox, { id, conversationId, text, kind }: Message): void {
  for (const message of inbox.messages(conversationId)) {
    if (message.replyTo?.id !== id) continue;
    inbox.changeMessage(conversationId, message.id, (quoting) => ({ ...quoting, replyTo: { id, text, kind } }));
  }
}

/** Newest first, as the API lists them. */
export function newestFirst(one: Conversation, other: Conversation): number {
  const [a, b] = [one.lastMessage?.occurredAt ?? "", other.lastMessage?.occurredAt ?? ""];
  // One without a message stands before all others.
  if (a !== b) return !a ? -1 : !b ? 1 : a < b ? 1 : -1;
  return one.id < other.id ? 1 : -1;
}
