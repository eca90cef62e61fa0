/** Small builders of resource values, as admission would give them, for tests of the compiler. */
import { createHash } from "node:crypto";
import type { CompileInput } from "../../src/confgen/compile/input.ts";
import type {
  BgpConfigurationResource,
  BgpFilterResource,
  BgpPeerResource,
  BlockAffinityResource,
  EndpointSliceResource,
  IpPoolResource,
  Kind,
  Labels,
  NodeAddress,
  NodeResource,
  Resource,
  SecretResource,
  ServiceResource,
  WorkloadResource,
} from "../../src/confgen/resources/model.ts";
import type { Entry, ResourceView } from "../../src/confgen/resources/view.ts";
import type { Selector } from "../../src/confgen/selector/selector.ts";

/** A resource that is there but not valid, with the value that stays in use where there is one. */
export interface Faulty {
  readonly kind: Kind;
  readonly name: string;
  readonly faults: readonly string[];
  readonly value?: Resource;
  readonly cidr?: string;
}

/** The view of these resources, in order of names; a later one of the same kind and name replaces. */
export function viewOf(...resources: readonly (Resource | Faulty)[]): ResourceView {
  const kinds = Object.fromEntries(KINDS.map((kind) => [kind, new Map<string, Entry<Resource>>()]));
  const sorted = resources.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  for (const resource of sorted) kinds[resource.kind]!.set(resource.name, entryOf(resource));
  return kinds as unknown as ResourceView;
}

const KINDS: readonly Kind[] = [
  "Node",
  "BGPPeer",
  "BGPConfiguration",
  "BGPFilter",
  "IPPool",
  "BlockAffinity",
  "Service",
  "EndpointSlice",
  "Secret",
  "Workload",
];

function entryOf(resource: Resource | Faulty): Entry<Resource> {
  if (!("faults" in resource)) return { value: resource };
  return {
    faults: resource.faults,
    ...(resource.value && { value: resource.value }),
    ...(resource.cidr !== undefined && { cidr: resource.cidr }),
  };
}

/** An input of the newest release for node `n1`. */
export function inputOf(
  resources: readonly (Resource | Faulty)[],
  changes: Partial<Omit<CompileInput, "resources">> = {},
): CompileInput {
  return {
    node: "n1",
    environment: {},
    version: 33,
    missingPassword: "hold",
    sha256: (bytes) => createHash("sha256").update(bytes).digest(),
    ...changes,
    resources: viewOf(...resources),
  };
}

/** `a.b.c.d/len` or a bare address, in canonical form; networks of a whole octet or group only. */
export function nodeAddress(text: string): NodeAddress {
  const [address, length] = text.split("/") as [string, string | undefined];
  if (length === undefined) return { address, network: `${address}/${address.includes(":") ? 128 : 32}` };
  return { address, network: `${maskedText(address, Number(length))}/${length}` };
}

function maskedText(address: string, length: number): string {
  if (address.includes(":")) return `${address.slice(0, address.indexOf("::"))}::`;
  return address
    .split(".")
    .map((octet, i) => (8 * (i + 1) <= length ? octet : 8 * i >= length ? 0 : Number(octet) & (0xff00 >> (length % 8))))
    .join(".");
}

export interface NodeOptions {
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly asn?: number;
  readonly clusterId?: string;
  readonly labels?: Labels;
  readonly wireguard?: NodeResource["wireguard"];
  readonly podCidrs?: readonly string[];
  /** False: no spec.bgp. */
  readonly bgp?: boolean;
}

export function node(name: string, options: NodeOptions = {}): NodeResource {
  const { ipv4, ipv6, asn, clusterId } = options;
  return {
    kind: "Node",
    name,
    labels: options.labels ?? {},
    ...(options.bgp !== false && {
      bgp: {
        ...(asn !== undefined && { asn }),
        ...(ipv4 !== undefined && { ipv4: nodeAddress(ipv4) }),
        ...(ipv6 !== undefined && { ipv6: nodeAddress(ipv6) }),
        ...(clusterId !== undefined && { clusterId }),
      },
    }),
    wireguard: options.wireguard ?? {},
    podCidrs: options.podCidrs ?? [],
  };
}

