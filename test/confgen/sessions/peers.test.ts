import assert from "node:assert/strict";
import { test } from "node:test";
import type { CompileInput } from "../../../src/confgen/compile/input.ts";
import type { Resource } from "../../../src/confgen/resources/model.ts";
import { bgpConfiguration, bgpPeer, type Faulty, inputOf, node, workload } from "../resource-builders.ts";
import { briefs } from "./brief.ts";

interface Row {
  readonly claim: string;
  readonly resources: readonly (Resource | Faulty)[];
  readonly changes?: Partial<CompileInput>;
  readonly sessions: readonly string[];
}

const noMesh = bgpConfiguration("default", { nodeToNodeMesh: false });
const n1 = node("n1", { ipv4: "10.0.0.2/24", ipv6: "fd00::2/64", labels: { rack: "a" } });
const reflector = node("n1", { ipv4: "10.0.0.2/24", clusterId: "1.1.1.1", labels: { rr: "" } });
const tor = { address: "10.0.9.1", asn: 65000 };
const peer = (name: string, options: Parameters<typeof bgpPeer>[1]) => bgpPeer(name, { ...tor, ...options });

const denoting: Row[] = [
  {
    claim: "a BGPPeer with neither node nor nodeSelector is of every node, by the name Global_",
    resources: [noMesh, n1, peer("p", {})],
    sessions: ["Global_10_0_9_1 as 65000 external"],
  },
  {
    claim: "a BGPPeer with our node's name is ours, by the name Node_",
    resources: [noMesh, n1, peer("p", { node: "n1" }), peer("q", { node: "n2", address: "10.0.9.2" })],
    sessions: ["Node_10_0_9_1 as 65000 external"],
  },
  {
    claim: "a BGPPeer with a nodeSelector is of the nodes it matches, by the name Node_",
    resources: [
      noMesh,
      n1,
      peer("p", { nodeSelector: "rack == 'a'" }),
      peer("q", { nodeSelector: "rack == 'b'", address: "10.0.9.2" }),
      peer("r", { nodeSelector: "all()", address: "10.0.9.3" }),
    ],
    sessions: ["Node_10_0_9_1 as 65000 external", "Node_10_0_9_3 as 65000 external"],
  },
  {
    claim: "an IPv6 address has underscores for colons in the name",
    resources: [noMesh, n1, peer("p", { address: "fd00:0:9::1" })],
    sessions: ["Global_fd00_0_9__1 as 65000 external"],
  },
  {
    claim: "without an address of its family our node has no session",
    resources: [noMesh, node("n1", { ipv4: "10.0.0.2/24" }), peer("p", { address: "fd00::9" })],
    sessions: [],
  },
  {
    claim: "our own address is no peer",
    resources: [noMesh, n1, peer("p", { address: "10.0.0.2", asn: 64512 })],
    sessions: [],
  },
  {
    claim: "a BGPPeer that is not valid and never was gives no session",
    resources: [noMesh, n1, { kind: "BGPPeer", name: "p", faults: ["spec.peerIP: no address"] }],
    sessions: [],
  },
  {
    claim: "a BGPPeer that is no longer valid keeps its last valid form",
    resources: [noMesh, n1, { kind: "BGPPeer", name: "p", faults: ["spec.peerIP: no address"], value: peer("p", {}) }],
    sessions: ["Global_10_0_9_1 as 65000 external"],
  },
  {
    claim: "a peerSelector denotes nodes, over both families, and not our own",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.3/24", ipv6: "fd00::3/64", labels: { rack: "a" }, asn: 65002 }),
      node("n3", { ipv6: "fd00::1/64", labels: { rack: "a" } }),
      node("n4", { ipv4: "10.0.0.4/24" }),
      bgpPeer("p", { peerSelector: "rack == 'a'", reversePeering: "Manual" }),
    ],
    sessions: ["Global_10_0_0_3 as 65002 external", "Global_fd00__1 as 64512", "Global_fd00__3 as 65002 external"],
  },
  {
    claim: "link-local, multicast and unspecified addresses are no peers",
    resources: [noMesh, n1, peer("p", { address: "fe80::1" }), peer("q", { address: "224.0.0.1" }), peer("r", {})],
    sessions: ["Global_10_0_9_1 as 65000 external"],
  },
];

