/** A cluster as Calico's datastore holds it: nodes in a full mesh, each with blocks of addresses. */
import type { StoredObject } from "../src/confgen/datastore/datastore.ts";

export interface Cluster {
  readonly nodes: number;
  readonly affinities: number;
}

export const OWN = "node-0";

/** One after the other: a datastore that lists in chunks does not hold them all either. */
export function* clusterObjects({ nodes, affinities }: Cluster): Generator<StoredObject> {
  yield configuration();
  yield pool();
  yield filter();
  yield tor();
  for (let i = 0; i < nodes; i++) yield nodeObject(i);
  for (let i = 0; i < affinities; i++) yield affinity(i % nodes, i);
}

export function nodeObject(index: number, address = index): StoredObject {
  const ipv4Address = `10.${1 + (address >>> 16)}.${(address >>> 8) & 255}.${address & 255}/8`;
  return stored("Node", `node-${index}`, {
    metadata: {
      labels: { rack: `r${index % 40}`, "kubernetes.io/hostname": `node-${index}`, "kubernetes.io/os": "linux" },
    },
    spec: { bgp: { ipv4Address }, orchRefs: [{ nodeName: `node-${index}`, orchestrator: "k8s" }] },
    status: {},
  });
}

function affinity(node: number, block: number): StoredObject {
  const cidr = `172.${16 + (block >>> 10)}.${(block >>> 2) & 255}.${(block & 3) * 64}/26`;
  const spec = { cidr, node: `node-${node}`, state: "confirmed", type: "host", deleted: "false" };
  return stored("BlockAffinity", `node-${node}-${cidr.replace(/[./]/g, "-")}`, { spec });
}

function configuration(): StoredObject {
  return stored("BGPConfiguration", "default", { spec: { asNumber: 64512, nodeToNodeMeshEnabled: true } });
}

function pool(): StoredObject {
  return stored("IPPool", "default-ipv4-ippool", { spec: { cidr: "172.16.0.0/12", ipipMode: "CrossSubnet" } });
}

function filter(): StoredObject {
  const importV4 = [{ cidr: "10.200.0.0/16", matchOperator: "In", action: "Reject" }];
  return stored("BGPFilter", "no-storage", { spec: { importV4 } });
}

export function tor(asNumber = 65000): StoredObject {
  return stored("BGPPeer", "tor", {
    spec: { nodeSelector: "all()", peerIP: "192.0.2.1", asNumber, filters: ["no-storage"] },
  });
}

function stored(kind: StoredObject["kind"], name: string, rest: Readonly<Record<string, unknown>>): StoredObject {
  const metadata = { name, ...(rest.metadata as object | undefined) };
  const object = { apiVersion: "projectcalico.org/v3", kind, ...rest, metadata };
  return { kind, name, object, origin: `bench/${kind}/${name}` };
}
