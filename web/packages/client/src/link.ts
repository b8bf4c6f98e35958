/**
 * One socket: frames out, answers back, a heartbeat. The one rule: a link that was silent where it should have answered
 * is dead, whatever the socket says; a half-open one is never closed by its other side.
 */

import type { Environment, SocketLike } from "./environment.ts";
import type { Bye, ErrorFrame, Frame } from "./types.ts";

const SUBPROTOCOL = "parley.v1";
const ANSWER_MS = 10_000;

/** The server answered a frame with an error, or not at all (`code` is `silent`), or the link ended (`closed`). */
export class FrameError extends Error {
  readonly code: string;
  readonly temporary: boolean;
  readonly retryAfterMs: number;
  readonly topic: string | undefined;

  constructor({ code, message, temporary, retryAfterMs = 0, topic }: Omit<ErrorFrame, "type">) {
    super(message);
    this.code = code;
    this.temporary = temporary;
    this.retryAfterMs = retryAfterMs;
    this.topic = topic;
  }
}

/** What whoever opens a link wants to hear. `onEnd` comes once, with the server's `bye` if it said one. */
export interface LinkEvents {
  onFrame(frame: Frame, link: Link): void;
  onEnd(link: Link, bye: Bye | undefined): void;
}

interface Waiting { resolve(frame: Frame): void; reject(error: Error): void; cancel(): void }

export class Link {
  readonly openedAt: number;
  roundTripMs: number | null = null;
  private readonly env: Environment;
  private readonly socket: SocketLike;
  private readonly events: LinkEvents;
  private readonly waiting = new Map<string, Waiting>();
  private ids = 0;
  private heard = 0;
  private ended = false;
  private stopPinging: () => void = () => {};
  private open: { resolve(): void; reject(error: Error): void } | undefined;

  private constructor(env: Environment, url: string, credential: string, events: LinkEvents) {
    this.env = env;
    this.events = events;
    this.openedAt = env.now();
    this.socket = env.socket(url, [SUBPROTOCOL, credential]);
    this.socket.onmessage = ({ data }) => this.receive(String(data));
    this.socket.onclose = () => this.end();
    this.socket.onerror = () => this.end();
    this.socket.onopen = () => this.open?.resolve();
  }

  /** Open a socket. `credential` is `t.<ticket>` or `bearer.<token>`. Throws FrameError. */
  static async open(env: Environment, url: string, credential: string, events: LinkEvents, ms: number): Promise<Link> {
    const link = new Link(env, url, credential, events);
    const cancel = env.after(ms, () => link.end());
    try {
      await new Promise<void>((resolve, reject) => (link.open = { resolve, reject }));
      return link;
    } finally {
      cancel();
      link.open = undefined;
    }
  }

  /** Send a frame and wait for its answer. Throws FrameError. */
  ask<T extends Frame>(frame: Record<string, unknown>, ms = ANSWER_MS): Promise<T> {
    const id = String((this.ids += 1));
    return new Promise<T>((resolve, reject) => {
      if (this.ended) return reject(closed());
      const cancel = this.env.after(ms, () => {
        this.waiting.delete(id);
        reject(new FrameError({ code: "silent", message: "No answer.", temporary: true }));
      });
      this.waiting.set(id, { resolve: resolve as (frame: Frame) => void, reject, cancel });
      this.tell({ ...frame, id });
    });
  }

  /** Send a frame that has no answer. */
  tell(frame: Record<string, unknown>): void {
    if (this.ended) return;
    try {
      this.socket.send(JSON.stringify(frame));
    } catch {
      this.end(); // it is closing
    }
  }

  /** Ping every `everyMs`; `body` says what goes along. */
  heartbeat(everyMs: number, body: () => Record<string, unknown>): void {
    this.stopPinging();
    const beat = () => {
      this.stopPinging = this.env.after(everyMs, beat);
      void this.ping(body(), Math.min(everyMs, ANSWER_MS));
    };
    this.stopPinging = this.env.after(everyMs, beat);
  }

  /** Ask whether the other side is there; end the link if it does not say so within `ms`. */
  async ping(body: Record<string, unknown>, ms: number): Promise<void> {
    const [at, heard] = [this.env.now(), this.heard];
    try {
      // The pong is an empty range; `onFrame` gets it as every frame.
      await this.ask({ action: "ping", ...body }, ms);
      this.roundTripMs = this.env.now() - at;
    } catch (error) {
      // Any frame since is a sign of life, also the platform's own about a function that failed.
      if (error instanceof FrameError && error.code === "silent" && this.heard === heard) this.end();
    }
  }

  /** Say goodbye, or be found dead. */
  end(bye?: Bye): void {
    if (this.ended) return;
    this.ended = true;
    this.stopPinging();
    // The socket may take minutes to find out that nobody answers: it is heard no more.
    this.socket.onmessage = this.socket.onclose = this.socket.onerror = this.socket.onopen = null;
    try {
      this.socket.close(1000);
    } catch {
      // It never opened.
    }
    this.open?.reject(closed());
    for (const { reject, cancel } of this.waiting.values()) {
      cancel();
      reject(closed());
    }
    this.waiting.clear();
    this.events.onEnd(this, bye);
  }

  private receive(text: string): void {
    this.heard += 1;
    let frame: Frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return;
    }
    // API Gateway's own frames have no type.
    if (!frame?.type) return;
    if (frame.type === "bye") {
      this.end(frame as Bye);
      return;
    }
    const waiting = this.waiting.get(String(frame.id));
    if (waiting) {
      this.waiting.delete(String(frame.id));
      waiting.cancel();
      if (frame.type === "error") waiting.reject(new FrameError(frame as unknown as ErrorFrame));
      else waiting.resolve(frame);
    }
    this.events.onFrame(frame, this);
  }
}

function closed(): FrameError {
  return new FrameError({ code: "closed", message: "The connection ended.", temporary: true });
}
