import { leftmostAs } from "./as-path-octets.ts";
import { attributeEnd, attributeValue, writeAttributeHeader } from "./attribute-octets.ts";
import { ATTRIBUTE, FLAG, SEGMENT } from "./iana.ts";
import { copy, u16, u32, writeU32 } from "./octets.ts";
import type { ParsingClass } from "./parsing-class.ts";
import { clearColumns, type UpdateScan } from "./update-scan.ts";

const A = ATTRIBUTE;

/**
 * Room that any canonical form fits in: an AS_PATH of two-octet ASes grows to twice its size, beside the longest
 * attribute field and a next hop.
 */
export const MAX_CANONICAL_OCTETS = 65_536 * 2 + 64;

/** Types we understand; the others are passed on with Partial set (RFC 4271 §5). */
const UNDERSTOOD = new Uint8Array(256);
for (const spec of Object.values(ATTRIBUTE)) if (!("opaque" in spec)) UNDERSTOOD[spec.code] = 1;

/**
 * Writes the canonical form of a scanned UPDATE's attributes (UpdateScan.clean says what that is) at the start of `out`
 * and returns its length. `mpNextHop`: the NEXT_HOP is that of MP_REACH, otherwise the plain one. `out` has
 * MAX_CANONICAL_OCTETS.
 */
export function writeCanonical(
  bytes: Uint8Array,
  scan: UpdateScan,
  session: ParsingClass,
  mpNextHop: boolean,
  out: Uint8Array,
): number {
  let end = 0;
  if (mpNextHop) {
    end = writeAttributeHeader(out, end, A.nextHop.flags, A.nextHop.code, scan.reachNextHopLength);
    end = copy(bytes, scan.reachNextHopAt, scan.reachNextHopLength, out, end);
  }
  for (let i = 0; i < scan.keptCount; i++) {
    const at = scan.kept[i]!;
    const type = bytes[at + 1]!;
    if (mpNextHop && type === A.nextHop.code) continue;
    end = writeKept(bytes, at, type, scan, session, out, end);
  }
  return end;
}

function writeKept(
  bytes: Uint8Array,
  at: number,
  type: number,
  scan: UpdateScan,
  session: ParsingClass,
  out: Uint8Array,
  outAt: number,
): number {
  const valueAt = attributeValue(bytes, at);
  const length = attributeEnd(bytes, at) - valueAt;
  const flags = (bytes[at]! & 0xe0) | (UNDERSTOOD[type] === 0 ? FLAG.partial : 0);
  if (!session.fourOctetAs) {
    if (type === A.asPath.code) return writeWidePath(bytes, flags, scan, out, outAt);
    if (type === A.aggregator.code) return writeWideAggregator(bytes, flags, valueAt, scan, out, outAt);
  }
  if (type === A.largeCommunities.code) return writeDistinctLarge(bytes, flags, valueAt, length, out, outAt);
  return copy(bytes, valueAt, length, out, writeAttributeHeader(out, outAt, flags, type, length));
}

/** AS_PATH of a two-octet session with four-octet ASes, the tail taken from AS4_PATH where that counts (RFC 6793 §4.2.3). */
function writeWidePath(bytes: Uint8Array, flags: number, scan: UpdateScan, out: Uint8Array, outAt: number): number {
  // The value is written behind the longer header first; a short one moves back by an octet.
  const valueAt = outAt + 4;
  let end = valueAt;
  if (scan.as4PathEnd > scan.as4PathAt) {
    const lead = scan.asPathLength - countAses(bytes, scan.as4PathAt, scan.as4PathEnd);
    end = widenSegments(bytes, scan.asPathAt, scan.asPathEnd, lead, out, end);
    end = appendSegments(bytes, scan.as4PathAt, scan.as4PathEnd, out, valueAt, end);
  } else end = widenSegments(bytes, scan.asPathAt, scan.asPathEnd, 0x7fffffff, out, end);
  const length = end - valueAt;
  const start = writeAttributeHeader(out, outAt, flags, A.asPath.code, length);
  if (start !== valueAt) out.copyWithin(start, valueAt, end);
  return start + length;
}

/** Path length of a checked four-octet path: confederation segments count nothing, a set 1. */
function countAses(bytes: Uint8Array, at: number, end: number): number {
  let count = 0;
  for (let p = at; p < end; p += 2 + 4 * bytes[p + 1]!)
    count += bytes[p] === SEGMENT.sequence ? bytes[p + 1]! : bytes[p] === SEGMENT.set ? 1 : 0;
  return count;
}

/** Writes the segments that make up the first `limit` of the path's length. */
function widenSegments(
  bytes: Uint8Array,
  at: number,
  end: number,
  limit: number,
  out: Uint8Array,
  outAt: number,
): number {
  let left = limit;
  let o = outAt;
  for (let p = at; p < end && left > 0; p += 2 + 2 * bytes[p + 1]!) {
    const sequence = bytes[p] === SEGMENT.sequence;
    const count = sequence ? Math.min(left, bytes[p + 1]!) : bytes[p + 1]!;
    left -= sequence ? count : 1;
    out[o] = bytes[p]!;
    out[o + 1] = count;
    o += 2;
    for (let i = 0; i < count; i++) o = writeU32(out, o, u16(bytes, p + 2 + 2 * i));
  }
  return o;
}

