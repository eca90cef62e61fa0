/** Route refresh and its enhanced form, asked of us and sent to us: RFC 2918, RFC 7313. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createQueries } from "../../src/daemon/queries.ts";
import { bytes, message } from "../bgp/wire.ts";
import type { RestartOffer, Speaker } from "./speaker.ts";
import { createWorld, header, peer, type World } from "./world.ts";

const BOTH = "import: accept, export: accept, families: [ipv4, ipv6]";
const V4 = ["10.7.0.0/16", "10.8.0.0/16", "10.9.0.0/16"];
const V6 = "2001:db8:900::/40";

interface Scene {
  readonly world: World;
  /** Announces V4 and V6. */
  readonly a: Speaker;
  readonly b: Speaker;
}

function scene({
  enhanced = true,
  more = "",
  gracefulRestart,
}: {
  enhanced?: boolean;
  more?: string;
  gracefulRestart?: RestartOffer;
} = {}): Scene {
  const world = createWorld(`${header()}
peers:
${peer("a", "10.0.0.11", 65001, `${BOTH}${more}`)}${peer("b", "10.0.0.12", 65002, BOTH)}`);
  const offer = { families: ["ipv4", "ipv6"] as const, enhancedRefresh: enhanced };
  const a = world.speaker("10.0.0.11", { asn: 65001, ...offer, ...(gracefulRestart && { gracefulRestart }) });
  const b = world.speaker("10.0.0.12", { asn: 65002, ...offer });
  a.announce(V4);
  a.announce(V6, { nextHop: "2001:db8::11" });
  a.endOfRib("ipv4");
  a.endOfRib("ipv6");
  world.run(2000);
  b.forget();
  return { world, a, b };
}

const held = (b: Speaker) => [...V4, V6].filter((prefix) => b.routes.has(prefix));
const families = ({ world }: Scene) =>
  createQueries(world.router)
    .peers()
    .find(({ name }) => name === "a")!.families;

describe("a table asked for", () => {
  test("comes between BoRR and EoRR where both sides know them, whole and once", () => {
    const it = scene();
    it.b.refresh("ipv4");
    it.world.run(1000);
    const { log } = it.b.table;
    assert.deepEqual([log[0], log.at(-1)], ["refresh ipv4 1", "refresh ipv4 2"]);
    const told = log.slice(1, -1).sort();
    assert.deepEqual(
      told,
      [...it.b.routes.keys()]
        .filter((p) => !p.includes(":"))
        .map((p) => `+${p}`)
        .sort(),
    );
  });

  for (const [who, offer, more] of [
    ["the peer", { enhanced: false }, ""],
    ["our configuration", {}, ", capabilities: { enhancedRouteRefresh: false }"],
  ] as const)
    test(`comes without them where ${who} does not know them`, () => {
      const it = scene({ ...offer, more });
      it.a.forget();
      it.a.refresh("ipv4");
      it.world.run(1000);
      assert.ok(it.a.table.log.length > 0);
      assert.ok(
        it.a.table.log.every((line) => line.startsWith("+")),
        it.a.table.log.join(),
      );
    });

  test("asked for twice ends once, after the second one", () => {
    const it = scene();
    const request = message(5, bytes([0, 2, 0, 1]));
    it.b.send(bytes([...request], [...request]));
    it.world.run(1000);
    const marks = it.b.table.log.filter((line) => line.startsWith("refresh"));
    assert.deepEqual(marks, ["refresh ipv6 1", "refresh ipv6 1", "refresh ipv6 2"]);
    assert.equal(it.b.table.log.at(-1), "refresh ipv6 2");
  });

  test("asked for before the first one is complete comes after its End-of-RIB", () => {
    const world = createWorld(
      `${header()}
static: [${Array.from({ length: 30 }, (_, i) => `{ prefix: 10.60.${i}.0/24, blackhole: true }`).join(", ")}]
peers:
${peer("b", "10.0.0.12", 65002, BOTH)}`,
      { lookMs: 10 },
    );
    const b = world.speaker("10.0.0.12", {
      asn: 65002,
      families: ["ipv4", "ipv6"],
      enhancedRefresh: true,
      start: false,
    });
    b.eager = true;
    b.connect();
    world.run(5000);
    const marks = b.table.log.filter((line) => line.endsWith("ipv4") || line.startsWith("refresh"));
    assert.deepEqual(marks, ["eor ipv4", "refresh ipv4 1", "refresh ipv4 2"]);
  });

  test("of a family that is not on the session is not sent", () => {
    const world = createWorld(`${header()}peers:\n${peer("b", "10.0.0.12", 65002, BOTH)}`);
    const b = world.speaker("10.0.0.12", { asn: 65002, enhancedRefresh: true });
    b.forget();
    b.refresh("ipv6");
    b.send(message(5, bytes([0, 25, 0, 70])));
    world.run(1000);
    assert.deepEqual([b.table.log, b.up], [[], true]);
  });
});

