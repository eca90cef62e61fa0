import type { Clock } from "../../daemon/ports.ts";

/** setTimeout's own bound; a longer delay would fire at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** The computer's clock and the event loop's timers. */
export function systemClock(): Clock {
  return {
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
    after(delayMs, run) {
      const timer = setTimeout(run, Math.min(Math.max(delayMs, 0), LONGEST_MS));
      return () => clearTimeout(timer);
    },
    soon(run) {
      setImmediate(run);
    },
  };
}
