/**
 * TCP-MD5 keys (RFC 2385) in use. A key that changes is replaced on the live session; until the peer has changed its own
 * too, both kernels drop what the other end sends. The kernel says nothing of that to a program, so its counters are looked at: those
 * of the network namespace tell for what reason segments were refused, but not whose they were; those of a connection
 * tell that some were dropped, but not why. Where both rise, the connection's segments are taken to be refused.
 */
import { stateOf } from "../bgp/session/peer.ts";
import type { DownReason, Side } from "../bgp/session/types.ts";
import type { Config } from "../config/model.ts";
import type { KeyUse, PeerRuntime } from "./peer.ts";
import type { Clock, Log, RefusedSegments, Transport } from "./ports.ts";

const WATCH_MS = 2_000;
/** An answer looks again after so long. */
const GLANCE_MS = 200;
/** A segment that was sent again so often was not merely lost. */
const REPEATED = 2;
/** Looks without news, after which drops that have another reason are forgotten. */
const QUIET_LOOKS = 15;
/** Evidence that is older tells nothing of now: a segment that is refused is sent again within two minutes. */
const FRESH_MS = 150_000;
const SIDES = ["outgoing", "incoming"] as const satisfies readonly Side[];

export interface SessionKeys {
  /** Follows a configuration: whether there is anything to watch. */
  configure(config: Config): void;
  /** The peer's configuration has another key than its connections. */
  changed(peer: PeerRuntime): void;
  /**
   * Its key was changed on the live session and nothing was heard since: a connection that is signed with the new key
   * says that the peer has changed too, and ended the session to do so. We could not hear that: it was signed with the old one.
   */
  isUnheard(peer: PeerRuntime): boolean;
  /** A session is up: what was refused on the way there, as by a listener that has other keys or TTLs since, is settled. */
  up(peer: PeerRuntime): void;
  /** A session has ended: says so where its key may be the reason. */
  down(peer: PeerRuntime, reason: DownReason): void;
  /** Segments refused since the start because they were signed and nobody here has a key for their sender. */
  strangers(): number;
  /** Whether the kernel refuses the peer's segments now, as far as one can tell. */
  suspicion(peer: PeerRuntime): Suspicion | undefined;
  stop(): void;
}

export interface Suspicion {
  readonly sinceMs: number;
  /** Segments dropped on the session's own connection meanwhile. */
  readonly segments: number;
  /** Ours are not acknowledged since the key changed. With neither, only the counters of the namespace rose. */
  readonly unacknowledged: boolean;
  readonly kind: "signature" | "ttl";
}

export interface SessionKeysOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly transport: Transport;
  readonly peers: () => Iterable<PeerRuntime>;
  /** The system refused the new key on a live connection. */
  readonly failed: (peer: PeerRuntime) => void;
}

