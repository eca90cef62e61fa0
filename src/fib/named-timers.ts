import type { FibClock } from "./fib.ts";

/** One timer per name: asking again moves it earlier, never later. */
export interface NamedTimers {
  schedule(name: string, delayMs: number, run: () => void): void;
  cancel(name: string): void;
  /** Cancels all and takes no more. */
  end(): void;
}

export function createNamedTimers(clock: FibClock): NamedTimers {
  const timers = new Map<string, { readonly dueMs: number; readonly cancel: () => void }>();
  let ended = false;
  return {
    schedule(name, delayMs, run) {
      if (ended) return;
      const dueMs = clock.nowMs() + delayMs;
      const old = timers.get(name);
      if (old && old.dueMs <= dueMs) return;
      old?.cancel();
      const cancel = clock.after(delayMs, () => {
        timers.delete(name);
        run();
      });
      timers.set(name, { dueMs, cancel });
    },
    cancel(name) {
      timers.get(name)?.cancel();
      timers.delete(name);
    },
    end() {
      ended = true;
      for (const { cancel } of timers.values()) cancel();
      timers.clear();
    },
  };
}
