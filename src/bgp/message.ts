import { HEADER_OCTETS, MESSAGE } from "./iana.ts";

/**
 * Writes a message header at `at` and returns the offset of the body (RFC 4271 §4.1).
 *
 *      0              16             18        19  octets
 *      | marker, ones | length u16   | type u8 |
 *
 * `octets` is the length of the whole message.
 */
export function writeHeader(out: Uint8Array, at: number, type: number, octets: number): number {
  for (let i = 0; i < 16; i++) out[at + i] = 0xff;
  out[at + 16] = octets >>> 8;
  out[at + 17] = octets;
  out[at + 18] = type;
  return at + HEADER_OCTETS;
}

/** Corrects the length field of a message begun at `at`, once its end is known. */
export function patchLength(out: Uint8Array, at: number, end: number): void {
  const octets = end - at;
  out[at + 16] = octets >>> 8;
  out[at + 17] = octets;
}

/** A message of the type around the body. */
export function encodeMessage(type: number, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(HEADER_OCTETS + body.length);
  writeHeader(out, 0, type, out.length);
  out.set(body, HEADER_OCTETS);
  return out;
}

/** The KEEPALIVE message: a header alone. A new copy, as written buffers are shared with the transport. */
export function encodeKeepalive(): Uint8Array {
  return encodeMessage(MESSAGE.keepalive.code, new Uint8Array());
}
