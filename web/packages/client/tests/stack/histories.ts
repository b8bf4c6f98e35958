/**
 * Random histories of the real client against a running stack, over a bad line (chaos_proxy.ts). At the end of each the
 * client must know what the database knows. Run by tests/local/test_client_histories.py, with a JSON object as the one
 * argument; prints a JSON object a history.
 */

import { isDeepStrictEqual } from "node:util";
import { ParleyClient, type Conversation, type Message } from "../../src/index.ts";
import { dice } from "../world.ts";
import { ChaosProxy } from "./chaos_proxy.ts";
import { NaiveClient } from "./naive.ts";

interface Task {
  baseUrl: string; websocketUrl: string; kind: "real" | "naive" | "blocked"; seeds: number[]; chaosMs: number; patienceMs: number;
  people: { token: string; other: string; integrations: string[] }[];
}
interface History {
  seed: number; client: ParleyClient; proxy: ChaosProxy; token: string; other: string; integrations: string[]; random: () => number;
  /** Tell the client that the network is back, so that it does not wait a minute for the socket. */
  online: () => void; wrong: string | null; threads: string[]; written: { integrationId: string; from: string; target: string }[]; seen: Map<string, number>; twice: string[];
}

const task: Task = JSON.parse(process.argv[2]!);
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const pick = <T>(random: () => number, all: readonly T[]): T => all[Math.floor(random() * all.length)]!;

