/** How many messages and routes stand in what is written to a peer: whole UPDATEs, as the update groups made them. */
import { MESSAGE } from "../bgp/iana.ts";
import { u16 } from "../bgp/octets.ts";

export interface SentRoutes {
  messages: number;
  announced: number;
  withdrawn: number;
}

export function newSentRoutes(): SentRoutes {
  return { messages: 0, announced: 0, withdrawn: 0 };
}

const HEADER_OCTETS = 19;
const EXTENDED_LENGTH = 0x10;
const MP_REACH = 14;
const MP_UNREACH = 15;

const measured = newSentRoutes();
let measuredBytes: Uint8Array | undefined;

/**
 * Members at one place of a group share the buffer, so the last result is remembered; it is valid until the next call.
 * `pathIds`: four octets stand before each prefix (RFC 7911).
 */
export function measureUpdates(bytes: Uint8Array, pathIds: boolean): Readonly<SentRoutes> {
  if (bytes === measuredBytes) return measured;
  measuredBytes = bytes;
  measured.messages = 0;
  measured.announced = 0;
  measured.withdrawn = 0;
  for (let at = 0; at + HEADER_OCTETS <= bytes.length; ) {
    const end = at + u16(bytes, at + 16);
    if (bytes[at + 18] === MESSAGE.update.code) measureUpdate(bytes, at + HEADER_OCTETS, end, pathIds ? 4 : 0);
    measured.messages++;
    at = end;
  }
  return measured;
}

function measureUpdate(bytes: Uint8Array, at: number, end: number, idOctets: number): void {
  const withdrawnEnd = at + 2 + u16(bytes, at);
  measured.withdrawn += countPrefixes(bytes, at + 2, withdrawnEnd, idOctets);
  const attributesEnd = withdrawnEnd + 2 + u16(bytes, withdrawnEnd);
  measured.announced += countPrefixes(bytes, attributesEnd, end, idOctets);
  for (let i = withdrawnEnd + 2; i < attributesEnd; ) {
    const isLong = (bytes[i]! & EXTENDED_LENGTH) !== 0;
    const value = i + (isLong ? 4 : 3);
    const length = isLong ? u16(bytes, i + 2) : bytes[i + 2]!;
    const type = bytes[i + 1]!;
    i = value + length;
    // AFI, SAFI; for what is announced the next hop and a reserved octet as well.
    if (type === MP_UNREACH) measured.withdrawn += countPrefixes(bytes, value + 3, i, idOctets);
    else if (type === MP_REACH) measured.announced += countPrefixes(bytes, value + 5 + bytes[value + 3]!, i, idOctets);
  }
}

function countPrefixes(bytes: Uint8Array, from: number, to: number, idOctets: number): number {
  let count = 0;
  for (let at = from; at < to; count++) at += idOctets + 1 + ((bytes[at + idOctets]! + 7) >> 3);
  return count;
}
