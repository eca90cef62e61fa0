/** Long-lived graceful restart: RFC 9494, both ends of it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createQueries } from "../../src/daemon/queries.ts";
import type { Family } from "../../src/ip/address.ts";
import type { LongLivedOffer, RestartOffer, Route, Speaker } from "./speaker.ts";
import { createWorld, header, peer, type World } from "./world.ts";

const LLGR_STALE = "65535:6";
const NO_LLGR = "65535:7";
const V4 = "10.9.0.0/16";
const OTHER = "10.8.0.0/16";
const V6 = "2001:db8:900::/40";
const POLICIES = "import: accept, export: accept, families: [ipv4, ipv6]";
const AWARE = "gracefulRestart: { mode: aware, longLived: aware }";
const RESTART: RestartOffer = { seconds: 30 };

interface Offers {
  readonly restart?: RestartOffer | null;
  readonly longLived?: LongLivedOffer | null;
  readonly families?: readonly Family[];
}

interface Scene {
  readonly world: World;
  readonly a: Speaker;
  /** External and internal; `Knows` sent capability 71, the others did not. */
  readonly knows: Speaker;
  readonly other: Speaker;
  readonly inside: Speaker;
  back(offers?: Offers): Speaker;
}

function scene({ more = AWARE, inside = "", ...first }: Offers & { more?: string; inside?: string } = {}): Scene {
  const world = createWorld(`${header(64512, "")}
peers:
${peer("a", "10.0.0.11", 65001, `${POLICIES}, ${more}`)}${peer("knows", "10.0.0.12", 65002, `${POLICIES}, ${AWARE}`)}${peer("other", "10.0.0.13", 65003, POLICIES)}${peer("inside", "10.0.0.14", 64512, `${POLICIES}${inside}`)}`);
  const start = (offers: Offers) => {
    const { restart = RESTART, longLived = {}, families = ["ipv4", "ipv6"] } = { ...first, ...offers };
    return world.speaker("10.0.0.11", {
      asn: 65001,
      families,
      ...(restart && { gracefulRestart: restart }),
      ...(longLived && { longLived }),
    });
  };
  const a = start({});
  const families = ["ipv4", "ipv6"] as const;
  const knows = world.speaker("10.0.0.12", {
    asn: 65002,
    families,
    gracefulRestart: { families: [] },
    longLived: { families: [] },
  });
  const other = world.speaker("10.0.0.13", { asn: 65003, families });
  const inner = world.speaker("10.0.0.14", { asn: 64512, families });
  a.announce([V4, OTHER]);
  a.announce(V6, { nextHop: "2001:db8::11" });
  for (const family of families) a.endOfRib(family);
  world.run(30_000);
  return { world, a, knows, other, inside: inner, back: (offers = {}) => start(offers) };
}

const held = (speaker: Speaker) => [V4, OTHER, V6].filter((prefix) => speaker.routes.has(prefix));
const communities = (speaker: Speaker, prefix: string) => speaker.routes.get(prefix)?.communities;

/** The routes of `a` have outlived its restart time. */
function outlived(it: Scene): void {
  it.a.drop();
  it.world.run(31_000);
}

