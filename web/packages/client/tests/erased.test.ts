/** What an open browser makes of a contact that is erased. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Inbox } from "../src/inbox.ts";
import type { ParleyEvent } from "../src/types.ts";

const contact = { id: "p1", name: "Quitéria", phone: "+5511", avatarUrl: null };
const told = (type: string, data: unknown) => ({ seq: 1, type, id: "e", conversationId: "k1", occurredAt: "", data }) as ParleyEvent;

function inbox(): Inbox {
  const made = new Inbox();
  const open = { id: "k1", status: "open", assignee: null, unreadCount: 2, version: 3, lastMessage: null };
  const others = { ...open, id: "k2", unreadCount: 0, contact: { ...contact, id: "p2" } };
  const snapshot = { conversations: [{ ...open, contact }, others], counts: { open: 2, mine: 0, unassigned: 2, unread: 1 } };
  made.reset(snapshot as unknown as Parameters<Inbox["reset"]>[0]);
  made.takeChanges();
  return made;
}

test("an erased conversation is dropped, and the counters follow", () => {
  const one = inbox();
  one.apply(told("conversation.updated", { id: "k1", erased: true }));
  assert.deepEqual([...one.conversations.keys()], ["k2"]);
  assert.deepEqual(one.counts, { open: 1, mine: 0, unassigned: 1, unread: 0 });
  assert.deepEqual([...one.takeChanges().conversations], ["k1"]);
  one.apply(told("conversation.updated", { id: "k1", erased: true }));
  assert.deepEqual(one.counts, { open: 1, mine: 0, unassigned: 1, unread: 0 });
});

test("an erased contact has no name and no number any more", () => {
  const one = inbox();
  one.apply(told("contact.updated", { id: "p1", erased: true }));
  assert.deepEqual(one.conversations.get("k1")?.contact, { id: "p1", name: null, phone: null, avatarUrl: null });
  assert.equal(one.conversations.get("k2")?.contact?.name, "Quitéria");
});
