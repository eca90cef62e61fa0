import { acceptOpen } from "./accept-open.ts";
import { isVersionError, tcpClosed } from "./causes.ts";
import { type ConnectionEvent, protocolFault, unexpected, versionRefused } from "./faults.ts";
import { connect as attempt, connectionUp, endConnection, release, sendOpen } from "./transitions.ts";
import type { Turn } from "./turn.ts";
import type { Side } from "./types.ts";
import { unreachable } from "./unreachable.ts";

/**
 * RFC 4271 §8.2.2, Active: waiting for the retry or for the peer to connect, or a connection that is up and delays
 * its OPEN. An incoming connection that ends while it delays takes nothing with it: whoever can reach the port
 * could otherwise hold the peer down.
 */
export function active(turn: Turn, side: Side, event: ConnectionEvent): Turn {
  const { delaying } = turn.peer[side];
  switch (event.kind) {
    case "connected":
      return delaying ? turn : connectionUp(turn, side);
    case "failed":
      return endConnection(turn, side, {
        reason: tcpClosed(event.reason),
        gone: true,
        counts: side === "outgoing",
        next: side === "outgoing" ? "damped" : "retry",
      });
    case "open":
      return delaying ? acceptOpen(turn, side, event.open) : unexpected(turn, side, event);
    case "notification":
      return delaying && isVersionError(event.notification)
        ? versionRefused(turn, side, event.notification)
        : unexpected(turn, side, event);
    case "fault":
      return delaying && event.notification.code <= 2
        ? protocolFault(turn, side, event.notification, event.message)
        : unexpected(turn, side, event);
    case "timer":
      return activeTimer(turn, side, event);
    case "keepalive":
    case "update":
    case "refresh":
      return unexpected(turn, side, event);
    default:
      return unreachable(event);
  }
}

function activeTimer(turn: Turn, side: Side, event: ConnectionEvent & { kind: "timer" }): Turn {
  switch (event.timer.name) {
    case "connectRetry":
      if (turn.peer.settings.passive) return turn;
      release(turn, side, undefined, false);
      return attempt(turn);
    case "delayOpen":
      return turn.peer[side].delaying ? sendOpen(turn, side) : unexpected(turn, side, event);
    case "hold":
    case "keepalive":
    case "idleHold":
    case "sendHold":
      return unexpected(turn, side, event);
    default:
      return unreachable(event.timer.name);
  }
}
