import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Job, Scheduler } from "../../src/daemon/scheduler.ts";
import { createRound, WALK_ROWS } from "../../src/daemon/walks.ts";

/** Runs one slice at a time. */
function byHand() {
  const jobs: Job[] = [];
  const scheduler = { add: (job: Job) => void (jobs.includes(job) || jobs.push(job)) } as Scheduler;
  const step = () => {
    if (jobs[0]?.step() === false) jobs.shift();
    return jobs.length > 0;
  };
  return { scheduler, step };
}

describe("a round", () => {
  test("reaches the last row though it is asked for before each slice, and visits all again after the last request", () => {
    const { scheduler, step } = byHand();
    const slices: number[] = [];
    let done = 0;
    const round = createRound(
      scheduler,
      "test",
      1,
      (family, cursor) => {
        if (family === "ipv6") return -1;
        slices.push(cursor / WALK_ROWS);
        return cursor === 2 * WALK_ROWS ? -1 : cursor + WALK_ROWS;
      },
      () => void done++,
    );
    for (let i = 0; i < 9; i++) {
      round.request();
      step();
    }
    assert.ok(slices.includes(2));
    assert.equal(done, 0);
    slices.length = 0;
    while (step());
    assert.deepEqual([...new Set(slices)].sort(), [0, 1, 2]);
    assert.equal(done, 1);
    assert.equal(round.running, false);
  });
});
