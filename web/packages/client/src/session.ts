/**
 * The connection's life: `idle → connecting → live → backoff → polling → stopped`. The one rule: it comes back by
 * itself, never at the same moment as everybody else, and never without its place in the log.
 */

import { Backoff } from "./backoff.ts";
import { dial, type DialOptions } from "./dial.ts";
import type { Environment } from "./environment.ts";
import type { Feed } from "./feed.ts";
import { FrameError, type Link } from "./link.ts";
import { Poller } from "./poller.ts";
import { ApiError, type Rest } from "./rest.ts";
import type { Batch, Bye, Frame, Mode, Range, UserPresence, Welcome } from "./types.ts";

const STEADY_MS = 30_000;
const POLLING_AFTER_MS = 15_000;
const POLLING_AFTER_FAILURES = 3;
const SOCKET_EVERY_MS = 60_000;
const PROBE_MS = 5_000;

export interface SessionOptions extends DialOptions {
  polling: boolean;
  tab: string;
}

export interface SessionEvents {
  onMode(mode: Mode, reason: string | undefined): void;
  onEphemeral(event: string, data: any, ttlMs: number): void;
  onPresence(everybody: UserPresence[]): void;
  /** A topic cannot be listened to any more; without it, connecting may succeed. */
  onTopicRefused(topic: string): void;
}

export class Session {
  mode: Mode = "idle";
  reconnects = 0;
  link: Link | undefined;
  private readonly feed: Feed;
  private readonly env: Environment;
  private readonly rest: Rest;
  private readonly options: SessionOptions;
  private readonly events: SessionEvents;
  private readonly topics: () => string[];
  private readonly backoff: Backoff;
  private readonly poller: Poller;
  private early: Range[] = [];
  private dialling: AbortController | undefined;
  private welcomes = 0;
  private failures = 0;
  private retry: (() => void) | undefined;
  private timers: (() => void)[] = [];
  private cancelPolling: (() => void) | undefined;
  private unwatch: (() => void) | undefined;

  constructor(
    env: Environment, rest: Rest, feed: Feed, topics: () => string[], options: SessionOptions, events: SessionEvents,
  ) {
    this.env = env;
    this.rest = rest;
    this.feed = feed;
    this.topics = topics;
    this.options = options;
    this.events = events;
    this.backoff = new Backoff(env);
    this.poller = new Poller(env, rest, feed, topics, (everybody) => events.onPresence(everybody));
  }

  /** Begin, or begin anew after the end. */
  start(): void {
    if (this.mode !== "idle" && this.mode !== "stopped") return;
    this.unwatch = this.env.watch((what) => this.noticed(what));
    this.feed.start();
    this.failures = 0;
    this.backoff.reset();
    this.pollSoon();
    this.to("connecting");
    void this.connect();
  }

  /** End for good, until `start`. */
  stop(reason?: string): void {
    if (this.mode === "stopped") return;
    this.dialling?.abort();
    this.dialling = undefined;
    this.clear();
    this.cancelPolling?.();
    this.unwatch?.();
    this.poller.stop();
    this.feed.stop();
    this.to("stopped", reason);
    const link = this.link;
    this.link = undefined;
    link?.tell({ action: "bye" });
    link?.end();
  }

  /** What a ping tells of this tab. */
  attention(): Record<string, unknown> {
    const { seq } = this.feed.ranges;
    return {
      ...(seq === null ? {} : { at: seq }), visible: this.env.visible(), idleMs: Math.max(0, Math.round(this.env.idleMs())),
    };
  }

  private to(mode: Mode, reason?: string): void {
    if (this.mode === mode && !reason) return;
    this.mode = mode;
    this.events.onMode(mode, reason);
  }

  /** Open a link and say hello. A link that is there lives on until the new one was welcomed. */
  private async connect(): Promise<void> {
    if (this.dialling) return;
    this.retry?.();
    this.retry = undefined;
    const dialling = (this.dialling = new AbortController());
    this.early = [];
    try {
      await dial(this.env, this.rest, this.options, this.topics, () => this.hello(), dialling.signal, {
        onFrame: (frame, from) => this.hear(frame, from),
        onEnd: (from, bye) => this.ended(from, bye),
        onLate: (topics) => void this.feed.reload(topics),
      });
    } catch (error) {
      if (dialling.signal.aborted) return;
      this.dialling = undefined;
      this.failed(error);
    } finally {
      if (this.dialling === dialling) this.dialling = undefined;
    }
  }

  private hello(): Record<string, unknown> {
    return { v: 1, cursor: this.feed.ranges.cursor, tab: this.options.tab, visible: this.env.visible() };
  }

  private hear(frame: Frame, link: Link): void {
    if (frame.type === "welcome") this.welcomed(frame as unknown as Welcome, link);
    else if (frame.type === "batch" || frame.type === "pong") {
      const { from, to, events = [], more } = frame as unknown as Batch;
      // Until it was welcomed, what a link leaves out may be listened to by now.
      if (link !== this.link) this.early.push({ from, to, events });
      else this.feed.offer({ from, to, events });
      if (more && link === this.link) this.sync(to);
    } else if (frame.type === "ephemeral") this.events.onEphemeral(frame.event, frame.data, frame.ttlMs);
  }

