import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createWorld, header, peer } from "./world.ts";

/** Enough for several slices of the sweep. */
const PREFIXES = Array.from({ length: 9000 }, (_, i) => `10.${20 + (i >> 8)}.${i & 255}.0/24`);
const CLIENT = "routeReflectorClient: true";

describe("a client that is back under another identifier before its old paths are swept", () => {
  test("is reflected under the new one, though its routes are the same", () => {
    const config = `${header()}\npeers:\n${peer("a", "10.0.0.11", 64512, CLIENT)}${peer("c", "10.0.0.13", 64512, CLIENT)}`;
    const world = createWorld(config, { lookMs: 6 });
    const first = world.speaker("10.0.0.11", { asn: 64512, id: "1.1.1.1", hold: 0 });
    const listener = world.speaker("10.0.0.13", { asn: 64512, hold: 0 });
    first.announce(PREFIXES, { localPref: 100 });
    world.run(20_000);
    const originators = () => new Set(PREFIXES.map((prefix) => listener.routes.get(prefix)?.originatorId));
    assert.deepEqual([...originators()], ["1.1.1.1"]);

    const peerOf = () => world.router.core.peers.get("a")!;
    world.host.receive({ kind: "closed", id: peerOf().active!.id, reason: "connection reset" });
    first.drop();
    const again = world.speaker("10.0.0.11", { asn: 64512, id: "2.2.2.2", hold: 0, start: false });
    again.connect();
    while (!again.up && world.time.step(world.time.nowMs + 60_000));
    again.announce(PREFIXES, { localPref: 100 });
    world.run(60_000);
    assert.deepEqual([...originators()], ["2.2.2.2"]);
    assert.equal(world.router.core.ribs.ipv4.received(peerOf().id), PREFIXES.length);
    assert.equal(world.router.core.ribs.ipv4.pathCount, PREFIXES.length + 2, "and two connected subnets");
  });
});
