/**
 * Sends what was written, also after hours without a network. The one rule: one conversation's messages leave in the
 * order they were written, each under the key it was born with, so that trying again never sends twice.
 */

import { Backoff } from "./backoff.ts";
import { pause, type Channel, type Environment } from "./environment.ts";
import { uuid7 } from "./identifiers.ts";
import { openOutboxStore, type OutboxItem, type OutboxStore } from "./outbox_store.ts";
import { ApiError, type Rest } from "./rest.ts";
import type { Draft, Message } from "./types.ts";

const LATE_MS = 10 * 60_000;

export interface OutboxEvents {
  /** What waits has changed, in this tab or another. */
  onItems(items: OutboxItem[]): void;
  onSent(message: Message, item: OutboxItem): void;
}

export class Outbox {
  /** What waits, the oldest first. */
  items: OutboxItem[] = [];
  private readonly env: Environment;
  private readonly rest: Rest;
  private readonly events: OutboxEvents;
  private readonly name: string;
  private readonly store: OutboxStore;
  private channel: Channel | undefined;
  private readonly sending = new Set<string>();
  private readonly waits = new Set<AbortController>();
  private open = false;
  private lastKey = "";

  /** `name`: of the person on this deployment; nobody sends what somebody else wrote in the same browser. */
  constructor(env: Environment, rest: Rest, name: string, events: OutboxEvents) {
    this.env = env;
    this.rest = rest;
    this.events = events;
    this.name = name;
    this.store = openOutboxStore(env.indexedDB, name);
  }

  /** Begin to send, what was left from earlier too. */
  start(): void {
    if (this.open) return;
    this.open = true;
    this.channel = this.env.channel(this.name);
    if (this.channel) this.channel.onmessage = () => void this.look();
    void this.look();
  }

  stop(): void {
    this.open = false;
    this.channel?.close();
    this.channel = undefined;
    this.wake();
  }

  /** The network is back: do not wait any longer. */
  wake(): void {
    for (const wait of this.waits) wait.abort();
  }

  /** Take a message in. It is safe once this answers. */
  async add(conversationId: string, draft: Draft): Promise<OutboxItem> {
    const item: OutboxItem = { clientKey: this.key(), conversationId, draft, writtenAt: this.env.now(), state: "queued" };
    await this.keep(item);
    return item;
  }

  /** Answer a question, or send again what failed; or let it go. */
  async decide(clientKey: string, choice: "send" | "discard"): Promise<void> {
    const item = (await this.store.all()).find((one) => one.clientKey === clientKey);
    if (!item) return;
    if (choice === "discard") return this.drop(item);
    const { conversationId, missed, question } = item;
    const draft = { ...item.draft };
    if (question === "stale") draft.expectedNumber = Math.max(draft.expectedNumber ?? 0, ...(missed ?? []).map((one) => one.number));
    await this.keep({ clientKey, conversationId, draft, writtenAt: item.writtenAt, state: "queued", confirmed: true });
  }

  private key(): string {
    // Two in one millisecond, or a clock set back: the order must hold all the same.
    let key = uuid7(this.env);
    if (key <= this.lastKey) {
      const count = (BigInt(`0x${this.lastKey.replaceAll("-", "")}`) + 1n).toString(16).padStart(32, "0");
      key = count.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
    }
    return (this.lastKey = key);
  }

  private async keep(item: OutboxItem): Promise<void> {
    await this.store.put(item);
    await this.changed();
  }

  private async drop(item: OutboxItem): Promise<void> {
    await this.store.remove(item.clientKey);
    await this.changed();
  }

  private async changed(): Promise<void> {
    this.channel?.postMessage("changed");
    await this.look();
  }

  /** See what waits, and send what can be sent. */
  private async look(): Promise<void> {
    this.items = await this.store.all();
    this.events.onItems(this.items);
    for (const id of new Set(this.items.map((item) => item.conversationId))) void this.drain(id);
  }

  /** Send a conversation's messages one after the other; no other tab does while this one does. */
  private async drain(conversationId: string): Promise<void> {
    if (!this.open || this.sending.has(conversationId)) return;
    this.sending.add(conversationId);
    try {
      await this.env.exclusively(`${this.name}:${conversationId}`, async () => {
        const backoff = new Backoff(this.env);
        for (let item = await this.next(conversationId); item && this.open; item = await this.next(conversationId)) {
          const wait = await this.send(item, backoff);
          if (wait === null) backoff.reset();
          else await this.sleep(wait);
        }
      });
    } finally {
      this.sending.delete(conversationId);
    }
    // What was added while the last look was going on.
    if (this.open && (await this.next(conversationId))) void this.drain(conversationId);
  }

  /** The message whose turn it is, if it may go. */
  private async next(conversationId: string): Promise<OutboxItem | undefined> {
    const all = await this.store.all();
    const first = all.find((item) => item.conversationId === conversationId && item.state !== "failed");
    return first?.state === "queued" ? first : undefined;
  }

  /** Try once. Answers how long to wait before the next try; null: this one is settled. */
  private async send(item: OutboxItem, backoff: Backoff): Promise<number | null> {
    if (!item.confirmed && this.env.now() - item.writtenAt > LATE_MS) {
      await this.keep({ ...item, state: "asking", question: "late" });
      return null;
    }
    try {
      const path = `/v1/conversations/${item.conversationId}/messages`;
      const { data } = await this.rest.request<{ data: Message }>("POST", path, item.draft, {
        "idempotency-key": item.clientKey,
      });
      // Told before it is forgotten, so that it is never in neither place.
      this.events.onSent(data, item);
      await this.drop(item);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // An expired sign-in is no reason to lose what was written.
      if (error.temporary || error.status === 401) return backoff.next(error.retryAfterMs);
      const { code, message } = error;
      if (code === "stale_conversation") {
        await this.keep({ ...item, state: "asking", question: "stale", missed: error.body.messages ?? [] });
      } else await this.keep({ ...item, state: "failed", error: { code, message } });
    }
    return null;
  }

  private async sleep(ms: number): Promise<void> {
    const wait = new AbortController();
    this.waits.add(wait);
    await pause(this.env, ms, wait.signal);
    this.waits.delete(wait);
  }
}
