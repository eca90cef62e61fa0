import { bgpConfiguration, bgpPeer, node } from "../resource-builders.ts";
import { type Claim, checkClaims, n1, noMesh, torPeer } from "./claims.ts";

const denoting: Claim[] = [
  {
    claim: "a BGPPeer with neither node nor nodeSelector is of every node, by the name Global_",
    resources: [noMesh, n1, torPeer("p", {})],
    sessions: ["Global_10_0_9_1 as 65000 external"],
  },
  {
    claim: "a BGPPeer with our node's name is ours, by the name Node_",
    resources: [noMesh, n1, torPeer("p", { node: "n1" }), torPeer("q", { node: "n2", address: "10.0.9.2" })],
    sessions: ["Node_10_0_9_1 as 65000 external"],
  },
  {
    claim: "a BGPPeer with a nodeSelector is of the nodes it matches, by the name Node_",
    resources: [
      noMesh,
      n1,
      torPeer("p", { nodeSelector: "rack == 'a'" }),
      torPeer("q", { nodeSelector: "rack == 'b'", address: "10.0.9.2" }),
      torPeer("r", { nodeSelector: "all()", address: "10.0.9.3" }),
    ],
    sessions: ["Node_10_0_9_1 as 65000 external", "Node_10_0_9_3 as 65000 external"],
  },
  {
    claim: "an IPv6 address has underscores for colons in the name",
    resources: [noMesh, n1, torPeer("p", { address: "fd00:0:9::1" })],
    sessions: ["Global_fd00_0_9__1 as 65000 external"],
  },
  {
    claim: "without an address of its family our node has no session",
    resources: [noMesh, node("n1", { ipv4: "10.0.0.2/24" }), torPeer("p", { address: "fd00::9" })],
    sessions: [],
  },
  {
    claim: "our own address is no peer",
    resources: [noMesh, n1, torPeer("p", { address: "10.0.0.2", asn: 64512 })],
    sessions: [],
  },
  {
    claim: "a BGPPeer that is not valid and never was gives no session",
    resources: [noMesh, n1, { kind: "BGPPeer", name: "p", faults: ["spec.peerIP: no address"] }],
    sessions: [],
  },
  {
    claim: "a BGPPeer that is no longer valid keeps its last valid form",
    resources: [
      noMesh,
      n1,
      { kind: "BGPPeer", name: "p", faults: ["spec.peerIP: no address"], value: torPeer("p", {}) },
    ],
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
    claim: "link-local and unspecified addresses are no peers; a multicast one is, in vain, as with BIRD",
    resources: [
      noMesh,
      n1,
      torPeer("p", { address: "fe80::1" }),
      torPeer("q", { address: "224.0.0.1" }),
      torPeer("r", { address: "ffee::10" }),
      torPeer("s", { address: "::" }),
    ],
    sessions: ["Global_224_0_0_1 as 65000 external", "Global_ffee__10 as 65000 external"],
  },
];

const precedence: Claim[] = [
  {
    claim: "a node's entry yields to a global one with the same address and port, whatever their names",
    resources: [noMesh, n1, torPeer("b", {}), torPeer("a", { node: "n1", ttlSecurity: 3 })],
    sessions: ["Global_10_0_9_1 as 65000 external"],
  },
  {
    claim: "one address with several ports is several sessions",
    resources: [noMesh, n1, torPeer("a", {}), torPeer("b", { port: 166 }), torPeer("c", { node: "n1", port: 167 })],
    sessions: [
      "Global_10_0_9_1 as 65000 external",
      "Global_10_0_9_1_port_166 port 166 as 65000 external",
      "Node_10_0_9_1_port_167 port 167 as 65000 external",
    ],
  },
  {
    claim: "the port 179 is in the name where it is given, and yet claims the same as none",
    resources: [noMesh, n1, torPeer("a", { port: 179 }), torPeer("b", {})],
    sessions: ["Global_10_0_9_1_port_179 port 179 as 65000 external"],
  },
  {
    claim: "of two BGPPeers of one scope the first by name is taken",
    resources: [noMesh, n1, torPeer("b", { asn: 65002 }), torPeer("a", { asn: 65001 })],
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
      torPeer("a", { node: "n1", address: "10.0.9.2" }),
      torPeer("b", { address: "10.0.9.10" }),
      torPeer("c", { address: "10.0.9.1" }),
      torPeer("d", { address: "fd00::9" }),
    ],
    sessions: [
      "Global_10_0_9_1 as 65000 external",
      "Global_10_0_9_10 as 65000 external",
      "Global_fd00__9 as 65000 external",
      "Node_10_0_9_2 as 65000 external",
    ],
  },
];

const passive: Claim[] = [
  {
    claim: "a global peerIP that is a node is passive where its address is greater as text",
    resources: [
      noMesh,
      n1,
      node("n2", { ipv4: "10.0.0.10/24" }),
      node("n3", { ipv4: "10.0.0.3/24" }),
      bgpPeer("a", { address: "10.0.0.10", asn: 64512 }),
      bgpPeer("b", { address: "10.0.0.3", asn: 64512 }),
      torPeer("c", {}),
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

const ports: Claim[] = [
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
      torPeer("c", {}),
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

checkClaims([...denoting, ...precedence, ...passive, ...ports]);
