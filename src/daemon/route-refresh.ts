/**
 * Route refresh, as it is answered and as it arrives (RFC 2918, RFC 7313). Where both sides know the enhanced form, the
 * table sent again stands between BoRR and EoRR; what the peer sends so is told apart by an epoch begun at its BoRR, and at
 * its EoRR what still has an older one goes. Until then stale routes stay in use.
 */
import { AFI, familyOf, SAFI_UNICAST } from "../bgp/iana.ts";
import { encodeRefresh, REFRESH, type RouteRefresh } from "../bgp/refresh.ts";
import { FAMILIES, type Family } from "../ip/address.ts";
import type { Core } from "./core.ts";
import type { Exporter } from "./exporter.ts";
import type { PeerRuntime } from "./peer.ts";
import type { Sessions } from "./sessions.ts";
import type { Round } from "./walks.ts";

/** Route refresh of one family of a session. */
export interface RefreshState {
  /** The peer has begun and not ended: paths of epochs before this one are stale. */
  receiving: { readonly epoch: number; readonly cancel: () => void } | undefined;
  /** We have begun and not ended. */
  sending: boolean;
  /** Asked for before our first table was complete: comes after its End-of-RIB (RFC 7313 §4). */
  due: boolean;
  /** Counts what was begun: an EoRR ends the last one only. */
  round: number;
}

export function newRefreshState(): RefreshState {
  return { receiving: undefined, sending: false, due: false, round: 0 };
}

export interface RouteRefreshes {
  /** A message of the peer; families that are not ours, and subtypes that nobody knows, are passed over. */
  received(peer: PeerRuntime, message: RouteRefresh): void;
  /** The whole table of the family once more. */
  resend(peer: PeerRuntime, family: Family): void;
  /** Our first table is complete, and the peer has been told so. */
  endOfRibSent(peer: PeerRuntime, family: Family): void;
  over(peer: PeerRuntime): void;
}

export interface RouteRefreshOptions {
  readonly core: Core;
  readonly exporter: Exporter;
  readonly sweep: Round;
  readonly sessions: () => Sessions;
  /** All that the peer has is announced. */
  readonly complete: (peer: PeerRuntime, family: Family) => void;
}

export function createRouteRefreshes(options: RouteRefreshOptions): RouteRefreshes {
  const { core, exporter, sweep, sessions, complete } = options;
  const { clock, log, peerTable } = core;

  function send(peer: PeerRuntime, family: Family, subtype: number): void {
    peer.counts.sent.routeRefresh++;
    sessions().write(peer, encodeRefresh({ afi: AFI[family], subtype, safi: SAFI_UNICAST }));
  }

  function resend(peer: PeerRuntime, family: Family): void {
    const outlet = peer.outlets[family];
    const state = peer.refresh[family];
    if (!outlet) return;
    if (!peer.negotiated?.enhancedRouteRefresh) return exporter.resend(outlet);
    if (!peer.endOfRib[family].sent) {
      state.due = true;
      return;
    }
    const round = ++state.round;
    state.sending = true;
    send(peer, family, REFRESH.begin);
    exporter.resend(outlet, () => {
      if (peer.outlets[family] !== outlet || state.round !== round) return;
      state.sending = false;
      send(peer, family, REFRESH.end);
    });
  }

  /** What was stale before is so still. */
  function begin(peer: PeerRuntime, family: Family): void {
    const state = peer.refresh[family];
    state.receiving?.cancel();
    const epoch = peerTable.nextEpoch(peer.id);
    peer.epoch = epoch;
    const receiving = {
      epoch,
      cancel: clock.after(peer.config.gracefulRestart.staleTimeMs, () => {
        if (state.receiving === receiving) giveUp(peer, family);
      }),
    };
    state.receiving = receiving;
    log("debug", "route refresh begins", { peer: peer.config.name, family });
  }

  /**
   * No EoRR within the stale time. A speaker that sends BoRR by mistake would lose all its routes, so what it has not sent
   * again counts as it did before.
   */
  function giveUp(peer: PeerRuntime, family: Family): void {
    peer.refresh[family].receiving = undefined;
    const reason = "no EoRR within the stale time; what was not sent again stays";
    log("warn", "route refresh not ended", { peer: peer.config.name, family, reason });
    if (peer.endOfRib[family].received) complete(peer, family);
  }

  function end(peer: PeerRuntime, family: Family, epoch: number): void {
    const state = peer.refresh[family];
    state.receiving?.cancel();
    state.receiving = undefined;
    peerTable.keepFrom(peer.id, family, epoch);
    sweep.request();
    complete(peer, family);
  }

  return {
    received(peer, { afi, safi, subtype: octet }) {
      const family = familyOf(afi, safi);
      const { name } = peer.config;
      // Without the capability the octet is reserved, hence not looked at (RFC 2918 §3).
      const subtype = peer.negotiated?.enhancedRouteRefresh ? octet : REFRESH.request;
      if (subtype === REFRESH.request)
        log("info", "route refresh requested", { peer: name, family: family ?? `${afi}/${safi}` });
      if (!family || !peer.negotiated?.[family]) return;
      const { receiving } = peer.refresh[family];
      if (subtype === REFRESH.request) resend(peer, family);
      else if (subtype === REFRESH.begin) begin(peer, family);
      else if (subtype === REFRESH.end && receiving) {
        end(peer, family, receiving.epoch);
        log("debug", "route refresh ends", { peer: name, family, routes: core.ribs[family].received(peer.id) });
      }
    },
    resend,
    endOfRibSent(peer, family) {
      if (!peer.refresh[family].due) return;
      peer.refresh[family].due = false;
      resend(peer, family);
    },
    over(peer) {
      for (const family of FAMILIES) {
        peer.refresh[family].receiving?.cancel();
        peer.refresh[family] = newRefreshState();
      }
    },
  };
}
