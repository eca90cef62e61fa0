import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createWorld, header, peer } from "./world.ts";

const MANY = Array.from({ length: 6000 }, (_, i) => `10.${64 + (i >> 8)}.${i & 255}.0/24`);
const COMMUNITY = (n: number) => `64512:${n}`;

/** Policies of the peer `to`; a table of more than one slice, so that a group is not filled at once. */
function config(to: string) {
  return `${header()}policies:
  one: [{ match: { prefixes: [{ prefix: 10.64.0.0/13, ge: 24, le: 24 }] }, set: { addCommunities: ["${COMMUNITY(1)}"] }, action: accept }, { action: reject }]
  two: [{ match: { prefixes: [{ prefix: 10.72.0.0/13, ge: 24, le: 24 }] }, set: { addCommunities: ["${COMMUNITY(2)}"] }, action: accept }, { action: reject }]
  three: [{ match: { prefixes: [{ prefix: 10.80.0.0/13, ge: 24, le: 24 }] }, set: { addCommunities: ["${COMMUNITY(3)}"] }, action: accept }, { action: reject }]
peers:
${peer("from", "10.0.0.11", 65001, "import: accept, export: reject")}${peer("to", "10.0.0.12", 65002, `import: accept, export: ${to}`)}${peer("other", "10.0.0.13", 65003, "import: accept, export: one")}`;
}

function start() {
  // One slice a turn, 10 ms each: events fall between slices.
  const world = createWorld(config("one"), { lookMs: 10 });
  const from = world.speaker("10.0.0.11", { asn: 65001 });
  const to = world.speaker("10.0.0.12", { asn: 65002 });
  const other = world.speaker("10.0.0.13", { asn: 65003 });
  from.announce(MANY);
  world.run(20_000);
  assert.equal(to.routes.size, 2048);
  assert.equal(other.routes.size, 2048);
  const holds = (n: number) => {
    const expected = MANY.filter((text) => Number(text.split(".")[1]) >> 3 === 7 + n);
    assert.deepEqual([...to.routes.keys()].sort(), [...expected].sort());
    for (const route of to.routes.values()) assert.deepEqual(route.communities, [COMMUNITY(n)]);
    assert.deepEqual(to.table.duplicates, []);
  };
  const groups = () => [...world.router.parts.exporter.groups()].map((g) => g.updates.size);
  return { world, from, to, other, holds, groups };
}

describe("an export policy that changes again before its group is filled", () => {
  test("leaves the member with what the last one gives", () => {
    const { world, to, holds, groups } = start();
    world.configure(config("two"));
    world.configure(config("three"));
    world.run(20_000);
    holds(3);
    assert.equal(to.established, 1);
    assert.deepEqual(groups().sort(), [1, 1, 1]);
  });

  test("or changes back, with what it had", () => {
    const { world, to, holds, groups } = start();
    to.forget();
    world.configure(config("two"));
    world.configure(config("one"));
    world.run(20_000);
    holds(1);
    assert.deepEqual(to.table.log, [], "nothing was sent");
    assert.deepEqual(groups().sort(), [1, 2]);
  });
});

describe("a session that ends before its new group is filled", () => {
  for (const again of ["two", "one", "three"])
    test(`is sent what policy ${again} gives when it comes back`, () => {
      const { world, to, holds, groups } = start();
      world.configure(config("two"));
      to.drop();
      world.run(5);
      if (again !== "two") world.configure(config(again));
      world.run(30_000);
      to.connect();
      world.run(60_000);
      if (!to.up) {
        to.connect();
        world.run(60_000);
      }
      assert.equal(to.established, 2);
      holds({ one: 1, two: 2, three: 3 }[again]!);
      assert.deepEqual(groups().sort(), again === "one" ? [1, 2] : [1, 1, 1]);
    });
});
