import { acceptOpen } from "./accept-open.ts";
import { isVersionError, tcpClosed } from "./causes.ts";
import { type ConnectionEvent, protocolFault, unexpected, versionRefused } from "./faults.ts";
import { connect as attempt, connectionUp, endConnection, release, sendOpen } from "./transitions.ts";
import type { Turn } from "./turn.ts";
import type { Side } from "./types.ts";
import { unreachable } from "./unreachable.ts";

/**
 * RFC 4271 §8.2.2, Connect: our attempt is under way, or is up and delays its OPEN.
 *
 * The RFC takes a failed attempt (event 18 without DelayOpenTimer) to Idle. We go to Active and retry when
 * ConnectRetryTimer ends, as every daemon does: a peer that is not up yet is no fault.
 */
export function connect(turn: Turn, side: Side, event: ConnectionEvent): Turn {
  const { delaying } = turn.peer[side];
  switch (event.kind) {
    case "connected":
      return delaying ? turn : connectionUp(turn, side);
    case "failed":
      return endConnection(turn, side, { reason: tcpClosed(event.reason), gone: true, counts: false, next: "retry" });
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
      return connectTimer(turn, side, event);
    case "keepalive":
    case "update":
    case "refresh":
      return unexpected(turn, side, event);
    default:
      return unreachable(event);
  }
}

function connectTimer(turn: Turn, side: Side, event: ConnectionEvent & { kind: "timer" }): Turn {
  switch (event.timer.name) {
    case "connectRetry":
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
