/** What the datastore takes of the system beside sockets and files, so that tests move the time themselves. */
export interface DatastoreClock {
  /** Monotonic milliseconds; the origin is arbitrary. */
  nowMs(): number;
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** Runs once after the delay; returns its own cancel. */
  after(delayMs: number, run: () => void): () => void;
}

export function computerClock(): DatastoreClock {
  return {
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
  };
}
