/**
 * What the client needs of the world: clock, chance, network, storage, the page. The one rule: nothing else in this
 * package touches a global, so that a test can be the world.
 */

export interface SocketLike {
  readonly protocol: string;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(data: string): void;
  close(code?: number): void;
}

export interface Channel {
  onmessage: ((event: any) => void) | null;
  postMessage(data: unknown): void;
  close(): void;
}

export interface Environment {
  now(): number;
  /** Call `then` after `ms`; answers how to prevent it. */
  after(ms: number, then: () => void): () => void;
  /** From 0 up to, not including, 1. */
  random(): number;
  fillRandom(bytes: Uint8Array): void;
  fetch(url: string, init: RequestInit): Promise<Response>;
  socket(url: string, protocols: string[]): SocketLike;
  readonly indexedDB: IDBFactory | undefined;
  /** Run `work` while no other tab holds `name`. */
  exclusively<T>(name: string, work: () => Promise<T>): Promise<T>;
  channel(name: string): Channel | undefined;
  visible(): boolean;
  /** How long nobody has touched the page. */
  idleMs(): number;
  /** `online`: the network is back; `visible`, `hidden`: the page is. Answers how to stop listening. */
  watch(then: (what: "online" | "visible" | "hidden") => void): () => void;
}

const TOUCHES = ["pointerdown", "pointermove", "keydown", "wheel"];

/** The page this runs in; outside of a browser (Node.js) what is missing is left out. */
export function browserEnvironment(): Environment {
  const page = globalThis.document as Document | undefined;
  const events = typeof globalThis.addEventListener === "function" ? globalThis : undefined;
  let touchedAt = Date.now();
  return {
    now: () => Date.now(),
    after(ms, then) {
      const timer = setTimeout(then, ms);
      return () => clearTimeout(timer);
    },
    random: () => Math.random(),
    fillRandom: (bytes) => void crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>),
    fetch: (url, init) => fetch(url, init),
    socket: (url, protocols) => new WebSocket(url, protocols),
    indexedDB: globalThis.indexedDB,
    exclusively: async (name, work) =>
      // Without locks two tabs may both send; the idempotency key still makes it one message.
      globalThis.navigator?.locks ? await navigator.locks.request(name, work) : await work(),
    channel: (name) => (globalThis.BroadcastChannel ? new BroadcastChannel(name) : undefined),
    visible: () => page?.visibilityState !== "hidden",
    idleMs: () => Date.now() - touchedAt,
    watch(then) {
      const online = () => then("online");
      // A page that is being left is hidden first, and may be a reload: that is no looking elsewhere.
      let leaving = false;
      const turn = ({ type }: Event) => void (leaving = type === "pagehide");
      const visibility = () => leaving || then(page?.visibilityState === "hidden" ? "hidden" : "visible");
      const touch = () => (touchedAt = Date.now());
      events?.addEventListener("online", online);
      for (const name of ["pagehide", "pageshow"]) events?.addEventListener(name, turn);
      page?.addEventListener("visibilitychange", visibility);
      for (const name of TOUCHES) page?.addEventListener(name, touch, { passive: true });
      return () => {
        events?.removeEventListener("online", online);
        for (const name of ["pagehide", "pageshow"]) events?.removeEventListener(name, turn);
        page?.removeEventListener("visibilitychange", visibility);
        for (const name of TOUCHES) page?.removeEventListener(name, touch);
      };
    },
  };
}

/** Resolve after `ms`, or at once when `signal` says so. */
export function pause(env: Environment, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = env.after(ms, done);
    function done() {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    }
    if (signal?.aborted) done();
    else signal?.addEventListener("abort", done);
  });
}
