/** Events that fall between two slices of a long job (DESIGN 3.10): whatever the moment, the end is the same. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Speaker } from "./speaker.ts";
import { createWorld, header, peer, type World } from "./world.ts";

const EXTERNAL = "import: accept, export: accept";
/** Enough for several slices of each walk. */
const COUNT = 9000;
const ALL = Array.from({ length: COUNT }, (_, i) => `10.${20 + (i >> 8)}.${i & 255}.0/24`);
const SOME = ALL.filter((_, i) => i % 3 === 0);
/** Each look at the clock takes longer than a turn may: every turn is one slice. */
const LOOK_MS = 6;

const config = (importA: string, peers = ["a", "b", "c"]) => `${header()}
policies:
  third: [{ match: { communities: ["65001:3"] }, action: accept }, { action: reject }]
peers:
${peers.includes("a") ? peer("a", "10.0.0.11", 65001, `import: ${importA}, export: accept`) : ""}${peer("b", "10.0.0.12", 65002, EXTERNAL)}${peer("c", "10.0.0.13", 65003, EXTERNAL)}`;

interface Scene {
  readonly world: World;
  readonly a: Speaker;
  readonly b: Speaker;
  readonly c: Speaker;
}

/** `a` is best for everything, `b` is the second choice for every third, `c` listens. */
function scene(): Scene {
  const world = createWorld(config("accept"), { lookMs: LOOK_MS });
  const a = world.speaker("10.0.0.11", { asn: 65001, hold: 0 });
  const b = world.speaker("10.0.0.12", { asn: 65002, hold: 0 });
  const c = world.speaker("10.0.0.13", { asn: 65003, hold: 0 });
  a.announce(
    ALL.filter((_, i) => i % 2 === 0),
    { communities: ["65001:3"] },
  );
  a.announce(ALL.filter((_, i) => i % 2 === 1));
  b.announce(SOME, { asPath: [65002, 65002] });
  world.run(20_000);
  assert.equal(routesOf(c).length, COUNT);
  return { world, a, b, c };
}

/** What the speaker holds, connected routes left aside. */
function routesOf(speaker: Speaker): string[] {
  const learned = [...speaker.routes].filter(([prefix]) => !prefix.startsWith("10.0."));
  return learned.map(([prefix, route]) => `${prefix} ${route.asPath}`).sort();
}

const expected = (choose: (i: number) => string | undefined) =>
  ALL.flatMap((prefix, i) => {
    const path = choose(i);
    return path === undefined ? [] : [`${prefix} ${path}`];
  }).sort();

const second = (i: number) => (i % 3 === 0 ? "64512 65002 65002" : undefined);

function settle({ world }: Scene): void {
  world.run(60_000);
  assert.equal(world.router.core.scheduler.idle, true);
  for (const group of world.router.parts.exporter.groups()) group.updates.check();
}

/** Runs `then` after each number of steps following `first`, until all slices have been cut between. */
function betweenSlices(
  first: (s: Scene) => void,
  then: (s: Scene) => void,
  end: (s: Scene, steps: number) => void,
): void {
  for (const steps of [0, 1, 2, 3, 5, 8, 12, 18, 25]) {
    const s = scene();
    first(s);
    for (let i = 0; i < steps; i++) s.world.time.step(Number.POSITIVE_INFINITY);
    then(s);
    settle(s);
    end(s, steps);
  }
}

/** The connection ends now, as the transport tells it. */
function lose({ world, a }: Scene): void {
  const id = world.router.core.peers.get("a")!.active!.id;
  world.host.receive({ kind: "closed", id, reason: "connection reset" });
  a.drop();
}

describe("between any two slices of the sweep after a lost session", () => {
  test("the second best session may be lost too: nothing is left", () => {
    betweenSlices(
      lose,
      ({ b }) => b.drop(),
      ({ world, c }, steps) => {
        assert.deepEqual(routesOf(c), [], `${steps} steps`);
        assert.equal(world.fib.size, 0);
        const { core } = world.router;
        assert.equal(core.ribs.ipv4.prefixes.size, 2, `${steps} steps: prefix rows`);
      },
    );
  });

  test("the peer may come back and announce a part: that part and the second choices are left", () => {
    betweenSlices(
      lose,
      (s) => {
        s.a.connect();
        while (!s.a.up && s.world.time.step(s.world.time.nowMs + 60_000));
        s.a.announce(ALL.slice(0, 3000));
      },
      ({ c }, steps) => {
        assert.deepEqual(
          routesOf(c),
          expected((i) => (i < 3000 ? "64512 65001" : second(i))),
          `${steps} steps`,
        );
      },
    );
  });

  test("the policy may change", () => {
    betweenSlices(
      lose,
      (s) => s.world.configure(config("third")),
      ({ c }, steps) => assert.deepEqual(routesOf(c), expected(second), `${steps} steps`),
    );
  });

  test("the peer may be removed", () => {
    betweenSlices(
      lose,
      (s) => s.world.configure(config("accept", ["b", "c"])),
      ({ world, c }, steps) => {
        assert.deepEqual(routesOf(c), expected(second), `${steps} steps`);
        assert.equal(world.router.core.peerTable.size, 2);
      },
    );
  });
});

describe("between any two slices of a change of import policy", () => {
  const third = (i: number) => (i % 2 === 0 ? "64512 65001" : second(i));
  const change = (s: Scene) => s.world.configure(config("third"));

  test("the policy may change back", () => {
    betweenSlices(
      change,
      (s) => s.world.configure(config("accept")),
      ({ c }, steps) =>
        assert.deepEqual(
          routesOf(c),
          expected(() => "64512 65001"),
          `${steps} steps`,
        ),
    );
  });

  test("a route may come that the walk has not passed, or has", () => {
    betweenSlices(
      change,
      (s) => {
        s.a.announce([ALL[1]!, ALL[8999]!], { communities: ["65001:3"] });
        s.a.announce([ALL[0]!, ALL[8998]!]);
      },
      ({ c }, steps) => {
        const flipped = (i: number) => (i === 1 || i === 8999 ? 0 : i === 0 || i === 8998 ? 1 : i);
        const want = expected((i) => (flipped(i) === i ? third(i) : flipped(i) === 0 ? "64512 65001" : second(i)));
        assert.deepEqual(routesOf(c), want, `${steps} steps`);
      },
    );
  });

  test("the session may end", () => {
    betweenSlices(change, lose, ({ c }, steps) => assert.deepEqual(routesOf(c), expected(second), `${steps} steps`));
  });
});

describe("between any two slices of a full table for a new listener", () => {
  test("routes may go and come", () => {
    betweenSlices(
      ({ world, c }) => {
        c.drop();
        world.run(3000);
        c.connect();
        while (!c.up && world.time.step(world.time.nowMs + 60_000));
      },
      ({ a }) => {
        a.withdraw(ALL.slice(0, 4500));
        a.announce(ALL.slice(0, 100), { asPath: [65001, 65009] });
      },
      ({ c }, steps) => {
        const want = expected((i) => {
          if (i < 100) return "64512 65001 65009";
          return i < 4500 ? second(i) : "64512 65001";
        });
        assert.deepEqual(routesOf(c), want, `${steps} steps`);
        assert.equal(c.table.log.filter((line) => line === "eor ipv4").length, 1);
        assert.deepEqual(c.table.duplicates, []);
      },
    );
  });
});