const mirrors: Row[] = [
  {
    claim: "a selector that points to our node gives it a Node_ session to each node of the local part",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.3/24", labels: { leaf: "" } }),
      node("n3", { ipv4: "10.0.0.4/24" }),
      bgpPeer("p", { nodeSelector: "has(leaf)", peerSelector: "rack == 'a'" }),
    ],
    sessions: ["Node_10_0_0_3 as 64512"],
  },
  {
    claim: "the mirror of a global BGPPeer goes to all nodes, where it is not global already",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.3/24" }),
      node("n3", { ipv4: "10.0.0.4/24", labels: { rack: "a" } }),
      bgpPeer("p", { peerSelector: "rack == 'a'" }),
    ],
    sessions: ["Global_10_0_0_4 as 64512", "Node_10_0_0_3 as 64512"],
  },
  {
    claim: "the mirror of a node's BGPPeer goes to that node",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.3/24", ipv6: "fd00::3/64" }),
      bgpPeer("p", { node: "n2", peerSelector: "rack == 'a'" }),
      bgpPeer("q", { node: "n9", peerSelector: "rack == 'a'" }),
    ],
    sessions: ["Node_10_0_0_3 as 64512", "Node_fd00__3 as 64512"],
  },
  {
    claim: "peerIP with our address and our AS is mirrored, over its family only",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.3/24", ipv6: "fd00::3/64" }),
      bgpPeer("p", { node: "n2", address: "10.0.0.2", asn: 64512 }),
    ],
    sessions: ["Node_10_0_0_3 as 64512"],
  },
  {
    claim: "peerIP with our address and another AS is not mirrored",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.3/24" }),
      bgpPeer("p", { node: "n2", address: "10.0.0.2", asn: 64513 }),
    ],
    sessions: [],
  },
  {
    claim: "peerIP with another port than ours is not mirrored",
    resources: [
      bgpConfiguration("default", { nodeToNodeMesh: false, listenPort: 150 }),
      n1,
      node("n2", { ipv4: "10.0.0.3/24" }),
      node("n3", { ipv4: "10.0.0.4/24" }),
      bgpPeer("p", { node: "n2", address: "10.0.0.2", asn: 64512, port: 166 }),
      bgpPeer("q", { node: "n3", address: "10.0.0.2", asn: 64512, port: 150 }),
    ],
    sessions: ["Node_10_0_0_4_port_150 port 150 as 64512"],
  },
  {
    claim: "the quirk: our own listen port is not recognised where another default one is set",
    resources: [
      bgpConfiguration("default", { nodeToNodeMesh: false, listenPort: 150 }),
      bgpConfiguration("node.n1", { listenPort: 166 }),
      n1,
      node("n2", { ipv4: "10.0.0.3/24" }),
      bgpPeer("p", { node: "n2", address: "10.0.0.2", asn: 64512, port: 166 }),
    ],
    sessions: [],
  },
  {
    claim: "our own listen port is recognised where no default one is set",
    resources: [
      noMesh,
      bgpConfiguration("node.n1", { listenPort: 166 }),
      n1,
      node("n2", { ipv4: "10.0.0.3/24" }),
      node("n3", { ipv4: "10.0.0.4/24" }),
      bgpPeer("p", { node: "n2", address: "10.0.0.2", asn: 64512, port: 166 }),
      bgpPeer("q", { node: "n3", address: "10.0.0.2", asn: 64512, port: 167 }),
    ],
    sessions: ["Node_10_0_0_3 as 64512"],
  },
  {
    claim: "Manual has no mirror",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.3/24" }),
      bgpPeer("p", { node: "n2", peerSelector: "rack == 'a'", reversePeering: "Manual" }),
    ],
    sessions: [],
  },
  {
    claim:
      "a mirror has what the BGPPeer says for all sessions, but neither localASNumber nor numAllowedLocalASNumbers",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.3/24" }),
      bgpPeer("p", {
        node: "n2",
        address: "10.0.0.2",
        asn: 64512,
        localAsn: 65009,
        numAllowedLocalAsNumbers: 2,
        reachableBy: "10.0.0.1",
        sourceAddress: "None",
        maxRestartTime: 20,
        keepaliveTime: 30,
        ttlSecurity: 2,
        nextHopMode: "Self",
        filters: ["f", "e"],
      }),
    ],
    sessions: ["Node_10_0_0_3 as 64512 from any next hop self restart 20 keepalive 30 hops 2 filters f,e"],
  },
];

