import { BgpError } from "./error.ts";
import { ERROR, MESSAGE } from "./iana.ts";
import { encodeMessage } from "./message.ts";
import { cut } from "./octets.ts";

/** RFC 7313 §3.2; RFC 2918 calls the octet reserved. */
export const REFRESH = { request: 0, begin: 1, end: 2 } as const;

export interface RouteRefresh {
  readonly afi: number;
  readonly subtype: number;
  readonly safi: number;
}

const BODY_OCTETS = 4;

/**
 * Decodes the body of a ROUTE-REFRESH at `[at, end)` (RFC 2918 §3, RFC 7313 §3.2).
 *
 *      0         2            3         4  octets
 *      | AFI u16 | subtype u8 | SAFI u8 |
 *
 * A longer request may carry ORFs, which are ignored. Throws BgpError 7/1 with the message as data where a begin or end
 * marker is longer (RFC 7313 §5); the framer has seen to the 4 octets.
 */
export function decodeRefresh(bytes: Uint8Array, at: number, end: number): RouteRefresh {
  const octets = end - at;
  const afi = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  const subtype = bytes[at + 2] ?? 0;
  const marker = subtype === REFRESH.begin || subtype === REFRESH.end;
  if (octets < BODY_OCTETS || (marker && octets !== BODY_OCTETS)) {
    const { code, sub } = ERROR.routeRefresh;
    const message = encodeMessage(MESSAGE.routeRefresh.code, cut(bytes, at, end));
    throw new BgpError(code, sub.invalidLength, `Cannot decode ROUTE-REFRESH: body of ${octets} octets`, message);
  }
  return { afi, subtype, safi: bytes[at + 3]! };
}

/** The whole message, header included. */
export function encodeRefresh({ afi, subtype, safi }: RouteRefresh): Uint8Array {
  return encodeMessage(MESSAGE.routeRefresh.code, Uint8Array.of(afi >>> 8, afi, subtype, safi));
}