describe("routes that outlive the restart time", () => {
  test("go to peers that know LLGR_STALE, with it, and stay in the kernel; others have them withdrawn", () => {
    const it = scene();
    it.a.drop();
    it.world.run(29_000);
    for (const speaker of [it.knows, it.other, it.inside]) {
      assert.deepEqual(held(speaker), [V4, OTHER, V6]);
      assert.deepEqual(communities(speaker, V4), []);
    }
    it.world.run(2000);
    assert.deepEqual(held(it.knows), [V4, OTHER, V6]);
    for (const prefix of [V4, OTHER, V6]) assert.deepEqual(communities(it.knows, prefix), [LLGR_STALE]);
    assert.deepEqual([held(it.other), held(it.inside)], [[], []]);
    assert.equal(it.world.forwards(V4), "10.0.0.11");
  });

  test("go when their time is over", () => {
    const it = scene({ longLived: { seconds: 100 } });
    outlived(it);
    it.world.run(98_000);
    assert.deepEqual(held(it.knows), [V4, OTHER, V6]);
    it.world.run(3000);
    assert.deepEqual(held(it.knows), []);
    assert.equal(it.world.forwards(V4), undefined);
  });

  test("are told of beside the reason why the session is down", () => {
    const it = scene({ longLived: { seconds: 100 } });
    outlived(it);
    const [peer] = createQueries(it.world.router)
      .peers()
      .filter(({ longLived }) => longLived.length > 0);
    assert.match(peer!.reason!, /its routes are long-lived stale for another 99 s$/);
  });

  test("go at once where they carry NO_LLGR", () => {
    const it = scene();
    it.a.announce(V4, { communities: [NO_LLGR, "7:7"] });
    it.a.announce(OTHER, { communities: [LLGR_STALE, NO_LLGR] });
    it.world.run(1000);
    outlived(it);
    assert.deepEqual(held(it.knows), [V6], "also those that were stale when they came");
  });

  test("become so at once in families that the graceful restart capability does not list", () => {
    const it = scene({ restart: { seconds: 30, families: [{ family: "ipv6" }] } });
    it.a.drop();
    it.world.run(1000);
    assert.deepEqual(communities(it.knows, V4), [LLGR_STALE]);
    assert.deepEqual(communities(it.knows, V6), []);
    it.world.run(31_000);
    assert.deepEqual(communities(it.knows, V6), [LLGR_STALE]);
  });

  test("are none in families that the long-lived capability does not list, or lists with time 0", () => {
    const it = scene({ longLived: { families: [{ family: "ipv6" }] } });
    outlived(it);
    assert.deepEqual(held(it.knows), [V6]);
    const none = scene({ longLived: { seconds: 0 } });
    outlived(none);
    assert.deepEqual(held(none.knows), []);
  });

  for (const [what, offers, more] of [
    ["the peer does not offer it", { longLived: null }, AWARE],
    ["we do not offer it", {}, "gracefulRestart: { mode: aware }"],
    ["the peer offers it without graceful restart", { restart: null }, AWARE],
  ] as const)
    test(`are none where ${what}`, () => {
      const it = scene({ ...offers, more });
      outlived(it);
      assert.deepEqual(held(it.knows), []);
    });

  test("go to internal peers that do not know them where the configuration says so: NO_EXPORT, LOCAL_PREF 0", () => {
    const it = scene({ inside: ", gracefulRestart: { staleToOthers: true }" });
    outlived(it);
    assert.deepEqual(held(it.inside), [V4, OTHER, V6]);
    const { localPref, communities: heard } = it.inside.routes.get(V4)!;
    assert.deepEqual([localPref, [...heard].sort()], [0, ["65535:65281", LLGR_STALE].sort()]);
    assert.deepEqual(held(it.other), []);
  });

  test("keep the community whatever a policy takes off", () => {
    const world = createWorld(`${header()}
policies: { bare: [{ set: { setCommunities: ["1:1"] }, action: accept }] }
peers:
${peer("a", "10.0.0.11", 65001, `import: bare, export: accept, ${AWARE}`)}${peer("b", "10.0.0.12", 65002, `import: accept, export: bare, ${AWARE}`)}`);
    const a = world.speaker("10.0.0.11", { asn: 65001, gracefulRestart: { seconds: 5 }, longLived: {} });
    const b = world.speaker("10.0.0.12", { asn: 65002, gracefulRestart: { families: [] }, longLived: {} });
    a.announce(V4);
    a.endOfRib();
    world.run(1000);
    a.drop();
    world.run(10_000);
    assert.deepEqual([...communities(b, V4)!].sort(), ["1:1", LLGR_STALE].sort());
  });
});

describe("a long-lived stale route", () => {
  const better: Route = { asPath: [65001, 65001, 65001, 65001], med: 900 };

  test("gives way to any fresh one, and is used again when that goes", () => {
    const it = scene();
    it.other.announce(V4, { asPath: [65003, 7, 8, 9, 10] });
    it.world.run(1000);
    assert.equal(it.world.forwards(V4), "10.0.0.11");
    outlived(it);
    assert.equal(it.world.forwards(V4), "10.0.0.13");
    assert.equal(it.world.forwards(OTHER), "10.0.0.11");
    it.other.withdraw(V4);
    it.world.run(1000);
    assert.equal(it.world.forwards(V4), "10.0.0.11");
  });

  test("may come from a peer: least preferred where we sent the capability, a community like others where not", () => {
    const it = scene();
    it.knows.announce(V4, { ...better, asPath: [65002], communities: [LLGR_STALE] });
    it.world.run(1000);
    assert.equal(it.world.forwards(V4), "10.0.0.11", "the shorter path of another peer counts for nothing");
    it.a.announce(V4, better);
    it.world.run(1000);
    assert.equal(it.world.forwards(V4), "10.0.0.11");
    it.other.announce(V4, { asPath: [65003], communities: [LLGR_STALE] });
    it.world.run(1000);
    assert.equal(it.world.forwards(V4), "10.0.0.13");
  });

  test("is shown and explained", () => {
    const it = scene({ longLived: { seconds: 600 } });
    it.other.announce(V4, { asPath: [65003, 7, 8, 9, 10] });
    outlived(it);
    const queries = createQueries(it.world.router);
    const [answer] = queries.peers().filter(({ name }) => name === "a");
    assert.deepEqual(
      answer!.longLived.map(({ family, longLived, leftSeconds }) => [family, longLived, Math.round(leftSeconds)]),
      [
        ["ipv4", true, 599],
        ["ipv6", true, 599],
      ],
    );
    const { best, losers } = queries.explain(
      { family: "ipv4", bytes: Uint8Array.of(10, 9, 0, 0), length: 16 },
      "other",
    );
    assert.equal(best!.peer, "other");
    const [loser] = losers;
    assert.deepEqual([loser!.step, loser!.bestValue, loser!.value], ["longLivedStale", "fresh", "stale"]);
    assert.equal(loser!.path.stale!.longLived, true);
    const { to } = queries.explain({ family: "ipv4", bytes: Uint8Array.of(10, 8, 0, 0), length: 16 }, "other");
    assert.equal(to!.stoppedBy!.step, "long-lived stale");
  });
});

