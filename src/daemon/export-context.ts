/**
 * What determines the octets a peer is sent (DESIGN 3.7): the key of its update group, and the rules of RFC 4271 §5.1.3,
 * RFC 4456 and bgp-protocol.md 12 to 14 that turn a best path into an announcement.
 */
import { type ExportRule, writeAttributes } from "../bgp/attribute-writer.ts";
import { decodeAttributes } from "../bgp/path-attributes.ts";
import { type Address, type Family, formatAddress, isLinkLocal } from "../ip/address.ts";
import { contains, formatPrefix, type Prefix } from "../ip/prefix.ts";
import type { CompiledPolicy, PeerType } from "../policy/types.ts";
import type { PeerTable } from "../rib/peers.ts";
import type { AttributeSets, NextHopId, NextHops, PeerId, SetHandle } from "../rib/types.ts";
import { FIRST_PEER } from "../rib/types.ts";
import type { GroupEncoder } from "../rib/update-group-types.ts";

export type ExportKind = "external" | "client" | "internal";

/** In the words of policies. */
export const EXPORT_PEER_TYPE: Readonly<Record<ExportKind, PeerType>> = {
  external: "ebgp",
  client: "client",
  internal: "ibgp",
};

export interface ExportContext {
  readonly family: Family;
  readonly kind: ExportKind;
  /** Where it sets MED a received MED is removed before it runs, and what it sets is kept. */
  readonly policy: CompiledPolicy;
  readonly nextHop: "auto" | "gateway" | "self" | "keep";
  /** Our address as next hop in this family; undefined when we have none, then only kept next hops can be sent. */
  readonly self: Address | undefined;
  /** Sent beside `self` on a shared link (RFC 2545 §3). */
  readonly selfLinkLocal: Address | undefined;
  /** Subnet shared with the peer: next hops on it are passed on (third-party next hop). Undefined for multihop. */
  readonly shared: Prefix | undefined;
  /** The AS that we are to the peer. */
  readonly localAs: number;
  /** Announced behind `localAs`: the router's own AS where the session has another and does not replace it; else 0. */
  readonly innerAs: number;
  /** 0 when we are no reflector. */
  readonly clusterId: number;
  readonly fourOctetAs: boolean;
  readonly maxOctets: number;
  /** Paths of a prefix that are sent, with path identifiers (RFC 7911): all, or so many of the best. `none`: the best one. */
  readonly addPath: "none" | "all" | number;
  /** `export: default-only`: we originate the default route, always or only while we have one, and nothing else goes. */
  readonly originates: "always" | "ifReachable" | undefined;
  /** We are about to go: routes carry GRACEFUL_SHUTDOWN (RFC 8326). */
  readonly leaving: boolean;
  /** Prefixes beyond the limit are not announced to this peer (`maxPrefixesOut` with `block`): its group has no other. */
  readonly room: { readonly peer: PeerId; readonly limit: number } | undefined;
  /**
   * What becomes of long-lived stale routes (RFC 9494 §4.3, §4.6): peers that know LLGR_STALE are sent them as they are; for
   * others they are withdrawn, or sent as what nobody prefers or passes on (NO_EXPORT, LOCAL_PREF 0).
   */
  readonly longLivedStale: "pass" | "withdraw" | "lower";
}

/** Peers of equal keys get equal octets. */
export function groupKey(c: ExportContext): string {
  const link = c.shared ? formatPrefix(c.shared) : "multihop";
  const self = c.self ? formatAddress(c.self) : "-";
  const local = c.selfLinkLocal ? formatAddress(c.selfLinkLocal) : "-";
  return [
    c.family,
    c.kind,
    c.policy.contentKey,
    c.nextHop,
    self,
    local,
    link,
    c.localAs,
    c.innerAs,
    c.clusterId,
    c.fourOctetAs,
    c.maxOctets,
    c.addPath,
    c.originates ?? "",
    c.leaving,
    c.room ? `${c.room.peer}:${c.room.limit}` : "",
    c.longLivedStale,
  ].join("|");
}

/** What the rules need besides the context. */
export interface ExportTables {
  readonly sets: AttributeSets;
  readonly nextHops: NextHops;
  readonly peers: PeerTable;
}

/** Announced as a route of ours; the source of a default route that we originate only says who may not have it. */
function isOwn(c: ExportContext, source: PeerId): boolean {
  return source < FIRST_PEER || c.originates !== undefined;
}

/** True when the path came from an iBGP peer and goes to one: then RFC 4456 §8 adds its two attributes. */
function isReflected(c: ExportContext, t: ExportTables, source: PeerId): boolean {
  return c.kind !== "external" && !isOwn(c, source) && !t.peers.external(source);
}

