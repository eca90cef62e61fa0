import { bgpConfiguration, bgpPeer, node } from "../resource-builders.ts";
import { type Claim, checkClaims, n1, noMesh } from "./claims.ts";

const mirrors: Claim[] = [
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

checkClaims([...mirrors]);
