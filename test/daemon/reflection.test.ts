import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Speaker } from "./speaker.ts";
import { createWorld, header, peer, type World } from "./world.ts";

/** Two clients, two plain internal peers, two external ones. */
const CONFIG = `${header()}
static:
  - { prefix: 10.50.0.0/16, blackhole: true }
peers:
${peer("client-a", "10.0.0.11", 64512, "routeReflectorClient: true")}${peer("client-b", "10.0.0.12", 64512, "routeReflectorClient: true")}${peer("plain-a", "10.0.0.21", 64512)}${peer("plain-b", "10.0.0.22", 64512)}${peer("external-a", "10.0.0.31", 65001, "import: accept, export: accept")}${peer("external-b", "10.0.0.32", 65002, "import: accept, export: accept")}`;

const PEERS: Readonly<Record<string, readonly [string, number]>> = {
  "client-a": ["10.0.0.11", 64512],
  "client-b": ["10.0.0.12", 64512],
  "plain-a": ["10.0.0.21", 64512],
  "plain-b": ["10.0.0.22", 64512],
  "external-a": ["10.0.0.31", 65001],
  "external-b": ["10.0.0.32", 65002],
};

function reflector(): { world: World; peers: Record<string, Speaker> } {
  const world = createWorld(CONFIG);
  const peers: Record<string, Speaker> = {};
  for (const [name, [address, asn]] of Object.entries(PEERS)) peers[name] = world.speaker(address, { asn });
  return { world, peers };
}

const holders = (peers: Record<string, Speaker>, prefix: string) =>
  Object.keys(peers).filter((name) => peers[name]!.routes.has(prefix));

describe("who is told of a route (RFC 4456 §6)", () => {
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ["client-a", ["client-b", "plain-a", "plain-b", "external-a", "external-b"]],
    ["plain-a", ["client-a", "client-b", "external-a", "external-b"]],
    ["external-a", ["client-a", "client-b", "plain-a", "plain-b", "external-b"]],
  ];
  for (const [from, to] of rows)
    test(`a route from ${from.split("-")[0]} goes to ${to.join(", ")} and nobody else`, () => {
      const { world, peers } = reflector();
      peers[from]!.announce("10.9.0.0/16", from.startsWith("external") ? {} : { localPref: 100 });
      world.run(1000);
      assert.deepEqual(holders(peers, "10.9.0.0/16"), to);
      peers[from]!.withdraw("10.9.0.0/16");
      world.run(1000);
      assert.deepEqual(holders(peers, "10.9.0.0/16"), []);
    });

  test("a local route goes to everybody", () => {
    const { peers } = reflector();
    assert.deepEqual(holders(peers, "10.50.0.0/16"), Object.keys(PEERS));
  });
});

describe("attributes of a reflected route", () => {
  test("ORIGINATOR_ID is the BGP identifier of the peer it came from, CLUSTER_LIST is ours", () => {
    const { world, peers } = reflector();
    peers["client-a"]!.announce("10.9.0.0/16", { localPref: 150, med: 7, asPath: [65010], nextHop: "10.0.0.77" });
    world.run(1000);
    for (const name of ["client-b", "plain-a"]) {
      const heard = peers[name]!.routes.get("10.9.0.0/16")!;
      assert.equal(heard.originatorId, "10.0.0.11", name);
      assert.deepEqual(heard.clusterList, ["10.0.0.1"], name);
      assert.deepEqual([heard.localPref, heard.med, heard.asPath, heard.nextHop], [150, 7, "65010", "10.0.0.77"], name);
    }
  });

  test("an ORIGINATOR_ID that is there stays, and our cluster goes in front of the list", () => {
    const { world, peers } = reflector();
    peers["plain-a"]!.announce("10.9.0.0/16", {
      localPref: 100,
      originatorId: "9.9.9.9",
      clusterList: ["8.8.8.8", "7.7.7.7"],
    });
    world.run(1000);
    const heard = peers["client-a"]!.routes.get("10.9.0.0/16")!;
    assert.equal(heard.originatorId, "9.9.9.9");
    assert.deepEqual(heard.clusterList, ["10.0.0.1", "8.8.8.8", "7.7.7.7"]);
  });

  test("neither goes to an external peer, which sees our AS and no LOCAL_PREF or MED", () => {
    const { world, peers } = reflector();
    peers["client-a"]!.announce("10.9.0.0/16", {
      localPref: 150,
      med: 7,
      asPath: [65010],
      originatorId: "9.9.9.9",
      clusterList: ["8.8.8.8"],
    });
    world.run(1000);
    const heard = peers["external-a"]!.routes.get("10.9.0.0/16")!;
    assert.deepEqual(
      [heard.originatorId, heard.clusterList, heard.localPref, heard.med, heard.asPath],
      [undefined, [], undefined, undefined, "64512 65010"],
    );
  });

  test("a route from outside and a local one are sent to internal peers without either", () => {
    const { world, peers } = reflector();
    peers["external-a"]!.announce("10.9.0.0/16", { med: 30 });
    world.run(1000);
    for (const prefix of ["10.9.0.0/16", "10.50.0.0/16"]) {
      const heard = peers["client-a"]!.routes.get(prefix)!;
      assert.deepEqual([heard.originatorId, heard.clusterList, heard.localPref], [undefined, [], 100], prefix);
    }
    assert.equal(peers["client-a"]!.routes.get("10.9.0.0/16")!.med, 30);
  });
});

