/**
 * The router: events in, calls on its ports out (DESIGN §1). It decides the order of things; what each part does stands in
 * the files beside this one. A seed and a list of events reproduce a run.
 */
import type { RouteRefresh } from "../bgp/refresh.ts";
import type { DownReason, Negotiated } from "../bgp/session/types.ts";
import { endOfRib } from "../bgp/update-writer.ts";
import { diffConfig } from "../config/diff.ts";
import type { Config } from "../config/model.ts";
import { chooseRouterId } from "../config/router-id.ts";
import type { KernelAddress, KernelEvent } from "../fib/fib.ts";
import { type Family, formatQuad } from "../ip/address.ts";
import type { ResolvingRoute } from "../rib/route-table.ts";
import type { Member } from "../rib/update-group-types.ts";
import { applyConfig, type ConfigTarget, firstChange } from "./apply-config.ts";
import { type Core, createCore, type RouterPorts } from "./core.ts";
import type { RouterEvent } from "./events.ts";
import type { ExportContext } from "./export-context.ts";
import { exportContext } from "./export-settings.ts";
import { createExporter, type Exporter } from "./exporter.ts";
import { createForwarding, type ForwardingTable } from "./forwarding.ts";
import { createImport, type Import } from "./import.ts";
import { createListening, type Listening } from "./listening.ts";
import { createLocalRoutes, type LocalRoutes } from "./local-routes.ts";
import { type Connection, newCounts, type PeerRuntime } from "./peer.ts";
import { createReceiver, type Receiver } from "./receive.ts";
import { createRecorder, type Recorder } from "./recorder.ts";
import { PRIORITY } from "./scheduler.ts";
import { createSessions, type Sessions } from "./sessions.ts";
import { isExternal } from "./settings.ts";
import { createRound, createWalk, WALK_ROWS, type Walk } from "./walks.ts";

/** Adopted kernel routes that nobody announced are pruned at the latest so long after start (DESIGN §5). */
const PRUNE_AFTER_MS = 240_000;
/** Changed prefixes and kernel writes waiting: above `high` reading pauses, below `low` it goes on. */
export const WORK = { high: 65_536, low: 16_384 } as const;
/** While reading is paused the work is looked at this often. */
const RECHECK_MS = 10;
/** Next hops that nobody uses any more, before they are looked for and forgotten. */
const IDLE_NEXT_HOPS = 8192;
/** Changed prefixes dealt with in one slice: `rows` at most, and none once it has lasted `ms`; the clock is read per `step`. */
const PROPAGATE = { rows: 1024, ms: 2, step: 128 } as const;
/** Octets of the arena of attributes gone over in one slice of compaction. */
const COMPACT_OCTETS = 256 * 1024;
const FAMILIES = ["ipv4", "ipv6"] as const;
/** Cease subcodes (RFC 4486). */
const CEASE = { adminShutdown: 2, deconfigured: 3, configuration: 6, outOfResources: 8 } as const;

export interface Router {
  handle(event: RouterEvent): void;
  readonly core: Core;
  readonly parts: RouterParts;
  /** Ends all sessions; without a word when `silent` (kernel routes stay for the restart). */
  stop(silent: boolean): void;
}

/** For queries and tests. */
export interface RouterParts {
  readonly exporter: Exporter;
  readonly forwarding: ForwardingTable;
  readonly imports: Import;
  readonly listening: Listening;
  readonly sessions: Sessions;
  readonly receiver: Receiver;
  readonly recorder: Recorder;
}

