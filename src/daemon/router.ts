/**
 * The router: events in, calls on its ports out (DESIGN §1). This file is its table of contents: it makes the parts,
 * ties them together, and says in which order things happen; what each part does stands in the file of its name. A seed
 * and a list of events reproduce a run.
 */
import { ERROR } from "../bgp/iana.ts";
import type { ParsingClass } from "../bgp/parsing-class.ts";
import type { DownReason, Negotiated, NegotiatedRestart } from "../bgp/session/types.ts";
import { diffConfig } from "../config/diff.ts";
import type { Config } from "../config/model.ts";
import { chooseRouterId } from "../config/router-id.ts";
import { type Family, formatQuad } from "../ip/address.ts";
import { applyConfig, type ConfigTarget, firstChange } from "./apply-config.ts";
import { askForRoutes, createCommands } from "./commands.ts";
import { type Core, changesWaiting, createCore, type RouterPorts } from "./core.ts";
import { createDynamicPeers, type DynamicPeers } from "./dynamic-peers.ts";
import type { RouterEvent } from "./events.ts";
import { createExporter, type Exporter } from "./exporter.ts";
import { createForwarding, type ForwardingTable } from "./forwarding.ts";
import { createHousekeeping } from "./housekeeping.ts";
import { createImport, type Import } from "./import.ts";
import { createKernelNews } from "./kernel-news.ts";
import { createListening, type Listening } from "./listening.ts";
import { createLocalRoutes } from "./local-routes.ts";
import { createLongLived } from "./long-lived.ts";
import { createOutlets, type Outlets } from "./outlets.ts";
import type { PeerRuntime } from "./peer.ts";
import { createPrefixLimits } from "./prefix-limits.ts";
import { startPropagation } from "./propagation.ts";
import { createPruning } from "./pruning.ts";
import { createReading } from "./reading.ts";
import { createReceiver, type Receiver } from "./receive.ts";
import { createRecorder, type Recorder } from "./recorder.ts";
import { asksForHelp, createRecovery, type Recovery } from "./recovery.ts";
import { createRouteRefreshes } from "./route-refresh.ts";
import { PRIORITY } from "./scheduler.ts";
import { createSessionKeys, type SessionKeys } from "./session-keys.ts";
import { createSessions, type Sessions } from "./sessions.ts";
import { addressOnLink, connectSpec, isExternal } from "./settings.ts";
import { createStaleRoutes } from "./stale-routes.ts";
import { createRound, createWalk } from "./walks.ts";

const CEASE = ERROR.cease.sub;

export interface Router {
  handle(event: RouterEvent): void;
  readonly core: Core;
  readonly parts: RouterParts;
  /** Another process may take over: some peer keeps our routes meanwhile, and the kernel does. */
  readonly mayReturn: boolean;
  /**
   * Ends all sessions with Cease 6/2. With `graceful`, peers that keep our routes until we are back hear nothing (a
   * NOTIFICATION would have them dropped): TCP just closes, and the record for the next process stays.
   */
  stop(graceful: boolean): void;
}

/** For queries and tests. */
export interface RouterParts {
  readonly exporter: Exporter;
  readonly forwarding: ForwardingTable;
  readonly imports: Import;
  readonly listening: Listening;
  readonly dynamicPeers: DynamicPeers;
  readonly keys: SessionKeys;
  readonly sessions: Sessions;
  readonly receiver: Receiver;
  readonly recorder: Recorder;
  readonly recovery: Recovery;
}

/** It does, or would if it were up. */
function keepsOurs({ config, negotiated }: PeerRuntime): boolean {
  return config.gracefulRestart.mode === "on" && (!negotiated || negotiated.gracefulRestart !== undefined);
}

