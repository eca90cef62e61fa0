import { leftmostAs, PATH_FAULT, pathLength } from "./as-path-octets.ts";
import { attributeValue } from "./attribute-octets.ts";
import { AS_TRANS, ATTRIBUTE, ERROR, FLAG, SAFI_UNICAST } from "./iana.ts";
import { checkNlri } from "./nlri.ts";
import type { Notification } from "./notification.ts";
import { cut, u16, u32 } from "./octets.ts";
import type { ParsingClass } from "./parsing-class.ts";
import { AFI, TREATMENT, type Treatment, type UpdateScan } from "./update-scan.ts";

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

/**
 * Scans the body of one UPDATE at `[from, to)` and fills `scan` (RFC 4271 §4.3, RFC 4760, RFC 7606, RFC 6793).
 *
 *      0                 2           2+w                4+w            4+w+a      octets
 *      | withdrawn w u16 | prefixes  | attributes a u16 | attributes   | prefixes |
 *
 * Never throws, whatever the octets; the outcome is `scan.treatment`. After `reset` the rest of the scan is not valid.
 */
export function scanUpdate(bytes: Uint8Array, from: number, to: number, session: ParsingClass, scan: UpdateScan): void {
  clear(scan, from);
  if (to - from < 4) {
    fault(scan, TREATMENT.reset, SUB.malformedAttributeList, 0, from, 0);
    return;
  }
  const withdrawnEnd = from + 2 + u16(bytes, from);
  if (withdrawnEnd + 2 > to) {
    fault(scan, TREATMENT.reset, SUB.malformedAttributeList, 0, from, 0);
    return;
  }
  const attributesAt = withdrawnEnd + 2;
  const attributesEnd = attributesAt + u16(bytes, withdrawnEnd);
  if (attributesEnd > to) {
    fault(scan, TREATMENT.reset, SUB.malformedAttributeList, 0, from, 0);
    return;
  }
  scan.withdrawnAt = from + 2;
  scan.withdrawnEnd = withdrawnEnd;
  scan.attributesAt = attributesAt;
  scan.attributesEnd = attributesEnd;
  scan.nlriAt = attributesEnd;
  scan.nlriEnd = to;
  const addPath = session.addPathIpv4 === true;
  if (
    !checkNlri(bytes, scan.withdrawnAt, withdrawnEnd, 32, addPath) ||
    !checkNlri(bytes, attributesEnd, to, 32, addPath)
  ) {
    fault(scan, TREATMENT.reset, SUB.invalidNetworkField, 0, from, 0);
    return;
  }
  if (attributesAt === attributesEnd && attributesEnd === to) return;
  walkAttributes(bytes, session, scan);
  if (scan.treatment !== TREATMENT.reset) conclude(bytes, session, scan);
}

/** The NOTIFICATION for a scan that ended in `reset`: the attribute at fault is its data (RFC 4271 §6.3). */
export function scanNotification(bytes: Uint8Array, scan: UpdateScan): Notification {
  const data = cut(bytes, scan.faultAt, scan.faultAt + scan.faultLength);
  return { code: scan.errorCode, subcode: scan.errorSubcode, data };
}

function clear(scan: UpdateScan, from: number): void {
  scan.withdrawnAt = from;
  scan.withdrawnEnd = from;
  scan.nlriAt = from;
  scan.nlriEnd = from;
  scan.attributesAt = from;
  scan.attributesEnd = from;
  scan.reachAfi = 0;
  scan.reachSafi = 0;
  scan.reachNextHopAt = from;
  scan.reachNextHopLength = 0;
  scan.reachAt = from;
  scan.reachEnd = from;
  scan.unreachAfi = 0;
  scan.unreachSafi = 0;
  scan.unreachAt = from;
  scan.unreachEnd = from;
  scan.treatment = TREATMENT.none;
  scan.errorCode = 0;
  scan.errorSubcode = 0;
  scan.faultType = 0;
  scan.faultAt = from;
  scan.faultLength = 0;
  clearColumns(scan, from);
}

/** The part of a scan that describes attributes. */
export function clearColumns(scan: UpdateScan, from: number): void {
  scan.clean = true;
  scan.origin = 0;
  scan.hasMed = false;
  scan.med = 0;
  scan.hasLocalPref = false;
  scan.localPref = 0;
  scan.asPathLength = 0;
  scan.neighborAs = 0;
  scan.hasOriginatorId = false;
  scan.originatorId = 0;
  scan.clusterListLength = 0;
  scan.nextHopAt = from;
  scan.nextHopLength = 0;
  scan.keptCount = 0;
  scan.asPathAt = from;
  scan.asPathEnd = from;
  scan.as4PathAt = from;
  scan.as4PathEnd = from;
  scan.as4AggregatorAt = 0;
  scan.stamp = (scan.stamp + 1) >>> 0;
  if (scan.stamp === 0) {
    scan.seen.fill(0);
    scan.stamp = 1;
  }
}

