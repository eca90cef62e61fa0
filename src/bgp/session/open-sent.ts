import { acceptOpen } from "./accept-open.ts";
import { isVersionError, tcpClosed } from "./causes.ts";
import { type ConnectionEvent, fsmError, holdExpired, notified, protocolFault, versionRefused } from "./faults.ts";
import { endConnection } from "./transitions.ts";
import type { Turn } from "./turn.ts";
import type { Side } from "./types.ts";
import { unreachable } from "./unreachable.ts";

/** RFC 4271 §8.2.2, OpenSent: our OPEN is out, the peer's is awaited. A fault in an UPDATE is no better than the UPDATE. */
export function openSent(turn: Turn, side: Side, event: ConnectionEvent): Turn {
  switch (event.kind) {
    case "connected": // Tracked: the other connection has its own state.
      return turn;
    case "failed":
      return endConnection(turn, side, { reason: tcpClosed(event.reason), gone: true, counts: false, next: "retry" });
    case "open":
      return acceptOpen(turn, side, event.open);
    case "notification":
      return isVersionError(event.notification)
        ? versionRefused(turn, side, event.notification)
        : notified(turn, side, event.notification);
    case "fault":
      return event.notification.code <= 2
        ? protocolFault(turn, side, event.notification, event.message)
        : fsmError(turn, side, 1, event);
    case "timer":
      return event.timer.name === "hold" ? holdExpired(turn, side) : fsmError(turn, side, 1, event);
    case "keepalive":
    case "update":
    case "refresh":
      return fsmError(turn, side, 1, event);
    default:
      return unreachable(event);
  }
}
