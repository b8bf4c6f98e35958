/** A world for the client in which a test holds the clock, the dice and the network. */

import type { Environment, SocketLike } from "../src/environment.ts";
import type { Frame } from "../src/types.ts";

/** A clock that moves only when told to. */
export class Clock {
  now = Date.parse("2026-01-01T00:00:00Z");
  /** How many turns of the event loop work that is due may take; a database takes some. */
  turns = 3;
  private timers: { at: number; order: number; then: () => void }[] = [];
  private order = 0;

  after(ms: number, then: () => void): () => void {
    const timer = { at: this.now + Math.max(0, ms), order: (this.order += 1), then };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((one) => one !== timer));
  }

  /** Let `ms` pass, and everything happen that is due meanwhile. */
  async advance(ms: number): Promise<void> {
    const end = this.now + ms;
    await settle(this.turns);
    for (;;) {
      this.timers.sort((one, other) => one.at - other.at || one.order - other.order);
      const next = this.timers[0];
      if (!next || next.at > end) break;
      this.timers.shift();
      this.now = Math.max(this.now, next.at);
      next.then();
      await settle(this.turns);
    }
    this.now = end;
  }
}

/** Let every promise that can go on do so. */
export async function settle(turns = 3): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** mulberry32: small, seeded, good enough to shuffle with. */
export function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class FakeSocket implements SocketLike {
  onopen: ((event: unknown) => void) | null = null;
  onmessage: ((event: unknown) => void) | null = null;
  onclose: ((event: unknown) => void) | null = null;
  onerror: ((event: unknown) => void) | null = null;
  readonly protocol = "parley.v1";
  readonly sent: Frame[] = [];
  closed = false;
  readonly url: string;
  readonly protocols: string[];
  /** What the other side does with a frame. */
  heard: (frame: Frame) => void = () => {};

  constructor(url: string, protocols: string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  open(): void {
    this.onopen?.({});
  }

  send(data: string): void {
    const frame = JSON.parse(data);
    this.sent.push(frame);
    this.heard(frame);
  }

  /** The other side says something. */
  say(frame: Frame): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** The line is cut. */
  cut(): void {
    this.closed = true;
    this.onclose?.({});
  }

  close(): void {
    this.closed = true;
  }

  /** The last frame with this action. */
  last(action: string): Frame {
    const found = this.sent.findLast((frame) => frame.action === action);
    if (!found) throw new Error(`no ${action} was sent`);
    return found;
  }

  answer(action: string, frame: Frame): void {
    this.say({ id: this.last(action).id!, ...frame });
  }
}

export interface Asked { method: string; path: string; body: any; headers: Record<string, string> }
export type Answer = [status: number, body?: unknown, headers?: Record<string, string>] | "unreached" | "silent";

export class World {
  readonly clock = new Clock();
  readonly sockets: FakeSocket[] = [];
  readonly asked: Asked[] = [];
  random: () => number = () => 0.5;
  visible = true;
  idle = 0;
  /** How long a request is on its way there, and its answer on its way back. */
  latency: () => [there: number, back: number] = () => [0, 0];
  answer: (asked: Asked) => Answer = () => [404, { code: "not_found" }];
  connect: (socket: FakeSocket) => void = (socket) => queueMicrotask(() => socket.open());
  private watchers = new Set<(what: "online" | "visible" | "hidden") => void>();
  private locks = new Map<string, Promise<unknown>>();
  private channels = new Map<string, Set<{ onmessage: ((event: any) => void) | null }>>();
  indexedDB: IDBFactory | undefined = undefined;

  get socket(): FakeSocket {
    return this.sockets.at(-1)!;
  }

  notice(what: "online" | "visible" | "hidden"): void {
    if (what !== "online") this.visible = what === "visible";
    for (const watcher of this.watchers) watcher(what);
  }

  environment(): Environment {
    return {
      now: () => this.clock.now,
      after: (ms, then) => this.clock.after(ms, then),
      random: () => this.random(),
      fillRandom: (bytes) => bytes.forEach((_, at) => (bytes[at] = Math.floor(this.random() * 256))),
      fetch: (url, init) => this.fetch(url, init),
      socket: (url, protocols) => {
        const socket = new FakeSocket(url, protocols);
        this.sockets.push(socket);
        this.connect(socket);
        return socket;
      },
      indexedDB: this.indexedDB,
      exclusively: (name, work) => {
        const turn = (this.locks.get(name) ?? Promise.resolve()).then(work, work);
        this.locks.set(name, turn.catch(() => {}));
        return turn;
      },
      channel: (name) => {
        const all = this.channels.get(name) ?? new Set();
        this.channels.set(name, all);
        const channel = {
          onmessage: null as ((event: any) => void) | null,
          postMessage: (data: unknown) => {
            for (const other of all) if (other !== channel) queueMicrotask(() => other.onmessage?.({ data }));
          },
          close: () => void all.delete(channel),
        };
        all.add(channel);
        return channel;
      },
      visible: () => this.visible,
      idleMs: () => this.idle,
      watch: (then) => {
        this.watchers.add(then);
        return () => void this.watchers.delete(then);
      },
    };
  }

  /** The requests for a path, by its beginning. */
  requests(method: string, path: string): Asked[] {
    return this.asked.filter((one) => one.method === method && one.path.startsWith(path));
  }

  private async pass(ms: number): Promise<void> {
    if (ms > 0) await new Promise<void>((resolve) => this.clock.after(ms, resolve));
  }

  private async fetch(url: string, init: RequestInit): Promise<Response> {
    const headers = init.headers as Record<string, string>;
    const asked = { method: init.method!, path: url.replace(/^https?:\/\/[^/]+/, ""), body: init.body ? JSON.parse(String(init.body)) : undefined, headers };
    this.asked.push(asked);
    const [there, back] = this.latency();
    await this.pass(there);
    const answer = structuredClone(this.answer(asked));
    await this.pass(back);
    if (answer === "unreached") throw new TypeError("fetch failed");
    if (answer === "silent") {
      await new Promise((_, reject) => init.signal!.addEventListener("abort", () => reject(new Error("aborted"))));
      throw new Error("unreachable");
    }
    const [status, body, more = {}] = answer;
    return new Response(body === undefined ? null : JSON.stringify(body), { status, headers: more });
  }
}
