/** Random histories against a server in memory, on a line that loses, repeats, delays, reorders and cuts. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ParleyClient } from "../src/index.ts";
import { Server } from "./server.ts";
import { dice, World, type FakeSocket } from "./world.ts";

const HISTORIES = Number(process.env.PARLEY_HISTORIES ?? 60);
const FIRST = Number(process.env.PARLEY_SEED ?? 1);
const STEPS = 60;
const STATUSES = ["sent", "delivered", "read"] as const;

class Chaos {
  calm = false;
  readonly halfOpen = new Set<FakeSocket>();
  readonly world = new World();
  readonly server = new Server(this.world);
  readonly random: () => number;
  private readonly queue: (() => void)[] = [];

  constructor(seed: number) {
    this.random = dice(seed);
    this.world.random = dice(seed + 7);
    this.server.deliver = (socket, frame) => this.deliver(socket, frame);
    this.server.http = ({ method, path }) => {
      const luck = this.calm ? 1 : this.random();
      if (luck < 0.08) return "lost";
      if (luck < 0.14) return "busy";
      // The answer to what reads may be lost as well; that is the same as the request.
      return luck < 0.2 && method === "POST" && path.includes("/messages") ? "answer lost" : "ok";
    };
    this.world.latency = () => (this.calm ? [0, 0] : [this.random() * 1_500, this.random() ** 3 * 4_000]);
    this.server.mostEvents = 4;
    const connect = this.world.connect;
    this.world.connect = (socket) => (this.calm || this.random() > 0.25 ? connect(socket) : queueMicrotask(() => socket.cut()));
  }

  deliver(socket: FakeSocket, frame: any): void {
    if (this.halfOpen.has(socket)) return;
    const say = () => this.halfOpen.has(socket) || socket.say(frame);
    const luck = this.calm ? 1 : this.random();
    if (luck < 0.1) return;
    if (luck < 0.2) say();
    if (luck < 0.35) {
      this.world.clock.after(this.random() * 4_000, say);
      return;
    }
    if (luck < 0.45) {
      this.queue.push(say); // behind the next one
      return;
    }
    queueMicrotask(() => {
      say();
      for (const late of this.queue.splice(0)) late();
    });
  }

  pick<T>(all: readonly T[]): T {
    return all[Math.floor(this.random() * all.length)]!;
  }

  /** Something happens in the company, or to the line. */
  step(client: ParleyClient): void {
    const { server, world } = this;
    const conversation = `k${Math.floor(this.random() * 5)}`;
    const known = server.conversations.has(conversation);
    const message = this.pick(server.thread(conversation))?.id;
    const happenings: (() => unknown)[] = [
      () => server.write(conversation),
      () => server.write(conversation),
      () => message && server.status(message, this.pick(STATUSES)),
      () => message && server.react(message, this.pick(["👍", "❤️"])),
      () => message && server.edit(message, `edited ${this.random()}`),
      () => message && server.remove(message),
      () => known && server.update(conversation, { unreadCount: 0 }),
      () => known && server.update(conversation, { status: this.pick(["open", "resolved", "snoozed"]) }),
      () => known && server.update(conversation, { assignee: this.pick([null, { id: "u1", name: "Ana" }]) }, "conversation.assigned"),
      () => known && server.rename(conversation, this.pick(["Bea", "Beatriz", "B."])),
      () => known && client.send(conversation, { type: "text", text: `ours ${this.random()}` }),
      () => world.socket?.cut(),
      () => this.halfOpen.add(world.socket),
      () => (server.epoch = this.random() < 0.1 ? `e${this.random()}.0` : server.epoch),
      () => (server.oldest = this.random() < 0.1 ? server.seq : server.oldest),
      () => world.notice("online"),
      () => {
        client.unsubscribe("k1");
        world.clock.after(this.random() * 8_000, () => void client.subscribe("k1").catch(() => {}));
      },
    ];
    this.pick(happenings)();
    if (this.random() < 0.7) server.push();
  }
}

interface Ended { chaos: Chaos; client: ParleyClient; repeated: boolean }

