import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findPeer } from "../../src/control/targets.ts";
import { createQueries } from "../../src/daemon/queries.ts";
import { seeded } from "../sim/clock.ts";
import type { Speaker } from "./speaker.ts";
import { createWorld, header, peer, type World } from "./world.ts";

const EXTERNAL = "import: accept, export: accept";

function range(name: string, prefix: string, asn: number, more = EXTERNAL): string {
  return `  - { name: ${name}, prefix: "${prefix}", asn: ${asn}, ${more} }\n`;
}

const config = (...lines: string[]) => `${header()}\npeers:\n${lines.join("")}`;

const names = (world: World) => [...world.router.core.peers.keys()].sort();

/** What is left of peers that have gone. */
function residue({ router }: World) {
  const { core, parts } = router;
  return {
    peers: core.peers.size,
    ids: core.peerTable.size,
    paths: core.ribs.ipv4.pathCount + core.ribs.ipv6.pathCount,
    groups: [...parts.exporter.groups()].length,
  };
}

const last = (speaker: Speaker) => speaker.notifications.at(-1);

describe("a connection from within a range makes a peer", () => {
  test("it is named after the range and its address, passive, shown as dynamic, and its routes count", () => {
    const world = createWorld(config(range("rack", "10.0.0.0/24", 65001), peer("b", "10.0.0.12", 65002, EXTERNAL)));
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    const b = world.speaker("10.0.0.12", { asn: 65002 });
    a.announce("10.9.0.0/16");
    world.run(1000);
    assert.equal(a.up, true);
    assert.ok(b.routes.has("10.9.0.0/16"));
    assert.deepEqual(names(world), ["b", "rack-10.0.0.11"]);
    const answers = createQueries(world.router).peers();
    assert.deepEqual(
      answers.map(({ name, passive, dynamic }) => [name, passive, dynamic]),
      [
        ["b", true, null],
        ["rack-10.0.0.11", true, { range: "rack", prefix: "10.0.0.0/24" }],
      ],
    );
    assert.deepEqual(createQueries(world.router).status().dynamicPeers, [
      { name: "rack", prefix: "10.0.0.0/24", limit: 100, peers: 1, refused: 0 },
    ]);
    assert.throws(
      () => findPeer("rack", answers),
      /no peer "rack": it is a range of dynamic neighbours, of which there are rack-10\.0\.0\.11$/,
    );
  });

  test("it goes when its session has ended, its routes are withdrawn, and nothing is left", () => {
    const world = createWorld(config(range("rack", "10.0.0.0/24", 65001), peer("b", "10.0.0.12", 65002, EXTERNAL)));
    const b = world.speaker("10.0.0.12", { asn: 65002 });
    const before = residue(world);
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    const sets: number[] = [];
    for (let i = 0; i < 5; i++) {
      if (!a.up) a.connect();
      world.run(1000);
      a.announce("10.9.0.0/16", { med: i });
      world.run(120_000);
      a.drop();
      world.run(60_000);
      assert.equal(b.routes.has("10.9.0.0/16"), false);
      assert.deepEqual(residue(world), before);
      assert.deepEqual(names(world), ["b"]);
      sets.push(world.router.core.sets.size);
    }
    assert.deepEqual(sets, Array(5).fill(sets[0]), "what an update group remembers does not grow");
  });

  test("a connection that never says OPEN leaves nothing either", () => {
    const world = createWorld(config(range("rack", "10.0.0.0/24", 65001)));
    const before = residue(world);
    const a = world.speaker("10.0.0.11", { asn: 65099 });
    assert.deepEqual([last(a)?.code, last(a)?.subcode], [2, 2], "bad peer AS");
    world.run(120_000);
    assert.deepEqual(residue(world), before);
  });

  test("one that fails again and again is closed at once during its idle hold time, as a configured peer is", () => {
    const world = createWorld(config(range("rack", "10.0.0.0/24", 65001)));
    const a = world.speaker("10.0.0.11", { asn: 65099 });
    a.connect();
    world.run(1000);
    assert.deepEqual(
      a.notifications.map((n) => [n.code, n.subcode]),
      [[2, 2]],
    );
    assert.equal(a.closed.length, 2, "the second time it is closed at once");
  });

  test("an address outside of every range is refused without a word", () => {
    const world = createWorld(config(range("rack", "10.0.0.0/25", 65001)));
    const a = world.speaker("10.0.0.200", { asn: 65001 });
    assert.deepEqual([a.up, a.notifications, names(world)], [false, [], []]);
  });
});

