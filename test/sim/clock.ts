import type { Clock, Random } from "../../src/daemon/ports.ts";

/** mulberry32: small, fast, reproducible. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

interface Entry {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Time that moves only when told to. What is due at the same moment runs in the order in which it was asked for. */
export class VirtualTime {
  nowMs = 0;
  private readonly heap: Entry[] = [];
  private order = 0;

  after(delayMs: number, run: () => void): () => void {
    const entry: Entry = { atMs: this.nowMs + Math.max(0, delayMs), order: this.order++, run };
    this.push(entry);
    return () => {
      entry.run = undefined;
    };
  }

  /** Runs everything up to the time. */
  runUntil(untilMs: number): void {
    while (this.step(untilMs));
    if (untilMs > this.nowMs) this.nowMs = untilMs;
  }

  /** Runs the one thing that is next, unless it is due after the time. False when there is none. */
  step(untilMs: number): boolean {
    for (;;) {
      const next = this.heap[0];
      if (!next || next.atMs > untilMs) return false;
      this.pop();
      if (!next.run) continue;
      if (next.atMs > this.nowMs) this.nowMs = next.atMs;
      next.run();
      return true;
    }
  }

  /**
   * One router's view: its calls end with it. Each look at the clock takes `lookMs`: on a machine as slow as that every
   * turn of the scheduler ends after one slice, so that events fall between any two.
   */
  clock(alive: () => boolean, lookMs = 0): Clock {
    const guarded = (run: () => void) => () => {
      if (alive()) run();
    };
    return {
      nowMs: () => {
        this.nowMs += lookMs;
        return this.nowMs;
      },
      wallMs: () => 1_800_000_000_000 + this.nowMs,
      after: (delayMs, run) => this.after(delayMs, guarded(run)),
      soon: (run) => void this.after(0, guarded(run)),
    };
  }

  private push(entry: Entry): void {
    const { heap } = this;
    heap.push(entry);
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
