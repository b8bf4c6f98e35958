/** Lists of conversations, kept up by events. The one rule: a list shows what asking the API again would show. */

import { newestFirst, type Conversation, type Page } from "@parley/client";
import type { InfiniteData } from "@tanstack/react-query";
import type { ConversationFilter } from "./keys.ts";

export type ConversationPages = InfiniteData<Page<Conversation>, string | null>;

/** Whether a conversation belongs into a list. */
export function matches(filter: ConversationFilter, conversation: Conversation, me: string | null): boolean {
  const { status, assignee, integrationId, label, unread } = filter;
  const assigned = conversation.assignee?.id ?? null;
  return (
    (status === undefined || conversation.status === status) &&
    (assignee === undefined || assigned === (assignee === "me" ? me : assignee === "none" ? null : assignee)) &&
    (integrationId === undefined || conversation.integrationId === integrationId) &&
    (label === undefined || conversation.labels.includes(label)) &&
    (unread === undefined || conversation.unreadCount > 0 === unread)
  );
}

/** The pages with a conversation where it now belongs; the same pages if that changes nothing. */
export function place(pages: Page<Conversation>[], conversation: Conversation, belongs: boolean): Page<Conversation>[] {
  const known = pages.flatMap((page) => page.data).find(({ id }) => id === conversation.id);
  if (known ? known.version > conversation.version : !belongs) return pages;
  const without = pages.map((page) => ({ ...page, data: page.data.filter(({ id }) => id !== conversation.id) }));
  if (!belongs) return without;
  for (const [index, page] of without.entries()) {
    const at = page.data.findIndex((one) => newestFirst(conversation, one) < 0);
    if (at >= 0) return without.with(index, { ...page, data: page.data.toSpliced(at, 0, conversation) });
  }
  // It stands behind everything known: on a page not read yet, if there is one.
  const last = without.at(-1);
  if (!last || (last.pagination.hasMore && !known)) return without;
  return without.with(-1, { ...last, data: [...last.data, conversation] });
}

export function queryOf(filter: ConversationFilter, cursor: string | null): string {
  const query = new URLSearchParams({ limit: "30" });
  for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, String(value));
  if (cursor) query.set("cursor", cursor);
  return query.toString();
}
