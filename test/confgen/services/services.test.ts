/** calico-bgp.md 1.8: which service addresses a node announces, and what it keeps out of the kernel. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compile } from "../../../src/confgen/compile/compile.ts";
import type { BgpConfigurationResource, Resource, ServiceResource } from "../../../src/confgen/resources/model.ts";
import { codesOf, generatedOf, judge, learned, NORMAL, own, P, staticsOf } from "../generated.ts";
import { bgpConfiguration, bgpPeer, endpointSlice, type Faulty, inputOf, node, service } from "../resource-builders.ts";

const MESH = "Mesh_10_0_0_2";
const CIDRS = {
  serviceClusterCidrs: ["10.96.0.0/16", "fd00:96::/112"],
  serviceExternalCidrs: ["192.0.2.0/24", "203.0.113.7/32"],
  serviceLoadBalancerCidrs: ["198.51.100.0/24", "203.0.113.8/32"],
};
/** What these announce without any Service. */
const RANGES = ["10.96.0.0/16", "192.0.2.0/24", "198.51.100.0/24", "fd00:96::/112"];

const here = { nodeName: "n1", ready: true };
const elsewhere = { nodeName: "n2", ready: true };

type Settings = Partial<Omit<BgpConfigurationResource, "kind" | "name">>;

function announced(
  resources: readonly (Resource | Faulty)[],
  settings: Settings = CIDRS,
  changes: Parameters<typeof generatedOf>[1] = {},
  labels = {},
) {
  return generatedOf(
    [
      node("n1", { ipv4: "10.0.0.1/24", ipv6: "fd00::1/64", labels }),
      node("n2", { ipv4: "10.0.0.2/24" }),
      bgpConfiguration("default", settings),
      ...resources,
    ],
    changes,
  );
}

/** Host routes beside the ranges. */
function hosts(resources: readonly Resource[], settings?: Settings, changes = {}): string[] {
  return staticsOf(announced(resources, settings, changes).config).filter((prefix) => /\/(32|128)$/.test(prefix));
}

/** A Service with all kinds of addresses. */
const full = (more: Partial<ServiceResource> = {}) =>
  service("default/web", {
    type: "LoadBalancer",
    clusterIp: "10.96.0.5",
    externalIps: ["192.0.2.5", "10.1.2.3"],
    ingressIps: ["198.51.100.5", "10.1.2.4"],
    ...more,
  });
const ALL = ["10.96.0.5/32", "192.0.2.5/32", "198.51.100.5/32"];
const local = full({ externalTrafficPolicy: "Local" });

describe("CIDR routes", () => {
  test("of each list, but no single addresses of external and load balancer lists", () =>
    assert.deepEqual(staticsOf(announced([]).config), RANGES));
  test("load balancer CIDRs only with aggregation", () =>
    assert.deepEqual(
      staticsOf(announced([], { ...CIDRS, serviceLoadBalancerAggregation: false }).config),
      RANGES.filter((cidr) => !cidr.startsWith("198")),
    ));
  test("before 3.31 there is always aggregation", () =>
    assert.deepEqual(
      staticsOf(announced([], { ...CIDRS, serviceLoadBalancerAggregation: false }, { version: 30 }).config),
      RANGES,
    ));
  test("a single address in the list of cluster CIDRs is announced", () =>
    assert.deepEqual(staticsOf(announced([], { serviceClusterCidrs: ["10.96.0.9/32"] }).config), ["10.96.0.9/32"]));
  test("are blackholes that are announced, with all within", () => {
    const { config } = announced([]);
    assert.ok(config.static.every(({ blackhole }) => blackhole));
    const blackhole = { prefix: "10.96.0.0/16", source: "static" };
    assert.deepEqual(judge(config, "export", MESH, blackhole), { metric: P, localPref: NORMAL });
    assert.deepEqual(judge(config, "export", MESH, own("10.96.1.0/24")), { localPref: NORMAL });
    assert.equal(judge(config, "export", MESH, own("10.97.0.0/24")), "reject");
  });
  test("and kept out of the kernel", () => {
    const { config } = announced([]);
    for (const prefix of ["10.96.0.0/16", "10.96.0.5/32", "198.51.100.5/32", "fd00:96::5/128"])
      assert.equal(judge(config, "kernel", undefined, learned(prefix)), "reject");
  });
});

