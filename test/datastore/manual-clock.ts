/** A clock that stands still until it is told to move. */
import type { DatastoreClock } from "../../src/io/datastore/kubernetes/ports.ts";

export interface ManualClock extends DatastoreClock {
  /** Moves both clocks on, running what falls due on the way, in its order. */
  advance(ms: number): void;
  /** Resolves when somebody looks at the clock: what has just come was noticed. */
  looked(): Promise<void>;
}

export function createManualClock(wallMs = Date.parse("2026-06-01T00:00:00Z")): ManualClock {
  const timers = new Map<number, { readonly at: number; readonly run: () => void }>();
  let now = 0;
  let ids = 0;
  let lookers: (() => void)[] = [];
  return {
    nowMs() {
      for (const tell of lookers) tell();
      lookers = [];
      return now;
    },
    looked: () => new Promise((resolve) => lookers.push(resolve)),
    wallMs: () => wallMs + now,
    after(delayMs, run) {
      const id = ++ids;
      timers.set(id, { at: now + delayMs, run });
      return () => timers.delete(id);
    },
    advance(ms) {
      const until = now + ms;
      for (;;) {
        let next: number | undefined;
        for (const [id, { at }] of timers) if (at <= until && at < (timers.get(next ?? -1)?.at ?? Infinity)) next = id;
        if (next === undefined) break;
        const { at, run } = timers.get(next)!;
        timers.delete(next);
        now = Math.max(now, at);
        run();
      }
      now = until;
    },
  };
}
