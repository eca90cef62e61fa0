import { withTimes } from "./negotiate.ts";
import type { DownReason, Negotiated, SessionSettings, SessionState, Side } from "./types.ts";

/** One TCP connection of a peer, or the place for one. */
export interface Connection {
  /**
   * `outgoing` waits in Connect (an attempt is under way) or Active (waiting for the retry, or for the peer), and is
   * Idle while the other connection carries the session. `incoming` is Idle while there is none, and Active while
   * it delays its OPEN.
   */
  readonly state: SessionState;
  /** TCP is up and DelayOpenTimer runs. */
  readonly delaying: boolean;
  /** Our OPEN went out without capabilities. */
  readonly bare: boolean;
  /** From OpenConfirm on; holds the peer's OPEN. */
  readonly negotiated: Negotiated | undefined;
  /** When TCP came up; 0 before. */
  readonly upAtMs: number;
}

/** Why and when something ended; the time is the step's `nowMs`. */
export interface PastEnd {
  readonly reason: DownReason;
  readonly atMs: number;
}

/** Everything the state machine knows of a peer. Plain data: each step makes a new one. */
export interface Peer {
  readonly settings: SessionSettings;
  /** `stopped`: until a start. `idleHold`: damped, starts by itself when the timer ends. `running`: all else. */
  readonly phase: "stopped" | "idleHold" | "running";
  /** RFC 4271 §8.1.1; set to 0 by start and manual stop only. */
  readonly connectRetryCounter: number;
  /** The wait, before its spread, that the next fault will cause. */
  readonly nextIdleHoldMs: number;
  /** The peer refused our capabilities: OPEN goes without them until a session succeeded and ended, or a restart. */
  readonly fallback: boolean;
  readonly outgoing: Connection;
  readonly incoming: Connection;
  /** Times Established was entered and left; kept where other settings replaced the peer (`withPast`). */
  readonly establishedCount: number;
  readonly downCount: number;
  /** Undefined unless Established. */
  readonly establishedAtMs: number | undefined;
  /** How the last Established session ended. */
  readonly lastDown: PastEnd | undefined;
  /** How the last connection ended, whatever state it had reached; collisions left out. */
  readonly lastFailure: PastEnd | undefined;
}

export const NO_CONNECTION: Connection = {
  state: "idle",
  delaying: false,
  bare: false,
  negotiated: undefined,
  upAtMs: 0,
};

/** A peer that is stopped; a `start` event brings it to life. */
export function createPeer(settings: SessionSettings): Peer {
  return {
    settings,
    phase: "stopped",
    connectRetryCounter: 0,
    nextIdleHoldMs: settings.idleHold.minMs,
    fallback: false,
    outgoing: NO_CONNECTION,
    incoming: NO_CONNECTION,
    establishedCount: 0,
    downCount: 0,
    establishedAtMs: undefined,
    lastDown: undefined,
    lastFailure: undefined,
  };
}

/** A peer that was stopped for good and begins anew under other settings remembers how its sessions went. */
export function withPast(peer: Peer, { establishedCount, downCount, lastDown }: Peer): Peer {
  return { ...peer, establishedCount, downCount, lastDown };
}

/** Other settings that a live session may take over: nothing in them stands in OPEN. */
export function withSettings(peer: Peer, settings: SessionSettings): Peer {
  const renewed = (connection: Connection): Connection =>
    connection.negotiated === undefined
      ? connection
      : { ...connection, negotiated: withTimes(settings, connection.negotiated) };
  return { ...peer, settings, outgoing: renewed(peer.outgoing), incoming: renewed(peer.incoming) };
}

const PROGRESS: readonly SessionState[] = ["idle", "connect", "active", "openSent", "openConfirm", "established"];

/** The side that is further on; outgoing when both are equally far. */
export function leadingSide(peer: Peer): Side {
  return PROGRESS.indexOf(peer.incoming.state) > PROGRESS.indexOf(peer.outgoing.state) ? "incoming" : "outgoing";
}

/** The peer's state as operators see it: that of its most advanced connection. */
export function stateOf(peer: Peer): SessionState {
  return peer[leadingSide(peer)].state;
}

/** What the Established or OpenConfirm session agreed on; undefined before. */
export function negotiatedOf(peer: Peer): Negotiated | undefined {
  return peer[leadingSide(peer)].negotiated;
}

export function otherSide(side: Side): Side {
  return side === "outgoing" ? "incoming" : "outgoing";
}

/** An OPEN has been sent on it. */
export function hasSentOpen(connection: Connection): boolean {
  return connection.state === "openSent" || connection.state === "openConfirm" || connection.state === "established";
}

/** TCP is up and can still become the session. */
export function isAlive(connection: Connection): boolean {
  return connection.delaying || hasSentOpen(connection);
}
