import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { UPDATE_ROUTES } from "../../src/daemon/receive.ts";
import { STEP_BUDGET } from "../../src/daemon/sessions.ts";
import { attributesOf, KEEPALIVE, update } from "./speaker.ts";
import { createWorld, header, peer } from "./world.ts";

const EXTERNAL = "import: accept, export: accept";

const CONFIG = `${header()}
peers:
${peer("a", "10.0.0.11", 65001, EXTERNAL)}${peer("b", "10.0.0.12", 65002, EXTERNAL)}`;

const prefixes = (count: number) => Array.from({ length: count }, (_, i) => `10.${20 + (i >> 8)}.${i & 255}.0/24`);

describe("bounds", () => {
  const bounded = (limits: string) => `router: { id: 10.0.0.1, asn: 64512, listen: [{ address: 0.0.0.0 }] }
limits: { ${limits} }
peers:
${peer("a", "10.0.0.11", 65001, EXTERNAL)}${peer("b", "10.0.0.12", 65002, EXTERNAL)}`;
  const rows: readonly (readonly [string, string, number])[] = [
    ["routes", "routes: 100, paths: 4000, attributeSets: 4000, attributeOctets: 400000", 0],
    ["paths", "routes: 4000, paths: 100, attributeSets: 4000, attributeOctets: 400000", 0],
    ["attribute sets", "routes: 4000, paths: 4000, attributeSets: 100, attributeOctets: 400000", 1],
    ["octets of attributes", "routes: 4000, paths: 4000, attributeSets: 4000, attributeOctets: 4096", 1],
  ];
  for (const [what, limits, distinct] of rows)
    test(`who exceeds the bound of ${what} is ended with Cease 6/8, the others stay and keep their routes`, () => {
      const world = createWorld(bounded(limits));
      const a = world.speaker("10.0.0.11", { asn: 65001 });
      const b = world.speaker("10.0.0.12", { asn: 65002 });
      b.announce(["10.8.0.0/24", "10.8.1.0/24"]);
      world.run(1000);
      for (const [i, prefix] of prefixes(300).entries()) a.announce(prefix, { med: distinct * i });
      world.run(1000);
      assert.deepEqual(
        a.notifications.map((n) => [n.code, n.subcode]),
        [[6, 8]],
      );
      assert.deepEqual([b.up, b.established], [true, 1]);
      assert.equal(world.forwards("10.8.1.0/24"), "10.0.0.12");
      world.run(5000);
      assert.deepEqual(
        [...b.routes.keys()].filter((p) => !p.startsWith("10.0.")),
        [],
        "nothing of the other is left",
      );
      const { core } = world.router;
      assert.equal(core.ribs.ipv4.received(core.peers.get("a")!.id), 0);
      b.announce("10.8.2.0/24");
      world.run(1000);
      assert.equal(world.forwards("10.8.2.0/24"), "10.0.0.12", "there is room again");
    });
});

describe("a slow reader", () => {
  test("is sent the newest state only, in bounded memory, and is exact afterwards", () => {
    const world = createWorld(CONFIG);
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    const b = world.speaker("10.0.0.12", { asn: 65002 });
    b.read(false);
    let most = 0;
    for (let round = 1; round <= 30; round++) {
      a.announce(prefixes(2000), { med: round, communities: [`65001:${round}`] });
      a.send(KEEPALIVE);
      world.run(2000);
      const connection = world.router.core.peers.get("b")!.active!;
      most = Math.max(most, world.host.transport().pending(connection.id));
    }
    assert.ok(most < 600_000, `${most} octets waited`);
    b.read(true);
    world.run(10_000);
    const held = [...b.routes].filter(([p]) => !p.startsWith("10.0."));
    assert.equal(held.length, 2000);
    for (const [prefix, route] of held) assert.deepEqual(route.communities, ["65001:30"], prefix);
    assert.deepEqual([b.established, b.table.duplicates.length], [1, 0]);
  });

  test("that hides withdrawals beyond the bound is closed with Cease 6/8, and gets everything when it returns", () => {
    const world = createWorld(CONFIG);
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    const b = world.speaker("10.0.0.12", { asn: 65002 });
    const all = prefixes(24_000);
    a.announce(all);
    world.run(5000);
    assert.equal([...b.routes.keys()].filter((p) => !p.startsWith("10.0.")).length, all.length);
    b.read(false);
    for (let round = 0; round < 6; round++) {
      a.announce(all.slice(0, 12_000), { communities: [`65001:${round}`] });
      world.run(3000);
    }
    a.withdraw(all.slice(0, 12_000));
    world.run(10_000);
    b.read(true);
    world.run(3000);
    assert.ok(
      world.log.some((l) => l.event === "peer lags too far behind"),
      "closed",
    );
    assert.deepEqual(
      b.notifications.map((n) => [n.code, n.subcode]),
      [[6, 8]],
    );
    world.run(60_000);
    b.connect();
    world.run(20_000);
    assert.equal([...b.routes.keys()].filter((p) => !p.startsWith("10.0.")).length, 12_000);
    assert.equal(a.established, 1);
  });
});

describe("the budget of a step", () => {
  const deliver = (octets: Uint8Array) => {
    const world = createWorld(CONFIG);
    const a = world.speaker("10.0.0.11", { asn: 65001, extendedMessage: true });
    const { id } = world.router.core.peers.get("a")!.active!;
    for (let at = 0; at < octets.length; at += STEP_BUDGET.octets)
      world.host.receive({ kind: "data", id, bytes: octets.slice(at, at + STEP_BUDGET.octets) });
    return { a, parts: world.router.parts };
  };

  test("holds for a chunk of nothing but KEEPALIVEs", () => {
    const octets = new Uint8Array(2 * STEP_BUDGET.octets);
    for (let at = 0; at + KEEPALIVE.length <= octets.length; at += KEEPALIVE.length) octets.set(KEEPALIVE, at);
    const { a, parts } = deliver(octets);
    assert.ok(parts.sessions.steps.messages <= STEP_BUDGET.messages);
    assert.ok(parts.sessions.steps.messages >= STEP_BUDGET.messages - 2);
    assert.equal(a.notifications.length, 0);
  });

  test("holds for the longest UPDATE, full of default routes", () => {
    const attributes = attributesOf({ asPath: [65001], nextHop: "10.0.0.11" }, "ipv4", true);
    const room = UPDATE_ROUTES - attributes.flat().length;
    const { parts } = deliver(update([], attributes, new Array<number>(room).fill(0)));
    assert.equal(parts.receiver.counters.longestUpdateRoutes, room);
  });
});
