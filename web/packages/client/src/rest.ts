/**
 * The HTTP API with a person's token. The one rule: an answer is data, or an ApiError that says whether trying again
 * can help.
 */

import type { Environment } from "./environment.ts";

/** A token, or how to get one; `refused` is the one the server did not take, if any. */
export type TokenSource = string | ((refused?: string) => string | Promise<string>);

/** `status` is 0 where there was no answer. `body` is the problem (RFC 9457), as far as there was one. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly body: Record<string, any>;
  readonly retryAfterMs: number;

  constructor(status: number, body: Record<string, any> = {}, retryAfterMs = 0) {
    super(body.detail ?? body.title ?? (status ? `The server answered ${status}.` : "The server was not reached."));
    this.status = status;
    this.code = body.code ?? (status ? "unavailable" : "network");
    this.body = body;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether the same request may succeed later. */
  get temporary(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }

  /** Whether the person may not be here at all. */
  get final(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

export interface RestOptions { baseUrl: string; token: TokenSource; timeoutMs: number }

export class Rest {
  requests = 0;
  private readonly env: Environment;
  private readonly options: RestOptions;

  constructor(env: Environment, options: RestOptions) {
    this.env = env;
    this.options = options;
  }

  /** The token of now. */
  async token(refused?: string): Promise<string> {
    const { token } = this.options;
    return typeof token === "string" ? token : await token(refused);
  }

  get<T = any>(path: string): Promise<T> {
    return this.request("GET", path);
  }

  /** Ask once; with a fresh token once more where the server refuses this one. Throws ApiError. */
  async request<T = any>(
    method: string, path: string, body?: unknown, headers: Record<string, string> = {},
  ): Promise<T> {
    let token: string;
    try {
      token = await this.token();
    } catch {
      throw new ApiError(0);
    }
    try {
      return await this.ask(token, method, path, body, headers);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401 || typeof this.options.token === "string") throw error;
      let fresh = token;
      try {
        fresh = await this.token(token);
      } catch {
        // Whoever hands out tokens may be unreached for a while: that is no refusal.
        throw new ApiError(0);
      }
      if (fresh === token) throw error;
      return await this.ask(fresh, method, path, body, headers);
    }
  }

  private async ask<T>(
    token: string, method: string, path: string, body: unknown, more: Record<string, string>,
  ): Promise<T> {
    const headers: Record<string, string> = { authorization: `Bearer ${token}`, ...more };
    if (body !== undefined) headers["content-type"] = "application/json";
    const abort = new AbortController();
    const cancel = this.env.after(this.options.timeoutMs, () => abort.abort());
    this.requests += 1;
    let response: Response;
    let answer: any;
    try {
      const init: RequestInit = { method, headers, signal: abort.signal };
      if (body !== undefined) init.body = JSON.stringify(body);
      response = await this.env.fetch(this.options.baseUrl + path, init);
      const text = await response.text();
      // What is not JSON comes from something in between, and says nothing.
      answer = text && parsed(text);
    } catch {
      throw new ApiError(0);
    } finally {
      cancel();
    }
    if (response.ok && answer !== undefined) return answer as T;
    throw new ApiError(response.ok ? 502 : response.status, answer || {}, this.retryAfter(response));
  }

  private retryAfter(response: Response): number {
    const value = response.headers.get("retry-after");
    if (!value) return 0;
    const seconds = Number(value);
    return Math.max(0, Number.isNaN(seconds) ? Date.parse(value) - this.env.now() || 0 : seconds * 1000);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
