import assert from "node:assert/strict";
import { test } from "node:test";
import type { CompileInput } from "../../../src/confgen/compile/input.ts";
import type { Resource } from "../../../src/confgen/resources/model.ts";
import { bgpConfiguration, bgpPeer, type Faulty, inputOf, node, secret, workload } from "../resource-builders.ts";
import { brief, codes, sessionsOf } from "./brief.ts";

interface Row {
  readonly claim: string;
  readonly resources: readonly (Resource | Faulty)[];
  readonly changes?: Partial<CompileInput>;
  readonly sessions: readonly string[];
  readonly codes: readonly string[];
}

const noMesh = bgpConfiguration("default", { nodeToNodeMesh: false });
const n1 = node("n1", { ipv4: "10.0.0.2/24", labels: { rack: "a" } });
const withPassword = bgpPeer("a", { address: "10.0.9.1", asn: 65000, password: { name: "s", key: "k" } });
const held = (reason: string) => [`Global_10_0_9_1 as 65000 external held: ${reason}`];

const passwords: Row[] = [
  {
    claim: "a password comes from the key of the Secret in kube-system, as it is",
    resources: [noMesh, n1, withPassword, secret("kube-system/s", { k: " p w " })],
    sessions: ["Global_10_0_9_1 as 65000 external password  p w "],
    codes: [],
  },
  {
    claim: "NAMESPACE says where Secrets are",
    changes: { environment: { NAMESPACE: "calico-system" } },
    resources: [noMesh, n1, withPassword, secret("calico-system/s", { k: "p" }), secret("kube-system/s", { k: "q" })],
    sessions: ["Global_10_0_9_1 as 65000 external password p"],
    codes: [],
  },
  {
    claim: "a missing Secret holds the session down",
    resources: [noMesh, n1, withPassword],
    sessions: held("the Secret kube-system/s is missing"),
    codes: ["password-missing BGPPeer/a"],
  },
  {
    claim: "a missing key holds the session down, even one that every object inherits",
    resources: [
      noMesh,
      n1,
      bgpPeer("a", { address: "10.0.9.1", asn: 65000, password: { name: "s", key: "toString" } }),
      secret("kube-system/s", { b: "p" }),
    ],
    sessions: held("the Secret kube-system/s has no key toString"),
    codes: ["password-missing BGPPeer/a"],
  },
  {
    claim: "an empty value holds the session down",
    resources: [noMesh, n1, withPassword, secret("kube-system/s", { k: "" })],
    sessions: held("the key k of the Secret kube-system/s is empty"),
    codes: ["password-missing BGPPeer/a"],
  },
  {
    claim: "where it is wanted so, a session runs without the password that is missing",
    changes: { missingPassword: "open" },
    resources: [noMesh, n1, withPassword],
    sessions: ["Global_10_0_9_1 as 65000 external"],
    codes: ["password-missing BGPPeer/a"],
  },
  {
    claim: "80 octets are a password",
    resources: [noMesh, n1, withPassword, secret("kube-system/s", { k: "ü".repeat(40) })],
    sessions: [`Global_10_0_9_1 as 65000 external password ${"ü".repeat(40)}`],
    codes: [],
  },
  {
    claim: "more than 80 octets hold the session down, even where a missing password would not",
    changes: { missingPassword: "open" },
    resources: [noMesh, n1, withPassword, secret("kube-system/s", { k: `${"ü".repeat(40)}a` })],
    sessions: held(
      "the key k of the Secret kube-system/s cannot be a password: expected a password of 1 to 80 octets, not 81",
    ),
    codes: ["password-unusable BGPPeer/a"],
  },
  {
    claim: "a line break at the end is part of the password, and worth a warning",
    resources: [noMesh, n1, withPassword, secret("kube-system/s", { k: "p\n" })],
    sessions: ["Global_10_0_9_1 as 65000 external password p\n"],
    codes: ["password-line-break BGPPeer/a"],
  },
  {
    claim: "a Secret that is no longer valid keeps its last valid form",
    resources: [
      noMesh,
      n1,
      withPassword,
      { kind: "Secret", name: "kube-system/s", faults: ["no data"], value: secret("kube-system/s", { k: "p" }) },
    ],
    sessions: ["Global_10_0_9_1 as 65000 external password p"],
    codes: ["invalid-kept Secret/kube-system/s"],
  },
  {
    claim: "a Secret that is not valid and never was holds the session down",
    resources: [noMesh, n1, withPassword, { kind: "Secret", name: "kube-system/s", faults: ["no data"] }],
    sessions: held("the Secret kube-system/s is not valid, and never was"),
    codes: ["password-missing BGPPeer/a", "invalid Secret/kube-system/s"],
  },
  {
    claim: "a mesh whose password is missing is held down, and one finding says so",
    resources: [
      bgpConfiguration("default", { meshPassword: { name: "s", key: "k" } }),
      n1,
      node("n2", { ipv4: "10.0.0.1" }),
      node("n3", { ipv4: "10.0.0.11" }),
    ],
    sessions: [
      "Mesh_10_0_0_1 as 64512 held: the Secret kube-system/s is missing",
      "Mesh_10_0_0_11 as 64512 held: the Secret kube-system/s is missing",
    ],
    codes: ["password-missing BGPConfiguration/default"],
  },
];