export function createSessionKeys(options: SessionKeysOptions): SessionKeys {
  const { clock, log, transport } = options;
  let before: RefusedSegments | undefined;
  let unexpectedAtStart: number | undefined;
  let lookedAtMs = 0;
  let quiet = 0;
  /** Peers whose key changed on the live session, and who have not been heard since. */
  const unproven = new Set<PeerRuntime>();
  let cancel: (() => void) | undefined;

  function watch(): void {
    look();
    cancel = clock.after(WATCH_MS, watch);
  }

  function look(): void {
    const now = transport.refused();
    const last = before;
    before = now;
    lookedAtMs = clock.nowMs();
    for (const peer of unproven) prove(peer);
    if (!now || !last) return;
    const signatures = total(now) > total(last);
    const ttl = now.fromAfar > last.fromAfar;
    if (!signatures && !ttl) {
      if (++quiet % QUIET_LOOKS === 0) for (const peer of options.peers()) if (isWatched(peer)) droppedSince(peer);
      return;
    }
    quiet = 0;
    for (const peer of options.peers()) {
      const kind = peer.config.password !== undefined && signatures ? "signature" : ttlRefused(peer, ttl);
      if (kind !== undefined) note(peer, kind);
    }
  }

  /** Refused segments of ours show by being sent again and again. */
  function prove(peer: PeerRuntime): void {
    const { active, key, gone } = peer;
    if (!active || gone || peer.lastHeardMs > key.sinceMs) {
      unproven.delete(peer);
      return;
    }
    if ((transport.health(active.id)?.retransmits ?? 0) < REPEATED) return;
    suspect(peer, "signature", 0);
    key.unacknowledged = true;
  }

  /** The namespace's counters rose: does the peer show that it was about its segments? */
  function note(peer: PeerRuntime, kind: Suspicion["kind"]): void {
    const segments = droppedSince(peer);
    // A peer that is up is suspected by its own connection only.
    if (segments === 0 && peer.active) return;
    if (segments === 0 && peer.config.disabled) return;
    suspect(peer, kind, segments);
  }

  function suspect(peer: PeerRuntime, kind: Suspicion["kind"], segments: number): void {
    const { key } = peer;
    if (!isSuspected(peer)) {
      key.refusedSinceMs = clock.nowMs();
      key.refusedSegments = 0;
      key.unacknowledged = false;
    }
    key.refusedAtMs = clock.nowMs();
    key.refusedSegments += segments;
    key.refusedKind = kind;
  }

  /** Segments dropped on the peer's connections since they were last looked at. */
  function droppedSince({ connections, key }: PeerRuntime): number {
    let segments = 0;
    for (const side of SIDES) {
      const connection = connections[side];
      const dropped = connection ? (transport.health(connection.id)?.dropped ?? 0) : 0;
      segments += Math.max(0, dropped - key.dropped[side]);
      key.dropped[side] = dropped;
    }
    return segments;
  }

  /** Refused lately, and nothing has been heard of the peer since. */
  function isSuspected({ key, lastHeardMs }: PeerRuntime): boolean {
    const { refusedSinceMs, refusedAtMs } = key;
    if (refusedSinceMs === undefined || clock.nowMs() - refusedAtMs > FRESH_MS) return false;
    return lastHeardMs <= refusedAtMs;
  }

  function suspicion(peer: PeerRuntime): Suspicion | undefined {
    if (!cancel) return undefined;
    if (clock.nowMs() - lookedAtMs >= GLANCE_MS) look();
    const { key } = peer;
    if (!isSuspected(peer)) return undefined;
    return {
      sinceMs: key.refusedSinceMs!,
      segments: key.refusedSegments,
      unacknowledged: key.unacknowledged,
      kind: key.refusedKind,
    };
  }

  return {
    strangers() {
      if (clock.nowMs() - lookedAtMs >= GLANCE_MS || !before) look();
      return Math.max(0, (before?.unexpected ?? 0) - (unexpectedAtStart ?? 0));
    },
    configure({ peers, dynamicPeers }) {
      unexpectedAtStart ??= transport.refused()?.unexpected ?? 0;
      const all = [...peers, ...dynamicPeers.map(({ template }) => template)];
      const wanted = all.some((peer) => peer.password !== undefined || peer.ttlSecurity !== undefined);
      if (wanted && !cancel) {
        before = undefined; // what an answer saw while there was nothing to watch
        watch();
      } else if (!wanted) stop();
    },
    changed(peer) {
      const { config, key } = peer;
      const established = stateOf(peer.session) === "established";
      key.sinceMs = clock.nowMs();
      key.changedLive = established;
      key.refusedSinceMs = undefined;
      droppedSince(peer);
      if (established) unproven.add(peer);
      for (const side of SIDES) {
        const connection = peer.connections[side];
        if (!connection) continue;
        if (!transport.setKey(connection.id, config.password)) return options.failed(peer);
      }
      log("info", "key changed", {
        peer: config.name,
        reason: established
          ? `the session stays; the peer must change its key too within ${peer.negotiated!.holdMs / 1000} s`
          : "the next attempt uses it",
      });
    },
    up(peer) {
      if (cancel && isWatched(peer)) droppedSince(peer);
    },
    down(peer, reason) {
      const { key } = peer;
      const why = explain(key, isUnheard(peer), isSuspected(peer));
      key.changedLive = false;
      if (reason.code !== "holdTimer" && reason.code !== "sendHoldTimer") return;
      if (why !== undefined) log("warn", "key mismatch suspected", { peer: peer.config.name, reason: why });
    },
    isUnheard,
    suspicion,
    stop,
  };

  function stop(): void {
    cancel?.();
    cancel = undefined;
    before = undefined;
    unproven.clear();
  }

  function explain(key: KeyUse, unheard: boolean, suspected: boolean): string | undefined {
    const ago = (ms: number) => Math.round((clock.nowMs() - ms) / 1000);
    if (unheard)
      return `nothing was heard since our key was changed ${ago(key.sinceMs)} s ago: the peer has another one still`;
    if (!suspected || key.refusedKind !== "signature") return undefined;
    return `${key.refusedSegments} segments of the peer were refused in the last ${ago(key.refusedSinceMs!)} s: it signs with another key than ours, or not at all`;
  }
}

function isUnheard({ key, lastHeardMs }: PeerRuntime): boolean {
  return key.changedLive && lastHeardMs <= key.sinceMs;
}

function isWatched({ config }: PeerRuntime): boolean {
  return config.password !== undefined || config.ttlSecurity !== undefined;
}

function ttlRefused(peer: PeerRuntime, rose: boolean): "ttl" | undefined {
  return rose && peer.config.ttlSecurity !== undefined ? "ttl" : undefined;
}

function total({ unsigned, unexpected, mismatched }: RefusedSegments): number {
  return unsigned + unexpected + mismatched;
}
