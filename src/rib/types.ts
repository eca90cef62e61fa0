/**
 * Contracts of the RIB: numbers that name rows, and the narrow functions around the typed arrays.
 * One AttributeSets and one NextHops serve both families; each family has its own FamilyRib.
 */

import type { ParsingClass } from "../bgp/parsing-class.ts";
import type { AttributeEdits, PathAttributes } from "../bgp/path-attributes.ts";
import type { UpdateScan } from "../bgp/update-scan.ts";
import type { Address, Family } from "../ip/address.ts";
import type { RouteSource } from "../policy/types.ts";

/** An interned attribute set; 0 is none. */
export type SetHandle = number;
/** An interned next hop: (address, interface for link-local ones); 0 is none. */
export type NextHopId = number;
/** Owner of paths. 1..3 are the local sources, peers start at FIRST_PEER; ids are reused after their paths are gone. */
export type PeerId = number;
export const LOCAL_PEER = { direct: 1, static: 2, kernel: 3 } as const;
export const FIRST_PEER: PeerId = 8;
/** A row of the path table; 0 is none. */
export type PathRow = number;

/** Why a path stays in Adj-RIB-In but is not used. Kept in the path's row as a negative set handle. */
export const REJECT = {
  policy: -1,
  noPolicy: -2 /* RFC 8212 */,
  asLoop: -3,
  originatorLoop: -4,
  clusterLoop: -5,
  martianNextHop: -6,
  ownNextHop: -7,
  firstAs: -8,
  martianPrefix: -9,
} as const;
export type RejectCode = (typeof REJECT)[keyof typeof REJECT];

/** Attribute sets interned by their canonical octets and parsing class; reference-counted, freed at zero. */
export interface AttributeSets {
  /**
   * The set of a scanned UPDATE; retained once for the caller. `nextHop` is the interned next hop of the family whose
   * NLRI it will serve, that of MP_REACH when `ofMpReach`. Returns 0 when a bound (sets, octets) is reached.
   */
  intern(
    bytes: Uint8Array,
    scan: UpdateScan,
    session: ParsingClass,
    nextHop: NextHopId,
    ofMpReach?: boolean,
  ): SetHandle;
  /** The set of a route of our own: origin IGP, of learned kernel routes too, as BIRD has it; empty AS_PATH. Retained once. */
  originate(nextHop: NextHopId, preference: number, metric: number): SetHandle;
  /** The set changed by a policy; retained once. The same handle (retained) when the edits change nothing. 0 at a bound. */
  derive(set: SetHandle, edits: AttributeEdits, nextHop: NextHopId): SetHandle;
  retain(set: SetHandle): void;
  release(set: SetHandle): void;
  /** Live sets. */
  readonly size: number;
  /** Typed form, for policy, show and explain. The last one is remembered. */
  attributes(set: SetHandle): PathAttributes;
  /** Where canonical octets (src/bgp/canonical.ts) stand; valid until the next call that may intern. */
  arena(): Uint8Array;
  offset(set: SetHandle): number;
  octets(set: SetHandle): number;
  // columns
  preference(set: SetHandle): number;
  localPref(set: SetHandle): number;
  /** Of the kernel; NO_METRIC where there is none. */
  metric(set: SetHandle): number;
  asPathLength(set: SetHandle): number;
  origin(set: SetHandle): number;
  /** 1 where LLGR_STALE makes the route the least preferred (RFC 9494 §4.3). */
  staleness(set: SetHandle): 0 | 1;
  med(set: SetHandle): number;
  neighborAs(set: SetHandle): number;
  nextHop(set: SetHandle): NextHopId;
  /** 0 when absent. */
  originatorId(set: SetHandle): number;
  clusterListLength(set: SetHandle): number;
}

/** How a next hop is reached at present. */
export interface Resolution {
  readonly reachable: boolean;
  /** Cost of the resolving route: its metric, 0 when directly connected. */
  readonly cost: number;
  /** Gateways and interfaces that packets take; empty when unreachable or a blackhole of our own (static). */
  readonly hops: readonly { readonly gateway?: Address; readonly ifindex: number }[];
  readonly blackhole: boolean;
  /** For explain: the prefix that resolves it, or why nothing does. */
  readonly via: string;
}

/** Next hops interned, each with its present resolution (DESIGN 3.6). */
export interface NextHops {
  /** With `direct` it is reachable only while on a connected subnet. */
  intern(family: Family, bytes: Uint8Array, at: number, ifindex: number, direct?: boolean): NextHopId;
  /** A hop that needs no resolution: connected routes, learned kernel routes, static routes. */
  fixed(resolution: Resolution): NextHopId;
  /** An address that an export policy sets: to be announced as it is, whatever the rules for next hops say. */
  chosen(address: Address): NextHopId;
  isChosen(id: NextHopId): boolean;
  address(id: NextHopId): Address | undefined;
  /** Names of the interfaces that packets leave by at present. */
  interfaces(id: NextHopId): readonly string[];
  /** Moves on when an id is forgotten, or resolved differently: what others remember by id counts no longer. */
  readonly version: number;
  resolution(id: NextHopId): Resolution;
  // columns for selection
  reachable(id: NextHopId): boolean;
  cost(id: NextHopId): number;
}

/** What selection and export read of a peer; one row per PeerId. */
export interface PeerFacts {
  readonly id: PeerId;
  readonly name: string;
  readonly source: RouteSource;
  /** External: eBGP. Local sources count as internal and win by preference. */
  readonly external: boolean;
  /** iBGP client of our reflector. */
  readonly client: boolean;
  readonly bgpId: number;
  readonly address: Address | undefined;
}

/** The deciding step between two paths, in order (bgp-protocol.md 10). */
export const STEPS = [
  "preference",
  "longLivedStale",
  "localPref",
  "asPathLength",
  "origin",
  "med",
  "external",
  "cost",
  "bgpId",
  "clusterListLength",
  "peerAddress",
  "pathId",
] as const;
export type Step = (typeof STEPS)[number];
