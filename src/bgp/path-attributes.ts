import { Parser } from "binary-parser";
import { type Address, isLinkLocal } from "../ip/address.ts";
import { attributeEnd, attributeValue, writeAttributeHeader } from "./attribute-octets.ts";
import type { CommunityPattern } from "./community-pattern.ts";
import { ATTRIBUTE, FLAG, SEGMENT } from "./iana.ts";
import { copy, cut, u32 } from "./octets.ts";

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

/** What a policy changes about a route; only the fields present are changed. Of one list, replacing comes first, then removal. */
export interface AttributeEdits {
  localPref?: number;
  /** null removes it. */
  med?: number | null;
  addCommunities?: readonly number[];
  removeCommunities?: readonly CommunityPattern[];
  /** Replaces the whole list. */
  setCommunities?: readonly number[];
  addLargeCommunities?: readonly LargeCommunity[];
  removeLargeCommunities?: readonly CommunityPattern[];
  setLargeCommunities?: readonly LargeCommunity[];
  addExtendedCommunities?: readonly ExtendedCommunity[];
  removeExtendedCommunities?: readonly CommunityPattern[];
  setExtendedCommunities?: readonly ExtendedCommunity[];
  /** ASes to put in front, first one left-most. */
  prepend?: readonly number[];
  /** "self" stands for the address of our end of the session; only for export. */
  nextHop?: Address | "self";
  /** Not BGP attributes: they belong to the set after policy. */
  preference?: number;
  metric?: number;
}

export type LargeCommunity = readonly [number, number, number];
/** Its eight octets as two words. */
export type ExtendedCommunity = readonly [number, number];

const A = ATTRIBUTE;

const SEGMENT_KINDS: Readonly<Record<number, AsSegment["kind"]>> = {
  [SEGMENT.set]: "set",
  [SEGMENT.sequence]: "sequence",
  [SEGMENT.confedSequence]: "confedSequence",
  [SEGMENT.confedSet]: "confedSet",
};

const numbers = new Parser().endianness("big").array("items", { type: "uint32be", readUntil: "eof" });
const segments = new Parser().endianness("big").array("items", {
  type: new Parser()
    .endianness("big")
    .uint8("kind")
    .uint8("count")
    .array("asns", { type: "uint32be", length: "count" }),
  readUntil: "eof",
});
const aggregator = new Parser().endianness("big").uint32("asn").uint32("id");
const extended = new Parser().array("items", { type: new Parser().buffer("value", { length: 8 }), readUntil: "eof" });

function readNumbers(value: Uint8Array): readonly number[] {
  return value.length === 0 ? [] : (numbers.parse(value) as { items: readonly number[] }).items;
}

function readSegments(value: Uint8Array): readonly AsSegment[] {
  if (value.length === 0) return [];
  const { items } = segments.parse(value) as { items: readonly { kind: number; asns: readonly number[] }[] };
  return items.map(({ kind, asns }) => ({ kind: SEGMENT_KINDS[kind] ?? "sequence", asns }));
}

/**
 * Next hops of 4, 16 or 32 octets. Of two addresses the global one is the next hop whichever comes first; :: in the
 * place of either, or the same link-local address twice, stands for one that is missing (RFC 2545 §3 and practice).
 */
function readNextHop(value: Uint8Array): Pick<PathAttributes, "nextHop" | "linkLocalNextHop"> {
  if (value.length === 4) return { nextHop: { family: "ipv4", bytes: cut(value, 0, 4) } };
  const both: Address[] = [];
  for (let at = 0; at + 16 <= value.length; at += 16) both.push({ family: "ipv6", bytes: cut(value, at, at + 16) });
  const global = both.find((address) => !isLinkLocal(address) && address.bytes.some((byte) => byte !== 0));
  const linkLocal = both.find(isLinkLocal);
  if (global && linkLocal) return { nextHop: global, linkLocalNextHop: linkLocal };
  const nextHop = global ?? linkLocal ?? both[0];
  return nextHop ? { nextHop } : {};
}

type Draft = { -readonly [K in keyof PathAttributes]: PathAttributes[K] };

/**
 * Decodes canonical octets at `[at, end)`; they were checked when the UPDATE was scanned. Lists and structures go
 * through definitions; a call of one costs 0.3 µs, so a lone number is read by hand.
 */
