import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { levelOf, newPrefixLimit, type PrefixLimit } from "../../src/daemon/prefix-limit.ts";
import { createQueries } from "../../src/daemon/queries.ts";
import type { Speaker } from "./speaker.ts";
import { createWorld, header, peer, type World } from "./world.ts";

const OPEN = "import: accept, export: learned";
const LEARNED = "policies: { learned: [{ match: { source: [bgp] }, action: accept }, { action: reject }] }\n";
const TIMERS = "timers: { idleHoldMin: 1s, idleHoldMax: 2s }";

function limited(more: string, others = "") {
  const text = (keys: string) => `${header()}${LEARNED}peers:
${peer("a", "10.0.0.11", 65001, `${keys}, ${TIMERS}${keys.includes("import:") ? "" : `, ${OPEN}`}`)}${peer("b", "10.0.0.12", 65002, OPEN)}${others}`;
  const world = createWorld(text(more));
  const a = world.speaker("10.0.0.11", { asn: 65001 });
  const b = world.speaker("10.0.0.12", { asn: 65002 });
  return { world, a, b, again: (keys: string) => world.configure(text(keys)) };
}

const some = (from: number, count: number) => Array.from({ length: count }, (_, i) => `10.9.${from + i}.0/24`);
const ended = (speaker: Speaker) => speaker.notifications.map((n) => `${n.code}/${n.subcode} ${n.data}`);
const refreshes = (speaker: Speaker) => speaker.messages.filter((m) => m[18] === 5).length;
const said = (world: World) =>
  world.log.filter(({ event }) => event.startsWith("prefix limit")).map(({ event }) => event);
const answer = (world: World, name = "a") =>
  createQueries(world.router)
    .peers()
    .find((each) => each.name === name)!;

/** AFI, SAFI, limit. */
const data = (limit: number) => `000101${limit.toString(16).padStart(8, "0")}`;

describe("the level of a count", () => {
  const config = { limit: 100, warnPercent: 75, action: "warn", restartAfterMs: 1000 } as const;
  for (const [claim, state, count, expected] of [
    ["below the mark is calm", {}, 74, "calm"],
    ["is near from the mark on", {}, 75, "near"],
    ["is near at the limit", {}, 100, "near"],
    ["is over beyond it", {}, 101, "over"],
    ["stays near a little below the mark, so that a flapping route says nothing twice", { level: "near" }, 70, "near"],
    ["is calm again further below", { level: "near" }, 69, "calm"],
    ["falls from over to near", { level: "over" }, 100, "near"],
    ["falls from over to calm", { level: "over" }, 10, "calm"],
    ["is over at the limit where something was left out", { missing: true }, 100, "over"],
    ["is near where there is room for it", { missing: true }, 99, "near"],
  ] as readonly (readonly [string, Partial<PrefixLimit>, number, string])[])
    test(claim, () => assert.equal(levelOf({ ...newPrefixLimit(config), ...state }, count), expected));
});

