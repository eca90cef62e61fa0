import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createWorld, header, peer } from "./world.ts";

const EXTERNAL = "import: accept, export: accept";
const P = "10.9.0.0/24";
const Q = "10.9.1.0/24";

describe("a next hop that nobody uses is forgotten", () => {
  test("and what takes its id is forwarded to by its own address", () => {
    const world = createWorld(`${header()}peers:\n${peer("a", "10.0.0.11", 64512)}`);
    const a = world.speaker("10.0.0.11", { asn: 64512 });
    a.announce(P, { localPref: 100, nextHop: "10.0.0.50" });
    world.run(1000);
    assert.equal(world.forwards(P), "10.0.0.50");
    a.announce(Q, { localPref: 100, nextHop: "10.0.0.51" });
    a.withdraw(P);
    world.run(1000);
    // A kernel event makes the table forget what is not held; no next hop resolves otherwise because of it.
    world.route("192.168.0.0/16", { blackhole: true }, true);
    world.run(1000);
    a.announce(P, { localPref: 100, nextHop: "10.0.0.60" });
    world.run(1000);
    assert.equal(world.forwards(P), "10.0.0.60");
  });
});

describe("static blackholes of both families", () => {
  test("have the metric of their own family", () => {
    const world = createWorld(`${header()}static:
  - { prefix: 10.1.0.0/26, blackhole: true }
  - { prefix: "2001:db8:f::/48", blackhole: true }
`);
    world.run(1000);
    assert.deepEqual([world.fib.get("10.1.0.0/26")?.metric, world.fib.get("2001:db8:f::/48")?.metric], [0, 1024]);
  });
});

describe("a next hop that an export policy sets", () => {
  test("is announced as it is to the peers of that policy, and changes nothing for other peers", () => {
    const world = createWorld(`${header()}policies:
  via: [{ set: { nextHop: 172.16.0.9 }, action: accept }]
peers:
${peer("src", "10.0.0.11", 64512, "import: accept")}${peer("a", "10.0.0.12", 65002, "import: accept, export: via")}${peer("b", "10.0.1.13", 65003, EXTERNAL)}`);
    world.route("172.16.0.0/16", { via: "10.0.0.99" });
    const source = world.speaker("10.0.0.11", { asn: 64512 });
    const a = world.speaker("10.0.0.12", { asn: 65002 });
    const b = world.speaker("10.0.1.13", { asn: 65003 });
    source.announce([P, Q], { localPref: 100, nextHop: "172.16.0.9" });
    world.run(1000);
    assert.equal(a.routes.get(P)?.nextHop, "172.16.0.9");
    assert.equal(b.routes.get(P)?.nextHop, "10.0.1.1", "not on the link of this peer");
  });
});

describe("a policy that matches the next hop", () => {
  test("sees that of IPv6 routes", () => {
    const world = createWorld(`${header()}policies:
  local: [{ match: { nextHops: ["2001:db8::/64"] }, action: reject }, { action: accept }]
peers:
${peer("a", "2001:db8::11", 65001, "import: local, export: accept")}`);
    const a = world.speaker("2001:db8::11", { asn: 65001, families: ["ipv6"] });
    a.announce("2001:db8:9::/48", { nextHop: "2001:db8::50" });
    world.run(1000);
    assert.equal(world.forwards("2001:db8:9::/48"), undefined);
  });
});

describe("a prefix whose next hop went", () => {
  test("is not made a blackhole before selection has come by", () => {
    const world = createWorld(`${header()}peers:\n${peer("a", "10.0.0.11", 64512)}`);
    const a = world.speaker("10.0.0.11", { asn: 64512 });
    world.route("172.16.0.0/16", { via: "10.0.0.99" });
    a.announce(P, { localPref: 100, nextHop: "172.16.0.9" });
    world.run(1000);
    assert.equal(world.forwards(P), "10.0.0.99");
    world.route("172.16.0.0/16", { via: "10.0.0.99" }, true);
    const row = world.router.core.ribs.ipv4.prefixes.find(Uint8Array.of(10, 9, 0), 0, 24);
    assert.equal(world.router.parts.forwarding.judge("ipv4", row), "its next hop is unreachable");
    world.run(1000);
    assert.equal(world.forwards(P), undefined);
  });
});

describe("a peer that names a new next hop in every UPDATE", () => {
  test("does not fill the table of next hops", () => {
    const world = createWorld(`${header()}peers:\n${peer("a", "10.0.0.11", 64512)}`);
    const a = world.speaker("10.0.0.11", { asn: 64512 });
    for (let i = 0; i < 30_000; i++) {
      a.announce(P, { localPref: 100, nextHop: `10.${i >> 14}.${(i >> 7) & 127}.${1 + (i & 127)}` });
      if (i % 1000 === 0) world.run(100);
    }
    world.run(1000);
    assert.ok(world.router.core.nextHops.size < 10_000, `${world.router.core.nextHops.size} are kept`);
  });
});

describe("an import policy that sets a next hop", () => {
  test("sets it for routes of that family only", () => {
    const world = createWorld(`${header()}policies:
  via: [{ set: { nextHop: 10.0.0.77 }, action: accept }]
peers:
${peer("a", "10.0.0.11", 64512, "families: [ipv4, ipv6], import: via")}`);
    const a = world.speaker("10.0.0.11", { asn: 64512, families: ["ipv4", "ipv6"] });
    for (const prefix of [P, "2001:db8:9::/48"])
      a.announce(prefix, { localPref: 100, nextHop: prefix.includes(":") ? "2001:db8::11" : "10.0.0.11" });
    world.run(1000);
    assert.deepEqual([world.forwards(P), world.forwards("2001:db8:9::/48")], ["10.0.0.77", "2001:db8::11"]);
  });
});

describe("a learned kernel route", () => {
  test("is withdrawn when an unreachable route takes its place", () => {
    const world = createWorld(`${header()}kernel: { learn: true }
peers:
${peer("a", "10.0.0.11", 64512)}`);
    const a = world.speaker("10.0.0.11", { asn: 64512 });
    world.route(P, { via: "10.0.0.99" });
    world.run(1000);
    assert.equal(a.routes.has(P), true);
    const prefix = { family: "ipv4", bytes: Uint8Array.of(10, 9, 0, 0), length: 24 } as const;
    const route = { prefix, metric: 0, protocol: 4, kind: "other", hops: [], scope: 0 } as const;
    world.kernel({ kind: "route", gone: false, route });
    world.run(1000);
    assert.equal(a.routes.has(P), false);
  });
});
