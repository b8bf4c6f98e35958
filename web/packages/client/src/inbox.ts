/**
 * The inbox as the client knows it: conversations, open threads, counters. The one rule: a later reading never loses to
 * an earlier one; what is told while something is being read is told again afterwards.
 */

import { newestFirst, reduce } from "./reducer.ts";
import type { Conversation, Counts, LastMessage, Message, Page, ParleyEvent, Snapshot } from "./types.ts";

const SNAPSHOT_SIZE = 100;

/** An open conversation's messages: the newest, and as far back as somebody paged. */
export interface Thread {
  messages: Map<string, Message>;
  /** Which version each part of a message is of: an event may tell a part that is newer than the rest. */
  parts: Map<string, Parts>;
  /** Whether it was read since its topic is listened to. */
  loaded: boolean;
  /** Where the next older page begins; null: there is none. */
  older: string | null;
  /** The instant of the oldest message read; what is older and unknown belongs to a page not read yet. */
  since: string;
}

export interface Parts { whole: number; status: number; reactions: number }

export interface Changes { conversations: Set<string>; threads: Set<string> }

/** Something being read. `stale`: everything was forgotten meanwhile, so what was read must be read again. */
export interface Reading { stale(): boolean; finish(): void; abandon(): void }

export class Inbox {
  conversations = new Map<string, Conversation>();
  threads = new Map<string, Thread>();
  /** The person whose inbox it is, for the counter `mine`. */
  me: string | null = null;
  /** Set when the counters can no longer be worked out from what is known. */
  countsDoubtful = false;
  private era = 0;
  private counted: Counts = { open: 0, mine: 0, unassigned: 0, unread: 0 };
  private complete = false;
  private changes: Changes = { conversations: new Set(), threads: new Set() };
  private readonly recordings = new Set<ParleyEvent[]>();

  get counts(): Counts {
    return { ...this.counted };
  }

  /** The conversations known, the latest activity first. */
  list(): Conversation[] {
    return [...this.conversations.values()].sort(newestFirst);
  }

  /** A thread's messages, the oldest first. */
  messages(conversationId: string): Message[] {
    const all = [...(this.threads.get(conversationId)?.messages.values() ?? [])];
    return all.sort((one, other) =>
      one.occurredAt === other.occurredAt ? one.number - other.number : one.occurredAt < other.occurredAt ? -1 : 1);
  }

  apply(event: ParleyEvent): void {
    for (const recording of this.recordings) recording.push(event);
    reduce(this, event);
  }

  /** Begin to read something. What is told until `finish` is applied again then, on top of what was read. */
  reading(): Reading {
    const [recording, era]: [ParleyEvent[], number] = [[], this.era];
    this.recordings.add(recording);
    return {
      stale: () => this.era !== era,
      finish: () => {
        this.recordings.delete(recording);
        for (const event of recording) reduce(this, event);
      },
      abandon: () => void this.recordings.delete(recording),
    };
  }

  /** Begin anew with a snapshot. Call it while `reading()`, so that it is brought up to now. */
  reset({ conversations, counts }: Snapshot): void {
    for (const id of this.conversations.keys()) this.changes.conversations.add(id);
    this.complete = conversations.length < SNAPSHOT_SIZE;
    this.conversations = new Map();
    for (const conversation of conversations) this.putConversation(conversation, true);
    this.counted = { ...counts };
    this.countsDoubtful = false;
  }

  /** What was missed is not known: threads have to be read again. They show what they had until then. */
  forget(): void {
    this.era += 1;
    for (const thread of this.threads.values()) thread.loaded = false;
  }

  /** What changed since the last call. */
  takeChanges(): Changes {
    const taken = this.changes;
    this.changes = { conversations: new Set(), threads: new Set() };
    return taken;
  }

  /** `fresh`: it is known that there was nothing before. */
  putConversation(conversation: Conversation, fresh = false): void {
    const known = this.conversations.get(conversation.id);
    if (known && conversation.version <= known.version) return;
    if (!known && !fresh && !this.complete) this.countsDoubtful = true;
    this.setConversation(conversation);
  }

  /** Take in one that was asked for: if it is not known yet, the counters hold it already. */
  addConversation(conversation: Conversation): void {
    if (this.complete || this.conversations.has(conversation.id)) {
      this.putConversation(conversation);
      return;
    }
    this.conversations.set(conversation.id, conversation);
    this.changes.conversations.add(conversation.id);
  }

  setConversation(conversation: Conversation): void {
    const { id } = conversation;
    this.count(this.conversations.get(id), conversation);
    this.conversations.set(id, conversation);
    this.changes.conversations.add(id);
  }

