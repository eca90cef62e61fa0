/** Policies that read what changes by itself: where next hops lead, what interfaces are called, who the peer is. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatAddress } from "../../src/ip/address.ts";
import { createWorld, header, peer, type World } from "./world.ts";

const P = "10.9.0.0/24";
const Q = "10.9.1.0/24";
const HOP = { localPref: 100, nextHop: "172.16.5.5" };

const policies = `policies:
  not-eth1: [{ match: { interface: eth1 }, action: reject }, { action: accept }]
  only-wan: [{ match: { interface: "wan*" }, action: accept }]
  tell:
    - { match: { interface: eth0 }, set: { med: 100 }, action: accept }
    - { match: { interface: eth1 }, set: { med: 200 }, action: accept }
    - { set: { med: 300 }, action: accept }
  tell-prefix:
    - { match: { prefixes: 10.0.0.0/8 le 32, interface: eth0 }, set: { med: 100 }, action: accept }
    - { set: { med: 200 }, action: accept }
  tunnel: [{ match: { nextHops: 172.16.0.0/16 }, set: { device: eth1, onlink: true }, action: accept }, { action: accept }]
`;

/** The way to the next hop of all routes here. */
const lead = (world: World, ifindex: number) => {
  world.route("172.16.0.0/16", { via: ifindex === 2 ? "10.0.0.254" : "10.0.1.254", ifindex });
  world.run(1000);
};

const rename = (world: World, name: string) => {
  world.kernel({ kind: "link", gone: false, link: { ifindex: 3, name, up: true, carrier: true, loopback: false } });
  world.run(1000);
};

describe("a policy that reads the interface, when next hops resolve through another", () => {
  const peers = (more = "") =>
    `${header()}${policies}peers:\n${peer("from", "10.0.0.11", 64512, "import: not-eth1")}${peer("to", "10.0.0.12", 65002, "import: accept, export: tell")}${more}`;

  test("import: a rejected path is accepted, and an accepted one rejected", () => {
    const world = createWorld(peers());
    const from = world.speaker("10.0.0.11", { asn: 64512 });
    lead(world, 3);
    from.announce([P, Q], HOP);
    world.run(1000);
    assert.deepEqual([world.forwards(P), world.forwards(Q)], [undefined, undefined]);
    lead(world, 2);
    assert.deepEqual([world.forwards(P), world.forwards(Q)], ["10.0.0.254", "10.0.0.254"]);
    lead(world, 3);
    assert.deepEqual([world.forwards(P), world.forwards(Q)], [undefined, undefined]);
  });

  for (const policy of ["tell", "tell-prefix"])
    test(`export by "${policy}": what was remembered of the attribute set counts no longer`, () => {
      const world = createWorld(
        `${header()}${policies}peers:\n${peer("from", "10.0.0.11", 64512)}${peer("to", "10.0.0.12", 65002, `import: accept, export: ${policy}`)}`,
      );
      const from = world.speaker("10.0.0.11", { asn: 64512 });
      const to = world.speaker("10.0.0.12", { asn: 65002 });
      lead(world, 2);
      from.announce([P, Q], HOP);
      world.run(1000);
      assert.deepEqual([to.routes.get(P)?.med, to.routes.get(Q)?.med], [100, 100]);
      lead(world, 3);
      assert.deepEqual([to.routes.get(P)?.med, to.routes.get(Q)?.med], [200, 200]);
    });

  test("kernel: the verdict follows", () => {
    const world = createWorld(
      `${header()}kernel: { export: not-eth1 }\n${policies}peers:\n${peer("from", "10.0.0.11", 64512)}`,
    );
    const from = world.speaker("10.0.0.11", { asn: 64512 });
    lead(world, 2);
    from.announce(P, HOP);
    world.run(1000);
    assert.equal(world.forwards(P), "10.0.0.254");
    lead(world, 3);
    assert.equal(world.forwards(P), undefined);
    lead(world, 2);
    assert.equal(world.forwards(P), "10.0.0.254");
  });
});

