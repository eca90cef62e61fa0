/**
 * NOTIFICATIONs that the state machine itself makes, and the sentences that tell operators why a session ended.
 */
import type { Notification } from "../notification.ts";
import { describeNotification } from "./notification-words.ts";
import type { DownReason, StopCause } from "./types.ts";

const NO_DATA = new Uint8Array();

/** Message types (RFC 4271 §4.1, RFC 2918), as the data of an FSM error (RFC 6608 §3). */
export const MESSAGE_TYPE = { open: 1, update: 2, notification: 3, keepalive: 4, refresh: 5 } as const;

/** Subcodes of Cease that the state machine sends or looks for (RFC 4486, RFC 8538). */
export const CEASE = {
  maxPrefixes: 1,
  adminShutdown: 2,
  deconfigured: 3,
  adminReset: 4,
  connectionRejected: 5,
  configurationChange: 6,
  collision: 7,
  outOfResources: 8,
} as const;

const CEASE_CODE = 6;

export const HOLD_TIMER_EXPIRED: Notification = { code: 4, subcode: 0, data: NO_DATA };
/** RFC 9687 §3. */
export const SEND_HOLD_TIMER_EXPIRED: Notification = { code: 8, subcode: 0, data: NO_DATA };

export function cease(subcode: number): Notification {
  return { code: CEASE_CODE, subcode, data: NO_DATA };
}

/** Cease of a stop; its text, if any, travels as RFC 9003 says: length octet, then UTF-8 cut to 255 octets. */
export function ceaseFor(cause: StopCause): Notification {
  if (cause.text === undefined || cause.text === "") return cease(cause.subcode);
  const text = utf8(cause.text, 255);
  const data = new Uint8Array(1 + text.length);
  data[0] = text.length;
  data.set(text, 1);
  return { code: CEASE_CODE, subcode: cause.subcode, data };
}

/** UTF-8 of a text, cut before the code point that would exceed `most` octets. */
function utf8(text: string, most: number): Uint8Array {
  const octets: number[] = [];
  for (const character of text) {
    const point = character.codePointAt(0)!;
    const wellFormed = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point;
    const encoded = encodePoint(wellFormed);
    if (octets.length + encoded.length > most) break;
    octets.push(...encoded);
  }
  return Uint8Array.from(octets);
}

function encodePoint(point: number): readonly number[] {
  const tail = (shift: number) => 0x80 | ((point >> shift) & 0x3f);
  if (point < 0x80) return [point];
  if (point < 0x800) return [0xc0 | (point >> 6), tail(0)];
  if (point < 0x10000) return [0xe0 | (point >> 12), tail(6), tail(0)];
  return [0xf0 | (point >> 18), tail(12), tail(6), tail(0)];
}

export function isCease(notification: Notification, subcode?: number): boolean {
  return notification.code === CEASE_CODE && (subcode === undefined || notification.subcode === subcode);
}

/** Event 24 rather than 25. */
export function isVersionError(notification: Notification): boolean {
  return notification.code === 2 && notification.subcode === 1;
}

/** The peer cannot make sense of our optional parameters or capabilities (RFC 5492 §3). */
export function refusesCapabilities(notification: Notification): boolean {
  return notification.code === 2 && (notification.subcode === 4 || notification.subcode === 7);
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
    case CEASE.adminShutdown:
    case CEASE.adminReset:
      return { code: "adminDown", text, notification };
    case CEASE.deconfigured:
    case CEASE.configurationChange:
      return { code: "configuration", text, notification };
    default:
      return { code: "notificationSent", text, notification };
  }
}
