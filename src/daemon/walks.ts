/**
 * The router's sliced jobs over its tables (DESIGN 3.10): removing stale paths, evaluating import again after a policy
 * change, selecting again after next hops moved, programming the kernel again. Each is idempotent, may be asked for at any
 * time, and starts over when asked for while it runs.
 */
import { FAMILIES, type Family } from "../ip/address.ts";
import type { Job, Scheduler } from "./scheduler.ts";

/** Rows in one slice. */
export const WALK_ROWS = 4096;

/** One slice over a family: visits rows from the cursor on and returns the next cursor, -1 at the end. */
export type Slice = (family: Family, cursor: number, rows: number) => number;

export interface Walk {
  /** Runs over all rows of both families, soon. */
  request(): void;
  readonly running: boolean;
  /** Rows of the family before this one have been visited since the last request; the whole table when it is not running. */
  visited(family: Family): number;
}

/**
 * A walk over both families as a job that starts over at each request, for walks that must know what they have visited.
 * `done` runs once after the last slice of a run that was not restarted.
 */
export function createWalk(
  scheduler: Scheduler,
  name: string,
  priority: number,
  slice: Slice,
  done?: () => void,
): Walk {
  let index = 0;
  let cursor = 0;
  let running = false;
  const job: Job = {
    name,
    priority,
    step() {
      cursor = slice(FAMILIES[index]!, cursor, WALK_ROWS);
      if (cursor >= 0) return true;
      cursor = 0;
      if (++index < FAMILIES.length) return true;
      running = false;
      done?.();
      return running;
    },
  };
  return {
    request() {
      index = 0;
      cursor = 0;
      running = true;
      scheduler.add(job);
    },
    get running() {
      return running;
    },
    visited(family) {
      if (!running) return Number.POSITIVE_INFINITY;
      const at = FAMILIES.indexOf(family);
      if (at < index) return Number.POSITIVE_INFINITY;
      return at === index ? cursor : 0;
    },
  };
}

/** A walk that goes round and round until every row has been visited since the last request. */
export interface Round {
  request(): void;
  readonly running: boolean;
}

/**
 * Unlike a walk that starts over it reaches the last rows however often it is asked for: requests that come faster than
 * a round takes must not keep it at the first ones. `done` runs after a round in which nobody asked.
 */
export function createRound(
  scheduler: Scheduler,
  name: string,
  priority: number,
  slice: Slice,
  done?: () => void,
): Round {
  let asked = false;
  const walk = createWalk(scheduler, name, priority, slice, () => {
    if (!asked) return done?.();
    asked = false;
    walk.request();
  });
  return {
    request() {
      if (walk.running) asked = true;
      else walk.request();
    },
    get running() {
      return walk.running;
    },
  };
}
