import { bgpPeer, node, workload } from "../resource-builders.ts";
import { type Claim, checkClaims, n1, noMesh } from "./claims.ts";

const reflector = node("n1", { ipv4: "10.0.0.2/24", clusterId: "1.1.1.1", labels: { rr: "" } });

const pods: Claim[] = [
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

checkClaims([...pods]);
