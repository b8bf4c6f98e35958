/**
 * A bad line between a client and a running stack, for HTTP and for the socket: it loses, delays, repeats and reorders
 * frames, cuts, goes half-open, and ends connections at the platform's limit. All of it is drawn from one seed.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";

/** The platform's two hours, and the age at which clients are told to roll over, as this line has them. */
const LIFE_MS = 6_000;
const MAX_AGE_MS = 4_500;
const HEARTBEAT_MS = 1_200;

interface Line { down: WebSocket; up: WebSocket; halfOpen: boolean; late: string[] }

export class ChaosProxy {
  calm = false;
  /** Whether sockets are let in. */
  sockets = true;
  readonly done: Record<string, number> = {};
  private readonly random: () => number;
  private readonly http: Server;
  private readonly lines = new Set<Line>();
  private readonly base: string;
  private readonly upstreamSocket: string;

  constructor(base: string, upstreamSocket: string, random: () => number) {
    this.base = base;
    this.upstreamSocket = upstreamSocket;
    this.random = random;
    this.http = createServer((request, response) => void this.relay(request, response));
    const doors = new WebSocketServer({ noServer: true, handleProtocols: () => "parley.v1" });
    this.http.on("upgrade", (request, socket, head) => {
      if (!this.sockets || this.luck() < 0.1) {
        this.count("refused");
        socket.destroy();
        return;
      }
      const up = new WebSocket(this.upstreamSocket, request.headers["sec-websocket-protocol"]!.split(/, */), { origin: base });
      up.once("error", () => socket.destroy());
      up.once("open", () => doors.handleUpgrade(request, socket, head, (down) => this.join(down, up)));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.http.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  close(): void {
    for (const line of this.lines) this.cut(line);
    this.http.close();
    this.http.closeAllConnections();
  }

  /** Cut every socket. */
  cutAll(): void {
    for (const line of this.lines) if (!line.halfOpen) this.cut(line);
  }

  /** Go silent both ways, and let neither side know. */
  silenceAll(): void {
    this.count("half-open");
    for (const line of this.lines) line.halfOpen = true;
  }

  private luck(): number {
    return this.calm ? 1 : this.random();
  }

  private count(what: string): void {
    this.done[what] = (this.done[what] ?? 0) + 1;
  }

  private join(down: WebSocket, up: WebSocket): void {
    const line: Line = { down, up, halfOpen: false, late: [] };
    this.lines.add(line);
    const limit = setTimeout(() => {
      if (!line.halfOpen) this.count("two hours");
      this.cut(line);
    }, LIFE_MS);
    const end = () => {
      clearTimeout(limit);
      this.lines.delete(line);
      // A half-open line does not tell its client.
      if (!line.halfOpen) this.cut(line);
      else up.terminate();
    };
    const since = Date.now();
    down.on("close", () => {
      const age = Date.now() - since;
      if (!line.halfOpen && age > MAX_AGE_MS * 0.9 && age < LIFE_MS) this.count("rolled over");
    });
    for (const side of [down, up]) side.on("close", end).on("error", end);
    down.on("message", (data) => {
      if (line.halfOpen) return;
      if (this.luck() < 0.05) return this.count("lost from the client");
      up.send(String(data));
    });
    up.on("message", (data) => this.deliver(line, shortened(String(data))));
  }

  private deliver(line: Line, frame: string): void {
    const say = () => !line.halfOpen && line.down.readyState === WebSocket.OPEN && line.down.send(frame);
    if (line.halfOpen) return;
    const luck = this.luck();
    if (luck < 0.08) return this.count("lost");
    if (luck < 0.16) {
      this.count("repeated");
      setTimeout(say, this.random() * 500);
    } else if (luck < 0.3) {
      this.count("delayed");
      setTimeout(say, this.random() * 1_500);
      return;
    } else if (luck < 0.38) {
      this.count("reordered");
      line.late.push(frame);
      return;
    }
    say();
    for (const late of line.late.splice(0)) line.down.send(late);
  }

  private cut(line: Line): void {
    line.down.terminate();
    line.up.terminate();
  }

  private async relay(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const luck = this.luck();
    if (luck < 0.06) return this.lose("requests lost", request);
    if (luck < 0.1) {
      this.count("503");
      response.writeHead(503, { "retry-after": "1", "content-type": "application/problem+json" }).end('{"code": "unavailable"}');
      return;
    }
    try {
      const { host: _, connection: __, "content-length": ___, ...headers } = request.headers as Record<string, string>;
      const answer = await fetch(this.base + request.url, {
        method: request.method!, headers, ...(chunks.length > 0 ? { body: Buffer.concat(chunks) } : {}),
      });
      const text = (await answer.text()).replaceAll(this.upstreamSocket, `ws://${request.headers.host}/ws`);
      if (luck < 0.16) return this.lose("answers lost", request);
      if (luck < 0.25) await new Promise((resolve) => setTimeout(resolve, this.random() * 1_000));
      const { "retry-after": retryAfter } = Object.fromEntries(answer.headers);
      const type = answer.headers.get("content-type") ?? "application/json";
      response.writeHead(answer.status, { "content-type": type, ...(retryAfter ? { "retry-after": retryAfter } : {}) }).end(text);
    } catch {
      request.socket.destroy();
    }
  }

  private lose(what: string, request: IncomingMessage): void {
    this.count(what);
    request.socket.destroy();
  }
}

/** The welcome, with the platform's limits as short as this line's. */
function shortened(frame: string): string {
  if (!frame.includes('"welcome"')) return frame;
  return JSON.stringify({ ...JSON.parse(frame), maxAgeMs: MAX_AGE_MS, heartbeatMs: HEARTBEAT_MS });
}
