import type { PrefixRow } from "../ip/prefix-table.ts";
import { RowRing } from "./row-ring.ts";

/** Waits after the first, second, ... failed write of a route; the last for all that follow. */
const RETRY_MS = [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000] as const;

/** Whose rows wait. */
export interface Retrying {
  retry(row: PrefixRow): void;
}

/** Due times in tenths of a second fit 32 bits for years. */
const TICK_MS = 100;

/**
 * Rows whose write failed. One ring per waiting time, so each ring is in order of due time and no row needs a timer of
 * its own. A row stands in it at most once (its owner's mark).
 */
export class RetryQueue {
  private readonly nowMs: () => number;
  private readonly rings = RETRY_MS.map(() => new RowRing());

  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
  }

  get size(): number {
    return this.rings.reduce((sum, ring) => sum + ring.size, 0);
  }

  /** `attempts` counts from 1. */
  push(row: PrefixRow, attempts: number): void {
    const level = Math.min(attempts, RETRY_MS.length) - 1;
    this.rings[level]!.push(row, Math.ceil((this.nowMs() + RETRY_MS[level]!) / TICK_MS));
  }

  /** Gives back the rows whose time has come. */
  due(owner: Retrying): void {
    const now = Math.floor(this.nowMs() / TICK_MS);
    for (const ring of this.rings) while (ring.size > 0 && ring.note() <= now) owner.retry(ring.shift());
  }

  /** Gives back up to `count` rows before their time: something has changed that may let them pass. */
  early(owner: Retrying, count: number): void {
    let left = count;
    for (const ring of this.rings)
      for (let n = Math.min(left, ring.size); n > 0; n--, left--) owner.retry(ring.shift());
  }

  /** Milliseconds until the next row is due; undefined when none waits. */
  waitMs(): number | undefined {
    let first = Number.POSITIVE_INFINITY;
    for (const ring of this.rings) if (ring.size > 0) first = Math.min(first, ring.note() * TICK_MS);
    return first === Number.POSITIVE_INFINITY ? undefined : Math.max(TICK_MS, first - this.nowMs());
  }
}
