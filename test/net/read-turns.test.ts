import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Reader, ReadTurns } from "../../src/io/net/read-turns.ts";

function setUp(count: number) {
  let next: (() => void) | undefined;
  const calls: string[] = [];
  const clock = { nowMs: 0 };
  const turns = new ReadTurns(
    { readTurnOctets: 100, readSocketOctets: 40, readTurnMs: 5 },
    (run) => {
      assert.equal(next, undefined, "one turn at a time");
      next = run;
    },
    () => clock.nowMs,
  );
  const readers = Array.from({ length: count }, (_, i) => {
    const reader = new Reader({ pause: () => calls.push(`-${i}`), resume: () => calls.push(`+${i}`) });
    turns.add(reader);
    return reader;
  });
  const endTurn = () => {
    const run = next;
    next = undefined;
    run?.();
  };
  return { turns, readers, calls, endTurn, clock };
}

describe("ReadTurns", () => {
  it("stops one socket at its share and starts it in the next turn", () => {
    const { turns, readers, calls, endTurn } = setUp(2);
    assert.equal(turns.served(readers[0]!, 30), true);
    assert.equal(turns.served(readers[0]!, 30), false);
    assert.deepEqual(calls, ["-0"]);
    assert.equal(turns.served(readers[1]!, 30), true);
    endTurn();
    assert.deepEqual(calls, ["-0", "+0"]);
  });

  it("stops all at the turn's budget and starts the least recently served first", () => {
    const { turns, readers, calls, endTurn } = setUp(4);
    for (const i of [2, 0, 3]) turns.served(readers[i]!, 35);
    assert.deepEqual(calls.sort(), ["-0", "-1", "-2", "-3"]);
    calls.length = 0;
    endTurn();
    assert.deepEqual(calls, ["+1", "+2", "+0", "+3"]);
  });

  it("stops all when the turn has lasted its time, and gives the next turn its own", () => {
    const { turns, readers, calls, endTurn, clock } = setUp(3);
    assert.equal(turns.served(readers[0]!, 1), true);
    clock.nowMs = 5;
    assert.equal(turns.served(readers[1]!, 1), false);
    assert.deepEqual(calls.sort(), ["-0", "-1", "-2"]);
    endTurn();
    assert.equal(turns.served(readers[2]!, 1), true);
    clock.nowMs = 9;
    assert.equal(turns.served(readers[0]!, 1), true);
  });

  it("leaves a socket stopped that the router paused", () => {
    const { turns, readers, calls, endTurn } = setUp(2);
    turns.served(readers[0]!, 120);
    turns.pause(readers[1]!);
    calls.length = 0;
    endTurn();
    assert.deepEqual(calls, ["+0"]);
    turns.resume(readers[1]!);
    assert.deepEqual(calls, ["+0", "+1"]);
  });

  it("starts a socket resumed after the budget was spent only in the next turn", () => {
    const { turns, readers, calls, endTurn } = setUp(2);
    turns.pause(readers[1]!);
    turns.served(readers[0]!, 120);
    turns.resume(readers[1]!);
    assert.deepEqual(calls, ["-1", "-0"]);
    endTurn();
    assert.deepEqual(calls.slice(2).sort(), ["+0", "+1"]);
  });

  it("does not start a socket that was paused before it connected", () => {
    const { turns, readers, calls, endTurn } = setUp(1);
    const early = new Reader({ pause: () => calls.push("-early"), resume: () => calls.push("+early") });
    turns.pause(early);
    turns.add(early);
    turns.served(readers[0]!, 120);
    endTurn();
    assert.deepEqual(calls, ["-early", "-0", "+0"]);
  });

  it("reads no more from a socket that was paused while its chunk was handled", () => {
    const { turns, readers } = setUp(1);
    turns.pause(readers[0]!);
    assert.equal(turns.served(readers[0]!, 1), false);
  });
});
