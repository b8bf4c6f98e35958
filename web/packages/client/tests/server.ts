/** A server as docs/realtime.md describes it, in memory: a log, an inbox, who listens. It keeps the rules, nothing else. */

import type { Conversation, Message, ParleyEvent } from "../src/types.ts";
import { FakeSocket, World, type Answer, type Asked } from "./world.ts";

interface Ear { socket: FakeSocket; topics: Set<string>; sent: number; active: boolean }

export class Server {
  epoch = "e1.0";
  seq = 0;
  log: { topics: string[]; event: ParleyEvent }[] = [];
  conversations = new Map<string, Conversation>();
  messages = new Map<string, Message>();
  ears: Ear[] = [];
  oldest = 0;
  tooFar = 2000;
  /** As many as fit into a frame. */
  mostEvents = 40;
  maxAgeMs = 110 * 60_000;
  sessionMs = 120 * 60_000;
  /** Deliver a frame to a client; a test may lose, delay or repeat it. */
  deliver: (socket: FakeSocket, frame: any) => void = (socket, frame) => queueMicrotask(() => socket.say(frame));
  /** Whether a request arrives, and whether its answer does. */
  http: (asked: Asked) => "ok" | "lost" | "answer lost" | "busy" = () => "ok";
  private readonly keys = new Map<string, Message>();
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
    world.connect = (socket) => {
      socket.heard = (frame) => this.hear(socket, frame);
      queueMicrotask(() => socket.open());
    };
    world.answer = (asked) => {
      const fate = this.http(asked);
      if (fate === "lost") return "unreached";
      if (fate === "busy") return [503, { code: "unavailable" }, { "retry-after": "1" }];
      const answer = this.answer(asked);
      return fate === "answer lost" ? "unreached" : answer;
    };
  }

  now(): string {
    return new Date(this.world.clock.now).toISOString();
  }

  cursor(): string {
    return `${this.epoch}:${this.seq}`;
  }

  // What happens in the company

  write(conversationId: string, over: Partial<Message> = {}): Message {
    const known = this.conversations.get(conversationId);
    const number = (known?.lastNumber ?? 0) + 1;
    const occurredAt = this.now();
    const message: Message = {
      id: `m-${conversationId}-${number}`, conversationId, direction: "incoming", kind: "text", text: `text ${number}`,
      content: {}, attachments: [], status: "received", error: null, providerMessageId: null, clientKey: null, replyTo: null,
      reactions: [], number, earliestSendAt: null, resendOf: null, sender: { kind: "contact", id: `c-${conversationId}`, name: "Bea" },
      edited: false, deleted: false, occurredAt, createdAt: occurredAt, metadata: {}, version: 1, ...over,
    };
    this.messages.set(message.id, message);
    const { id, text, kind, direction, status } = message;
    const conversation: Conversation = {
      ...(known ?? newConversation(conversationId, occurredAt)), status: "open", lastNumber: number,
      unreadCount: (known?.unreadCount ?? 0) + Number(direction === "incoming"),
      lastMessage: { id, text, kind, direction, status, occurredAt }, version: (known?.version ?? 0) + 1,
    };
    this.conversations.set(conversationId, conversation);
    if (!known) this.append("conversation.new", ["tenant", topic(conversationId)], conversationId, () => this.conversations.get(conversationId)!);
    this.append("message.new", ["tenant", topic(conversationId)], conversationId, () => ({
      message: this.messages.get(id)!, conversation: this.conversations.get(conversationId)!,
    }), message.clientKey);
    return message;
  }

  status(id: string, status: Message["status"]): void {
    const message = this.change(id, { status });
    const conversation = this.conversations.get(message.conversationId)!;
    const last = conversation.lastMessage?.id === id;
    if (last) this.put({ ...conversation, lastMessage: { ...conversation.lastMessage!, status } }, false);
    const data = { id, conversationId: message.conversationId, status, error: null, occurredAt: this.now(), version: message.version };
    this.append("message.status", last ? ["tenant", topic(message.conversationId)] : [topic(message.conversationId)], message.conversationId, () => data);
  }

  react(id: string, emoji: string): void {
    const { conversationId } = this.change(id, { reactions: [{ emoji, by: { kind: "user", id: "u1", name: "Ana" } }] });
    this.append("message.reaction", [topic(conversationId)], conversationId, () => {
      const { reactions, version } = this.messages.get(id)!;
      return { id, conversationId, reactions, version };
    });
  }

  edit(id: string, text: string): void {
    if (this.messages.get(id)!.deleted) return;
    const { conversationId } = this.change(id, { text, edited: true });
    const last = this.patchLast(conversationId, id, { text });
    this.append("message.updated", last ? ["tenant", topic(conversationId)] : [topic(conversationId)], conversationId, () => this.messages.get(id)!);
  }

  remove(id: string): void {
    const { conversationId, version } = this.change(id, { text: null, content: {}, attachments: [], deleted: true });
    const last = this.patchLast(conversationId, id, { text: null });
    const data = { id, conversationId, deletedAt: this.now(), version };
    this.append("message.deleted", last ? ["tenant", topic(conversationId)] : [topic(conversationId)], conversationId, () => data);
  }

  update(conversationId: string, over: Partial<Conversation>, type = "conversation.updated"): void {
    this.put({ ...this.conversations.get(conversationId)!, ...over }, true);
    const current = () => this.conversations.get(conversationId)!;
    const data = type === "conversation.assigned" ? () => ({ conversation: current(), from: null, to: null, by: null, note: null }) : current;
    this.append(type, ["tenant", topic(conversationId)], conversationId, data);
  }

  rename(conversationId: string, name: string): void {
    const conversation = this.conversations.get(conversationId)!;
    this.put({ ...conversation, contact: { ...conversation.contact!, name } }, false);
    for (const message of this.messages.values()) {
      if (message.conversationId !== conversationId || message.sender.kind !== "contact") continue;
      this.messages.set(message.id, { ...message, sender: { ...message.sender, name } });
    }
    const contact = () => this.conversations.get(conversationId)!.contact;
    this.append("contact.updated", ["tenant"], null, contact);
  }

  /** What `GET /v1/snapshot` answers. */
  snapshot(): any {
    const open = [...this.conversations.values()].filter(({ status }) => status === "open");
    const counts = {
      open: open.length, mine: open.filter(({ assignee }) => assignee?.id === "u1").length,
      unassigned: open.filter(({ assignee }) => !assignee).length, unread: open.filter(({ unreadCount }) => unreadCount > 0).length,
    };
    const at = (one: Conversation) => one.lastMessage?.occurredAt ?? "";
    open.sort((one, other) => (at(one) === at(other) ? (one.id < other.id ? 1 : -1) : at(one) < at(other) ? 1 : -1));
    return { conversations: open.slice(0, 100), counts, cursor: this.cursor() };
  }

  thread(conversationId: string): Message[] {
    const all = [...this.messages.values()].filter((one) => one.conversationId === conversationId);
    return all.sort((one, other) => (one.occurredAt === other.occurredAt ? one.number - other.number : one.occurredAt < other.occurredAt ? -1 : 1));
  }

  /** Tell everybody who listens what they do not know yet. */
  push(): void {
    for (const ear of this.ears) {
      if (!ear.active || ear.sent === this.seq) continue;
      const events = this.heard(ear, ear.sent);
      if (events.length > 0) {
        this.deliver(ear.socket, { type: "batch", from: ear.sent, to: this.seq, events, more: false });
        ear.sent = this.seq;
      }
    }
  }

  // The wire

  private hear(socket: FakeSocket, frame: any): void {
    const say = (answer: any) => this.deliver(socket, { ...answer, id: frame.id });
    const ear = this.ears.find((one) => one.socket === socket);
    if (frame.action === "hello") {
      const fresh: Ear = { socket, topics: new Set(frame.topics), sent: this.seq, active: true };
      this.ears = [...this.ears.filter((one) => one.socket !== socket), fresh];
      say(this.welcome(fresh, frame.cursor));
    } else if (!ear) say({ type: "error", code: "conflict", message: "Say hello first.", temporary: false });
    else if (frame.action === "ping") say({ type: "pong", from: ear.sent, to: ear.sent, now: this.now() });
    else if (frame.action === "sync") say(this.batch(ear, frame.from, frame.limit));
    else if (frame.action === "auth") say({ type: "ok", expiresAt: new Date(this.world.clock.now + this.sessionMs).toISOString() });
    else if (frame.action === "bye") this.ears = this.ears.filter((one) => one !== ear);
    else if (frame.action === "subscribe") {
      for (const name of frame.topics) ear.topics.add(name);
      say({ type: "ok", at: this.seq });
    } else if (frame.action === "unsubscribe") {
      for (const name of frame.topics) ear.topics.delete(name);
      say({ type: "ok", at: this.seq });
    }
  }

  private welcome(ear: Ear, cursor: string | null): any {
    const [epoch, seq] = [cursor?.slice(0, cursor.lastIndexOf(":")), Number(cursor?.slice(cursor.lastIndexOf(":") + 1))];
    const reason = cursor === null ? "no_cursor" : epoch !== this.epoch || seq > this.seq ? "epoch"
      : seq < this.oldest ? "too_old" : this.seq - seq > this.tooFar ? "too_far" : undefined;
    const batch = reason ? { from: this.seq, to: this.seq, events: [], more: false } : this.batch(ear, seq, 500);
    ear.sent = batch.to;
    const expiresAt = new Date(this.world.clock.now + this.sessionMs).toISOString();
    return {
      ...batch, type: "welcome", connectionId: "x", epoch: this.epoch, recovered: !reason, ...(reason ? { reason } : {}),
      presence: [], heartbeatMs: 30_000, maxAgeMs: this.maxAgeMs, expiresAt, now: this.now(),
    };
  }

  private batch(ear: { topics: Set<string> }, from: number, limit: number): any {
    const all = this.heard(ear, from);
    const events = all.slice(0, Math.min(limit, this.mostEvents));
    const to = events.length < all.length ? events.at(-1)!.seq : this.seq;
    return { type: "batch", from, to, events, more: to < this.seq };
  }

  private answer({ method, path, body, headers }: Asked): Answer {
    const [route, query = ""] = path.split("?");
    const parameters = new URLSearchParams(query);
    const thread = /^\/v1\/conversations\/([^/]+)\/messages$/.exec(route!)?.[1];
    if (method === "POST" && route === "/v1/realtime/ticket") return [200, { data: { ticket: "T", url: "ws://x/ws", expiresIn: 30 } }];
    if (route === "/v1/me") return [200, { data: { id: "u1" } }];
    if (route === "/v1/presence") return [200, { data: { online: 0, users: [] } }];
    if (route === "/v1/snapshot") return [200, { data: this.snapshot() }];
    if (route === "/v1/events") return this.events(parameters);
    if (thread && method === "POST") return this.send(thread, body, headers["idempotency-key"]!);
    if (thread) return this.page(thread, Number(parameters.get("limit")), Number(parameters.get("cursor") ?? 0));
    const [, room, id] = /^\/v1\/(messages|conversations)\/([^/]+)$/.exec(route!) ?? [];
    const found = room === "messages" ? this.messages.get(id!) : room && this.conversations.get(id!);
    return found ? [200, { data: found }] : [404, { code: "not_found" }];
  }

  private events(parameters: URLSearchParams): Answer {
    const [after, topics] = [parameters.get("after")!, parameters.get("topics")];
    const colon = after.lastIndexOf(":");
    const seq = Number(after.slice(colon + 1));
    if (after.slice(0, colon) !== this.epoch || seq < this.oldest) return [200, { data: [], cursor: this.cursor(), hasMore: false, reset: true }];
    const batch = this.batch({ topics: new Set(topics!.split(",")) }, seq, Number(parameters.get("limit")));
    return [200, { data: batch.events, cursor: `${this.epoch}:${batch.to}`, hasMore: batch.more, reset: false }];
  }

  private send(conversationId: string, body: any, key: string): Answer {
    const before = this.keys.get(key);
    if (before) return [202, { data: this.messages.get(before.id) }];
    const message = this.write(conversationId, {
      direction: "outgoing", status: "queued", text: body.text, clientKey: key, sender: { kind: "user", id: "u1", name: "Ana" },
    });
    this.keys.set(key, message);
    this.push();
    return [202, { data: message }];
  }

  private page(conversationId: string, limit: number, skip: number): Answer {
    const all = this.thread(conversationId).reverse();
    const data = all.slice(skip, skip + limit);
    const more = skip + limit < all.length;
    return [200, { data, pagination: { nextCursor: more ? String(skip + limit) : null, hasMore: more } }];
  }

  private heard(ear: { topics: Set<string> }, above: number): ParleyEvent[] {
    const heard = this.log.filter(({ event, topics }) => event.seq > above && topics.some((name) => ear.topics.has(name)));
    // What events tell is read when they are told.
    return heard.map(({ event }) => JSON.parse(JSON.stringify({ ...event, data: event.data() })));
  }

  private append(type: string, topics: string[], conversationId: string | null, data: () => unknown, clientKey?: string | null): void {
    this.seq += 1;
    const event = { seq: this.seq, type, id: `ev-${this.seq}`, conversationId, occurredAt: this.now(), data, ...(clientKey ? { clientKey } : {}) };
    this.log.push({ topics, event });
  }

  private change(id: string, over: Partial<Message>): Message {
    const message = this.messages.get(id)!;
    const changed = { ...message, ...over, version: message.version + 1 };
    this.messages.set(id, changed);
    return changed;
  }

  private patchLast(conversationId: string, id: string, over: Partial<Message>): boolean {
    const conversation = this.conversations.get(conversationId)!;
    const last = conversation.lastMessage?.id === id;
    if (last) this.put({ ...conversation, lastMessage: { ...conversation.lastMessage!, ...over } as any }, false);
    return last;
  }

  private put(conversation: Conversation, bump: boolean): void {
    this.conversations.set(conversation.id, bump ? { ...conversation, version: conversation.version + 1 } : conversation);
  }
}

export function topic(conversationId: string): string {
  return `conversation:${conversationId}`;
}

function newConversation(id: string, at: string): Conversation {
  return {
    id, integrationId: "i1", channel: "whatsapp", provider: "meta", bot: null,
    contact: { id: `c-${id}`, name: "Bea", phone: "+5511955550100", avatarUrl: null }, group: null, status: "open", snoozedUntil: null,
    assignee: null, followers: [], labels: [], priority: "none", unreadCount: 0, lastMessage: null, lastNumber: 0, window: null,
    createdAt: at, updatedAt: at, version: 0,
  };
}
