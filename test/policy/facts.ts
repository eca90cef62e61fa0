import type { CommunityPattern } from "../../src/bgp/community-pattern.ts";
import type { AsSegment, ExtendedCommunity, PathAttributes } from "../../src/bgp/path-attributes.ts";
import { parseAddress } from "../../src/ip/address.ts";
import { type Prefix, parsePrefix } from "../../src/ip/prefix.ts";
import {
  parseCommunity,
  parseCommunityPattern,
  parseExtendedCommunity,
  parseExtendedCommunityPattern,
  parseLargeCommunity,
  parseLargeCommunityPattern,
} from "../../src/policy/community-text.ts";
import { parseExpression, parseNumberMatch } from "../../src/policy/number-text.ts";
import {
  type Expression,
  NO_METRIC,
  type NumberMatch,
  type PeerType,
  type PrefixMatch,
  type RouteFacts,
} from "../../src/policy/types.ts";

export const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  if (!parsed) throw new Error(`not a prefix: ${text}`);
  return parsed;
};

export const prefixMatch = (text: string, ge?: number, le?: number): PrefixMatch => {
  const base = prefix(text);
  return { prefix: base, ge: ge ?? base.length, le: le ?? ge ?? base.length };
};

export const pattern = (text: string): CommunityPattern => {
  const parsed = parseCommunityPattern(text) ?? parseLargeCommunityPattern(text) ?? parseExtendedCommunityPattern(text);
  if (!parsed) throw new Error(`not a community: ${text}`);
  return parsed;
};

/** `2147483647 - metric` */
export const expression = (text: string): Expression => {
  const parsed = parseExpression(text);
  if (!parsed) throw new Error(`not an expression: ${text}`);
  return parsed;
};

/** `< 1024`, `none` */
export const number = (text: string): NumberMatch => {
  const parsed = parseNumberMatch(text);
  if (!parsed) throw new Error(`not a comparison: ${text}`);
  return parsed;
};

export interface RouteText {
  readonly prefix?: string;
  readonly source?: RouteFacts["source"];
  readonly peer?: string;
  readonly fromPeerType?: PeerType;
  readonly peerType?: PeerType;
  readonly interfaces?: readonly string[];
  readonly communities?: readonly string[];
  readonly largeCommunities?: readonly string[];
  readonly extendedCommunities?: readonly string[];
  /** `65001 65002 {65003 65004}` */
  readonly asPath?: string;
  readonly nextHop?: string;
  readonly med?: number;
  readonly localPref?: number;
  readonly preference?: number;
  readonly metric?: number;
}

/** A BGP route of 10.1.2.0/24 unless told otherwise; octets stand in the middle of a larger array. */
export function route(text: RouteText = {}): RouteFacts {
  const { family, bytes, length } = prefix(text.prefix ?? "10.1.2.0/24");
  const around = new Uint8Array(40).fill(0xee);
  around.set(bytes.subarray(0, (length + 7) >> 3), 7);
  const nextHop = text.nextHop === undefined ? undefined : parseAddress(text.nextHop)!;
  const attributes: PathAttributes = {
    origin: 0,
    asPath: segments(text.asPath ?? ""),
    ...(nextHop && { nextHop }),
    ...(text.med !== undefined && { med: text.med }),
    atomicAggregate: false,
    communities: (text.communities ?? []).map((each) => parseCommunity(each)!),
    largeCommunities: (text.largeCommunities ?? []).flatMap((each) => parseLargeCommunity(each)!),
    extendedCommunities: (text.extendedCommunities ?? []).map((each) => octets(parseExtendedCommunity(each)!)),
    clusterList: [],
    opaque: [],
  };
  const fromPeer = text.peer ?? "tor-a";
  return {
    family,
    prefixBytes: around,
    prefixAt: 7,
    prefixLength: length,
    source: text.source ?? "bgp",
    fromPeer,
    fromPeerType: text.fromPeerType,
    peerType: text.peerType,
    interfaces: text.interfaces ?? [],
    attributes,
    preference: text.preference ?? 100,
    localPref: text.localPref ?? 100,
    metric: text.metric ?? NO_METRIC,
  };
}

function segments(text: string): AsSegment[] {
  return [...text.matchAll(/\{([\d ]+)\}|\(([\d ]+)\)|([\d ]*\d)/g)].map(
    ([, set, confederation, sequence]): AsSegment => {
      const asns = (set ?? confederation ?? sequence!).trim().split(" ").map(Number);
      return { kind: set ? "set" : confederation ? "confedSequence" : "sequence", asns };
    },
  );
}

function octets([high, low]: ExtendedCommunity): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, high);
  view.setUint32(4, low);
  return bytes;
}
