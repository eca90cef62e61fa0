/** calico-bgp.md 3.10, 1.6: static routes of a node. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Resource } from "../../../src/confgen/resources/model.ts";
import { codesOf, generatedOf, judge, own, staticsOf } from "../generated.ts";
import { bgpConfiguration, bgpPeer, blockAffinity, type Faulty, node } from "../resource-builders.ts";

function of(
  resources: readonly (Resource | Faulty)[],
  changes: Parameters<typeof generatedOf>[1] = {},
  podCidrs: string[] = [],
) {
  const cluster = [
    node("n1", { ipv4: "10.0.0.1/24", ipv6: "fd00::1/64", podCidrs }),
    node("n2", { ipv4: "10.0.0.2/24" }),
  ];
  return generatedOf([...cluster, ...resources], changes);
}

describe("blocks", () => {
  const table: [string, readonly Resource[], readonly string[]][] = [
    ["confirmed", [blockAffinity("n1", "10.65.1.0/26")], ["10.65.1.0/26"]],
    ["of an empty state", [blockAffinity("n1", "10.65.1.0/26", { state: "" })], ["10.65.1.0/26"]],
    ["pendingDeletion", [blockAffinity("n1", "10.65.1.0/26", { state: "pendingDeletion" })], ["10.65.1.0/26"]],
    ["pending: none", [blockAffinity("n1", "10.65.1.0/26", { state: "pending" })], []],
    ["virtual: none", [blockAffinity("n1", "10.65.1.0/26", { type: "virtual" })], []],
    ["another node's: none", [blockAffinity("n2", "10.65.1.0/26")], []],
    ["of one address: none", [blockAffinity("n1", "10.65.1.1/32"), blockAffinity("n1", "fd00:65::1/128")], []],
    ["of IPv6", [blockAffinity("n1", "fd00:65::/122")], ["fd00:65::/122"]],
    [
      "in order of their texts",
      ["10.65.9.0/26", "10.65.10.0/26", "10.65.1.0/26"].map((cidr) => blockAffinity("n1", cidr)),
      ["10.65.1.0/26", "10.65.10.0/26", "10.65.9.0/26"],
    ],
    [
      "one that two affinities name, once",
      [
        blockAffinity("n1", "10.65.1.0/26", { state: "pendingDeletion" }),
        { ...blockAffinity("n1", "10.65.1.0/26"), name: "z" },
      ],
      ["10.65.1.0/26"],
    ],
  ];
  for (const [claim, resources, expected] of table)
    test(claim, () => assert.deepEqual(staticsOf(of(resources).config), expected));
  test("are blackholes", () => assert.ok(of([blockAffinity("n1", "10.65.1.0/26")]).config.static[0]!.blackhole));
  test("say where they come from", () =>
    assert.match(
      of([blockAffinity("n1", "10.65.1.0/26", { state: "pendingDeletion" })]).texts.get("static.yaml")!,
      /- \{ prefix: 10\.65\.1\.0\/26, blackhole: true \} # BlockAffinity\/n1-10-65-1-0-26, pendingDeletion$/m,
    ));
  test("one that was never valid is left out, with a finding", () => {
    const { config, findings } = of([{ kind: "BlockAffinity", name: "x", faults: ["cidr: nonsense"] }]);
    assert.deepEqual(staticsOf(config), []);
    assert.deepEqual(codesOf(findings), ["error invalid BlockAffinity/x"]);
  });
});

describe("USE_POD_CIDR", () => {
  const blocks = (value: string) =>
    of([blockAffinity("n1", "10.65.1.0/26")], { environment: { USE_POD_CIDR: value } }, ["10.66.1.0/24"]).config;
  test("the node's podCIDRs stand for blocks, confirmed", () => {
    const config = blocks("true");
    assert.deepEqual(staticsOf(config), ["10.66.1.0/24"]);
    assert.equal(judge(config, "export", "Mesh_10_0_0_2", own("10.66.1.5/32")), "reject");
    assert.notEqual(judge(config, "export", "Mesh_10_0_0_2", own("10.66.1.0/24")), "reject");
  });
  test("false, or nothing, is off", () => {
    for (const value of ["false", "", "0", "no"]) assert.deepEqual(staticsOf(blocks(value)), ["10.65.1.0/26"]);
  });
  test("a word that is neither is off, and said", () => {
    const told = (value: string) => codesOf(of([], { environment: { USE_POD_CIDR: value } }).findings);
    assert.deepEqual(told("yes"), ["error environment-invalid environment/USE_POD_CIDR"]);
    for (const value of ["False", "t", ""]) assert.deepEqual(told(value), []);
  });
});

describe("reachableBy", () => {
  const peer = (name: string, address: string, reachableBy: string, more = {}) =>
    bgpPeer(name, { address, asn: 65000, reachableBy, ...more });
  test("a host route for each distinct peer, behind blocks and services", () =>
    assert.deepEqual(
      staticsOf(
        of([
          blockAffinity("n1", "10.65.1.0/26"),
          bgpConfiguration("default", { serviceClusterCidrs: ["10.96.0.0/16"] }),
          peer("b", "10.225.0.5", "10.224.0.1"),
          peer("a", "10.225.0.4", "10.224.0.1"),
          peer("c", "fd00:225::4", "fd00:224::1"),
          peer("d", "10.225.0.4", "10.224.0.1", { port: 1790, sourceAddress: "None" }),
        ]).config,
      ),
      [
        "10.65.1.0/26",
        "10.96.0.0/16",
        "10.225.0.4/32 via 10.224.0.1",
        "10.225.0.5/32 via 10.224.0.1",
        "fd00:225::4/128 via fd00:224::1",
      ],
    ));
  test("of two gateways for one peer that of the global BGPPeer counts, with a finding", () => {
    const { config, findings } = of([
      peer("a", "10.225.0.4", "10.224.0.2", { node: "n1", port: 1790, sourceAddress: "None" }),
      peer("z", "10.225.0.4", "10.224.0.1"),
    ]);
    assert.deepEqual(staticsOf(config), ["10.225.0.4/32 via 10.224.0.1"]);
    assert.deepEqual(codesOf(findings), ["warning reachable-by-conflict BGPPeer/a"]);
  });
  test("the way to a peer counts more than a block of one's own", () => {
    const { config, findings } = of([
      bgpConfiguration("default", { serviceClusterCidrs: ["10.225.0.4/32"] }),
      peer("a", "10.225.0.4", "10.224.0.1"),
    ]);
    assert.deepEqual(staticsOf(config), ["10.225.0.4/32 via 10.224.0.1"]);
    assert.deepEqual(codesOf(findings), ["warning reachable-by-conflict BGPPeer/a"]);
  });
  test("a host route to a peer is not announced", () =>
    assert.equal(
      judge(of([peer("a", "10.225.0.4", "10.224.0.1")]).config, "export", "Mesh_10_0_0_2", {
        prefix: "10.225.0.4/32",
        source: "static",
      }),
      "reject",
    ));
});

test("none of all this: an empty list", () => assert.deepEqual(staticsOf(of([]).config), []));