const precedence: Row[] = [
  {
    claim: "a node's entry yields to a global one with the same address and port, whatever their names",
    resources: [noMesh, n1, peer("b", {}), peer("a", { node: "n1", ttlSecurity: 3 })],
    sessions: ["Global_10_0_9_1 as 65000 external"],
  },
  {
    claim: "one address with several ports is several sessions",
    resources: [noMesh, n1, peer("a", {}), peer("b", { port: 166 }), peer("c", { node: "n1", port: 167 })],
    sessions: [
      "Global_10_0_9_1 as 65000 external",
      "Global_10_0_9_1_port_166 port 166 as 65000 external",
      "Node_10_0_9_1_port_167 port 167 as 65000 external",
    ],
  },
  {
    claim: "the port 179 is in the name where it is given, and yet claims the same as none",
    resources: [noMesh, n1, peer("a", { port: 179 }), peer("b", {})],
    sessions: ["Global_10_0_9_1_port_179 port 179 as 65000 external"],
  },
  {
    claim: "of two BGPPeers of one scope the first by name is taken",
    resources: [noMesh, n1, peer("b", { asn: 65002 }), peer("a", { asn: 65001 })],
    sessions: ["Global_10_0_9_1 as 65001 external"],
  },
  {
    claim: "what a BGPPeer says of our node comes before what mirrors say",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.3/24", labels: { rack: "b" } }),
      bgpPeer("a", { nodeSelector: "rack == 'b'", peerSelector: "rack == 'a'", ttlSecurity: 1 }),
      bgpPeer("b", { node: "n1", peerSelector: "rack == 'b'" }),
    ],
    sessions: ["Node_10_0_0_3 as 64512"],
  },
  {
    claim: "a global and a node's BGPPeer for the same nodes are one session",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.3/24", labels: { rack: "a" } }),
      bgpPeer("node-specific", { node: "n1", peerSelector: "has(rack)" }),
      bgpPeer("global", { peerSelector: "has(rack)" }),
    ],
    sessions: ["Global_10_0_0_3 as 64512"],
  },
  {
    claim: "sessions are in order of their names",
    resources: [
      noMesh,
      n1,
      peer("a", { node: "n1", address: "10.0.9.2" }),
      peer("b", { address: "10.0.9.10" }),
      peer("c", { address: "10.0.9.1" }),
      peer("d", { address: "fd00::9" }),
    ],
    sessions: [
      "Global_10_0_9_1 as 65000 external",
      "Global_10_0_9_10 as 65000 external",
      "Global_fd00__9 as 65000 external",
      "Node_10_0_9_2 as 65000 external",
    ],
  },
];

