import { type Notification, unwrapHardReset } from "../notification.ts";
import { CEASE, isCease, received, tcpClosed } from "./causes.ts";
import { type ConnectionEvent, fsmError, holdExpired, protocolFault, sendHoldExpired } from "./faults.ts";
import { jitter } from "./timing.ts";
import { endConnection, type Next, wasCalm } from "./transitions.ts";
import { arm, emit, type Turn } from "./turn.ts";
import type { Side } from "./types.ts";
import { unreachable } from "./unreachable.ts";

/**
 * RFC 4271 §8.2.2, Established. KEEPALIVE and UPDATE need not pass through here: whoever stamps their arrival sends
 * the hold timer's event only when the hold time is really over, and the send hold timer's likewise (RFC 9687).
 */
export function established(turn: Turn, side: Side, event: ConnectionEvent): Turn {
  switch (event.kind) {
    case "connected":
      return turn;
    case "failed":
      return endConnection(turn, side, {
        reason: tcpClosed(event.reason),
        gone: true,
        counts: true,
        next: restartIfCalm(turn),
        sparesOther: true,
      });
    case "notification":
      return notifiedInEstablished(turn, side, event.notification);
    case "keepalive":
    case "update":
    case "refresh":
      return heard(turn, side);
    case "fault":
      return protocolFault(turn, side, event.notification, event.message);
    case "timer":
      return establishedTimer(turn, side, event);
    case "open":
      return fsmError(turn, side, 3, event);
    default:
      return unreachable(event);
  }
}

function establishedTimer(turn: Turn, side: Side, event: ConnectionEvent & { kind: "timer" }): Turn {
  switch (event.timer.name) {
    case "hold":
      return holdExpired(turn, side);
    case "sendHold":
      return sendHoldExpired(turn, side);
    case "keepalive":
      emit(turn, { kind: "sendKeepalive", side });
      return arm(turn, "keepalive", jitter(turn.peer[side].negotiated!.keepaliveMs, turn.env.random), side);
    case "connectRetry":
    case "idleHold":
    case "delayOpen":
      return fsmError(turn, side, 3, event);
    default:
      return unreachable(event.timer.name);
  }
}

function heard(turn: Turn, side: Side): Turn {
  const { holdMs } = turn.peer[side].negotiated!;
  if (holdMs > 0) arm(turn, "hold", holdMs, side);
  return turn;
}

/**
 * Events 24 and 25. A second connection that is half open lives on where the peer may come back at once, and where
 * the peer ended this one because it kept the other of a collision.
 */
function notifiedInEstablished(turn: Turn, side: Side, notification: Notification): Turn {
  const next = asksForPatience(notification) ? "damped" : restartIfCalm(turn);
  return endConnection(turn, side, {
    reason: received(notification),
    counts: true,
    next,
    sparesOther: next === "restart" || isCease(notification, CEASE.collisionResolution),
  });
}

/**
 * The RFC damps neither a lost TCP connection nor a NOTIFICATION received in Established. We follow it when the
 * session had been calm: a peer that restarted is let in at once. One that keeps falling over is damped.
 */
function restartIfCalm(turn: Turn): Next {
  return wasCalm(turn) ? "restart" : "damped";
}

/** An error in what we sent, or a Cease that an immediate return would only provoke again. */
function asksForPatience(received: Notification): boolean {
  const notification = unwrapHardReset(received) ?? received;
  if (!isCease(notification)) return true;
  const { subcode } = notification;
  return subcode === CEASE.maximumPrefixes || subcode === CEASE.connectionRejected || subcode === CEASE.outOfResources;
}
