import { bgpPeer, node, secret, workload } from "../resource-builders.ts";
import { type Claim, checkClaims, n1, noMesh, torPeer } from "./claims.ts";

const heldByConfiguration: Claim[] = ["default", "node.n1"].map((name) => ({
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

const conflicts: Claim[] = [
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

const others: Claim[] = [
  {
    claim: "an address that no session can have is said, and one where nobody answers",
    resources: [
      noMesh,
      n1,
      bgpPeer("a", { address: "224.0.0.1", asn: 65000 }),
      bgpPeer("b", { address: "10.0.9.1", asn: 65000, reachableBy: "0.0.0.0" }),
      bgpPeer("c", { address: "fe80::1", asn: 65000 }),
    ],
    sessions: ["Global_10_0_9_1 as 65000 external", "Global_224_0_0_1 as 65000 external"],
    codes: ["address-unusable BGPPeer/a", "address-unusable BGPPeer/b", "address-unusable BGPPeer/c"],
  },
  {
    claim:
      "a node that is in another AS than the BGPPeer says is said, unless a port says that another speaker is meant",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.1" }),
      node("n3", { ipv4: "10.0.0.11" }),
      bgpPeer("a", { node: "n1", address: "10.0.0.1", asn: 65000 }),
      bgpPeer("b", { node: "n1", address: "10.0.0.11", asn: 65000, port: 1179 }),
    ],
    sessions: ["Node_10_0_0_1 as 65000 external", "Node_10_0_0_11_port_1179 port 1179 as 65000 external"],
    codes: ["other-as BGPPeer/a"],
  },
  {
    claim: "a local AS that the mirror does not know is said, unless there is no mirror",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.1" }),
      node("n3", { ipv4: "10.0.0.11" }),
      node("n4", { ipv4: "10.0.0.12" }),
      bgpPeer("a", { node: "n1", address: "10.0.0.1", asn: 64512, localAsn: 65001 }),
      bgpPeer("b", { node: "n1", address: "10.0.0.11", asn: 64512, localAsn: 65001, reversePeering: "Manual" }),
      bgpPeer("c", { node: "n1", address: "10.0.0.12", asn: 64512, localAsn: 64512 }),
    ],
    sessions: [
      "Node_10_0_0_1 as 64512 external local as 65001",
      "Node_10_0_0_11 as 64512 external local as 65001",
      "Node_10_0_0_12 as 64512 local as 64512",
    ],
    codes: ["mirror-other-as BGPPeer/a"],
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
    claim: "keepOriginalNextHop beside nextHopMode is said to count for nothing",
    resources: [noMesh, n1, torPeer("a", { keepOriginalNextHop: true, nextHopMode: "Auto" })],
    sessions: ["Global_10_0_9_1 as 65000 external"],
    codes: ["next-hop-twice BGPPeer/a"],
  },
  {
    claim: "but not in 3.30, which does not know nextHopMode",
    changes: { version: 30 },
    resources: [noMesh, n1, torPeer("a", { keepOriginalNextHop: true, nextHopMode: "Auto" })],
    sessions: ["Global_10_0_9_1 as 65000 external next hop keep"],
    codes: ["newer-field BGPPeer/a"],
  },
  {
    claim: "what sessions with pods do not have is said",
    resources: [
      noMesh,
      n1,
      bgpPeer("a", {
        localWorkloadSelector: "all()",
        asn: 65000,
        localAsn: 65001,
        password: { name: "s", key: "k" },
        ttlSecurity: 1,
        nextHopMode: "Self",
      }),
    ],
    sessions: [],
    codes: Array.from({ length: 3 }, () => "field-in-vain BGPPeer/a"),
  },
  {
    claim: "what sessions by peerSelector do not have is said",
    resources: [noMesh, n1, bgpPeer("a", { peerSelector: "all()", localAsn: 65001, numAllowedLocalAsNumbers: 1 })],
    sessions: [],
    codes: Array.from({ length: 2 }, () => "field-in-vain BGPPeer/a"),
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

checkClaims([...heldByConfiguration, ...conflicts, ...others]);