async function api<T = any>(token: string, method: string, path: string, body?: unknown): Promise<T> {
  const init = { method, headers: { authorization: `Bearer ${token}`, "content-type": "application/json" } };
  const answer = await fetch(task.baseUrl + path, body === undefined ? init : { ...init, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

/** A customer does something, as the simulated gateway tells it; answers the gateway's id of it. */
async function customer(integrationId: string, from: string, what: Record<string, unknown>): Promise<string> {
  const { data } = await api("", "POST", "/simulator/messages", { integrationId, from, name: `Customer ${from}`, ...what });
  return data.id;
}

async function begin(seed: number, { token, other, integrations }: Task["people"][number]): Promise<History> {
  const random = dice(seed);
  const proxy = new ChaosProxy(task.baseUrl, task.websocketUrl, random);
  proxy.sockets = task.kind !== "blocked";
  const written: History["written"] = [];
  for (let at = 0; at < 3; at += 1) {
    const integrationId = pick(random, integrations);
    const from = `+55119${String(10_000_000 + Math.floor(random() * 89_999_999))}`;
    written.push({ integrationId, from, target: await customer(integrationId, from, { kind: "text", text: `hello ${seed}` }) });
  }
  const threads: string[] = [];
  for (const { from } of written) threads.push(await conversationOf(token, from));
  let notice: (what: "online") => void = () => {};
  const environment = { watch: (then: (what: "online") => void) => ((notice = then), () => {}) };
  const options = { baseUrl: await proxy.listen(), token, log: () => {}, connectTimeoutMs: 4_000, environment };
  const client = task.kind === "naive" ? new NaiveClient(options) : new ParleyClient(options);
  const history: History = {
    seed, client, proxy, token, other, integrations, random, threads, written, seen: new Map(), twice: [],
    online: () => notice("online"), wrong: null,
  };
  client.on("event", ({ seq, id }) => {
    if (history.seen.get(id) === seq) history.twice.push(id);
    history.seen.set(id, seq);
  });
  client.connect();
  for (const id of threads.slice(0, 2)) void client.subscribe(id).catch(() => {});
  return history;
}

async function conversationOf(token: string, phone: string): Promise<string> {
  for (;;) {
    const { data } = await api<{ data: Conversation[] }>(token, "GET", "/v1/conversations?limit=100");
    const found = data.find(({ contact }) => contact?.phone === phone);
    if (found) return found.id;
    await pause(100);
  }
}

/** Something happens in the company, or to the line. */
async function happen(history: History): Promise<void> {
  const { random, proxy, client, token, other, threads } = history;
  const { integrationId, from, target } = pick(random, history.written);
  const thread = pick(random, threads);
  const words = `words ${Math.floor(random() * 1e9)}`;
  const newest = async () => (await api<{ data: Message[] }>(other, "GET", `/v1/conversations/${thread}/messages?limit=1`)).data[0]!;
  const happenings: (() => unknown)[] = [
    async () => history.written.push({ integrationId, from, target: await customer(integrationId, from, { kind: "text", text: words }) }),
    async () => history.written.push({ integrationId, from, target: await customer(integrationId, from, { kind: "text", text: words }) }),
    () => customer(integrationId, from, { kind: "reaction", target, emoji: pick(random, ["👍", "❤️", null]) }),
    () => customer(integrationId, from, { kind: "edit", target, text: `edited ${words}` }),
    () => customer(integrationId, from, { kind: "delete", target }),
    () => client.send(thread, { type: "text", text: `ours ${words}` }),
    () => client.send(thread, { type: "text", text: `ours too ${words}` }),
    () => api(other, "POST", `/v1/conversations/${thread}/messages`, { type: "text", text: `a colleague's ${words}` }),
    async () => api(token, "POST", `/v1/conversations/${thread}/read`, { upTo: (await newest()).id }),
    () => proxy.cutAll(),
    () => proxy.silenceAll(),
    () => (proxy.sockets = task.kind !== "blocked" && random() < 0.7),
  ];
  await pick(random, happenings)();
}

async function live(history: History): Promise<void> {
  const end = Date.now() + task.chaosMs;
  while (Date.now() < end) {
    await happen(history).catch(() => {}); // what the gateway cannot do, it refuses
    await pause(history.random() * 400);
  }
  const { proxy, written, threads, token } = history;
  proxy.calm = true;
  if (task.kind === "blocked") {
    // Nothing but polling, and nothing missing all the same.
    await agree(history, "polling");
  } else {
    // At the end, something is said while the line is down.
    proxy.sockets = false;
    proxy.cutAll();
    for (const { integrationId, from } of written.slice(0, 3)) await customer(integrationId, from, { kind: "text", text: "last words" });
    while (!(await saidIn(threads[0]!, token))) await pause(100);
  }
  proxy.sockets = true;
}

async function saidIn(thread: string, token: string): Promise<boolean> {
  const { data } = await api<{ data: Message[] }>(token, "GET", `/v1/conversations/${thread}/messages?limit=20`);
  return data.some(({ text }) => text === "last words");
}

/** Wait until the client knows what the database knows; what differs if it never does. */
async function agree(history: History, mode: string): Promise<string | null> {
  const end = Date.now() + task.patienceMs;
  for (;;) {
    const wrong = await difference(history, mode);
    if (wrong === null || Date.now() > end) return (history.wrong ??= wrong);
    await pause(300);
    if (history.client.mode !== "live" && mode === "live") history.online();
  }
}

/** What the gateway calls a message is told to nobody: it is not part of what a status changes. */
function comparable({ providerMessageId: _, ...message }: Message): object {
  // A deletion says neither its version nor whether an edit came with it.
  return message.deleted ? { ...message, version: 0, edited: false } : message;
}

const byId = (one: any, other: any): number => (one.id < other.id ? -1 : 1);
const latest = ({ lastMessage }: any): string | undefined => lastMessage?.occurredAt;

async function difference({ client, token, threads }: History, mode: string): Promise<string | null> {
  for (const item of client.unsent()) {
    // A colleague answered meanwhile: send it all the same.
    if (item.state === "asking") await client.decide(item.clientKey, "send");
  }
  const { data } = await api(token, "GET", "/v1/snapshot");
  const open = client.conversations().filter(({ status }) => status === "open").slice(0, 100);
  const parts: [string, unknown, unknown][] = [
    ["mode", client.mode, mode],
    ["unsent", client.unsent().filter(({ state }) => state !== "failed"), []],
    ["counts", client.counts, data.counts],
    ["order of conversations", open.map(latest), data.conversations.map(latest)],
    // Those of one millisecond may stand either way: the database knows microseconds.
    ["conversations", open.sort(byId), data.conversations.sort(byId)],
  ];
  for (const id of threads.slice(0, 2)) {
    const page = await api<{ data: Message[] }>(token, "GET", `/v1/conversations/${id}/messages?limit=100`);
    const told = client.messages(id).map(comparable), stored = page.data.map(comparable);
    parts.push([`messages of ${id}`, told.sort(byId), stored.sort(byId)]);
    const keys = page.data.map(({ clientKey }) => clientKey).filter(Boolean);
    parts.push([`keys of ${id}`, keys.length, new Set(keys).size]);
  }
  const wrong = parts.find(([, told, true_]) => !isDeepStrictEqual(told, true_));
  return wrong ? describe(wrong) : null;
}

function describe([what, told, true_]: [string, unknown, unknown]): string {
  if (!Array.isArray(told) || !Array.isArray(true_)) return `${what}: ${JSON.stringify(told)} for ${JSON.stringify(true_)}`;
  const at = true_.findIndex((one, index) => !isDeepStrictEqual(one, told[index]));
  return `${what}: ${told.length} for ${true_.length}; at ${at}: ${JSON.stringify(told[at])} for ${JSON.stringify(true_[at])}`;
}

async function settle(history: History): Promise<void> {
  const { seed, client, proxy, twice, seen } = history;
  const wrong = await agree(history, "live");
  console.log(JSON.stringify({ seed, wrong, twice, events: seen.size, line: proxy.done, metrics: client.metrics() }));
  client.close();
  proxy.close();
}

for (let at = 0; at < task.seeds.length; at += task.people.length) {
  const seeds = task.seeds.slice(at, at + task.people.length);
  const histories = await Promise.all(seeds.map((seed, index) => begin(seed, task.people[index]!)));
  await Promise.all(histories.map(live));
  // All of them rest before any is compared: they write into the same company.
  await Promise.all(histories.map(settle));
}
process.exit(0);
