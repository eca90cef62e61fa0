import { leftmostAs, PATH_FAULT, pathLength } from "./as-path-octets.ts";
import { ATTRIBUTE, ERROR, FLAG } from "./iana.ts";
import { takeReach, takeUnreach } from "./multiprotocol-checks.ts";
import { u16, u32 } from "./octets.ts";
import type { ParsingClass } from "./parsing-class.ts";
import { drop, fault, withdraw } from "./scan-fault.ts";
import { TREATMENT, type Treatment, type UpdateScan } from "./update-scan.ts";

const SUB = ERROR.update.sub;
const A = ATTRIBUTE;

/** Longest value of AS_PATH with two-octet ASes whose four-octet form still has a length of 16 bits. */
const MAX_NARROW_PATH = 32_767;

/** By type: which flag bits are looked at, and what they must be. Types that are not in the registry have 0 in both. */
const FLAG_MASK = new Uint8Array(256);
const FLAG_VALUE = new Uint8Array(256);
/** By type: how wrong flags are treated. */
const WRONG_FLAGS = new Uint8Array(256);
/** By type: what is done with it before its value is looked at. */
const KIND = new Uint8Array(256);
const known = 1;
const internalOnly = 2;
const ignored = 3;
for (const spec of Object.values(ATTRIBUTE)) {
  // Partial may be set on what is optional and transitive only.
  FLAG_MASK[spec.code] = spec.flags === 0xc0 ? 0xc0 : 0xe0;
  FLAG_VALUE[spec.code] = spec.flags;
  WRONG_FLAGS[spec.code] = "wrongFlags" in spec ? TREATMENT.discard : TREATMENT.withdraw;
  KIND[spec.code] = "ignored" in spec ? ignored : "internalOnly" in spec ? internalOnly : known;
}

/** Checks one attribute and fills its columns. True when it belongs to the canonical form. */
export function takeAttribute(
  bytes: Uint8Array,
  at: number,
  valueAt: number,
  length: number,
  session: ParsingClass,
  scan: UpdateScan,
): boolean {
  const flags = bytes[at]!;
  const type = bytes[at + 1]!;
  const kind = KIND[type]!;
  if (kind !== known) {
    if (kind === 0) return takeUnknown(at, flags, type, valueAt + length - at, scan);
    if (kind === ignored) return false;
    if (!session.internal) return drop(scan, SUB.optionalAttribute, type, at, valueAt + length);
  }
  if ((flags & FLAG_MASK[type]!) !== FLAG_VALUE[type]!) {
    // MP attributes are read all the same, to know which prefixes are to be withdrawn.
    fault(scan, WRONG_FLAGS[type] as Treatment, SUB.attributeFlags, type, at, valueAt + length - at);
    if (type !== A.mpReach.code && type !== A.mpUnreach.code) return false;
  }
  switch (type) {
    case A.origin.code:
      if (length !== 1) return withdraw(scan, SUB.attributeLength, type, at, valueAt + length);
      scan.origin = bytes[valueAt]!;
      return scan.origin <= 2 || withdraw(scan, SUB.invalidOrigin, type, at, valueAt + length);
    case A.asPath.code:
      return takeAsPath(bytes, at, valueAt, length, session, scan);
    case A.nextHop.code:
      // Its length is judged in conclude(): it matters only where plain NLRI need it.
      scan.nextHopAt = valueAt;
      scan.nextHopLength = length;
      return true;
    case A.med.code:
      if (length !== 4) return withdraw(scan, SUB.attributeLength, type, at, valueAt + length);
      scan.hasMed = true;
      scan.med = u32(bytes, valueAt);
      return true;
    case A.localPref.code:
      if (length !== 4) return withdraw(scan, SUB.attributeLength, type, at, valueAt + length);
      scan.hasLocalPref = true;
      scan.localPref = u32(bytes, valueAt);
      return true;
    case A.atomicAggregate.code:
      return length === 0 || drop(scan, SUB.attributeLength, type, at, valueAt + length);
    case A.aggregator.code:
      return takeAggregator(bytes, at, valueAt, length, session, scan);
    case A.originatorId.code:
      if (length !== 4) return withdraw(scan, SUB.attributeLength, type, at, valueAt + length);
      scan.hasOriginatorId = true;
      scan.originatorId = u32(bytes, valueAt);
      return true;
    case A.clusterList.code:
      scan.clusterListLength = length >>> 2;
      return (length !== 0 && (length & 3) === 0) || withdraw(scan, SUB.attributeLength, type, at, valueAt + length);
    case A.communities.code:
      return (length !== 0 && (length & 3) === 0) || withdraw(scan, SUB.optionalAttribute, type, at, valueAt + length);
    case A.extendedCommunities.code:
      return (length !== 0 && (length & 7) === 0) || withdraw(scan, SUB.optionalAttribute, type, at, valueAt + length);
    case A.ipv6ExtendedCommunities.code:
      return (length !== 0 && length % 20 === 0) || withdraw(scan, SUB.optionalAttribute, type, at, valueAt + length);
    case A.largeCommunities.code:
      if (length === 0 || length % 12 !== 0) return withdraw(scan, SUB.optionalAttribute, type, at, valueAt + length);
      if (!isAscending(bytes, valueAt, length)) scan.clean = false;
      return true;
    case A.otc.code:
      return length === 4 || withdraw(scan, SUB.optionalAttribute, type, at, valueAt + length);
    case A.mpReach.code:
      return takeReach(bytes, at, valueAt, length, session, scan);
    case A.mpUnreach.code:
      return takeUnreach(bytes, at, valueAt, length, session, scan);
    case A.as4Path.code:
      return takeAs4Path(bytes, at, valueAt, length, session, scan);
    case A.as4Aggregator.code:
      if (session.fourOctetAs || length !== 8 || u32(bytes, valueAt) === 0)
        return drop(scan, SUB.optionalAttribute, type, at, valueAt + length);
      scan.as4AggregatorAt = valueAt;
      return false;
    case A.prefixSid.code:
      if (!areTlvs(bytes, valueAt, valueAt + length))
        return drop(scan, SUB.optionalAttribute, type, at, valueAt + length);
      break;
  }
  // What remains is carried without being understood.
  if ((flags & FLAG.partial) === 0) scan.clean = false;
  return true;
}