const heldByConfiguration: Row[] = ["default", "node.n1"].map((name) => ({
  claim: `BGPConfiguration ${name} that is not valid and never was holds every session down`,
  resources: [
    { kind: "BGPConfiguration", name, faults: ["spec.asNumber: no AS"] },
    n1,
    node("n2", { ipv4: "10.0.0.1" }),
    bgpPeer("a", { address: "10.0.9.1", asn: 65000 }),
  ],
  sessions: [
    `Global_10_0_9_1 as 65000 external held: BGPConfiguration/${name} is not valid, and never was`,
    `Mesh_10_0_0_1 as 64512 held: BGPConfiguration/${name} is not valid, and never was`,
  ],
  codes: [],
}));

const conflicts: Row[] = [
  {
    claim: "two BGPPeers that say the same of a peer do not conflict",
    resources: [
      noMesh,
      n1,
      bgpPeer("a", { address: "10.0.9.1", asn: 65000 }),
      bgpPeer("b", { address: "10.0.9.1", asn: 65000 }),
      bgpPeer("c", { node: "n1", address: "10.0.9.1", asn: 65000 }),
    ],
    sessions: ["Global_10_0_9_1 as 65000 external"],
    codes: [],
  },
  {
    claim: "two BGPPeers that differ about a peer conflict",
    resources: [
      noMesh,
      n1,
      bgpPeer("a", { address: "10.0.9.1", asn: 65000 }),
      bgpPeer("b", { address: "10.0.9.1", asn: 65000, filters: ["f"] }),
      bgpPeer("c", { node: "n1", address: "10.0.9.1", asn: 65001 }),
    ],
    sessions: ["Global_10_0_9_1 as 65000 external"],
    codes: ["peers-conflict BGPPeer/b", "peers-conflict BGPPeer/c"],
  },
  {
    claim: "the mesh and a BGPPeer for all nodes are one finding, not one for each node",
    resources: [
      n1,
      node("n2", { ipv4: "10.0.0.1" }),
      node("n3", { ipv4: "10.0.0.11" }),
      bgpPeer("a", { peerSelector: "all()" }),
    ],
    sessions: ["Global_10_0_0_1 as 64512", "Global_10_0_0_11 as 64512"],
    codes: ["peer-in-mesh BGPPeer/a"],
  },
  {
    claim: "a BGPPeer whose password is missing does not give way to a mesh without one",
    resources: [
      n1,
      node("n2", { ipv4: "10.0.0.1" }),
      bgpPeer("a", { address: "10.0.0.1", asn: 64512, password: { name: "s", key: "k" } }),
    ],
    sessions: ["Global_10_0_0_1 as 64512 held: the Secret kube-system/s is missing"],
    codes: ["password-missing BGPPeer/a", "peer-in-mesh BGPPeer/a"],
  },
  {
    claim: "two ports of an address have one password: the kernel's keys go by address",
    resources: [
      noMesh,
      n1,
      bgpPeer("a", { address: "10.0.9.1", asn: 65000, port: 180 }),
      bgpPeer("b", { address: "10.0.9.1", asn: 65000, port: 181, password: { name: "s", key: "k" } }),
      bgpPeer("c", { address: "10.0.9.1", asn: 65000, port: 182 }),
      secret("kube-system/s", { k: "p" }),
    ],
    sessions: [
      "Global_10_0_9_1_port_180 port 180 as 65000 external",
      "Global_10_0_9_1_port_182 port 182 as 65000 external",
    ],
    codes: ["peers-exclude BGPPeer/b"],
  },
  {
    claim: "two sessions that only wait cannot be told apart by port",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.3" }),
      bgpPeer("a", { address: "10.0.0.3", asn: 64512, port: 180 }),
      bgpPeer("b", { address: "10.0.0.3", asn: 64512, port: 181 }),
    ],
    sessions: ["Global_10_0_0_3_port_180 port 180 as 64512 passive"],
    codes: ["peers-exclude BGPPeer/b"],
  },
  {
    claim: "a selector that denotes two nodes with one address gives one session",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.3" }),
      node("n3", { ipv4: "10.0.0.3" }),
      bgpPeer("a", { node: "n1", peerSelector: "!has(rack)" }),
    ],
    sessions: ["Node_10_0_0_3 as 64512"],
    codes: ["address-twice Node/n3"],
  },
];

