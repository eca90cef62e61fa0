/**
 * Bounds of what a peer may send us and of what we send it (RFC 4271 §6.7, RFC 4486 §4). The prefixes received are
 * counted as they stand in the Adj-RIB-In, rejected ones included, once for each UPDATE; those announced as they stand in
 * the Adj-RIB-Out, before each flush, so that what goes beyond the limit is never sent.
 */
import { AFI, ERROR, SAFI_UNICAST } from "../bgp/iana.ts";
import type { StopCause } from "../bgp/session/types.ts";
import type { MaxPrefixesConfig } from "../config/model.ts";
import { FAMILIES, type Family } from "../ip/address.ts";
import type { Core } from "./core.ts";
import type { PeerRuntime } from "./peer.ts";
import { levelOf, newPrefixLimit, type PrefixLimit } from "./prefix-limit.ts";

export type Direction = "in" | "out";

export interface PrefixLimits {
  /** A session begins: counts start anew. */
  open(peer: PeerRuntime): void;
  close(peer: PeerRuntime): void;
  /** An UPDATE has been taken in. It may end the session. */
  received(peer: PeerRuntime): void;
  /** So many prefixes are about to be announced, and some were left out. It may end the session. */
  announcing(peer: PeerRuntime, family: Family, count: number, leftOut: boolean): void;
  /** `count` more prefixes of the family may have no room: each new one is to be asked about. */
  isTight(peer: PeerRuntime, family: Family, count: number): boolean;
  /** Whether a prefix that is new in this session has room; it is noted if not. */
  hasRoom(peer: PeerRuntime, family: Family): boolean;
  /** The configuration changed: limits that did are compared with the counts of now; those out at the next flush. */
  configured(): void;
}

export interface LimitActions {
  stop(peer: PeerRuntime, cause: StopCause, manual: boolean): void;
  /** Down until an operator enables the peer. */
  hold(peer: PeerRuntime, reason: string): void;
  /** ROUTE-REFRESH. */
  ask(peer: PeerRuntime, family: Family): void;
}

/** Withdrawals come in bursts: so long after the first one the peer is asked for what had no room. */
const ASK_AFTER_MS = 5000;
/** A peer at its limit is asked to repeat its table this often at most. */
const ASK_EVERY_MS = 60_000;
const TIMER = "refresh at limit";

