/**
 * One configuration generation: what differs from the running one is applied, nothing else is touched (DESIGN §4).
 * A policy, static route or description resets no session.
 */

import { ERROR } from "../bgp/iana.ts";
import { withTimes } from "../bgp/session/negotiate.ts";
import { createPeer, withPast, withSettings } from "../bgp/session/peer.ts";
import { type ConfigChange, diffConfig } from "../config/diff.ts";
import type { Config, PeerConfig } from "../config/model.ts";
import { BUILTIN_POLICIES } from "../policy/builtin.ts";
import { createCompiler } from "../policy/compile.ts";
import type { CompiledPolicy } from "../policy/types.ts";
import type { PeerId } from "../rib/types.ts";
import type { Core } from "./core.ts";
import type { DynamicPeers } from "./dynamic-peers.ts";
import type { ForwardingTable } from "./forwarding.ts";
import type { Import } from "./import.ts";
import type { Listening } from "./listening.ts";
import type { LocalRoutes } from "./local-routes.ts";
import { newCounts, newKeyUse, type PeerRuntime } from "./peer.ts";
import type { Pruning } from "./pruning.ts";
import type { Recovery } from "./recovery.ts";
import { newRefreshState } from "./route-refresh.ts";
import { newSentRoutes } from "./sent-routes.ts";
import type { SessionKeys } from "./session-keys.ts";
import type { Sessions } from "./sessions.ts";
import { isExternal, sessionSettings } from "./settings.ts";
import type { StaleRoutes } from "./stale-routes.ts";
import type { Round, Walk } from "./walks.ts";

const CEASE = ERROR.cease.sub;

/** The running parts that a configuration changes. */
export interface ConfigTarget {
  readonly sessions: Sessions;
  readonly imports: Import;
  readonly forwarding: ForwardingTable;
  readonly local: LocalRoutes;
  readonly listening: Listening;
  readonly keys: SessionKeys;
  readonly dynamicPeers: DynamicPeers;
  /** Limits of prefixes may be others. */
  limitsChanged(): void;
  /** What the sessions' parsing goes by may have changed. */
  parsingChanged(): void;
  /** The id of a source stands for another peer from now on. */
  forgetSource(id: PeerId): void;
  /** The source is a client of our reflector from now on, or no more. */
  clientChanged(id: PeerId): void;
  readonly sweep: Round;
  readonly reprogram: Walk;
  readonly pruning: Pruning;
  readonly stale: StaleRoutes;
  readonly recovery: Recovery;
  refreshContexts(): void;
  staticsChanged(): void;
}

/** What the first configuration changes. */
export function firstChange(first: Config): ConfigChange {
  return diffConfig({ ...first, peers: [], dynamicPeers: [], static: [], policies: [] }, first);
}

export function applyConfig(
  core: Core,
  previous: Config | undefined,
  next: Config,
  change: ConfigChange,
  target: ConfigTarget,
): void {
  core.generation++;
  core.appliedAtMs = core.clock.nowMs();
  core.policies = compileAll(next);
  for (const rib of Object.values(core.ribs)) rib.setMultipath(next.kernel.multipath);

  const configs = new Map(next.peers.map((peer) => [peer.name, peer]));
  target.dynamicPeers.configure(next);
  for (const name of change.peersRemoved) {
    removePeer(core, core.peers.get(name), target, CEASE.peerDeconfigured);
    core.held.delete(name);
  }
  const restarted: string[] = [];
  for (const { name, reset, resetKeys, keys } of change.peersChanged) {
    const peer = core.peers.get(name);
    const config = configs.get(name)!;
    if (reset) core.log("info", "peer changed", { peer: name, reason: `session reset for ${resetKeys.join(", ")}` });
    if (reset || (!peer?.active && keys.some((key) => CONNECTING.includes(key)))) {
      removePeer(core, peer, target, CEASE.otherConfigurationChange);
      const renewed = addPeer(core, config, target);
      if (peer && renewed) renewed.session = withPast(renewed.session, peer.session);
      restarted.push(name);
    } else if (peer) updatePeer(core, peer, config, target);
  }
  for (const name of change.peersAdded) addPeer(core, configs.get(name)!, target);

  target.listening.configure(next);
  target.keys.configure(next);
  target.local.setStatics(next.static);
  target.local.setExcepted(next.direct.except);
  target.local.setLearning(next.kernel.learn);
  target.staticsChanged();
  configureKernel(core, previous, next, target);
  target.limitsChanged();
  target.refreshContexts();
  target.parsingChanged();
  target.imports.configured();
  if (previous) target.recovery.configured();
  else target.recovery.begin();
  for (const name of change.peersAdded) startPeer(core, name, target);
  for (const name of restarted) startPeer(core, name, target);
  core.log("info", "configuration applied", {
    generation: core.generation,
    added: change.peersAdded.length,
    removed: change.peersRemoved.length,
    changed: change.peersChanged.length,
  });
}

