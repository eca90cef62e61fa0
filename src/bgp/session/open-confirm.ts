import { isVersionError, tcpClosed } from "./causes.ts";
import { type ConnectionEvent, fsmError, holdExpired, notified, protocolFault, versionRefused } from "./faults.ts";
import { jitter } from "./timing.ts";
import { endConnection } from "./transitions.ts";
import { arm, disarm, emit, type Turn, update, updateConnection } from "./turn.ts";
import type { Side } from "./types.ts";
import { unreachable } from "./unreachable.ts";

/**
 * RFC 4271 §8.2.2, OpenConfirm: both OPENs are accepted, the peer's KEEPALIVE is awaited. Event 19 of the RFC's text
 * is an OPEN on the other connection, which is judged there; a second OPEN on this one is an FSM error.
 */
export function openConfirm(turn: Turn, side: Side, event: ConnectionEvent): Turn {
  switch (event.kind) {
    case "connected":
      return turn;
    case "failed":
      return endConnection(turn, side, {
        reason: tcpClosed(event.reason),
        gone: true,
        counts: event.replaced !== true,
        next: event.replaced ? "retry" : "damped",
      });
    case "keepalive":
      return establish(turn, side);
    case "notification":
      return isVersionError(event.notification)
        ? versionRefused(turn, side, event.notification)
        : notified(turn, side, event.notification);
    case "fault":
      return event.notification.code <= 2
        ? protocolFault(turn, side, event.notification, event.message)
        : fsmError(turn, side, 2, event);
    case "timer":
      return openConfirmTimer(turn, side, event);
    case "open":
    case "update":
    case "refresh":
      return fsmError(turn, side, 2, event);
    default:
      return unreachable(event);
  }
}

function openConfirmTimer(turn: Turn, side: Side, event: ConnectionEvent & { kind: "timer" }): Turn {
  switch (event.timer.name) {
    case "hold":
      return holdExpired(turn, side);
    case "keepalive":
      emit(turn, { kind: "sendKeepalive", side });
      return arm(turn, "keepalive", jitter(turn.peer[side].negotiated!.keepaliveMs, turn.env.random), side);
    case "connectRetry":
    case "idleHold":
    case "delayOpen":
    case "sendHold":
      return fsmError(turn, side, 2, event);
    default:
      return unreachable(event.timer.name);
  }
}

function establish(turn: Turn, side: Side): Turn {
  const negotiated = turn.peer[side].negotiated!; // Set on the way into OpenConfirm.
  if (negotiated.holdMs > 0) arm(turn, "hold", negotiated.holdMs, side);
  else disarm(turn, "hold", side);
  if (negotiated.sendHoldMs > 0) arm(turn, "sendHold", negotiated.sendHoldMs, side);
  updateConnection(turn, side, { state: "established" });
  update(turn, { establishedCount: turn.peer.establishedCount + 1, establishedAtMs: turn.env.nowMs });
  return emit(turn, { kind: "established", side, negotiated });
}
