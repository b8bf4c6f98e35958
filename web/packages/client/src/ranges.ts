/**
 * The client's place in the event log, and the rule of ranges: a batch says that *everything* in (from, to] is in it.
 * The one rule: the place moves only over what was told whole.
 */

import type { ParleyEvent, Range } from "./types.ts";

/** A cursor is `<epoch>:<number>`; the epoch is the server's business. */
export function splitCursor(cursor: string): [epoch: string, seq: number] {
  const colon = cursor.lastIndexOf(":");
  return [cursor.slice(0, colon), Number(cursor.slice(colon + 1))];
}

/** Without a place (`seq` null) every range is kept until there is one. */
export class Ranges {
  epoch = "";
  seq: number | null = null;
  private held: Range[] = [];
  private readonly apply: (events: ParleyEvent[]) => void;

  constructor(apply: (events: ParleyEvent[]) => void) {
    this.apply = apply;
  }

  get cursor(): string | null {
    return this.seq === null ? null : `${this.epoch}:${this.seq}`;
  }

  /** Whether something is kept that begins above our place: what lies between was lost, or is late. */
  get gap(): boolean {
    return this.seq !== null && this.held.length > 0;
  }

  /** Take a range in. */
  offer(range: Range): void {
    this.held.push(range);
    this.settle();
  }

  /** Stand at a new place, and take in what was kept meanwhile. */
  start(epoch: string, seq: number): void {
    this.epoch = epoch;
    this.seq = seq;
    this.settle();
  }

  /** Keep everything from here on, until `start`. */
  suspend(): void {
    this.seq = null;
  }

  /** Forget what was kept: its connection is gone, and the next one begins at our place. */
  drop(): void {
    this.held = [];
  }

  private settle(): void {
    if (this.seq === null) return;
    this.held.sort((one, other) => one.from - other.from);
    while (this.held.length > 0 && this.held[0]!.from <= this.seq) {
      const { to, events } = this.held.shift()!;
      if (to <= this.seq) continue;
      const above = this.seq;
      this.seq = to;
      this.apply(events.filter((event) => event.seq > above));
    }
  }
}
