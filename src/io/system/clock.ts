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

/** `2026-11-20 14:43:10` in the computer's time zone, of milliseconds since 1970. */
export function localTime(wallMs: number): string {
  const date = new Date(wallMs);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
}
