/**
 * The helper's part of long-lived graceful restart (RFC 9494 §4.2): routes that have outlived the peer's restart time stay,
 * as the last that is used, until its End-of-RIB or the end of the time that it asked for. They get LLGR_STALE as if the
 * peer had announced them so; those with NO_LLGR go.
 */
import { COMMUNITY } from "../bgp/iana.ts";
import type { Negotiated } from "../bgp/session/types.ts";
import { FAMILIES, type Family } from "../ip/address.ts";
import { holdsCommunity } from "../rib/session-checks.ts";
import type { PathRow, PeerId, SetHandle } from "../rib/types.ts";
import type { Core } from "./core.ts";
import type { Import } from "./import.ts";
import type { PeerRuntime } from "./peer.ts";
import { PRIORITY } from "./scheduler.ts";
import { createRound, type Round } from "./walks.ts";

/** Routes of one family of a peer. */
export interface LongLivedState {
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Paths of epochs before this one. */
  epoch: number;
  readonly cancel: () => void;
}

export interface LongLived {
  /** The restart time of the peer is over: what is stale by now is long-lived. A time that runs already goes on. */
  begin(peer: PeerRuntime, family: Family, timeMs: number): void;
  /** The peer is back: families that it does not promise to have forwarded meanwhile go at once. The others' time goes on. */
  returned(peer: PeerRuntime, negotiated: Negotiated): void;
  /** Nothing of the family is waited for any more: what is stale goes. */
  end(peer: PeerRuntime, family: Family): void;
  /** The peer's paths are no longer this peer's concern. */
  forget(peer: PeerRuntime): void;
}

const ADD_STALE = { addCommunities: [COMMUNITY.llgrStale] };

export function createLongLived(core: Core, imports: Import, sweep: Round): LongLived {
  const { clock, log, peerTable, ribs, scheduler, sets } = core;
  const owners = new Map<PeerId, PeerRuntime>();
  const octets = new Uint8Array(16);
  const mark = createRound(scheduler, "mark long-lived", PRIORITY.sweep, (family, cursor, rows) =>
    ribs[family].walkPaths(cursor, rows, (path) => visit(family, path)),
  );

  function visit(family: Family, path: PathRow): void {
    const rib = ribs[family];
    const peer = owners.get(rib.pathPeer(path));
    const state = peer?.longLived[family];
    if (!peer || !state || ((rib.pathEpoch(path) - state.epoch) | 0) >= 0) return;
    const set = rib.pathSetIn(path);
    // What came stale from further away is marked already, and may still be one that must not be kept.
    const stays = !mustGo(set) && (sets.staleness(set) === 1 || markPath(peer, family, path, set));
    if (!stays) rib.removePath(path);
  }

  /** RFC 9494 §4.3: whoever announced it wants it to go with the session. */
  function mustGo(set: SetHandle): boolean {
    const at = sets.offset(set);
    return holdsCommunity(sets.arena(), at, at + sets.octets(set), COMMUNITY.noLlgr);
  }

  /** False where the path cannot be kept for want of room, or could not be told from fresh ones. */
  function markPath(peer: PeerRuntime, family: Family, path: PathRow, set: SetHandle): boolean {
    const rib = ribs[family];
    const stale = sets.derive(set, ADD_STALE, sets.nextHop(set));
    if (stale === 0) return false;
    const row = rib.pathPrefix(path);
    rib.prefixes.writeAddress(row, octets, 0);
    const result = imports.evaluate(peer, stale, family, octets, 0, rib.prefixes.length(row));
    // What was learned in a session without the capability could not be told from fresh routes.
    const kept = result !== 0 && sets.staleness(stale) === 1;
    if (kept) rib.setPathSets(path, stale, result);
    if (result > 0) sets.release(result);
    sets.release(stale);
    return kept;
  }

  function begin(peer: PeerRuntime, family: Family, timeMs: number): void {
    const epoch = peerTable.sessionEpoch(peer.id);
    const running = peer.longLived[family];
    if (running) running.epoch = epoch;
    else {
      const sinceMs = clock.nowMs();
      const state: LongLivedState = {
        sinceMs,
        untilMs: sinceMs + timeMs,
        epoch,
        cancel: clock.after(timeMs, () => {
          if (peer.longLived[family] === state) over(peer, family, state);
        }),
      };
      peer.longLived[family] = state;
      owners.set(peer.id, peer);
      const routes = ribs[family].received(peer.id);
      log("warn", "routes are long-lived stale", { peer: peer.config.name, family, routes, seconds: timeMs / 1000 });
    }
    mark.request();
  }

  /** What has not been announced again goes; what became stale since has a time of its own. */
  function over(peer: PeerRuntime, family: Family, { epoch }: LongLivedState): void {
    log("warn", "long-lived stale routes dropped", { peer: peer.config.name, family, reason: "their time is over" });
    clear(peer, family);
    peerTable.keepFrom(peer.id, family, epoch);
    sweep.request();
  }

  function clear(peer: PeerRuntime, family: Family): void {
    peer.longLived[family]?.cancel();
    peer.longLived[family] = undefined;
    if (FAMILIES.every((each) => !peer.longLived[each])) owners.delete(peer.id);
  }

  function end(peer: PeerRuntime, family: Family): void {
    if (!peer.longLived[family]) return;
    clear(peer, family);
    peerTable.keepFrom(peer.id, family, peerTable.sessionEpoch(peer.id));
    sweep.request();
  }

  return {
    begin,
    returned(peer, negotiated) {
      const promised = negotiated.gracefulRestart?.longLived ?? [];
      for (const family of FAMILIES)
        if (!promised.some((it) => it.family === family && it.forwarding)) end(peer, family);
    },
    end,
    forget(peer) {
      for (const family of FAMILIES) clear(peer, family);
    },
  };
}