describe("CALICO_ADVERTISE_CLUSTER_IPS", () => {
  const environment = (text: string) => ({ environment: { CALICO_ADVERTISE_CLUSTER_IPS: text } });
  const ranges = (text: string) => staticsOf(announced([], CIDRS, environment(text)).config);
  test("stands for serviceClusterIPs altogether", () =>
    assert.deepEqual(ranges("10.100.0.0/16"), ["10.100.0.0/16", "192.0.2.0/24", "198.51.100.0/24"]));
  test("is enough without a BGPConfiguration", () => {
    const resources = [node("n1", { ipv4: "10.0.0.1/24" }), local, endpointSlice("default/a", "default/web", [here])];
    assert.deepEqual(staticsOf(generatedOf(resources, environment("10.96.0.0/16")).config), [
      "10.96.0.0/16",
      "10.96.0.5/32",
    ]);
  });
  test("host bits do not matter", () => assert.equal(ranges("10.100.0.1/16")[0], "10.100.0.0/16"));
  test("empty is unset", () => assert.deepEqual(ranges(""), RANGES));
  test("what is no CIDR announces no cluster addresses, with a finding", () => {
    const { config, findings } = announced([], CIDRS, environment("10.100.0.0"));
    assert.deepEqual(staticsOf(config), ["192.0.2.0/24", "198.51.100.0/24"]);
    assert.deepEqual(codesOf(findings), ["error environment-invalid environment/CALICO_ADVERTISE_CLUSTER_IPS"]);
  });
});

describe("externalTrafficPolicy Local", () => {
  const slices = (...endpoints: Parameters<typeof endpointSlice>[2]) => [
    local,
    endpointSlice("default/web-a", "default/web", endpoints),
  ];
  const table: [string, readonly Resource[], readonly string[]][] = [
    ["a ready endpoint here: all addresses that are configured", slices(here), ALL],
    ["an endpoint elsewhere: none", slices(elsewhere), []],
    ["one that is not ready: none", slices({ nodeName: "n1", ready: false }), []],
    ["one on no node: none", slices({ ready: true }), []],
    ["one among others is enough", slices(elsewhere, { nodeName: "n1", ready: false }, here), ALL],
    ["no slice: none", [local], []],
    ["a slice of another service: none", [local, endpointSlice("default/a", "default/other", [here])], []],
    ["a slice of another namespace: none", [local, endpointSlice("prod/a", "prod/web", [here])], []],
    ["a slice of another family: none", [local, endpointSlice("default/a", "default/web", [here], "IPv6")], []],
    [
      "of several slices any",
      [
        local,
        endpointSlice("default/a", "default/web", [elsewhere]),
        endpointSlice("default/b", "default/web", [here]),
      ],
      ALL,
    ],
  ];
  for (const [claim, resources, expected] of table) test(claim, () => assert.deepEqual(hosts(resources), expected));
  test("our name in Kubernetes is CALICO_K8S_NODE_REF", () => {
    const changes = { environment: { CALICO_K8S_NODE_REF: "k1" } };
    assert.deepEqual(hosts(slices({ nodeName: "k1", ready: true }), CIDRS, changes), ALL);
    assert.deepEqual(hosts(slices(here), CIDRS, changes), []);
  });
  test("of a service of both families, one family is enough for all its addresses", () => {
    const dual = service("default/web", {
      clusterIp: "10.96.0.5",
      clusterIps: ["10.96.0.5", "fd00:96::5"],
      ipFamilies: ["IPv4", "IPv6"],
      externalTrafficPolicy: "Local",
    });
    assert.deepEqual(hosts([dual, endpointSlice("default/a", "default/web", [here], "IPv6")]), [
      "10.96.0.5/32",
      "fd00:96::5/128",
    ]);
  });
  test("without ipFamilies they are those of its addresses", () => {
    const plain = { ...local, ipFamilies: [] };
    assert.deepEqual(hosts([plain, endpointSlice("default/a", "default/web", [here])]), ALL);
    assert.deepEqual(hosts([plain, endpointSlice("default/a", "default/web", [here], "IPv6")]), []);
  });
});

