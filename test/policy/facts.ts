import type { PathAttributes } from "../../src/bgp/path-attributes.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { type Prefix, parsePrefix } from "../../src/ip/prefix.ts";
import type { PrefixMatch, RouteFacts } from "../../src/policy/types.ts";

export const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(`not a prefix: ${text}`);
  return parsed;
};

export const prefixMatch = (text: string, ge?: number, le?: number): PrefixMatch => {
  const base = prefix(text);
  return { prefix: base, ge: ge ?? base.length, le: le ?? ge ?? base.length };
};

export const community = (text: string): number => {
  const [high, low] = text.split(":").map(Number);
  return ((high! << 16) | low!) >>> 0;
};

export interface RouteText {
  readonly prefix?: string;
  readonly source?: RouteFacts["source"];
  readonly peer?: string;
  readonly communities?: readonly string[];
  readonly nextHop?: string;
}

/** A BGP route of 10.1.2.0/24 unless told otherwise; octets stand in the middle of a larger array. */
export function route(text: RouteText = {}): RouteFacts {
  const { family, bytes, length } = prefix(text.prefix ?? "10.1.2.0/24");
  const around = new Uint8Array(40).fill(0xee);
  around.set(bytes.subarray(0, (length + 7) >> 3), 7);
  const nextHop = text.nextHop === undefined ? undefined : parseAddress(text.nextHop)!;
  const attributes: PathAttributes = {
    origin: 0,
    asPath: [],
    ...(nextHop && { nextHop }),
    atomicAggregate: false,
    communities: (text.communities ?? []).map(community),
    largeCommunities: [],
    extendedCommunities: [],
    clusterList: [],
    opaque: [],
  };
  return {
    family,
    prefixBytes: around,
    prefixAt: 7,
    prefixLength: length,
    source: text.source ?? "bgp",
    fromPeer: text.peer ?? "tor-a",
    attributes,
    preference: 100,
    metric: 0,
  };
}