/** Notes a fault; of several the strongest stays, and the first among equals (RFC 7606 §3 h). */
function fault(
  scan: UpdateScan,
  treatment: Treatment,
  subcode: number,
  type: number,
  at: number,
  octets: number,
): void {
  if (treatment <= scan.treatment) return;
  scan.treatment = treatment;
  scan.errorCode = ERROR.update.code;
  scan.errorSubcode = subcode;
  scan.faultType = type;
  scan.faultAt = at;
  scan.faultLength = octets;
}

/** Goes over the attribute field once (RFC 7606 §3, §4). Stops at what ends the session, and where headers or lengths break. */
function walkAttributes(bytes: Uint8Array, session: ParsingClass, scan: UpdateScan): void {
  const end = scan.attributesEnd;
  const seen = scan.seen;
  const stamp = scan.stamp;
  let at = scan.attributesAt;
  while (at < end) {
    if (end - at < 3) {
      fault(scan, TREATMENT.withdraw, SUB.malformedAttributeList, 0, at, 0);
      return;
    }
    const flags = bytes[at]!;
    const type = bytes[at + 1]!;
    let valueAt = at + 3;
    let length = bytes[at + 2]!;
    if ((flags & FLAG.extendedLength) !== 0) {
      if (end - at < 4) {
        fault(scan, TREATMENT.withdraw, SUB.malformedAttributeList, type, at, 0);
        return;
      }
      length = (length << 8) | bytes[at + 3]!;
      valueAt++;
      if (length < 256) scan.clean = false;
    }
    if (length > end - valueAt) {
      fault(scan, TREATMENT.withdraw, SUB.malformedAttributeList, type, at, 0);
      return;
    }
    const next = valueAt + length;
    if (seen[type] === stamp) {
      const twice = type === A.mpReach.code || type === A.mpUnreach.code ? TREATMENT.reset : TREATMENT.discard;
      fault(scan, twice, SUB.malformedAttributeList, type, at, twice === TREATMENT.reset ? 0 : next - at);
      scan.clean = false;
    } else {
      seen[type] = stamp;
      if ((flags & 0x0f) !== 0) scan.clean = false;
      if (takeAttribute(bytes, at, valueAt, length, session, scan)) scan.kept[scan.keptCount++] = at;
      else scan.clean = false;
    }
    if (scan.treatment === TREATMENT.reset) return;
    at = next;
  }
}

