/** The hooks in a small page, over a server in memory. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { newestFirst, ParleyClient } from "@parley/client";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { Window } from "happy-dom";
import { act, createElement, type ReactNode } from "react";
import { Server } from "../../client/tests/server.ts";
import { settle, World } from "../../client/tests/world.ts";
import * as hooks from "../src/index.ts";

const window = new Window();
Object.assign(globalThis, { window, document: window.document, IS_REACT_ACT_ENVIRONMENT: true });
const { createRoot } = await import("react-dom/client");

/** Render `use()` and keep what it answered last. */
async function page<T>(use: () => T, prepare: (server: Server, world: World) => void = () => {}) {
  const world = new World();
  const server = new Server(world);
  server.write("k1");
  prepare(server, world);
  const answer = world.answer;
  world.answer = (asked) => list(server, asked.path) ?? answer(asked);
  const client = new ParleyClient({ baseUrl: "", token: "jwt", account: "ana", environment: world.environment(), log: () => {} });
  const cache = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const shown: { now: T } = { now: undefined as T };
  const Component = (): ReactNode => {
    shown.now = use();
    return null;
  };
  const root = createRoot(window.document.createElement("div") as unknown as Element);
  const inside = createElement(hooks.ParleyProvider, { client, children: createElement(Component) });
  await act(async () => root.render(createElement(QueryClientProvider, { client: cache, children: inside })));
  const pass = (ms: number) => act(async () => {
    await world.clock.advance(ms);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await settle(10);
  });
  const leave = async () => {
    await act(async () => root.unmount());
    cache.clear();
  };
  await pass(1_000);
  return { world, server, client, shown, pass, leave };
}

/** `GET /v1/conversations`, which the client itself does not need. */
function list(server: Server, path: string): [number, unknown] | undefined {
  if (!path.startsWith("/v1/conversations?")) return undefined;
  const query = new URLSearchParams(path.split("?")[1]);
  const wanted = query.get("status");
  const all = [...server.conversations.values()].filter(({ status }) => !wanted || status === wanted).sort(newestFirst);
  const [from, limit] = [Number(query.get("cursor") ?? 0), Number(query.get("limit"))];
  const more = from + limit < all.length;
  return [200, { data: all.slice(from, from + limit), pagination: { nextCursor: more ? String(from + limit) : null, hasMore: more } }];
}

test("useConnection tells how the connection is", async () => {
  const { shown, world, pass, leave } = await page(() => hooks.useConnection());
  assert.deepEqual(shown.now, { mode: "live", isConnected: true });
  world.socket.cut();
  world.connect = () => {};
  await pass(10);
  assert.equal(shown.now.isConnected, false);
  await leave();
});

test("useConversations shows a list, moves what is written to, and drops what no longer belongs", async () => {
  const { shown, server, pass, leave } = await page(() => hooks.useConversations({ status: "open" }), (before) => before.write("k2"));
  const ids = () => shown.now.conversations.map(({ id }) => id);
  await pass(10);
  assert.equal(ids().length, 2);
  server.write("k1");
  server.push();
  await pass(10);
  assert.equal(ids()[0], "k1");
  server.write("k3");
  server.push();
  await pass(10);
  assert.deepEqual(ids().slice(0, 2), ["k3", "k1"]);
  server.update("k3", { status: "resolved" });
  server.push();
  await pass(10);
  assert.ok(!ids().includes("k3"));
  assert.equal(shown.now.isLoading, false);
  await leave();
});

test("useConversations reads further pages", async () => {
  const { shown, pass, leave } = await page(() => hooks.useConversations(), (before) => {
    for (let at = 0; at < 40; at += 1) before.write(`c${at}`);
  });
  assert.equal(shown.now.conversations.length, 30);
  assert.ok(shown.now.hasMore);
  void shown.now.loadMore();
  await pass(10);
  assert.equal(shown.now.conversations.length, 41);
  assert.equal(shown.now.hasMore, false);
  await leave();
});