describe("a policy that reads the interface, when that gets another name", () => {
  test("import, export and kernel are worked out again, and only the name decides", () => {
    const world = createWorld(
      `${header()}kernel: { export: only-wan }\n${policies}peers:\n${peer("from", "10.0.0.11", 64512, "import: not-eth1")}${peer("plain", "10.0.0.13", 64512)}${peer("to", "10.0.0.12", 65002, "import: accept, export: tell")}`,
    );
    const from = world.speaker("10.0.0.11", { asn: 64512 });
    const plain = world.speaker("10.0.0.13", { asn: 64512 });
    const to = world.speaker("10.0.0.12", { asn: 65002 });
    lead(world, 3);
    from.announce(P, HOP);
    plain.announce(Q, HOP);
    world.run(1000);
    assert.deepEqual([to.routes.get(P), to.routes.get(Q)?.med, world.forwards(Q)], [undefined, 200, undefined]);
    rename(world, "wan0");
    assert.deepEqual([to.routes.get(P)?.med, to.routes.get(Q)?.med], [300, 300]);
    assert.deepEqual([world.forwards(P), world.forwards(Q)], ["10.0.1.254", "10.0.1.254"]);
    rename(world, "eth1");
    assert.deepEqual([to.routes.get(P), to.routes.get(Q)?.med, world.forwards(Q)], [undefined, 200, undefined]);
  });

  test("one that was not known yet counts when its name comes", () => {
    const world = createWorld(
      `${header()}kernel: { export: only-wan }\n${policies}peers:\n${peer("from", "10.0.0.11", 64512)}${peer("to", "10.0.0.12", 65002, "import: accept, export: only-wan")}`,
    );
    const from = world.speaker("10.0.0.11", { asn: 64512 });
    const to = world.speaker("10.0.0.12", { asn: 65002 });
    world.route("172.16.0.0/16", { via: "10.7.0.1", ifindex: 7 });
    from.announce(P, HOP);
    world.run(1000);
    assert.deepEqual([to.routes.has(P), world.forwards(P)], [false, undefined]);
    world.kernel({
      kind: "link",
      gone: false,
      link: { ifindex: 7, name: "wan7", up: true, carrier: true, loopback: false },
    });
    world.run(1000);
    assert.deepEqual([to.routes.has(P), world.forwards(P)], [true, "10.7.0.1"]);
  });
});

describe("kinds of peer", () => {
  const POLICY = `policies:
  by-session:
    - { match: { peerType: ebgp }, set: { med: 1 }, action: accept }
    - { match: { peerType: client }, set: { med: 2 }, action: accept }
    - { match: { peerType: ibgp }, set: { med: 3 }, action: accept }
  by-source:
    - { match: { fromPeerType: ebgp }, set: { med: 1 }, action: accept }
    - { match: { fromPeerType: client }, set: { med: 2 }, action: accept }
    - { match: { fromPeerType: ibgp }, set: { med: 3 }, action: accept }
    - { set: { med: 4 }, action: accept }
  import:
    - { match: { peerType: [ebgp, client] }, set: { addCommunities: 1:1 }, action: accept }
    - { match: { fromPeerType: ibgp }, set: { addCommunities: 1:2 }, action: accept }
`;
  const NAMES = { external: "10.0.0.11", client: "10.0.0.12", internal: "10.0.0.13" } as const;
  const peers = (policy: string, more: string) =>
    `${header()}${POLICY}static: [{ prefix: 10.8.0.0/24, blackhole: true }]\npeers:\n` +
    peer("external", NAMES.external, 65001, `import: accept, export: ${policy}${more}`) +
    peer("client", NAMES.client, 64512, `routeReflectorClient: true, export: ${policy}${more}`) +
    peer("internal", NAMES.internal, 64512, `export: ${policy}${more}`);

  test("one policy tells the sessions apart: they are no longer one update group", () => {
    const world = createWorld(peers("by-session", ""));
    const med = Object.entries(NAMES).map(([name, address]) => {
      const speaker = world.speaker(address, { asn: name === "external" ? 65001 : 64512 });
      return speaker.routes.get("10.8.0.0/24")?.med;
    });
    assert.deepEqual(med, [1, 2, 3]);
  });

  test("and the peers that routes came from", () => {
    const world = createWorld(peers("by-source", ""));
    const to = world.speaker(NAMES.client, { asn: 64512 });
    const external = world.speaker(NAMES.external, { asn: 65001 });
    const internal = world.speaker(NAMES.internal, { asn: 64512 });
    external.announce(P, { asPath: [65001], nextHop: NAMES.external });
    internal.announce(Q, { localPref: 100, nextHop: NAMES.internal });
    world.run(1000);
    assert.deepEqual(
      ["10.8.0.0/24", P, Q].map((prefix) => to.routes.get(prefix)?.med),
      [4, 1, 3],
    );
  });

  test("on import both are the session's own", () => {
    const world = createWorld(
      `${header()}${POLICY}peers:\n${peer("external", NAMES.external, 65001, "import: import, export: accept")}${peer("internal", NAMES.internal, 64512, "import: import, export: accept")}${peer("client", NAMES.client, 64512, "routeReflectorClient: true")}`,
    );
    const to = world.speaker(NAMES.client, { asn: 64512 });
    const external = world.speaker(NAMES.external, { asn: 65001 });
    const internal = world.speaker(NAMES.internal, { asn: 64512 });
    external.announce(P, { asPath: [65001], nextHop: NAMES.external });
    internal.announce(Q, { localPref: 100, nextHop: NAMES.internal });
    world.run(1000);
    assert.deepEqual(to.routes.get(P)?.communities, ["1:1"]);
    assert.deepEqual(to.routes.get(Q)?.communities, ["1:2"]);
  });
});

