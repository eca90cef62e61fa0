/** What holds for the whole node: its own Node, and the BGPConfigurations as they take effect on it (calico-bgp.md 3.1, 3.12). */
import { encodeUtf8 } from "../../bgp/text.ts";
import { type Family, formatOctets, parseQuad } from "../../ip/address.ts";
import type { Finding } from "../finding.ts";
import type {
  BgpConfigurationResource,
  NodeAddress,
  NodeResource,
  PrefixAdvertisement,
  ProgramClusterRoutes,
  SecretKeyRef,
} from "../resources/model.ts";
import type { Entry } from "../resources/view.ts";
import { faultFinding } from "./faults.ts";
import type { CalicoVersion, CompileInput } from "./input.ts";

const DEFAULT_ASN = 64512;
const DEFAULT_PORT = 179;
/** Kernel metric of normal routes (calico-bgp.md 1.3). */
const DEFAULT_PRIORITY = 1024;

export interface ClusterFacts {
  /** Our Node; its `bgp` is there. */
  readonly own: NodeResource;
  /** Addresses of our own node, with their networks; absent: it has none of the family. */
  readonly addresses: { readonly [F in Family]?: NodeAddress };
  readonly asn: number;
  /** Of nodes that have none of their own. */
  readonly defaultAsn: number;
  /** Dotted quad. */
  readonly routerId: string;
  /** Dotted quad; present: our node is a route reflector. */
  readonly clusterId?: string;
  /** Where our node listens. */
  readonly listenPort: number;
  /** `listenPort` of the default BGPConfiguration: what other nodes listen on that have none of their own. */
  readonly defaultListenPort?: number;
  readonly bindMode: "None" | "NodeIP";
  readonly logLevel: LogLevel;
  /** Patterns of interfaces, in their order. */
  readonly ignoredInterfaces: readonly string[];
  readonly mesh: { readonly enabled: boolean; readonly password?: SecretKeyRef; readonly maxRestartTime?: number };
  /** Whole: those of the node's own BGPConfiguration, or else of the default one. */
  readonly prefixAdvertisements: readonly PrefixAdvertisement[];
  readonly normalPriority: { readonly [F in Family]: number };
  /** As it takes effect: before 3.32 BIRD always programs, which is `Enabled`. */
  readonly programClusterRoutes: ProgramClusterRoutes;
  readonly serviceLoadBalancerAggregation: boolean;
  /** `default`, for what only it says (service CIDRs). */
  readonly defaults?: BgpConfigurationResource;
  /** Every session is held down, for this reason: a BGPConfiguration that applies here was never valid. */
  readonly held?: string;
}

export type LogLevel = "off" | "error" | "warn" | "info" | "debug";

export interface ClusterResult {
  /** Absent: there is nothing to configure the node with, and a finding says why; the last generation stays. */
  readonly facts?: ClusterFacts;
  readonly findings: readonly Finding[];
}