describe("whose a connection is", () => {
  const LINES = [
    range("wide", "10.0.0.0/16", 65001),
    range("narrow", "10.0.0.0/24", 65002),
    peer("fixed", "10.0.0.11", 65003, EXTERNAL),
  ];

  test("a configured peer wins over ranges, the most specific range over wider ones, in any order", () => {
    for (const lines of [LINES, [...LINES].reverse()]) {
      const world = createWorld(config(...lines));
      const speakers = [
        world.speaker("10.0.0.11", { asn: 65003 }),
        world.speaker("10.0.0.12", { asn: 65002 }),
        world.speaker("10.0.1.12", { asn: 65001 }),
      ];
      assert.deepEqual(
        speakers.map((speaker) => speaker.up),
        [true, true, true],
      );
      assert.deepEqual(names(world), ["fixed", "narrow-10.0.0.12", "wide-10.0.1.12"]);
    }
  });

  test("a configured peer that is bound to another interface is not made again by a range", () => {
    const lines = [range("rack", "10.0.0.0/24", 65001), peer("a", "10.0.0.11", 65001, `${EXTERNAL}, interface: eth1`)];
    const world = createWorld(config(...lines));
    world.host.arrivesBy = () => "eth0";
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    assert.equal(a.up, false);
    assert.deepEqual(names(world), ["a"]);
    const refused = world.log.find(({ event }) => event === "connection refused");
    assert.match(String(refused?.fields.reason), /it came in by eth0, and the peer is bound to eth1/);
    world.host.arrivesBy = () => "eth1";
    a.connect();
    world.run(1000);
    assert.equal(a.up, true);
  });

  test("a range that is bound to an interface or address takes only what comes there", () => {
    const lines = [
      range("one", "10.0.0.0/24", 65001, `${EXTERNAL}, interface: eth1`),
      range("two", "10.0.0.0/16", 65001, `${EXTERNAL}, localAddress: 10.0.1.1`),
    ];
    const world = createWorld(config(...lines));
    world.host.arrivesBy = () => "eth0";
    const [a, b] = ["10.0.0.1", "10.0.1.1"].map((router, i) =>
      world.speaker(`10.0.0.${20 + i}`, { asn: 65001, router }),
    );
    world.host.arrivesBy = () => "eth1";
    const c = world.speaker("10.0.0.30", { asn: 65001 });
    assert.deepEqual([a!.up, b!.up, c.up], [false, true, true]);
    assert.deepEqual(names(world), ["one-10.0.0.30", "two-10.0.0.21"]);
  });

  test("a peer of a range stays its peer over reloads where a narrower one takes other interfaces only", () => {
    const lines = [
      range("one", "10.0.0.0/24", 65001, `${EXTERNAL}, interface: eth1`),
      range("two", "10.0.0.0/16", 65001, EXTERNAL),
    ];
    const world = createWorld(config(...lines));
    world.host.arrivesBy = () => "eth0";
    const a = world.speaker("10.0.0.20", { asn: 65001 });
    world.configure(config(...lines, peer("b", "10.0.0.12", 65002, EXTERNAL)));
    world.run(1000);
    assert.deepEqual([a.up, a.established, a.notifications, names(world)], [true, 1, [], ["b", "two-10.0.0.20"]]);
    const [narrow, wide] = lines;
    world.configure(config(narrow!.replace("eth1", "eth0"), wide!));
    world.run(1000);
    assert.deepEqual([a.up, last(a)?.code, last(a)?.subcode], [false, 6, 6], "it belongs to the other one now");
  });
});

describe("the limit of a range", () => {
  const LIMITED = config(range("rack", "10.0.0.0/24", 65001, `limit: 2, ${EXTERNAL}`));

  test("a connection beyond it is told 6/5, logged once, and counted; one that goes makes room", () => {
    const world = createWorld(LIMITED);
    const [a] = [11, 12].map((host) => world.speaker(`10.0.0.${host}`, { asn: 65001 }));
    const c = world.speaker("10.0.0.13", { asn: 65001 });
    world.speaker("10.0.0.14", { asn: 65001 });
    assert.deepEqual([c.up, last(c)?.code, last(c)?.subcode], [false, 6, 5]);
    const lines = world.log.filter(({ event }) => event === "connection refused");
    assert.equal(lines.length, 1);
    assert.match(String(lines[0]!.fields.reason), /range "rack" has as many peers as its limit of 2 allows/);
    assert.equal(world.router.parts.dynamicPeers.counts("rack").refused, 2);
    a!.drop();
    world.run(20_000);
    c.connect();
    world.run(1000);
    assert.equal(c.up, true);
    assert.deepEqual(names(world), ["rack-10.0.0.12", "rack-10.0.0.13"]);
  });

  test("peers that failed and wait for their idle hold time do not keep others out", () => {
    const world = createWorld(LIMITED);
    for (const host of [11, 12]) world.speaker(`10.0.0.${host}`, { asn: 65099 });
    assert.equal(names(world).length, 2);
    const c = world.speaker("10.0.0.13", { asn: 65001 });
    assert.equal(c.up, true);
  });
});

