import type { Address } from "../ip/address.ts";

export interface AsSegment {
  readonly kind: "set" | "sequence" | "confedSequence" | "confedSet";
  readonly asns: readonly number[];
}

/** An attribute we carry without looking into it (RFC 4271 §5, Partial set when passed on). */
export interface OpaqueAttribute {
  readonly flags: number;
  readonly type: number;
  readonly value: Uint8Array;
}

/** The typed form of one attribute set, decoded on first need: policy, show, explain. Absent attributes are undefined or empty. */
export interface PathAttributes {
  /** 0 IGP, 1 EGP, 2 INCOMPLETE */
  readonly origin: number;
  readonly asPath: readonly AsSegment[];
  readonly nextHop?: Address;
  /** Second address of a 32-octet IPv6 next hop (RFC 2545 §3). */
  readonly linkLocalNextHop?: Address;
  readonly med?: number;
  readonly localPref?: number;
  readonly atomicAggregate: boolean;
  readonly aggregator?: { readonly asn: number; readonly id: number };
  readonly communities: readonly number[];
  /** Triples, flattened. */
  readonly largeCommunities: readonly number[];
  /** Eight octets each. */
  readonly extendedCommunities: readonly Uint8Array[];
  readonly originatorId?: number;
  readonly clusterList: readonly number[];
  readonly opaque: readonly OpaqueAttribute[];
}

/** What a policy changes about a route; only the fields present are changed. */
export interface AttributeEdits {
  localPref?: number;
  /** null removes it. */
  med?: number | null;
  addCommunities?: readonly number[];
  removeCommunities?: readonly number[];
  /** Replaces the whole list. */
  setCommunities?: readonly number[];
  addLargeCommunities?: readonly (readonly [number, number, number])[];
  /** ASes to put in front, first one left-most. */
  prepend?: readonly number[];
  /** "self" stands for the address of our end of the session; only for export. */
  nextHop?: Address | "self";
  /** Not BGP attributes: they belong to the set after policy. */
  preference?: number;
  metric?: number;
}
