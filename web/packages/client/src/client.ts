/** The client as a page uses it. The one rule: whatever it shows is what the server said, or is marked as waiting. */

import { Emitter, type Listener } from "./emitter.ts";
import { browserEnvironment, type Environment } from "./environment.ts";
import { Feed } from "./feed.ts";
import { uuid7 } from "./identifiers.ts";
import { Inbox, newThread } from "./inbox.ts";
import type { FrameError } from "./link.ts";
import { Outbox } from "./outbox.ts";
import { subjectOf, type ClientEvents, type ClientOptions, type Metrics } from "./options.ts";
import type { OutboxItem } from "./outbox_store.ts";
import { OwnTyping, People } from "./people.ts";
import { Rest } from "./rest.ts";
import { Session } from "./session.ts";
import type { Conversation, Counts, Draft, Message, Mode, ParleyEvent, Person, UserPresence } from "./types.ts";

const REQUEST_MS = 15_000;
const LINGER_MS = 3_000;

export class ParleyClient {
  protected readonly feed: Feed;
  protected readonly session: Session;
  private readonly env: Environment;
  private readonly rest: Rest;
  private readonly inbox = new Inbox();
  private readonly people: People;
  private readonly ownTyping: OwnTyping;
  private readonly emitter: Emitter<ClientEvents>;
  private readonly subscribers = new Map<string, number>();
  private readonly lingering = new Map<string, () => void>();
  private turn: Promise<unknown> = Promise.resolve();
  private readonly account: Promise<string>;
  private readonly outbox: Promise<Outbox>;
  private waiting: OutboxItem[] = [];
  private unwatch: (() => void) | undefined;

  constructor(options: ClientOptions) {
    const log = options.log ?? ((message, detail) => console.warn(`parley: ${message}`, detail ?? ""));
    const env = (this.env = { ...browserEnvironment(), ...options.environment });
    const baseUrl = (options.baseUrl ?? globalThis.location?.origin ?? "").replace(/\/$/, "");
    this.emitter = new Emitter((error) => log("a listener failed", error));
    this.rest = new Rest(env, { baseUrl, token: options.token, timeoutMs: REQUEST_MS });
    this.people = new People(env, (typing) => this.emitter.emit("typing", typing));
    this.ownTyping = new OwnTyping(env, (id, on) => this.tellTyping(id, on));
    this.feed = new Feed(env, this.rest, this.inbox, {
      onEvent: (event) => this.heard(event),
      onChange: () => this.changed(),
      onReset: () => this.emitter.emit("reset", null),
      onGap: (from) => this.session.sync(from),
      onRefused: (error) => this.session.stop(error.code),
    });
    this.session = this.openSession(env, options);
    this.account = options.account === undefined ? this.rest.token().then(subjectOf) : Promise.resolve(options.account);
    this.outbox = this.account.catch(() => "").then((account) => this.openOutbox(`parley:${baseUrl}:${account}`));
  }

  get isConnected(): boolean {
    return this.session.mode === "live";
  }

  get mode(): Mode {
    return this.session.mode;
  }

  /** The person's id, once it is known. */
  get me(): string | null {
    return this.inbox.me;
  }

  get counts(): Counts {
    return this.inbox.counts;
  }

  /** Come and stay online; send what waited. */
  connect(): void {
    this.unwatch ??= this.env.watch((what) => what !== "hidden" && void this.outbox.then((outbox) => outbox.wake()));
    void this.outbox.then((outbox) => this.unwatch && outbox.start());
    this.session.start();
  }

