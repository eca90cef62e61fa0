import type { FibClock } from "./fib.ts";
import type { NamedTimers } from "./named-timers.ts";
import type { Retrying, RetryQueue } from "./retry-queue.ts";

/** Links and addresses that come up let failed routes be tried again, at most so often. */
const RETRY_ALL_GAP_MS = 1000;

/** Rows given back in one turn of the loop. */
const SLICE_ROWS = 16_384;

/** When failed writes are tried again. */
export interface RetryPlan {
  /** After writes may have failed: sets the timer for the first that is due. */
  arm(): void;
  /** Something has changed that may let failed writes pass. */
  soon(): void;
}

export interface RetryLane {
  readonly retries: RetryQueue;
  readonly sync: Retrying;
}

export function createRetryPlan(clock: FibClock, timers: NamedTimers, lanes: readonly RetryLane[]): RetryPlan {
  let lastAllMs = Number.NEGATIVE_INFINITY;
  const due = () => {
    for (const { retries, sync } of lanes) retries.due(sync);
    arm();
  };
  const arm = () => {
    for (const { retries } of lanes) {
      const wait = retries.waitMs();
      if (wait !== undefined) timers.schedule("retry", wait, due);
    }
  };
  const all = () => {
    lastAllMs = clock.nowMs();
    for (const lane of lanes) early(lane, lane.retries.size);
  };
  /** `left` rows, those that fail again meanwhile not among them. */
  const early = (lane: RetryLane, left: number) => {
    lane.retries.early(lane.sync, Math.min(left, SLICE_ROWS));
    if (left > SLICE_ROWS) clock.after(0, () => early(lane, left - SLICE_ROWS));
  };
  return {
    arm,
    soon() {
      if (lanes.some(({ retries }) => retries.size > 0))
        timers.schedule("retryAll", Math.max(0, lastAllMs + RETRY_ALL_GAP_MS - clock.nowMs()), all);
    },
  };
}
