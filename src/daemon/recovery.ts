/**
 * The restarter's part of graceful restart (RFC 4724 §4.1): a process that takes over from one that ended a moment ago
 * defers what it selects until its peers have told what they have. Each family waits twice:
 *
 * - It is announced when every peer has sent End-of-RIB that was up before or is up now, those aside that have restarted
 *   too (R): they may be waiting for ours. Where others have told what they have, those get a moment to do so as well;
 *   where all have restarted, nobody waits for anybody.
 * - It is written to the kernel when those have as well. The kernel's routes stay as they were found until then, so
 *   packets take no way that is only the best so far.
 *
 * Both waits end with the restart time.
 */
import type { RestartBits } from "../bgp/session/negotiate.ts";
import type { Negotiated } from "../bgp/session/types.ts";
import type { Config, PeerConfig } from "../config/model.ts";
import { FAMILIES, type Family, formatAddress } from "../ip/address.ts";
import type { Core } from "./core.ts";
import type { PeerRuntime } from "./peer.ts";
import { formatRecord, parseRecord, type RestartRecord } from "./restart-record.ts";

/** Longest wait for the peers' End-of-RIB, whatever restart time is configured. */
const MAX_DEFERRAL_MS = 240_000;
/** What peers that have restarted too are given when all others have sent End-of-RIB. */
const GRACE_MS = 2_000;
/** How often the record is written anew: it says by its age when the process ended. */
const HEARTBEAT_MS = 5_000;
/** Addresses remembered of peers that were Established; dynamic ones come and go. */
const MAX_SERVED = 65_536;
/** Peers come up by the hundred: the record is written at once, and then no more often than this. */
const COLLECT_MS = 100;

export interface Recovery {
  /** Peers are configured: those that were up before are waited for. */
  begin(): void;
  /** What our next OPEN to the peer says. */
  bits(peer: PeerRuntime): RestartBits;
  /** Nothing of the family is announced yet. */
  isDeferred(family: Family): boolean;
  /** The kernel's routes of the family are left as they were found. */
  isHeld(family: Family): boolean;
  /** Until when at the latest something is deferred; undefined: nothing is. */
  readonly deferredUntilMs: number | undefined;
  /**
   * Routes found in the kernel are not given up before. Peers that have restarted with us send End-of-RIB before they have
   * heard from each other: then all of the restart time is theirs.
   */
  readonly keepAdoptedUntilMs: number;
  /** Names of the peers whose End-of-RIB is waited for. */
  awaited(family: Family): readonly string[];
  established(peer: PeerRuntime, negotiated: Negotiated): void;
  lost(): void;
  endOfRib(peer: PeerRuntime, family: Family): void;
  /** Nothing is left of a dynamic peer, nor of what we forwarded for it. */
  left(peer: PeerRuntime): void;
  /** The peer is stopped or gone, and not waited for. */
  stopped(peer: PeerRuntime): void;
  configured(): void;
  /** The end is meant: the next start is a cold one. */
  forget(): void;
  /** The end of this process; with `remember` the next one takes over. */
  end(remember: boolean): void;
}

export interface RecoveryHooks {
  announce(family: Family): void;
  program(family: Family): void;
}

/** Peers are asked to keep our routes while we restart. */
export function asksForHelp(config: Config): boolean {
  return settingsOf(config).some(({ gracefulRestart }) => gracefulRestart.mode === "on");
}

/** Of each peer, and of those that may come from within a prefix. */
function settingsOf({ peers, dynamicPeers }: Config): readonly Omit<PeerConfig, "name" | "address">[] {
  return [...peers, ...dynamicPeers.map(({ template }) => template)];
}

/** Undefined: nobody of that name can come up. A dynamic peer is there only once it does. */
function settingsByName({ config, peers }: Core, name: string): Omit<PeerConfig, "name" | "address"> | undefined {
  const range = () => config.dynamicPeers.find((range) => name.startsWith(`${range.name}-`));
  const settings = peers.get(name)?.config ?? range()?.template;
  return settings?.disabled || settings?.gracefulRestart.mode === "off" ? undefined : settings;
}

function restartTimeOf(config: Config): number {
  const times = settingsOf(config).flatMap(({ gracefulRestart: { mode, restartTimeMs } }) =>
    mode === "on" ? [restartTimeMs] : [],
  );
  return Math.max(0, ...times);
}

/** What the process before left, if that is not too long ago. */
function takeOver({ restart, config }: Core): RestartRecord | undefined {
  if (!restart?.previous || !asksForHelp(config)) return undefined;
  const { text, ageMs } = restart.previous;
  const record = parseRecord(text);
  return record && ageMs < record.restartTimeMs ? record : undefined;
}

/** Of a peer whose End-of-RIB has not come: it has restarted too, and announcements do not wait for it. */
type Awaited = "restarted" | "expected";

function isExpecting(names: ReadonlyMap<string, Awaited>): boolean {
  for (const what of names.values()) if (what === "expected") return true;
  return false;
}

