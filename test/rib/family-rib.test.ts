import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ANNOUNCED } from "../../src/rib/family-rib.ts";
import { LOCAL_PEER, REJECT } from "../../src/rib/types.ts";
import {
  addPeer,
  announce,
  connect,
  createWorld,
  drain,
  intern,
  prefixOf,
  rowOf,
  settle,
  type World,
  withdraw,
} from "./world.ts";

const PREFIX = "192.0.2.0/24";

function bestPeer(world: World, prefix = PREFIX): number {
  const best = world.rib.best(rowOf(world, prefix));
  return best === 0 ? 0 : world.rib.pathPeer(best);
}

describe("the RIB of a family", () => {
  test("an announcement repeated changes nothing but its epoch", () => {
    const world = createWorld();
    const peer = addPeer(world, "172.16.0.1");
    assert.equal(announce(world, peer, PREFIX, { med: 1 }), ANNOUNCED.added);
    drain(world);
    world.peers.newEpoch(peer, true);
    assert.equal(announce(world, peer, PREFIX, { med: 1 }), ANNOUNCED.unchanged);
    assert.equal(world.rib.changed.size, 0);
    assert.equal(world.rib.isStale(world.rib.best(rowOf(world, PREFIX))), false);
    assert.equal(announce(world, peer, PREFIX, { med: 2 }), ANNOUNCED.replaced);
    assert.equal(world.rib.changed.size, 1);
  });

  test("paths of one peer are told apart by their received ids", () => {
    const world = createWorld();
    const peer = addPeer(world, "172.16.0.1");
    announce(world, peer, PREFIX, {}, { pathId: 1 });
    announce(world, peer, PREFIX, {}, { pathId: 0xffff_fffe });
    assert.equal(world.rib.received(peer), 2);
    assert.equal(withdraw(world, peer, PREFIX, 0xffff_fffe), true);
    assert.equal(withdraw(world, peer, PREFIX, 0xffff_fffe), false);
    assert.equal(world.rib.received(peer), 1);
  });

  test("rejected paths stay, count as received, and come in when import says so", () => {
    const world = createWorld();
    const peer = addPeer(world, "172.16.0.1");
    announce(world, peer, PREFIX, {}, { reject: REJECT.policy });
    assert.deepEqual([world.rib.received(peer), world.rib.accepted(peer), bestPeer(world)], [1, 0, 0]);
    const path = world.rib.firstPath(rowOf(world, PREFIX));
    world.rib.setPathResult(path, world.rib.pathSetIn(path));
    assert.deepEqual([world.rib.received(peer), world.rib.accepted(peer), bestPeer(world)], [1, 1, peer]);
    world.rib.setPathResult(path, REJECT.noPolicy);
    assert.deepEqual([world.rib.accepted(peer), bestPeer(world)], [0, 0]);
  });

  test("a prefix that changed often stands once in the queue, at its first place", () => {
    const world = createWorld();
    const peer = addPeer(world, "172.16.0.1");
    const prefixes = ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"];
    for (const med of [1, 2, 3]) for (const prefix of prefixes) announce(world, peer, prefix, { med });
    assert.equal(world.rib.changed.size, 3);
    assert.deepEqual(
      drain(world),
      prefixes.map((prefix) => rowOf(world, prefix)),
    );
  });

  test("a row that is queued, taken or held outlives its paths and is freed after them", () => {
    const world = createWorld();
    const peer = addPeer(world, "172.16.0.1");
    announce(world, peer, PREFIX, {});
    const row = rowOf(world, PREFIX);
    world.rib.hold(row);
    withdraw(world, peer, PREFIX);
    assert.equal(rowOf(world, PREFIX), row, "queued");
    const out = new Int32Array(4);
    assert.equal(world.rib.takeChanged(out), 1);
    assert.deepEqual([out[0], world.rib.best(row)], [row, 0]);
    world.rib.unhold(row);
    assert.equal(rowOf(world, PREFIX), row, "held by the other holder");
    world.rib.unhold(row);
    assert.equal(rowOf(world, PREFIX), -1);
  });

  test("a prefix that comes again while its row is held keeps its row", () => {
    const world = createWorld();
    const peer = addPeer(world, "172.16.0.1");
    announce(world, peer, PREFIX, {});
    const row = rowOf(world, PREFIX);
    world.rib.hold(row);
    withdraw(world, peer, PREFIX);
    announce(world, peer, PREFIX, {});
    assert.equal(rowOf(world, PREFIX), row);
    world.rib.unhold(row);
    assert.equal(bestPeer(world), peer);
  });

  test("at a bound announcements are refused and what is there stays", () => {
    const routes = createWorld({ routes: 2 });
    const a = addPeer(routes, "172.16.0.1");
    for (const [prefix, done] of [
      ["10.1.0.0/16", ANNOUNCED.added],
      ["10.2.0.0/16", ANNOUNCED.added],
      ["10.3.0.0/16", ANNOUNCED.tooManyRoutes],
    ] as const)
      assert.equal(announce(routes, a, prefix, {}), done);
    const paths = createWorld({ paths: 1 });
    const b = addPeer(paths, "172.16.0.1");
    announce(paths, b, "10.1.0.0/16", {});
    assert.equal(announce(paths, b, "10.2.0.0/16", { med: 4 }), ANNOUNCED.tooManyPaths);
    assert.deepEqual([paths.rib.prefixes.size, paths.rib.pathCount, paths.sets.size], [1, 1, 1]);
    assert.equal(announce(paths, b, "10.1.0.0/16", { med: 5 }), ANNOUNCED.replaced);
  });
});