const fields: Row[] = [
  {
    claim: "everything that a peerIP may say is taken over",
    resources: [
      noMesh,
      n1,
      peer("p", {
        localAsn: 65009,
        numAllowedLocalAsNumbers: 2,
        reachableBy: "10.0.0.1",
        sourceAddress: "None",
        maxRestartTime: 20,
        keepaliveTime: 30,
        ttlSecurity: 2,
        nextHopMode: "Keep",
        filters: ["f", "e"],
      }),
    ],
    sessions: [
      "Global_10_0_9_1 as 65000 external local as 65009 from any next hop keep restart 20 keepalive 30 hops 2 own as 2 filters f,e via 10.0.0.1",
    ],
  },
  {
    claim: "a peerSelector's sessions have neither localASNumber nor numAllowedLocalASNumbers",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.3/24", labels: { rack: "b" } }),
      bgpPeer("p", { peerSelector: "rack == 'b'", localAsn: 65009, numAllowedLocalAsNumbers: 2, filters: ["f"] }),
    ],
    sessions: ["Global_10_0_0_3 as 64512 filters f"],
  },
  {
    claim: "localASNumber decides what is internal, and is there though it be ours",
    resources: [
      noMesh,
      n1,
      peer("p", { localAsn: 65000 }),
      peer("q", { address: "10.0.9.2", asn: 64512, localAsn: 65000 }),
      peer("r", { address: "10.0.9.3", asn: 64512, localAsn: 64512 }),
    ],
    sessions: [
      "Global_10_0_9_1 as 65000 local as 65000",
      "Global_10_0_9_2 as 64512 external local as 65000",
      "Global_10_0_9_3 as 64512 local as 64512",
    ],
  },
  {
    claim: "ttlSecurity 0 is off, and more hops than there are become as many as there are",
    resources: [noMesh, n1, peer("p", { ttlSecurity: 0 }), peer("q", { address: "10.0.9.2", ttlSecurity: 255 })],
    sessions: ["Global_10_0_9_1 as 65000 external", "Global_10_0_9_2 as 65000 external hops 254"],
  },
  {
    claim: "a keepalive time that is none, or not less than the hold time, is ignored",
    resources: [
      noMesh,
      n1,
      peer("p", { keepaliveTime: 0 }),
      peer("q", { address: "10.0.9.2", keepaliveTime: 240 }),
      peer("r", { address: "10.0.9.3", keepaliveTime: 239 }),
    ],
    sessions: [
      "Global_10_0_9_1 as 65000 external",
      "Global_10_0_9_2 as 65000 external",
      "Global_10_0_9_3 as 65000 external keepalive 239",
    ],
  },
];

const nextHops: Row[] = [
  { by: {}, external: "auto", internal: "auto" },
  { by: { keepOriginalNextHop: true }, external: "keep", internal: "auto" },
  { by: { nextHopMode: "Auto" as const, keepOriginalNextHop: true }, external: "auto", internal: "auto" },
  { by: { nextHopMode: "Self" as const, keepOriginalNextHop: true }, external: "self", internal: "self" },
  { by: { nextHopMode: "Keep" as const }, external: "keep", internal: "keep" },
].map(({ by, external, internal }) => ({
  claim: `next hop by ${JSON.stringify(by)}: ${external} to another AS, ${internal} within ours`,
  resources: [noMesh, n1, peer("p", by), peer("q", { address: "10.0.9.2", asn: 64512, ...by })],
  sessions: [
    `Global_10_0_9_1 as 65000 external${external === "auto" ? "" : ` next hop ${external}`}`,
    `Global_10_0_9_2 as 64512${internal === "auto" ? "" : ` next hop ${internal}`}`,
  ],
}));