/** RFC 4271 §5: unknown and optional is carried on when transitive, else ignored; a well-known one should be known. */
function takeUnknown(at: number, flags: number, type: number, octets: number, scan: UpdateScan): boolean {
  if (type === 0) return drop(scan, SUB.malformedAttributeList, type, at, at + octets);
  if ((flags & FLAG.optional) === 0) return withdraw(scan, SUB.unrecognizedWellKnown, type, at, at + octets);
  if ((flags & FLAG.transitive) === 0) return false;
  if ((flags & FLAG.partial) === 0) scan.clean = false;
  return true;
}

function takeAsPath(
  bytes: Uint8Array,
  at: number,
  valueAt: number,
  length: number,
  session: ParsingClass,
  scan: UpdateScan,
): boolean {
  const end = valueAt + length;
  const width = session.fourOctetAs ? 4 : 2;
  const path = pathLength(bytes, valueAt, end, width, session.allowAsSets === true, false);
  if (path < 0 || (width === 2 && length > MAX_NARROW_PATH))
    return withdraw(scan, SUB.malformedAsPath, A.asPath.code, at, end);
  scan.asPathLength = path;
  scan.neighborAs = leftmostAs(bytes, valueAt, end, width);
  scan.asPathAt = valueAt;
  scan.asPathEnd = end;
  if (width === 2 && length !== 0) scan.clean = false;
  return true;
}

function takeAggregator(
  bytes: Uint8Array,
  at: number,
  valueAt: number,
  length: number,
  session: ParsingClass,
  scan: UpdateScan,
): boolean {
  const end = valueAt + length;
  if (length !== (session.fourOctetAs ? 8 : 6)) return drop(scan, SUB.attributeLength, A.aggregator.code, at, end);
  const asn = session.fourOctetAs ? u32(bytes, valueAt) : u16(bytes, valueAt);
  if (asn === 0) return drop(scan, SUB.optionalAttribute, A.aggregator.code, at, end);
  if (!session.fourOctetAs) scan.clean = false;
  return true;
}

/** Remembers a usable AS4_PATH; conclude() merges it. Never part of the canonical form itself. */
function takeAs4Path(
  bytes: Uint8Array,
  at: number,
  valueAt: number,
  length: number,
  session: ParsingClass,
  scan: UpdateScan,
): boolean {
  const end = valueAt + length;
  if (session.fourOctetAs) return drop(scan, SUB.optionalAttribute, A.as4Path.code, at, end);
  const path = pathLength(bytes, valueAt, end, 4, session.allowAsSets === true, true);
  if (path === PATH_FAULT.hasSet) return withdraw(scan, SUB.malformedAsPath, A.as4Path.code, at, end);
  if (path < 0) return drop(scan, SUB.optionalAttribute, A.as4Path.code, at, end);
  scan.as4PathAt = valueAt;
  scan.as4PathEnd = end;
  return false;
}

/** True when large communities are in strictly ascending order, so that none can be there twice (RFC 8092 §5). */
function isAscending(bytes: Uint8Array, at: number, length: number): boolean {
  for (let p = at + 12; p < at + length; p += 12) {
    let i = 0;
    while (i < 12 && bytes[p + i] === bytes[p + i - 12]) i++;
    if (i === 12 || bytes[p + i]! < bytes[p + i - 12]!) return false;
  }
  return true;
}

/** {type u8, length u16, value} to the end, as in BGP Prefix-SID (RFC 8669 §3). */
function areTlvs(bytes: Uint8Array, at: number, end: number): boolean {
  let p = at;
  while (p < end) {
    if (end - p < 3) return false;
    p += 3 + u16(bytes, p + 1);
  }
  return p === end;
}