export function decodeAttributes(bytes: Uint8Array, at: number, end: number): PathAttributes {
  const opaque: OpaqueAttribute[] = [];
  const draft: Draft = {
    origin: 0,
    asPath: [],
    atomicAggregate: false,
    communities: [],
    largeCommunities: [],
    extendedCommunities: [],
    clusterList: [],
    opaque,
  };
  for (let p = at; p < end; ) {
    const next = attributeEnd(bytes, p);
    const value = bytes.subarray(attributeValue(bytes, p), next);
    const type = bytes[p + 1]!;
    const flags = bytes[p]! & ~FLAG.extendedLength;
    if (!decodeOne(type, value, draft)) opaque.push({ flags, type, value: cut(value, 0, value.length) });
    p = next;
  }
  return draft;
}

/** True when the type has a field of its own. */
function decodeOne(type: number, value: Uint8Array, draft: Draft): boolean {
  switch (type) {
    case A.origin.code:
      draft.origin = value[0]!;
      return true;
    case A.asPath.code:
      draft.asPath = readSegments(value);
      return true;
    case A.nextHop.code:
      Object.assign(draft, readNextHop(value));
      return true;
    case A.med.code:
      draft.med = u32(value, 0);
      return true;
    case A.localPref.code:
      draft.localPref = u32(value, 0);
      return true;
    case A.atomicAggregate.code:
      draft.atomicAggregate = true;
      return true;
    case A.aggregator.code:
      draft.aggregator = aggregator.parse(value) as { asn: number; id: number };
      return true;
    case A.communities.code:
      draft.communities = readNumbers(value);
      return true;
    case A.originatorId.code:
      draft.originatorId = u32(value, 0);
      return true;
    case A.clusterList.code:
      draft.clusterList = readNumbers(value);
      return true;
    case A.extendedCommunities.code: {
      const { items } = extended.parse(value) as { items: readonly { value: Uint8Array }[] };
      draft.extendedCommunities = items.map((item) => cut(item.value, 0, item.value.length));
      return true;
    }
    case A.largeCommunities.code:
      draft.largeCommunities = readNumbers(value);
      return true;
    default:
      return false;
  }
}

/** Canonical octets of the typed form, ordered by type. Decoding them gives the same attributes. */
export function encodeAttributes(attributes: PathAttributes): Uint8Array {
  const list: OpaqueAttribute[] = [...attributes.opaque];
  const put = (spec: { readonly code: number; readonly flags: number }, value: readonly number[]) =>
    list.push({ flags: spec.flags, type: spec.code, value: Uint8Array.from(value) });
  const { nextHop, linkLocalNextHop, med, localPref, aggregator: aggregated, originatorId } = attributes;
  put(A.origin, [attributes.origin]);
  put(A.asPath, attributes.asPath.flatMap(segmentOctets));
  if (nextHop) put(A.nextHop, [...nextHop.bytes, ...(linkLocalNextHop?.bytes ?? [])]);
  if (med !== undefined) put(A.med, four(med));
  if (localPref !== undefined) put(A.localPref, four(localPref));
  if (attributes.atomicAggregate) put(A.atomicAggregate, []);
  if (aggregated) put(A.aggregator, [...four(aggregated.asn), ...four(aggregated.id)]);
  if (attributes.communities.length > 0) put(A.communities, attributes.communities.flatMap(four));
  if (originatorId !== undefined) put(A.originatorId, four(originatorId));
  if (attributes.clusterList.length > 0) put(A.clusterList, attributes.clusterList.flatMap(four));
  if (attributes.extendedCommunities.length > 0)
    put(
      A.extendedCommunities,
      attributes.extendedCommunities.flatMap((value) => [...value]),
    );
  if (attributes.largeCommunities.length > 0) put(A.largeCommunities, attributes.largeCommunities.flatMap(four));
  list.sort((a, b) => a.type - b.type);
  const out = new Uint8Array(
    list.reduce((octets, { value }) => octets + value.length + (value.length < 256 ? 3 : 4), 0),
  );
  let end = 0;
  for (const { flags, type, value } of list)
    end = copy(value, 0, value.length, out, writeAttributeHeader(out, end, flags, type, value.length));
  return out;
}

function segmentOctets({ kind, asns }: AsSegment): number[] {
  const code = {
    set: SEGMENT.set,
    sequence: SEGMENT.sequence,
    confedSequence: SEGMENT.confedSequence,
    confedSet: SEGMENT.confedSet,
  };
  return [code[kind], asns.length, ...asns.flatMap(four)];
}

function four(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}
