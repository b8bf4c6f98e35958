/** What a client is made with, and what it tells. */

import type { Environment } from "./environment.ts";
import type { OutboxItem } from "./outbox_store.ts";
import type { TokenSource } from "./rest.ts";
import type { Conversation, Message, Mode, ParleyEvent, Typing, UserPresence } from "./types.ts";

export interface ClientOptions {
  /** Where the API is; the page's own origin without it. */
  baseUrl?: string;
  token: TokenSource;
  /** Names the outbox; by default the token's `sub`. Set it where tokens are not JWTs. */
  account?: string;
  /** Whether to live on `GET /v1/events` where no socket can be had. */
  polling?: boolean;
  connectTimeoutMs?: number;
  credential?: "ticket" | "bearer";
  socketUrl?: string;
  log?: (message: string, detail?: unknown) => void;
  /** Parts of the world to replace: for tests, and for places that are no browser. */
  environment?: Partial<Environment>;
}

export interface ClientEvents {
  /** A message is new or changed. `kind` is the event's type. */
  message: { kind: string; conversationId: string; messageId: string; message: Message | undefined };
  conversation: Conversation;
  status: { conversationId: string; id: string; status: string; error: unknown };
  typing: Typing;
  presence: UserPresence;
  state: { mode: Mode; reason: string | undefined };
  /** Every event of the log, as it came. */
  event: ParleyEvent;
  /** What is shown changed: these conversations, these threads. */
  change: { conversations: string[]; threads: string[] };
  /** Everything was read anew: what was derived from the inbox is to be derived again. */
  reset: null;
  outbox: OutboxItem[];
  sent: { item: OutboxItem; message: Message };
}

export interface Metrics {
  mode: Mode; reconnects: number; snapshots: number; requests: number; latencyMs: number | null; waiting: number;
}

/** Whose token it is; nothing is proved by it, it only names a drawer. */
export function subjectOf(token: string): string {
  try {
    const middle = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
    return String(JSON.parse(atob(middle)).sub ?? "");
  } catch {
    return "";
  }
}