describe("a limit of what a peer sends", () => {
  test("warns once at its mark, once beyond it, and says when it is kept again", () => {
    const { world, a, b } = limited("maxPrefixesIn: { limit: 4, warnPercent: 75, action: warn }");
    for (let n = 0; n < 6; n++) {
      a.announce(some(n, 1));
      world.run(100);
    }
    world.run(1000);
    assert.deepEqual(said(world), ["prefix limit near", "prefix limit exceeded"]);
    assert.equal(b.routes.size, 6);
    assert.deepEqual(answer(world).families[0]!.limitIn, {
      limit: 4,
      warnAt: 3,
      action: "warn",
      level: "over",
      leftOut: 0,
    });
    a.withdraw(some(0, 2));
    world.run(100);
    a.withdraw(some(2, 4));
    world.run(1000);
    assert.deepEqual(said(world).slice(2), ["prefix limit kept again", "prefix limit no longer near"]);
    assert.deepEqual([a.established, ended(a)], [1, []]);
  });

  test("counts what the import policy rejects, and each family by itself", () => {
    const world = createWorld(
      `${header()}${LEARNED}peers:\n${peer("a", "10.0.0.11", 65001, `import: reject, export: accept, families: [ipv4, ipv6], maxPrefixesIn: 2`)}`,
    );
    const a = world.speaker("10.0.0.11", { asn: 65001, families: ["ipv4", "ipv6"] });
    a.announce(some(0, 2));
    a.announce(["2001:db8:1::/48", "2001:db8:2::/48"], { nextHop: "2001:db8::11" });
    world.run(1000);
    assert.deepEqual(ended(a), []);
    a.announce("2001:db8:3::/48", { nextHop: "2001:db8::11" });
    world.run(1000);
    assert.deepEqual(ended(a), ["6/1 00020100000002"]);
  });

  test("does not count what only came back to us, until that is no loop any more", () => {
    const { world, a, again } = limited("maxPrefixesIn: 3");
    a.announce(some(0, 3));
    a.announce(some(10, 3), { asPath: [65001, 64512] });
    a.announce(some(1, 1), { asPath: [65001, 64512] });
    a.announce(some(20, 1));
    world.run(1000);
    assert.deepEqual([ended(a), answer(world).families[0]!.received], [[], 7]);
    a.withdraw(some(10, 1));
    a.announce(some(20, 1), { med: 1 });
    world.run(1000);
    assert.deepEqual(ended(a), []);
    again("maxPrefixesIn: 3, allowOwnAs: 1");
    world.run(1000);
    a.announce(some(20, 1), { med: 2 });
    world.run(1000);
    assert.deepEqual(ended(a), [`6/1 ${data(3)}`]);
  });

  test("counts a prefix once however often it comes", () => {
    const { world, a } = limited("maxPrefixesIn: 2");
    for (let med = 0; med < 5; med++) a.announce(some(0, 2), { med });
    world.run(1000);
    assert.deepEqual([ended(a), answer(world).families[0]!.received], [[], 2]);
  });

  test("withdrawals in the same message make room first", () => {
    const { world, a } = limited("maxPrefixesIn: 2");
    a.announce(some(0, 2));
    a.withdraw(some(0, 1));
    a.announce(some(5, 1));
    world.run(1000);
    assert.deepEqual(ended(a), []);
  });

  test("restart: 6/1 with family and limit, and the peer is let in again after exactly restartAfter", () => {
    const { world, a, b } = limited("maxPrefixesIn: { limit: 3, action: restart, restartAfter: 60s }");
    a.announce(some(0, 4));
    world.run(1000);
    assert.deepEqual([ended(a), a.up, b.routes.size], [[`6/1 ${data(3)}`], false, 0]);
    const { state, reason, nextRetrySeconds } = answer(world);
    assert.equal(state, "idle");
    assert.match(reason!, /maximum number of prefixes reached \(6\/1\): IPv4, limit 3/);
    assert.ok(nextRetrySeconds! > 57 && nextRetrySeconds! <= 60, `${nextRetrySeconds}`);
    world.run(50_000);
    a.connect();
    world.run(1000);
    assert.equal(a.up, false, "not before");
    world.run(9000);
    a.connect();
    world.run(1000);
    assert.equal(a.up, true);
    a.announce(some(0, 3));
    world.run(1000);
    assert.equal(b.routes.size, 3);
  });

  test("disable: down over reloads until the peer is enabled", () => {
    const { world, a, again } = limited("maxPrefixesIn: { limit: 3, action: disable }");
    a.announce(some(0, 4));
    world.run(1000);
    assert.deepEqual(ended(a), [`6/1 ${data(3)}`]);
    const { disabled, held, reason, nextRetrySeconds } = answer(world);
    assert.deepEqual([disabled, held?.by, nextRetrySeconds], [false, "limit", null]);
    assert.match(reason!, /it sent more than 3 ipv4 prefixes/);
    again("maxPrefixesIn: { limit: 30, action: disable }");
    world.run(300_000);
    a.connect();
    world.run(1000);
    assert.equal(a.up, false);
    world.router.handle({ from: "admin", action: "enable", peer: "a" });
    a.connect();
    world.run(1000);
    assert.equal(a.up, true);
    assert.equal(answer(world).held, null);
  });

  test("block: what is new has no room, what is known may change, and room made is filled on request", () => {
    const { world, a, b } = limited("maxPrefixesIn: { limit: 3, action: block }");
    a.announce(some(0, 5));
    world.run(1000);
    assert.deepEqual([...b.routes.keys()].sort(), some(0, 3));
    a.announce(some(1, 4), { med: 7 });
    world.run(1000);
    assert.deepEqual([...b.routes.keys()].sort(), some(0, 3));
    assert.deepEqual(
      [ended(a), answer(world).families[0]!.limitIn],
      [[], { limit: 3, warnAt: 3, action: "block", level: "over", leftOut: 4 }],
    );
    a.withdraw(some(0, 1));
    world.run(1000);
    a.withdraw(some(1, 1));
    world.run(1000);
    assert.equal(refreshes(a), 0, "withdrawals come in bursts");
    world.run(10_000);
    assert.equal(refreshes(a), 1);
    a.announce(some(2, 3));
    world.run(1000);
    assert.deepEqual([...b.routes.keys()].sort(), some(2, 3));
    assert.equal(answer(world).families[0]!.limitIn!.level, "near");
    a.announce(some(9, 1));
    a.withdraw(some(2, 1));
    world.run(20_000);
    assert.equal(refreshes(a), 1, "not more often than once a minute");
    world.run(60_000);
    assert.equal(refreshes(a), 2);
  });

  for (const [claim, next] of [
    [
      "another change of the peer forgets nothing of what had no room",
      "maxPrefixesIn: { limit: 3, action: block }, description: x",
    ],
    ["nor does a greater limit", "maxPrefixesIn: { limit: 30, action: block }"],
    ["nor that there is none any more", "description: x"],
  ] as const)
    test(`block: ${claim}`, () => {
      const { world, a, again } = limited("maxPrefixesIn: { limit: 3, action: block }");
      a.announce(some(0, 5));
      world.run(1000);
      again(next);
      a.withdraw(some(0, 1));
      world.run(70_000);
      assert.equal(refreshes(a), 1);
    });

  test("block fills exactly to the limit in whatever portions prefixes come", () => {
    for (const portion of [1, 2, 3, 7]) {
      const { world, a, b } = limited("maxPrefixesIn: { limit: 5, action: block }");
      for (let n = 0; n < 14; n += portion) a.announce(some(n, portion));
      world.run(2000);
      assert.deepEqual([...b.routes.keys()].sort(), some(0, 5).sort(), `portions of ${portion}`);
    }
  });

  test("counts anew in a new session, whatever of the last one waits to be swept", () => {
    const { world, a } = limited("maxPrefixesIn: { limit: 3, action: restart }");
    a.announce(some(0, 3));
    world.run(1000);
    a.drop();
    a.connect();
    world.run(5000);
    a.connect();
    world.run(5000);
    assert.equal(a.up, true);
    a.announce(some(10, 3));
    world.run(1000);
    assert.deepEqual(ended(a), []);
  });

  test("block: what is about to be asked for is still asked for where the limit changes meanwhile", () => {
    const { world, a, again } = limited("maxPrefixesIn: { limit: 3, action: block }");
    a.announce(some(0, 5));
    a.withdraw(some(0, 1));
    world.run(2000);
    again("maxPrefixesIn: { limit: 10, action: block }");
    world.run(10_000);
    assert.equal(refreshes(a), 1);
  });

  test("that is lowered below what is there acts at once, one that is raised says it is kept", () => {
    const { world, a, again } = limited("maxPrefixesIn: { limit: 10, action: warn }");
    a.announce(some(0, 5));
    world.run(1000);
    again("maxPrefixesIn: { limit: 4, action: warn }");
    assert.deepEqual(said(world), ["prefix limit exceeded"]);
    again("description: x");
    again("maxPrefixesIn: { limit: 4, action: restart }");
    world.run(1000);
    assert.deepEqual(ended(a), [`6/1 ${data(4)}`]);
  });
});