describe("a dynamic peer that an operator disabled", () => {
  test("stays to be seen and refuses its neighbour until it is enabled, over a reload that resets it", () => {
    const config2 = (hold: string) =>
      config(range("rack", "10.0.0.0/24", 65001, `${EXTERNAL}, limit: 1, timers: { hold: ${hold} }`));
    const world = createWorld(config2("90s"));
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    const command = (action: "disable" | "enable") =>
      world.router.handle({ from: "admin", action, peer: "rack-10.0.0.11" });
    command("disable");
    world.run(60_000);
    assert.deepEqual([last(a)?.code, last(a)?.subcode, names(world)], [6, 2, ["rack-10.0.0.11"]]);
    a.connect();
    world.run(1000);
    assert.deepEqual([last(a)?.code, last(a)?.subcode], [6, 5]);
    assert.equal(world.speaker("10.0.0.12", { asn: 65001 }).up, false, "its place is taken");
    world.configure(config2("60s"));
    a.connect();
    world.run(1000);
    assert.deepEqual([a.up, names(world)], [false, ["rack-10.0.0.11"]]);
    command("enable");
    a.connect();
    world.run(1000);
    assert.equal(a.up, true);
    a.drop();
    world.run(60_000);
    assert.deepEqual([names(world), world.router.core.held.size], [[], 0]);
  });
});

describe("a changed configuration", () => {
  const RACK = range("rack", "10.0.0.0/24", 65001);

  function rack() {
    const world = createWorld(config(RACK));
    const [a, b] = [11, 12].map((host) => world.speaker(`10.0.0.${host}`, { asn: 65001 }));
    return { world, a: a!, b: b! };
  }
  const codes = (speaker: Speaker) => speaker.notifications.map((n) => `${n.code}/${n.subcode}`);

  test("a policy or a description of the range resets nobody and holds for all", () => {
    const { world, a, b } = rack();
    a.announce("10.9.0.0/16");
    world.run(1000);
    world.configure(config(range("rack", "10.0.0.0/24", 65001, "import: reject, export: accept, description: x")));
    world.run(1000);
    assert.deepEqual([a.established, b.established, a.up, b.up], [1, 1, true, true]);
    assert.equal(world.forwards("10.9.0.0/16"), undefined);
    assert.equal(world.router.core.peers.get("rack-10.0.0.11")!.config.description, "x");
  });

  test("what stands in OPEN resets each, and they may come back at once", () => {
    const { world, a } = rack();
    world.configure(config(range("rack", "10.0.0.0/24", 65001, `${EXTERNAL}, timers: { hold: 30s }`)));
    world.run(1000);
    assert.deepEqual([a.up, codes(a), names(world)], [false, ["6/6"], []]);
    a.connect();
    world.run(1000);
    assert.equal(a.up, true);
    assert.equal(world.router.core.peers.get("rack-10.0.0.11")!.negotiated!.holdMs, 30_000);
  });

  test("a range that goes, or is disabled, or shrinks ends its peers with 6/3", () => {
    const gone = ["", range("rack", "10.0.0.0/24", 65001, `${EXTERNAL}, disabled: true`)];
    for (const lines of [...gone, range("rack", "10.0.0.64/26", 65001)]) {
      const { world, a } = rack();
      world.configure(config(lines === "" ? peer("x", "10.0.0.99", 65009, EXTERNAL) : lines));
      world.run(1000);
      assert.deepEqual([a.up, codes(a)], [false, ["6/3"]]);
      assert.deepEqual(
        names(world).filter((name) => name !== "x"),
        [],
      );
    }
  });

  test("a peer whose address gets an entry or a narrower range of its own belongs there when it comes back", () => {
    for (const line of [peer("own", "10.0.0.11", 65001, EXTERNAL), range("own", "10.0.0.11/32", 65001)]) {
      const { world, a, b } = rack();
      world.configure(config(RACK, line));
      world.run(1000);
      assert.deepEqual([a.up, codes(a), b.up], [false, ["6/6"], true]);
      a.connect();
      world.run(1000);
      assert.equal(a.up, true);
      const peers = [...world.router.core.peers.values()].map((p) => [p.config.name, p.range]);
      assert.ok(peers.some(([name, of]) => (of === undefined ? name === "own" : of === "own")));
    }
  });

  test("a lower limit ends nobody and lets nobody in", () => {
    const { world, a, b } = rack();
    world.configure(config(range("rack", "10.0.0.0/24", 65001, `${EXTERNAL}, limit: 1`)));
    const c = world.speaker("10.0.0.13", { asn: 65001 });
    assert.deepEqual([a.up, b.up, c.up], [true, true, false]);
  });
});

