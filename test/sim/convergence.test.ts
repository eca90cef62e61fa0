import assert from "node:assert/strict";
import { test } from "node:test";
import { stateOf } from "../../src/bgp/session/peer.ts";
import { actualFib, actualIn, expectedFib, expectedIn } from "./expectation.ts";
import { type Simulation, simulate } from "./simulation.ts";

const HOUR_MS = 3_600_000;
/** Faults stop so long before the end: longer than the hold time, the longest idle hold and a partition together. */
const CALM_MS = 600_000;
const SEEDS = Number(process.env.CALIDRIS_SIM_SEEDS ?? 200);
const FIRST = Number(process.env.CALIDRIS_SIM_FIRST ?? 1);

for (let seed = FIRST; seed < FIRST + SEEDS; seed++)
  test(`four routers converge after cuts, delays, restarts and reloads, seed ${seed}`, () => {
    const sim = simulate({ seed, cutsPerHour: 40, maxReadOctets: seed % 3 === 0 ? 64 : 4096 });
    sim.run(HOUR_MS - CALM_MS, HOUR_MS);
    assertConverged(sim);
  });

function assertConverged(sim: Simulation): void {
  for (const { a, b } of sim.topology.sessions)
    for (const [from, to] of [
      [sim.routers[a]!, sim.routers[b]!],
      [sim.routers[b]!, sim.routers[a]!],
    ] as const) {
      const where = `${sim.topology.name}: r${from.index} to r${to.index}`;
      assert.equal(stateOf(to.router.core.peers.get(`r${from.index}`)!.session), "established", where);
      assert.deepEqual(sorted(actualIn(from, to)), sorted(expectedIn(sim, from, to)), where);
    }
  for (const router of sim.routers) {
    const where = `${sim.topology.name}: kernel of r${router.index}`;
    assert.deepEqual(sorted(actualFib(router)), sorted(expectedFib(router)), where);
    assert.equal(router.router.core.scheduler.idle, true, where);
    for (const group of router.router.parts.exporter.groups()) group.updates.check();
  }
}

function sorted(table: ReadonlyMap<string, string>): [string, string][] {
  return [...table].sort(([x], [y]) => (x < y ? -1 : 1));
}