describe("a peer that is back after its restart time", () => {
  test("keeps what it announces again, and loses the rest at End-of-RIB", () => {
    const it = scene();
    outlived(it);
    const a = it.back();
    a.announce(V4);
    it.world.run(1000);
    assert.deepEqual(communities(it.knows, V4), []);
    assert.deepEqual(held(it.other), [V4]);
    assert.deepEqual(communities(it.knows, OTHER), [LLGR_STALE]);
    a.endOfRib("ipv4");
    it.world.run(1000);
    assert.deepEqual(held(it.knows), [V4, V6]);
    a.endOfRib("ipv6");
    it.world.run(1000);
    assert.deepEqual(held(it.knows), [V4]);
  });

  for (const [what, offers] of [
    ["F is not set", { longLived: { families: [{ family: "ipv4", forwarding: false }, { family: "ipv6" }] } }],
    ["the family is not listed", { longLived: { families: [{ family: "ipv6" }] } }],
    ["the family is not on the session", { families: ["ipv6"] }],
  ] as const)
    test(`loses what it had at once where ${what}, and the other family not`, () => {
      const it = scene();
      outlived(it);
      it.back(offers as Offers);
      it.world.run(1000);
      assert.deepEqual(held(it.knows), [V6]);
    });

  for (const offers of [{ longLived: null }, { restart: null }] as const)
    test(`loses all at once where ${Object.keys(offers)[0]} is not offered`, () => {
      const it = scene();
      outlived(it);
      it.back(offers);
      it.world.run(1000);
      assert.deepEqual(held(it.knows), []);
    });

  test("is given no further time: what is not announced when the first is over goes then", () => {
    const it = scene({ longLived: { seconds: 100 } });
    outlived(it);
    it.world.run(50_000);
    const a = it.back();
    a.announce(V4);
    it.world.run(40_000);
    assert.deepEqual(held(it.knows), [V4, OTHER, V6]);
    it.world.run(15_000);
    assert.deepEqual(held(it.knows), [V4]);
  });

  test("and lost again and again keeps its stale routes, but no longer than the first time lasts", () => {
    const it = scene({ longLived: { seconds: 200 } });
    outlived(it);
    for (let again = 0; again < 3; again++) {
      const a = it.back();
      it.world.run(2000);
      a.drop();
      it.world.run(40_000);
      assert.deepEqual(held(it.knows), [V4, OTHER, V6], `loss ${again}`);
    }
    it.world.run(80_000);
    assert.deepEqual(held(it.knows), []);
  });

  test("and lost again has its new routes stale for their restart time, then long-lived until the first time ends", () => {
    const it = scene({ longLived: { seconds: 200 } });
    outlived(it);
    const a = it.back();
    a.announce(V4);
    it.world.run(2000);
    a.drop();
    it.world.run(25_000);
    assert.deepEqual([communities(it.knows, V4), communities(it.knows, OTHER)], [[], [LLGR_STALE]]);
    it.world.run(10_000);
    assert.deepEqual(communities(it.knows, V4), [LLGR_STALE]);
    it.world.run(170_000);
    assert.deepEqual(held(it.knows), []);
  });

  test("that is stopped loses everything", () => {
    const it = scene();
    outlived(it);
    it.world.router.parts.sessions.stop(it.world.router.core.peers.get("a")!, 2, true);
    it.world.run(1000);
    assert.deepEqual(held(it.knows), []);
  });

  test("leaves nothing behind", () => {
    const it = scene({ longLived: { seconds: 60 } });
    const sets = it.world.router.core.sets.size;
    outlived(it);
    const a = it.back();
    a.announce([V4, OTHER]);
    a.announce(V6, { nextHop: "2001:db8::11" });
    for (const family of ["ipv4", "ipv6"] as const) a.endOfRib(family);
    it.world.run(120_000);
    assert.equal(it.world.router.core.sets.size, sets);
    const { longLived, stale } = it.world.router.core.peers.get("a")!;
    assert.deepEqual([longLived, stale], [{ ipv4: undefined, ipv6: undefined }, undefined]);
    for (const group of it.world.router.parts.exporter.groups()) group.updates.check();
  });
});

describe("our OPEN", () => {
  const offered = (mode: string) => {
    const world = createWorld(
      `${header()}peers:\n${peer("a", "10.0.0.11", 65001, `families: [ipv4, ipv6], gracefulRestart: ${mode}`)}`,
    );
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    const open = Buffer.from(a.messages.find((one) => one[18] === 1)!).toString("hex");
    return /47(00|0e.{28})/.exec(open)?.[0];
  };

  test("asks for nothing where we are aware, for each family where it is on, with the time, and is silent else", () => {
    assert.equal(offered("{ mode: aware, longLived: aware }"), "4700");
    assert.equal(
      offered("{ mode: on, longLived: on, longLivedStaleTime: 100000s }"),
      `470e${"00010100" + "0186a0"}${"00020100" + "0186a0"}`,
    );
    assert.equal(offered("{ mode: on }"), undefined);
  });
});
