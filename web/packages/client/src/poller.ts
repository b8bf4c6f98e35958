/**
 * Lives on `GET /v1/events` where no socket can be had. The one rule: the same cursor and the same events as on the
 * socket, so that changing between them loses nothing.
 */

import { Backoff } from "./backoff.ts";
import { pause, type Environment } from "./environment.ts";
import type { Feed } from "./feed.ts";
import { splitCursor } from "./ranges.ts";
import { ApiError, type Rest } from "./rest.ts";
import type { ParleyEvent, UserPresence } from "./types.ts";

const VISIBLE_MS = 3_000;
const HIDDEN_MS = 30_000;
const PRESENCE_MS = 30_000;
const LONGEST_TOPICS = 3_500;

interface Told { data: ParleyEvent[]; cursor: string; hasMore: boolean; reset: boolean }

export class Poller {
  private readonly env: Environment;
  private readonly rest: Rest;
  private readonly feed: Feed;
  private readonly topics: () => string[];
  private readonly onPresence: (everybody: UserPresence[]) => void;
  private running: AbortController | undefined;
  private sleep: AbortController | undefined;
  private presenceAt = 0;

  constructor(
    env: Environment, rest: Rest, feed: Feed, topics: () => string[], onPresence: (everybody: UserPresence[]) => void,
  ) {
    this.env = env;
    this.rest = rest;
    this.feed = feed;
    this.topics = topics;
    this.onPresence = onPresence;
  }

  start(): void {
    if (this.running) return;
    this.running = new AbortController();
    void this.run(this.running.signal);
  }

  stop(): void {
    this.running?.abort();
    this.running = undefined;
    this.wake();
  }

  /** Look now. */
  wake(): void {
    this.sleep?.abort();
  }

  private async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(this.env);
    while (!signal.aborted) {
      let wait = this.env.visible() ? VISIBLE_MS : HIDDEN_MS;
      try {
        if (await this.look(signal)) wait = 0;
        backoff.reset();
        await this.lookAround(signal);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        // What cannot succeed by itself is found out, and ended, by the next try to connect.
        wait = Math.max(wait, backoff.next(error.retryAfterMs));
      }
      if (wait > 0 && !signal.aborted) {
        this.sleep = new AbortController();
        await pause(this.env, wait, this.sleep.signal);
      }
    }
  }

  /** One look at the log; whether there is more to see at once. */
  private async look(signal: AbortSignal): Promise<boolean> {
    const after = this.feed.ranges.cursor;
    if (after === null) {
      await this.feed.recover();
      return false;
    }
    const topics = this.topics().join(",");
    // Too many to name: everything the person may see holds them all.
    const named = topics.length > LONGEST_TOPICS ? "" : `&topics=${encodeURIComponent(topics)}`;
    const told = await this.rest.get<Told>(`/v1/events?after=${encodeURIComponent(after)}&limit=500${named}`);
    // Somebody else goes on from here, or began anew: this answer is of another time.
    if (signal.aborted || this.feed.ranges.epoch !== splitCursor(after)[0]) return false;
    // What it leaves out is listened to by now.
    if (this.topics().join(",") !== topics) return true;
    if (told.reset) {
      await this.feed.recover();
      return false;
    }
    this.feed.offer({ from: splitCursor(after)[1], to: splitCursor(told.cursor)[1], events: told.data });
    await this.feed.loadThreads();
    return told.hasMore;
  }

  private async lookAround(signal: AbortSignal): Promise<void> {
    if (signal.aborted || !this.env.visible() || this.env.now() - this.presenceAt < PRESENCE_MS) return;
    this.presenceAt = this.env.now();
    const { data } = await this.rest.get<{ data: { users: UserPresence[] } }>("/v1/presence");
    if (!signal.aborted) this.onPresence(data.users);
  }
}
