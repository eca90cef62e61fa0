/** The moves that several states share: how an attempt begins, how a connection ends, and what follows. */
import { ERROR } from "../iana.ts";
import type { Notification } from "../notification.ts";
import { CEASE, cease } from "./causes.ts";
import { type Connection, hasSentOpen, isAlive, NO_CONNECTION, otherSide } from "./peer.ts";
import { asSent, keepsRoutes, reasonAsSent } from "./restart.ts";
import { jitter, LARGE_HOLD_MS, spread } from "./timing.ts";
import { arm, disarm, emit, type Turn, update, updateConnection } from "./turn.ts";
import type { DownReason, Side } from "./types.ts";

/**
 * How the peer goes on when its last connection has ended.
 * - `retry`: wait for ConnectRetryTimer in Active.
 * - `retryNow`: connect again at once.
 * - `restart`: Idle and an automatic start in one (events 3 and 5), as for a session that ended after a calm life.
 * - `idle`: Idle for the current idle hold time.
 * - `damped`: the same, and the next time will be twice as long (DampPeerOscillations).
 */
export type Next = "retry" | "retryNow" | "restart" | "idle" | "damped";

/** The end of one connection. */
export interface End {
  readonly reason: DownReason;
  /** Sent before closing. */
  readonly notification?: Notification;
  /** TCP has ended already: there is nothing to close. */
  readonly gone?: boolean;
  /** ConnectRetryCounter is increased. */
  readonly counts: boolean;
  readonly next: Next;
  /** The peer's other connection may live on, though this one was Established. */
  readonly sparesOther?: boolean;
}

/** Leaves Idle: events 1 and 3 (4 and 5 for a passive peer), after `waitMs` in which the peer may connect already. */
export function begin(turn: Turn, waitMs: number): Turn {
  update(turn, { phase: "running" });
  if (turn.peer.settings.passive) return listen(turn);
  if (waitMs === 0) return connect(turn);
  updateConnection(turn, "outgoing", { state: "active" });
  return arm(turn, "connectRetry", jitter(waitMs, turn.env.random));
}

function listen(turn: Turn): Turn {
  return updateConnection(turn, "outgoing", { state: "active" });
}

export function connect(turn: Turn): Turn {
  updateConnection(turn, "outgoing", { ...NO_CONNECTION, state: "connect" });
  arm(turn, "connectRetry", jitter(turn.peer.settings.connectRetryMs, turn.env.random));
  return emit(turn, { kind: "connect" });
}

/** Active: nothing is sent; a passive peer waits for the other end only. */
function awaitRetry(turn: Turn): Turn {
  listen(turn);
  if (turn.peer.settings.passive) return turn;
  return arm(turn, "connectRetry", jitter(turn.peer.settings.connectRetryMs, turn.env.random));
}

/** Events 14, 16 and 17: TCP is up. OPEN goes out now, or after DelayOpenTimer. */
export function connectionUp(turn: Turn, side: Side): Turn {
  if (side === "outgoing") disarm(turn, "connectRetry");
  updateConnection(turn, side, { upAtMs: turn.env.nowMs });
  const { delayOpenMs } = turn.peer.settings;
  if (delayOpenMs === 0) return sendOpen(turn, side);
  // What was accepted comes from Idle.
  const state = turn.peer[side].state === "connect" ? "connect" : "active";
  updateConnection(turn, side, { state, delaying: true });
  return arm(turn, "delayOpen", delayOpenMs, side);
}

/** Sends OPEN and enters OpenSent. */
export function sendOpen(turn: Turn, side: Side): Turn {
  emit(turn, { kind: "sendOpen", side });
  arm(turn, "hold", LARGE_HOLD_MS, side);
  return updateConnection(turn, side, { state: "openSent", delaying: false, bare: turn.peer.fallback });
}

/** Ends one connection. The peer goes on with the other one if that is alive, else as `end.next` says. */
export function endConnection(turn: Turn, side: Side, end: End): Turn {
  const before = turn.peer[side];
  const wasEstablished = before.state === "established";
  release(turn, side, end.notification, end.gone === true);
  recordEnd(turn, side, before, end.reason);
  if (end.counts) countFailure(turn);
  const other = turn.peer[otherSide(side)];
  if (isAlive(other) && (!wasEstablished || end.sparesOther === true)) {
    const undecided = other.delaying || other.state === "openSent";
    if (side === "outgoing" && end.next === "retry" && undecided) awaitRetry(turn);
    return turn;
  }
  return goOn(turn, end.next);
}

