/**
 * Reads what BIRD 1.6 and Calico's fork of it answer on their control sockets (calico-bgp.md 5): the text of each line of
 * a reply, without its code. Lines that mean nothing here are passed over; a table that cannot be read throws.
 */
import type { AsSegment, PathAttributes } from "../../bgp/path-attributes.ts";
import { parseAddress, parseQuad } from "../../ip/address.ts";

export interface BirdStatus {
  readonly version: string;
  /** Dotted quad. */
  readonly routerId: string;
}

export interface BirdPeer {
  readonly name: string;
  readonly established: boolean;
  /** `Established`, `Active`, `Down`. */
  readonly state: string;
  readonly address: string;
  readonly asn: number;
  /** Of an Established session. */
  readonly identifier?: string;
  readonly capabilities: readonly string[];
  readonly localAddress?: string;
  readonly reflectorClient: boolean;
}

export interface BirdRoute {
  readonly prefix: string;
  readonly protocol: string;
  /** Best of its prefix. */
  readonly primary: boolean;
  readonly unreachable: boolean;
  readonly preference: number;
  /** As they stand in the table: after the import filter, or the export filter where that was asked about. */
  readonly attributes?: PathAttributes;
}

/** `show status` behind the welcome. */
export function readStatus(lines: readonly string[]): BirdStatus {
  const version = /^BIRD v?(\S+)/.exec(lines.find((line) => line.startsWith("BIRD ")) ?? "")?.[1];
  const routerId = lines.flatMap((line) => /^Router ID is (\S+)/.exec(line)?.[1] ?? [])[0];
  if (version === undefined || routerId === undefined)
    throw new Error(`no answer to \`show status\`: ${lines[0] ?? ""}`);
  return { version, routerId };
}

/** `show protocols all`: the sessions among the protocols. */
export function readPeers(lines: readonly string[]): BirdPeer[] {
  const peers: BirdPeer[] = [];
  let block: { name: string; values: Map<string, string> } | undefined;
  const end = () => {
    if (block) peers.push(peerOf(block.name, block.values));
    block = undefined;
  };
  for (const line of lines) {
    const row = /^(\S+)\s+(\S+)\s+\S+\s+\S+\s+\S+/.exec(line);
    if (row) {
      end();
      if (row[2] === "BGP") block = { name: row[1]!, values: new Map() };
      continue;
    }
    const value = /^\s+([A-Z][^:]*):\s*(.*?)\s*$/.exec(line);
    if (value && block && !block.values.has(value[1]!)) block.values.set(value[1]!, value[2]!);
  }
  end();
  return peers;
}

function peerOf(name: string, values: ReadonlyMap<string, string>): BirdPeer {
  const words = (key: string) => (values.get(key) ?? "").split(/\s+/).filter((word) => word !== "");
  const state = values.get("BGP state") ?? "Down";
  const identifier = values.get("Neighbor ID");
  const localAddress = values.get("Source address");
  return {
    name,
    state,
    established: state === "Established",
    address: values.get("Neighbor address")?.split("%")[0] ?? "",
    asn: Number(values.get("Neighbor AS") ?? 0),
    capabilities: words("Neighbor caps"),
    reflectorClient: words("Session").includes("route-reflector"),
    ...(identifier !== undefined && { identifier }),
    ...(localAddress !== undefined && { localAddress }),
  };
}

const HEAD =
  /^(\S+)?\s+(via \S+ on \S+|dev \S+|blackhole|unreachable|prohibited|multipath)(?: weight \d+)?\s*\[(\S+) [^\]]*\] (?:([*!]) )?\((\d+)/;

/** `show route all`, or the same of what is exported to a protocol. */
export function readRoutes(lines: readonly string[]): BirdRoute[] {
  const routes: BirdRoute[] = [];
  let prefix = "";
  let head: RegExpExecArray | undefined;
  let values = new Map<string, string>();
  const end = () => {
    if (head)
      routes.push({
        prefix,
        protocol: head[3]!,
        primary: head[4] === "*",
        unreachable: head[2] === "unreachable",
        preference: Number(head[5]),
        ...withAttributes(attributesOf(values)),
      });
    head = undefined;
    values = new Map();
  };
  for (const line of lines) {
    const next = line.startsWith("\t") ? null : HEAD.exec(line);
    if (next) {
      end();
      head = next;
      prefix = next[1] ?? prefix;
      continue;
    }
    const value = /^\t([\w.]+): ?(.*)$/.exec(line);
    if (value) values.set(value[1]!, value[2]!.trim());
  }
  end();
  return routes;
}

function withAttributes(attributes: PathAttributes | undefined): Pick<BirdRoute, "attributes"> {
  return attributes ? { attributes } : {};
}

const ORIGINS = ["IGP", "EGP", "Incomplete"];

function attributesOf(values: ReadonlyMap<string, string>): PathAttributes | undefined {
  const origin = values.get("BGP.origin");
  if (origin === undefined) return undefined;
  const words = (key: string) => (values.get(key) ?? "").split(" ").filter((word) => word !== "");
  const number = (key: string) => (values.has(key) ? Number(values.get(key)) : undefined);
  const [nextHop, linkLocalNextHop] = words("BGP.next_hop").map(parseAddress);
  const [originatorId] = words("BGP.originator_id").map(parseQuad);
  const [med, localPref] = [number("BGP.med"), number("BGP.local_pref")];
  return {
    origin: Math.max(0, ORIGINS.indexOf(origin)),
    asPath: readAsPath(values.get("BGP.as_path") ?? ""),
    atomicAggregate: values.has("BGP.atomic_aggr"),
    communities: numbersOf(values.get("BGP.community") ?? "", 2).map(([a, b]) => ((a! << 16) | b!) >>> 0),
    largeCommunities: numbersOf(values.get("BGP.large_community") ?? "", 3).flat(),
    extendedCommunities: [],
    clusterList: words("BGP.cluster_list").map((word) => parseQuad(word) ?? 0),
    opaque: [],
    ...(nextHop && { nextHop }),
    ...(linkLocalNextHop && { linkLocalNextHop }),
    ...(med !== undefined && { med }),
    ...(localPref !== undefined && { localPref }),
    ...(originatorId !== undefined && { originatorId }),
  };
}

/** `(64512,7) (65535,65281)`, or with three numbers. */
function numbersOf(text: string, count: number): number[][] {
  return [...text.matchAll(/\(([^)]*)\)/g)]
    .map((group) => group[1]!.split(",").map(Number))
    .filter((numbers) => numbers.length === count && numbers.every(Number.isInteger));
}

/** `65001 {65002 65003} 65004`: sets in braces, confederation segments in parentheses. */
function readAsPath(text: string): AsSegment[] {
  const segments: AsSegment[] = [];
  for (const [, set, confederation, plain] of text.matchAll(/\{([^}]*)\}|\(([^)]*)\)|([\d\s]+)/g)) {
    const asns = (set ?? confederation ?? plain ?? "").match(/\d+/g)?.map(Number) ?? [];
    const kind = set !== undefined ? "set" : confederation !== undefined ? "confedSequence" : "sequence";
    if (asns.length > 0) segments.push({ kind, asns });
  }
  return segments;
}
