/**
 * A copy of a running daemon: the same code, given the same configuration, kernel and routes. What it does with another
 * configuration is what the daemon would do.
 */
import { MAX_EXTENDED_MESSAGE_OCTETS, MAX_MESSAGE_OCTETS, MESSAGE } from "../bgp/iana.ts";
import { encodeKeepalive } from "../bgp/message.ts";
import { decodeOpen, encodeOpen } from "../bgp/open.ts";
import { REFRESH } from "../bgp/refresh.ts";
import { endOfRib } from "../bgp/update-writer.ts";
import type { Config } from "../config/model.ts";
import {
  addressOf,
  kernelAddressOf,
  kernelRouteOf,
  octetsOfHex,
  type PlainEndpoint,
  type RunningPage,
  type RunningSession,
  type RunningState,
} from "../control/running-state.ts";
import type { KernelEvent } from "../fib/fib.ts";
import type { Family } from "../ip/address.ts";
import { createHearing, type HeardTable, type Hearing, PeerTable } from "./heard-routes.ts";
import type { PeerRuntime } from "./peer.ts";
import type { ConnectionId, Endpoint, TransportEvent } from "./ports.ts";
import { updatesOf } from "./replica-feed.ts";
import { createStillClock, replicaPorts } from "./replica-ports.ts";
import { createRouter, type Router } from "./router.ts";

export interface Replica {
  readonly router: Router;
  readonly hearing: Hearing;
  /** One page of the running daemon's tables. */
  take(page: RunningPage): void;
  /** All pages have been taken. */
  complete(): void;
  apply(config: Config): void;
  /** Sessions that the daemon has and the replica has not come up again, and their routes with them; how many do. */
  bringBack(): number;
  /** What a peer has been told; undefined without a session. */
  heard(peer: string): HeardTable | undefined;
  /** Paths that could not be given to their peer. */
  readonly skipped: number;
}

/** What happens within this time belongs to what was asked for: timers of sessions are longer. */
const SETTLE_MS = 500;