/** Checks one attribute and fills its columns. True when it belongs to the canonical form. */
function takeAttribute(
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

function withdraw(scan: UpdateScan, subcode: number, type: number, at: number, end: number): false {
  fault(scan, TREATMENT.withdraw, subcode, type, at, end - at);
  return false;
}

function drop(scan: UpdateScan, subcode: number, type: number, at: number, end: number): false {
  fault(scan, TREATMENT.discard, subcode, type, at, end - at);
  return false;
}

function reset(scan: UpdateScan, type: number, at: number, end: number): false {
  fault(scan, TREATMENT.reset, SUB.optionalAttribute, type, at, end - at);
  return false;
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

/** MP_REACH_NLRI (RFC 4760 §3). A family other than IPv4 and IPv6 unicast is located but not looked into. */
function takeReach(
  bytes: Uint8Array,
  at: number,
  valueAt: number,
  length: number,
  session: ParsingClass,
  scan: UpdateScan,
): boolean {
  const end = valueAt + length;
  if (length < 5) return reset(scan, A.mpReach.code, at, end);
  const afi = u16(bytes, valueAt);
  const safi = bytes[valueAt + 2]!;
  const nextHopLength = bytes[valueAt + 3]!;
  if (5 + nextHopLength > length) return reset(scan, A.mpReach.code, at, end);
  scan.reachAfi = afi;
  scan.reachSafi = safi;
  scan.reachNextHopAt = valueAt + 4;
  scan.reachNextHopLength = nextHopLength;
  scan.reachAt = valueAt + 5 + nextHopLength;
  scan.reachEnd = end;
  if (!isUnicast(afi, safi)) return false;
  const legal =
    afi === AFI.ipv4
      ? nextHopLength === 4 || (session.extendedNextHop === true && (nextHopLength === 16 || nextHopLength === 32))
      : nextHopLength === 16 || nextHopLength === 32;
  if (!legal || !checkFamilyNlri(bytes, scan.reachAt, end, afi, session)) reset(scan, A.mpReach.code, at, end);
  return false;
}

/** MP_UNREACH_NLRI (RFC 4760 §4). */
function takeUnreach(
  bytes: Uint8Array,
  at: number,
  valueAt: number,
  length: number,
  session: ParsingClass,
  scan: UpdateScan,
): boolean {
  const end = valueAt + length;
  if (length < 3) return reset(scan, A.mpUnreach.code, at, end);
  scan.unreachAfi = u16(bytes, valueAt);
  scan.unreachSafi = bytes[valueAt + 2]!;
  scan.unreachAt = valueAt + 3;
  scan.unreachEnd = end;
  if (!isUnicast(scan.unreachAfi, scan.unreachSafi)) return false;
  if (!checkFamilyNlri(bytes, scan.unreachAt, end, scan.unreachAfi, session)) reset(scan, A.mpUnreach.code, at, end);
  return false;
}

/** The families whose NLRI we read: IPv4 and IPv6 unicast. */
export function isUnicast(afi: number, safi: number): boolean {
  return safi === SAFI_UNICAST && (afi === AFI.ipv4 || afi === AFI.ipv6);
}

function checkFamilyNlri(bytes: Uint8Array, at: number, end: number, afi: number, session: ParsingClass): boolean {
  return afi === AFI.ipv4
    ? checkNlri(bytes, at, end, 32, session.addPathIpv4 === true)
    : checkNlri(bytes, at, end, 128, session.addPathIpv6 === true);
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

/** What only the whole message can tell: missing attributes, AS4_PATH, and whether a fault may have hidden NLRI. */
function conclude(bytes: Uint8Array, session: ParsingClass, scan: UpdateScan): void {
  const plain = scan.nlriEnd > scan.nlriAt;
  const reach = scan.reachEnd > scan.reachAt;
  if (plain || (reach && isUnicast(scan.reachAfi, scan.reachSafi))) checkMandatory(session, plain, scan);
  else if (!reach && scan.nextHopLength !== 4 && scan.seen[A.nextHop.code] === scan.stamp)
    fault(scan, TREATMENT.withdraw, SUB.attributeLength, A.nextHop.code, scan.nextHopAt, scan.nextHopLength);
  // RFC 7606 §5.2: the attribute at fault may be the one that held the prefixes, so nothing milder is safe.
  if (scan.treatment === TREATMENT.withdraw && !plain && !reach) scan.treatment = TREATMENT.reset;
  if (!session.fourOctetAs) settleAs4(bytes, scan);
  if (scan.reachAfi !== 0 || scan.unreachAfi !== 0) scan.clean = false;
}

/** RFC 7606 §3 d. NEXT_HOP is needed, and looked at, only where there are plain NLRI (RFC 4760 §3). */
function checkMandatory(session: ParsingClass, plain: boolean, scan: UpdateScan): void {
  const { seen, stamp } = scan;
  if (plain && scan.nextHopLength !== 4 && seen[A.nextHop.code] === stamp)
    fault(scan, TREATMENT.withdraw, SUB.attributeLength, A.nextHop.code, scan.nextHopAt, scan.nextHopLength);
  const missing =
    seen[A.origin.code] !== stamp
      ? A.origin.code
      : seen[A.asPath.code] !== stamp
        ? A.asPath.code
        : plain && seen[A.nextHop.code] !== stamp
          ? A.nextHop.code
          : session.internal && seen[A.localPref.code] !== stamp
            ? A.localPref.code
            : 0;
  if (missing !== 0) fault(scan, TREATMENT.withdraw, SUB.missingWellKnown, missing, scan.attributesAt, 0);
}

/**
 * Decides what of AS4_PATH and AS4_AGGREGATOR counts (RFC 6793 §4.2.3): neither when AGGREGATOR shows that a speaker
 * behind an old one wrote it anew, and no path longer than AS_PATH. Unused ones end up empty.
 */
function settleAs4(bytes: Uint8Array, scan: UpdateScan): void {
  if (scan.as4PathEnd === scan.as4PathAt && scan.as4AggregatorAt === 0) return;
  const aggregator = aggregatorAs(bytes, scan);
  const rewritten = aggregator !== 0 && aggregator !== AS_TRANS;
  if (aggregator !== AS_TRANS) scan.as4AggregatorAt = 0;
  const length = pathLength(bytes, scan.as4PathAt, scan.as4PathEnd, 4, true, true);
  if (rewritten || length === 0 || length > scan.asPathLength) {
    scan.as4PathEnd = scan.as4PathAt;
    return;
  }
  if (length === scan.asPathLength) scan.neighborAs = leftmostAs(bytes, scan.as4PathAt, scan.as4PathEnd, 4);
}

/** The two-octet AS of the AGGREGATOR that is kept, 0 without one. */
function aggregatorAs(bytes: Uint8Array, scan: UpdateScan): number {
  for (let i = 0; i < scan.keptCount; i++) {
    const at = scan.kept[i]!;
    if (bytes[at + 1] === A.aggregator.code) return u16(bytes, attributeValue(bytes, at));
  }
  return 0;
}
