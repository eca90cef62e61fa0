/**
 * Checks the syntax of NLRI at `[at, end)` (RFC 4271 §4.3): each prefix has a length of at most `maxBits` and all its
 * octets; with `addPath` a path identifier of 4 octets stands in front (RFC 7911 §3).
 *
 *      0              4             5  octets
 *      | path id u32  | length u8   | ceil(length / 8) octets |
 */
export function checkNlri(bytes: Uint8Array, at: number, end: number, maxBits: number, addPath: boolean): boolean {
  let p = at;
  const skip = addPath ? 4 : 0;
  while (p < end) {
    p += skip;
    if (p >= end) return false;
    const bits = bytes[p]!;
    if (bits > maxBits) return false;
    p += 1 + ((bits + 7) >>> 3);
  }
  return p === end;
}
