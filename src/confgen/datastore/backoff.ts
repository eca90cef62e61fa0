/** Delays between attempts to reach a server: doubled each time up to a greatest, with a random share so that clients spread. */
export interface Backoff {
  /** Milliseconds until the next attempt. */
  next(): number;
  /** After an attempt that worked. */
  reset(): void;
}

export function createBackoff(leastMs: number, mostMs: number, random: () => number): Backoff {
  let delay = leastMs;
  return {
    next() {
      const now = delay;
      delay = Math.min(delay * 2, mostMs);
      // Between half of it and all of it.
      return Math.round(now * (0.5 + random() / 2));
    },
    reset() {
      delay = leastMs;
    },
  };
}