/** The next hop to announce: an address, "self", or undefined when there is none that may be sent. */
export type AnnouncedHop = Address | "self" | undefined;

/** Works out next hops for one context; what was found is remembered by next hop, of which there are few. */
export interface NextHopRule {
  announced(set: SetHandle, source: PeerId): AnnouncedHop;
}

interface Remembered {
  /** An id may come to stand for another address: then this object is another one. */
  readonly address: Address | undefined;
  readonly hop: AnnouncedHop;
}

export function createNextHopRule(c: ExportContext, t: ExportTables): NextHopRule {
  const local = new Map<NextHopId, Remembered>();
  const learned = new Map<NextHopId, Remembered>();
  return {
    announced(set, source) {
      const id = t.sets.nextHop(set);
      const address = t.nextHops.address(id) ?? t.nextHops.resolution(id).hops[0]?.gateway;
      const own = isOwn(c, source);
      const known = own ? local : learned;
      const entry = known.get(id);
      if (entry !== undefined && entry.address === address) return entry.hop;
      const hop = announcedHop(c, address, own, t.nextHops.isChosen(id));
      if (known.size >= MAX_REMEMBERED) known.clear();
      known.set(id, { address, hop });
      return hop;
    },
  };
}

const MAX_REMEMBERED = 65_536;

/** bgp-protocol.md 12.1; `self` and `keep` mean always, as in BIRD, and `gateway` is what it does by itself. `chosen`: the export policy set it. */
function announcedHop(c: ExportContext, address: Address | undefined, isLocal: boolean, chosen: boolean): AnnouncedHop {
  const kept = address?.family === c.family && !isLinkLocal(address) ? address : undefined;
  const self = c.self ? "self" : undefined;
  if (kept && chosen) return kept;
  if (c.nextHop === "self") return self;
  const passedOn = c.nextHop === "keep" || (c.nextHop === "gateway" && isLocal && c.kind !== "external");
  if (passedOn) return kept ?? self;
  const onLink = kept !== undefined && c.shared !== undefined && contains(c.shared, kept);
  if (c.kind === "external" || isLocal) return onLink ? kept : self;
  return kept ?? self;
}

/** Implements the update group's narrow view of attribute sets for one context. */
export function createEncoder(c: ExportContext, t: ExportTables, hops: NextHopRule): GroupEncoder {
  const scratch = new Uint8Array(32);
  const plain: ExportRule = rule(c, 0, false);
  const local: ExportRule = rule(c, 0, true);
  const reflecting: ExportRule = rule(c, c.clusterId, false);
  // What is longer fits no message; the next hop of MP_REACH is written behind it.
  const room = c.family === "ipv4" ? c.maxOctets : c.maxOctets - 32;

  function nextHopOctets(set: SetHandle, source: PeerId, out: Uint8Array, at: number): number {
    const address = hops.announced(set, source);
    if (address === undefined) return 0;
    const chosen = address === "self" ? c.self! : address;
    out.set(chosen.bytes, at);
    if (address !== "self" || !c.selfLinkLocal) return chosen.bytes.length;
    out.set(c.selfLinkLocal.bytes, at + 16);
    return 32;
  }

  return {
    writeAttributes(set, source, out, at) {
      const reflected = isReflected(c, t, source);
      const nextHopLength = c.family === "ipv4" ? nextHopOctets(set, source, scratch, 0) : 0;
      if (c.family === "ipv4" && nextHopLength === 0) return -1;
      const from = t.sets.offset(set);
      const end = writeAttributes(
        t.sets.arena(),
        from,
        from + t.sets.octets(set),
        reflected ? reflecting : source < FIRST_PEER || c.policy.setsMed ? local : plain,
        scratch,
        nextHopLength,
        reflected ? t.peers.bgpId(source) : 0,
        t.sets.localPref(set),
        out,
        at,
      );
      return end - at > room ? -1 : end;
    },
    writeNextHop: nextHopOctets,
    announcedNextHop(set, source) {
      const address = hops.announced(set, source);
      if (address === undefined || address === "self") return 0;
      return t.nextHops.intern(c.family, address.bytes, 0, 0);
    },
    retain: (set) => t.sets.retain(set),
    release: (set) => t.sets.release(set),
  };
}

function rule(c: ExportContext, clusterId: number, keepMed: boolean): ExportRule {
  return {
    external: c.kind === "external",
    localAs: c.localAs,
    innerAs: c.innerAs,
    fourOctetAs: c.fourOctetAs,
    clusterId,
    keepMed: keepMed || c.kind !== "external",
  };
}