export function createRouter(ports: RouterPorts, initial: Config, hostName: string): Router {
  const core = createCore(ports, initial);
  const { clock, log, scheduler, ribs, interfaces, nextHops, sets, peerTable } = core;
  const recorder = createRecorder();
  const forwarding = createForwarding({ fib: ports.fib, sets, nextHops, peers: peerTable, interfaces, ribs });
  const local: LocalRoutes = createLocalRoutes({ ribs, sets, nextHops, interfaces });
  const imports = createImport(core);
  const exporter = createExporter({
    clock,
    scheduler,
    tables: { sets, nextHops, peers: peerTable },
    ribs,
    onLagging: (member) => closeLagging(member),
  });
  const receiver = createReceiver({
    ribs,
    sets,
    nextHops,
    log,
    imports,
    endOfRib: onEndOfRib,
  });
  const listening = createListening({ clock, log, transport: ports.transport });
  const sessions = createSessions({
    clock,
    random: ports.random,
    log,
    transport: ports.transport,
    match: core.peerIndex.match,
    hooks: {
      established,
      down,
      update: receiver.update,
      refresh,
      writable,
      chunkHandled,
      listenFailed: listening.failed,
    },
  });

  const sweep = createRound(scheduler, "sweep", PRIORITY.sweep, (family, cursor, rows) =>
    ribs[family].sweepStale(cursor, rows),
  );
  const reselect = createRound(
    scheduler,
    "reselect",
    PRIORITY.sweep,
    (family, cursor, rows) => ribs[family].nextHopsChanged(cursor, rows),
    () => nextHops.settle(),
  );
  const reprogram: Walk = createWalk(scheduler, "reprogram", PRIORITY.refresh, (family, cursor, rows) =>
    ribs[family].walkPrefixes(cursor, rows, (row) => forwarding.program(family, row)),
  );
  /** After many sets have gone: what is left moves together, so that memory can be had again in any size. */
  const compaction = {
    name: "compact attributes",
    priority: PRIORITY.housekeeping,
    step: () => !sets.compact(COMPACT_OCTETS),
  };
  const changedRows = new Int32Array(PROPAGATE.step);
  const propagate = {
    name: "propagate",
    priority: PRIORITY.propagate,
    step(): boolean {
      for (const family of FAMILIES) propagateFamily(family);
      resumeReading();
      if (sets.wantsCompaction) scheduler.add(compaction);
      return ribs.ipv4.changed.size + ribs.ipv6.changed.size > 0;
    },
  };
  // Jobs change prefixes too, so it is the queue that says when there is work.
  for (const family of FAMILIES) ribs[family].changed.onFirst = () => scheduler.add(propagate);
  let hopCursor = 0;
  const forgetNextHops = {
    name: "forget next hops",
    priority: PRIORITY.housekeeping,
    step(): boolean {
      hopCursor = nextHops.forgetIdle(hopCursor, WALK_ROWS);
      if (hopCursor > 0) return true;
      hopCursor = 0;
      return false;
    },
  };
  const pausedConnections: Connection[] = [];
  let staticResolvers: readonly ResolvingRoute[] = [];
  let started = false;
  let interfacesDirty = false;
  let ownAddressesDirty = false;
  let routesDirty = false;
  let pruned = false;
  let cancelPrune = () => {};

  function propagateFamily(family: Family): void {
    const rib = ribs[family];
    if (rib.changed.size === 0) return;
    const endMs = clock.nowMs() + PROPAGATE.ms;
    for (let rows = 0; rows < PROPAGATE.rows && rib.changed.size > 0; ) {
      const count = rib.takeChanged(changedRows);
      for (let i = 0; i < count; i++) {
        const row = changedRows[i]!;
        exporter.propagate(family, row);
        forwarding.program(family, row);
        rib.unhold(row);
      }
      rows += count;
      if (clock.nowMs() >= endMs) break;
    }
    exporter.sendSoon(family);
  }

  // Reading and the work it makes

  function waiting(): number {
    return ribs.ipv4.changed.size + ribs.ipv6.changed.size + ports.fib.backlog();
  }

  function chunkHandled(connection: Connection): void {
    if (nextHops.idle > IDLE_NEXT_HOPS) scheduler.add(forgetNextHops);
    if (waiting() < WORK.high || connection.paused) return;
    connection.paused = true;
    pausedConnections.push(connection);
    ports.transport.pauseReading(connection.id);
    if (pausedConnections.length === 1) recheckReading();
  }

  /** The kernel's backlog shrinks without an event of ours: look again until reading goes on. */
  function recheckReading(): void {
    clock.after(RECHECK_MS, () => {
      resumeReading();
      if (pausedConnections.length > 0) recheckReading();
    });
  }

  function resumeReading(): void {
    if (pausedConnections.length === 0 || waiting() > WORK.low) return;
    for (const connection of pausedConnections.splice(0)) {
      connection.paused = false;
      ports.transport.resumeReading(connection.id);
    }
  }

  // Sessions

  function established(peer: PeerRuntime, negotiated: Negotiated): void {
    const { config } = peer;
    identify(peer, negotiated.remoteId | 0);
    peer.epoch = peerTable.epoch(peer.id);
    const link = interfaces.shared(config.address);
    peer.parsing = imports.parsingClass(negotiated, !isExternal(core.config, config), link?.ifindex ?? 0);
    for (const family of FAMILIES) {
      peer.endOfRib[family] = { received: false, sent: false };
      if (!negotiated[family]) continue;
      peer.outlets[family] = exporter.attach(contextOf(peer, family), memberOf(peer, family));
    }
    if (!negotiated.ipv4 && !negotiated.ipv6)
      log("warn", "no common family", { peer: config.name, reason: "the session carries no routes" });
  }

  /**
   * A peer that is back under another identifier, while paths of its last session wait to be swept, is another source: what
   * was compared and reflected under the old one would otherwise stand for the same routes announced again.
   */
  function identify(peer: PeerRuntime, bgpId: number): void {
    const facts = peerTable.facts(peer.id)!;
    const left = ribs.ipv4.received(peer.id) + ribs.ipv6.received(peer.id);
    const id = left > 0 && facts.bgpId !== bgpId ? peerTable.allocate({ ...facts, bgpId }) : 0;
    if (id === 0) {
      peerTable.update(peer.id, { bgpId });
      return;
    }
    imports.removed(peer);
    peerTable.free(peer.id);
    exporter.forgetSource(id);
    peer.id = id;
    sweep.request();
  }

  function contextOf(peer: PeerRuntime, family: Family): ExportContext {
    return exportContext(core, peer, family);
  }

  function memberOf(peer: PeerRuntime, family: Family): Member {
    const { address } = peer.config;
    const eor = endOfRib(family);
    const ownNextHop = address.family === family ? nextHops.intern(family, address.bytes, 0, 0) : 0;
    if (ownNextHop !== 0) nextHops.hold(ownNextHop);
    return {
      peer: peer.id,
      ownNextHop,
      write(bytes) {
        peer.counts.sent.update += countMessages(bytes);
        return sessions.write(peer, bytes);
      },
      endOfRib() {
        peer.endOfRib[family].sent = true;
        peer.counts.sent.update++;
        sessions.write(peer, eor);
      },
    };
  }

  function down(peer: PeerRuntime, _reason: DownReason): void {
    for (const family of FAMILIES) {
      const outlet = peer.outlets[family];
      peer.outlets[family] = undefined;
      if (!outlet) continue;
      exporter.detach(outlet);
      if (outlet.member.ownNextHop !== 0) nextHops.unhold(outlet.member.ownNextHop);
    }
    if (peer.gone) return;
    peer.epoch = peerTable.newEpoch(peer.id, false);
    sweep.request();
  }

  function refresh(peer: PeerRuntime, message: RouteRefresh): void {
    const family =
      message.safi === 1 ? (message.afi === 1 ? "ipv4" : message.afi === 2 ? "ipv6" : undefined) : undefined;
    const outlet = family && peer.outlets[family];
    log("info", "route refresh requested", {
      peer: peer.config.name,
      family: family ?? `${message.afi}/${message.safi}`,
    });
    if (outlet) exporter.resend(outlet);
  }

  function writable(peer: PeerRuntime): void {
    for (const family of FAMILIES) {
      const outlet = peer.outlets[family];
      if (outlet) exporter.resume(outlet);
    }
  }

  function closeLagging(member: Member): void {
    const peer = [...core.peers.values()].find((p) => p.id === member.peer);
    if (!peer) return;
    log("error", "peer lags too far behind", {
      peer: peer.config.name,
      reason: "withdrawn routes waiting for it reached their bound",
    });
    sessions.stop(peer, CEASE.outOfResources, false);
  }

  function onEndOfRib(peer: PeerRuntime, family: Family): void {
    if (peer.endOfRib[family].received) return;
    peer.endOfRib[family].received = true;
    log("info", "end of rib", { peer: peer.config.name, family, routes: ribs[family].received(peer.id) });
    pruneWhenComplete();
  }

  /** Every peer that is to be up has said what it has: what is still unclaimed in the kernel goes. */
  function pruneWhenComplete(): void {
    if (pruned) return;
    for (const peer of core.peers.values()) {
      if (peer.config.disabled) continue;
      if (!peer.negotiated) return;
      for (const family of FAMILIES) if (peer.negotiated[family] && !peer.endOfRib[family].received) return;
    }
    prune();
  }

  /** Routes of ours in the kernel have just been adopted: they stay until all peers are heard, or for a while. */
  function awaitPeers(): void {
    pruned = false;
    cancelPrune();
    cancelPrune = clock.after(PRUNE_AFTER_MS, prune);
    pruneWhenComplete();
  }

  function prune(): void {
    if (pruned) return;
    pruned = true;
    cancelPrune();
    // Behind all changes that wait: what they want is not to be deleted first.
    scheduler.add({
      name: "prune",
      priority: PRIORITY.housekeeping,
      step() {
        if (waitingChanges() > 0) return true;
        ports.fib.prune();
        return false;
      },
    });
  }

  const waitingChanges = () => ribs.ipv4.changed.size + ribs.ipv6.changed.size;

  // Kernel

  function onKernel(event: KernelEvent): void {
    switch (event.kind) {
      case "link":
        interfacesDirty = interfaces.setLink(event.link, event.gone) || interfacesDirty;
        nextHops.linkChanged(event.link.ifindex, event.link.up && !event.gone);
        return;
      case "address":
        return onAddress(event.address, event.gone);
      case "route":
        nextHops.routeChanged(event.route, event.gone);
        local.kernelRoute(event.route, event.gone);
        routesDirty = true;
        return;
      case "batch":
        return settleKernel();
      case "synced":
        settleKernel();
        return start();
    }
  }

  /** An address may stand on several interfaces: it is ours until the last one has lost it. */
  function onAddress(address: KernelAddress, gone: boolean): void {
    const was = interfaces.isOwn(address.address);
    if (!interfaces.setAddress(address, gone)) return;
    interfacesDirty = true;
    const is = interfaces.isOwn(address.address);
    if (was === is) return;
    ownAddressesDirty = true;
    nextHops.ownAddressChanged(address.address, !is);
  }

  /** A burst of kernel events is over: addresses, next hops and what depends on them follow. */
  function settleKernel(): void {
    const moved = interfacesDirty;
    if (!moved && !routesDirty) return;
    interfacesDirty = false;
    routesDirty = false;
    if (moved) {
      local.interfacesChanged();
      refreshContexts();
    }
    if (ownAddressesDirty) imports.forget();
    ownAddressesDirty = false;
    syncStaticResolvers();
    nextHops.refresh();
    if (nextHops.changedCount > 0 || moved) reselect.request();
    if (moved) {
      forwarding.forget();
      reprogram.request();
    }
  }

  /** Our own static routes with a gateway resolve next hops too (DESIGN 3.6). */
  function syncStaticResolvers(): void {
    const wanted = local.staticResolvers();
    for (const old of staticResolvers) if (!wanted.includes(old)) nextHops.routeChanged(old, true);
    for (const route of wanted) if (!staticResolvers.includes(route)) nextHops.routeChanged(route, false);
    staticResolvers = wanted;
  }

  function refreshContexts(): void {
    for (const peer of core.peers.values())
      for (const family of FAMILIES) {
        const outlet = peer.outlets[family];
        if (outlet) exporter.move(outlet, contextOf(peer, family));
      }
  }

  function start(): void {
    if (started) return;
    started = true;
    chooseId();
    const id = formatQuad(core.routerId);
    log("info", "started", {
      router: id,
      asn: core.config.router.asn,
      peers: core.config.peers.length,
      version: core.version,
    });
    applyConfig(core, undefined, core.config, firstChange(core.config), target);
    awaitPeers();
  }

  /** Chosen once: an address that comes or goes later changes nothing, unless the configuration says which it is. */
  function chooseId(): void {
    const { id } = core.config.router;
    if (id === undefined && core.routerId !== 0) return;
    const addresses = interfaces.addresses().map((a) => a.address);
    core.routerId = id ?? chooseRouterId(core.config, addresses, hostName, ports.sha256);
  }

  // Configuration

  const target: ConfigTarget = {
    sessions,
    imports,
    forwarding,
    local,
    listening,
    newCounts,
    forgetSource: exporter.forgetSource,
    awaitPeers,
    sweep: () => sweep.request(),
    reprogram: () => reprogram.request(),
    refreshContexts,
    staticsChanged() {
      routesDirty = true;
      settleKernel();
    },
    cease: CEASE,
  };

  function onConfig(next: Config): void {
    const previous = core.config;
    core.config = next;
    core.rejected = undefined;
    // Files that were written anew and say the same are no generation.
    if (!started) return;
    const change = diffConfig(previous, next);
    if (change.empty) return;
    chooseId();
    applyConfig(core, previous, next, change, target);
  }

  return {
    core,
    parts: { exporter, forwarding, imports, listening, sessions, receiver, recorder },
    handle(event) {
      recorder.note(event, clock.nowMs());
      switch (event.from) {
        case "transport":
          sessions.handle(event.event);
          break;
        case "kernel":
          onKernel(event.event);
          break;
        case "config":
          if ("config" in event) onConfig(event.config);
          else core.rejected = event.rejected;
          break;
        case "admin":
          for (const peer of core.peers.values()) sessions.stop(peer, CEASE.adminShutdown, true, event.text);
      }
    },
    stop(silent) {
      for (const peer of core.peers.values()) {
        if (silent) sessions.abandon(peer);
        else sessions.stop(peer, CEASE.adminShutdown, true);
      }
      cancelPrune();
      listening.stop();
      scheduler.stop();
    },
  };
}

let countedBytes: Uint8Array | undefined;
let countedMessages = 0;

/** Messages in a buffer of whole ones. Members at one place share the buffer, so the last count is remembered. */
function countMessages(bytes: Uint8Array): number {
  if (bytes === countedBytes) return countedMessages;
  let count = 0;
  for (let at = 0; at + 18 < bytes.length; at += (bytes[at + 16]! << 8) | bytes[at + 17]!) count++;
  countedBytes = bytes;
  countedMessages = count;
  return count;
}