async function live(seed: number, client: (chaos: Chaos) => ParleyClient): Promise<Ended> {
  const chaos = new Chaos(seed);
  for (const id of ["k0", "k1", "k2"]) chaos.server.write(id);
  const agent = client(chaos);
  let [epoch, seq, repeated] = ["", 0, false];
  const versions = new Map<string, number>();
  agent.on("reset", () => (epoch = ""));
  agent.on("change", ({ conversations, threads }) => {
    // What is shown never goes back, but for a log that was restored.
    const shown = [...threads.flatMap((id) => agent.messages(id)), ...conversations.map((id) => agent.conversation(id))];
    for (const one of shown) {
      if (!one) continue;
      repeated ||= (versions.get(one.id) ?? 0) > one.version;
      versions.set(one.id, one.version);
    }
  });
  agent.on("event", (event) => {
    repeated ||= epoch === chaos.server.epoch && event.seq <= seq;
    [epoch, seq] = [chaos.server.epoch, event.seq];
  });
  agent.connect();
  for (const id of ["k0", "k1"]) void agent.subscribe(id).catch(() => {});
  for (let step = 0; step < STEPS; step += 1) {
    chaos.step(agent);
    await chaos.world.clock.advance(chaos.random() * 5_000);
  }
  chaos.calm = true;
  chaos.server.push();
  // Long enough to find a dead line, to come back, to leave polling.
  await chaos.world.clock.advance(180_000);
  return { chaos, client: agent, repeated };
}

function difference({ chaos, client, repeated }: Ended): string | null {
  const { conversations, counts } = chaos.server.snapshot();
  const told = JSON.parse(JSON.stringify({
    conversations: client.conversations().filter(({ status }) => status === "open").slice(0, 100), counts: client.counts,
    threads: ["k0", "k1"].map((id) => client.messages(id)), unsent: client.unsent(),
  }));
  try {
    const threads = ["k0", "k1"].map((id) => chaos.server.thread(id));
    assert.deepEqual(told, JSON.parse(JSON.stringify({ conversations, counts, threads, unsent: [] })));
    assert.equal(client.mode, "live");
    assert.equal(repeated, false, "an event was told twice, or something shown went back");
    const keys = [...chaos.server.messages.values()].map(({ clientKey }) => clientKey).filter(Boolean);
    assert.equal(new Set(keys).size, keys.length);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

const options = (chaos: Chaos) => ({ baseUrl: "", token: "t", account: "ana", environment: chaos.world.environment(), log: () => {} });

/** A client without resume: it takes what comes, and after a gap goes on from where the server is. */
class NaiveClient extends ParleyClient {
  constructor(chaos: Chaos) {
    super(options(chaos));
    const feed = this.feed as any;
    const recover = feed.recover.bind(feed);
    let begun = false;
    feed.recover = async () => {
      if (begun) return;
      begun = true;
      await recover();
    };
    feed.offer = ({ to, events }: any) => {
      if (feed.ranges.seq === null) return;
      feed.ranges.seq = to;
      feed.apply(events);
    };
    feed.loadThreads = async () => {
      for (const [id, thread] of feed.inbox.threads) if (!thread.loaded) await feed.loadThread(id).catch(() => {});
    };
    feed.disconnected = () => {};
    Object.defineProperty(feed.ranges, "cursor", { value: null });
  }
}

for (let seed = FIRST; seed < FIRST + HISTORIES; seed += 1) {
  test(`after history ${seed} the client knows what the server knows`, async () => {
    const ended = await live(seed, (chaos) => new ParleyClient(options(chaos)));
    assert.equal(difference(ended), null, `seed ${seed}`);
    ended.client.close();
  });
}

test("without resume the same histories end in another inbox", async () => {
  const wrong = [];
  for (let seed = 1; seed <= 20; seed += 1) {
    const ended = await live(seed, (chaos) => new NaiveClient(chaos));
    if (difference(ended) !== null) wrong.push(seed);
    ended.client.close();
  }
  assert.ok(wrong.length >= 10, `only ${wrong} differed`);
});