  /** Go. What is not sent stays in the outbox for the next time. */
  close(): void {
    this.ownTyping.stop();
    this.unwatch?.();
    this.unwatch = undefined;
    void this.outbox.then((outbox) => this.unwatch || outbox.stop());
    this.session.stop();
  }

  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): () => void {
    return this.emitter.on(name, listener);
  }

  metrics(): Metrics {
    return {
      mode: this.session.mode, reconnects: this.session.reconnects, snapshots: this.feed.snapshots,
      requests: this.rest.requests, latencyMs: this.session.link?.roundTripMs ?? null, waiting: this.waiting.length,
    };
  }

  /** The conversations known, the latest activity first. */
  conversations(): Conversation[] {
    return this.inbox.list();
  }

  conversation(id: string): Conversation | undefined {
    return this.inbox.conversations.get(id);
  }

  /** An open conversation's messages, the oldest first. */
  messages(id: string): Message[] {
    return this.inbox.messages(id);
  }

  /** Whether a thread was read, and whether there is more of it further back. */
  thread(id: string): { loaded: boolean; hasOlder: boolean } {
    const thread = this.inbox.threads.get(id);
    return { loaded: thread?.loaded ?? false, hasOlder: thread?.older != null };
  }

  presence(): UserPresence[] {
    return [...this.people.presence.values()];
  }

  typingIn(id: string): Person[] {
    return this.people.typingIn(id);
  }

  /** What waits to be sent, of one conversation or of all. */
  unsent(id?: string): OutboxItem[] {
    return this.waiting.filter((item) => !id || item.conversationId === id);
  }

  /** Open a thread: read its newest messages and hear of everything in it. Once for every `unsubscribe`. */
  async subscribe(id: string): Promise<void> {
    this.lingering.get(id)?.();
    this.lingering.delete(id);
    this.subscribers.set(id, (this.subscribers.get(id) ?? 0) + 1);
    if (this.inbox.threads.has(id)) return;
    this.inbox.threads.set(id, newThread());
    const { link } = this.session;
    if (link) {
      try {
        await this.inTurn(() => link.ask({ action: "subscribe", topics: [topicOf(id)] }));
      } catch (error) {
        // Whether it was heard is not known: the next hello will say it.
        if (!(error as FrameError).topic) return this.session.link === link ? link.end() : undefined;
        this.dropTopic(topicOf(id));
        throw error;
      }
    } else if (this.mode !== "polling") return; // the next hello names it, and it is read after the welcome
    if (this.inbox.threads.has(id)) await this.feed.loadThread(id);
  }

  /** Close a thread. It lingers for a moment: whoever turns a page often comes back. */
  unsubscribe(id: string): void {
    const left = (this.subscribers.get(id) ?? 0) - 1;
    if (left > 0) return void this.subscribers.set(id, left);
    this.subscribers.delete(id);
    this.lingering.get(id)?.();
    this.lingering.set(id, this.env.after(LINGER_MS, () => {
      this.dropTopic(topicOf(id));
      const { link } = this.session;
      void this.inTurn(() => link?.ask({ action: "unsubscribe", topics: [topicOf(id)] })).catch(() => {});
    }));
  }

  /** Read the page before the oldest message known. */
  async loadOlder(id: string): Promise<void> {
    const older = this.inbox.threads.get(id)?.older;
    if (older) await this.feed.loadThread(id, older);
  }

  /** Show the others, and the customer where the gateway can, that somebody is typing. Call it at every key. */
  typing(id: string, on: boolean): void {
    this.ownTyping.set(id, on);
  }

  /** Mark everything up to a message as read. Throws ApiError. */
  async markRead(id: string, upTo: string): Promise<void> {
    await this.rest.request("POST", `/v1/conversations/${id}/read`, { upTo });
  }

  /** Send a message, now or as soon as there is a network. It is safe once this answers. */
  async send(id: string, draft: Draft): Promise<OutboxItem> {
    const lastNumber = this.inbox.conversations.get(id)?.lastNumber;
    const seen = lastNumber === undefined || draft.type === "note" ? {} : { expectedNumber: lastNumber };
    this.ownTyping.set(id, false);
    return (await this.outbox).add(id, { ...seen, ...draft });
  }

  /** Answer the question of an unsent message, or try a failed one again, or let it go. */
  async decide(clientKey: string, choice: "send" | "discard"): Promise<void> {
    await (await this.outbox).decide(clientKey, choice);
  }

  /** A short-lived URL of a file, for an `<img>`. Throws ApiError. */
  async mediaUrl(id: string, thumbnail = false): Promise<{ url: string; expiresAt: string }> {
    return (await this.rest.get(`/v1/media/${id}/url${thumbnail ? "?thumbnail=true" : ""}`)).data;
  }

  /** Any other request to the API, as this person. Throws ApiError. */
  request<T = any>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T> {
    return this.rest.request<T>(method, path, body, headers);
  }

  protected openSession(env: Environment, options: ClientOptions): Session {
    const topics = () => ["tenant", "user", ...[...this.inbox.threads.keys()].map(topicOf)];
    const chosen = {
      credential: options.credential ?? "ticket" as const, socketUrl: options.socketUrl, polling: options.polling ?? true,
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000, tab: uuid7(env),
    };
    return new Session(env, this.rest, this.feed, topics, chosen, {
      onMode: (mode, reason) => this.emitter.emit("state", { mode, reason }),
      onEphemeral: (name, data, ttlMs) => this.signalled(name, data, ttlMs),
      onPresence: (everybody) => this.present(this.people.replace(everybody)),
      onTopicRefused: (topic) => this.dropTopic(topic),
    });
  }

  private openOutbox(name: string): Outbox {
    return new Outbox(this.env, this.rest, name, {
      onItems: (items) => {
        this.waiting = items;
        this.emitter.emit("outbox", items);
      },
      onSent: (message, item) => {
        this.inbox.putMessage(message);
        this.changed();
        this.emitter.emit("sent", { item, message });
      },
    });
  }

  private heard(event: ParleyEvent): void {
    this.emitter.emit("event", event);
    const { type, data } = event;
    if (!data) return;
    if (type === "message.new") this.people.wrote(data.message);
    if (type === "message.status") this.emitter.emit("status", data);
    if (!type.startsWith("message.")) return;
    const [conversationId, messageId] = [event.conversationId!, data.message?.id ?? data.id];
    const message = this.inbox.threads.get(conversationId)?.messages.get(messageId) ?? data.message;
    this.emitter.emit("message", { kind: type, conversationId, messageId, message });
  }

  private changed(): void {
    const { conversations, threads } = this.inbox.takeChanges();
    if (conversations.size + threads.size === 0) return;
    for (const id of conversations) {
      const conversation = this.inbox.conversations.get(id);
      if (conversation) this.emitter.emit("conversation", conversation);
    }
    this.emitter.emit("change", { conversations: [...conversations], threads: [...threads] });
  }

  private signalled(name: string, data: any, ttlMs: number): void {
    if (name === "presence.typing") this.people.types(data, ttlMs);
    else if (name.startsWith("presence.") && this.people.put(data)) this.present([data]);
  }

  private present(changed: UserPresence[]): void {
    for (const one of changed) this.emitter.emit("presence", one);
  }

  private tellTyping(conversationId: string, on: boolean): void {
    if (this.session.link) this.session.link.tell({ action: "typing", conversationId, on });
    else if (on && this.mode === "polling") {
      // At least the customer sees it.
      void this.rest.request("POST", `/v1/conversations/${conversationId}/typing`, { on }).catch(() => {});
    }
  }

  /** One after the other: two frames may overtake each other on their way through the platform. */
  private inTurn<T>(change: () => T): Promise<Awaited<T>> {
    const turn = this.turn.then(change, change);
    this.turn = turn;
    return turn as Promise<Awaited<T>>;
  }

  private dropTopic(topic: string): void {
    const id = topic.slice(topic.indexOf(":") + 1);
    this.subscribers.delete(id);
    this.lingering.delete(id);
    this.inbox.threads.delete(id);
  }
}

function topicOf(conversationId: string): string {
  return `conversation:${conversationId}`;
}
