/**
 * One UPDATE into the Adj-RIB-In: scan, intern the attribute set, evaluate import once, then a loop over the NLRI that
 * allocates nothing (DESIGN 3.1 to 3.4; RFC 4271 §9, RFC 7606).
 */
import { ERROR, familyOf, MAX_EXTENDED_MESSAGE_OCTETS, MESSAGE } from "../bgp/iana.ts";
import type { Notification } from "../bgp/notification.ts";
import { u32 } from "../bgp/octets.ts";
import { createUpdateScan, TREATMENT } from "../bgp/update-scan.ts";
import { scanNotification, scanUpdate } from "../bgp/update-scanner.ts";
import { type Family, isLinkLocalAt } from "../ip/address.ts";
import type { FamilyRib } from "../rib/family-rib.ts";
import type { AttributeSets, NextHopId, NextHops, SetHandle } from "../rib/types.ts";
import { createFaultReporter } from "./faulty-updates.ts";
import type { Import } from "./import.ts";
import type { PeerRuntime } from "./peer.ts";
import type { Log } from "./ports.ts";
import type { PrefixLimits } from "./prefix-limits.ts";

/** The NOTIFICATION that must end the session, and why in words. */
export interface Refusal extends Notification {
  readonly why: string;
}

const OUT_OF_RESOURCES: Refusal = {
  code: ERROR.cease.code,
  subcode: ERROR.cease.sub.outOfResources,
  data: new Uint8Array(),
  why: "a limit of the tables is reached",
};

/** Routes in one UPDATE at most: a default route takes one octet, the rest of the longest message (RFC 8654) is theirs. */
export const UPDATE_ROUTES = MAX_EXTENDED_MESSAGE_OCTETS - MESSAGE.update.minOctets;

export interface ReceiverOptions {
  readonly ribs: Record<Family, FamilyRib>;
  readonly sets: AttributeSets;
  readonly nextHops: NextHops;
  readonly log: Log;
  readonly imports: Import;
  readonly limits: PrefixLimits;
  readonly endOfRib: (peer: PeerRuntime, family: Family) => void;
}

export interface Receiver {
  /** Handles the body of one UPDATE at `[from, to)`; returns what must end the session, if anything. */
  update(peer: PeerRuntime, bytes: Uint8Array, from: number, to: number): Refusal | undefined;
  /** Most routes handled in one UPDATE (at most UPDATE_ROUTES), and all so far. */
  readonly counters: { longestUpdateRoutes: number; announced: number; withdrawn: number };
}