test("useMessages and useSendMessage: a message is shown as queued at once, then as what became of it", async () => {
  const { shown, server, pass, leave } = await page(() => ({ ...hooks.useMessages("k1"), ...hooks.useSendMessage("k1") }));
  assert.equal(shown.now.isLoading, false);
  assert.deepEqual(shown.now.messages.map(({ text }) => text), ["text 1"]);
  server.http = ({ method }) => (method === "POST" ? "lost" : "ok");
  void shown.now.send({ type: "text", text: "ours" });
  await pass(10);
  const waiting = shown.now.messages.at(-1)!;
  assert.deepEqual([waiting.text, waiting.status, waiting.unsent?.state], ["ours", "queued", "queued"]);
  server.http = () => "ok";
  await pass(5_000);
  server.push();
  await pass(10);
  assert.equal(shown.now.messages.length, 2);
  const [, sent] = shown.now.messages;
  assert.deepEqual([sent!.status, sent!.unsent, sent!.clientKey], ["queued", undefined, waiting.clientKey]);
  server.status(sent!.id, "delivered");
  server.push();
  await pass(10);
  assert.equal(shown.now.messages[1]!.status, "delivered");
  await leave();
});

test("useMessages reads older pages", async () => {
  const { shown, pass, leave } = await page(() => hooks.useMessages("k1"), (before) => {
    for (let at = 0; at < 69; at += 1) before.write("k1");
  });
  assert.equal(shown.now.messages.length, 50);
  assert.ok(shown.now.hasOlder);
  void shown.now.loadOlder();
  await pass(10);
  assert.equal(shown.now.messages.length, 70);
  assert.equal(shown.now.hasOlder, false);
  await leave();
});

test("useTyping and usePresence show the others", async () => {
  const { shown, world, pass, leave } = await page(() => ({ ...hooks.useTyping("k1"), presence: hooks.usePresence() }));
  const by = { kind: "contact", id: "c-k1", name: "Bea" };
  const bruno = { userId: "u2", name: "Bruno", state: "online", viewing: ["k1"], lastSeenAt: "2026-01-01T00:00:00.000Z" };
  world.socket.say({ type: "ephemeral", event: "presence.typing", data: { conversationId: "k1", by, on: true }, ttlMs: 6_000 });
  world.socket.say({ type: "ephemeral", event: "presence.join", data: bruno, ttlMs: 75_000 });
  await pass(10);
  assert.deepEqual(shown.now.typing, [by]);
  assert.deepEqual(shown.now.presence, [bruno]);
  shown.now.setTyping(true);
  assert.equal(world.socket.last("typing").on, true);
  await pass(7_000);
  assert.deepEqual(shown.now.typing, []);
  await leave();
});

test("useMediaUrl answers a URL, useQueues the queues", async () => {
  const series = [{ at: "2026-03-01T12:00:00.000Z", completed: 10, failed: 0 }];
  const figures = { depth: 3, inFlight: 0, oldestAgeSeconds: 1, ratePerMinute: 2, errorRate: 0, dead: 0 };
  const queue = { name: "inbound", ...figures, paused: null, sentence: null, series };
  const expiresAt = new Date(Date.now() + 300_000).toISOString();
  const { shown, leave } = await page(() => ({ media: hooks.useMediaUrl("f1", { thumbnail: true }), queues: hooks.useQueues() }), (_, world) => {
    const answer = world.answer;
    world.answer = (asked) => {
      if (asked.path === "/v1/media/f1/url?thumbnail=true") return [200, { data: { url: "https://bucket/f1", expiresAt } }];
      return asked.path === "/v1/queues" ? [200, { data: [queue] }] : answer(asked);
    };
  });
  assert.equal(shown.now.media.url, "https://bucket/f1");
  assert.deepEqual(shown.now.queues.queues, [queue]);
  await leave();
});

test("outside of a provider a hook says so", async () => {
  const root = createRoot(window.document.createElement("div") as unknown as Element, { onUncaughtError: () => {} });
  const Lost = () => (hooks.useParley(), null);
  await assert.rejects(async () => await act(async () => root.render(createElement(Lost))), /ParleyProvider/);
});