export function createRecovery(core: Core, hooks: RecoveryHooks): Recovery {
  const { clock, log, restart: memory } = core;
  const record = takeOver(core);
  const deferred = new Set<Family>(record ? FAMILIES : []);
  const held = new Set<Family>(deferred);
  const awaited: Record<Family, Map<string, Awaited>> = { ipv4: new Map(), ipv6: new Map() };
  /** Addresses of peers that were Established in the life of this process: what we forward for them is as they know it. */
  const served = new Set<string>();
  /** Families in which a peer that had not restarted has sent End-of-RIB. */
  const told = new Set<Family>();
  let deferredUntilMs = 0;
  let othersRestarted = false;
  let cancelDeferral = () => {};
  let cancelGrace: (() => void) | undefined;
  let cancelHeartbeat = () => {};
  let writtenMs = 0;
  let ended = false;

  function begin(): void {
    if (record) {
      for (const [name, families] of record.peers) {
        const settings = settingsByName(core, name);
        for (const family of families) if (settings?.families.includes(family)) awaited[family].set(name, "expected");
      }
      const waitMs = Math.min(restartTimeOf(core.config), MAX_DEFERRAL_MS);
      deferredUntilMs = clock.nowMs() + waitMs;
      cancelDeferral = clock.after(waitMs, timeOver);
      log("info", "recovering", { peers: record.peers.size, seconds: Math.round(waitMs / 1000) });
      settle();
    }
    write();
  }

  /** Families for which nobody is waited for any more go on. */
  function settle(): void {
    for (const family of held) {
      const names = awaited[family];
      if (isExpecting(names)) continue;
      if (names.size === 0 || !told.has(family)) announce(family);
      else if (deferred.has(family)) giveGrace();
      if (names.size === 0) finish(family);
    }
  }

  function giveGrace(): void {
    cancelGrace ??= clock.after(GRACE_MS, () => {
      cancelGrace = undefined;
      told.clear();
      settle();
    });
  }

  function announce(family: Family): void {
    if (deferred.delete(family)) hooks.announce(family);
  }

  function timeOver(): void {
    for (const family of held) {
      log("warn", "recovery ends without End-of-RIB", { family, peers: [...awaited[family].keys()] });
      awaited[family].clear();
    }
    settle();
  }

  function finish(family: Family): void {
    held.delete(family);
    log("info", "recovered", { family });
    if (held.size === 0) {
      cancelDeferral();
      cancelGrace?.();
    }
    hooks.program(family);
  }

  function noteServed(address: string): void {
    served.delete(address);
    served.add(address);
    const [oldest] = served;
    if (served.size > MAX_SERVED) served.delete(oldest!);
  }

  function noLonger(peer: PeerRuntime, families: readonly Family[]): void {
    if (held.size === 0) return;
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
    writtenMs = clock.nowMs();
    cancelHeartbeat = clock.after(HEARTBEAT_MS, write);
  }

  /** Those that are up with the capability, whose routes are kept, or who are still waited for: so should a successor. */
  function knownPeers(): Map<string, readonly Family[]> {
    const known = new Map<string, readonly Family[]>();
    const add = (name: string, family: Family) => known.set(name, [...(known.get(name) ?? []), family]);
    for (const family of FAMILIES) {
      for (const name of awaited[family].keys()) add(name, family);
      for (const { config, negotiated, stale } of core.peers.values()) {
        const isUp = negotiated?.gracefulRestart && negotiated[family];
        if ((isUp || stale?.families.has(family)) && !awaited[family].has(config.name)) add(config.name, family);
      }
    }
    return known;
  }

  /** We may be killed at any time: what changed is not held back by what changes next. */
  function writeSoon(): void {
    if (!memory || ended) return;
    cancelHeartbeat();
    cancelHeartbeat = clock.after(Math.max(0, writtenMs + COLLECT_MS - clock.nowMs()), write);
  }

  return {
    begin,
    bits: ({ config }) => ({
      restarting: deferred.size > 0,
      forwarding: record !== undefined || served.has(formatAddress(config.address)),
    }),
    isDeferred: (family) => deferred.has(family),
    isHeld: (family) => held.has(family),
    get deferredUntilMs() {
      return held.size > 0 ? deferredUntilMs : undefined;
    },
    get keepAdoptedUntilMs() {
      return held.size > 0 || othersRestarted ? deferredUntilMs : 0;
    },
    awaited: (family) => [...awaited[family].keys()],
    established(peer, negotiated) {
      noteServed(formatAddress(peer.config.address));
      writeSoon();
      const restart = negotiated.gracefulRestart;
      if (held.size > 0 && restart?.restarting) othersRestarted = true;
      const tells = (family: Family) => negotiated[family] && restart !== undefined;
      for (const family of held)
        if (tells(family)) awaited[family].set(peer.config.name, restart?.restarting ? "restarted" : "expected");
      noLonger(
        peer,
        FAMILIES.filter((family) => !tells(family)),
      );
    },
    lost: writeSoon,
    left: ({ config }) => void served.delete(formatAddress(config.address)),
    endOfRib(peer, family) {
      if (awaited[family].get(peer.config.name) === "expected") told.add(family);
      noLonger(peer, [family]);
    },
    stopped: (peer) => noLonger(peer, FAMILIES),
    configured() {
      // A peer that is configured no more, or without the capability, cannot be waited for.
      for (const family of held)
        for (const name of [...awaited[family].keys()])
          if (!settingsByName(core, name)?.families.includes(family)) awaited[family].delete(name);
      if (held.size > 0) settle();
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
      cancelGrace?.();
    },
  };
}
