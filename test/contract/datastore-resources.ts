/** The objects that the contract suite of datastores writes. */
import type { Kind } from "../../src/confgen/resources/model.ts";

/**
 * An object in the v3 form; a Service, an EndpointSlice or a Secret as Kubernetes has it, with those fields only that matter
 * to us: a datastore may leave the others out, and a world adds what its server asks for.
 */
export interface PlainResource {
  readonly kind: Kind;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

export function nameOf({ metadata }: PlainResource): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

export function keyOf(resource: PlainResource): string {
  return `${resource.kind}/${nameOf(resource)}`;
}

/** Our node in the suite. */
export const NODE = "node-a";

const apiVersion = "projectcalico.org/v3";

export function peer(name: string, asNumber = 65001): PlainResource {
  return { apiVersion, kind: "BGPPeer", metadata: { name }, spec: { node: NODE, peerIP: "192.0.2.1", asNumber } };
}

export function pool(name: string, ipipMode = "Always"): PlainResource {
  const spec = { cidr: "192.168.0.0/16", ipipMode, vxlanMode: "Never", blockSize: 26, nodeSelector: "all()" };
  return { apiVersion, kind: "IPPool", metadata: { name }, spec };
}

export function affinity(node: string, cidr: string, state = "confirmed"): PlainResource {
  const name = `${node}-${cidr.replace(/[.:/]/g, "-")}`;
  return { apiVersion, kind: "BlockAffinity", metadata: { name }, spec: { cidr, node, state } };
}

/** One of each kind that every store has; `changed` differs in one field of each. */
export function everyKind(form: "first" | "changed" = "first"): PlainResource[] {
  const first = form === "first";
  return [
    {
      apiVersion,
      kind: "Node",
      metadata: { name: NODE, labels: { rack: first ? "r1" : "r2" } },
      spec: { bgp: { ipv4Address: first ? "10.0.0.1/24" : "10.0.0.2/24", asNumber: 64513 } },
    },
    peer("tor-a", first ? 65001 : 65002),
    {
      apiVersion,
      kind: "BGPConfiguration",
      metadata: { name: "default" },
      spec: { logSeverityScreen: "Info", nodeToNodeMeshEnabled: first, asNumber: 64512 },
    },
    {
      apiVersion,
      kind: "BGPFilter",
      metadata: { name: "f1" },
      spec: { importV4: [{ cidr: "10.0.0.0/8", matchOperator: "In", action: first ? "Reject" : "Accept" }] },
    },
    pool("default-ipv4-ippool", first ? "Always" : "Never"),
  ];
}

export function secret(name: string, value: string): PlainResource {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: "kube-system" },
    data: { password: value },
  };
}

export function service(name: string, externalTrafficPolicy = "Local"): PlainResource {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "default" },
    spec: { type: "LoadBalancer", externalTrafficPolicy },
  };
}

export function slice(name: string, of: string): PlainResource {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, namespace: "default", labels: { "kubernetes.io/service-name": of } },
    addressType: "IPv4",
    endpoints: [{ nodeName: NODE, conditions: { ready: true } }],
  };
}
