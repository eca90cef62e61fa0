/**
 * Frames of UPDATE messages around NLRI that are written in place (RFC 4271 §4.3, RFC 4760 §3 and §4, RFC 7606 §5.1:
 * MP_REACH and MP_UNREACH come first among the attributes, and a message has one kind of NLRI only).
 *
 *      IPv4 announcement   header 19 | 0 u16 | octets u16 | attributes | NLRI
 *      IPv4 withdrawal     header 19 | octets u16 | NLRI | 0 u16
 *      IPv6 announcement   header 19 | 0 u16 | octets u16 | MP_REACH (NLRI inside) | attributes
 *      IPv6 withdrawal     header 19 | 0 u16 | octets u16 | MP_UNREACH (NLRI inside)
 */
import type { Family } from "../ip/address.ts";

const HEADER = 19;
const UPDATE = 2;
const MP_REACH = 14;
const MP_UNREACH = 15;
/** Optional, with a length of two octets. */
const MP_FLAGS = 0x90;
/** Octets of MP_REACH besides next hop and NLRI: flags, type, length u16, AFI u16, SAFI, next hop length, reserved. */
const REACH_FIXED = 9;
const UNREACH_FIXED = 7;

/** Octets of an announcement besides its NLRI. */
export function announcementOverhead(family: Family, attributeOctets: number, nextHopOctets: number): number {
  const fixed = HEADER + 4 + attributeOctets;
  return family === "ipv4" ? fixed : fixed + REACH_FIXED + nextHopOctets;
}

/** Octets of a withdrawal besides its NLRI. */
export function withdrawalOverhead(family: Family): number {
  return family === "ipv4" ? HEADER + 4 : HEADER + 4 + UNREACH_FIXED;
}

/**
 * Opens an announcement and returns where its NLRI start. `attributesAt` and `nextHopAt` are offsets in the same array,
 * beyond what is written.
 */
export function openAnnouncement(
  family: Family,
  out: Uint8Array,
  at: number,
  attributesAt: number,
  attributeOctets: number,
  nextHopAt: number,
  nextHopOctets: number,
): number {
  writeHeader(out, at);
  writeU16(out, at + HEADER, 0);
  if (family === "ipv4") {
    writeU16(out, at + HEADER + 2, attributeOctets);
    out.copyWithin(at + HEADER + 4, attributesAt, attributesAt + attributeOctets);
    return at + HEADER + 4 + attributeOctets;
  }
  const reach = at + HEADER + 4;
  out[reach] = MP_FLAGS;
  out[reach + 1] = MP_REACH;
  writeFamily(out, reach + 4);
  out[reach + 7] = nextHopOctets;
  out.copyWithin(reach + 8, nextHopAt, nextHopAt + nextHopOctets);
  out[reach + 8 + nextHopOctets] = 0;
  return reach + REACH_FIXED + nextHopOctets;
}

/** Closes an announcement whose NLRI end at `end`; returns the end of the message. */
export function closeAnnouncement(
  family: Family,
  out: Uint8Array,
  at: number,
  end: number,
  attributesAt: number,
  attributeOctets: number,
): number {
  if (family === "ipv4") {
    writeU16(out, at + 16, end - at);
    return end;
  }
  const reach = at + HEADER + 4;
  writeU16(out, reach + 2, end - reach - 4);
  out.copyWithin(end, attributesAt, attributesAt + attributeOctets);
  const last = end + attributeOctets;
  writeU16(out, at + HEADER + 2, last - reach);
  writeU16(out, at + 16, last - at);
  return last;
}

/** Opens a withdrawal and returns where its NLRI start. */
export function openWithdrawal(family: Family, out: Uint8Array, at: number): number {
  writeHeader(out, at);
  if (family === "ipv4") return at + HEADER + 2;
  writeU16(out, at + HEADER, 0);
  const unreach = at + HEADER + 4;
  out[unreach] = MP_FLAGS;
  out[unreach + 1] = MP_UNREACH;
  writeFamily(out, unreach + 4);
  return unreach + UNREACH_FIXED;
}

/** Closes a withdrawal whose NLRI end at `end`; returns the end of the message. */
export function closeWithdrawal(family: Family, out: Uint8Array, at: number, end: number): number {
  if (family === "ipv4") {
    writeU16(out, at + HEADER, end - at - HEADER - 2);
    writeU16(out, end, 0);
    writeU16(out, at + 16, end + 2 - at);
    return end + 2;
  }
  const unreach = at + HEADER + 4;
  writeU16(out, unreach + 2, end - unreach - 4);
  writeU16(out, at + HEADER + 2, end - unreach);
  writeU16(out, at + 16, end - at);
  return end;
}

function writeHeader(out: Uint8Array, at: number): void {
  for (let i = at; i < at + 16; i++) out[i] = 0xff;
  out[at + 18] = UPDATE;
}

/** AFI 2, SAFI 1: the families other than IPv4 unicast that are announced. */
function writeFamily(out: Uint8Array, at: number): void {
  writeU16(out, at, 2);
  out[at + 2] = 1;
}

function writeU16(out: Uint8Array, at: number, value: number): void {
  out[at] = value >>> 8;
  out[at + 1] = value & 0xff;
}
