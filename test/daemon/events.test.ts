import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseAddress } from "../../src/ip/address.ts";
import { createWorld, header, peer } from "./world.ts";

const EXTERNAL = "import: accept, export: accept";
const P = "10.9.0.0/24";

describe("the hold timer of an Established session", () => {
  test("does not wait longer because another connection of the peer says something", () => {
    const world = createWorld(
      `${header()}peers:\n${peer("a", "10.0.0.11", 65001, EXTERNAL)}`.replace("passive: true", "passive: false"),
    );
    // Our own attempt is the session; the peer then dies without a word and its successor keeps trying.
    const a = world.speaker("10.0.0.11", { asn: 65001, hold: 30, start: false });
    a.host.listening = true;
    world.run(200_000);
    assert.equal(world.router.core.peers.get("a")!.active?.side, "outgoing");
    Object.assign(a.options, { keepalive: false });
    const downs = () => world.log.filter((line) => line.event === "session down").length;
    for (let i = 0; i < 12 && downs() === 0; i++) {
      a.successor();
      world.run(10_000);
    }
    assert.equal(downs(), 1);
  });
});

describe("a peer that takes the place of another", () => {
  test("is not judged by what an export policy made of the other's routes", () => {
    const policies = `policies:
  not-a: [{ match: { peers: [a] }, action: reject }, { action: accept }]
`;
    const config = (first: string | undefined) => `${header()}${policies}peers:
${first ? peer(first, "10.0.0.11", 65001, EXTERNAL) : ""}${peer("keep", "10.0.0.12", 65001, EXTERNAL)}${peer("to", "10.0.0.13", 65003, "import: accept, export: not-a")}`;
    const world = createWorld(config("a"));
    const a = world.speaker("10.0.0.11", { asn: 65001, id: "1.1.1.1" });
    const keep = world.speaker("10.0.0.12", { asn: 65001, id: "2.2.2.2" });
    const to = world.speaker("10.0.0.13", { asn: 65003 });
    const route = { nextHop: "10.0.0.50" };
    keep.announce([P, "10.9.1.0/24"], route);
    a.announce(P, route);
    world.run(1000);
    assert.equal(to.routes.has(P), false, "the best path is of peer a");
    world.configure(config(undefined));
    world.run(2000);
    world.configure(config("b"));
    assert.equal(to.routes.has(P), true);
    const b = world.speaker("10.0.0.11", { asn: 65001, id: "1.1.1.1" });
    b.announce(P, route);
    world.run(1000);
    assert.equal(to.routes.has(P), true, "peer b is not peer a");
  });
});

describe("an address of ours on two interfaces", () => {
  test("is ours until it is gone from both", () => {
    const world = createWorld(`${header()}peers:\n${peer("a", "10.0.0.11", 64512)}`);
    const a = world.speaker("10.0.0.11", { asn: 64512 });
    const address = { address: parseAddress("10.0.0.77")!, prefixLength: 32, usable: true };
    world.kernel({ kind: "address", gone: false, address: { ...address, ifindex: 2 } });
    world.kernel({ kind: "address", gone: false, address: { ...address, ifindex: 3 } });
    world.kernel({ kind: "address", gone: true, address: { ...address, ifindex: 3 } });
    a.announce(P, { localPref: 100, nextHop: "10.0.0.77" });
    world.run(1000);
    assert.equal(world.forwards(P), undefined);
    world.kernel({ kind: "address", gone: true, address: { ...address, ifindex: 2 } });
    world.run(1000);
    assert.equal(world.forwards(P), "10.0.0.77");
  });
});