const others: Row[] = [
  {
    claim: "an address that no session can have is said",
    resources: [
      noMesh,
      n1,
      bgpPeer("a", { address: "224.0.0.1", asn: 65000 }),
      bgpPeer("b", { address: "10.0.9.1", asn: 65000, reachableBy: "0.0.0.0" }),
    ],
    sessions: ["Global_10_0_9_1 as 65000 external"],
    codes: ["address-unusable BGPPeer/a", "address-unusable BGPPeer/b"],
  },
  {
    claim: "values that BGP has no room for are said",
    resources: [
      noMesh,
      n1,
      bgpPeer("a", {
        address: "10.0.9.1",
        asn: 65000,
        maxRestartTime: 5000,
        keepaliveTime: 300,
        ttlSecurity: 255,
        numAllowedLocalAsNumbers: 256,
      }),
    ],
    sessions: ["Global_10_0_9_1 as 65000 external restart 4095 hops 254 own as 255"],
    codes: Array.from({ length: 4 }, () => "value-bounded BGPPeer/a"),
  },
  {
    claim: "fields of a later release are said, where the BGPPeer is ours",
    changes: { version: 30 },
    resources: [
      noMesh,
      n1,
      bgpPeer("a", { address: "10.0.9.1", asn: 65000, localAsn: 1, nextHopMode: "Self", keepaliveTime: 1 }),
      bgpPeer("b", { node: "n2", address: "10.0.9.1", asn: 65000, localAsn: 1 }),
      bgpPeer("c", { localWorkloadSelector: "all()", asn: 65000 }),
    ],
    sessions: ["Global_10_0_9_1 as 65000 external"],
    codes: [...Array.from({ length: 3 }, () => "newer-field BGPPeer/a"), "newer-field BGPPeer/c"],
  },
  {
    claim: "a pod that names a BGPPeer in vain is said",
    resources: [
      noMesh,
      n1,
      bgpPeer("a", { address: "10.0.9.1", asn: 65000 }),
      { kind: "BGPPeer", name: "c", faults: ["spec: says no peer"] },
      workload("v", { ipv4: "192.168.0.4", bgpPeer: "a" }),
      workload("w", { ipv4: "192.168.0.5", bgpPeer: "b" }),
      workload("x", { ipv4: "192.168.0.6", bgpPeer: "c" }),
      { kind: "Workload", name: "y", faults: ["no JSON"] },
      workload("z", { ipv4: "192.168.0.7" }),
    ],
    sessions: ["Global_10_0_9_1 as 65000 external"],
    codes: [
      "invalid BGPPeer/c",
      "workload-without-peer Workload/v",
      "workload-without-peer Workload/w",
      "invalid Workload/y",
    ],
  },
];

for (const { claim, resources, changes, sessions, codes: wanted } of [
  ...passwords,
  ...heldByConfiguration,
  ...conflicts,
  ...others,
])
  test(claim, () => {
    const result = sessionsOf(inputOf(resources, changes));
    assert.deepEqual(result.sessions.map(brief), sessions);
    assert.deepEqual(codes(result), wanted);
  });

test("the Secrets to be watched are those that our sessions need, each once", () => {
  const ours = { name: "ours", key: "a" };
  const { secrets } = sessionsOf(
    inputOf([
      bgpConfiguration("default", { meshPassword: { name: "mesh", key: "a" } }),
      n1,
      bgpPeer("a", { address: "10.0.9.1", asn: 65000, password: ours }),
      bgpPeer("b", { node: "n1", address: "10.0.9.2", asn: 65000, password: { ...ours, key: "b" } }),
      bgpPeer("c", { node: "n2", address: "10.0.9.2", asn: 65000, password: { name: "theirs", key: "b" } }),
      bgpPeer("d", { node: "n2", peerSelector: "rack == 'a'", password: { name: "mirrored", key: "b" } }),
    ]),
  );
  assert.deepEqual(secrets, ["kube-system/mesh", "kube-system/mirrored", "kube-system/ours"]);
});

test("the password of a mesh that our node has no part in is not watched", () => {
  const { secrets } = sessionsOf(
    inputOf([
      bgpConfiguration("default", { meshPassword: { name: "mesh", key: "a" } }),
      node("n1", { ipv4: "10.0.0.2", clusterId: "1.1.1.1" }),
    ]),
  );
  assert.deepEqual(secrets, []);
});

test("the reason why a session is held down is one line that the configuration has room for", () => {
  const name = "n".repeat(250);
  const { sessions } = sessionsOf(
    inputOf([
      noMesh,
      n1,
      bgpPeer("a", { address: "10.0.9.1", asn: 65000, password: { name, key: "k\nk" } }),
      secret(`kube-system/${name}`, {}),
    ]),
  );
  assert.match(sessions[0]!.held!, /^[^\p{Cc}]{255}$/u);
});
