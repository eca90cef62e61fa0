import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createWorld, header, peer } from "./world.ts";

const EXTERNAL = "import: accept, export: accept";
const BOTH = "families: [ipv4, ipv6]";

describe("next hops announced (bgp-protocol.md 12.1)", () => {
  /** Announced by `from` with `hop`, heard by `to`. */
  interface Row {
    readonly claim: string;
    readonly from: { readonly asn: number; readonly more?: string };
    readonly hop: string;
    readonly to: { readonly address: string; readonly asn: number; readonly more?: string };
    readonly heard: string | undefined;
  }
  const rows: readonly Row[] = [
    {
      claim: "an external peer on the link of the next hop is told the third party",
      from: { asn: 65001 },
      hop: "10.0.0.77",
      to: { address: "10.0.0.12", asn: 65002, more: EXTERNAL },
      heard: "10.0.0.77",
    },
    {
      claim: "an external peer on another link is told our address there",
      from: { asn: 65001 },
      hop: "10.0.0.77",
      to: { address: "10.0.1.12", asn: 65002, more: EXTERNAL },
      heard: "10.0.1.1",
    },
    {
      claim: "an external multihop peer is always told our session address",
      from: { asn: 65001 },
      hop: "10.0.0.77",
      to: { address: "10.0.0.12", asn: 65002, more: `${EXTERNAL}, multihop: true` },
      heard: "10.0.0.1",
    },
    {
      claim: "next hop self wins over the third party",
      from: { asn: 65001 },
      hop: "10.0.0.77",
      to: { address: "10.0.0.12", asn: 65002, more: `${EXTERNAL}, nextHop: self` },
      heard: "10.0.0.1",
    },
    {
      claim: "next hop keep passes it on over another link",
      from: { asn: 65001 },
      hop: "10.0.0.77",
      to: { address: "10.0.1.12", asn: 65002, more: `${EXTERNAL}, nextHop: keep` },
      heard: "10.0.0.77",
    },
    {
      claim: "an internal peer is told the external next hop",
      from: { asn: 65001 },
      hop: "10.0.0.77",
      to: { address: "10.0.1.12", asn: 64512 },
      heard: "10.0.0.77",
    },
    {
      claim: "an internal peer with next hop self is told ours",
      from: { asn: 65001 },
      hop: "10.0.0.77",
      to: { address: "10.0.1.12", asn: 64512, more: "nextHop: self" },
      heard: "10.0.1.1",
    },
    {
      claim: "a reflected route keeps its next hop",
      from: { asn: 64512, more: "routeReflectorClient: true" },
      hop: "10.0.0.77",
      to: { address: "10.0.1.12", asn: 64512, more: "routeReflectorClient: true" },
      heard: "10.0.0.77",
    },
    {
      claim: "a peer is never told its own address",
      from: { asn: 65001 },
      hop: "10.0.0.12",
      to: { address: "10.0.0.12", asn: 65002, more: EXTERNAL },
      heard: undefined,
    },
    {
      claim: "nor is an internal peer",
      from: { asn: 65001 },
      hop: "10.0.1.12",
      to: { address: "10.0.1.12", asn: 64512 },
      heard: undefined,
    },
    {
      claim: "an export policy's next hop is announced as it is",
      from: { asn: 65001 },
      hop: "10.0.0.77",
      to: { address: "10.0.1.12", asn: 65002, more: "import: accept, export: elsewhere" },
      heard: "10.7.7.7",
    },
    {
      claim: "an export policy's self is ours",
      from: { asn: 65001 },
      hop: "10.0.0.77",
      to: { address: "10.0.0.12", asn: 65002, more: "import: accept, export: ours" },
      heard: "10.0.0.1",
    },
  ];
  for (const row of rows)
    test(row.claim, () => {
      const world = createWorld(`${header()}
policies:
  elsewhere: [{ set: { nextHop: 10.7.7.7 }, action: accept }]
  ours: [{ set: { nextHop: self }, action: accept }]
peers:
${peer("from", "10.0.0.11", row.from.asn, row.from.more ?? (row.from.asn === 64512 ? "" : EXTERNAL))}${peer("to", row.to.address, row.to.asn, row.to.more)}`);
      world.route("10.0.0.0/8", { via: "10.0.0.254" });
      const from = world.speaker("10.0.0.11", { asn: row.from.asn });
      const to = world.speaker(row.to.address, { asn: row.to.asn });
      from.announce("10.9.0.0/16", { nextHop: row.hop, ...(row.from.asn === 64512 ? { localPref: 100 } : {}) });
      world.run(1000);
      assert.equal(to.routes.get("10.9.0.0/16")?.nextHop, row.heard);
    });

  test("the gateway of an own route goes to internal peers on any link where they are to have it, and keep keeps it", () => {
    const world = createWorld(`${header()}
static:
  - { prefix: 10.51.0.0/16, via: [10.0.0.50] }
peers:
${["auto", "gateway", "self", "keep"]
  .map(
    (mode, i) =>
      peer(`i-${mode}`, `10.0.1.${12 + i}`, 64512, `nextHop: ${mode}`) +
      peer(`e-${mode}`, `10.0.1.${22 + i}`, 65003, `${EXTERNAL}, multihop: true, nextHop: ${mode}`),
  )
  .join("")}`);
    const hop = (address: string, asn: number) => world.speaker(address, { asn }).routes.get("10.51.0.0/16")?.nextHop;
    const internal = [12, 13, 14, 15].map((last) => hop(`10.0.1.${last}`, 64512));
    const external = [22, 23, 24, 25].map((last) => hop(`10.0.1.${last}`, 65003));
    assert.deepEqual(internal, ["10.0.1.1", "10.0.0.50", "10.0.1.1", "10.0.0.50"]);
    assert.deepEqual(external, ["10.0.1.1", "10.0.1.1", "10.0.1.1", "10.0.0.50"]);
  });

  test("a local blackhole is announced with our session address, a gateway on the peer's link with the gateway", () => {
    const world = createWorld(`${header()}
static:
  - { prefix: 10.50.0.0/16, blackhole: true }
  - { prefix: 10.51.0.0/16, via: [10.0.0.50] }
peers:
${peer("near", "10.0.0.12", 65002, EXTERNAL)}${peer("far", "10.0.1.12", 65003, EXTERNAL)}${peer("inside", "10.0.0.13", 64512)}`);
    const near = world.speaker("10.0.0.12", { asn: 65002 });
    const far = world.speaker("10.0.1.12", { asn: 65003 });
    const inside = world.speaker("10.0.0.13", { asn: 64512 });
    const hops = [near, far, inside].map((s) =>
      ["10.50.0.0/16", "10.51.0.0/16"].map((prefix) => s.routes.get(prefix)?.nextHop),
    );
    assert.deepEqual(hops, [
      ["10.0.0.1", "10.0.0.50"],
      ["10.0.1.1", "10.0.1.1"],
      ["10.0.0.1", "10.0.0.50"].map((hop, i) => (i === 0 ? hop : inside.routes.get("10.51.0.0/16")?.nextHop)),
    ]);
  });

  test("IPv6: our global and link-local address on a shared link, 16 octets alone where there is none", () => {
    const world = createWorld(`${header()}
static: [{ prefix: "2001:db8:50::/48", blackhole: true }]
peers:
${peer("near", "2001:db8::12", 65002, EXTERNAL)}${peer("hops", "2001:db8:9::12", 65003, `${EXTERNAL}, multihop: true`)}`);
    const near = world.speaker("2001:db8::12", { asn: 65002, families: ["ipv6"] });
    const hops = world.speaker("2001:db8:9::12", { asn: 65003, families: ["ipv6"], id: "9.9.9.8" });
    assert.equal(near.routes.get("2001:db8:50::/48")?.nextHop, "2001:db8::1 fe80::1");
    assert.equal(hops.routes.get("2001:db8:50::/48")?.nextHop, "2001:db8::1");
  });

  test("IPv6: a third party on the link is passed on in 16 octets, and a 32-octet next hop by its global half", () => {
    const world = createWorld(`${header()}
peers:
${peer("from", "2001:db8::11", 65001, EXTERNAL)}${peer("to", "2001:db8::12", 65002, EXTERNAL)}`);
    const from = world.speaker("2001:db8::11", { asn: 65001, families: ["ipv6"], id: "9.9.9.7" });
    const to = world.speaker("2001:db8::12", { asn: 65002, families: ["ipv6"], id: "9.9.9.8" });
    from.announce("2001:db8:90::/48", { nextHop: "2001:db8::77" });
    from.announce("2001:db8:91::/48", { nextHop: "2001:db8::78 fe80::78" });
    world.run(1000);
    assert.equal(to.routes.get("2001:db8:90::/48")?.nextHop, "2001:db8::77");
    assert.equal(to.routes.get("2001:db8:91::/48")?.nextHop, "2001:db8::78");
  });

  test("a next hop of the other family is replaced by ours: IPv6 routes on an IPv4 session and the reverse", () => {
    const world = createWorld(`${header()}
static: [{ prefix: "2001:db8:50::/48", blackhole: true }, { prefix: 10.50.0.0/16, blackhole: true }]
peers:
${peer("four", "10.0.0.12", 65002, `${EXTERNAL}, ${BOTH}`)}${peer("six", "2001:db8:1::12", 65003, `${EXTERNAL}, ${BOTH}`)}`);
    const four = world.speaker("10.0.0.12", { asn: 65002, families: ["ipv4", "ipv6"] });
    const six = world.speaker("2001:db8:1::12", { asn: 65003, families: ["ipv4", "ipv6"] });
    assert.equal(four.routes.get("2001:db8:50::/48")?.nextHop.split(" ")[0], "2001:db8::1");
    assert.equal(six.routes.get("10.50.0.0/16")?.nextHop, "10.0.1.1");
  });
});