  private welcomed(welcome: Welcome, link: Link): void {
    const before = this.link;
    this.link = link;
    this.clear();
    this.cancelPolling?.();
    this.poller.stop();
    this.failures = 0;
    before?.tell({ action: "bye" });
    before?.end();
    if (this.mode !== "live" && this.welcomes > 0) this.reconnects += 1;
    this.welcomes += 1;
    this.schedule(welcome, link);
    this.events.onPresence(welcome.presence);
    this.to("live");
    if (welcome.recovered) {
      this.feed.offer(welcome);
      if (welcome.more) this.sync(welcome.to);
      void this.feed.loadThreads();
    } else void this.feed.recover();
    for (const range of this.early.splice(0)) this.feed.offer(range);
  }

  private schedule(welcome: Welcome, link: Link): void {
    link.heartbeat(welcome.heartbeatMs, () => this.attention());
    this.timers.push(this.env.after(STEADY_MS, () => this.backoff.reset()));
    // Earlier than asked for, and not all at once.
    const rollOver = welcome.maxAgeMs * (1 - 0.05 * this.env.random());
    this.timers.push(this.env.after(rollOver, () => void this.connect()));
    // The server's clock counts; ours may be wrong.
    const ahead = Date.parse(welcome.now) - this.env.now();
    this.renew(welcome.expiresAt, ahead, this.env.now() + rollOver, link);
  }

  /** Renew the session on the open socket, unless a new one comes first; if that fails, a new one comes now. */
  private renew(expiresAt: string, ahead: number, rollOverAt: number, link: Link): void {
    const ms = Math.max(1_000, (Date.parse(expiresAt) - ahead - this.env.now()) * 0.9);
    if (!(this.env.now() + ms < rollOverAt)) return;
    const ask = async () => {
      try {
        const { data } = await this.rest.request("POST", "/v1/realtime/ticket");
        const answer = await link.ask({ action: "auth", ticket: data.ticket });
        if (this.link === link) this.renew(answer.expiresAt, ahead, rollOverAt, link);
      } catch {
        if (this.link === link) void this.connect();
      }
    };
    this.timers.push(this.env.after(ms, () => void ask()));
  }

  /** Ask for what follows our place. */
  sync(from: number): void {
    const link = this.link;
    link?.ask({ action: "sync", from, limit: 500 }).catch((error: unknown) => {
      if (link !== this.link || !(error instanceof FrameError) || error.code === "closed") return;
      // The server is busy, or nobody answers, or the log does not reach back that far.
      if (error.retryAfterMs) this.timers.push(this.env.after(error.retryAfterMs, () => this.sync(from)));
      else if (error.temporary) link.end();
      else void this.feed.recover();
    });
  }

  private ended(link: Link, bye: Bye | undefined): void {
    if (link !== this.link) return;
    this.link = undefined;
    this.clear();
    if (bye?.reconnect === "never") return this.stop(bye.code);
    this.pollSoon();
    // A new link on its way goes on, and what it was told may be kept already.
    if (this.dialling) return this.to("connecting", bye?.code);
    this.feed.disconnected();
    const steady = this.env.now() - link.openedAt >= STEADY_MS;
    const now = bye?.reconnect === "now" && steady;
    this.to("backoff", bye?.code);
    this.connectIn(now ? bye.afterMs : this.backoff.next(bye?.afterMs));
  }

  private failed(error: unknown): void {
    if (error instanceof ApiError && error.final) return this.stop(error.code);
    if (error instanceof FrameError && error.topic) this.events.onTopicRefused(error.topic);
    this.failures += 1;
    const floor = error instanceof ApiError || error instanceof FrameError ? error.retryAfterMs : 0;
    if (this.link) {
      // Rolling over did not work; the old link still does.
      this.connectIn(this.backoff.next(floor));
      return;
    }
    this.feed.disconnected();
    if (this.failures >= POLLING_AFTER_FAILURES) this.poll();
    if (this.mode !== "polling") this.to("backoff");
    this.connectIn(this.mode === "polling" ? Math.max(floor, SOCKET_EVERY_MS) : this.backoff.next(floor));
  }

  private connectIn(ms: number): void {
    this.retry?.();
    this.retry = this.env.after(ms, () => {
      this.retry = undefined;
      if (this.mode === "backoff") this.to("connecting");
      void this.connect();
    });
  }

  private pollSoon(): void {
    this.cancelPolling?.();
    this.cancelPolling = this.env.after(POLLING_AFTER_MS, () => this.poll());
  }

  private poll(): void {
    if (!this.options.polling || this.link || this.mode === "polling" || this.mode === "stopped") return;
    this.cancelPolling?.();
    this.to("polling");
    if (this.retry) this.connectIn(SOCKET_EVERY_MS);
    this.poller.start();
  }

  /** The network or the page is back: do not wait any longer. */
  private noticed(what: "online" | "visible" | "hidden"): void {
    if (this.link) {
      // A socket that slept may be dead; the server learns whether somebody looks.
      void this.link.ping(this.attention(), PROBE_MS);
    } else if (what !== "hidden") {
      this.poller.wake();
      if (!this.dialling) {
        if (this.mode === "backoff") this.to("connecting");
        void this.connect();
      }
    }
  }

  private clear(): void {
    this.retry?.();
    this.retry = undefined;
    for (const cancel of this.timers.splice(0)) cancel();
  }
}