/** Appends AS4_PATH without its confederation segments; its first sequence joins the last one written where it fits. */
function appendSegments(
  bytes: Uint8Array,
  at: number,
  end: number,
  out: Uint8Array,
  pathAt: number,
  outAt: number,
): number {
  let join = -1;
  for (let p = pathAt; p < outAt; p += 2 + 4 * out[p + 1]!) join = p;
  let o = outAt;
  for (let p = at; p < end; p += 2 + 4 * bytes[p + 1]!) {
    const kind = bytes[p]!;
    const count = bytes[p + 1]!;
    if (kind !== SEGMENT.sequence && kind !== SEGMENT.set) continue;
    if (kind === SEGMENT.sequence && join >= 0 && out[join] === kind && out[join + 1]! + count <= 255)
      out[join + 1] = out[join + 1]! + count;
    else {
      out[o] = kind;
      out[o + 1] = count;
      o += 2;
    }
    join = -1;
    o = copy(bytes, p + 2, 4 * count, out, o);
  }
  return o;
}

function writeWideAggregator(
  bytes: Uint8Array,
  flags: number,
  valueAt: number,
  scan: UpdateScan,
  out: Uint8Array,
  outAt: number,
): number {
  const start = writeAttributeHeader(out, outAt, flags, A.aggregator.code, 8);
  if (scan.as4AggregatorAt !== 0) return copy(bytes, scan.as4AggregatorAt, 8, out, start);
  writeU32(out, start, u16(bytes, valueAt));
  return copy(bytes, valueAt + 2, 4, out, start + 4);
}

/** Large communities beyond this many are compared through a set, so that the work stays linear. */
const PAIRWISE = 32;

/** Leaves out large communities that were there before (RFC 8092 §5); the order stays. */
function writeDistinctLarge(
  bytes: Uint8Array,
  flags: number,
  valueAt: number,
  length: number,
  out: Uint8Array,
  outAt: number,
): number {
  const bodyAt = outAt + 4;
  let end = bodyAt;
  const known = length > PAIRWISE * 12 ? new Set<string>() : undefined;
  for (let p = valueAt; p < valueAt + length; p += 12) {
    if (known !== undefined) {
      const key = `${u32(bytes, p)}:${u32(bytes, p + 4)}:${u32(bytes, p + 8)}`;
      if (known.has(key)) continue;
      known.add(key);
    } else if (holdsLarge(out, bodyAt, end, bytes, p)) continue;
    end = copy(bytes, p, 12, out, end);
  }
  const start = writeAttributeHeader(out, outAt, flags, A.largeCommunities.code, end - bodyAt);
  if (start !== bodyAt) out.copyWithin(start, bodyAt, end);
  return start + end - bodyAt;
}

function holdsLarge(list: Uint8Array, at: number, end: number, bytes: Uint8Array, valueAt: number): boolean {
  for (let p = at; p < end; p += 12) {
    let i = 0;
    while (i < 12 && list[p + i] === bytes[valueAt + i]) i++;
    if (i === 12) return true;
  }
  return false;
}

/**
 * Fills the attribute columns of `scan` from canonical octets at `[from, to)`, such as a policy derived. They are our
 * own and well formed, so nothing is checked. The other fields of `scan` stay as they are.
 */
export function scanAttributes(bytes: Uint8Array, from: number, to: number, scan: UpdateScan): void {
  clearColumns(scan, from);
  let at = from;
  while (at < to) {
    const valueAt = attributeValue(bytes, at);
    const length = attributeEnd(bytes, at) - valueAt;
    scan.kept[scan.keptCount++] = at;
    switch (bytes[at + 1]) {
      case A.origin.code:
        scan.origin = bytes[valueAt]!;
        break;
      case A.asPath.code:
        scan.asPathAt = valueAt;
        scan.asPathEnd = valueAt + length;
        scan.asPathLength = countAses(bytes, valueAt, valueAt + length);
        scan.neighborAs = leftmostAs(bytes, valueAt, valueAt + length, 4);
        break;
      case A.nextHop.code:
        scan.nextHopAt = valueAt;
        scan.nextHopLength = length;
        break;
      case A.med.code:
        scan.hasMed = true;
        scan.med = u32(bytes, valueAt);
        break;
      case A.localPref.code:
        scan.hasLocalPref = true;
        scan.localPref = u32(bytes, valueAt);
        break;
      case A.originatorId.code:
        scan.hasOriginatorId = true;
        scan.originatorId = u32(bytes, valueAt);
        break;
      case A.clusterList.code:
        scan.clusterListLength = length >>> 2;
        break;
    }
    at = valueAt + length;
  }
}