describe("well-known communities (RFC 1997)", () => {
  const rows: readonly (readonly [string, string, readonly string[]])[] = [
    ["NO_EXPORT", "65535:65281", ["inside"]],
    ["NO_ADVERTISE", "65535:65282", []],
    ["NO_EXPORT_SUBCONFED", "65535:65283", ["inside"]],
    ["GRACEFUL_SHUTDOWN, which says nothing about passing it on", "65535:0", ["inside", "outside"]],
    ["an ordinary one", "65001:1", ["inside", "outside"]],
  ];
  for (const [name, community, heardBy] of rows)
    test(`a route with ${name} is told to: ${heardBy.join(", ") || "nobody"}`, () => {
      const world = createWorld(`${header()}
peers:
${peer("from", "10.0.0.11", 65001, EXTERNAL)}${peer("inside", "10.0.0.12", 64512)}${peer("outside", "10.0.0.13", 65003, EXTERNAL)}`);
      const from = world.speaker("10.0.0.11", { asn: 65001 });
      const peers = {
        inside: world.speaker("10.0.0.12", { asn: 64512 }),
        outside: world.speaker("10.0.0.13", { asn: 65003 }),
      };
      from.announce("10.9.0.0/16", { communities: ["65001:7", community] });
      world.run(1000);
      const heard = Object.entries(peers).filter(([, s]) => s.routes.has("10.9.0.0/16"));
      assert.deepEqual(
        heard.map(([who]) => who),
        heardBy,
      );
      for (const [, s] of heard)
        assert.deepEqual(s.routes.get("10.9.0.0/16")!.communities.toSorted(), ["65001:7", community].toSorted());
      assert.equal(world.forwards("10.9.0.0/16"), "10.0.0.11", "it is used here all the same");
    });
});

describe("policies at the edge", () => {
  test("an external peer without policies neither accepts nor announces (RFC 8212), an internal one does both", () => {
    const world = createWorld(`${header()}
static: [{ prefix: 10.50.0.0/16, blackhole: true }]
peers:
${peer("bare", "10.0.0.11", 65001)}${peer("inside", "10.0.0.12", 64512)}`);
    const bare = world.speaker("10.0.0.11", { asn: 65001 });
    const inside = world.speaker("10.0.0.12", { asn: 64512 });
    bare.announce("10.9.0.0/16");
    inside.announce("10.8.0.0/16", { localPref: 100 });
    world.run(1000);
    assert.deepEqual([...bare.routes.keys()], []);
    assert.ok(bare.table.log.includes("eor ipv4"), "an empty table ends too");
    assert.equal(inside.routes.has("10.50.0.0/16"), true);
    assert.deepEqual([world.fib.has("10.9.0.0/16"), world.fib.has("10.8.0.0/16")], [false, true]);
  });
});
