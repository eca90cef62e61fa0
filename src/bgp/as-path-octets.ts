import { SEGMENT } from "./iana.ts";
import { u16, u32 } from "./octets.ts";

/** What `pathLength` says of a path that is not usable. */
export const PATH_FAULT = { malformed: -1, hasSet: -2 } as const;

/**
 * Checks the segments at `[at, end)`, ASes `width` octets wide, and returns the path's length: ASes of sequences, 1 for a
 * set, 0 for confederation segments (RFC 4271 §9.1.2.2, RFC 5065 §5.3). A negative PATH_FAULT when a segment is of an
 * unknown kind, empty, cut off, holds AS 0 (RFC 7607), or is of a kind that is not allowed.
 */
export function pathLength(
  bytes: Uint8Array,
  at: number,
  end: number,
  width: 2 | 4,
  allowSets: boolean,
  allowConfed: boolean,
): number {
  let length = 0;
  let sets = false;
  let p = at;
  while (p < end) {
    if (end - p < 2) return PATH_FAULT.malformed;
    const kind = bytes[p]!;
    const count = bytes[p + 1]!;
    p += 2;
    if (count === 0 || count * width > end - p) return PATH_FAULT.malformed;
    if (kind === SEGMENT.sequence) length += count;
    else if (kind === SEGMENT.set) {
      sets = true;
      length++;
    } else if (!allowConfed || (kind !== SEGMENT.confedSequence && kind !== SEGMENT.confedSet))
      return PATH_FAULT.malformed;
    else if (kind === SEGMENT.confedSet) sets = true; // RFC 9774
    const segmentEnd = p + count * width;
    if (width === 4) {
      for (; p < segmentEnd; p += 4)
        if ((bytes[p]! | bytes[p + 1]! | bytes[p + 2]! | bytes[p + 3]!) === 0) return PATH_FAULT.malformed;
    } else for (; p < segmentEnd; p += 2) if ((bytes[p]! | bytes[p + 1]!) === 0) return PATH_FAULT.malformed;
  }
  return sets && !allowSets ? PATH_FAULT.hasSet : length;
}

/** The left-most AS after confederation segments, 0 when there is none. The path has been checked. */
export function leftmostAs(bytes: Uint8Array, at: number, end: number, width: 2 | 4): number {
  let p = at;
  while (p < end) {
    const kind = bytes[p]!;
    if (kind === SEGMENT.sequence || kind === SEGMENT.set) return width === 4 ? u32(bytes, p + 2) : u16(bytes, p + 2);
    p += 2 + bytes[p + 1]! * width;
  }
  return 0;
}