describe("which services count", () => {
  const slice = endpointSlice("default/a", "default/web", [here]);
  const of = (more: Partial<ServiceResource>) => hosts([{ ...local, ...more }, slice]);
  for (const type of ["ClusterIP", "NodePort", "LoadBalancer"])
    test(`type ${type} does`, () => assert.deepEqual(of({ type }), ALL));
  test("type ExternalName does not", () => assert.deepEqual(of({ type: "ExternalName" }), []));
  test("a headless one does not", () => assert.deepEqual(of({ clusterIp: "None", clusterIps: ["None"] }), []));
  test("one without an address does not", () => assert.deepEqual(of({ clusterIp: "", clusterIps: [] }), []));
  test("cluster addresses count wherever they are, if any cluster CIDR is configured", () =>
    assert.deepEqual(of({ clusterIp: "10.200.0.5", clusterIps: ["10.200.0.5"] }), [
      "10.200.0.5/32",
      "192.0.2.5/32",
      "198.51.100.5/32",
    ]));
  test("and none without", () =>
    assert.deepEqual(hosts([local, slice], { serviceExternalCidrs: ["192.0.2.0/24"] }), ["192.0.2.5/32"]));
  test("external and load balancer addresses only within their lists", () =>
    assert.deepEqual(of({ externalIps: ["198.51.100.9"], ingressIps: ["192.0.2.9"] }), ["10.96.0.5/32"]));
  test("one that was never valid does not, with a finding", () => {
    const broken: Faulty = { kind: "Service", name: "default/web", faults: ["spec: nonsense"] };
    const { config, findings } = announced([broken, slice]);
    assert.deepEqual(staticsOf(config), RANGES);
    assert.deepEqual(codesOf(findings), ["error invalid Service/default/web"]);
  });
});

describe("externalTrafficPolicy Cluster", () => {
  const ready = endpointSlice("default/a", "default/web", [elsewhere]);
  const cluster = (more: Partial<ServiceResource> = {}) => full({ externalTrafficPolicy: "Cluster", ...more });
  const off = { ...CIDRS, serviceLoadBalancerAggregation: false };
  const single = { ingressIps: ["203.0.113.8"] };
  const table: [string, readonly Resource[], Settings, readonly string[]][] = [
    ["no address by itself: the CIDR covers it", [cluster(), ready], CIDRS, []],
    ["nor without a policy", [full(), ready], CIDRS, []],
    [
      "a single load balancer address: all addresses, without endpoints",
      [cluster(single)],
      CIDRS,
      ["10.96.0.5/32", "192.0.2.5/32", "203.0.113.8/32"],
    ],
    [
      "one that loadBalancerIP asks for",
      [cluster({ loadBalancerIp: "203.0.113.8", ingressIps: [] })],
      CIDRS,
      ["10.96.0.5/32", "192.0.2.5/32"],
    ],
    ["but only of the type LoadBalancer", [cluster({ ...single, type: "ClusterIP" })], CIDRS, []],
    ["and only where the policy is said", [full(single)], CIDRS, []],
    [
      "a single external address, of any type",
      [cluster({ type: "ClusterIP", externalIps: ["203.0.113.7"], ingressIps: [] })],
      CIDRS,
      ["10.96.0.5/32", "203.0.113.7/32"],
    ],
    ["a load balancer address in a range is none", [cluster({ ingressIps: ["198.51.100.8"] })], CIDRS, []],
    ["without aggregation, with a ready endpoint anywhere: all", [cluster(), ready], off, ALL],
    ["also without a policy", [full(), ready], off, ALL],
    ["without an endpoint: none", [cluster()], off, []],
    [
      "with one that is not ready: none",
      [cluster(), endpointSlice("default/a", "default/web", [{ nodeName: "n2", ready: false }])],
      off,
      [],
    ],
    [
      "with one of another family: none",
      [cluster(), endpointSlice("default/a", "default/web", [here], "IPv6")],
      off,
      [],
    ],
  ];
  for (const [claim, resources, settings, expected] of table)
    test(claim, () => assert.deepEqual(hosts(resources, settings), expected));
  test("before 3.31 there is always aggregation", () =>
    assert.deepEqual(hosts([cluster(), ready], off, { version: 30 }), []));
  test("a single address is a blackhole in the kernel too", () => {
    const { config } = announced([cluster(single)]);
    assert.deepEqual(judge(config, "kernel", undefined, { prefix: "203.0.113.8/32", source: "static" }), {});
  });
});

