/** Established sessions as members of update groups: what each peer is to be sent, and how its octets leave. */
import { ERROR } from "../bgp/iana.ts";
import { endOfRib } from "../bgp/update-writer.ts";
import { FAMILIES, type Family } from "../ip/address.ts";
import type { Member } from "../rib/update-group-types.ts";
import type { Core } from "./core.ts";
import { exportContext } from "./export-settings.ts";
import type { Exporter, Outlet } from "./exporter.ts";
import type { PeerRuntime } from "./peer.ts";
import type { PrefixLimits } from "./prefix-limits.ts";
import type { Recovery } from "./recovery.ts";
import { type Job, PRIORITY } from "./scheduler.ts";
import { measureUpdates, newSentRoutes } from "./sent-routes.ts";
import type { Sessions } from "./sessions.ts";

export interface Outlets {
  /** The session is Established: its peer is sent what its families hold. */
  open(peer: PeerRuntime): void;
  /** The family is no longer deferred: those who are up are sent what it holds. */
  release(family: Family): void;
  close(peer: PeerRuntime): void;
  /** The connection can take more. */
  writable(peer: PeerRuntime): void;
  /** Configuration or interfaces changed: peers whose context did are moved to another group. */
  refreshContexts(): void;
  /** The peer that lags most when withdrawn routes reach their bound. */
  closeLagging(member: Member): void;
}

/** Peers whose export context is worked out in one slice. */
const PEERS_PER_SLICE = 128;

/** `sessions` is asked for when it is needed: it is made after what it reports to. */
export function createOutlets(
  core: Core,
  exporter: Exporter,
  recovery: Recovery,
  limits: PrefixLimits,
  sessions: () => Sessions,
  endOfRibSent: (peer: PeerRuntime, family: Family) => void,
): Outlets {
  const { log, nextHops } = core;
  let moving: PeerRuntime[] = [];
  const moves: Job = { name: "move peers", priority: PRIORITY.refresh, step: moveSome };

  function memberOf(peer: PeerRuntime, family: Family): Member {
    const { address } = peer.config;
    const eor = endOfRib(family);
    const pathIds = peer.negotiated?.addPath[family].send === true;
    const ownNextHop = address.family === family ? nextHops.intern(family, address.bytes, 0, 0) : 0;
    if (ownNextHop !== 0) nextHops.hold(ownNextHop);
    return {
      peer: peer.id,
      ownNextHop,
      write(bytes) {
        const { messages, announced, withdrawn } = measureUpdates(bytes, pathIds);
        peer.counts.sent.update += messages;
        peer.sentRoutes[family].announced += announced;
        peer.sentRoutes[family].withdrawn += withdrawn;
        return sessions().write(peer, bytes);
      },
      endOfRib() {
        peer.endOfRib[family].sent = true;
        peer.counts.sent.update++;
        sessions().write(peer, eor);
        endOfRibSent(peer, family);
      },
    };
  }

  function attach(peer: PeerRuntime, family: Family): void {
    if (!peer.negotiated?.[family] || peer.outlets[family]) return;
    const outlet = exporter.attach(exportContext(core, peer, family), memberOf(peer, family));
    peer.outlets[family] = outlet;
    watch(peer, family, outlet);
  }

  function watch(peer: PeerRuntime, family: Family, outlet: Outlet): void {
    const limited = peer.config.maxPrefixesOut !== undefined;
    exporter.watch(outlet, limited ? (count, leftOut) => limits.announcing(peer, family, count, leftOut) : undefined);
  }

  /** A slice of the peers whose context may have changed. True while some are left. */
  function moveSome(): boolean {
    for (const peer of moving.splice(-PEERS_PER_SLICE))
      for (const family of FAMILIES) {
        const outlet = peer.outlets[family];
        if (!outlet) continue;
        exporter.move(outlet, exportContext(core, peer, family));
        watch(peer, family, outlet);
      }
    return moving.length > 0;
  }

  return {
    open(peer) {
      for (const family of FAMILIES) {
        peer.endOfRib[family] = { received: false, sent: false };
        peer.sentRoutes[family] = newSentRoutes();
        peer.trafficBefore[family] = core.ribs[family].traffic(peer.id);
        if (!recovery.isDeferred(family)) attach(peer, family);
      }
    },
    release(family) {
      for (const peer of core.peers.values()) attach(peer, family);
    },
    close(peer) {
      for (const family of FAMILIES) {
        const outlet = peer.outlets[family];
        peer.outlets[family] = undefined;
        if (!outlet) continue;
        exporter.detach(outlet);
        if (outlet.member.ownNextHop !== 0) nextHops.unhold(outlet.member.ownNextHop);
      }
    },
    writable(peer) {
      for (const family of FAMILIES) {
        const outlet = peer.outlets[family];
        if (outlet) exporter.resume(outlet);
      }
    },
    refreshContexts() {
      moving = [...core.peers.values()];
      if (moveSome()) core.scheduler.add(moves);
    },
    closeLagging(member) {
      const peer = [...core.peers.values()].find((p) => p.id === member.peer);
      if (!peer) return;
      log("error", "peer lags too far behind", {
        peer: peer.config.name,
        reason: "withdrawn routes waiting for it reached their bound",
      });
      sessions().stop(peer, ERROR.cease.sub.outOfResources, false);
    },
  };
}
