/**
 * Routers that crash and come back, one, two or all of them, with and without what they should have left behind. Where the
 * tables are what they were, no packet takes another way meanwhile, on any router; and in the end all is exact.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertConverged } from "./converge.ts";
import { type SimRouter, type Simulation, simulate } from "./simulation.ts";
import { pickStatics } from "./topology.ts";

const SEEDS = Number(process.env.CALIDRIS_SIM_SEEDS ?? 12);
const ROUNDS = 8;
/** Longer than restart time, stale time, hold time and idle holds together. */
const ROUND_MS = 400_000;

interface Round {
  readonly name: string;
  /** Crashes; nothing may move on the routers that it returns. */
  run(stage: Stage): readonly SimRouter[];
  /** All is exact so soon, with no help of a timer of graceful restart. */
  readonly withinMs?: number;
}

interface Stage {
  readonly sim: Simulation;
  readonly random: () => number;
  readonly one: SimRouter;
  readonly other: SimRouter;
  /** RFC 8538 on all sessions. */
  readonly notification: boolean;
}

const away = ({ random }: Stage) => 500 + random() * 8000;

const ROUND_KINDS: readonly Round[] = [
  {
    name: "one crashes and returns",
    run(stage) {
      stage.sim.crash(stage.one, away(stage));
      return stage.sim.routers;
    },
  },
  {
    name: "one ends in order and returns",
    run(stage) {
      stage.sim.end(stage.one, away(stage), true);
      return stage.sim.routers;
    },
  },
  {
    name: "one is shut down and returns",
    run(stage) {
      stage.sim.end(stage.one, away(stage), false);
      return [];
    },
  },
  {
    name: "one's machine vanishes and returns before anybody noticed",
    run(stage) {
      stage.sim.crash(stage.one, away(stage), true);
      return stage.sim.routers;
    },
  },
  // Those who restart at once do not wait for each other (R): what one has of the other it may tell too late.
  {
    name: "both ends at once",
    run(stage) {
      for (const router of [stage.one, stage.other]) stage.sim.crash(router, away(stage));
      return [];
    },
    withinMs: 55_000,
  },
  {
    name: "the whole mesh at once",
    run(stage) {
      for (const router of stage.sim.routers) stage.sim.crash(router, away(stage));
      return [];
    },
    withinMs: 55_000,
  },
  {
    name: "one crashes again half-way",
    run(stage) {
      const { sim, one, random, notification } = stage;
      const awayMs = away(stage);
      sim.crash(one, awayMs);
      sim.time.after(awayMs + 1 + random() * 4000, () => sim.crash(one, away(stage)));
      return notification ? sim.routers : [one];
    },
  },
  {
    name: "one returns with its state lost",
    run(stage) {
      stage.sim.crash(stage.one, away(stage));
      stage.one.record = undefined;
      return [];
    },
  },
  {
    name: "one returns too late",
    run(stage) {
      stage.sim.crash(stage.one, 80_000);
      return [];
    },
  },
  {
    name: "one returns with other routes",
    run(stage) {
      const { one, sim, random } = stage;
      one.wishes.statics = pickStatics(one.index, random);
      sim.crash(one, away(stage));
      return [];
    },
  },
  {
    name: "one returns with one family only, and later with both",
    run(stage) {
      const { one, sim, random } = stage;
      one.wishes.families = [random() < 0.5 ? "ipv4" : "ipv6"];
      sim.crash(one, away(stage));
      sim.time.after(30_000 + random() * 120_000, () => {
        one.wishes.families = ["ipv4", "ipv6"];
        sim.crash(one, away(stage));
      });
      return [];
    },
  },
];

for (let seed = 1; seed <= SEEDS; seed++)
  test(`graceful restarts move no packet and end exactly, seed ${seed}`, () => {
    const notification = seed % 2 === 1;
    // Routes of who returns too late stay all the same, as the last choice.
    const longLived = seed % 3 === 2 ? ", longLived: on, longLivedStaleTime: 200s" : "";
    const sim = simulate({
      seed,
      cutsPerHour: 1,
      maxReadOctets: seed % 3 === 0 ? 64 : 4096,
      lookMs: seed % 7 === 0 ? 6 : 0,
      restart: `{ mode: on, restartTime: 60s, staleTime: 120s, notification: ${notification}${longLived} }`,
    });
    const random = sim.random;
    const end = () => sim.time.nowMs + ROUND_MS;
    sim.run(0, end());
    assertConverged(sim);
    for (let round = 0; round < ROUNDS; round++) {
      const { name, run, withinMs } = ROUND_KINDS[(seed + round * 4) % ROUND_KINDS.length]!;
      const [first, second] = shuffled(sim.routers, random);
      for (const router of sim.routers) router.changes.length = 0;
      const still = run({ sim, random, one: first!, other: second!, notification });
      if (withinMs !== undefined) {
        sim.run(0, sim.time.nowMs + withinMs);
        assertConverged(sim);
      }
      sim.run(0, end());
      const where = `${sim.topology.name}, round ${round}: ${name} (r${first!.index})`;
      // Where not all prefixes have room, those that do are others after a restart.
      const hasRoom = sim.topology.sessions.every(({ maxIn, maxOut }) => !maxIn && !maxOut);
      for (const router of hasRoom ? still : [])
        assert.deepEqual(router.changes, [], `${where}: kernel of r${router.index}`);
      assertConverged(sim);
      assertNothingLeft(sim, where);
    }
  });

function assertNothingLeft(sim: Simulation, where: string): void {
  for (const { index, router, kernel, fib } of sim.routers) {
    const at = `${where}: r${index}`;
    assert.equal(router.parts.recovery.deferredUntilMs, undefined, `${at} has recovered`);
    for (const { stale, longLived } of router.core.peers.values())
      assert.deepEqual(
        [stale, longLived.ipv4, longLived.ipv6],
        [undefined, undefined, undefined],
        `${at} holds nothing stale`,
      );
    assert.deepEqual([...kernel.keys()].sort(), [...fib.keys()].sort(), `${at}: adopted routes are pruned`);
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => [random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}