/** Costs nothing worth a memo: it looks up three resources. */
export function clusterFacts(input: CompileInput): ClusterResult {
  const { node, resources, version } = input;
  const findings: Finding[] = [];
  const own = ownNode(input, findings);
  const defaultEntry = resources.BGPConfiguration.get("default");
  const nodeEntry = resources.BGPConfiguration.get(`node.${node}`);
  for (const [name, entry] of [["default", defaultEntry] as const, [`node.${node}`, nodeEntry] as const]) {
    const fault = entry && faultFinding("BGPConfiguration", name, entry, "all sessions are held down");
    if (fault) findings.push(fault);
  }
  if (!own?.bgp) return { findings };

  const defaults = defaultEntry?.value;
  const perNode = nodeEntry?.value;
  if (perNode) findings.push(...ignoredPerNode(perNode, version));
  if (defaults) findings.push(...ignoredByVersion(defaults, version));
  findings.push(...unused(resources.BGPConfiguration));
  const { bgp } = own;
  const defaultAsn = defaults?.asn ?? DEFAULT_ASN;
  // Only up to 3.31 these two were read from the node's own BGPConfiguration.
  const interfacesFrom = version <= 31 && perNode?.ignoredInterfaces.length ? perNode : defaults;
  const bindMode = (version <= 31 ? perNode?.bindMode : undefined) ?? defaults?.bindMode ?? "None";
  const held = heldBy(defaultEntry, "default") ?? heldBy(nodeEntry, `node.${node}`);
  const facts: ClusterFacts = {
    own,
    addresses: { ...(bgp.ipv4 && { ipv4: bgp.ipv4 }), ...(bgp.ipv6 && { ipv6: bgp.ipv6 }) },
    asn: bgp.asn ?? defaultAsn,
    defaultAsn,
    routerId: routerId(input, bgp.ipv4, findings),
    ...(bgp.clusterId !== undefined && { clusterId: bgp.clusterId }),
    listenPort: perNode?.listenPort ?? defaults?.listenPort ?? DEFAULT_PORT,
    ...(defaults?.listenPort !== undefined && { defaultListenPort: defaults.listenPort }),
    bindMode,
    logLevel: logLevel(perNode?.logSeverity ? perNode : defaults, findings),
    ignoredInterfaces: interfacesFrom?.ignoredInterfaces ?? [],
    mesh: {
      enabled: defaults?.nodeToNodeMesh ?? true,
      ...(defaults?.meshPassword && { password: defaults.meshPassword }),
      ...(defaults?.meshMaxRestartTime !== undefined && { maxRestartTime: defaults.meshMaxRestartTime }),
    },
    prefixAdvertisements: perNode?.prefixAdvertisements ?? defaults?.prefixAdvertisements ?? [],
    normalPriority: {
      ipv4: (version >= 32 ? defaults?.normalPriority.ipv4 : undefined) ?? DEFAULT_PRIORITY,
      ipv6: (version >= 32 ? defaults?.normalPriority.ipv6 : undefined) ?? DEFAULT_PRIORITY,
    },
    programClusterRoutes: programClusterRoutes(defaults, version),
    serviceLoadBalancerAggregation: version < 31 || (defaults?.serviceLoadBalancerAggregation ?? true),
    ...(defaults && { defaults }),
    ...(held !== undefined && { held }),
  };
  return { facts, findings };
}

function ownNode({ node, resources }: CompileInput, findings: Finding[]): NodeResource | undefined {
  const resource = `Node/${node}`;
  const entry = resources.Node.get(node);
  const fault = entry && faultFinding("Node", node, entry, "this node cannot be configured without it");
  if (fault) findings.push(fault);
  if (!entry) {
    const other = alike(node, [...resources.Node.keys()]);
    const hint = other === undefined ? "" : `. There is a Node ${other}: is the name that was given wrong?`;
    const message = `Our own Node is missing, so there is nothing to configure: the last configuration stays in use${hint}`;
    findings.push({ severity: "error", code: "own-node-missing", resource, message });
  } else if (entry.value && !entry.value.bgp) {
    const message = "Our own Node has no spec.bgp, so it takes no part in BGP: the last configuration stays in use";
    findings.push({ severity: "error", code: "own-node-without-bgp", resource, message });
  }
  return entry?.value;
}

/** The first name that is the same but for a domain or the case of letters, as the name of a host and of its Node often are. */
function alike(node: string, names: readonly string[]): string | undefined {
  const bare = (name: string) => name.toLowerCase().replace(/\..*/, "");
  return names.filter((name) => bare(name) === bare(node)).sort()[0];
}

/** Names that mean nothing, so that what they say is lost. */
function unused(configurations: CompileInput["resources"]["BGPConfiguration"]): Finding[] {
  return [...configurations.keys()]
    .filter((name) => name !== "default" && !name.startsWith("node."))
    .map((name) => ({
      severity: "warning",
      code: "configuration-unused",
      resource: `BGPConfiguration/${name}`,
      message: "Only default and node.<name> are read: it is ignored",
    }));
}

function heldBy(entry: Entry<BgpConfigurationResource> | undefined, name: string): string | undefined {
  if (!entry || entry.value) return undefined;
  return `BGPConfiguration/${name} is not valid, and never was`;
}

/** CALICO_ROUTER_ID: `hash`, or an identifier; else the node's IPv4 address (calico-bgp.md 3.1). */
function routerId(input: CompileInput, ipv4: NodeAddress | undefined, findings: Finding[]): string {
  const wanted = input.environment.CALICO_ROUTER_ID;
  const resource = `Node/${input.node}`;
  if (wanted === "hash") return hashedRouterId(input);
  if (wanted) {
    if (parseQuad(wanted)) return wanted;
    const message = `CALICO_ROUTER_ID is "${wanted}", which is neither "hash" nor a dotted quad: it is ignored`;
    findings.push({ severity: "error", code: "router-id-invalid", resource, message });
  }
  if (ipv4) return ipv4.address;
  const message =
    'The node has no IPv4 address to be its router id: the hash of its name is, as with CALICO_ROUTER_ID "hash"';
  findings.push({ severity: "warning", code: "router-id-hashed", resource, message });
  return hashedRouterId(input);
}

