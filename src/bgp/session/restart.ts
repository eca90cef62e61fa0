/**
 * What a session's end means to the routes of both sides: graceful restart (RFC 4724) with its extension to
 * NOTIFICATIONs (RFC 8538).
 */
import { type Notification, wrapHardReset } from "../notification.ts";
import { CEASE, isCease } from "./causes.ts";
import type { Connection } from "./peer.ts";
import type { DownReason } from "./types.ts";

/** Cease that is meant: whoever sends it wants the routes gone (RFC 8538 §5), or has no room for them. */
const MEANT: ReadonlySet<number> = new Set([
  CEASE.maximumPrefixes,
  CEASE.administrativeShutdown,
  CEASE.peerDeconfigured,
  CEASE.outOfResources,
]);

/**
 * The NOTIFICATION as it goes out: where N was exchanged, one that is meant to take the routes away is wrapped into a
 * hard reset (RFC 8538 §3). A peer without N drops them for any NOTIFICATION, and could not read the wrapped one.
 */
export function asSent({ state, negotiated }: Connection, notification: Notification): Notification {
  const heedsN = state === "established" && negotiated?.gracefulRestart?.notification === true;
  return heedsN && isCease(notification) && MEANT.has(notification.subcode)
    ? wrapHardReset(notification)
    : notification;
}

/** The reason with the NOTIFICATION that went out on the connection. */
export function reasonAsSent(connection: Connection, reason: DownReason): DownReason {
  if (!reason.notification || reason.code === "notificationReceived") return reason;
  const notification = asSent(connection, reason.notification);
  return notification === reason.notification
    ? reason
    : { ...reason, notification, text: `${reason.text}, as a hard reset` };
}

/**
 * Whether the peer's routes are kept when its session ends so. Without a NOTIFICATION: always, where it restarts
 * gracefully (RFC 4724 §4.2). With one, sent or received, only where N was exchanged and it is no hard reset, an expired
 * hold timer's included (RFC 8538 §4).
 */
export function keepsRoutes({ negotiated }: Connection, { notification }: DownReason): boolean {
  const restart = negotiated?.gracefulRestart;
  if (!restart || (restart.families.length === 0 && restart.longLived.length === 0)) return false;
  return notification === undefined || (restart.notification && !isCease(notification, CEASE.hardReset));
}

/**
 * A further connection beside this Established one may be the peer's, come back before we noticed that it was gone
 * (RFC 4724 §5). A peer without the capability has to wait until we have.
 */
export function mayHaveRestarted({ state, negotiated }: Connection): boolean {
  return state === "established" && negotiated?.gracefulRestart !== undefined;
}