describe("the kernel's policy on paths that share traffic", () => {
  const two = (more: string) =>
    `${header()}kernel: { export: tunnel${more} }\n${policies}peers:\n${peer("a", "10.0.0.11", 64512)}${peer("b", "10.0.0.12", 64512)}`;

  test("decides about each: one through a tunnel to its own next hop, the other plainly", () => {
    const world = createWorld(two(""));
    world.route("172.16.0.0/16", { via: "10.0.0.254" });
    const a = world.speaker("10.0.0.11", { asn: 64512 });
    const b = world.speaker("10.0.0.12", { asn: 64512 });
    a.announce(P, { localPref: 100, nextHop: "172.16.5.5" });
    b.announce(P, { localPref: 100, nextHop: "10.0.0.12" });
    world.run(1000);
    const hops = world.fib.get(P)!.hops.map((hop) => [formatAddress(hop.gateway!), hop.ifindex, hop.onlink ?? false]);
    assert.deepEqual(hops.sort(), [
      ["10.0.0.12", 2, false],
      ["172.16.5.5", 3, true],
    ]);
  });

  test("a route through a device goes to the BGP next hop, not to the gateway that leads there", () => {
    const world = createWorld(two(", multipath: 1"));
    world.route("172.16.0.0/16", { via: "10.0.0.254" });
    const a = world.speaker("10.0.0.11", { asn: 64512 });
    a.announce([P, Q], { localPref: 100, nextHop: "172.16.5.5" });
    world.run(1000);
    const [hop] = world.fib.get(P)!.hops;
    assert.deepEqual([formatAddress(hop!.gateway!), hop!.ifindex, hop!.onlink], ["172.16.5.5", 3, true]);
    // Another way to the tunnel's far end changes nothing: the gateway is that end itself.
    world.route("172.16.0.0/16", { via: "10.0.0.253" });
    world.run(1000);
    assert.equal(world.forwards(P), "172.16.5.5");
  });
});

describe("the kernel metric", () => {
  const METRIC = `policies:
  out:
    - { match: { metric: none }, set: { med: 1 }, action: accept }
    - { match: { metric: 0 }, set: { med: 2 }, action: accept }
    - { match: { metric: "> 0" }, set: { med: metric }, action: accept }
`;
  test("a route has none, or 0, or another: static and BGP routes have none, a kernel route always has one", () => {
    const world = createWorld(
      `${header()}${METRIC}static: [{ prefix: 10.8.0.0/24, blackhole: true }, { prefix: 10.8.1.0/24, blackhole: true, metric: 7 }]\npeers:\n${peer("a", "10.0.0.11", 65001, "import: accept, export: out")}${peer("b", "10.0.0.12", 65002, "import: accept, export: out")}`,
    );
    world.route("10.7.0.0/24", { via: "10.0.0.99" });
    world.route("10.7.1.0/24", { via: "10.0.0.99", metric: 512 });
    const a = world.speaker("10.0.0.11", { asn: 65001 });
    const b = world.speaker("10.0.0.12", { asn: 65002 });
    b.announce(P, { asPath: [65002], nextHop: "10.0.0.12" });
    world.run(1000);
    const med = (prefix: string) => a.routes.get(prefix)?.med;
    assert.deepEqual(["10.8.0.0/24", "10.8.1.0/24", "10.7.0.0/24", "10.7.1.0/24", P].map(med), [1, 7, 2, 512, 1]);
  });
});

describe("an export policy that sets MED", () => {
  test("sees the received one, and only what it sets goes to another AS", () => {
    const world = createWorld(
      `${header()}policies:
  out:
    - { match: { prefixes: ${P} }, action: accept }
    - { match: { med: 5 }, set: { med: med + 10 }, action: accept }
peers:
${peer("from", "10.0.0.11", 65001, "import: accept, export: accept")}${peer("to", "10.0.0.12", 65002, "import: accept, export: out")}`,
    );
    const from = world.speaker("10.0.0.11", { asn: 65001 });
    const to = world.speaker("10.0.0.12", { asn: 65002 });
    from.announce([P, Q], { asPath: [65001], nextHop: "10.0.0.11", med: 5 });
    world.run(1000);
    assert.deepEqual([to.routes.has(P), to.routes.get(P)?.med, to.routes.get(Q)?.med], [true, undefined, 15]);
  });
});
