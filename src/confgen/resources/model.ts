/**
 * Calico's resources (projectcalico.org/v3) as the compiler reads them: validated, with every text in canonical form.
 * Only what influences BGP is here. Addresses are canonical text (RFC 5952), CIDRs `address/length` with no host bits.
 * Optional fields are absent where the resource does not say them; defaults are the compiler's.
 */
import type { Family } from "../../ip/address.ts";
import type { Selector } from "../selector/selector.ts";

export interface NodeResource {
  readonly kind: "Node";
  readonly name: string;
  readonly labels: Labels;
  /** Absent: the node takes no part in BGP. */
  readonly bgp?: {
    readonly asn?: number;
    readonly ipv4?: NodeAddress;
    readonly ipv6?: NodeAddress;
    /** Dotted quad; present: a route reflector. */
    readonly clusterId?: string;
  };
  readonly wireguard: { readonly ipv4?: string; readonly ipv6?: string };
  readonly podCidrs: readonly string[];
}

export type Labels = Readonly<Record<string, string>>;

export interface NodeAddress {
  readonly address: string;
  /** The subnet that the length of the address says; of a bare address its own /32 or /128. */
  readonly network: string;
}

export interface BgpPeerResource {
  readonly kind: "BGPPeer";
  readonly name: string;
  readonly node?: string;
  readonly nodeSelector?: Selector;
  readonly peer:
    | { readonly by: "address"; readonly family: Family; readonly address: string; readonly port?: number }
    | { readonly by: "selector"; readonly selector: Selector }
    | { readonly by: "localWorkload"; readonly selector: Selector };
  /** Always there for `address` and `localWorkload`, never for `selector`. */
  readonly asn?: number;
  readonly keepOriginalNextHop: boolean;
  readonly nextHopMode?: "Auto" | "Self" | "Keep";
  readonly localAsn?: number;
  readonly password?: SecretKeyRef;
  readonly sourceAddress: "UseNodeIP" | "None";
  /** Whole seconds, rounded. */
  readonly maxRestartTime?: number;
  readonly keepaliveTime?: number;
  readonly numAllowedLocalAsNumbers: number;
  readonly ttlSecurity?: number;
  readonly reachableBy?: string;
  readonly filters: readonly string[];
  readonly reversePeering: "Auto" | "Manual";
}

export interface SecretKeyRef {
  readonly name: string;
  readonly key: string;
}

export interface BgpConfigurationResource {
  readonly kind: "BGPConfiguration";
  /** `default` or `node.<name>`. */
  readonly name: string;
  /** As written, in lower case. */
  readonly logSeverity?: string;
  readonly nodeToNodeMesh?: boolean;
  readonly asn?: number;
  /** Empty entries are left out. */
  readonly serviceClusterCidrs: readonly string[];
  readonly serviceExternalCidrs: readonly string[];
  readonly serviceLoadBalancerCidrs: readonly string[];
  readonly serviceLoadBalancerAggregation?: boolean;
  /** Names of communities are resolved. Absent: the resource has none, which is not the same as an empty list. */
  readonly prefixAdvertisements?: readonly PrefixAdvertisement[];
  readonly listenPort?: number;
  readonly bindMode?: "None" | "NodeIP";
  readonly ignoredInterfaces: readonly string[];
  readonly meshPassword?: SecretKeyRef;
  /** Whole seconds, rounded. */
  readonly meshMaxRestartTime?: number;
  readonly programClusterRoutes?: ProgramClusterRoutes;
  readonly normalPriority: { readonly ipv4?: number; readonly ipv6?: number };
}

export type ProgramClusterRoutes = "Enabled" | "Disabled" | "EnabledIPIPOnly" | "EnabledNoEncapOnly";

export interface PrefixAdvertisement {
  readonly cidr: string;
  /** Values, `aa:nn` or `aa:nn:mm`. */
  readonly communities: readonly string[];
}

export interface BgpFilterResource {
  readonly kind: "BGPFilter";
  readonly name: string;
  readonly importV4: readonly FilterRule[];
  readonly importV6: readonly FilterRule[];
  readonly exportV4: readonly FilterRule[];
  readonly exportV6: readonly FilterRule[];
}

export interface FilterRule {
  readonly action: "Accept" | "Reject";
  readonly prefix?: {
    readonly cidr: string;
    readonly operator: "Equal" | "NotEqual" | "In" | "NotIn";
    /** Effective bounds of `prefixLength`, where it is there. */
    readonly lengths?: { readonly min: number; readonly max: number };
  };
  readonly source?: "RemotePeers";
  readonly interface?: string;
  readonly peerType?: "eBGP" | "iBGP";
  /** `aa:nn` or `aa:nn:mm`. */
  readonly community?: string;
  readonly asPathPrefix?: readonly number[];
  readonly priority?: number;
  readonly operations: readonly FilterOperation[];
}

export type FilterOperation =
  | { readonly addCommunity: string }
  | { readonly prependAsPath: readonly number[] }
  | { readonly setPriority: number };

export interface IpPoolResource {
  readonly kind: "IPPool";
  readonly name: string;
  readonly family: Family;
  readonly cidr: string;
  readonly ipipMode: "Never" | "Always" | "CrossSubnet";
  readonly vxlanMode: "Never" | "Always" | "CrossSubnet";
  readonly disableBgpExport: boolean;
}

export interface BlockAffinityResource {
  readonly kind: "BlockAffinity";
  readonly name: string;
  readonly family: Family;
  readonly cidr: string;
  readonly node: string;
  readonly type: "host" | "virtual";
  /** Empty counts as confirmed. */
  readonly state: "" | "confirmed" | "pending" | "pendingDeletion";
}

export interface ServiceResource {
  readonly kind: "Service";
  /** `namespace/name`. */
  readonly name: string;
  readonly type: string;
  /** The single field; empty or `None`: the service has none. */
  readonly clusterIp: string;
  readonly clusterIps: readonly string[];
  readonly externalIps: readonly string[];
  readonly loadBalancerIp?: string;
  /** Of `status.loadBalancer.ingress`. */
  readonly ingressIps: readonly string[];
  readonly externalTrafficPolicy?: string;
  readonly ipFamilies: readonly string[];
}

export interface EndpointSliceResource {
  readonly kind: "EndpointSlice";
  /** `namespace/name`. */
  readonly name: string;
  /** `namespace/name` of its Service; absent without the label. */
  readonly service?: string;
  readonly addressType: string;
  readonly endpoints: readonly { readonly nodeName?: string; readonly ready: boolean }[];
}

export interface SecretResource {
  readonly kind: "Secret";
  /** `namespace/name`. */
  readonly name: string;
  /** Decoded. */
  readonly data: Readonly<Record<string, string>>;
}

/** A file of `<prefix>/endpoint-status`: a pod on this node that may be a BGP peer (calico-bgp.md 3.5). */
export interface WorkloadResource {
  readonly kind: "Workload";
  /** Name of the file. */
  readonly name: string;
  readonly interface: string;
  /** First /32 and first /128. */
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly bgpPeer?: string;
}

export interface ResourceTypes {
  readonly Node: NodeResource;
  readonly BGPPeer: BgpPeerResource;
  readonly BGPConfiguration: BgpConfigurationResource;
  readonly BGPFilter: BgpFilterResource;
  readonly IPPool: IpPoolResource;
  readonly BlockAffinity: BlockAffinityResource;
  readonly Service: ServiceResource;
  readonly EndpointSlice: EndpointSliceResource;
  readonly Secret: SecretResource;
  readonly Workload: WorkloadResource;
}

export type Kind = keyof ResourceTypes;
export type Resource = ResourceTypes[Kind];