const ports: Row[] = [
  {
    claim: "peerIP without a port that is a node in that AS has the node's listen port, or else the default one",
    resources: [
      bgpConfiguration("default", { nodeToNodeMesh: false, listenPort: 150 }),
      bgpConfiguration("node.n2", { listenPort: 500 }),
      n1,
      node("n2", { ipv4: "10.0.0.1/24" }),
      node("n3", { ipv4: "10.0.0.11/24" }),
      bgpPeer("a", { address: "10.0.0.1", asn: 64512 }),
      bgpPeer("b", { address: "10.0.0.11", asn: 64512 }),
      peer("c", {}),
    ],
    sessions: [
      "Global_10_0_0_11_port_150 port 150 as 64512",
      "Global_10_0_0_1_port_500 port 500 as 64512",
      "Global_10_0_9_1 as 65000 external",
    ],
  },
  {
    claim: "peerIP of a node with another AS has no port of the node's, and yet waits for it",
    resources: [
      bgpConfiguration("default", { nodeToNodeMesh: false, listenPort: 150 }),
      n1,
      node("n2", { ipv4: "10.0.0.3/24" }),
      bgpPeer("a", { address: "10.0.0.3", asn: 65000 }),
    ],
    sessions: ["Global_10_0_0_3 as 65000 external passive"],
  },
  {
    claim: "a given port is used, whatever the node's is",
    resources: [
      bgpConfiguration("default", { nodeToNodeMesh: false, listenPort: 150 }),
      n1,
      node("n2", { ipv4: "10.0.0.1/24" }),
      bgpPeer("a", { address: "10.0.0.1", asn: 64512, port: 166 }),
    ],
    sessions: ["Global_10_0_0_1_port_166 port 166 as 64512"],
  },
  {
    claim: "nodes by selector have their own listen port, or else the default one, in the name too, even 179",
    resources: [
      bgpConfiguration("default", { nodeToNodeMesh: false, listenPort: 179 }),
      bgpConfiguration("node.n2", { listenPort: 500 }),
      n1,
      node("n2", { ipv4: "10.0.0.1/24" }),
      node("n3", { ipv4: "10.0.0.11/24" }),
      bgpPeer("a", { node: "n1", peerSelector: "all()" }),
    ],
    sessions: ["Node_10_0_0_11_port_179 port 179 as 64512", "Node_10_0_0_1_port_500 port 500 as 64512"],
  },
];

const passive: Row[] = [
  {
    claim: "a global peerIP that is a node is passive where its address is greater as text",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.10/24" }),
      node("n3", { ipv4: "10.0.0.3/24" }),
      bgpPeer("a", { address: "10.0.0.10", asn: 64512 }),
      bgpPeer("b", { address: "10.0.0.3", asn: 64512 }),
      peer("c", {}),
    ],
    sessions: ["Global_10_0_0_10 as 64512", "Global_10_0_0_3 as 64512 passive", "Global_10_0_9_1 as 65000 external"],
  },
  {
    claim: "a node's peerIP, and nodes by selector, are never passive",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.3/24" }),
      node("n3", { ipv4: "10.0.0.4/24", labels: { rack: "b" } }),
      bgpPeer("a", { node: "n1", address: "10.0.0.3", asn: 64512 }),
      bgpPeer("b", { peerSelector: "rack == 'b'" }),
    ],
    sessions: ["Global_10_0_0_4 as 64512", "Node_10_0_0_3 as 64512"],
  },
];

const reflection: Row[] = [
  {
    claim: "to a reflector every internal peerIP is a client, and no external one",
    resources: [
      noMesh,
      reflector,
      node("n2", { ipv4: "10.0.0.3/24", clusterId: "1.1.1.1" }),
      bgpPeer("a", { node: "n1", address: "10.0.0.3", asn: 64512 }),
      peer("b", { node: "n1" }),
      peer("c", { node: "n1", address: "10.0.9.2", localAsn: 65000 }),
    ],
    sessions: [
      "Node_10_0_0_3 as 64512 client",
      "Node_10_0_9_1 as 65000 external",
      "Node_10_0_9_2 as 65000 local as 65000 client",
    ],
  },
  {
    claim: "to a reflector an internal node by selector is a client unless it has the same cluster id",
    resources: [
      noMesh,
      reflector,
      node("n2", { ipv4: "10.0.0.3/24" }),
      node("n3", { ipv4: "10.0.0.4/24", clusterId: "1.1.1.1" }),
      node("n4", { ipv4: "10.0.0.5/24", clusterId: "2.2.2.2" }),
      node("n5", { ipv4: "10.0.0.6/24", asn: 65005 }),
      bgpPeer("a", { nodeSelector: "has(rr)", peerSelector: "all()" }),
    ],
    sessions: [
      "Node_10_0_0_3 as 64512 client",
      "Node_10_0_0_4 as 64512",
      "Node_10_0_0_5 as 64512 client",
      "Node_10_0_0_6 as 65005 external",
    ],
  },
  {
    claim: "the mirror makes clients too",
    resources: [
      noMesh,
      reflector,
      node("n2", { ipv4: "10.0.0.3/24" }),
      bgpPeer("a", { nodeSelector: "!has(rr)", peerSelector: "has(rr)" }),
    ],
    sessions: ["Node_10_0_0_3 as 64512 client"],
  },
  {
    claim: "a node that is no reflector has no clients",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.3/24", clusterId: "1.1.1.1" }),
      bgpPeer("a", { peerSelector: "!has(rack)" }),
    ],
    sessions: ["Global_10_0_0_3 as 64512"],
  },
];

