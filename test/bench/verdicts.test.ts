import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { verdicts } from "../../bench/report.ts";
import type { Measured } from "../../bench/swarm.ts";
import type { Bound, Work } from "../../bench/works.ts";

const load = { clients: 1, feeders: 1, prefixes: 1, group: 1, isReflector: false, flaps: 0 };
const TIMES: Bound = { metric: "converged_s", atMost: { timesReference: 1 } };
const MIB: Bound = { metric: "peak_mib", atMost: { value: 100 } };

function stateOf(ours: readonly (number | "fault")[], theirs: readonly (number | "fault")[], bound = TIMES) {
  const measured = (value: number | "fault"): Measured =>
    value === "fault" ? { fault: "no end" } : { [bound.metric]: value };
  const work: Work = { name: "w", title: "w", ...load, bounds: [bound] };
  const runs = { calidris: ours.map(measured), bird2: theirs.map(measured) };
  return verdicts({ work, runs }, "calidris", "bird2").map((verdict) => verdict.state)[0];
}

describe("verdicts of the benchmark", () => {
  it("are told from medians: met, missed, and a warning beyond 1.25 times the bound", () => {
    assert.equal(stateOf([0.9, 1, 9], [1, 0.5, 4]), "met");
    assert.equal(stateOf([1.2], [1]), "missed");
    assert.equal(stateOf([1.1, 1.3, 1.3], [1, 1, 1]), "warning");
  });

  it("fail when even the best of our runs takes more than twice the reference's best", () => {
    assert.equal(stateOf([2.1, 2.2, 2.3], [1, 1.1, 1.2]), "failed");
    assert.equal(stateOf([2.1], [1]), "failed");
    assert.equal(stateOf([201], [], MIB), "failed");
  });

  it("do not fail where the machine was busy in most of our runs", () => {
    assert.equal(stateOf([1, 7, 9], [1, 1, 1]), "warning");
    assert.equal(stateOf([9, 9, 1.9], [9, 1, 1]), "warning");
  });

  it("fail without a good run of ours, and are none without one of the reference", () => {
    assert.equal(stateOf(["fault", "fault"], [1]), "failed");
    assert.equal(stateOf(["fault", 1], [1, "fault"]), "met");
    assert.equal(stateOf([1], ["fault"]), undefined);
  });
});
