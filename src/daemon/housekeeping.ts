/** Memory that is given back when nothing more urgent waits. */
import type { Core } from "./core.ts";
import { type Job, PRIORITY } from "./scheduler.ts";
import { WALK_ROWS } from "./walks.ts";

/** Next hops that nobody uses any more, before they are looked for and forgotten. */
const IDLE_NEXT_HOPS = 8192;
/** Octets of the arena of attributes gone over in one slice of compaction. */
const COMPACT_OCTETS = 256 * 1024;

export interface Housekeeping {
  /** Routes came in: next hops may have been left without users. */
  afterReading(): void;
  /** Changes went out: attribute sets may have gone. */
  afterPropagation(): void;
}

export function createHousekeeping({ scheduler, sets, nextHops }: Core): Housekeeping {
  /** After many sets have gone: what is left moves together, so that memory can be had again in any size. */
  const compaction: Job = {
    name: "compact attributes",
    priority: PRIORITY.housekeeping,
    step: () => !sets.compact(COMPACT_OCTETS),
  };
  let cursor = 0;
  const forgetNextHops: Job = {
    name: "forget next hops",
    priority: PRIORITY.housekeeping,
    step() {
      cursor = nextHops.forgetIdle(cursor, WALK_ROWS);
      if (cursor > 0) return true;
      cursor = 0;
      return false;
    },
  };
  return {
    afterReading() {
      if (nextHops.idle > IDLE_NEXT_HOPS) scheduler.add(forgetNextHops);
    },
    afterPropagation() {
      if (sets.wantsCompaction) scheduler.add(compaction);
    },
  };
}
