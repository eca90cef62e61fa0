/** calico-bgp.md 3.9: what is written to the kernel, by routes. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CalicoVersion } from "../../../src/confgen/compile/input.ts";
import type { ProgramClusterRoutes, Resource } from "../../../src/confgen/resources/model.ts";
import { claims, ELEVATED, type Expected, generatedOf, judge, learned, P } from "../generated.ts";
import { bgpConfiguration, ipPool, node } from "../resource-builders.ts";

const pools = [
  ipPool("plain", "10.65.0.0/16"),
  ipPool("vxlan", "10.67.0.0/16", { vxlanMode: "CrossSubnet" }),
  ipPool("ipip", "10.68.0.0/16", { ipipMode: "Always" }),
  ipPool("cross", "10.69.0.0/16", { ipipMode: "CrossSubnet" }),
  ipPool("plain6", "fd00:65::/48"),
  ipPool("vxlan6", "fd00:67::/48", { vxlanMode: "Always" }),
];

function kernel(
  program: ProgramClusterRoutes | undefined,
  more: readonly Resource[] = [],
  version: CalicoVersion = 33,
  services = {},
) {
  const settings = { ...(program && { programClusterRoutes: program }), ...services };
  return generatedOf(
    [node("n1", { ipv4: "10.0.0.1/24", ipv6: "fd00::1/64" }), ...pools, bgpConfiguration("default", settings), ...more],
    { version },
  ).config;
}

const hop = { nextHop: "10.0.0.2" };
const metric = { metric: P };
const tunnel = { metric: P, device: "tunl0", onlink: true };

describe("metric", () => {
  claims(kernel(undefined), "kernel", undefined, [
    ["a normal route", learned("10.65.2.0/26", hop), metric],
    ["an elevated one", learned("10.65.2.3/32", { ...hop, localPref: ELEVATED }), { metric: 512 }],
    ["one of LOCAL_PREF 100", learned("10.65.2.0/26", { ...hop, localPref: 100 }), { metric: 2147483547 }],
    ["an external one, which has none", { prefix: "10.65.2.0/26", asPath: "65000", ...hop }, { metric: 2147483547 }],
    ["a metric that is there stays", learned("172.19.2.0/24", { ...hop, metric: 500 }), {}],
    ["a static route has none from it", { prefix: "10.65.1.0/26", source: "static" }, {}],
    ["a ToR's default route", { prefix: "0.0.0.0/0", asPath: "65000", ...hop }, { metric: 2147483547 }],
  ]);
  test("before 3.32 there is none", () =>
    assert.deepEqual(judge(kernel(undefined, [], 31), "kernel", undefined, learned("10.65.2.0/26", hop)), {}));
});

describe("service CIDRs are rejected, whatever the source", () => {
  const config = kernel(undefined, [], 33, {
    serviceClusterCidrs: ["10.96.0.0/16", "fd00:96::/112"],
    serviceExternalCidrs: ["192.0.2.0/24", "203.0.113.7/32"],
  });
  claims(config, "kernel", undefined, [
    ["the CIDR", { prefix: "10.96.0.0/16", source: "static" }, "reject"],
    ["within", learned("10.96.1.1/32", hop), "reject"],
    ["of IPv6", learned("fd00:96::1/128", { nextHop: "fd00::2" }), "reject"],
    ["external ones", learned("192.0.2.1/32", hop), "reject"],
    ["a single address is none of them", { prefix: "203.0.113.7/32", source: "static" }, {}],
  ]);
});

describe("pools, by programClusterRoutes", () => {
  const table: [ProgramClusterRoutes | undefined, CalicoVersion, plain: boolean, ipip: boolean][] = [
    [undefined, 33, true, false],
    ["EnabledNoEncapOnly", 33, true, false],
    ["EnabledIPIPOnly", 33, false, true],
    ["Enabled", 33, true, true],
    ["Disabled", 33, false, false],
    [undefined, 32, true, true],
    ["Enabled", 32, true, true],
    ["Disabled", 32, false, false],
  ];
  for (const [value, version, plain, ipip] of table)
    describe(`${value ?? "unset"} of 3.${version}`, () => {
      const written = (owned: boolean, expected: Expected): Expected => (owned ? expected : "reject");
      claims(kernel(value, [], version), "kernel", undefined, [
        ["no encapsulation", learned("10.65.2.0/26", { nextHop: "10.0.1.2" }), written(plain, metric)],
        ["no encapsulation, IPv6", learned("fd00:65:0:2::/122", { nextHop: "fd00::2" }), written(plain, metric)],
        ["VXLAN is Felix's", learned("10.67.2.0/26", hop), "reject"],
        ["VXLAN of IPv6 too", learned("fd00:67:0:2::/122", { nextHop: "fd00::2" }), "reject"],
        ["a blackhole of VXLAN too", { prefix: "10.67.1.0/26", source: "static" }, "reject"],
        ["IPIP Always, through the tunnel", learned("10.68.2.0/26", hop), written(ipip, tunnel)],
        ["CrossSubnet in the own subnet: plain", learned("10.69.2.0/26", hop), written(ipip, metric)],
        ["CrossSubnet beyond", learned("10.69.2.0/26", { nextHop: "10.0.1.2" }), written(ipip, tunnel)],
        ["of no pool", learned("203.0.113.0/24", hop), metric],
      ]);
    });
  describe("before 3.32 all of it is BIRD's, whatever is said", () => {
    claims(kernel("Disabled", [], 31), "kernel", undefined, [
      ["no encapsulation", learned("10.65.2.0/26", hop), {}],
      ["IPIP", learned("10.68.2.0/26", hop), { device: "tunl0", onlink: true }],
      ["VXLAN is Felix's", learned("10.67.2.0/26", hop), "reject"],
    ]);
  });
});

describe("pools within pools", () => {
  const nested = [
    ipPool("inner", "10.70.1.0/24", { ipipMode: "Always" }),
    ipPool("outer", "10.70.0.0/16"),
    ipPool("inner6", "fd00:70:1::/64"),
    ipPool("outer6", "fd00:70::/32", { vxlanMode: "Always" }),
  ];
  claims(kernel("Enabled", nested), "kernel", undefined, [
    ["of IPv4 the first by text decides", learned("10.70.1.0/26", hop), metric],
    ["of IPv6 there are only rejects", learned("fd00:70:1::/122", { nextHop: "fd00::2" }), "reject"],
  ]);
});

describe("a node without an IPv4 address", () => {
  const { config } = generatedOf([
    node("n1", { ipv6: "fd00::1/64" }),
    ...pools,
    bgpConfiguration("default", { programClusterRoutes: "Disabled" }),
  ]);
  claims(config, "kernel", undefined, [
    ["IPv4 pools have no rules", learned("10.65.2.0/26", hop), metric],
    ["nor has VXLAN", learned("10.67.2.0/26", hop), metric],
    ["IPv6 pools have", learned("fd00:65:0:2::/122", { nextHop: "fd00::2" }), "reject"],
  ]);
});

describe("WireGuard", () => {
  const wireguard = { ipv4: "10.99.0.1" };
  const both = { ipv4: "10.99.0.2", ipv6: "fd99::2" };
  const cluster = (mine: { ipv4?: string; ipv6?: string }, version: CalicoVersion = 33) =>
    generatedOf(
      [
        node("n1", { ipv4: "10.0.0.1/24", ipv6: "fd00::1/64", wireguard: mine }),
        node("n2", { ipv4: "10.0.0.2/24", ipv6: "fd00::2/64", wireguard: both }),
        node("n3", { ipv4: "10.0.0.3/24", ipv6: "fd00::3/64" }),
        ipPool("plain", "10.65.0.0/16"),
      ],
      { version },
    ).config;
  const via = (nextHop: string, prefix = "10.65.2.0/26") => learned(prefix, { nextHop });
  claims(cluster(wireguard), "kernel", undefined, [
    ["routes by another such node are Felix's", via("10.0.0.2"), "reject"],
    ["those by a node without are ours", via("10.0.0.3"), metric],
    ["and those of a family in which we have none", via("fd00::2", "fd00:65::/64"), metric],
    ["a route that is not of BGP stays", { prefix: "10.65.2.0/26", source: "static", nextHop: "10.0.0.2" }, {}],
  ]);
  claims(cluster({ ipv6: "fd99::1" }), "kernel", undefined, [
    ["IPv6", via("fd00::2", "fd00:65::/64"), "reject"],
    ["IPv4 by the same node", via("10.0.0.2"), metric],
  ]);
  claims(cluster({}), "kernel", undefined, [
    ["a node without an own address rejects nothing", via("10.0.0.2"), metric],
  ]);
  claims(cluster(wireguard, 32), "kernel", undefined, [["before 3.33 nothing is rejected", via("10.0.0.2"), metric]]);
});
