/**
 * The restarter's part of graceful restart (RFC 4724 §4.1): a process that takes over from one that ended a moment ago
 * defers what it selects until its peers have told what they have. Until then nothing is announced, and the kernel's
 * routes stay as they were found.
 */
import type { RestartBits } from "../bgp/session/negotiate.ts";
import type { Negotiated } from "../bgp/session/types.ts";
import type { Config } from "../config/model.ts";
import { FAMILIES, type Family, formatAddress } from "../ip/address.ts";
import type { Core } from "./core.ts";
import type { PeerRuntime } from "./peer.ts";
import { formatRecord, parseRecord, type RestartRecord } from "./restart-record.ts";

/** Longest wait for the peers' End-of-RIB, whatever restart time is configured. */
const MAX_DEFERRAL_MS = 240_000;
/** How often the record is written anew: it says by its age when the process ended. */
const HEARTBEAT_MS = 5_000;
/** Peers come up by the hundred: the record is written when they have. */
const COLLECT_MS = 500;

export interface Recovery {
  /** Peers are configured: those that were up before are waited for. */
  begin(): void;
  /** What our next OPEN to the peer says. */
  bits(peer: PeerRuntime): RestartBits;
  /** Nothing of the family is announced or written to the kernel yet. */
  isDeferred(family: Family): boolean;
  /** Until when at the latest something is deferred; undefined: nothing is. */
  readonly deferredUntilMs: number | undefined;
  /** Names of the peers whose End-of-RIB is waited for. */
  awaited(family: Family): readonly string[];
  established(peer: PeerRuntime, negotiated: Negotiated): void;
  lost(): void;
  endOfRib(peer: PeerRuntime, family: Family): void;
  /** The peer is stopped or gone, and not waited for. */
  stopped(peer: PeerRuntime): void;
  configured(): void;
  /** The end is meant: the next start is a cold one. */
  forget(): void;
  /** The end of this process; with `remember` the next one takes over. */
  end(remember: boolean): void;
}

export interface RecoveryHooks {
  /** The family's wait is over: it is announced, and written to the kernel. */
  released(family: Family): void;
}

/** Peers are asked to keep our routes while we restart. */
export function asksForHelp(config: Config): boolean {
  return config.peers.some(({ gracefulRestart }) => gracefulRestart.mode === "on");
}

function restartTimeOf({ peers }: Config): number {
  const times = peers.flatMap(({ gracefulRestart: { mode, restartTimeMs } }) => (mode === "on" ? [restartTimeMs] : []));
  return Math.max(0, ...times);
}

/** What the process before left, if that is not too long ago. */
function takeOver({ restart, config }: Core): RestartRecord | undefined {
  if (!restart?.previous || !asksForHelp(config)) return undefined;
  const { text, ageMs } = restart.previous;
  const record = parseRecord(text);
  return record && ageMs < record.restartTimeMs ? record : undefined;
}

export function createRecovery(core: Core, { released }: RecoveryHooks): Recovery {
  const { clock, log, restart: memory } = core;
  const record = takeOver(core);
  const deferred = new Set<Family>(record ? FAMILIES : []);
  const awaited: Record<Family, Set<string>> = { ipv4: new Set(), ipv6: new Set() };
  /** Addresses of peers that were Established in the life of this process: what we forward for them is as they know it. */
  const served = new Set<string>();
  let deferredUntilMs = 0;
  let cancelDeferral = () => {};
  let cancelHeartbeat = () => {};
  let ended = false;

  function begin(): void {
    if (record) {
      for (const [name, families] of record.peers) {
        const config = core.peers.get(name)?.config;
        if (!config || config.disabled || config.gracefulRestart.mode === "off") continue;
        for (const family of families) if (config.families.includes(family)) awaited[family].add(name);
      }
      const waitMs = Math.min(restartTimeOf(core.config), MAX_DEFERRAL_MS);
      deferredUntilMs = clock.nowMs() + waitMs;
      cancelDeferral = clock.after(waitMs, () => release("the time for it is over"));
      log("info", "recovering", { peers: record.peers.size, seconds: Math.round(waitMs / 1000) });
      settle();
    }
    write();
  }

  /** Families for which nobody is waited for any more are released. */
  function settle(): void {
    for (const family of FAMILIES)
      if (awaited[family].size === 0) releaseFamily(family, "every peer has sent End-of-RIB");
  }

  function release(reason: string): void {
    for (const family of FAMILIES) releaseFamily(family, reason);
  }

  function releaseFamily(family: Family, reason: string): void {
    if (!deferred.delete(family)) return;
    log("info", "recovered", { family, reason, missing: [...awaited[family]] });
    awaited[family].clear();
    if (deferred.size === 0) cancelDeferral();
    released(family);
  }

  function noLonger(peer: PeerRuntime, families: readonly Family[]): void {
    if (deferred.size === 0) return;
    for (const family of families) awaited[family].delete(peer.config.name);
    settle();
  }

  // The record

  function write(): void {
    cancelHeartbeat();
    if (!memory || ended) return;
    if (!asksForHelp(core.config)) {
      memory.forget();
      return;
    }
    memory.save(formatRecord({ restartTimeMs: restartTimeOf(core.config), peers: knownPeers() }));
    cancelHeartbeat = clock.after(HEARTBEAT_MS, write);
  }

  /** Those that are up with the capability, and those that a successor should still wait for. */
  function knownPeers(): Map<string, readonly Family[]> {
    const known = new Map<string, readonly Family[]>();
    for (const { config, negotiated } of core.peers.values()) {
      const isUp = negotiated?.gracefulRestart !== undefined;
      const families = FAMILIES.filter((family) => (isUp && negotiated[family]) || awaited[family].has(config.name));
      if (families.length > 0) known.set(config.name, families);
    }
    return known;
  }

  function writeSoon(): void {
    if (!memory || ended) return;
    cancelHeartbeat();
    cancelHeartbeat = clock.after(COLLECT_MS, write);
  }

  return {
    begin,
    bits: ({ config }) => ({
      restarting: deferred.size > 0,
      forwarding: record !== undefined || served.has(formatAddress(config.address)),
    }),
    isDeferred: (family) => deferred.has(family),
    get deferredUntilMs() {
      return deferred.size > 0 ? deferredUntilMs : undefined;
    },
    awaited: (family) => [...awaited[family]],
    established(peer, negotiated) {
      served.add(formatAddress(peer.config.address));
      writeSoon();
      const restart = negotiated.gracefulRestart;
      const tells = (family: Family) => negotiated[family] && restart !== undefined && !restart.restarting;
      for (const family of deferred) if (tells(family)) awaited[family].add(peer.config.name);
      noLonger(
        peer,
        FAMILIES.filter((family) => !tells(family)),
      );
    },
    lost: writeSoon,
    endOfRib: (peer, family) => noLonger(peer, [family]),
    stopped: (peer) => noLonger(peer, FAMILIES),
    configured() {
      // A peer that is configured no more, or without the capability, cannot be waited for.
      for (const family of deferred)
        for (const name of [...awaited[family]])
          if (!core.peers.get(name)?.config.families.includes(family)) awaited[family].delete(name);
      if (deferred.size > 0) settle();
      writeSoon();
    },
    forget() {
      ended = true;
      cancelHeartbeat();
      memory?.forget();
    },
    end(remember) {
      if (remember) write();
      else if (!ended) memory?.forget();
      ended = true;
      cancelHeartbeat();
      cancelDeferral();
    },
  };
}
