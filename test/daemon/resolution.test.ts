import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createWorld, header, peer } from "./world.ts";

const EXTERNAL = "import: accept, export: accept";

describe("next hops", () => {
  const multihop = (more = "") => `${header()}${more}
peers:
${peer("from", "10.0.0.11", 64512)}${peer("to", "10.0.0.12", 65002, EXTERNAL)}`;

  const unresolved = (more = "") => {
    const world = createWorld(multihop(more));
    const source = world.speaker("10.0.0.11", { asn: 64512 });
    const listener = world.speaker("10.0.0.12", { asn: 65002 });
    source.announce("10.9.0.0/16", { localPref: 100, nextHop: "172.16.5.5" });
    world.run(1000);
    return { world, source, listener };
  };

  test("an unresolvable one makes the path unusable, and a route to it brings the path back", () => {
    const { world, listener } = unresolved();
    assert.deepEqual([listener.routes.has("10.9.0.0/16"), world.forwards("10.9.0.0/16")], [false, undefined]);
    world.route("172.16.0.0/16", { via: "10.0.0.254" });
    world.run(1000);
    assert.equal(world.forwards("10.9.0.0/16"), "10.0.0.254");
    assert.ok(listener.routes.has("10.9.0.0/16"));
    world.route("172.16.0.0/16", { via: "10.0.0.254" }, true);
    world.run(1000);
    assert.deepEqual([listener.routes.has("10.9.0.0/16"), world.forwards("10.9.0.0/16")], [false, undefined]);
  });

  test("a default route resolves it", () => {
    const { world } = unresolved();
    world.route("0.0.0.0/0", { via: "10.0.0.254" });
    world.run(1000);
    assert.equal(world.forwards("10.9.0.0/16"), "10.0.0.254");
  });

  test("a more specific route moves it", () => {
    const { world } = unresolved();
    world.route("0.0.0.0/0", { via: "10.0.0.254" });
    world.route("172.16.5.0/24", { via: "10.0.1.254", ifindex: 3 });
    world.run(1000);
    assert.equal(world.forwards("10.9.0.0/16"), "10.0.1.254");
  });

  test("a blackhole does not", () => {
    const { world } = unresolved();
    world.route("0.0.0.0/0", { via: "10.0.0.254" });
    world.route("172.16.0.0/12", { blackhole: true });
    world.run(1000);
    assert.equal(world.forwards("10.9.0.0/16"), undefined);
  });

  test("a BGP route does not, not even the one that covers its own next hop", () => {
    const { world, source, listener } = unresolved();
    source.announce("172.16.0.0/16", { localPref: 100, nextHop: "10.0.0.11" });
    source.announce("172.17.0.0/16", { localPref: 100, nextHop: "172.17.0.1" });
    world.run(1000);
    assert.equal(world.forwards("172.16.0.0/16"), "10.0.0.11");
    assert.deepEqual([world.forwards("10.9.0.0/16"), world.forwards("172.17.0.0/16")], [undefined, undefined]);
    assert.equal(listener.routes.has("10.9.0.0/16"), false);
  });

  test("a static route of ours with a gateway does", () => {
    const { world } = unresolved("static: [{ prefix: 172.16.0.0/16, via: [10.0.1.9] }]\n");
    assert.equal(world.forwards("10.9.0.0/16"), "10.0.1.9");
    world.configure(multihop());
    world.run(1000);
    assert.equal(world.forwards("10.9.0.0/16"), undefined);
  });

  test("a link that goes takes the connected routes and what resolved by them", () => {
    const world = createWorld(multihop());
    const source = world.speaker("10.0.0.11", { asn: 64512 });
    source.announce("10.9.0.0/16", { localPref: 100, nextHop: "10.0.1.77" });
    world.run(1000);
    assert.equal(world.forwards("10.9.0.0/16"), "10.0.1.77");
    const link = { ifindex: 3, name: "eth1", up: false, carrier: false, loopback: false };
    world.kernel({
      kind: "route",
      gone: true,
      route: {
        prefix: { family: "ipv4", bytes: Uint8Array.of(10, 0, 1, 0), length: 24 },
        metric: 0,
        protocol: 2,
        kind: "unicast",
        hops: [{ ifindex: 3 }],
        scope: 253,
      },
    });
    world.kernel({ kind: "link", gone: false, link });
    world.run(1000);
    assert.equal(world.forwards("10.9.0.0/16"), undefined);
    assert.equal(world.router.core.ribs.ipv4.prefixes.size, 2, "10.0.0.0/24 and the unusable one");
  });

  test("our own address and martians are refused", () => {
    const world = createWorld(multihop());
    const source = world.speaker("10.0.0.11", { asn: 64512 });
    for (const [i, nextHop] of ["10.0.0.1", "127.0.0.1", "0.0.0.0", "224.0.0.1"].entries())
      source.announce(`10.9.${i}.0/24`, { localPref: 100, nextHop });
    world.run(1000);
    assert.equal(world.fib.size, 0);
    assert.equal(source.up, true);
  });
});

describe("ECMP", () => {
  const CONFIG = `${header()}
peers:
${peer("a", "10.0.0.11", 65001, EXTERNAL)}${peer("b", "10.0.0.12", 65002, EXTERNAL)}${peer("c", "10.0.1.13", 65003, EXTERNAL)}`;

  test("equal paths forward together; the set follows its members", () => {
    const world = createWorld(CONFIG);
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    const b = world.speaker("10.0.0.12", { asn: 65002 });
    const c = world.speaker("10.0.1.13", { asn: 65003 });
    for (const s of [a, b, c]) s.announce("10.9.0.0/16");
    world.run(1000);
    assert.equal(world.forwards("10.9.0.0/16"), "10.0.0.11 10.0.0.12 10.0.1.13");
    b.withdraw("10.9.0.0/16");
    world.run(1000);
    assert.equal(world.forwards("10.9.0.0/16"), "10.0.0.11 10.0.1.13");
    a.drop();
    world.run(1000);
    assert.equal(world.forwards("10.9.0.0/16"), "10.0.1.13");
    b.announce("10.9.0.0/16", { asPath: [65002, 65002] });
    world.run(1000);
    assert.equal(world.forwards("10.9.0.0/16"), "10.0.1.13", "a longer path does not join");
  });

  test("multipath: 1 turns it off and on again without a reset", () => {
    const world = createWorld(CONFIG);
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    const b = world.speaker("10.0.0.12", { asn: 65002 });
    for (const s of [a, b]) s.announce("10.9.0.0/16");
    world.run(1000);
    world.configure(`kernel: { multipath: 1 }\n${CONFIG}`);
    world.run(1000);
    assert.equal(world.forwards("10.9.0.0/16"), "10.0.0.11");
    world.configure(CONFIG);
    world.run(1000);
    assert.equal(world.forwards("10.9.0.0/16"), "10.0.0.11 10.0.0.12");
    assert.deepEqual([a.established, b.established], [1, 1]);
  });
});