  /** One that was erased: nothing of it stays. */
  removeConversation(id: string): void {
    const known = this.conversations.get(id);
    if (known) this.count(known, { ...known, status: "resolved" });
    if (this.conversations.delete(id)) this.changes.conversations.add(id);
    const thread = this.threads.get(id);
    if (!thread) return;
    [thread.messages, thread.parts] = [new Map(), new Map()];
    this.changes.threads.add(id);
  }

  changeLast(conversationId: string, messageId: string, change: Partial<LastMessage>): void {
    const conversation = this.conversations.get(conversationId);
    const last = conversation?.lastMessage;
    if (last?.id === messageId) this.setConversation({ ...conversation!, lastMessage: { ...last, ...change } });
  }

  putMessage(message: Message): void {
    const thread = this.threads.get(message.conversationId);
    const known = thread?.messages.get(message.id);
    if (!thread || (!known && thread.older !== null && message.occurredAt < thread.since)) return;
    const parts = (known && thread.parts.get(message.id)) ?? { whole: -1, status: -1, reactions: -1 };
    if (message.version < parts.whole) return;
    const { version } = message;
    const kept: Partial<Message> = {};
    if (known && parts.status > version) Object.assign(kept, statusOf(known));
    if (known && parts.reactions > version) kept.reactions = known.reactions;
    if (known?.deleted) Object.assign(kept, GONE);
    thread.parts.set(message.id, { ...parts, whole: version });
    thread.messages.set(message.id, { ...message, ...kept, version: Math.max(version, known?.version ?? 0) });
    this.changes.threads.add(message.conversationId);
  }

  /** Change a part of a message, if what is told is newer than what is known of that part. */
  putPart(data: Pick<Message, "id" | "conversationId" | "version">, part: "status" | "reactions", change: Partial<Message>): void {
    const parts = this.threads.get(data.conversationId)?.parts.get(data.id);
    if (!parts || data.version < Math.max(parts[part], parts.whole)) return;
    parts[part] = data.version;
    this.changeMessage(data.conversationId, data.id, (known) => ({
      ...known, ...change, version: Math.max(known.version, data.version),
    }));
  }

  /** Take a message's content away, for good. */
  wipeMessage(conversationId: string, messageId: string, version = 0): void {
    this.changeMessage(conversationId, messageId, (known) => ({ ...known, ...GONE, version: Math.max(known.version, version) }));
  }

  changeMessage(conversationId: string, messageId: string, change: (message: Message) => Message): void {
    const messages = this.threads.get(conversationId)?.messages;
    const known = messages?.get(messageId);
    if (!known) return;
    const changed = change(known);
    if (changed === known) return;
    messages!.set(messageId, changed);
    this.changes.threads.add(conversationId);
  }

  changeAll(change: (message: Message) => Message): void {
    for (const [id, { messages }] of this.threads) {
      for (const messageId of [...messages.keys()]) this.changeMessage(id, messageId, change);
    }
  }

  removeMessage(conversationId: string, messageId: string): void {
    if (this.threads.get(conversationId)?.messages.delete(messageId)) this.changes.threads.add(conversationId);
  }

  /** Put in a page of a thread as the API answered it; `first`: it is the newest, so it begins the thread anew. */
  putPage(conversationId: string, page: Page<Message>, first: boolean): void {
    const thread = this.threads.get(conversationId);
    if (!thread) return;
    if (first && !thread.loaded) {
      thread.messages = new Map();
      thread.parts = new Map();
    }
    thread.loaded = true;
    thread.older = page.pagination.nextCursor;
    thread.since = page.data.at(-1)?.occurredAt ?? "";
    for (const message of page.data) this.putMessage(message);
    this.changes.threads.add(conversationId);
  }

  /** Keep the counters, which are of open conversations. */
  private count(before: Conversation | undefined, after: Conversation): void {
    const [was, is] = [before && this.weigh(before), this.weigh(after)];
    for (const name of Object.keys(is) as (keyof Counts)[]) this.counted[name] += is[name] - (was?.[name] ?? 0);
  }

  private weigh({ status, assignee, unreadCount }: Conversation): Counts {
    const open = Number(status === "open");
    return {
      open,
      mine: open && Number(assignee !== null && assignee.id === this.me),
      unassigned: open && Number(assignee === null),
      unread: open && Number(unreadCount > 0),
    };
  }
}

const GONE = { text: null, content: {}, attachments: [], deleted: true };

function statusOf({ status, error, earliestSendAt }: Message): Partial<Message> {
  return { status, error, earliestSendAt };
}

export function newThread(): Thread {
  return { messages: new Map(), parts: new Map(), loaded: false, older: null, since: "" };
}
