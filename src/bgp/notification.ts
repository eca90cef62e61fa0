import { ERROR, errorInWords, MAX_MESSAGE_OCTETS, MESSAGE } from "./iana.ts";
import { encodeMessage } from "./message.ts";
import { cut } from "./octets.ts";
import { decodeUtf8, encodeUtf8, escapeControls, formatHex } from "./text.ts";

/** Content of a NOTIFICATION (RFC 4271 §4.5). */
export interface Notification {
  readonly code: number;
  readonly subcode: number;
  readonly data: Uint8Array;
}

const CEASE = ERROR.cease;
/** RFC 9003 §2; its length is an octet. Receivers that only know RFC 8203 show what exceeds 128 as hexadecimal. */
export const MAX_TEXT_OCTETS = 255;

/**
 * Decodes the body of a NOTIFICATION at `[at, end)`; the framer has seen to its 2 octets. Errors inside are never answered.
 *
 *      0         1            2  octets
 *      | code u8 | subcode u8 | data |
 */
export function decodeNotification(bytes: Uint8Array, at: number, end: number): Notification {
  return { code: bytes[at] ?? 0, subcode: bytes[at + 1] ?? 0, data: cut(bytes, Math.min(at + 2, end), end) };
}

/** The whole message, header included. Data that would not fit 4096 octets is cut. */
export function encodeNotification(notification: Notification): Uint8Array {
  const data = notification.data.subarray(0, MAX_MESSAGE_OCTETS - MESSAGE.notification.minOctets);
  const body = new Uint8Array(2 + data.length);
  body[0] = notification.code;
  body[1] = notification.subcode;
  body.set(data, 2);
  return encodeMessage(MESSAGE.notification.code, body);
}

/** A Cease with the text of RFC 9003 as its data: {length u8, UTF-8}. No text, no data. */
export function ceaseWithText(subcode: number, text: string | undefined): Notification {
  if (text === undefined || text === "") return { code: CEASE.code, subcode, data: new Uint8Array() };
  const octets = encodeUtf8(text, MAX_TEXT_OCTETS);
  const data = new Uint8Array(1 + octets.length);
  data[0] = octets.length;
  data.set(octets, 1);
  return { code: CEASE.code, subcode, data };
}

/** RFC 8538 §3: a hard reset that carries the notification as its data. */
export function wrapHardReset(inner: Notification): Notification {
  const data = new Uint8Array(2 + inner.data.length);
  data[0] = inner.code;
  data[1] = inner.subcode;
  data.set(inner.data, 2);
  return { code: CEASE.code, subcode: CEASE.sub.hardReset, data };
}

/** The notification inside a hard reset; undefined when it is not one, or carries none. */
export function unwrapHardReset(notification: Notification): Notification | undefined {
  const { code, subcode, data } = notification;
  if (code !== CEASE.code || subcode !== CEASE.sub.hardReset || data.length < 2) return undefined;
  return { code: data[0]!, subcode: data[1]!, data: cut(data, 2, data.length) };
}

/** The text of RFC 9003, escaped for a terminal; undefined when there is none or it is not well formed. */
export function shutdownText(notification: Notification): string | undefined {
  const { code, subcode, data } = notification;
  if (code !== CEASE.code || !TEXT_SUBCODES.has(subcode) || data.length < 2 || data[0] !== data.length - 1)
    return undefined;
  const text = decodeUtf8(data.subarray(1));
  return text === undefined ? undefined : escapeControls(text);
}

/** RFC 9003 names the first two; later practice adds text to others. Maximum prefixes has data of its own. */
const TEXT_SUBCODES: ReadonlySet<number> = new Set([
  CEASE.sub.administrativeShutdown,
  CEASE.sub.administrativeReset,
  CEASE.sub.peerDeconfigured,
  CEASE.sub.connectionRejected,
  CEASE.sub.otherConfigurationChange,
  CEASE.sub.outOfResources,
]);

/** One line in words with the numbers: `cease: administrative shutdown (6/2): "maintenance"`. */
export function describeNotification(notification: Notification): string {
  const { code, subcode, data } = notification;
  const head = `${errorInWords(code, subcode)} (${code}/${subcode})`;
  const inner = unwrapHardReset(notification);
  // One inside another is not looked into: nobody sends that, and depth would be the peer's choice.
  if (inner && unwrapHardReset(inner) === undefined) return `${head}: ${describeNotification(inner)}`;
  const text = shutdownText(notification);
  if (text !== undefined) return `${head}: "${text}"`;
  const meaning = describeData(notification);
  if (meaning !== undefined) return `${head}: ${meaning}`;
  return data.length === 0 ? head : `${head}, data ${formatHex(data.subarray(0, 64))}${data.length > 64 ? "…" : ""}`;
}

/** Data whose meaning the code tells. */
function describeData({ code, subcode, data }: Notification): string | undefined {
  const number = data.reduce((sum, octet) => sum * 256 + octet, 0);
  const is = (expected: number, sub: number, octets: number) =>
    code === expected && subcode === sub && data.length === octets;
  if (is(1, 2, 2)) return `length ${number}`;
  if (is(1, 3, 1)) return `type ${number}`;
  if (is(2, 1, 2)) return `version ${number} is supported`;
  if (is(2, 2, 2) || is(2, 2, 4)) return `AS ${number}`;
  if (is(2, 6, 2)) return `${number} s`;
  if (code === 5 && data.length === 1) return `message type ${number}`;
  if (is(6, 1, 7)) {
    const family = data[1] === 1 ? "IPv4" : data[1] === 2 ? "IPv6" : `AFI ${data[1]}`;
    return `${family}, limit ${data.subarray(3).reduce((sum, octet) => sum * 256 + octet, 0)}`;
  }
  return undefined;
}
