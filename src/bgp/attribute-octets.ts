import { FLAG } from "./iana.ts";
import { u16, writeU16 } from "./octets.ts";

/**
 * The head of a path attribute (RFC 4271 §4.3): flags, type, and a length of one octet or, by a flag, of two.
 * What reads here has been checked before.
 */

/** Where the value of the attribute at `at` begins. */
export function attributeValue(bytes: Uint8Array, at: number): number {
  return at + ((bytes[at]! & FLAG.extendedLength) !== 0 ? 4 : 3);
}

/** The end of the attribute at `at`. */
export function attributeEnd(bytes: Uint8Array, at: number): number {
  return (bytes[at]! & FLAG.extendedLength) !== 0 ? at + 4 + u16(bytes, at + 2) : at + 3 + bytes[at + 2]!;
}

/** Flags without the extended length bit, which is set as the length asks. Returns the offset of the value. */
export function writeAttributeHeader(out: Uint8Array, at: number, flags: number, type: number, length: number): number {
  out[at + 1] = type;
  if (length < 256) {
    out[at] = flags;
    out[at + 2] = length;
    return at + 3;
  }
  out[at] = flags | FLAG.extendedLength;
  return writeU16(out, at + 2, length);
}
