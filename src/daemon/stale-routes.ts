/**
 * The helper's part of graceful restart (RFC 4724 §4.2, RFC 8538 §4.1): what a peer announced in a session that is lost
 * stays in use while the peer restarts, marked by its epoch. A stale path is selected and passed on like any other.
 */
import type { Negotiated, NegotiatedRestart } from "../bgp/session/types.ts";
import { FAMILIES, type Family } from "../ip/address.ts";
import type { Core } from "./core.ts";
import type { LongLived } from "./long-lived.ts";
import type { PeerRuntime } from "./peer.ts";
import type { Round } from "./walks.ts";

/** Paths of a peer that it has not announced in its present session, or that has none. */
export interface StaleState {
  /** When the session was lost in which they were announced, or the first one of several in a row. */
  readonly sinceMs: number;
  /** Stale timer (RFC 8538 §4.1): kept no longer than this, whatever happens. */
  readonly boundMs: number;
  /** What is still stale then goes: the peer's restart time while it is away, the bound once it is back. */
  untilMs: number;
  readonly families: Set<Family>;
  /** How long routes of a family are kept after that (RFC 9494 §4.2). */
  readonly longLived: ReadonlyMap<Family, number>;
  cancel: () => void;
}

export interface StaleRoutes {
  /**
   * The session is lost. Routes of the families in `kept` become stale, all others go. Those that were stale already
   * stay only where N was exchanged (RFC 8538 §4.1): else they have outlived two sessions (RFC 4724 §4.2).
   */
  lost(peer: PeerRuntime, kept: NegotiatedRestart | undefined): void;
  /** The peer is back: what it does not promise to have forwarded meanwhile goes at once. */
  returned(peer: PeerRuntime, negotiated: Negotiated): void;
  /** It has announced what it has: the rest of the family goes. */
  endOfRib(peer: PeerRuntime, family: Family): void;
  /** Nothing is waited for any more: what is stale goes. */
  drop(peer: PeerRuntime, reason: string): void;
  /** The peer's paths are no longer this peer's concern. */
  forget(peer: PeerRuntime): void;
}

export function createStaleRoutes(core: Core, sweep: Round, longLived: LongLived): StaleRoutes {
  const { clock, log, peerTable, ribs } = core;

  function lost(peer: PeerRuntime, kept: NegotiatedRestart | undefined): void {
    const before = peer.stale;
    before?.cancel();
    const lastEpoch = peerTable.sessionEpoch(peer.id);
    peer.epoch = peerTable.newEpoch(peer.id, true);
    const families = new Set<Family>();
    const times = new Map(kept?.longLived.map(({ family, timeMs }) => [family, timeMs]));
    for (const family of FAMILIES) {
      const restarts = kept?.families.some((it) => it.family === family) ?? false;
      const longMs = times.get(family) ?? 0;
      if (!restarts && longMs === 0) {
        longLived.end(peer, family);
        peerTable.keepFrom(peer.id, family, peer.epoch);
        continue;
      }
      // Long-lived routes outlive any number of sessions: their time bounds them (RFC 9494 §4.2).
      if (!kept?.notification && longMs === 0) peerTable.keepFrom(peer.id, family, lastEpoch);
      if (ribs[family].received(peer.id) === 0) continue;
      if (restarts) families.add(family);
      else longLived.begin(peer, family, longMs);
    }
    sweep.request();
    peer.stale = undefined;
    if (!kept || families.size === 0) return;
    const now = clock.nowMs();
    const again = kept.notification || times.size > 0 ? before : undefined;
    const sinceMs = again?.sinceMs ?? now;
    const boundMs = again?.boundMs ?? now + peer.config.gracefulRestart.staleTimeMs;
    const untilMs = Math.min(now + kept.timeMs, boundMs);
    peer.stale = { sinceMs, boundMs, untilMs, families, longLived: times, cancel: () => {} };
    arm(peer, peer.stale, () => restartTimeOver(peer));
    log("info", "routes kept while the peer restarts", {
      peer: peer.config.name,
      families: [...families],
      seconds: Math.round((untilMs - now) / 1000),
    });
  }

  function arm(peer: PeerRuntime, stale: StaleState, due: () => void): void {
    stale.cancel = clock.after(stale.untilMs - clock.nowMs(), () => {
      if (peer.stale === stale) due();
    });
  }

  /** The peer is not back within the time that it said. */
  function restartTimeOver(peer: PeerRuntime): void {
    const { stale } = peer;
    if (!stale) return;
    for (const family of [...stale.families]) {
      const timeMs = stale.longLived.get(family) ?? 0;
      if (timeMs === 0) continue;
      settled(peer, stale, family);
      longLived.begin(peer, family, timeMs);
    }
    drop(peer, "the peer is not back within its restart time");
  }

  function returned(peer: PeerRuntime, negotiated: Negotiated): void {
    longLived.returned(peer, negotiated);
    const { stale } = peer;
    if (!stale) return;
    stale.cancel();
    const kept = negotiated.gracefulRestart?.families ?? [];
    for (const family of [...stale.families])
      if (!kept.some((it) => it.family === family && it.forwarding)) refreshed(peer, stale, family);
    if (stale.families.size === 0) return;
    stale.untilMs = stale.boundMs;
    arm(peer, stale, () => drop(peer, "the peer has sent no End-of-RIB within the stale time"));
  }

  /** What the family holds of earlier sessions goes. */
  function refreshed(peer: PeerRuntime, stale: StaleState, family: Family): void {
    peerTable.keepFrom(peer.id, family, peerTable.sessionEpoch(peer.id));
    sweep.request();
    settled(peer, stale, family);
  }

  /** The family has no part in the restart any more. */
  function settled(peer: PeerRuntime, stale: StaleState, family: Family): void {
    stale.families.delete(family);
    if (stale.families.size > 0) return;
    stale.cancel();
    peer.stale = undefined;
  }

  function drop(peer: PeerRuntime, reason: string): void {
    const { stale } = peer;
    if (!stale) return;
    log("info", "stale routes dropped", { peer: peer.config.name, families: [...stale.families], reason });
    for (const family of [...stale.families]) refreshed(peer, stale, family);
  }

  return {
    lost,
    returned,
    endOfRib(peer, family) {
      if (peer.stale?.families.has(family)) refreshed(peer, peer.stale, family);
      longLived.end(peer, family);
    },
    drop(peer, reason) {
      drop(peer, reason);
      for (const family of FAMILIES) longLived.end(peer, family);
    },
    forget(peer) {
      longLived.forget(peer);
      peer.stale?.cancel();
      peer.stale = undefined;
    },
  };
}