export function createPrefixLimits(core: Core, actions: LimitActions): PrefixLimits {
  const { clock, log, ribs } = core;

  function judge(peer: PeerRuntime, family: Family, direction: Direction, limit: PrefixLimit, count: number): void {
    const level = levelOf(limit, count);
    if (level === limit.level) return;
    const before = limit.level;
    limit.level = level;
    const { config } = limit;
    const fields = { peer: peer.config.name, family, direction, count, limit: config.limit };
    if (level === "near" && before === "calm") log("warn", "prefix limit near", fields);
    else if (level === "over") {
      log("error", "prefix limit exceeded", { ...fields, action: config.action });
      end(peer, family, direction, limit);
    } else log("info", level === "near" ? "prefix limit kept again" : "prefix limit no longer near", fields);
  }

  /** Ends the session where the configuration wants it so. */
  function end(peer: PeerRuntime, family: Family, direction: Direction, { config }: PrefixLimit): void {
    const { limit, action, restartAfterMs } = config;
    if (action !== "restart" && action !== "disable") return;
    const disable = action === "disable";
    const words = `${direction === "in" ? "it sent" : "we would send"} more than ${limit} ${family} prefixes`;
    const cause: StopCause = {
      ...(direction === "in"
        ? { subcode: CEASE.maximumPrefixes, data: limitData(family, limit) }
        : outCause(disable, words)),
      ...(disable ? {} : { retryMs: restartAfterMs }),
    };
    if (disable) actions.hold(peer, words);
    actions.stop(peer, cause, disable);
  }

  function limitsOf(peer: PeerRuntime): PeerRuntime["limits"] {
    const { maxPrefixesIn: max, maxPrefixesOut: out } = peer.config;
    const both = (config: typeof max) => config && { ipv4: newPrefixLimit(config), ipv6: newPrefixLimit(config) };
    return { in: both(max), out: both(out) };
  }

  /** Prefixes had no room: once there is some, the peer is asked for all it has, where it understands that. */
  function wantMissing(peer: PeerRuntime, family: Family, hasRoom: boolean): void {
    if (!peer.negotiated?.routeRefresh) return;
    const timer = `${TIMER} ${family}`;
    const now = clock.nowMs();
    const asked = peer.askedAtMs[family] ?? Number.NEGATIVE_INFINITY;
    // Room is also made by sweeping, which nobody tells of: without any it is looked for as often as it may be asked.
    const due = hasRoom ? Math.max(now + ASK_AFTER_MS, asked + ASK_EVERY_MS) : now + ASK_EVERY_MS;
    const armed = peer.timers.get(timer);
    if (armed && armed.dueMs <= due) return;
    armed?.cancel();
    const cancel = clock.after(due - now, () => {
      peer.timers.delete(timer);
      // The limit of now: the configuration may have brought another one meanwhile.
      const limit = peer.limits.in?.[family];
      if (!limit?.missing) return;
      if (ribs[family].fresh(peer.id) >= limit.config.limit) wantMissing(peer, family, false);
      else ask(peer, family, limit);
    });
    peer.timers.set(timer, { cancel, dueMs: due });
  }

  function ask(peer: PeerRuntime, family: Family, limit: PrefixLimit): void {
    limit.missing = false;
    peer.askedAtMs[family] = clock.nowMs();
    log("info", "asked for prefixes that had no room", { peer: peer.config.name, family });
    actions.ask(peer, family);
  }

  function receivedIn(peer: PeerRuntime, family: Family): void {
    const limit = peer.limits.in?.[family];
    if (!limit) return;
    const count = ribs[family].fresh(peer.id);
    judge(peer, family, "in", limit, count);
    if (limit.missing) wantMissing(peer, family, count < limit.config.limit);
  }

  /** The limit of a live session is another one. What had no room under the former one may have some now. */
  function succeed(peer: PeerRuntime, family: Family, former: PrefixLimit | undefined): void {
    const limit = peer.limits.in?.[family];
    if (former?.missing) {
      if (limit?.config.action === "block") Object.assign(limit, { leftOut: former.leftOut, missing: true });
      else if (peer.negotiated?.routeRefresh) ask(peer, family, former);
    }
    receivedIn(peer, family);
  }

  return {
    open(peer) {
      peer.limits = limitsOf(peer);
    },
    close(peer) {
      for (const family of FAMILIES) {
        peer.timers.get(`${TIMER} ${family}`)?.cancel();
        peer.timers.delete(`${TIMER} ${family}`);
      }
    },
    received(peer) {
      for (const family of FAMILIES) if (peer.negotiated?.[family]) receivedIn(peer, family);
    },
    announcing(peer, family, count, leftOut) {
      const limit = peer.limits.out?.[family];
      if (!limit || !peer.negotiated) return;
      limit.missing = leftOut;
      judge(peer, family, "out", limit, count);
    },
    isTight(peer, family, count) {
      const limit = peer.limits.in?.[family];
      if (limit?.config.action !== "block") return false;
      return ribs[family].fresh(peer.id) + count > limit.config.limit;
    },
    hasRoom(peer, family) {
      const limit = peer.limits.in![family];
      if (ribs[family].fresh(peer.id) < limit.config.limit) return true;
      limit.leftOut++;
      limit.missing = true;
      return false;
    },
    configured() {
      for (const peer of core.peers.values()) {
        const { maxPrefixesIn, maxPrefixesOut } = peer.config;
        const { in: former, out } = peer.limits;
        const isSameIn = isSame(former?.ipv4.config, maxPrefixesIn);
        const isSameOut = isSame(out?.ipv4.config, maxPrefixesOut);
        if (isSameIn && isSameOut) continue;
        const now = limitsOf(peer);
        peer.limits = { in: isSameIn ? former : now.in, out: isSameOut ? out : now.out };
        if (isSameIn) continue;
        for (const family of FAMILIES) if (peer.negotiated?.[family]) succeed(peer, family, former?.[family]);
      }
    },
  };
}

const CEASE = ERROR.cease.sub;

function isSame(a: MaxPrefixesConfig | undefined, b: MaxPrefixesConfig | undefined): boolean {
  if (!a || !b) return a === b;
  return (
    a.limit === b.limit &&
    a.warnPercent === b.warnPercent &&
    a.action === b.action &&
    a.restartAfterMs === b.restartAfterMs
  );
}

/** RFC 4486 §4: AFI, SAFI, limit. */
function limitData(family: Family, limit: number): Uint8Array {
  return Uint8Array.of(0, AFI[family], SAFI_UNICAST, limit >>> 24, limit >>> 16, limit >>> 8, limit);
}

/** 6/1 would say that the peer sent too much: as BIRD does it is a reset, with a text that tells why (RFC 9003). */
function outCause(disable: boolean, text: string): StopCause {
  return { subcode: disable ? CEASE.administrativeShutdown : CEASE.administrativeReset, text };
}