export function createRouter(ports: RouterPorts, initial: Config, hostName: string): Router {
  const core = createCore(ports, initial);
  const { clock, log, scheduler, ribs, interfaces, nextHops, sets, peerTable } = core;
  const recorder = createRecorder();

  // A route's way in: sessions, receive, import.
  const imports = createImport(core);
  const limits = createPrefixLimits(core, {
    stop: (peer, cause, manual) => sessions.end(peer, cause, manual),
    hold: (peer, text) => core.held.set(peer.config.name, { by: "limit", text, sinceMs: clock.nowMs() }),
    ask: (peer, family) => askForRoutes(sessions, peer, family),
  });
  const receiver = createReceiver({ ribs, sets, nextHops, log, imports, limits, endOfRib: onEndOfRib });
  const listening = createListening({ clock, log, transport: ports.transport });

  const dynamicPeers = createDynamicPeers(core, () => target);
  const keys = createSessionKeys({
    clock,
    log,
    transport: ports.transport,
    peers: () => core.peers.values(),
    failed: (peer) => sessions.stop(peer, CEASE.otherConfigurationChange, false),
  });

  // Its ways out: update groups and the kernel.
  const forwarding = createForwarding({ fib: ports.fib, sets, nextHops, peers: peerTable, interfaces, ribs });
  const exporter = createExporter({
    clock,
    scheduler,
    tables: { sets, nextHops, peers: peerTable },
    ribs,
    onLagging: (member) => outlets.closeLagging(member),
  });
  const recovery = createRecovery(core, {
    announce: (family) => outlets.release(family),
    program() {
      reprogram.request();
      pruning.whenComplete();
    },
  });
  const outlets: Outlets = createOutlets(
    core,
    exporter,
    recovery,
    limits,
    () => sessions,
    (peer, family) => refreshes.endOfRibSent(peer, family),
  );
  const local = createLocalRoutes({ ribs, sets, nextHops, interfaces });

  // Walks over the tables.
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
  const reprogram = createWalk(scheduler, "reprogram", PRIORITY.refresh, (family, cursor, rows) =>
    recovery.isHeld(family) ? -1 : ribs[family].walkPrefixes(cursor, rows, (row) => forwarding.program(family, row)),
  );

  // What goes on by itself.
  const housekeeping = createHousekeeping(core);
  const stale = createStaleRoutes(core, sweep, createLongLived(core, imports, sweep));
  const refreshes = createRouteRefreshes({ core, exporter, sweep, sessions: () => sessions, complete: stale.endOfRib });
  const pruning = createPruning(core, reprogram, recovery);
  const reading = createReading({
    clock,
    transport: ports.transport,
    waiting: () => changesWaiting(core) + ports.fib.backlog(),
  });
  startPropagation(core, exporter, forwarding, recovery, () => {
    reading.resume();
    housekeeping.afterPropagation();
  });

  const sessions = createSessions({
    clock,
    random: ports.random,
    log,
    transport: ports.transport,
    admit: dynamicPeers.admit,
    givesUp: keys.isUnheard,
    connectSpec: (peer) => connectSpec(core.config, peer.config),
    hooks: {
      established,
      down,
      stopped(peer) {
        stale.drop(peer, "the peer is stopped");
        recovery.stopped(peer);
      },
      restartBits: recovery.bits,
      update: receiver.update,
      refresh: refreshes.received,
      writable: outlets.writable,
      chunkHandled(connection) {
        housekeeping.afterReading();
        reading.chunkHandled(connection);
      },
      vacant: dynamicPeers.vacant,
      listenFailed: listening.failed,
    },
  });
  const kernelNews = createKernelNews({
    core,
    local,
    imports,
    exporter,
    forwarding,
    reselect,
    reprogram,
    refreshContexts: outlets.refreshContexts,
    linksChanged: listening.linksChanged,
    synced: start,
  });
  const target: ConfigTarget = {
    sessions,
    imports,
    forwarding,
    local,
    listening,
    keys,
    dynamicPeers,
    sweep,
    reprogram,
    pruning,
    stale,
    recovery,
    limitsChanged: limits.configured,
    parsingChanged,
    forgetSource: exporter.forgetSource,
    clientChanged: exporter.clientChanged,
    refreshContexts: outlets.refreshContexts,
    staticsChanged: kernelNews.staticsChanged,
  };
  const commands = createCommands(core, { sessions, imports, outlets, refreshes, recovery });
  let started = false;
  let stopped = false;

  /** The kernel's tables have been read: now next hops resolve, and sessions may come up. */
  function start(): void {
    if (started) return;
    started = true;
    chooseId();
    const { config, version } = core;
    const router = formatQuad(core.routerId);
    log("info", "started", { router, asn: config.router.asn, peers: config.peers.length, version });
    applyConfig(core, undefined, config, firstChange(config), target);
    pruning.start();
  }

  /** Chosen once: an address that comes or goes later changes nothing, unless the configuration says which it is. */
  function chooseId(): void {
    const { id } = core.config.router;
    if (id === undefined && core.routerId !== 0) return;
    const addresses = interfaces.addresses().map((a) => a.address);
    core.routerId = id ?? chooseRouterId(core.config, addresses, hostName, ports.sha256);
  }

  function established(peer: PeerRuntime, negotiated: Negotiated): void {
    const { config } = peer;
    identify(peer, negotiated.remoteId | 0);
    peer.epoch = peerTable.epoch(peer.id);
    const { side, local, remote } = peer.active!;
    if (local && remote) peer.lastSession = { local, remote, open: negotiated.open, bare: peer.session[side].bare };
    peer.parsing = parsingOf(peer, negotiated);
    stale.returned(peer, negotiated);
    limits.open(peer);
    outlets.open(peer);
    recovery.established(peer, negotiated);
    keys.up(peer);
    if (!negotiated.ipv4 && !negotiated.ipv6)
      log("warn", "no common family", { peer: config.name, reason: "the session carries no routes" });
  }

  function parsingOf({ config }: PeerRuntime, negotiated: Negotiated): ParsingClass {
    const link = interfaces.shared(addressOnLink(config));
    const internal = !isExternal(core.config, config);
    return imports.parsingClass(negotiated, internal, link?.ifindex ?? 0, config.allowAsSets);
  }

  /** Whoever may send an AS_SET from now on, or no longer, is asked to send all again. */
  function parsingChanged(): void {
    for (const peer of core.peers.values()) {
      const { negotiated, parsing, config } = peer;
      if (!negotiated || parsing.allowAsSets === config.allowAsSets) continue;
      peer.parsing = parsingOf(peer, negotiated);
      commands.handle({ action: "refresh", peer: config.name, direction: "in" });
    }
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
    stale.forget(peer);
    peerTable.free(peer.id);
    exporter.forgetSource(id);
    peer.id = id;
    sweep.request();
  }

  /**
   * Its paths are of an old epoch from now on: the sweep takes those that are not kept, unless they are announced again
   * before it comes by.
   */
  function down(peer: PeerRuntime, reason: DownReason, kept: NegotiatedRestart | undefined): void {
    keys.down(peer, reason);
    outlets.close(peer);
    refreshes.over(peer);
    limits.close(peer);
    if (peer.gone) return;
    stale.lost(peer, kept);
    recovery.lost();
  }

  function onEndOfRib(peer: PeerRuntime, family: Family): void {
    if (peer.endOfRib[family].received) return;
    peer.endOfRib[family].received = true;
    log("info", "end of rib", { peer: peer.config.name, family, routes: ribs[family].received(peer.id) });
    // A route refresh has begun meanwhile: its end settles both.
    if (!peer.refresh[family].receiving) stale.endOfRib(peer, family);
    recovery.endOfRib(peer, family);
    pruning.whenComplete();
  }

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
    parts: { exporter, forwarding, imports, listening, dynamicPeers, keys, sessions, receiver, recorder, recovery },
    handle(event) {
      recorder.note(event, clock.nowMs());
      switch (event.from) {
        case "transport":
          if (!stopped) sessions.handle(event.event);
          // A peer that we left without a word is back before the process has ended: what it has of ours is not touched.
          else if (event.event.kind === "incoming") ports.transport.close(event.event.id, false);
          break;
        case "kernel":
          kernelNews.handle(event.event);
          break;
        case "config":
          if ("config" in event) onConfig(event.config);
          else core.rejected = event.rejected;
          break;
        case "admin":
          commands.handle(event);
      }
    },
    get mayReturn() {
      const { config } = core;
      return asksForHelp(config) && (!config.kernel.program || config.kernel.keepOnExit);
    },
    stop(graceful) {
      stopped = true;
      recovery.end(graceful);
      for (const peer of core.peers.values()) {
        if (graceful && keepsOurs(peer)) sessions.abandon(peer);
        else sessions.stop(peer, CEASE.administrativeShutdown, true);
      }
      commands.cancel();
      pruning.cancel();
      listening.stop();
      dynamicPeers.stop();
      keys.stop();
      scheduler.stop();
    },
  };
}
