/** When to try again: full jitter, so that a crowd that was cut off together does not come back together. */

import type { Environment } from "./environment.ts";

const FIRST_MS = 500;
const MOST_MS = 30_000;

/** `next` grows with every call until `reset`; `floorMs` is what a server asked for at least. */
export class Backoff {
  private tries = 0;
  private readonly env: Environment;

  constructor(env: Environment) {
    this.env = env;
  }

  next(floorMs = 0): number {
    const ceiling = Math.min(MOST_MS, FIRST_MS * 2 ** this.tries);
    this.tries += 1;
    return Math.max(floorMs, this.env.random() * ceiling);
  }

  reset(): void {
    this.tries = 0;
  }
}
