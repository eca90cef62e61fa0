import assert from "node:assert/strict";
import { test } from "node:test";
import { type ClusterFacts, clusterFacts } from "../../../src/confgen/compile/cluster.ts";
import type { CompileInput } from "../../../src/confgen/compile/input.ts";
import type { Resource } from "../../../src/confgen/resources/model.ts";
import { bgpConfiguration, type Faulty, inputOf, node } from "../resource-builders.ts";
import { codes } from "./brief.ts";

interface Row {
  readonly claim: string;
  readonly resources?: readonly (Resource | Faulty)[];
  readonly changes?: Partial<CompileInput>;
  readonly facts: Partial<ClusterFacts>;
  readonly codes?: readonly string[];
}

const n1 = node("n1", { ipv4: "10.0.0.2/24" });

const rows: Row[] = [
  {
    claim: "without any BGPConfiguration the defaults hold",
    facts: {
      asn: 64512,
      defaultAsn: 64512,
      routerId: "10.0.0.2",
      listenPort: 179,
      bindMode: "None",
      logLevel: "info",
      ignoredInterfaces: [],
      mesh: { enabled: true },
      prefixAdvertisements: [],
      normalPriority: { ipv4: 1024, ipv6: 1024 },
      programClusterRoutes: "EnabledNoEncapOnly",
      serviceLoadBalancerAggregation: true,
    },
  },
  {
    claim: "the AS number is the node's, or else that of the default BGPConfiguration",
    resources: [node("n1", { ipv4: "10.0.0.2", asn: 65001 }), bgpConfiguration("default", { asn: 65000 })],
    facts: { asn: 65001, defaultAsn: 65000 },
  },
  {
    claim: "a node's own BGPConfiguration says port, log and advertisements, each as a whole",
    resources: [
      n1,
      bgpConfiguration("default", {
        listenPort: 177,
        logSeverity: "info",
        prefixAdvertisements: [{ cidr: "10.1.0.0/16", communities: ["1:1"] }],
      }),
      bgpConfiguration("node.n1", {
        listenPort: 180,
        logSeverity: "debug",
        prefixAdvertisements: [{ cidr: "10.2.0.0/16", communities: ["1:2"] }],
      }),
    ],
    facts: {
      listenPort: 180,
      defaultListenPort: 177,
      logLevel: "debug",
      prefixAdvertisements: [{ cidr: "10.2.0.0/16", communities: ["1:2"] }],
    },
  },
  {
    claim: "an empty list of advertisements of the node is not the same as none",
    resources: [
      n1,
      bgpConfiguration("default", { prefixAdvertisements: [{ cidr: "10.1.0.0/16", communities: ["1:1"] }] }),
      bgpConfiguration("node.n1", { prefixAdvertisements: [] }),
    ],
    facts: { prefixAdvertisements: [] },
  },
  {
    claim: "another node's BGPConfiguration says nothing of ours",
    resources: [n1, bgpConfiguration("node.n2", { listenPort: 180, logSeverity: "debug" })],
    facts: { listenPort: 179, logLevel: "info" },
  },
  {
    claim: "what is read from the default BGPConfiguration only is ignored in the node's own, with findings",
    resources: [
      n1,
      bgpConfiguration("node.n1", {
        asn: 65001,
        nodeToNodeMesh: false,
        bindMode: "NodeIP",
        ignoredInterfaces: ["eth9"],
        normalPriority: { ipv4: 5 },
      }),
    ],
    facts: {
      asn: 64512,
      mesh: { enabled: true },
      bindMode: "None",
      ignoredInterfaces: [],
      normalPriority: { ipv4: 1024, ipv6: 1024 },
    },
    codes: Array.from({ length: 5 }, () => "only-in-default BGPConfiguration/node.n1"),
  },
  {
    claim: "a BGPConfiguration of another name, and a severity that is none, are ignored and said",
    resources: [n1, bgpConfiguration("defaults", { asn: 65001 }), bgpConfiguration("default", { logSeverity: "loud" })],
    facts: { asn: 64512, logLevel: "info" },
    codes: ["configuration-unused BGPConfiguration/defaults", "severity-unknown BGPConfiguration/default"],
  },
  {
    claim: "up to 3.31 bind mode and ignored interfaces come from the node's own BGPConfiguration too",
    changes: { version: 31 },
    resources: [
      n1,
      bgpConfiguration("default", { bindMode: "None", ignoredInterfaces: ["eth1"] }),
      bgpConfiguration("node.n1", { bindMode: "NodeIP", ignoredInterfaces: ["eth9"] }),
    ],
    facts: { bindMode: "NodeIP", ignoredInterfaces: ["eth9"] },
  },
  {
    claim: "from 3.32 on they come from the default one",
    changes: { version: 32 },
    resources: [
      n1,
      bgpConfiguration("default", { bindMode: "None", ignoredInterfaces: ["eth1"] }),
      bgpConfiguration("node.n1", { bindMode: "NodeIP", ignoredInterfaces: ["eth9"] }),
    ],
    facts: { bindMode: "None", ignoredInterfaces: ["eth1"] },
    codes: Array.from({ length: 2 }, () => "only-in-default BGPConfiguration/node.n1"),
  },
  {
    claim: "3.31 knows neither normal priorities nor programClusterRoutes: BIRD programs all",
    changes: { version: 31 },
    resources: [
      n1,
      bgpConfiguration("default", { programClusterRoutes: "Disabled", normalPriority: { ipv4: 5, ipv6: 6 } }),
    ],
    facts: { programClusterRoutes: "Enabled", normalPriority: { ipv4: 1024, ipv6: 1024 } },
    codes: Array.from({ length: 3 }, () => "newer-field BGPConfiguration/default"),
  },
  {
    claim: "in 3.32 programClusterRoutes is Enabled by default",
    changes: { version: 32 },
    facts: { programClusterRoutes: "Enabled" },
  },
  {
    claim: "in 3.32 programClusterRoutes may be Disabled",
    changes: { version: 32 },
    resources: [n1, bgpConfiguration("default", { programClusterRoutes: "Disabled" })],
    facts: { programClusterRoutes: "Disabled" },
  },
  {
    claim: "in 3.32 programClusterRoutes for one kind of pools is not known yet",
    changes: { version: 32 },
    resources: [n1, bgpConfiguration("default", { programClusterRoutes: "EnabledIPIPOnly" })],
    facts: { programClusterRoutes: "Enabled" },
    codes: ["newer-field BGPConfiguration/default"],
  },
  {
    claim: "in 3.30 addresses of load balancers are always aggregated",
    changes: { version: 30 },
    resources: [n1, bgpConfiguration("default", { serviceLoadBalancerAggregation: false })],
    facts: { serviceLoadBalancerAggregation: true },
    codes: ["newer-field BGPConfiguration/default"],
  },
  {
    claim: "CALICO_ROUTER_ID hash is the start of SHA-256 of the node's name",
    changes: { node: "kube-master", environment: { CALICO_ROUTER_ID: "hash" } },
    resources: [node("kube-master", { ipv4: "10.192.0.2" })],
    facts: { routerId: "25.79.212.8" },
  },
  {
    claim: "the first octet of the hash is lessened by 32 where it is over 223",
    changes: { environment: { CALICO_ROUTER_ID: "hash" }, sha256: () => Uint8Array.of(224, 1, 2, 3, 4) },
    facts: { routerId: "192.1.2.3" },
  },
  {
    claim: "CALICO_ROUTER_ID may be the router id itself",
    changes: { environment: { CALICO_ROUTER_ID: "1.2.3.4" } },
    facts: { routerId: "1.2.3.4" },
  },
  {
    claim: "a CALICO_ROUTER_ID that is no identifier is ignored, with a finding",
    changes: { environment: { CALICO_ROUTER_ID: "0.0.0.0" } },
    facts: { routerId: "10.0.0.2" },
    codes: ["router-id-invalid Node/n1"],
  },
  {
    claim: "without an IPv4 address the hash is the router id",
    changes: { sha256: () => Uint8Array.of(100, 1, 2, 3, 4) },
    resources: [node("n1", { ipv6: "fd00::1/64" })],
    facts: { routerId: "100.1.2.3", addresses: { ipv6: { address: "fd00::1", network: "fd00::/64" } } },
    codes: ["router-id-hashed Node/n1"],
  },
  ...(["trace debug", "debug debug", "info info", "warning warn", "error error", "fatal off"] as const).map((pair) => {
    const [logSeverity, logLevel] = pair.split(" ") as [string, ClusterFacts["logLevel"]];
    return {
      claim: `severity ${logSeverity} is our level ${logLevel}`,
      resources: [n1, bgpConfiguration("default", { logSeverity })],
      facts: { logLevel },
    };
  }),
  ...["default", "node.n1"].map((name) => ({
    claim: `BGPConfiguration ${name} that is not valid and never was holds everything down`,
    resources: [n1, { kind: "BGPConfiguration" as const, name, faults: ["no"] }],
    facts: { held: `BGPConfiguration/${name} is not valid, and never was` },
    codes: [`invalid BGPConfiguration/${name}`],
  })),
  {
    claim: "a BGPConfiguration that is no longer valid keeps its last valid form",
    resources: [
      n1,
      { kind: "BGPConfiguration", name: "default", faults: ["no"], value: bgpConfiguration("default", { asn: 65000 }) },
    ],
    facts: { asn: 65000, held: undefined as never },
    codes: ["invalid-kept BGPConfiguration/default"],
  },
];

for (const { claim, resources, changes, facts, codes: wanted } of rows)
  test(claim, () => {
    const result = clusterFacts(inputOf(resources ?? [n1], changes));
    assert.ok(result.facts);
    for (const [key, value] of Object.entries(facts))
      assert.deepEqual(result.facts[key as keyof ClusterFacts], value, key);
    assert.deepEqual(codes(result), wanted ?? []);
  });

const without: { claim: string; resources: readonly (Resource | Faulty)[]; code: string }[] = [
  { claim: "a missing Node of our own", resources: [node("n2")], code: "own-node-missing" },
  { claim: "an own Node without spec.bgp", resources: [node("n1", { bgp: false })], code: "own-node-without-bgp" },
  {
    claim: "an own Node that is not valid and never was",
    resources: [{ kind: "Node", name: "n1", faults: ["no"] }],
    code: "invalid",
  },
];
for (const { claim, resources, code } of without)
  test(`${claim} gives nothing to configure, and a finding`, () => {
    const result = clusterFacts(inputOf(resources));
    assert.equal(result.facts, undefined);
    assert.deepEqual(codes(result), [`${code} Node/n1`]);
  });