test("an address of several services stands once, until the last has it no more", () => {
  const one = full({ externalTrafficPolicy: "Local" });
  const two = { ...one, name: "default/api", clusterIp: "10.96.0.6", clusterIps: ["10.96.0.6"] };
  const slices = [endpointSlice("default/a", "default/web", [here]), endpointSlice("default/b", "default/api", [here])];
  const { config, texts } = announced([one, two, ...slices]);
  assert.equal(staticsOf(config).filter((prefix) => prefix === "192.0.2.5/32").length, 1);
  assert.match(texts.get("static.yaml")!, /192\.0\.2\.5\/32.*# Service\/default\/api, default\/web$/m);
  assert.ok(hosts([one, two, slices[1]!]).includes("192.0.2.5/32"));
  assert.ok(!hosts([one, two]).includes("192.0.2.5/32"));
});

test("a node with the exclude label announces nothing, but keeps the CIDRs out of the kernel", () => {
  const labels = { "node.kubernetes.io/exclude-from-external-load-balancers": "true" };
  const slice = endpointSlice("default/a", "default/web", [here]);
  const { config } = announced([local, slice], CIDRS, {}, labels);
  assert.deepEqual(staticsOf(config), []);
  assert.equal(judge(config, "export", MESH, own("10.96.0.0/16")), "reject");
  assert.equal(judge(config, "kernel", undefined, learned("10.96.0.5/32")), "reject");
  const other = announced([local, slice], CIDRS, {}, { ...labels, [Object.keys(labels)[0]!]: "false" });
  assert.equal(staticsOf(other.config).length, RANGES.length + 3);
});

describe("a route reflector announces what others announce", () => {
  const { config } = generatedOf([
    node("n1", { ipv4: "10.0.0.1/24", clusterId: "10.0.0.1", labels: { rr: "" } }),
    node("n2", { ipv4: "10.0.0.2/24" }),
    bgpConfiguration("default", { ...CIDRS, serviceLoadBalancerAggregation: false }),
    bgpPeer("others", { nodeSelector: "has(rr)", peerSelector: "all()" }),
  ]);
  for (const [prefix, accepted] of [
    ["198.51.100.7/32", true],
    ["203.0.113.8/32", true],
    ["192.0.2.11/32", true],
    ["203.0.113.7/32", true],
    ["203.0.113.9/32", false],
  ] as const)
    test(`${prefix} is ${accepted ? "" : "not "}in a load balancer or external CIDR`, () =>
      assert.equal(judge(config, "export", "Node_10_0_0_2", learned(prefix)) !== "reject", accepted));
  test("another node does not", () =>
    assert.equal(judge(announced([]).config, "export", MESH, learned("203.0.113.8/32")), "reject"));
});

describe("Services are wanted", () => {
  const wanted = (settings: Settings, environment = {}) =>
    compile(inputOf([node("n1", { ipv4: "10.0.0.1/24" }), bgpConfiguration("default", settings)], { environment }))
      .services;
  test("where any CIDR is configured", () => {
    for (const key of Object.keys(CIDRS) as (keyof typeof CIDRS)[]) assert.equal(wanted({ [key]: CIDRS[key] }), true);
    assert.equal(wanted({}, { CALICO_ADVERTISE_CLUSTER_IPS: "10.96.0.0/16" }), true);
  });
  test("and nowhere else", () => assert.equal(wanted({}), false));
});