describe("sessions lost and found", () => {
  test("a sweep removes what the peer no longer keeps, and nothing else", () => {
    const world = createWorld();
    const [lost, kept, restarting] = ["172.16.0.1", "172.16.0.2", "172.16.0.3"].map((address) =>
      addPeer(world, address),
    );
    for (const peer of [lost, kept, restarting]) announce(world, peer!, PREFIX, {});
    world.peers.newEpoch(lost!, false);
    world.peers.newEpoch(restarting!, true);
    for (let at = 0; at >= 0; ) at = world.rib.sweepStale(at, 1);
    assert.deepEqual(
      [lost, kept, restarting].map((peer) => world.rib.received(peer!)),
      [0, 1, 1],
    );
    announce(world, restarting!, "10.9.0.0/16", {});
    world.peers.keepFrom(restarting!, "ipv6", world.peers.epoch(restarting!));
    for (let at = 0; at >= 0; ) at = world.rib.sweepStale(at, 1);
    assert.equal(world.rib.received(restarting!), 2, "another family's routes are another matter");
    world.peers.keepFrom(restarting!, "ipv4", world.peers.epoch(restarting!));
    for (let at = 0; at >= 0; ) at = world.rib.sweepStale(at, 1);
    assert.equal(world.rib.received(restarting!), 1);
    assert.equal(bestPeer(world), kept);
  });

  test("a route announced again while the sweep is under way stays", () => {
    const world = createWorld();
    const peer = addPeer(world, "172.16.0.1");
    for (let i = 0; i < 10; i++) announce(world, peer, `10.${i}.0.0/16`, {});
    world.peers.newEpoch(peer, false);
    let at = world.rib.sweepStale(0, 4);
    for (const i of [1, 8]) announce(world, peer, `10.${i}.0.0/16`, {});
    while (at >= 0) at = world.rib.sweepStale(at, 4);
    assert.equal(world.rib.received(peer), 2);
  });

  test("a freed peer's id is used again only when its last path and its last holder are gone", () => {
    const world = createWorld();
    const peer = addPeer(world, "172.16.0.1");
    announce(world, peer, PREFIX, {});
    world.peers.hold(peer);
    world.peers.free(peer);
    assert.notEqual(addPeer(world, "172.16.0.2"), peer);
    for (let at = 0; at >= 0; ) at = world.rib.sweepStale(at, 100);
    assert.notEqual(addPeer(world, "172.16.0.3"), peer);
    assert.equal(world.peers.facts(peer)?.name, "172.16.0.1");
    world.peers.unhold(peer);
    assert.equal(world.peers.external(peer), true, "readable until the id is used again");
    assert.equal(addPeer(world, "172.16.0.4"), peer);
  });

  test("an epoch goes on counting when the id has a new owner", () => {
    const world = createWorld();
    const peer = addPeer(world, "172.16.0.1");
    const before = world.peers.epoch(peer);
    world.peers.free(peer);
    assert.equal(addPeer(world, "172.16.0.2"), peer);
    assert.ok(world.peers.epoch(peer) > before);
  });
});

