/** Carries what the client hears into TanStack Query's cache. The one rule: hooks read the cache and nothing else. */

import type { Message, MessageStatus, OutboxItem, ParleyClient } from "@parley/client";
import type { QueryClient } from "@tanstack/react-query";
import { parleyKeys, type ConversationFilter } from "./keys.ts";
import { matches, place, type ConversationPages } from "./lists.ts";

/** A message as it is shown: the server's, or one of ours that is still on its way (`unsent`). */
export interface ShownMessage extends Omit<Message, "status"> {
  status: MessageStatus;
  unsent?: OutboxItem;
}

export interface ShownThread { messages: ShownMessage[]; loaded: boolean; hasOlder: boolean }

/** A thread with what waits in the outbox behind it. */
export function threadOf(client: ParleyClient, id: string): ShownThread {
  const messages = client.messages(id);
  const arrived = new Set(messages.map(({ clientKey }) => clientKey));
  const waiting = client.unsent(id).filter(({ clientKey }) => !arrived.has(clientKey));
  return { messages: [...messages, ...waiting.map((item) => shown(item, client.me))], ...client.thread(id) };
}

/** Keep the cache up to date until the answer is called. */
export function bind(client: ParleyClient, cache: QueryClient): () => void {
  const refresh = (id: string) => {
    // Only what somebody looks at: a thread that nobody opened has no entry.
    if (cache.getQueryState(parleyKeys.messages(id))) cache.setQueryData(parleyKeys.messages(id), threadOf(client, id));
  };
  let waited = new Set<string>();
  const ends = [
    client.on("state", () => cache.setQueryData(parleyKeys.connection, { mode: client.mode, isConnected: client.isConnected })),
    client.on("change", ({ threads }) => threads.forEach(refresh)),
    client.on("outbox", (items) => {
      const now = new Set(items.map(({ conversationId }) => conversationId));
      for (const id of new Set([...now, ...waited])) refresh(id);
      waited = now;
    }),
    client.on("conversation", (conversation) => {
      for (const [key] of cache.getQueriesData({ queryKey: parleyKeys.lists })) {
        const belongs = matches(key[2] as ConversationFilter, conversation, client.me);
        cache.setQueryData<ConversationPages>(key, (data) => {
          const pages = data && place(data.pages, conversation, belongs);
          return pages && pages !== data.pages ? { ...data, pages } : data;
        });
      }
    }),
    client.on("typing", ({ conversationId: id }) => cache.setQueryData(parleyKeys.typing(id), client.typingIn(id))),
    client.on("presence", () => cache.setQueryData(parleyKeys.presence, client.presence())),
    client.on("reset", () => void cache.invalidateQueries({ queryKey: parleyKeys.lists })),
  ];
  return () => ends.forEach((end) => end());
}

function shown(item: OutboxItem, me: string | null): ShownMessage {
  const at = new Date(item.writtenAt).toISOString();
  const { type, text = null, caption } = item.draft;
  return {
    id: item.clientKey, conversationId: item.conversationId, direction: type === "note" ? "internal" : "outgoing",
    kind: type === "note" ? "text" : type, text: text ?? caption ?? null, content: {}, attachments: [],
    status: item.state === "failed" ? "failed" : "queued",
    error: item.error ?? null, providerMessageId: null, clientKey: item.clientKey, replyTo: null, reactions: [],
    number: Number.MAX_SAFE_INTEGER, earliestSendAt: null, resendOf: null, sender: { kind: "user", id: me, name: null },
    edited: false, deleted: false, occurredAt: at, createdAt: at, metadata: item.draft.metadata ?? {}, version: 0, unsent: item,
  };
}
