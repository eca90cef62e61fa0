/**
 * What stands around a node in one of Calico's cases: its interfaces, the routes that Felix and others wrote into its
 * kernel, and its neighbours, each of them a BIRD 2 that keeps what it is told.
 */

import { parseAddress } from "../../src/ip/address.ts";
import { formatPrefix, type Prefix, parsePrefix, prefixOf } from "../../src/ip/prefix.ts";
import type { BirdConfig, BirdPeer } from "../confgen/cases/bird-config.ts";
import { type BirdRoute, judge } from "../confgen/cases/bird-interpreter.ts";
import { valuesOf } from "../confgen/cases/hypothetical.ts";

export type FamilyName = "ipv4" | "ipv6";

export interface OwnAddress {
  readonly address: string;
  readonly network: string;
}

/** One family of a case. */
export interface Surroundings {
  readonly family: FamilyName;
  readonly own: OwnAddress;
  /** A router on the link that speaks no BGP. */
  readonly gateway: string;
  readonly kernel: readonly KernelEntry[];
  /** By the name of the neighbour: no two have one prefix. */
  readonly announced: Readonly<Record<string, readonly Announcement[]>>;
  readonly peers: readonly BirdPeer[];
}

export interface KernelEntry {
  readonly prefix: string;
  readonly device: string;
  readonly metric?: number;
}

export interface Announcement {
  readonly prefix: string;
  readonly localPref?: number;
  /** Three parts make a large one. */
  readonly communities: readonly string[];
  readonly prepend?: number;
}

/** The link to the neighbours, and what Calico's data planes make beside it. */
export const UPLINK = "eth0";
export const DEVICES = ["cali12345", "tunl0", "vxlan.calico", "bpfin.cali"];
const METRICS = [undefined, 512, 1024, 1025];
const LOCAL_PREFS = [undefined, 2147482623, 2147483135, 200];
/** More of each would show nothing new. */
const MOST_KERNEL = 48;
const MOST_ANNOUNCED = 16;

export function surroundingsOf(family: FamilyName, config: BirdConfig, own: OwnAddress): Surroundings {
  // A BIRD has one session with an address.
  const peers = config.peers.filter(
    ({ address }, at) => config.peers.findIndex((one) => one.address === address) === at,
  );
  const values = valuesOf(config);
  const taken = new Set(config.static.map(({ prefix }) => prefix));
  const nets = values.nets.filter((net) => !taken.has(net) && isFree(parsePrefix(net)!, own, peers));
  // A third of them comes from the neighbours.
  const inKernel = spread(
    nets.filter((_, at) => at % 3 !== 2),
    MOST_KERNEL,
  );
  const others = nets.filter((_, at) => at % 3 === 2);
  const devices = [...DEVICES, UPLINK];
  const communities = [...values.communities.slice(2), ...values.largeCommunities.slice(2), ["65000:9"]];
  const announced = peers.map(({ name }, at) => {
    const ofPeer = spread(
      others.filter((_, index) => index % peers.length === at),
      MOST_ANNOUNCED,
    );
    return [name, ofPeer.map((prefix, index) => announcement(prefix, index + at, communities))] as const;
  });
  return {
    family,
    own,
    gateway: lastOf(parsePrefix(own.network)!),
    kernel: inKernel.map((prefix, at) => {
      const metric = METRICS[Math.floor(at / devices.length) % METRICS.length];
      return { prefix, device: devices[at % devices.length]!, ...(metric !== undefined && { metric }) };
    }),
    announced: Object.fromEntries(announced),
    peers,
  };
}

function announcement(prefix: string, at: number, lists: readonly (readonly string[])[]): Announcement {
  const localPref = LOCAL_PREFS[at % LOCAL_PREFS.length];
  const communities = lists[at % (lists.length + 1)] ?? [];
  return {
    prefix,
    ...(localPref !== undefined && { localPref }),
    communities,
    ...(at % 5 === 4 && { prepend: 64999 }),
  };
}

/** So many of them, evenly. */
function spread<T>(all: readonly T[], most: number): T[] {
  const step = Math.max(1, all.length / most);
  return Array.from({ length: Math.min(most, all.length) }, (_, at) => all[Math.floor(at * step)]!);
}

/** The way to the neighbours stays as it is, and the kernel takes the prefix. */
function isFree(net: Prefix, { network }: OwnAddress, peers: readonly BirdPeer[]): boolean {
  const subnet = parsePrefix(network)!;
  const first = net.bytes[0]!;
  const isOdd =
    net.length < 4 || first === 0 || (net.family === "ipv4" ? first >= 224 || first === 127 : first >= 0xfe);
  if (isOdd || (net.length >= subnet.length && isWithin(net, subnet))) return false;
  return !peers.some(({ address }) => net.length >= 32 && isWithin(hostOf(address), net));
}

function isWithin(inner: Prefix, outer: Prefix): boolean {
  return inner.family === outer.family && formatPrefix(prefixOf(inner, outer.length)) === formatPrefix(outer);
}

function hostOf(text: string): Prefix {
  const address = parseAddress(text)!;
  return prefixOf(address, address.bytes.length * 8);
}

/** The address before the broadcast address. */
function lastOf(subnet: Prefix): string {
  const bytes = subnet.bytes.map((octet, at) => octet | (0xff >> Math.min(8, Math.max(0, subnet.length - 8 * at))));
  bytes[bytes.length - 1]! &= 0xfe;
  return formatPrefix({ ...subnet, bytes, length: bytes.length * 8 }).split("/")[0]!;
}