export function countFailure(turn: Turn): Turn {
  return update(turn, { connectRetryCounter: turn.peer.connectRetryCounter + 1 });
}

function goOn(turn: Turn, next: Next): Turn {
  const { outgoing, settings } = turn.peer;
  switch (next) {
    case "retry":
      if (outgoing.state === "idle") awaitRetry(turn);
      return turn;
    case "retryNow":
      if (settings.passive) awaitRetry(turn);
      else if (outgoing.state !== "connect") connect(turn);
      return turn;
    case "restart":
      return begin(turn, settings.connectDelayMs);
    case "idle":
      return enterIdleHold(turn, false);
    case "damped":
      return enterIdleHold(turn, true);
  }
}

/** Idle until IdleHoldTimer ends, or for exactly `waitMs`; whatever connection is left is dropped. */
export function enterIdleHold(turn: Turn, grow: boolean, waitMs?: number): Turn {
  releaseAll(turn, cease(CEASE.connectionRejected));
  const { nextIdleHoldMs, settings } = turn.peer;
  const grown = Math.min(2 * nextIdleHoldMs, settings.idleHold.maxMs);
  arm(turn, "idleHold", waitMs ?? spread(nextIdleHoldMs, turn.env.random));
  return update(turn, { phase: "idleHold", nextIdleHoldMs: grow ? grown : nextIdleHoldMs });
}

/** Drops both connections; the notification goes to each on which OPEN was sent. */
export function releaseAll(turn: Turn, notification: Notification): Turn {
  for (const side of ["outgoing", "incoming"] as const)
    release(turn, side, hasSentOpen(turn.peer[side]) ? notification : undefined, false);
  return turn;
}

/** Stops the connection's timers, says goodbye if there is something to say, closes TCP if there is any. */
export function release(turn: Turn, side: Side, notification: Notification | undefined, gone: boolean): Turn {
  const { state, delaying } = turn.peer[side];
  if (state === "idle") return turn;
  if (!gone && notification)
    emit(turn, { kind: "sendNotification", side, notification: asSent(turn.peer[side], notification) });
  const stuck = notification?.code === ERROR.sendHoldTimer.code; // What could not be sent for so long will not leave now either.
  if (!gone && (state !== "active" || delaying))
    emit(turn, { kind: "close", side, flush: notification !== undefined && !stuck });
  stopTimers(turn, side);
  return updateConnection(turn, side, NO_CONNECTION);
}

function stopTimers(turn: Turn, side: Side): Turn {
  const { state, delaying } = turn.peer[side];
  if (delaying) disarm(turn, "delayOpen", side);
  else if (side === "outgoing" && (state === "connect" || state === "active")) disarm(turn, "connectRetry");
  if (!hasSentOpen(turn.peer[side])) return turn;
  disarm(turn, "hold", side);
  if (state !== "openSent") disarm(turn, "keepalive", side);
  if (state === "established") disarm(turn, "sendHold", side);
  return turn;
}

/** Keeps why it ended (`before`: the connection as it was), and forgets the damping when the session had been calm for longer than the next idle hold. */
export function recordEnd(turn: Turn, side: Side, before: Connection, why: DownReason): Turn {
  const { nowMs } = turn.env;
  const wasEstablished = before.state === "established";
  const reason = reasonAsSent(before, why);
  const end = { reason, atMs: nowMs };
  if (reason.code !== "collision" || wasEstablished) update(turn, { lastFailure: end });
  if (!wasEstablished) return emit(turn, { kind: "attemptFailed", side, reason });
  const { settings, nextIdleHoldMs, downCount } = turn.peer;
  update(turn, {
    lastDown: end,
    downCount: downCount + 1,
    nextIdleHoldMs: wasCalm(turn) ? settings.idleHold.minMs : nextIdleHoldMs,
    establishedAtMs: undefined,
    fallback: false,
  });
  return emit(turn, { kind: "down", reason, graceful: keepsRoutes(before, reason) });
}

/** Established for longer than the idle hold that a fault would cause now. */
export function wasCalm({ peer, env }: Turn): boolean {
  return peer.establishedAtMs !== undefined && env.nowMs - peer.establishedAtMs > peer.nextIdleHoldMs;
}