describe("many of them", () => {
  const MANY = config(
    range("nodes", "10.1.0.0/16", 64512, "limit: 1000, routeReflectorClient: true, export: reject"),
    peer("b", "10.0.0.12", 64512, "routeReflectorClient: true"),
  );
  const addressOf = (i: number) => `10.1.${i >> 8}.${i & 255}`;

  test("a thousand at once come up, are heard, and go without residue", () => {
    const world = createWorld(MANY);
    const b = world.speaker("10.0.0.12", { asn: 64512 });
    world.route("10.1.0.0/16", { via: "10.0.0.12" });
    world.run(1000);
    const before = residue(world);
    const own = b.routes.size;
    const all = Array.from({ length: 1000 }, (_, i) => world.speaker(addressOf(i), { asn: 64512, start: false }));
    for (const speaker of all) speaker.connect();
    world.run(5000);
    assert.equal(all.filter((speaker) => speaker.up).length, 1000);
    for (const [i, speaker] of all.entries()) speaker.announce(`10.64.${i >> 8}.${i & 255}/32`, { localPref: 100 });
    world.run(10_000);
    assert.equal(b.routes.size, 1000 + own);
    for (const speaker of all) speaker.drop();
    world.run(60_000);
    assert.equal(b.routes.size, own);
    assert.deepEqual(residue(world), before);
  });

  for (const seed of [1, 2, 3])
    test(`coming and going at random, each table ends as the peers that are up have it, seed ${seed}`, () => {
      const random = seeded(seed);
      const world = createWorld(MANY, { seed, lookMs: 2 });
      const b = world.speaker("10.0.0.12", { asn: 64512 });
      world.route("10.1.0.0/16", { via: "10.0.0.12" });
      world.run(1000);
      const before = residue(world);
      const own = b.routes.size;
      const all = Array.from({ length: 60 }, (_, i) => world.speaker(addressOf(i), { asn: 64512, start: false }));
      const route = (i: number) => `10.64.0.${i}/32`;
      for (let round = 0; round < 200; round++) {
        const i = Math.floor(random() * all.length);
        const speaker = all[i]!;
        if (speaker.up && random() < 0.5) speaker.drop();
        else if (speaker.up) speaker.announce(route(i), { localPref: 100 + round });
        else speaker.connect();
        world.run(random() * 3000);
      }
      world.run(60_000);
      const up = all.flatMap((speaker, i) => (speaker.up ? [`nodes-${addressOf(i)}`] : []));
      assert.deepEqual(
        names(world).filter((name) => name !== "b"),
        up.sort(),
      );
      for (const speaker of all) if (speaker.up) speaker.drop();
      world.run(60_000);
      assert.equal(b.routes.size, own);
      assert.deepEqual(residue(world), before);
    });
});

describe("a neighbour of a range that an operator disables", () => {
  test("stays down and known however long it is away, until it is enabled", () => {
    const world = createWorld(config(range("rack", "10.0.0.0/24", 65001)));
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    world.router.handle({ from: "admin", action: "disable", peer: "rack-10.0.0.11", text: "later" });
    world.run(600_000);
    assert.deepEqual([last(a)?.subcode, names(world)], [2, ["rack-10.0.0.11"]]);
    a.connect();
    world.run(1000);
    assert.deepEqual([a.up, last(a)?.subcode], [false, 5]);
    world.router.handle({ from: "admin", action: "enable", peer: "rack-10.0.0.11" });
    a.connect();
    world.run(1000);
    assert.equal(a.up, true);
    a.drop();
    world.run(600_000);
    assert.deepEqual(names(world), [], "like any other again");
  });

  test("that sent too much stays down too, and is forgotten with its range", () => {
    const world = createWorld(
      config(range("rack", "10.0.0.0/24", 65001, `${EXTERNAL}, maxPrefixesIn: { limit: 1, action: disable }`)),
    );
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    a.announce(["10.8.0.0/16", "10.9.0.0/16"]);
    world.run(600_000);
    assert.deepEqual([last(a)?.subcode, names(world)], [1, ["rack-10.0.0.11"]]);
    world.configure(config());
    world.run(1000);
    assert.deepEqual([names(world), world.router.core.held.size], [[], 0]);
  });
});
