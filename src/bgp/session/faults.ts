/** The ways a connection is ended by an event, shared by the states. Each ends in one call of `endConnection`. */
import { ERROR, MESSAGE } from "../iana.ts";
import type { Notification } from "../notification.ts";
import {
  CEASE,
  HOLD_TIMER_EXPIRED,
  isCease,
  received,
  refusesCapabilities,
  SEND_HOLD_TIMER_EXPIRED,
  sent,
} from "./causes.ts";
import { isAlive, otherSide } from "./peer.ts";
import { endConnection } from "./transitions.ts";
import { type Turn, update } from "./turn.ts";
import type { SessionEvent, Side } from "./types.ts";

/** Events that belong to one connection, or to the timers. */
export type ConnectionEvent = Exclude<SessionEvent, { readonly kind: "start" | "stop" }>;

/** N(5/x): the event has no place in this state (RFC 6608); data is the type of the message, if it was one. */
export function fsmError(turn: Turn, side: Side, subcode: 1 | 2 | 3, event: ConnectionEvent): Turn {
  const type = messageTypeOf(event);
  const data = type === undefined ? new Uint8Array() : Uint8Array.of(type);
  const notification = { code: ERROR.fsm.code, subcode, data };
  const reason = { ...sent(notification, describe(event)), code: "fsmError" as const };
  return endConnection(turn, side, { reason, notification, counts: true, next: "damped" });
}

/** Connect and Active: the same without words, for nobody has said OPEN yet. */
export function unexpected(turn: Turn, side: Side, event: ConnectionEvent): Turn {
  const text = `unexpected before our OPEN: ${describe(event)}`;
  return endConnection(turn, side, { reason: { code: "fsmError", text }, counts: true, next: "damped" });
}

/** Events 21, 22 and 28. */
export function protocolFault(turn: Turn, side: Side, notification: Notification, message: string): Turn {
  return endConnection(turn, side, { reason: sent(notification, message), notification, counts: true, next: "damped" });
}

/** Event 10. */
export function holdExpired(turn: Turn, side: Side): Turn {
  const reason = { ...sent(HOLD_TIMER_EXPIRED), code: "holdTimer" as const };
  return endConnection(turn, side, { reason, notification: HOLD_TIMER_EXPIRED, counts: true, next: "damped" });
}

/** Event 29 (RFC 9687). The NOTIFICATION leaves only if it can without delay. */
export function sendHoldExpired(turn: Turn, side: Side): Turn {
  const notification = SEND_HOLD_TIMER_EXPIRED;
  const reason = { ...sent(notification), code: "sendHoldTimer" as const };
  return endConnection(turn, side, { reason, notification, counts: true, next: "damped" });
}

/** Event 24: the peer does not speak our version. Neither counted nor damped. */
export function versionRefused(turn: Turn, side: Side, notification: Notification): Turn {
  return endConnection(turn, side, { reason: received(notification), counts: false, next: "idle" });
}

/**
 * Event 25 before Established. The first refusal of our capabilities is answered by an OPEN without them. The peer's
 * word that it kept the other connection of a collision is no failure, if we have that other one.
 */
export function notified(turn: Turn, side: Side, notification: Notification): Turn {
  const reason = received(notification);
  if (refusesCapabilities(notification) && !turn.peer[side].bare) {
    update(turn, { fallback: true });
    return endConnection(turn, side, { reason, counts: true, next: "retryNow" });
  }
  if (isCease(notification, CEASE.collisionResolution) && isAlive(turn.peer[otherSide(side)]))
    return endConnection(turn, side, { reason: { ...reason, code: "collision" }, counts: false, next: "damped" });
  return endConnection(turn, side, { reason, counts: true, next: "damped" });
}

function messageTypeOf(event: ConnectionEvent): number | undefined {
  switch (event.kind) {
    case "open":
    case "update":
    case "notification":
    case "keepalive":
      return MESSAGE[event.kind].code;
    case "refresh":
      return MESSAGE.routeRefresh.code;
    case "fault":
      return event.notification.code === ERROR.routeRefresh.code ? MESSAGE.routeRefresh.code : MESSAGE.update.code;
    default:
      return undefined;
  }
}

function describe(event: ConnectionEvent): string {
  if (event.kind === "timer") return `${event.timer.name} timer`;
  return event.kind === "fault" ? event.message : event.kind;
}
