import type { FibClock } from "../../src/fib/fib.ts";

export interface VirtualClock extends FibClock {
  /** Runs what is due within the next `ms`, in order of time. */
  advance(ms: number): void;
}

export function createVirtualClock(): VirtualClock {
  let now = 0;
  let serial = 0;
  const waiting = new Map<number, { readonly at: number; readonly run: () => void }>();
  return {
    nowMs: () => now,
    after(delayMs, run) {
      const id = serial++;
      waiting.set(id, { at: now + Math.max(0, delayMs), run });
      return () => void waiting.delete(id);
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        let first = -1;
        let at = end;
        for (const [id, one] of waiting)
          if (one.at < at || (one.at === at && first < 0)) {
            first = id;
            at = one.at;
          }
        if (first < 0) break;
        const { run } = waiting.get(first)!;
        waiting.delete(first);
        now = at;
        run();
      }
      now = end;
    },
  };
}
