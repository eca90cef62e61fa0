import { bgpPeer, node, workload } from "../resource-builders.ts";
import { type Claim, checkClaims, n1, noMesh, torPeer } from "./claims.ts";

const reflector = node("n1", { ipv4: "10.0.0.2/24", clusterId: "1.1.1.1", labels: { rr: "" } });

const fields: Claim[] = [
  {
    claim: "everything that a peerIP may say is taken over",
    resources: [
      noMesh,
      n1,
      torPeer("p", {
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
      torPeer("p", { localAsn: 65000 }),
      torPeer("q", { address: "10.0.9.2", asn: 64512, localAsn: 65000 }),
      torPeer("r", { address: "10.0.9.3", asn: 64512, localAsn: 64512 }),
    ],
    sessions: [
      "Global_10_0_9_1 as 65000 local as 65000",
      "Global_10_0_9_2 as 64512 external local as 65000",
      "Global_10_0_9_3 as 64512 local as 64512",
    ],
  },
  {
    claim: "ttlSecurity 0 is off, and more hops than there are become as many as there are",
    resources: [noMesh, n1, torPeer("p", { ttlSecurity: 0 }), torPeer("q", { address: "10.0.9.2", ttlSecurity: 255 })],
    sessions: ["Global_10_0_9_1 as 65000 external", "Global_10_0_9_2 as 65000 external hops 254"],
  },
  {
    claim: "a keepalive time that is none, or not less than the hold time, is ignored",
    resources: [
      noMesh,
      n1,
      torPeer("p", { keepaliveTime: 0 }),
      torPeer("q", { address: "10.0.9.2", keepaliveTime: 240 }),
      torPeer("r", { address: "10.0.9.3", keepaliveTime: 239 }),
    ],
    sessions: [
      "Global_10_0_9_1 as 65000 external",
      "Global_10_0_9_2 as 65000 external",
      "Global_10_0_9_3 as 65000 external keepalive 239",
    ],
  },
];

const nextHops: Claim[] = [
  { by: {}, external: "auto", internal: "auto" },
  { by: { keepOriginalNextHop: true }, external: "keep", internal: "auto" },
  { by: { nextHopMode: "Auto" as const, keepOriginalNextHop: true }, external: "auto", internal: "auto" },
  { by: { nextHopMode: "Self" as const, keepOriginalNextHop: true }, external: "self", internal: "self" },
  { by: { nextHopMode: "Keep" as const }, external: "keep", internal: "keep" },
].map(({ by, external, internal }) => ({
  claim: `next hop by ${JSON.stringify(by)}: ${external} to another AS, ${internal} within ours`,
  resources: [noMesh, n1, torPeer("p", by), torPeer("q", { address: "10.0.9.2", asn: 64512, ...by })],
  sessions: [
    `Global_10_0_9_1 as 65000 external${external === "auto" ? "" : ` next hop ${external}`}`,
    `Global_10_0_9_2 as 64512${internal === "auto" ? "" : ` next hop ${internal}`}`,
  ],
}));

const reflection: Claim[] = [
  {
    claim: "to a reflector every internal peerIP is a client, and no external one",
    resources: [
      noMesh,
      reflector,
      node("n2", { ipv4: "10.0.0.3/24", clusterId: "1.1.1.1" }),
      bgpPeer("a", { node: "n1", address: "10.0.0.3", asn: 64512 }),
      torPeer("b", { node: "n1" }),
      torPeer("c", { node: "n1", address: "10.0.9.2", localAsn: 65000 }),
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

const releases: Claim[] = [
  {
    claim: "in 3.30 there are no local AS, next hop mode and keepalive time, so keepOriginalNextHop counts",
    changes: { version: 30 },
    resources: [
      noMesh,
      n1,
      torPeer("p", { localAsn: 65000, nextHopMode: "Self", keepOriginalNextHop: true, keepaliveTime: 30 }),
    ],
    sessions: ["Global_10_0_9_1 as 65000 external next hop keep"],
  },
  {
    claim: "in 3.31 there are local AS and next hop mode, but no keepalive time",
    changes: { version: 31 },
    resources: [noMesh, n1, torPeer("p", { localAsn: 65000, nextHopMode: "Self", keepaliveTime: 30 })],
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

checkClaims([...fields, ...nextHops, ...reflection, ...releases]);
