/**
 * Who is here, who is typing. The one rule: none of this is kept by the server, so it fades by itself where its end was
 * not heard.
 */

import type { Environment } from "./environment.ts";
import type { Message, Typing, UserPresence } from "./types.ts";

const TYPING_MS = 3_000;
const FADES_MS = 6_000;

/** The others. */
export class People {
  readonly presence = new Map<string, UserPresence>();
  private readonly typing = new Map<string, { told: Typing; cancel: () => void }>();
  private readonly env: Environment;
  private readonly onTyping: (typing: Typing) => void;

  constructor(env: Environment, onTyping: (typing: Typing) => void) {
    this.env = env;
    this.onTyping = onTyping;
  }

  /** Everybody who is here now. Answers those of whom something changed. */
  replace(everybody: UserPresence[]): UserPresence[] {
    const here = new Set(everybody.map(({ userId }) => userId));
    const gone = [...this.presence.values()].filter((one) => !here.has(one.userId) && one.state !== "offline");
    const changed = [...everybody, ...gone.map((one): UserPresence => ({ ...one, state: "offline", viewing: [] }))];
    return changed.filter((one) => this.put(one));
  }

  /** Answers whether it was news. */
  put(one: UserPresence): boolean {
    const news = JSON.stringify(this.presence.get(one.userId)) !== JSON.stringify(one);
    this.presence.set(one.userId, one);
    return news;
  }

  /** Who is typing in a conversation just now. */
  typingIn(conversationId: string): Typing["by"][] {
    return [...this.typing.values()].map(({ told }) => told).filter((one) => one.conversationId === conversationId)
      .map(({ by }) => by);
  }

  types(told: Typing, ttlMs = FADES_MS): void {
    const key = keyOf(told.conversationId, told.by);
    const known = this.typing.get(key);
    known?.cancel();
    if (told.on) {
      this.typing.set(key, { told, cancel: this.env.after(ttlMs, () => this.types({ ...told, on: false })) });
    } else if (!this.typing.delete(key)) return;
    if (told.on !== Boolean(known)) this.onTyping(told);
  }

  /** A message ends its writer's typing. */
  wrote({ conversationId, sender }: Message): void {
    this.types({ conversationId, by: sender, on: false });
  }
}

/** Ourselves: told at once, repeated while it goes on, taken back when it stops. */
export class OwnTyping {
  private readonly going = new Map<string, { toldAt: number; cancel: () => void }>();
  private readonly env: Environment;
  private readonly tell: (conversationId: string, on: boolean) => void;

  constructor(env: Environment, tell: (conversationId: string, on: boolean) => void) {
    this.env = env;
    this.tell = tell;
  }

  /** Call it at every key. */
  set(conversationId: string, on: boolean): void {
    const known = this.going.get(conversationId);
    known?.cancel();
    if (!on) {
      if (this.going.delete(conversationId)) this.tell(conversationId, false);
      return;
    }
    const now = this.env.now();
    const due = !known || now - known.toldAt >= TYPING_MS;
    const cancel = this.env.after(TYPING_MS, () => this.set(conversationId, false));
    this.going.set(conversationId, { toldAt: due ? now : known.toldAt, cancel });
    if (due) this.tell(conversationId, true);
  }

  stop(): void {
    for (const conversationId of [...this.going.keys()]) this.set(conversationId, false);
  }
}

function keyOf(conversationId: string, by: Typing["by"]): string {
  return `${conversationId} ${by.kind} ${by.id}`;
}