/** The attributes that the rewriting of a group changes, for show: what its members see. */
export function announcedAttributes(c: ExportContext, t: ExportTables, set: SetHandle, source: PeerId) {
  const hops = createNextHopRule(c, t);
  const address = hops.announced(set, source);
  const chosen = address === "self" ? c.self : address;
  const out = new Uint8Array(65_536);
  const end = createEncoder(c, t, hops).writeAttributes(set, source, out, 0);
  const attributes = end > 0 && end <= out.length ? decodeAttributes(out, 0, end) : undefined;
  return { nextHop: chosen ? formatAddress(chosen) : null, attributes };
}

/** Why a best path is not announced to a group, in the order in which it is checked (bgp-protocol.md 14). */
export const STOP = {
  noBest: -1,
  splitHorizon: -2,
  noAdvertise: -3,
  noExport: -4,
  policy: -5,
  nextHop: -6,
  ownRoute: -7,
  ownNextHop: -8,
  noRoom: -9,
  notDefault: -10,
  noDefault: -11,
  limit: -12,
  noWayBack: -13,
  longLivedStale: -14,
} as const;

export const STOP_REASON: Record<number, { readonly step: string; readonly reason: string }> = {
  [STOP.noBest]: { step: "selection", reason: "there is no usable path" },
  [STOP.splitHorizon]: {
    step: "split horizon",
    reason: "learned from an internal peer that is no client of ours; it goes to our clients and external peers only",
  },
  [STOP.noAdvertise]: { step: "community", reason: "the path carries NO_ADVERTISE" },
  [STOP.noExport]: { step: "community", reason: "the path carries NO_EXPORT and the peer is external" },
  [STOP.policy]: { step: "export policy", reason: "the export policy rejects it" },
  [STOP.nextHop]: { step: "next hop", reason: "no address of ours in this family can be announced as next hop" },
  [STOP.ownRoute]: { step: "source", reason: "the best path came from this peer" },
  [STOP.noRoom]: { step: "resources", reason: "the bound of attribute sets or next hops is reached" },
  [STOP.notDefault]: {
    step: "export policy",
    reason: "the export policy is default-only: the peer gets the default route that we originate, and nothing else",
  },
  [STOP.noDefault]: {
    step: "export policy",
    reason: "we have no default route ourselves, and the peer gets one only while we do (defaultOnly: ifReachable)",
  },
  [STOP.noWayBack]: {
    step: "source",
    reason: "our own default route came from this peer: ours would only lead back to it (defaultOnly: ifReachable)",
  },
  [STOP.limit]: { step: "prefix limit", reason: "the peer gets no more prefixes than maxPrefixesOut allows" },
  [STOP.longLivedStale]: {
    step: "long-lived stale",
    reason: "the path is long-lived stale (LLGR_STALE), and the peer does not know what that is (RFC 9494)",
  },
  [STOP.ownNextHop]: { step: "next hop", reason: "its next hop is the peer itself" },
};

/** RFC 4456 §6 and RFC 4271 §9.2: may a path of this source go to peers of this kind at all. */
export function mayPass(kind: ExportKind, t: ExportTables, source: PeerId): boolean {
  if (kind !== "internal" || source < FIRST_PEER) return true;
  return t.peers.external(source) || t.peers.client(source);
}

const NO_EXPORT = 0xffffff01;
const NO_ADVERTISE = 0xffffff02;
const NO_EXPORT_SUBCONFED = 0xffffff03;

/** 0, or the STOP code of a well-known community in the set's octets (RFC 1997). A hand loop: it runs for each change. */
export function communityStop(sets: AttributeSets, set: SetHandle, external: boolean): number {
  const bytes = sets.arena();
  let at = sets.offset(set);
  const end = at + sets.octets(set);
  while (at + 3 <= end) {
    const extended = (bytes[at]! & 0x10) !== 0;
    const length = extended ? (bytes[at + 2]! << 8) | bytes[at + 3]! : bytes[at + 2]!;
    const body = at + (extended ? 4 : 3);
    if (bytes[at + 1] === 8) {
      for (let c = body; c + 4 <= body + length; c += 4) {
        if (bytes[c] !== 0xff || bytes[c + 1] !== 0xff || bytes[c + 2] !== 0xff) continue;
        const value = (0xffffff00 | bytes[c + 3]!) >>> 0;
        if (value === NO_ADVERTISE) return STOP.noAdvertise;
        if (external && (value === NO_EXPORT || value === NO_EXPORT_SUBCONFED)) return STOP.noExport;
      }
      return 0;
    }
    at = body + length;
  }
  return 0;
}