/** First four octets of SHA-256 of the node's name, the first lessened by 32 where it is over 223. */
function hashedRouterId({ node, sha256 }: CompileInput): string {
  const octets = sha256(encodeUtf8(node, MOST_NAME_OCTETS)).slice(0, 4);
  if (octets[0]! > 223) octets[0] = octets[0]! - 32;
  return formatOctets(octets);
}

/** More than any name of a Node has: DNS subdomains end at 253. */
const MOST_NAME_OCTETS = 4096;

/**
 * Upstream knows debug, info and silence for everything else; BIRD's own warnings and errors are written even then. A level
 * of our log that says what the severity names loses nothing of that.
 */
function logLevel(config: BgpConfigurationResource | undefined, findings: Finding[]): LogLevel {
  const severity = config?.logSeverity;
  if (severity === undefined) return "info";
  switch (severity) {
    case "info":
      return "info";
    case "trace":
    case "debug":
      return "debug";
    case "warning":
      return "warn";
    case "error":
      return "error";
    case "fatal":
      return "off";
    default: {
      const message = `logSeverityScreen is "${severity}", which is no severity: Info is used`;
      const resource = `BGPConfiguration/${config!.name}`;
      findings.push({ severity: "warning", code: "severity-unknown", resource, message });
      return "info";
    }
  }
}

function programClusterRoutes(
  defaults: BgpConfigurationResource | undefined,
  version: CalicoVersion,
): ProgramClusterRoutes {
  if (version < 32) return "Enabled";
  const value = defaults?.programClusterRoutes;
  if (version >= 33) return value ?? "EnabledNoEncapOnly";
  return value === "Disabled" ? "Disabled" : "Enabled";
}

/** Fields of the default BGPConfiguration that the release did not know. */
function ignoredByVersion(config: BgpConfigurationResource, version: CalicoVersion): Finding[] {
  const newer: [field: string, since: CalicoVersion, set: boolean][] = [
    ["serviceLoadBalancerAggregation", 31, config.serviceLoadBalancerAggregation !== undefined],
    ["ipv4NormalRoutePriority", 32, config.normalPriority.ipv4 !== undefined],
    ["ipv6NormalRoutePriority", 32, config.normalPriority.ipv6 !== undefined],
    ["programClusterRoutes", 32, config.programClusterRoutes !== undefined],
    [
      `programClusterRoutes ${config.programClusterRoutes}`,
      33,
      version === 32 && config.programClusterRoutes?.endsWith("Only") === true,
    ],
  ];
  return newer
    .filter(([, since, set]) => set && version < since)
    .map(([field, since]) => newerField(`BGPConfiguration/${config.name}`, field, since, version));
}

export function newerField(resource: string, field: string, since: CalicoVersion, version: CalicoVersion): Finding {
  const message = `${field} is of Calico 3.${since} and later: it is ignored, as --calico-version is 3.${version}`;
  return { severity: "warning", code: "newer-field", resource, message };
}

/** What the node's own BGPConfiguration says without effect (calico-bgp.md 1.3). */
function ignoredPerNode(config: BgpConfigurationResource, version: CalicoVersion): Finding[] {
  const fields: [field: string, set: boolean][] = [
    ["nodeToNodeMeshEnabled", config.nodeToNodeMesh !== undefined],
    ["asNumber", config.asn !== undefined],
    ["serviceClusterIPs", config.serviceClusterCidrs.length > 0],
    ["serviceExternalIPs", config.serviceExternalCidrs.length > 0],
    ["serviceLoadBalancerIPs", config.serviceLoadBalancerCidrs.length > 0],
    ["serviceLoadBalancerAggregation", config.serviceLoadBalancerAggregation !== undefined],
    ["bindMode", version >= 32 && config.bindMode !== undefined],
    ["ignoredInterfaces", version >= 32 && config.ignoredInterfaces.length > 0],
    ["nodeMeshPassword", config.meshPassword !== undefined],
    ["nodeMeshMaxRestartTime", config.meshMaxRestartTime !== undefined],
    ["programClusterRoutes", config.programClusterRoutes !== undefined],
    ["ipv4NormalRoutePriority", config.normalPriority.ipv4 !== undefined],
    ["ipv6NormalRoutePriority", config.normalPriority.ipv6 !== undefined],
  ];
  return fields
    .filter(([, set]) => set)
    .map(([field]) => ({
      severity: "warning",
      code: "only-in-default",
      resource: `BGPConfiguration/${config.name}`,
      message: `${field} is read from BGPConfiguration/default only: here it is ignored`,
    }));
}
