import type { Family } from "../ip/address.ts";
import { AFI, ATTRIBUTE, FLAG, HEADER_OCTETS, MESSAGE, SAFI_UNICAST } from "./iana.ts";
import { patchLength, writeHeader } from "./message.ts";
import { copy, writeU16 } from "./octets.ts";

/**
 * Primitives with which UPDATEs are put together in a buffer. MP_REACH and MP_UNREACH always have the four-octet
 * attribute header, so that their length can be written once it is known.
 */

/**
 * Begins an UPDATE at `at`: header, no withdrawn prefixes, and the length of the attributes left open. Returns where the
 * attributes begin, `at + UPDATE_PREFIX_OCTETS`.
 */
export function beginUpdate(out: Uint8Array, at: number): number {
  const body = writeHeader(out, at, MESSAGE.update.code, 0);
  return writeU16(out, writeU16(out, body, 0), 0);
}

/** Header and both length fields. */
const UPDATE_PREFIX_OCTETS = HEADER_OCTETS + 4;

/** Closes the attribute field of an UPDATE begun at `at` by `beginUpdate`; plain NLRI may follow. */
export function endAttributes(out: Uint8Array, at: number, attributesEnd: number): void {
  writeU16(out, at + HEADER_OCTETS + 2, attributesEnd - at - UPDATE_PREFIX_OCTETS);
}

/** Writes the length of the message begun at `at`, whose end is now known. */
export function endUpdate(out: Uint8Array, at: number, end: number): void {
  patchLength(out, at, end);
}

/** Begins an UPDATE of plain withdrawals at `at`; returns where the prefixes go. To be closed by `endWithdrawal`. */
export function beginWithdrawal(out: Uint8Array, at: number): number {
  return writeU16(out, writeHeader(out, at, MESSAGE.update.code, 0), 0);
}

/** Closes an UPDATE of plain withdrawals whose prefixes end at `end`: no attributes follow. Returns the message's end. */
export function endWithdrawal(out: Uint8Array, at: number, end: number): number {
  writeU16(out, at + HEADER_OCTETS, end - at - HEADER_OCTETS - 2);
  const messageEnd = writeU16(out, end, 0);
  patchLength(out, at, messageEnd);
  return messageEnd;
}

/**
 * Writes the head of MP_REACH_NLRI (RFC 4760 §3) and returns where the prefixes go. Once they are written,
 * `endMultiprotocol` closes it.
 *
 *      0          1         2           4         6         7          8          8+n           octets
 *      | flags u8 | type 14 | length u16| AFI u16 | SAFI u8 | n u8     | next hop | reserved u8 |
 */
export function mpReachHeader(
  out: Uint8Array,
  at: number,
  family: Family,
  nextHop: Uint8Array,
  nextHopLength: number,
): number {
  let o = multiprotocolHead(out, at, ATTRIBUTE.mpReach.code, family);
  out[o++] = nextHopLength;
  o = copy(nextHop, 0, nextHopLength, out, o);
  out[o++] = 0;
  return o;
}

/** Octets that `mpReachHeader` writes. */
export function mpReachHeaderOctets(nextHopLength: number): number {
  return 9 + nextHopLength;
}

/** Writes the head of MP_UNREACH_NLRI (RFC 4760 §4), 7 octets, and returns where the prefixes go. */
export function mpUnreachHeader(out: Uint8Array, at: number, family: Family): number {
  return multiprotocolHead(out, at, ATTRIBUTE.mpUnreach.code, family);
}

export const MP_UNREACH_HEADER_OCTETS = 7;

function multiprotocolHead(out: Uint8Array, at: number, type: number, family: Family): number {
  out[at] = FLAG.optional | FLAG.extendedLength;
  out[at + 1] = type;
  const o = writeU16(out, writeU16(out, at + 2, 0), AFI[family]);
  out[o] = SAFI_UNICAST;
  return o + 1;
}

/** Closes the MP_REACH or MP_UNREACH begun at `at`, whose prefixes end at `end`. */
export function endMultiprotocol(out: Uint8Array, at: number, end: number): void {
  writeU16(out, at + 2, end - at - 4);
}

/** The End-of-RIB marker of the family, a whole message (RFC 4724 §2). */
export function endOfRib(family: Family): Uint8Array {
  const out = new Uint8Array(family === "ipv4" ? UPDATE_PREFIX_OCTETS : UPDATE_PREFIX_OCTETS + 6);
  const at = beginUpdate(out, 0);
  if (family === "ipv6") {
    // The short header: six octets is the form every speaker knows.
    out.set([FLAG.optional, ATTRIBUTE.mpUnreach.code, 3, 0, AFI.ipv6, SAFI_UNICAST], at);
    endAttributes(out, 0, out.length);
  }
  endUpdate(out, 0, out.length);
  return out;
}