/** How a session comes about: nothing to one that is up, and another attempt to one that is not. */
const CONNECTING: readonly string[] = ["passive", "port", "timers.connectRetry", "timers.connectDelay"];

function compileAll(config: Config): ReadonlyMap<string, CompiledPolicy> {
  const byName = new Map(config.policies.map((policy) => [policy.name, policy]));
  const compile = createCompiler((name) => byName.get(name));
  return new Map([...BUILTIN_POLICIES, ...config.policies].map((policy) => [policy.name, compile(policy)]));
}

function configureKernel(core: Core, previous: Config | undefined, next: Config, target: ConfigTarget): void {
  const policy = core.policies.get(next.kernel.export)!;
  if (next.kernel.program && previous?.kernel.program !== true) {
    core.fib.startProgramming();
    // What it adopts now waits for all peers, as at a start.
    if (previous) target.pruning.start();
  }
  const changed = target.forwarding.configure(policy, next.kernel.program);
  if (changed || previous?.kernel.multipath !== next.kernel.multipath) target.reprogram.request();
}

/** Undefined where the daemon can hold no more. `range`: of a dynamic peer, where it came from. */
export function addPeer(core: Core, config: PeerConfig, target: ConfigTarget, range?: string): PeerRuntime | undefined {
  const external = isExternal(core.config, config);
  const id = core.peerTable.allocate({
    name: config.name,
    source: "bgp",
    external,
    client: config.routeReflectorClient,
    bgpId: 0,
    address: config.address,
  });
  if (id === 0) {
    core.log("error", "peer not started", {
      peer: config.name,
      reason: "as many peers as the daemon can hold are configured",
    });
    return undefined;
  }
  target.forgetSource(id);
  const peer: PeerRuntime = {
    config,
    id,
    session: createPeer(sessionSettings(core.config, config, core.routerId)),
    connections: { outgoing: undefined, incoming: undefined },
    active: undefined,
    negotiated: undefined,
    lastSession: undefined,
    epoch: core.peerTable.epoch(id),
    parsing: { id: 0, internal: !external, fourOctetAs: true, ifindex: 0 },
    direct: external && !config.multihop,
    lastHeardMs: 0,
    stateSinceMs: core.clock.nowMs(),
    madeAtMs: core.clock.nowMs(),
    counts: { received: newCounts(), sent: newCounts() },
    sentRoutes: { ipv4: newSentRoutes(), ipv6: newSentRoutes() },
    trafficBefore: { ipv4: undefined, ipv6: undefined },
    attributesDiscarded: 0,
    treatedAsWithdraw: 0,
    updatesRefused: 0,
    lastFault: undefined,
    refresh: { ipv4: newRefreshState(), ipv6: newRefreshState() },
    longLived: { ipv4: undefined, ipv6: undefined },
    nextReportMs: 0,
    timers: new Map(),
    outlets: { ipv4: undefined, ipv6: undefined },
    limits: { in: undefined, out: undefined },
    askedAtMs: { ipv4: undefined, ipv6: undefined },
    endOfRib: { ipv4: { received: false, sent: false }, ipv6: { received: false, sent: false } },
    range,
    key: newKeyUse(core.clock.nowMs()),
    stale: undefined,
    gone: false,
  };
  core.peers.set(config.name, peer);
  core.peerIndex.add(peer);
  return peer;
}

function startPeer(core: Core, name: string, target: ConfigTarget): void {
  const peer = core.peers.get(name);
  if (peer && !peer.config.disabled && !core.held.has(name)) target.sessions.start(peer);
}

/** What the session may go on with: its times are ours alone, and its key is replaced. */
export function updatePeer(core: Core, peer: PeerRuntime, config: PeerConfig, target: ConfigTarget): void {
  const { password, routeReflectorClient: client } = peer.config;
  peer.config = config;
  peer.session = withSettings(peer.session, sessionSettings(core.config, config, core.routerId));
  if (peer.negotiated) peer.negotiated = withTimes(peer.session.settings, peer.negotiated);
  if (password !== config.password) target.keys.changed(peer);
  if (client === config.routeReflectorClient) return;
  core.peerTable.update(peer.id, { client: !client });
  target.clientChanged(peer.id);
}

/** Undefined: there were too many peers to start it. */
export function removePeer(core: Core, peer: PeerRuntime | undefined, target: ConfigTarget, subcode: number): void {
  if (!peer) return;
  peer.gone = true;
  target.stale.forget(peer);
  target.imports.removed(peer);
  target.sessions.stop(peer, subcode, true);
  core.peers.delete(peer.config.name);
  core.peerIndex.remove(peer);
  core.peerTable.free(peer.id);
  target.sweep.request();
}