const pods: Row[] = [
  {
    claim: "a pod that names the BGPPeer is a passive peer over each of its addresses, from any address",
    resources: [
      noMesh,
      n1,
      bgpPeer("p", { localWorkloadSelector: "all()", asn: 65001, localAsn: 65002, filters: ["f"] }),
      workload("w", { ipv4: "192.168.0.5", ipv6: "fd01::5", bgpPeer: "p" }),
      workload("x", { ipv4: "192.168.0.6", bgpPeer: "q" }),
      workload("y", { ipv4: "192.168.0.7" }),
    ],
    sessions: [
      "Local_Workload_192_168_0_5 as 65001 external local as 65002 passive from any filters f",
      "Local_Workload_fd01__5 as 65001 external local as 65002 passive from any filters f",
    ],
  },
  {
    claim: "of a BGPPeer for pods only localASNumber and filters count",
    resources: [
      noMesh,
      reflector,
      bgpPeer("p", {
        node: "n1",
        localWorkloadSelector: "all()",
        asn: 64512,
        numAllowedLocalAsNumbers: 3,
        maxRestartTime: 20,
        keepaliveTime: 10,
        ttlSecurity: 1,
        nextHopMode: "Self",
        password: { name: "s", key: "a" },
      }),
      workload("w", { ipv4: "192.168.0.5", ipv6: "fd01::5", bgpPeer: "p" }),
    ],
    sessions: ["Local_Workload_192_168_0_5 as 64512 passive client from any"],
  },
  {
    claim: "a BGPPeer of other nodes has no pods here, and pods have no mirrors",
    resources: [
      noMesh,
      n1,
      bgpPeer("p", { node: "n2", localWorkloadSelector: "all()", asn: 65001 }),
      workload("w", { ipv4: "192.168.0.5", bgpPeer: "p" }),
    ],
    sessions: [],
  },
];

const releases: Row[] = [
  {
    claim: "in 3.30 there are no local AS, next hop mode and keepalive time, so keepOriginalNextHop counts",
    changes: { version: 30 },
    resources: [
      noMesh,
      n1,
      peer("p", { localAsn: 65000, nextHopMode: "Self", keepOriginalNextHop: true, keepaliveTime: 30 }),
    ],
    sessions: ["Global_10_0_9_1 as 65000 external next hop keep"],
  },
  {
    claim: "in 3.31 there are local AS and next hop mode, but no keepalive time",
    changes: { version: 31 },
    resources: [noMesh, n1, peer("p", { localAsn: 65000, nextHopMode: "Self", keepaliveTime: 30 })],
    sessions: ["Global_10_0_9_1 as 65000 local as 65000 next hop self"],
  },
  {
    claim: "in 3.30 pods are no peers, and every peering has its mirror",
    changes: { version: 30 },
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.3/24" }),
      bgpPeer("p", { localWorkloadSelector: "all()", asn: 65001 }),
      workload("w", { ipv4: "192.168.0.5", bgpPeer: "p" }),
      bgpPeer("q", { node: "n2", peerSelector: "rack == 'a'", reversePeering: "Manual" }),
    ],
    sessions: ["Node_10_0_0_3 as 64512"],
  },
];

for (const { claim, resources, changes, sessions } of [
  ...denoting,
  ...mirrors,
  ...precedence,
  ...fields,
  ...nextHops,
  ...ports,
  ...passive,
  ...reflection,
  ...pods,
  ...releases,
])
  test(claim, () => assert.deepEqual(briefs(inputOf(resources, changes)), sessions));