/** `ip` commands in the node, after its link is there. */
export function nodeCommands({ family, own, gateway, kernel, peers }: Surroundings): string[] {
  const bits = family === "ipv4" ? 32 : 128;
  const length = own.network.split("/")[1];
  return [
    `addr add ${own.address}/${length} dev ${UPLINK}${family === "ipv6" ? " nodad" : ""}`,
    ...farPeers(own, peers).map((address) => `route add ${address}/${bits} dev ${UPLINK}`),
    ...kernel.map(({ prefix, device, metric }) => {
      const via = device === UPLINK ? `via ${gateway} ` : "";
      return `route add ${prefix} ${via}dev ${device} proto 80${metric === undefined ? "" : ` metric ${metric}`}`;
    }),
  ];
}

/** Those beyond the own subnet. */
function farPeers({ network }: OwnAddress, peers: readonly BirdPeer[]): string[] {
  const subnet = parsePrefix(network)!;
  return [...new Set(peers.map(({ address }) => address))].filter((address) => !isWithin(hostOf(address), subnet));
}

/** The same in the node of a neighbour; that of the first has the router's address too. */
export function neighbourCommands({ family, own, gateway, peers }: Surroundings, at: number): string[] {
  const bits = family === "ipv4" ? 32 : 128;
  const addresses = [...(peers[at] ? [peers[at].address] : []), ...(at === 0 ? [gateway] : [])];
  return [
    ...addresses.map((address) => `addr add ${address}/${bits} dev ${UPLINK}${family === "ipv6" ? " nodad" : ""}`),
    `route add ${own.address}/${bits} dev ${UPLINK}`,
  ];
}

/** BIRD 2's configuration for one neighbour. `listen` is the node's port. */
export function neighbourConfig({ family, own, announced, peers }: Surroundings, at: number, listen: number): string {
  const peer = peers[at];
  return peer ? neighbour(family, own, listen, peer, announced[peer.name]!, at + 1) : "";
}

function neighbour(
  family: FamilyName,
  own: OwnAddress,
  listen: number,
  peer: BirdPeer,
  announced: readonly Announcement[],
  number: number,
): string {
  const { name, address, port = 179, asn, localAs, passive, password, ttlSecurity, multihop } = peer;
  const routes = announced.map(({ prefix }) => `route ${prefix} blackhole;`).join(" ");
  return `${family} table t_${name};
protocol static s_${name} { ${family} { table t_${name}; }; ${routes} }
protocol bgp ${name} {
  router id 10.254.${family === "ipv4" ? 4 : 6}.${number};
  local ${address} port ${port} as ${asn}; neighbor ${own.address} port ${listen} as ${localAs};
  ${ttlSecurity ? `multihop ${multihop}; ttl security on;` : "multihop;"}
  ${passive ? "" : "passive;"} ${password === undefined ? "" : `password "${password}";`}
  allow local as; hold time 90; connect delay time 1; connect retry time 1; error wait time 1, 2;
  ${family} { table t_${name}; add paths rx; import all; import keep filtered; export filter {
    if source != RTS_STATIC then reject;
    ${announced.map((each) => words(each, asn === localAs)).join(" ")}
    accept; }; };
}`;
}

function words({ prefix, localPref, communities, prepend }: Announcement, isInternal: boolean): string {
  const changes = [
    localPref !== undefined && isInternal ? `bgp_local_pref = ${localPref};` : "",
    ...communities.map((text) => {
      const parts = text.split(":");
      return `bgp_${parts.length === 3 ? "large_" : ""}community.add((${parts.join(", ")}));`;
    }),
    prepend === undefined ? "" : `bgp_path.prepend(${prepend});`,
  ].join(" ");
  return `if net = ${prefix} then { ${changes} }`;
}

/** Prefixes of the kernel's routes that BIRD's filters let out to the neighbour, as we read them. */
export function letOut({ functions }: BirdConfig, peer: BirdPeer, { kernel, family }: Surroundings): string[] {
  return kernel
    .filter(({ prefix, device, metric }) => {
      const route: BirdRoute = {
        net: prefix,
        source: "RTS_INHERIT",
        ifname: device,
        ...{ bgp_path: [], bgp_community: [], bgp_large_community: [], preference: 10 },
        // The kernel gives IPv6 routes a metric where nobody says one.
        krt_metric: metric ?? (family === "ipv4" ? 0 : 1024),
      };
      return judge(peer.export, functions, route).verdict === "accept";
    })
    .map(({ prefix }) => prefix);
}

/** Of a Node document of a case. */
export function ownAddressOf(node: Readonly<Record<string, unknown>>, family: FamilyName): OwnAddress | undefined {
  const { bgp = {} } = node.spec as { bgp?: Readonly<Record<string, string>> };
  const text = bgp[family === "ipv4" ? "ipv4Address" : "ipv6Address"];
  const [host, length] = text?.split("/") ?? [];
  const address = parseAddress(host ?? "");
  if (!address) return undefined;
  const bits = address.bytes.length * 8;
  return {
    address: formatPrefix(prefixOf(address, bits)).split("/")[0]!,
    network: formatPrefix(prefixOf(address, length === undefined ? bits : Number(length))),
  };
}