export function createReceiver(options: ReceiverOptions): Receiver {
  const { ribs, sets, nextHops, log, imports, limits } = options;
  const scan = createUpdateScan();
  const report = createFaultReporter(log);
  const counters = { longestUpdateRoutes: 0, announced: 0, withdrawn: 0 };
  let routes = 0;

  /** Removes each prefix of an NLRI field from the peer's Adj-RIB-In. Its syntax has been checked. */
  function withdrawAll(peer: PeerRuntime, family: Family, bytes: Uint8Array, from: number, to: number): void {
    if (hasPathIds(peer, family)) {
      withdrawPaths(peer, family, bytes, from, to);
      return;
    }
    const rib = ribs[family];
    for (let at = from; at < to; ) {
      const length = bytes[at]!;
      rib.withdraw(peer.id, 0, bytes, at + 1, length);
      at += 1 + ((length + 7) >> 3);
      routes++;
    }
  }

  /** The same for NLRI with path identifiers: only the path named goes (RFC 7911 §3). */
  function withdrawPaths(peer: PeerRuntime, family: Family, bytes: Uint8Array, from: number, to: number): void {
    const rib = ribs[family];
    for (let at = from; at < to; ) {
      const length = bytes[at + 4]!;
      rib.withdraw(peer.id, u32(bytes, at), bytes, at + 5, length);
      at += 5 + ((length + 7) >> 3);
      routes++;
    }
  }

  /** False when a bound of the tables was reached. */
  function announceAll(
    peer: PeerRuntime,
    family: Family,
    set: SetHandle,
    bytes: Uint8Array,
    from: number,
    to: number,
  ): boolean {
    const rib = ribs[family];
    const perPrefix = imports.readsPrefix(peer, family);
    const { walking } = imports;
    let result = perPrefix ? 0 : imports.evaluate(peer, set, family, bytes, 0, 0);
    let ok = true;
    for (let at = from; at < to && ok; ) {
      const length = bytes[at]!;
      if (perPrefix) result = imports.evaluate(peer, set, family, bytes, at + 1, length);
      ok = result !== 0 && rib.announce(peer.id, peer.epoch, 0, bytes, at + 1, length, set, result) >= 0;
      if (walking) imports.announced(family, bytes, at + 1, length);
      if (perPrefix && result > 0) sets.release(result);
      at += 1 + ((length + 7) >> 3);
      routes++;
    }
    if (!perPrefix && result > 0) sets.release(result);
    return ok;
  }

  /** The same for NLRI with path identifiers. */
  function announcePaths(
    peer: PeerRuntime,
    family: Family,
    set: SetHandle,
    bytes: Uint8Array,
    from: number,
    to: number,
  ): boolean {
    const rib = ribs[family];
    const perPrefix = imports.readsPrefix(peer, family);
    const { walking } = imports;
    let result = perPrefix ? 0 : imports.evaluate(peer, set, family, bytes, 0, 0);
    let ok = true;
    for (let at = from; at < to && ok; ) {
      const length = bytes[at + 4]!;
      if (perPrefix) result = imports.evaluate(peer, set, family, bytes, at + 5, length);
      ok = result !== 0 && rib.announce(peer.id, peer.epoch, u32(bytes, at), bytes, at + 5, length, set, result) >= 0;
      if (walking) imports.announced(family, bytes, at + 5, length);
      if (perPrefix && result > 0) sets.release(result);
      at += 5 + ((length + 7) >> 3);
      routes++;
    }
    if (!perPrefix && result > 0) sets.release(result);
    return ok;
  }

  /** Either near a limit whose further prefixes, or paths, are left out (maxPrefixesIn with `block`). */
  function announceWithin(
    peer: PeerRuntime,
    family: Family,
    set: SetHandle,
    bytes: Uint8Array,
    from: number,
    to: number,
  ): boolean {
    const ids = hasPathIds(peer, family);
    const announceOne = ids ? announcePaths : announceAll;
    let ok = true;
    for (let at = from; at < to && ok; ) {
      const pathId = ids ? u32(bytes, at) : 0;
      const lengthAt = ids ? at + 4 : at;
      const length = bytes[lengthAt]!;
      const end = lengthAt + 1 + ((length + 7) >> 3);
      if (isHeld(peer, ribs[family], pathId, bytes, lengthAt + 1, length) || limits.hasRoom(peer, family))
        ok = announceOne(peer, family, set, bytes, at, end);
      else routes++;
      at = end;
    }
    return ok;
  }

  /** Announces the NLRI of one family with the scan's attributes; returns the fault at a bound. */
  function announce(
    peer: PeerRuntime,
    family: Family,
    bytes: Uint8Array,
    hop: NextHopId,
    ofMpReach: boolean,
    from: number,
    to: number,
  ): Refusal | undefined {
    const set = hop && sets.intern(bytes, scan, peer.parsing, hop, ofMpReach);
    if (set === 0) return OUT_OF_RESOURCES;
    const all = hasPathIds(peer, family) ? announcePaths : announceAll;
    const announced = limits.isTight(peer, family, to - from) ? announceWithin : all;
    const ok = announced(peer, family, set, bytes, from, to);
    sets.release(set);
    return ok ? undefined : OUT_OF_RESOURCES;
  }

  function isActive(peer: PeerRuntime, afi: number, safi: number): Family | undefined {
    const family = familyOf(afi, safi);
    return family && peer.negotiated?.[family] ? family : undefined;
  }

  function handle(peer: PeerRuntime, bytes: Uint8Array, from: number, to: number): Refusal | undefined {
    scanUpdate(bytes, from, to, peer.parsing, scan);
    if (scan.treatment !== TREATMENT.none) report(peer, scan, bytes, from, to);
    if (scan.treatment === TREATMENT.reset) return { ...scanNotification(bytes, scan), why: peer.lastFault!.why };
    const plain = peer.negotiated!.ipv4;
    if (plain) withdrawAll(peer, "ipv4", bytes, scan.withdrawnAt, scan.withdrawnEnd);
    const unreach = isActive(peer, scan.unreachAfi, scan.unreachSafi);
    if (unreach) withdrawAll(peer, unreach, bytes, scan.unreachAt, scan.unreachEnd);
    const reach = isActive(peer, scan.reachAfi, scan.reachSafi);

    if (scan.treatment === TREATMENT.withdraw) {
      if (plain) withdrawAll(peer, "ipv4", bytes, scan.nlriAt, scan.nlriEnd);
      if (reach) withdrawAll(peer, reach, bytes, scan.reachAt, scan.reachEnd);
      return undefined;
    }
    if (plain && scan.nlriAt < scan.nlriEnd) {
      const hop = nextHops.intern("ipv4", bytes, scan.nextHopAt, 0, peer.direct);
      const fault = announce(peer, "ipv4", bytes, hop, false, scan.nlriAt, scan.nlriEnd);
      if (fault) return fault;
    }
    if (reach && scan.reachAt < scan.reachEnd) {
      const hop = reachNextHop(peer, reach, bytes);
      const fault = announce(peer, reach, bytes, hop, true, scan.reachAt, scan.reachEnd);
      if (fault) return fault;
    }
    noteEndOfRib(peer, unreach, from, to);
    return undefined;
  }

  /**
   * The global address of a 16 or 32 octet next hop where there is one, else the link-local one with the interface of the
   * session (bgp-protocol.md 12.3: global + link-local, either alone, and ::, link-local are all seen).
   */
  function reachNextHop(peer: PeerRuntime, family: Family, bytes: Uint8Array): NextHopId {
    const first = scan.reachNextHopAt;
    if (scan.reachNextHopLength === 4) return nextHops.intern("ipv4", bytes, first, 0, peer.direct);
    if (scan.reachNextHopLength === 16 || isGlobal(bytes, first))
      return nextHops.intern(family, bytes, first, peer.parsing.ifindex, peer.direct);
    const at = isGlobal(bytes, first + 16) || !isLinkLocalAt(bytes, first) ? first + 16 : first;
    return nextHops.intern(family, bytes, at, peer.parsing.ifindex, peer.direct);
  }

  /** RFC 4724 §2: an UPDATE with nothing in it, or with an empty MP_UNREACH and nothing else. */
  function noteEndOfRib(peer: PeerRuntime, unreach: Family | undefined, from: number, to: number): void {
    const noRoutes = scan.nlriAt === scan.nlriEnd && scan.withdrawnAt === scan.withdrawnEnd && scan.reachAfi === 0;
    if (!noRoutes) return;
    if (to - from === 4) options.endOfRib(peer, "ipv4");
    else if (unreach && scan.unreachAt === scan.unreachEnd && to - from <= 11) options.endOfRib(peer, unreach);
  }

  return {
    update(peer, bytes, from, to) {
      routes = 0;
      const fault = handle(peer, bytes, from, to);
      if (peer.limits.in !== undefined && !fault) limits.received(peer);
      if (routes > counters.longestUpdateRoutes) counters.longestUpdateRoutes = routes;
      return fault;
    },
    counters,
  };
}

/** The peer sends path identifiers with its NLRI of the family. */
function hasPathIds({ parsing }: PeerRuntime, family: Family): boolean {
  return (family === "ipv4" ? parsing.addPathIpv4 : parsing.addPathIpv6) === true;
}

/** The peer has announced the path in its present session. */
function isHeld(
  peer: PeerRuntime,
  rib: FamilyRib,
  pathId: number,
  bytes: Uint8Array,
  at: number,
  length: number,
): boolean {
  const row = rib.prefixes.find(bytes, at, length);
  const path = row < 0 ? 0 : rib.pathOf(row, peer.id, pathId);
  return path !== 0 && !rib.isStale(path);
}

/** Neither link-local nor unspecified. */
function isGlobal(bytes: Uint8Array, at: number): boolean {
  if (isLinkLocalAt(bytes, at)) return false;
  for (let i = at; i < at + 16; i++) if (bytes[i] !== 0) return true;
  return false;
}
