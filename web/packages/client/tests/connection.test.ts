/** The connection's life, on a clock that the test holds. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ParleyClient, type ClientOptions } from "../src/index.ts";
import { Server } from "./server.ts";
import { settle, World } from "./world.ts";

function begin(options: Partial<ClientOptions> = {}) {
  const world = new World();
  const server = new Server(world);
  server.write("k1");
  const client = new ParleyClient({
    baseUrl: "https://api.example/", token: "jwt", account: "ana", environment: world.environment(), log: () => {}, ...options,
  });
  const modes: string[] = [];
  client.on("state", ({ mode, reason }) => modes.push(reason ? `${mode} (${reason})` : mode));
  return { world, server, client, modes };
}

test("it connects with a ticket, says hello, and takes the snapshot the first time", async () => {
  const { world, client, modes } = begin();
  client.connect();
  await world.clock.advance(100);
  assert.deepEqual(modes, ["connecting", "live"]);
  assert.equal(world.socket.url, "ws://x/ws");
  assert.deepEqual(world.socket.protocols, ["parley.v1", "t.T"]);
  const { cursor, topics, v, visible } = world.socket.last("hello");
  assert.deepEqual({ cursor, topics, v, visible }, { cursor: null, topics: ["tenant", "user"], v: 1, visible: true });
  assert.deepEqual(client.conversations().map(({ id }) => id), ["k1"]);
  assert.deepEqual(client.counts, { open: 1, mine: 0, unassigned: 1, unread: 1 });
  assert.ok(client.isConnected);
});

test("with a bearer it needs no ticket", async () => {
  const { world, client } = begin({ credential: "bearer", socketUrl: "wss://api.example/ws" });
  client.connect();
  await world.clock.advance(100);
  assert.deepEqual(world.socket.protocols, ["parley.v1", "bearer.jwt"]);
  assert.equal(world.asked.filter(({ path }) => path.endsWith("/ticket")).length, 0);
});

test("after a cut it comes back with its cursor and takes no second snapshot", async () => {
  const { world, server, client } = begin();
  client.connect();
  await world.clock.advance(100);
  const cursor = server.cursor();
  world.socket.cut();
  server.write("k1");
  await world.clock.advance(1_000);
  assert.equal(world.socket.last("hello").cursor, cursor);
  assert.equal(client.conversation("k1")!.lastNumber, 2);
  assert.equal(client.metrics().snapshots, 1);
  assert.equal(client.metrics().reconnects, 1);
});

test("waits grow to half a minute, are drawn from zero up, and begin anew after half a minute live", async () => {
  const { world, client } = begin({ polling: false });
  const [tries, connect]: [number[], typeof world.connect] = [[], world.connect];
  world.connect = (socket) => {
    tries.push(world.clock.now);
    queueMicrotask(() => socket.cut());
  };
  world.random = () => 0.999999;
  client.connect();
  await world.clock.advance(150_000);
  const waits = tries.slice(1).map((at, index) => Math.round((at - tries[index]!) / 100) / 10);
  assert.deepEqual(waits.slice(0, 8), [0.5, 1, 2, 4, 8, 16, 30, 30]);
  world.connect = connect;
  await world.clock.advance(31_000);
  assert.equal(client.mode, "live");
  await world.clock.advance(29_000);
  world.connect = (socket) => {
    world.random = () => 0.5;
    tries.push(world.clock.now);
    queueMicrotask(() => socket.cut());
  };
  world.random = () => 0;
  await world.clock.advance(2_000);
  world.socket.cut();
  const lost = world.clock.now;
  await world.clock.advance(10);
  assert.equal(tries.at(-1), lost);
});

test("what the server asks for is the least it waits", async () => {
  const { world, server, client } = begin({ polling: false });
  world.random = () => 0;
  server.http = ({ path }) => (path.endsWith("/ticket") ? "busy" : "ok");
  client.connect();
  await world.clock.advance(999);
  assert.equal(world.asked.length, 1);
  await world.clock.advance(2);
  assert.equal(world.asked.length, 2);
});

test("a bye says whether to come back", async () => {
  for (const [reconnect, mode] of [["never", "stopped"], ["now", "live"], ["backoff", "live"]] as const) {
    const { world, client, modes } = begin();
    client.connect();
    await world.clock.advance(40_000);
    world.random = () => 0.5;
    world.socket.say({ type: "bye", code: "rights", reason: "…", reconnect, afterMs: 0 });
    await world.clock.advance(1_000);
    assert.equal(client.mode, mode);
    assert.ok(modes.some((one) => one.endsWith("(rights)")));
  }
});

test("a half-open line is found by the heartbeat", async () => {
  const { world, server, client } = begin();
  client.connect();
  await world.clock.advance(100);
  const dead = world.socket;
  server.deliver = (socket, frame) => void (socket !== dead && queueMicrotask(() => socket.say(frame)));
  server.write("k1");
  server.push();
  await world.clock.advance(39_000);
  assert.equal(client.conversation("k1")!.lastNumber, 1);
  await world.clock.advance(2_000);
  assert.notEqual(world.socket, dead);
  assert.ok(dead.closed);
  assert.equal(client.conversation("k1")!.lastNumber, 2);
});

test("the platform's word about a failed function is a sign of life", async () => {
  const { world, server, client } = begin();
  client.connect();
  await world.clock.advance(100);
  server.deliver = (socket) => queueMicrotask(() => socket.say({ message: "Internal server error" }));
  await world.clock.advance(120_000);
  assert.equal(world.sockets.length, 1);
  assert.equal(client.mode, "live");
});

test("a lost last frame is noticed within a heartbeat, and asked for", async () => {
  const { world, server, client } = begin();
  client.connect();
  await world.clock.advance(100);
  const deliver = server.deliver;
  server.deliver = () => {};
  server.write("k1");
  server.push();
  server.deliver = deliver;
  await world.clock.advance(29_000);
  assert.equal(client.conversation("k1")!.lastNumber, 1);
  await world.clock.advance(2_100);
  assert.equal(client.conversation("k1")!.lastNumber, 2);
  assert.equal(world.socket.last("sync").from, 2);
});

test("it rolls over before the platform's end: the new socket is welcomed before the old one goes", async () => {
  const { world, server, client, modes } = begin();
  client.connect();
  await world.clock.advance(100);
  const old = world.socket;
  let silent = true;
  const deliver = server.deliver;
  server.deliver = (socket, frame) => void (socket !== old && silent ? undefined : deliver(socket, frame));
  await world.clock.advance(110 * 60_000 * 0.975 + 1_000);
  assert.equal(world.sockets.length, 2);
  assert.ok(!old.closed && client.isConnected);
  silent = false;
  await world.clock.advance(60_000);
  assert.ok(old.closed && old.last("bye") && client.isConnected);
  assert.deepEqual(modes, ["connecting", "live"]);
  assert.equal(client.metrics().reconnects, 0);
});

test("a session that ends sooner is renewed on the open socket", async () => {
  const { world, server, client } = begin();
  server.sessionMs = 10 * 60_000;
  client.connect();
  await world.clock.advance(9 * 60_000 + 1_000);
  assert.equal(world.socket.last("auth").ticket, "T");
  assert.equal(world.sockets.length, 1);
  await world.clock.advance(9 * 60_000 + 1_000);
  assert.equal(world.socket.sent.filter(({ action }) => action === "auth").length, 2);
});

test("without a socket it lives on polling, and goes back as soon as there is one", async () => {
  const { world, server, client, modes } = begin();
  const connect = world.connect;
  world.connect = (socket) => queueMicrotask(() => socket.cut());
  client.connect();
  await world.clock.advance(20_000);
  assert.deepEqual(modes.filter((mode) => mode !== "backoff"), ["connecting", "connecting", "connecting", "polling"]);
  await client.subscribe("k1");
  server.write("k1");
  await world.clock.advance(3_100);
  assert.equal(client.messages("k1").length, 2);
  const before = world.asked.length;
  world.notice("hidden");
  await world.clock.advance(33_000);
  const looks = world.asked.slice(before).filter(({ path }) => path.includes("/v1/events")).length;
  assert.ok(looks <= 3, `${looks} looks while hidden`);
  server.write("k1");
  world.connect = connect;
  await world.clock.advance(60_000);
  assert.equal(client.mode, "live");
  assert.equal(client.messages("k1").length, 3);
  const polls = world.asked.filter(({ path }) => path.includes("/v1/events")).length;
  await world.clock.advance(60_000);
  assert.equal(world.asked.filter(({ path }) => path.includes("/v1/events")).length, polls);
});

test("the network coming back ends the wait", async () => {
  const { world, client } = begin();
  const connect = world.connect;
  world.connect = (socket) => queueMicrotask(() => socket.cut());
  client.connect();
  await world.clock.advance(70_000);
  world.connect = connect;
  world.notice("online");
  await world.clock.advance(10);
  assert.equal(client.mode, "live");
});

test("a token that is refused is asked for anew; one that stays refused is the end", async () => {
  const given: (string | undefined)[] = [];
  const { world, client } = begin({ token: (refused?: string) => (given.push(refused), refused ? "new" : "old") });
  const answer = world.answer;
  world.answer = (asked) => (asked.headers.authorization === "Bearer new" ? answer(asked) : [401, { code: "unauthenticated" }]);
  client.connect();
  await world.clock.advance(100);
  assert.equal(client.mode, "live");
  assert.ok(given.includes("old"));
  const lost = begin({ token: () => "old" });
  lost.world.answer = () => [401, { code: "unauthenticated" }];
  lost.client.connect();
  await lost.world.clock.advance(100);
  assert.deepEqual(lost.modes, ["connecting", "stopped (unauthenticated)"]);
});

test("a conversation that may not be listened to any more does not keep the rest away", async () => {
  const { world, server, client } = begin();
  client.connect();
  await world.clock.advance(100);
  await client.subscribe("k1");
  const deliver = server.deliver;
  server.deliver = (socket, frame) => {
    const refused = frame.type === "welcome" && socket.last("hello").topics.includes("conversation:k1");
    const error = { type: "error", id: frame.id, code: "not_found", message: "…", topic: "conversation:k1", temporary: false };
    deliver(socket, refused ? error : frame);
  };
  world.socket.cut();
  await world.clock.advance(5_000);
  assert.equal(client.mode, "live");
  assert.deepEqual(world.socket.last("hello").topics, ["tenant", "user"]);
});

test("an event too long for a frame is fetched", async () => {
  const { world, server, client } = begin();
  client.connect();
  await world.clock.advance(100);
  void client.subscribe("k1");
  await world.clock.advance(100);
  const deliver = server.deliver;
  server.deliver = (socket, frame) => {
    const events = frame.events?.map((event: any) => ({ ...event, data: null, ref: `/v1/messages/${event.data.message.id}` }));
    deliver(socket, { ...frame, ...(events ? { events } : {}) });
  };
  server.write("k1", { text: "long" });
  server.push();
  await world.clock.advance(100);
  assert.equal(client.messages("k1").at(-1)!.text, "long");
  assert.equal(client.conversation("k1")!.lastNumber, 2);
});

test("typing is told at once, repeated every three seconds, and ends by itself", async () => {
  const { world, client } = begin();
  client.connect();
  await world.clock.advance(100);
  for (let key = 0; key < 10; key += 1) {
    client.typing("k1", true);
    await world.clock.advance(500);
  }
  const told = () => world.socket.sent.filter(({ action }) => action === "typing").map(({ on }) => on);
  assert.deepEqual(told(), [true, true]);
  await world.clock.advance(3_000);
  assert.deepEqual(told(), [true, true, false]);
});

test("others' typing fades, and ends with their message; presence is replaced by a welcome", async () => {
  const { world, server, client } = begin();
  client.connect();
  await world.clock.advance(100);
  const by = { kind: "contact", id: "c-k1", name: "Bea" };
  const heard: boolean[] = [];
  client.on("typing", ({ on }) => heard.push(on));
  const types = () => world.socket.say({ type: "ephemeral", event: "presence.typing", data: { conversationId: "k1", by, on: true }, ttlMs: 6000 });
  types();
  assert.deepEqual(client.typingIn("k1"), [by]);
  await world.clock.advance(6_001);
  assert.deepEqual(client.typingIn("k1"), []);
  types();
  server.write("k1");
  server.push();
  await settle();
  assert.deepEqual(heard, [true, false, true, false]);
  const bruno = { userId: "u2", name: "Bruno", state: "online", viewing: [], lastSeenAt: server.now() };
  world.socket.say({ type: "ephemeral", event: "presence.join", data: bruno, ttlMs: 60_000 });
  assert.equal(client.presence()[0]!.state, "online");
  world.socket.cut();
  await world.clock.advance(5_000);
  assert.equal(client.presence()[0]!.state, "offline");
});

test("a listener that throws stops nothing", async () => {
  const { world, client } = begin();
  client.on("state", () => {
    throw new Error("mine");
  });
  client.connect();
  await world.clock.advance(100);
  assert.equal(client.mode, "live");
});

test("closing ends every timer and every request to come", async () => {
  const { world, client } = begin();
  client.connect();
  await world.clock.advance(100);
  client.close();
  const asked = world.asked.length;
  await world.clock.advance(10 * 60_000);
  assert.equal(client.mode, "stopped");
  assert.equal(world.asked.length, asked);
  assert.equal(world.sockets.length, 1);
  assert.ok(world.socket.last("bye"));
});