/** The selectors `all()`, `has(label)`, `!has(label)` and `label == 'value'`: no parser of the language is needed here. */
export function selector(text: string): Selector {
  const has = /^(!?)has\((.+)\)$/.exec(text);
  if (has) return { text, matches: (labels) => Object.hasOwn(labels, has[2]!) === (has[1] === "") };
  const equal = /^(\S+) == '(.*)'$/.exec(text);
  if (equal) return { text, matches: (labels) => labels[equal[1]!] === equal[2] };
  if (text !== "all()") throw new Error(`Cannot build the selector ${text}`);
  return { text, matches: () => true };
}

export type PeerOptions = Partial<Omit<BgpPeerResource, "kind" | "name" | "peer" | "nodeSelector">> & {
  readonly nodeSelector?: string;
  /** One of these three. */
  readonly address?: string;
  readonly peerSelector?: string;
  readonly localWorkloadSelector?: string;
  readonly port?: number;
};

export function bgpPeer(name: string, options: PeerOptions): BgpPeerResource {
  const { nodeSelector, address, peerSelector, localWorkloadSelector, port, ...rest } = options;
  return {
    kind: "BGPPeer",
    name,
    keepOriginalNextHop: false,
    sourceAddress: "UseNodeIP",
    numAllowedLocalAsNumbers: 0,
    filters: [],
    reversePeering: "Auto",
    ...rest,
    ...(nodeSelector !== undefined && { nodeSelector: selector(nodeSelector) }),
    peer: peerSelector
      ? { by: "selector", selector: selector(peerSelector) }
      : localWorkloadSelector
        ? { by: "localWorkload", selector: selector(localWorkloadSelector) }
        : {
            by: "address",
            family: address!.includes(":") ? "ipv6" : "ipv4",
            address: address!,
            ...(port !== undefined && { port }),
          },
  };
}

export function bgpConfiguration(
  name: string,
  options: Partial<Omit<BgpConfigurationResource, "kind" | "name">> = {},
): BgpConfigurationResource {
  return {
    kind: "BGPConfiguration",
    name,
    serviceClusterCidrs: [],
    serviceExternalCidrs: [],
    serviceLoadBalancerCidrs: [],
    ignoredInterfaces: [],
    normalPriority: {},
    ...options,
  };
}

export function bgpFilter(
  name: string,
  options: Partial<Omit<BgpFilterResource, "kind" | "name">> = {},
): BgpFilterResource {
  return { kind: "BGPFilter", name, importV4: [], importV6: [], exportV4: [], exportV6: [], ...options };
}

export function ipPool(
  name: string,
  cidr: string,
  options: Partial<Omit<IpPoolResource, "kind" | "name" | "cidr">> = {},
): IpPoolResource {
  return {
    kind: "IPPool",
    name,
    family: cidr.includes(":") ? "ipv6" : "ipv4",
    cidr,
    ipipMode: "Never",
    vxlanMode: "Never",
    disableBgpExport: false,
    ...options,
  };
}

export function blockAffinity(
  ofNode: string,
  cidr: string,
  options: Partial<Omit<BlockAffinityResource, "kind" | "name" | "cidr" | "node">> = {},
): BlockAffinityResource {
  return {
    kind: "BlockAffinity",
    name: `${ofNode}-${cidr.replaceAll(/[.:/]/g, "-")}`,
    family: cidr.includes(":") ? "ipv6" : "ipv4",
    cidr,
    node: ofNode,
    type: "host",
    state: "confirmed",
    ...options,
  };
}

/** `name` is `namespace/name`. */
export function service(name: string, options: Partial<Omit<ServiceResource, "kind" | "name">> = {}): ServiceResource {
  return {
    kind: "Service",
    name,
    type: "ClusterIP",
    clusterIp: "",
    clusterIps: options.clusterIp ? [options.clusterIp] : [],
    externalIps: [],
    ingressIps: [],
    ipFamilies: ["IPv4"],
    ...options,
  };
}

/** `name` and `ofService` are `namespace/name`. */
export function endpointSlice(
  name: string,
  ofService: string,
  endpoints: EndpointSliceResource["endpoints"],
  addressType = "IPv4",
): EndpointSliceResource {
  return { kind: "EndpointSlice", name, service: ofService, addressType, endpoints };
}

/** `name` is `namespace/name`. */
export function secret(name: string, data: Readonly<Record<string, string>>): SecretResource {
  return { kind: "Secret", name, data };
}

export function workload(
  name: string,
  options: Partial<Omit<WorkloadResource, "kind" | "name">> = {},
): WorkloadResource {
  return { kind: "Workload", name, interface: `cali${name}`, ...options };
}