describe("loops (RFC 4456 §8)", () => {
  for (const [what, route] of [
    ["our identifier as ORIGINATOR_ID", { originatorId: "10.0.0.1" }],
    ["our cluster id in CLUSTER_LIST", { clusterList: ["8.8.8.8", "10.0.0.1"] }],
    ["our AS in AS_PATH", { asPath: [65010, 64512] }],
  ] as const)
    test(`a route with ${what} is kept but not used`, () => {
      const { world, peers } = reflector();
      peers["client-a"]!.announce("10.9.0.0/16", { localPref: 100, ...route });
      world.run(1000);
      assert.deepEqual(holders(peers, "10.9.0.0/16"), []);
      const { core } = world.router;
      assert.equal(core.ribs.ipv4.received(core.peers.get("client-a")!.id), 1);
      assert.equal(world.fib.has("10.9.0.0/16"), false);
    });

  test("a loop takes the place of the usable route that was there", () => {
    const { world, peers } = reflector();
    peers["client-a"]!.announce("10.9.0.0/16", { localPref: 100 });
    world.run(1000);
    peers["client-a"]!.announce("10.9.0.0/16", { localPref: 100, clusterList: ["10.0.0.1"] });
    world.run(1000);
    assert.deepEqual(holders(peers, "10.9.0.0/16"), []);
  });
});

describe("a best path that moves between clients", () => {
  test("each move takes the route away from the client it now comes from, and nobody keeps a stale one", () => {
    const { world, peers } = reflector();
    const [a, b] = [peers["client-a"]!, peers["client-b"]!];
    a.announce("10.9.0.0/16", { localPref: 100 });
    world.run(1000);
    for (let move = 0; move < 4; move++) {
      const [to, from] = move % 2 === 0 ? [b, a] : [a, b];
      to.announce("10.9.0.0/16", { localPref: 200 + move });
      world.run(1000);
      assert.equal(to.routes.has("10.9.0.0/16"), false, `move ${move}: the client that announces it`);
      assert.equal(from.routes.get("10.9.0.0/16")?.nextHop, to === a ? "10.0.0.11" : "10.0.0.12", `move ${move}`);
      for (const name of ["plain-a", "external-a"])
        assert.ok(peers[name]!.routes.has("10.9.0.0/16"), `move ${move}: ${name}`);
    }
    a.withdraw("10.9.0.0/16");
    b.withdraw("10.9.0.0/16");
    world.run(1000);
    assert.deepEqual(holders(peers, "10.9.0.0/16"), []);
    for (const [name, speaker] of Object.entries(peers)) assert.deepEqual(speaker.table.duplicates, [], name);
  });

  test("from an internal peer to another that is no client: plain peers lose it", () => {
    const { world, peers } = reflector();
    peers["client-a"]!.announce("10.9.0.0/16", { localPref: 100 });
    world.run(1000);
    assert.ok(peers["plain-b"]!.routes.has("10.9.0.0/16"));
    peers["plain-a"]!.announce("10.9.0.0/16", { localPref: 200 });
    world.run(1000);
    assert.deepEqual(holders(peers, "10.9.0.0/16"), ["client-a", "client-b", "external-a", "external-b"]);
  });
});