/** `keeps`: the routes of this peer may be needed a second time, because it will be asked for them again. */
export function createReplica(state: RunningState, config: Config, keeps: (peer: string) => boolean): Replica {
  const clock = createStillClock();
  const hearing = createHearing();
  const sessions = new Map(state.sessions.map((session) => [session.peer, session]));
  const connections = new Map<ConnectionId, string>();
  const tables = new Map<string, PeerTable>();
  /** Peers that were asked to send their routes again. */
  const asked = new Set<string>();
  /** Names now, by those of the daemon's sessions. */
  const names = new Map<string, string>();
  const kept = new Map<string, Uint8Array[]>();
  let nextId: ConnectionId = -1;
  let skipped = 0;
  const router = createRouter(replicaPorts(clock, { wrote, closed }, state.version), withoutBounds(config), "replica");
  const { core } = router;
  core.routerId = state.routerId;

  function wrote(id: ConnectionId, bytes: Uint8Array): void {
    const name = connections.get(id);
    const peer = name === undefined ? undefined : core.peers.get(name);
    if (!peer?.negotiated || peer.active?.id !== id) return;
    if (bytes[18] === MESSAGE.routeRefresh.code && bytes[21] === REFRESH.request) asked.add(name!);
    const { addPath } = peer.negotiated;
    const table = tables.get(peer.config.name)!;
    hearing.hear(table, bytes, { ipv4: addPath.ipv4.send, ipv6: addPath.ipv6.send });
  }

  function closed(id: ConnectionId): void {
    const name = connections.get(id);
    connections.delete(id);
    if (name !== undefined) tables.delete(name);
  }

  const kernel = (event: KernelEvent) => router.handle({ from: "kernel", event });
  const transport = (event: TransportEvent) => router.handle({ from: "transport", event });

  function start(): void {
    for (const link of state.links) kernel({ kind: "link", link, gone: false });
    for (const address of state.addresses) kernel({ kind: "address", address: kernelAddressOf(address), gone: false });
    kernel({ kind: "synced" });
    if (state.draining) router.handle({ from: "admin", action: "drain", on: true });
    clock.settle(0);
    for (const session of sessions.values()) bringUp(session);
  }

  /** The peer comes in as it did, from where the configuration has it now. */
  function bringUp(session: RunningSession): void {
    const known = core.peers.get(session.peer);
    const id = nextId--;
    const local = endpointOf(session.local, known?.config.localAddress);
    const remote = endpointOf(session.remote, known?.config.address);
    const link = core.interfaces.shared(remote.address);
    const device = known?.config.interface ?? remote.address.zone ?? (link && core.interfaces.name(link.ifindex));
    transport({ kind: "incoming", id, local, remote, ttl: 255, ...(device !== undefined && { interface: device }) });
    const peer = known?.connections.incoming?.id === id ? known : peerOf(id);
    if (!peer) return;
    names.set(session.peer, peer.config.name);
    connections.set(id, peer.config.name);
    tables.set(peer.config.name, new PeerTable());
    if (session.bare) peer.session = { ...peer.session, fallback: true };
    transport({ kind: "data", id, bytes: withoutTimers(octetsOfHex(session.open)) });
    transport({ kind: "data", id, bytes: encodeKeepalive() });
    if (peer.active?.id !== id) return;
    readWide(peer);
    clock.settle(0);
  }

  /** Sets were widened when they came in: whatever the session agreed on, AS numbers are fed with four octets. */
  function readWide(peer: PeerRuntime): void {
    const { internal, ifindex } = peer.parsing;
    const { allowAsSets } = peer.config;
    const wide = { ...peer.negotiated!, fourOctetAs: true };
    peer.parsing = router.parts.imports.parsingClass(wide, internal, ifindex, allowAsSets);
  }

  /** A neighbour of a range may have another name than before. */
  function peerOf(id: ConnectionId): PeerRuntime | undefined {
    return [...core.peers.values()].find(({ connections: { incoming } }) => incoming?.id === id);
  }

  /** The peer at the other end of what was a session of the daemon. */
  function peerAt(session: string): PeerRuntime | undefined {
    return core.peers.get(names.get(session) ?? session);
  }

  function give(peer: PeerRuntime | undefined, bytes: Uint8Array): void {
    if (!peer?.active) {
      skipped++;
      return;
    }
    transport({ kind: "data", id: peer.active.id, bytes });
  }

  function endTables(session: RunningSession): void {
    for (const family of session.endOfRib) give(peerAt(session.peer), endOfRib(family));
  }

  /** Peers that are restarting: what they announced is kept, for as long as it has been kept already. */
  function loseAll(): void {
    const lost = [...sessions.values()].filter((session) => session.lostMs !== null);
    let agoMs = 0;
    for (const session of lost.toSorted((a, b) => b.lostMs! - a.lostMs!)) {
      clock.settle(Math.max(0, agoMs - session.lostMs!));
      agoMs = session.lostMs!;
      const id = peerAt(session.peer)?.active?.id;
      if (id === undefined) continue;
      transport({ kind: "closed", id, reason: "the daemon has lost it" });
      closed(id);
    }
    clock.settle(agoMs);
  }

  start();
  return {
    router,
    hearing,
    take(page) {
      if ("kernel" in page) {
        for (const route of page.kernel) kernel({ kind: "route", route: kernelRouteOf(route), gone: false });
        kernel({ kind: "batch" });
        clock.settle(0);
        return;
      }
      const pathIds = (name: string, family: Family) => peerAt(name)?.negotiated?.addPath[family].receive ?? false;
      for (const { peer: name, messages } of updatesOf(page, pathIds, (peer) => maxOctets(peerAt(peer)))) {
        for (const bytes of messages) give(peerAt(name), bytes);
        if (!keeps(name)) continue;
        const said = kept.get(name) ?? [];
        kept.set(name, said);
        for (const bytes of messages) said.push(bytes);
      }
      clock.settle(0);
    },
    complete() {
      for (const session of sessions.values()) endTables(session);
      clock.settle(SETTLE_MS);
      loseAll();
      router.handle({ from: "config", config });
      clock.settle(SETTLE_MS);
      asked.clear();
    },
    apply(next) {
      router.handle({ from: "config", config: next });
      clock.settle(SETTLE_MS);
      for (const session of sessions.values()) {
        const peer = peerAt(session.peer);
        if (!peer?.active || !asked.delete(peer.config.name)) continue;
        readWide(peer);
        for (const bytes of kept.get(session.peer) ?? []) give(peer, bytes);
      }
      clock.settle(SETTLE_MS);
    },
    bringBack() {
      let back = 0;
      for (const session of sessions.values()) {
        const before = peerAt(session.peer);
        if (session.lostMs !== null || before?.active || before?.config.disabled) continue;
        bringUp(session);
        const peer = peerAt(session.peer);
        if (!peer?.active) continue;
        back++;
        for (const bytes of kept.get(session.peer) ?? []) give(peer, bytes);
        endTables(session);
      }
      clock.settle(SETTLE_MS);
      return back;
    },
    heard: (peer) => (core.peers.get(peer)?.active ? tables.get(peer)?.copy() : undefined),
    get skipped() {
      return skipped;
    },
  };
}

/**
 * Prefix limits count when a route comes in or goes out: what the daemon has taken, under whatever limit, is to be taken
 * here, and what is announced before all routes are there counts nothing. They are set when everything is there.
 */
function withoutBounds(config: Config): Config {
  return {
    ...config,
    peers: config.peers.map(({ maxPrefixesIn: _, maxPrefixesOut: _out, ...peer }) => peer),
    dynamicPeers: config.dynamicPeers.map(
      ({ template: { maxPrefixesIn: _, maxPrefixesOut: _out, ...template }, ...entry }) => ({
        ...entry,
        template,
      }),
    ),
  };
}

function maxOctets(peer: PeerRuntime | undefined): number {
  return peer?.negotiated?.extendedMessage ? MAX_EXTENDED_MESSAGE_OCTETS : MAX_MESSAGE_OCTETS;
}

/** The address may be another by now, where the configuration says so. */
function endpointOf({ address, port }: PlainEndpoint, configured: Endpoint["address"] | undefined): Endpoint {
  return { address: configured ?? addressOf(address), port };
}

const HEADER = 19;

/** Time stands still here: a session without a hold time needs none. The peer has restarted already, if it had. */
function withoutTimers(message: Uint8Array): Uint8Array {
  const open = decodeOpen(message, HEADER, message.length);
  const { gracefulRestart } = open.capabilities;
  return encodeOpen({
    ...open,
    holdSeconds: 0,
    capabilities: {
      ...open.capabilities,
      ...(gracefulRestart && { gracefulRestart: { ...gracefulRestart, restarting: false } }),
    },
  });
}
