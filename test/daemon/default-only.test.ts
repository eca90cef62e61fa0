import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createControlHandler } from "../../src/control/handler.ts";
import { createQueries } from "../../src/daemon/queries.ts";
import { parsePrefix } from "../../src/ip/prefix.ts";
import type { Speaker } from "./speaker.ts";
import { createWorld, header, peer, type World } from "./world.ts";

const OPEN = "import: accept, export: accept";
const BOTH = "families: [ipv4, ipv6]";
const DOWN = "import: accept, export: default-only";

const config = (down: string, more = "") =>
  `${header()}${more}peers:\n${peer("down", "10.0.0.11", 65001, down)}${peer("up", "10.0.0.12", 65002, OPEN)}`;

function tiers(down: string, more = "") {
  const world = createWorld(config(down, more));
  const below = world.speaker("10.0.0.11", { asn: 65001, families: down.includes(BOTH) ? ["ipv4", "ipv6"] : ["ipv4"] });
  const above = world.speaker("10.0.0.12", { asn: 65002 });
  return { world, below, above };
}

const heard = (speaker: Speaker) => [...speaker.routes.keys()].sort();
const explain = (world: World, prefix: string, to = "down") =>
  createQueries(world.router).explain(parsePrefix(prefix)!, to);

describe("export: default-only", () => {
  test("originates both default routes, next hop ourselves, whatever the table holds", () => {
    const { world, below, above } = tiers(`${DOWN}, ${BOTH}`);
    above.announce(["10.9.0.0/16"]);
    world.run(1000);
    assert.deepEqual(heard(below), ["0.0.0.0/0", "::/0"]);
    const { nextHop, asPath, origin, med, communities } = below.routes.get("0.0.0.0/0")!;
    assert.deepEqual([nextHop, asPath, origin, med, communities], ["10.0.0.1", "64512", 0, undefined, []]);
    assert.equal(below.routes.get("::/0")!.nextHop.split(" ")[0], "2001:db8::1");
    assert.ok(below.table.log.includes("eor ipv4") && below.table.log.includes("eor ipv6"));
  });

  test("is written to no kernel and selected by nobody here", () => {
    const { world, above } = tiers(DOWN);
    world.run(1000);
    assert.equal(world.forwards("0.0.0.0/0"), undefined);
    assert.equal(above.routes.has("0.0.0.0/0"), false);
    const view = createQueries(world.router);
    assert.equal(view.route(parsePrefix("0.0.0.0/0")!), undefined);
    assert.equal(view.lookup(parsePrefix("192.0.2.1/32")!), undefined);
  });

  test("says the same whatever our own default route is, and goes back even to the peer that it came from", () => {
    const { world, below, above } = tiers(DOWN);
    const own = below.routes.get("0.0.0.0/0");
    above.announce("0.0.0.0/0", { med: 5, communities: ["65002:1"] });
    world.run(1000);
    above.withdraw("0.0.0.0/0");
    below.announce("0.0.0.0/0");
    world.run(1000);
    assert.deepEqual(below.routes.get("0.0.0.0/0"), own);
    assert.deepEqual(
      below.table.log.filter((line) => line.includes("0.0.0.0/0")),
      ["+0.0.0.0/0"],
    );
    assert.equal(world.forwards("0.0.0.0/0"), "10.0.0.11", "what the peer sent is a route like any other");
  });

  test("ifReachable: only while we have a default route ourselves, wherever it is from", () => {
    const { world, below, above } = tiers(`${DOWN}, defaultOnly: ifReachable`);
    assert.deepEqual(heard(below), []);
    assert.ok(below.table.log.includes("eor ipv4"), "an empty table ends too");
    for (const [come, go] of [
      [() => above.announce("0.0.0.0/0"), () => above.withdraw("0.0.0.0/0")],
      [
        () => world.route("0.0.0.0/0", { via: "10.0.0.254" }),
        () => world.route("0.0.0.0/0", { via: "10.0.0.254" }, true),
      ],
      [
        () =>
          world.configure(
            config(`${DOWN}, defaultOnly: ifReachable`, "static: [{ prefix: 0.0.0.0/0, via: [10.0.0.254] }]\n"),
          ),
        () => world.configure(config(`${DOWN}, defaultOnly: ifReachable`)),
      ],
      [() => above.announce("0.0.0.0/0"), () => above.drop()],
    ] as const) {
      come();
      world.run(1000);
      assert.deepEqual(heard(below), ["0.0.0.0/0"]);
      assert.equal(below.routes.get("0.0.0.0/0")!.asPath, "64512", "originated, not passed on");
      go();
      world.run(1000);
      assert.deepEqual(heard(below), []);
    }
  });

  test("ifReachable: a peer is not promised the way that leads back to it; others are", () => {
    const text = (n: string) => `${DOWN}, defaultOnly: ifReachable, description: ${n}`;
    const world = createWorld(
      `${header()}peers:\n${peer("down", "10.0.0.11", 65001, text("a"))}${peer("other", "10.0.0.13", 65003, text("b"))}`,
    );
    const down = world.speaker("10.0.0.11", { asn: 65001 });
    const other = world.speaker("10.0.0.13", { asn: 65003 });
    down.announce("0.0.0.0/0");
    world.run(1000);
    assert.deepEqual([heard(down), heard(other)], [[], ["0.0.0.0/0"]]);
    assert.equal(explain(world, "0.0.0.0/0").to!.stoppedBy!.step, "source");
    world.route("0.0.0.0/0", { via: "10.0.0.254" });
    world.configure(
      `${header()}static: [{ prefix: 0.0.0.0/0, via: [10.0.0.254] }]\npeers:\n${peer("down", "10.0.0.11", 65001, text("a"))}${peer("other", "10.0.0.13", 65003, text("b"))}`,
    );
    world.run(1000);
    assert.deepEqual([heard(down), heard(other)], [["0.0.0.0/0"], ["0.0.0.0/0"]]);
  });

  test("an internal peer gets it with LOCAL_PREF and no reflection, whoever our default route is from", () => {
    const world = createWorld(
      `${header()}peers:\n${peer("down", "10.0.0.11", 64512, "routeReflectorClient: true, export: default-only, defaultOnly: ifReachable")}${peer("up", "10.0.0.12", 64512, "routeReflectorClient: true")}`,
    );
    const down = world.speaker("10.0.0.11", { asn: 64512 });
    const up = world.speaker("10.0.0.12", { asn: 64512 });
    up.announce("0.0.0.0/0", { localPref: 300, nextHop: "10.0.0.12" });
    world.run(1000);
    const { nextHop, asPath, localPref, originatorId, clusterList } = down.routes.get("0.0.0.0/0")!;
    assert.deepEqual([nextHop, asPath, localPref, originatorId, clusterList], ["10.0.0.1", "", 100, undefined, []]);
  });

  test("comes and goes with the configuration, in place", () => {
    const { world, below, above } = tiers(DOWN);
    above.announce(["10.9.0.0/16", "0.0.0.0/0"]);
    world.run(1000);
    const bgp = (speaker: Speaker) => heard(speaker).filter((prefix) => !prefix.startsWith("10.0."));
    world.configure(config(OPEN));
    world.run(1000);
    assert.deepEqual(bgp(below), ["0.0.0.0/0", "10.9.0.0/16"]);
    assert.equal(below.routes.get("0.0.0.0/0")!.asPath, "64512 65002");
    above.withdraw("0.0.0.0/0");
    world.run(1000);
    world.configure(config(`${DOWN}, defaultOnly: ifReachable`));
    world.run(1000);
    assert.deepEqual(heard(below), []);
    world.configure(config(DOWN));
    world.run(1000);
    assert.deepEqual([heard(below), below.established], [["0.0.0.0/0"], 1]);
    world.configure(`${header()}peers: []\n`);
    world.run(5000);
    assert.equal(world.router.core.ribs.ipv4.prefixes.find(new Uint8Array(4), 0, 0), -1, "its row is free again");
  });

  test("is explained, though our table holds nothing", async () => {
    const { world } = tiers(DOWN);
    const to = explain(world, "0.0.0.0/0").to!;
    assert.deepEqual([to.announced, to.stoppedBy, to.path!.nextHop], [true, null, "10.0.0.1"]);
    assert.match(to.originated!, /originated by us for this peer .*whatever our own table holds/);
    assert.match(explain(world, "10.9.0.0/16").to!.stoppedBy!.reason, /default-only.*nothing else/);
    const handler = createControlHandler(createQueries(world.router), setImmediate, () => {});
    const output = { send: () => true, drained: async () => {}, signal: { aborted: false } };
    const answer = (await handler({ command: "explainRoute", target: "0.0.0.0/0", peer: "down" }, output)) as {
      to: { announced: boolean };
    };
    assert.equal(answer.to.announced, true);
    await assert.rejects(handler({ command: "explainRoute", target: "0.0.0.0/0", peer: "up" }, output), /no route for/);
    const waiting = createControlHandler(
      createQueries(tiers(`${DOWN}, defaultOnly: ifReachable`).world.router),
      setImmediate,
      () => {},
    );
    const { to: withheld } = (await waiting(
      { command: "explainRoute", target: "0.0.0.0/0", peer: "down" },
      output,
    )) as {
      to: { stoppedBy: { reason: string } };
    };
    assert.match(withheld.stoppedBy.reason, /we have no default route ourselves/);
    const [sent] = createQueries(world.router).routesOut("down", "ipv4", 0, 10).rows;
    assert.deepEqual([sent!.prefix, sent!.path.source, sent!.path.peer], ["0.0.0.0/0", "static", null]);
    assert.match(
      explain(tiers(`${DOWN}, defaultOnly: ifReachable`).world, "0.0.0.0/0").to!.stoppedBy!.reason,
      /we have no default route ourselves/,
    );
  });
});
