/**
 * An agent's hour, twice at once: one client on the socket, one that polls, each in a company of its own in which the
 * same things happen. Counts the HTTP requests of both. Run by bench/rows/http_requests.py, with a JSON object as the
 * one argument; prints a JSON object.
 *
 * The hour passes as fast as the stack answers: its clock stands still while anybody waits for an answer, so that no
 * request is left out, and none is late, because the machine is slow.
 */

import { ParleyClient, type ClientOptions } from "../../src/index.ts";
import type { SocketLike } from "../../src/environment.ts";
import { Clock } from "../world.ts";

interface Task { baseUrl: string; minutes: number; customers: number; agents: { token: string; integrationId: string }[] }
interface Counted { requests: number; of: Record<string, number> }

const MINUTE_MS = 60_000;
const STEP_MS = 500;
const SLACK_MS = 10_000;
const NOTICE_MS = 4_000;
const ANSWER_MS = 13_000;

const task: Task = JSON.parse(process.argv[2]!);
const clock = new Clock();
clock.now = Date.now();

/** Everything an answer is awaited for. */
const awaited = new Set<object | string>();
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Wait by the clock of the hour. */
const passed = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));

async function until<T>(look: () => T | undefined | false): Promise<T> {
  for (;;) {
    const found = look();
    if (found) return found;
    await pause(1);
  }
}

/** A socket whose frames are awaited: those with an `id` have an answer. */
function listening(url: string, protocols: string[]): SocketLike {
  const socket = new WebSocket(url, protocols);
  const own = new Set<string>([url]);
  const settle = (key: string) => own.delete(key) && awaited.delete(key);
  awaited.add(url);
  const send = socket.send.bind(socket);
  socket.send = (data) => {
    const { id } = JSON.parse(String(data));
    if (id !== undefined) own.add(`${url} ${id}`), awaited.add(`${url} ${id}`);
    send(data);
  };
  socket.addEventListener("open", () => settle(url));
  socket.addEventListener("message", ({ data }) => settle(`${url} ${JSON.parse(String(data)).id}`));
  socket.addEventListener("close", () => [...own].forEach(settle));
  return socket;
}

/** A socket that never opens. */
function blocked(): SocketLike {
  const nothing = () => {};
  const socket: SocketLike = { protocol: "", onopen: null, onmessage: null, onclose: null, onerror: null, send: nothing, close: nothing };
  queueMicrotask(() => socket.onerror?.({}));
  return socket;
}

/** An agent at a page, and what the page asked for. */
class Agent {
  readonly client: ParleyClient;
  readonly counted: Counted = { requests: 0, of: {} };
  private readonly integrationId: string;

  constructor({ token, integrationId }: Task["agents"][number], more: Partial<ClientOptions>, socket: typeof listening) {
    this.integrationId = integrationId;
    this.client = new ParleyClient({
      baseUrl: task.baseUrl, token, ...more,
      environment: {
        now: () => clock.now, after: (ms, then) => clock.after(ms, then), fetch: (url, init) => this.fetch(url, init), socket,
        visible: () => true, idleMs: () => 0,
      },
    });
  }

  /** A customer writes; the agent opens the conversation, marks it as read, takes a while to answer, and closes it. */
  async serve(number: number): Promise<void> {
    const from = `+5511977${String(number % task.customers).padStart(6, "0")}`;
    const text = `question ${number} of ${clock.now}`;
    const written = { integrationId: this.integrationId, from, name: `Customer ${from}`, kind: "text", text };
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(written) };
    if (!(await fetch(`${task.baseUrl}/simulator/messages`, init)).ok) throw new Error("The simulator took no message.");
    const { client } = this;
    const { id } = await until(() => client.conversations().find(({ lastMessage }) => lastMessage?.text === text));
    await passed(NOTICE_MS);
    await client.subscribe(id);
    const { id: last } = await until(() => client.messages(id).find((message) => message.text === text));
    await client.markRead(id, last);
    await passed(ANSWER_MS);
    await client.send(id, { type: "text", text: `answer ${number}` });
    await until(() => client.unsent(id).length === 0);
    client.unsubscribe(id);
  }

  private async fetch(url: string, init: RequestInit): Promise<Response> {
    const { pathname } = new URL(url);
    const what = `${init.method} ${pathname.replace(/[0-9a-f-]{36}/, "{id}")}`;
    this.counted.requests += 1;
    this.counted.of[what] = (this.counted.of[what] ?? 0) + 1;
    const token = {};
    awaited.add(token);
    try {
      const response = await fetch(url, init);
      const body = await response.text();
      if (!response.ok) throw new Error(`${what}: ${response.status} ${body}`);
      return new Response(body, response);
    } catch (error) {
      console.error(error); // the row is worth nothing then
      process.exit(1);
    } finally {
      awaited.delete(token);
    }
  }
}

/** Let time pass while `going` says so, and only while nobody waits for an answer. */
async function pass(going: () => boolean): Promise<void> {
  while (going()) {
    await until(() => awaited.size === 0);
    await clock.advance(STEP_MS);
    await pause(0);
  }
}

const [first, second] = task.agents;
const socket = new Agent(first!, {}, listening);
const polling = new Agent(second!, { credential: "bearer", socketUrl: "ws://blocked" }, blocked);
const both = [socket, polling];
const began = clock.now;
for (const { client } of both) client.connect();
await pass(() => socket.client.mode !== "live" || polling.client.mode !== "polling");
for (let number = 0; number < task.minutes; number += 1) {
  let served = 0;
  const serving = both.map((agent) => agent.serve(number).then(() => (served += 1)));
  await pass(() => clock.now < began + (number + 1) * MINUTE_MS || served < both.length);
  await Promise.all(serving);
}
const late = clock.now - began - task.minutes * MINUTE_MS;
if (late > SLACK_MS) throw new Error(`The hour was ${late} ms longer.`);
if (socket.client.mode !== "live" || polling.client.mode !== "polling") throw new Error("The modes changed.");
for (const agent of both) if (agent.client.metrics().requests !== agent.counted.requests) throw new Error("Miscounted.");
console.log(JSON.stringify({ socket: socket.counted, polling: polling.counted }));
process.exit(0);
