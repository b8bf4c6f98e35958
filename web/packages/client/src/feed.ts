/**
 * Follows the event log, from wherever it is told: socket, resume, polling. The one rule: what cannot be known to be
 * complete is read again, whole.
 */

import { Backoff } from "./backoff.ts";
import { pause, type Environment } from "./environment.ts";
import type { Inbox } from "./inbox.ts";
import { Ranges, splitCursor } from "./ranges.ts";
import { ApiError, type Rest } from "./rest.ts";
import type { Conversation, Message, Page, ParleyEvent, Range, Snapshot } from "./types.ts";

const HOLD_MS = 1_000;
const RECOUNT_MS = 5_000;
const THREAD_PAGE = 50;
const TRIES = 5;

export interface FeedEvents {
  /** An event was applied. */
  onEvent(event: ParleyEvent): void;
  /** The inbox changed, for whatever reason. */
  onChange(): void;
  /** Everything was read anew. */
  onReset(): void;
  /** Something lies between our place and what came: ask for it from here on. */
  onGap(from: number): void;
  /** The person may not read this any more. */
  onRefused(error: ApiError): void;
}

export class Feed {
  snapshots = 0;
  readonly ranges: Ranges;
  private readonly env: Environment;
  private readonly rest: Rest;
  private readonly inbox: Inbox;
  private readonly events: FeedEvents;
  private stopped = false;
  private recovery: AbortController | undefined;
  private cancelHold: (() => void) | undefined;
  private cancelRecount: (() => void) | undefined;

  constructor(env: Environment, rest: Rest, inbox: Inbox, events: FeedEvents) {
    this.env = env;
    this.rest = rest;
    this.inbox = inbox;
    this.events = events;
    this.ranges = new Ranges((told) => this.apply(told));
  }

  /** Take in a range; if it does not follow on ours, wait a moment for what lies between, then ask for it. */
  offer(range: Range): void {
    this.ranges.offer(range);
    if (!this.ranges.gap || this.cancelHold) return;
    this.cancelHold = this.env.after(HOLD_MS, () => {
      this.cancelHold = undefined;
      if (this.ranges.gap) this.events.onGap(this.ranges.seq!);
    });
  }

  /** Our connection is gone, and with it whatever it had told too early. */
  disconnected(): void {
    this.cancelHold?.();
    this.cancelHold = undefined;
    this.ranges.drop();
  }

  start(): void {
    this.stopped = false;
  }

  /** End all that is under way. */
  stop(): void {
    this.stopped = true;
    this.disconnected();
    this.recovery?.abort();
    this.cancelRecount?.();
    this.cancelRecount = undefined;
  }

  /** Read the snapshot, and go on from its cursor; what is told meanwhile is kept. Answers once it stands. */
  async recover(): Promise<void> {
    this.recovery?.abort();
    const { signal } = (this.recovery = new AbortController());
    this.ranges.suspend();
    const backoff = new Backoff(this.env);
    while (!signal.aborted) {
      try {
        await this.learnWho();
        const snapshot = await this.snapshot();
        if (signal.aborted) return;
        // Now, not before: what is read while nothing is applied misses what is kept.
        this.inbox.forget();
        this.inbox.reset(snapshot);
        this.ranges.start(...splitCursor(snapshot.cursor));
        this.events.onReset();
        this.changed();
        await this.loadThreads();
        return;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (!error.temporary) return signal.aborted ? undefined : this.events.onRefused(error);
        await pause(this.env, backoff.next(error.retryAfterMs), signal);
      }
    }
  }

  /** Read the newest page of every open thread that was not read since its topic is listened to. */
  async loadThreads(): Promise<void> {
    const unread = [...this.inbox.threads].filter(([, thread]) => !thread.loaded).map(([id]) => id);
    await Promise.all(unread.map((id) => this.loadThread(id).catch(() => {})));
  }

  /** Read the threads of these topics again: something may have been told without them. */
  async reload(topics: string[]): Promise<void> {
    for (const topic of topics) {
      const thread = this.inbox.threads.get(topic.slice(topic.indexOf(":") + 1));
      if (thread) thread.loaded = false;
    }
    await this.loadThreads();
  }