describe("a table sent again", () => {
  test("leaves what it holds untouched, and what it does not goes at EoRR, not before", () => {
    const it = scene();
    it.a.refresh("ipv4", 1);
    it.a.announce(V4.slice(1));
    it.world.run(5000);
    assert.equal(families(it)[0]!.refresh.receiving, true);
    assert.deepEqual(it.b.table.log, [], "stale routes stay in use");
    it.a.refresh("ipv4", 2);
    it.world.run(1000);
    assert.deepEqual(it.b.table.log, [`-${V4[0]}`]);
    assert.deepEqual(held(it.b), [V4[1], V4[2], V6]);
    assert.equal(families(it)[0]!.refresh.receiving, false);
  });

  test("may hold other attributes, new routes and withdrawals", () => {
    const it = scene();
    it.a.refresh("ipv4", 1);
    it.a.announce(V4[0]!, { med: 7, asPath: [65001, 65009] });
    it.a.announce("10.6.0.0/16");
    it.a.announce(V4[1]!);
    it.a.withdraw(V4[1]!);
    it.a.refresh("ipv4", 2);
    it.world.run(1000);
    assert.deepEqual(held(it.b), [V4[0], V6]);
    assert.equal(it.b.routes.get(V4[0]!)!.asPath, "64512 65001 65009");
    assert.ok(it.b.routes.has("10.6.0.0/16"));
  });

  test("that begins anew is measured by its last beginning", () => {
    const it = scene();
    it.a.refresh("ipv4", 1);
    it.a.announce(V4.slice(0, 2));
    it.a.refresh("ipv4", 1);
    it.a.announce(V4.slice(1));
    it.a.refresh("ipv4", 2);
    it.world.run(1000);
    assert.deepEqual(held(it.b), [V4[1], V4[2], V6]);
  });

  test("of one family has nothing to do with the other", () => {
    const it = scene();
    it.a.refresh("ipv4", 1);
    it.a.refresh("ipv6", 1);
    it.a.announce(V6, { nextHop: "2001:db8::11" });
    it.a.refresh("ipv6", 2);
    it.world.run(1000);
    assert.deepEqual(held(it.b), [...V4, V6]);
    it.a.refresh("ipv4", 2);
    it.world.run(1000);
    assert.deepEqual(held(it.b), [V6]);
  });

  test("that ends without a beginning changes nothing", () => {
    const it = scene();
    it.a.refresh("ipv4", 2);
    it.world.run(1000);
    assert.deepEqual([it.b.table.log, held(it.b), it.a.up], [[], [...V4, V6], true]);
  });

  test("that does not end is given up after the stale time: what was not sent again stays", () => {
    const it = scene({ more: ", gracefulRestart: { mode: aware, staleTime: 60s }" });
    it.a.refresh("ipv4", 1);
    it.a.announce(V4[0]!);
    it.world.run(59_000);
    assert.deepEqual(held(it.b), [...V4, V6]);
    it.world.run(2000);
    it.a.refresh("ipv4", 2);
    it.world.run(1000);
    assert.deepEqual(held(it.b), [...V4, V6]);
    assert.ok(it.world.log.some(({ event }) => event === "route refresh not ended"));
  });

  test("is cut off by the end of the session, and the next one begins clean", () => {
    const it = scene();
    it.a.refresh("ipv4", 1);
    it.a.announce(V4[0]!);
    it.a.drop();
    it.world.run(10_000);
    assert.deepEqual(held(it.b), []);
    it.a.connect();
    it.world.run(10_000);
    it.a.announce(V4);
    it.a.refresh("ipv4", 2);
    it.world.run(200_000);
    assert.deepEqual(held(it.b), V4);
  });

  for (const notification of [true, false])
    test(`and cut off by a graceful restart keeps what the session had announced before, N ${notification ? "" : "not "}exchanged`, () => {
      const it = scene({
        gracefulRestart: { seconds: 60, notification },
        more: `, gracefulRestart: { mode: aware, notification: ${notification} }`,
      });
      it.a.refresh("ipv4", 1);
      it.a.announce(V4[0]!);
      it.world.run(100);
      it.a.drop();
      it.world.run(10_000);
      assert.deepEqual(held(it.b), [...V4, V6]);
      it.a.connect();
      it.world.run(5000);
      assert.equal(it.a.up, true);
      it.a.announce(V4[1]!);
      it.a.endOfRib("ipv4");
      it.world.run(1000);
      assert.deepEqual(held(it.b), [V4[1], V6]);
    });

  test("gives no further room beneath a limit of prefixes", () => {
    const it = scene({ more: ", maxPrefixesIn: 5" });
    for (let round = 0; round < 3 && it.a.up; round++) {
      it.a.refresh("ipv4", 1);
      it.a.announce([`10.${20 + round}.0.0/16`, `10.${30 + round}.0.0/16`]);
      it.world.run(1000);
    }
    assert.deepEqual(
      it.a.notifications.map(({ code, subcode }) => [code, subcode]),
      [[6, 1]],
    );
  });

  test("that begins before End-of-RIB settles both at its end", () => {
    const it = scene({ gracefulRestart: { seconds: 60 } });
    it.a.drop();
    it.world.run(10_000);
    it.a.connect();
    it.world.run(5000);
    assert.equal(it.a.up, true);
    it.a.announce(V4);
    it.a.refresh("ipv4", 1);
    it.a.endOfRib("ipv4");
    it.a.announce(V4.slice(1));
    it.world.run(1000);
    assert.deepEqual(held(it.b), [...V4, V6]);
    it.a.refresh("ipv4", 2);
    it.world.run(1000);
    assert.deepEqual(held(it.b), [V4[1], V4[2], V6]);
  });
});

describe("a ROUTE-REFRESH that is not as it should be", () => {
  for (const subtype of [1, 2])
    test(`of subtype ${subtype} with an octet too much ends the session with 7/1 and the message`, () => {
      const it = scene();
      const wrong = message(5, bytes([0, 1, subtype, 1, 0]));
      it.a.send(wrong);
      it.world.run(1000);
      const data = Buffer.from(wrong).toString("hex");
      assert.deepEqual(it.a.notifications, [{ code: 7, subcode: 1, data }]);
    });

  test("of an unknown subtype is passed over", () => {
    const it = scene();
    it.a.forget();
    for (const subtype of [3, 128, 255]) it.a.refresh("ipv4", subtype);
    it.world.run(1000);
    assert.deepEqual([it.a.up, it.a.table.log, held(it.b)], [true, [], [...V4, V6]]);
  });

  test("is a request without the capability, whatever its reserved octet", () => {
    const it = scene({ enhanced: false });
    it.a.forget();
    it.a.refresh("ipv4", 1);
    it.world.run(1000);
    assert.ok(it.a.table.log.length > 0);
    it.a.refresh("ipv4", 2);
    it.world.run(1000);
    assert.deepEqual(held(it.b), [...V4, V6]);
  });
});
