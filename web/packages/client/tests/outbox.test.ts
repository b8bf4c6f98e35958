/** What was written leaves once, in order, however often the line, the page or the server fails. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { IDBFactory } from "fake-indexeddb";
import { ParleyClient } from "../src/index.ts";
import { Server } from "./server.ts";
import { World } from "./world.ts";

function begin() {
  const world = new World();
  world.indexedDB = new IDBFactory();
  world.clock.turns = 100;
  let drawn = 0;
  world.random = () => ((drawn += 0.137) % 1);
  const server = new Server(world);
  server.write("k1");
  server.write("k2");
  const open = (account = "ana") =>
    new ParleyClient({ baseUrl: "", token: "jwt", account, environment: world.environment(), log: () => {} });
  return { world, server, open };
}

const text = (words: string) => ({ type: "text", text: words });
const sent = (server: Server, id = "k1") =>
  server.thread(id).filter(({ direction }) => direction === "outgoing").map((message) => message.text);
const posts = (world: World) => world.requests("POST", "/v1/conversations/");

test("a conversation's messages leave in the order they were written, under a UUIDv7 each", async () => {
  const { world, server, open } = begin();
  const client = open();
  client.connect();
  await world.clock.advance(1_000);
  const items = await Promise.all(["one", "two", "three"].map((words) => client.send("k1", text(words))));
  await world.clock.advance(1_000);
  assert.deepEqual(sent(server), ["one", "two", "three"]);
  const keys = posts(world).map(({ headers }) => headers["idempotency-key"]);
  assert.deepEqual(keys, items.map(({ clientKey }) => clientKey));
  for (const key of keys) assert.match(key!, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual(client.unsent(), []);
});

test("an answer that got lost is asked for again with the same key, and it is one message", async () => {
  const { world, server, open } = begin();
  const client = open();
  client.connect();
  await world.clock.advance(1_000);
  let failures = 3;
  server.http = ({ path }) => (path.endsWith("/messages") && (failures -= 1) >= 0 ? (["answer lost", "busy", "lost"] as const)[failures]! : "ok");
  await client.send("k1", text("once"));
  await client.send("k1", text("after"));
  await world.clock.advance(30_000);
  assert.deepEqual(sent(server), ["once", "after"]);
  assert.equal(new Set(posts(world).map(({ headers }) => headers["idempotency-key"])).size, 2);
});

test("what was written without a network survives the page, and leaves when it is back", async () => {
  const { world, server, open } = begin();
  const page = open();
  server.http = () => "lost";
  page.connect();
  await page.send("k1", text("from the train"));
  await world.clock.advance(2_000);
  page.close();
  const next = open();
  next.connect();
  await world.clock.advance(5_000);
  assert.deepEqual(next.unsent("k1").map(({ draft }) => draft.text), ["from the train"]);
  server.http = () => "ok";
  world.notice("online");
  await world.clock.advance(1_000);
  assert.deepEqual(sent(server), ["from the train"]);
  assert.deepEqual(next.unsent(), []);
});

test("somebody else in the same browser sends nothing of it", async () => {
  const { world, server, open } = begin();
  const ana = open();
  server.http = () => "lost";
  ana.connect();
  await ana.send("k1", text("Ana's"));
  ana.close();
  server.http = () => "ok";
  const bruno = open("bruno");
  bruno.connect();
  await world.clock.advance(10_000);
  assert.deepEqual([sent(server), bruno.unsent()], [[], []]);
});

test("what waited for more than ten minutes asks first", async () => {
  const { world, server, open } = begin();
  const client = open();
  client.connect();
  await world.clock.advance(1_000);
  server.http = ({ method }) => (method === "POST" ? "lost" : "ok");
  const item = await client.send("k1", text("good morning"));
  await client.send("k1", text("still there?"));
  await world.clock.advance(11 * 60_000);
  server.http = () => "ok";
  await world.clock.advance(60_000);
  assert.deepEqual(sent(server), []);
  assert.deepEqual(client.unsent().map(({ state, question }) => [state, question]), [["asking", "late"], ["queued", undefined]]);
  await client.decide(item.clientKey, "send");
  await world.clock.advance(1_000);
  assert.deepEqual(sent(server), ["good morning"]);
  const second = client.unsent()[0]!;
  assert.equal(second.question, "late");
  await client.decide(second.clientKey, "discard");
  await world.clock.advance(1_000);
  assert.deepEqual([sent(server), client.unsent()], [["good morning"], []]);
});

test("where somebody else answered meanwhile, it is a question", async () => {
  const { world, server, open } = begin();
  const client = open();
  client.connect();
  await world.clock.advance(1_000);
  const answer = world.answer;
  world.answer = (asked) => {
    const last = server.conversations.get("k1")!.lastNumber;
    const stale = asked.method === "POST" && asked.path.endsWith("k1/messages") && asked.body.expectedNumber < last;
    return stale ? [409, { code: "stale_conversation", messages: server.thread("k1").slice(asked.body.expectedNumber) }] : answer(asked);
  };
  server.write("k1", { direction: "outgoing", text: "Bruno's answer" });
  const item = await client.send("k1", text("Ana's answer"));
  await world.clock.advance(1_000);
  const [asking] = client.unsent();
  assert.deepEqual([asking!.question, asking!.missed!.map((message) => message.text)], ["stale", ["Bruno's answer"]]);
  await world.clock.advance(60_000);
  assert.deepEqual(sent(server), ["Bruno's answer"]);
  await client.decide(item.clientKey, "send");
  await world.clock.advance(1_000);
  assert.deepEqual(sent(server), ["Bruno's answer", "Ana's answer"]);
});

test("what the server refuses is shown, and does not hold up the rest", async () => {
  const { world, server, open } = begin();
  const client = open();
  client.connect();
  await world.clock.advance(1_000);
  const answer = world.answer;
  world.answer = (asked) =>
    asked.body?.text === "late" ? [409, { code: "window_closed", detail: "Only a template may be sent." }] : answer(asked);
  await client.send("k1", text("late"));
  await client.send("k1", text("next"));
  await world.clock.advance(1_000);
  assert.deepEqual(sent(server), ["next"]);
  assert.deepEqual(client.unsent().map(({ state, error }) => [state, error?.code]), [["failed", "window_closed"]]);
});

test("two tabs send each message once, and both see what waits", async () => {
  const { world, server, open } = begin();
  const tabs = [open(), open()];
  for (const tab of tabs) tab.connect();
  await world.clock.advance(1_000);
  server.http = ({ method }) => (method === "POST" ? "lost" : "ok");
  for (let turn = 0; turn < 6; turn += 1) {
    await tabs[turn % 2]!.send(turn < 4 ? "k1" : "k2", text(`${turn}`));
    await world.clock.advance(1);
  }
  await world.clock.advance(10);
  for (const tab of tabs) assert.equal(tab.unsent().length, 6);
  server.http = () => "ok";
  const before = posts(world).length;
  world.notice("online");
  await world.clock.advance(60_000);
  assert.deepEqual([sent(server), sent(server, "k2")], [["0", "1", "2", "3"], ["4", "5"]]);
  assert.equal(posts(world).length - before, 6);
  for (const tab of tabs) assert.deepEqual(tab.unsent(), []);
});

test("when the tab that was sending goes, the other one goes on", async () => {
  const { world, server, open } = begin();
  const [first, second] = [open(), open()];
  first.connect();
  second.connect();
  await world.clock.advance(1_000);
  server.http = ({ method }) => (method === "POST" ? "lost" : "ok");
  await first.send("k1", text("hello"));
  await world.clock.advance(1_000);
  first.close();
  server.http = () => "ok";
  await world.clock.advance(60_000);
  assert.deepEqual(sent(server), ["hello"]);
  assert.deepEqual(second.unsent(), []);
});

test("without a database it keeps what waits in memory", async () => {
  const { world, server, open } = begin();
  world.indexedDB = undefined;
  const client = open();
  client.connect();
  await client.send("k1", text("private window"));
  await world.clock.advance(1_000);
  assert.deepEqual(sent(server), ["private window"]);
});
