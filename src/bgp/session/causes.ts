/**
 * NOTIFICATIONs that the state machine itself makes, and the sentences that tell operators why a session ended.
 */
import { ERROR } from "../iana.ts";
import { ceaseWithText, describeNotification, type Notification } from "../notification.ts";
import type { DownReason, StopCause } from "./types.ts";

const NO_DATA = new Uint8Array();

/** Subcodes of Cease. */
export const CEASE = ERROR.cease.sub;

export const HOLD_TIMER_EXPIRED: Notification = { code: ERROR.holdTimer.code, subcode: 0, data: NO_DATA };
/** RFC 9687 §3. */
export const SEND_HOLD_TIMER_EXPIRED: Notification = { code: ERROR.sendHoldTimer.code, subcode: 0, data: NO_DATA };

export function cease(subcode: number): Notification {
  return { code: ERROR.cease.code, subcode, data: NO_DATA };
}

/** Cease of a stop, with its data or text if it has one. */
export function ceaseFor(cause: StopCause): Notification {
  if (cause.data) return { code: ERROR.cease.code, subcode: cause.subcode, data: cause.data };
  return ceaseWithText(cause.subcode, cause.text);
}

export function isCease(notification: Notification, subcode?: number): boolean {
  return notification.code === ERROR.cease.code && (subcode === undefined || notification.subcode === subcode);
}

/** Event 24 rather than 25. */
export function isVersionError(notification: Notification): boolean {
  return notification.code === ERROR.open.code && notification.subcode === ERROR.open.sub.unsupportedVersion;
}

/** The peer cannot make sense of our optional parameters or capabilities (RFC 5492 §3). */
export function refusesCapabilities(notification: Notification): boolean {
  const { unsupportedParameter, unsupportedCapability } = ERROR.open.sub;
  const { code, subcode } = notification;
  return code === ERROR.open.code && (subcode === unsupportedParameter || subcode === unsupportedCapability);
}

export function sent(notification: Notification, detail?: string): DownReason {
  const words = describeNotification(notification);
  const text = detail === undefined ? `we sent ${words}` : `we sent ${words}: ${detail}`;
  return { code: "notificationSent", text, notification };
}

export function received(notification: Notification): DownReason {
  return { code: "notificationReceived", text: `the peer sent ${describeNotification(notification)}`, notification };
}

export function tcpClosed(reason: string): DownReason {
  return { code: "tcpClosed", text: `TCP: ${reason}` };
}

export function stopped(cause: StopCause): DownReason {
  const notification = ceaseFor(cause);
  const text = `we stopped it: ${describeNotification(notification)}`;
  switch (cause.subcode) {
    case CEASE.administrativeShutdown:
    case CEASE.administrativeReset:
      return { code: "adminDown", text, notification };
    case CEASE.peerDeconfigured:
    case CEASE.otherConfigurationChange:
      return { code: "configuration", text, notification };
    default:
      return { code: "notificationSent", text, notification };
  }
}
