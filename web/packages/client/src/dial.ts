/** Open a link and say hello. The one rule: it ends in a welcome, or with nothing left open. */

import type { Environment } from "./environment.ts";
import { Link, type LinkEvents } from "./link.ts";
import { ApiError, type Rest } from "./rest.ts";

const MOST_TOPICS = 50;

export interface DialOptions {
  /** `bearer`: present the token itself at `socketUrl`, instead of a ticket at the URL that comes with it. */
  credential: "ticket" | "bearer";
  socketUrl: string | undefined;
  connectTimeoutMs: number;
}

export interface DialEvents extends LinkEvents {
  /** These topics are listened to only from now on: what was told before was told without them. */
  onLate(topics: string[]): void;
}

/**
 * The welcome goes to `events.onFrame`, in its turn among the frames. `topics` and `hello` are asked for once the socket
 * is open. Throws FrameError, ApiError.
 */
export async function dial(
  env: Environment, rest: Rest, options: DialOptions, topics: () => string[], hello: () => Record<string, unknown>,
  signal: AbortSignal, events: DialEvents,
): Promise<void> {
  const [url, credential] = await door(rest, options);
  if (signal.aborted) return;
  const ends = env.now() + options.connectTimeoutMs;
  const link = await Link.open(env, url, credential, events, options.connectTimeoutMs);
  const abort = () => link.end();
  try {
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort);
    const told = new Set<string>();
    const next = () => topics().filter((topic) => !told.has(topic)).slice(0, MOST_TOPICS);
    const first = next();
    for (const topic of first) told.add(topic);
    await link.ask({ action: "hello", ...hello(), topics: first }, Math.max(1, ends - env.now()));
    // What did not fit into hello, and what was subscribed to since.
    for (let late = next(); late.length > 0; late = next()) {
      await link.ask({ action: "subscribe", topics: late });
      for (const topic of late) told.add(topic);
      events.onLate(late);
    }
  } catch (error) {
    link.end();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function door(rest: Rest, { credential, socketUrl }: DialOptions): Promise<[url: string, credential: string]> {
  if (credential === "bearer") {
    if (!socketUrl) throw new ApiError(0, { detail: "With `bearer` there must be a `socketUrl`." });
    return [socketUrl, `bearer.${await rest.token()}`];
  }
  const { data } = await rest.request("POST", "/v1/realtime/ticket");
  return [socketUrl ?? data.url, `t.${data.ticket}`];
}