describe("next hops under the RIB", () => {
  test("a path whose next hop does not resolve waits, and is used when it does", () => {
    const world = createWorld();
    const peer = addPeer(world, "172.16.0.1");
    announce(world, peer, PREFIX, { nextHop: "11.0.0.1" });
    assert.equal(bestPeer(world), 0);
    connect(world.nextHops, "11.0.0.0/8");
    settle(world);
    assert.equal(bestPeer(world), peer);
    drain(world);
    connect(world.nextHops, "11.0.0.0/8", true);
    settle(world);
    assert.equal(bestPeer(world), 0);
    assert.deepEqual(drain(world), [rowOf(world, PREFIX)]);
  });

  test("another way to the best path's next hop is reported although the best path stays", () => {
    const world = createWorld();
    announce(world, addPeer(world, "172.16.0.1"), PREFIX, {});
    drain(world);
    world.nextHops.routeChanged(
      { prefix: prefixOf("10.0.0.0/24"), metric: 0, protocol: 2, kind: "unicast", hops: [{ ifindex: 9 }] },
      false,
    );
    settle(world);
    assert.deepEqual(drain(world), [rowOf(world, PREFIX)]);
  });

  test("a path that shared traffic is reported when it goes between a change of its next hop and the walk", () => {
    const world = createWorld({ multipath: 4 });
    const [first, second] = ["172.16.0.1", "172.16.0.2"].map((address) => addPeer(world, address));
    announce(world, first!, PREFIX, { nextHop: "10.0.0.1" });
    announce(world, second!, PREFIX, { nextHop: "10.1.0.1" });
    drain(world);
    const gateway = { family: "ipv4" as const, bytes: Uint8Array.of(10, 0, 0, 1) };
    const hops = [{ ifindex: 2, gateway }];
    world.nextHops.routeChanged(
      { prefix: prefixOf("10.1.0.0/16"), metric: 9, protocol: 3, kind: "unicast", hops },
      false,
    );
    world.nextHops.refresh();
    withdraw(world, second!, PREFIX);
    assert.deepEqual(drain(world), [rowOf(world, PREFIX)]);
  });
});

test("ECMP switched on later reports the paths that then share traffic", () => {
  const world = createWorld({ multipath: 1 });
  announce(world, addPeer(world, "172.16.0.1"), PREFIX, {});
  drain(world);
  world.rib.setMultipath(4);
  announce(world, addPeer(world, "172.16.0.2"), PREFIX, {});
  assert.deepEqual(drain(world), [rowOf(world, PREFIX)]);
  assert.equal(world.rib.multipath(rowOf(world, PREFIX), new Int32Array(8)), 2);
});

describe("local sources", () => {
  test("a higher preference wins before any step of BGP", () => {
    const world = createWorld();
    const { sets, rib, nextHops } = world;
    const peer = addPeer(world, "172.16.0.1");
    announce(world, peer, PREFIX, { localPref: 500 });
    const { bytes, length } = prefixOf(PREFIX);
    const here = nextHops.fixed({ reachable: true, cost: 0, hops: [], blackhole: true, via: "static" });
    for (const [source, preference, best] of [
      ["kernel", 10, peer],
      ["static", 200, LOCAL_PEER.static],
      ["direct", 240, LOCAL_PEER.direct],
    ] as const) {
      const set = sets.originate(here, preference, 0);
      rib.announce(LOCAL_PEER[source], 0, 0, bytes, 0, length, set, set);
      sets.release(set);
      assert.equal(bestPeer(world), best);
    }
  });
});

test("no set, path, row or next hop is left when everything was withdrawn", () => {
  const world = createWorld();
  const peers = ["172.16.0.1", "172.16.0.2"].map((address) => addPeer(world, address));
  for (let i = 0; i < 200; i++)
    for (const peer of peers) announce(world, peer, `10.${i}.0.0/16`, { med: i % 7, nextHop: `10.0.${i % 5}.1` });
  for (const peer of peers) for (let i = 0; i < 200; i++) withdraw(world, peer, `10.${i}.0.0/16`);
  drain(world);
  settle(world);
  world.nextHops.refresh();
  const { rib, sets, nextHops } = world;
  assert.deepEqual([rib.pathCount, rib.prefixes.size, sets.size, sets.usage().live, nextHops.size], [0, 0, 0, 0, 0]);
  assert.ok(intern(world, {}) > 0);
});