describe("a limit of what a peer is sent", () => {
  const sent = (a: Speaker) => [...a.routes.keys()].sort();

  test("ends the session before anything goes out that is beyond it, and says why", () => {
    const { world, a, b } = limited("maxPrefixesOut: { limit: 3, action: restart, restartAfter: 60s }");
    b.announce(some(0, 3));
    world.run(1000);
    assert.deepEqual(sent(a), some(0, 3));
    b.announce(some(3, 1));
    world.run(1000);
    const text = "we would send more than 3 ipv4 prefixes";
    assert.deepEqual(ended(a), [`6/4 ${text.length.toString(16)}${Buffer.from(text).toString("hex")}`]);
    assert.equal(a.table.log.includes("+10.9.3.0/24"), false);
    assert.equal(b.established, 1);
    b.withdraw(some(0, 2));
    world.run(60_000);
    a.connect();
    world.run(1000);
    assert.deepEqual([a.up, sent(a)], [true, some(2, 2)]);
  });

  test("does not count the peer's own routes, and holds for a table that is there before it", () => {
    const { world, a, b } = limited("maxPrefixesOut: { limit: 3, action: disable }");
    a.announce(some(100, 20));
    b.announce(some(0, 3));
    world.run(1000);
    assert.deepEqual(ended(a), []);
    a.drop();
    world.run(1000);
    b.announce(some(3, 1));
    world.run(10_000);
    a.connect();
    world.run(1000);
    assert.equal(ended(a)[0]!.slice(0, 3), "6/2");
    assert.deepEqual(sent(a), []);
    assert.equal(answer(world).held?.by, "limit");
  });

  test("warn only tells", () => {
    const { world, a, b } = limited("maxPrefixesOut: { limit: 3, action: warn }");
    b.announce(some(0, 5));
    world.run(1000);
    assert.deepEqual([sent(a).length, said(world)], [5, ["prefix limit exceeded"]]);
    b.withdraw(some(0, 5));
    world.run(1000);
    assert.deepEqual(said(world).slice(1), ["prefix limit no longer near"]);
  });

  test("block leaves out what has no room, lets what is sent change, and fills up again", () => {
    const { world, a, b } = limited("maxPrefixesOut: { limit: 3, action: block }");
    b.announce(some(0, 5));
    world.run(1000);
    assert.equal(a.routes.size, 3);
    assert.equal(answer(world).families[0]!.limitOut!.level, "over");
    const kept = sent(a);
    b.announce(some(0, 5), { communities: ["65002:1"] });
    world.run(1000);
    assert.deepEqual(sent(a), kept);
    assert.ok([...a.routes.values()].every(({ communities }) => communities.includes("65002:1")));
    b.withdraw(kept[0]!);
    world.run(1000);
    assert.equal(a.routes.size, 3);
    assert.ok(!sent(a).includes(kept[0]!));
    b.withdraw(some(0, 5));
    world.run(1000);
    assert.deepEqual([sent(a), a.established], [[], 1]);
    assert.equal(answer(world).families[0]!.limitOut!.level, "calm");
  });

  test("that comes with a reload holds from then on", () => {
    const { world, a, b, again } = limited("description: none");
    b.announce(some(0, 5));
    world.run(1000);
    again("maxPrefixesOut: { limit: 3, action: block }");
    world.run(1000);
    assert.deepEqual([a.routes.size, a.established], [3, 1]);
    again("description: none");
    world.run(1000);
    assert.equal(a.routes.size, 5);
    again("maxPrefixesOut: { limit: 4, action: restart }");
    b.announce(some(5, 1));
    world.run(1000);
    assert.equal(ended(a)[0]!.slice(0, 3), "6/4");
  });
});
