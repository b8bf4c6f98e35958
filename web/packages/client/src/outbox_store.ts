/**
 * Where unsent messages wait: IndexedDB, so that a closed tab or a dead battery loses none. The one rule: what is in
 * here was not confirmed by the server yet. Where a browser has no database, memory does for this page.
 */

import type { Draft, Message } from "./types.ts";

/** `late`: it waited so long that its writer may have changed their mind; `stale`: others wrote meanwhile. */
export type Question = "late" | "stale";

export interface OutboxItem {
  /** Also its idempotency key. A UUIDv7, so items sort by when they were written. */
  clientKey: string;
  conversationId: string;
  draft: Draft;
  writtenAt: number;
  state: "queued" | "asking" | "failed";
  question?: Question;
  /** What the others wrote, where that is the question. */
  missed?: Message[];
  error?: { code: string; message: string };
  /** The writer said: send it, however late. */
  confirmed?: boolean;
}

export interface OutboxStore {
  all(): Promise<OutboxItem[]>;
  put(item: OutboxItem): Promise<void>;
  remove(clientKey: string): Promise<void>;
}

const TABLE = "outbox";

export function openOutboxStore(indexedDB: IDBFactory | undefined, name: string): OutboxStore {
  const memory = new Map<string, OutboxItem>();
  const opened = indexedDB ? open(indexedDB, name).catch(() => undefined) : Promise.resolve(undefined);
  const run = async <T>(mode: IDBTransactionMode, ask: (table: IDBObjectStore) => IDBRequest<T>, without: () => T) => {
    const database = await opened;
    if (!database) return without();
    const transaction = database.transaction(TABLE, mode);
    const request = ask(transaction.objectStore(TABLE));
    return await new Promise<T>((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error ?? new Error("The outbox is full."));
    });
  };
  return {
    all: async () => {
      const items = await run<OutboxItem[]>("readonly", (table) => table.getAll(), () => [...memory.values()]);
      return items.sort((one, other) => (one.clientKey < other.clientKey ? -1 : 1));
    },
    put: async (item) => {
      const keep = () => (memory.set(item.clientKey, item), item.clientKey as IDBValidKey);
      await run<IDBValidKey>("readwrite", (table) => table.put(item), keep);
    },
    remove: async (key) => {
      await run<undefined>("readwrite", (table) => table.delete(key), () => void memory.delete(key));
    },
  };
}

function open(indexedDB: IDBFactory, name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(TABLE, { keyPath: "clientKey" });
    request.onsuccess = () => {
      // Another tab may want to change the database one day: do not stand in its way.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = request.onblocked = () => reject(request.error ?? new Error("blocked"));
  });
}
