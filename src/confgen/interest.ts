/** What the compiled resources refer to, and for how long it is waited for. */
import type { Interest } from "./datastore/datastore.ts";
import type { GeneratorClock } from "./generator-ports.ts";

export interface InterestTracker {
  readonly asked: Interest;
  /** Takes what is wanted now. */
  ask(wanted: Interest): "same" | "less" | "more";
  /** What was asked for has been read. */
  satisfied(): void;
  /** Until it is no longer waited for; not positive: go on without. */
  remainingMs(): number;
}

/** A datastore that may read what was asked for does so within this time. */
const WAIT_MS = 5000;

export function createInterest(clock: GeneratorClock): InterestTracker {
  let asked: Interest = { secrets: [], services: false };
  let untilMs: number | undefined;
  return {
    get asked() {
      return asked;
    },
    ask({ secrets, services }) {
      const wanted: Interest = { secrets: [...new Set(secrets)].sort(), services };
      const isMore = !covers(asked, wanted);
      if (!isMore && covers(wanted, asked)) return "same";
      // Changes that follow each other do not make it longer.
      if (isMore) untilMs ??= clock.nowMs() + WAIT_MS;
      asked = wanted;
      return isMore ? "more" : "less";
    },
    satisfied() {
      untilMs = undefined;
    },
    remainingMs: () => (untilMs === undefined ? 0 : untilMs - clock.nowMs()),
  };
}

export function covers(read: Interest, wanted: Interest): boolean {
  return (read.services || !wanted.services) && wanted.secrets.every((name) => read.secrets.includes(name));
}