  /** Read a thread's newest page, however long that takes, or (`older`) the page before what is known. Throws ApiError. */
  async loadThread(id: string, older: string | null = null): Promise<void> {
    const thread = this.inbox.threads.get(id);
    const unread = () => !this.stopped && this.inbox.threads.get(id) === thread && !thread?.loaded;
    await this.read(older ? undefined : unread, async () => {
      const query = `limit=${THREAD_PAGE}${older ? `&cursor=${encodeURIComponent(older)}` : ""}`;
      const [page, conversation] = await Promise.all([
        this.rest.get<Page<Message>>(`/v1/conversations/${id}/messages?${query}`),
        this.inbox.conversations.has(id) ? null : this.rest.get<{ data: Conversation }>(`/v1/conversations/${id}`),
      ]);
      return () => {
        if (conversation) this.inbox.addConversation(conversation.data);
        this.inbox.putPage(id, page, !older);
      };
    });
  }

  private apply(told: ParleyEvent[]): void {
    for (const event of told) {
      if (event.data === null && event.ref) void this.fetchStub(event, event.ref);
      else if (event.type === "bulk.updated") void this.refresh().catch(() => {});
      this.inbox.apply(event);
      this.events.onEvent(event);
    }
    this.changed();
  }

  private changed(): void {
    if (this.inbox.countsDoubtful && !this.cancelRecount) {
      this.cancelRecount = this.env.after(RECOUNT_MS * (1 + this.env.random()), () => {
        this.cancelRecount = undefined;
        void this.refresh().catch(() => {});
      });
    }
    this.events.onChange();
  }

  /** Read the list and its counters again, without losing our place. */
  private async refresh(): Promise<void> {
    const open = () => [...this.inbox.threads.keys()].map((id) => this.inbox.conversations.get(id));
    let shown: ReturnType<typeof open> = [];
    await this.read(undefined, async () => {
      const snapshot = await this.snapshot();
      return () => {
        shown = open();
        this.inbox.reset(snapshot);
      };
    });
    for (const conversation of shown) if (conversation) this.inbox.addConversation(conversation);
  }

  /** An event that was too long for a frame: fetch what it is about, as it is now. */
  private async fetchStub(event: ParleyEvent, ref: string): Promise<void> {
    try {
      await this.read(undefined, async () => {
        const { data } = await this.rest.get(ref);
        const conversation =
          event.type === "message.new" ? (await this.rest.get(`/v1/conversations/${event.conversationId}`)).data : null;
        const full = { ...event, data: conversation ? { message: data, conversation } : data };
        return () => {
          // With the message itself at hand, a change of it is told by what it is now.
          this.inbox.apply(event.type.startsWith("message.") && !conversation ? { ...full, type: "message.updated" } : full);
          this.events.onEvent(full);
        };
      });
    } catch (error) {
      // Erased meanwhile: there is nothing any more to show.
      if (!(error instanceof ApiError && error.status === 404)) await this.recover();
    }
  }

  /**
   * Read something and put it in; then apply again what was told meanwhile. What cannot be reached is tried again, a few
   * times or for as long as it is `wanted`.
   */
  private async read(wanted: (() => boolean) | undefined, ask: () => Promise<() => void>): Promise<void> {
    const backoff = new Backoff(this.env);
    for (let tries = 1; ; tries += 1) {
      const reading = this.inbox.reading();
      try {
        const put = await ask();
        if (reading.stale()) continue;
        put();
        reading.finish();
        this.events.onChange();
        return;
      } catch (error) {
        if (!(error instanceof ApiError) || !error.temporary || (!wanted && tries === TRIES)) throw error;
        await pause(this.env, backoff.next(error.retryAfterMs));
        if (wanted && !wanted()) return;
      } finally {
        reading.abandon();
      }
    }
  }

  private async snapshot(): Promise<Snapshot> {
    this.snapshots += 1;
    return (await this.rest.get<{ data: Snapshot }>("/v1/snapshot")).data;
  }

  private async learnWho(): Promise<void> {
    this.inbox.me ??= (await this.rest.get<{ data: { id: string } }>("/v1/me")).data.id;
  }
}
