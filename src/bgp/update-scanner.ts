import { leftmostAs, pathLength } from "./as-path-octets.ts";
import { takeAttribute } from "./attribute-checks.ts";
import { attributeValue } from "./attribute-octets.ts";
import { AS_TRANS, ATTRIBUTE, ERROR, FLAG, familyOf } from "./iana.ts";
import { checkNlri } from "./nlri.ts";
import type { Notification } from "./notification.ts";
import { cut, u16 } from "./octets.ts";
import type { ParsingClass } from "./parsing-class.ts";
import { fault } from "./scan-fault.ts";
import { clearColumns, TREATMENT, type UpdateScan } from "./update-scan.ts";

const SUB = ERROR.update.sub;
const A = ATTRIBUTE;

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

/** Goes over the attribute field once (RFC 7606 §3, §4). Stops at what ends the session, and where headers or lengths break. */
function walkAttributes(bytes: Uint8Array, session: ParsingClass, scan: UpdateScan): void {
  const end = scan.attributesEnd;
  const seen = scan.seen;
  const stamp = scan.stamp;
  let at = scan.attributesAt;
  while (at < end) {
    if (end - at < 3) {
      overrun(scan, end - at === 2 ? bytes[at + 1]! : 0, at);
      return;
    }
    const flags = bytes[at]!;
    const type = bytes[at + 1]!;
    let valueAt = at + 3;
    let length = bytes[at + 2]!;
    if ((flags & FLAG.extendedLength) !== 0) {
      if (end - at < 4) {
        overrun(scan, type, at);
        return;
      }
      length = (length << 8) | bytes[at + 3]!;
      valueAt++;
      if (length < 256) scan.clean = false;
    }
    if (length > end - valueAt) {
      overrun(scan, type, at);
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

/**
 * An attribute that does not fit the field: the rest cannot be read, and all is withdrawn (RFC 7606 §4). Where it would
 * have held prefixes, not all of them are known, and only a reset is left (RFC 7606 §3 j).
 */
function overrun(scan: UpdateScan, type: number, at: number): void {
  const prefixes = type === A.mpReach.code || type === A.mpUnreach.code;
  fault(scan, prefixes ? TREATMENT.reset : TREATMENT.withdraw, SUB.malformedAttributeList, type, at, 0);
}

/** What only the whole message can tell: missing attributes, AS4_PATH, and whether a fault may have hidden NLRI. */
function conclude(bytes: Uint8Array, session: ParsingClass, scan: UpdateScan): void {
  const plain = scan.nlriEnd > scan.nlriAt;
  const reach = scan.reachEnd > scan.reachAt;
  if (plain || (reach && familyOf(scan.reachAfi, scan.reachSafi))) checkMandatory(bytes, session, plain, scan);
  else if (!reach && scan.nextHopLength !== 4 && scan.seen[A.nextHop.code] === scan.stamp) faultNextHop(bytes, scan);
  // RFC 7606 §5.2: the attribute at fault may be the one that held the prefixes, so nothing milder is safe.
  if (scan.treatment === TREATMENT.withdraw && !plain && !reach) scan.treatment = TREATMENT.reset;
  if (!session.fourOctetAs) settleAs4(bytes, scan);
  if (scan.reachAfi !== 0 || scan.unreachAfi !== 0) scan.clean = false;
}

/** A NEXT_HOP that is not an IPv4 address (RFC 7606 §7.3). */
function faultNextHop(bytes: Uint8Array, scan: UpdateScan): void {
  const { kept, keptCount, nextHopLength } = scan;
  let at = scan.nextHopAt;
  for (let i = 0; i < keptCount; i++) if (bytes[kept[i]! + 1] === A.nextHop.code) at = kept[i]!;
  const octets = scan.nextHopAt + nextHopLength - at;
  fault(scan, TREATMENT.withdraw, SUB.attributeLength, A.nextHop.code, at, octets);
}

/** RFC 7606 §3 d. NEXT_HOP is needed, and looked at, only where there are plain NLRI (RFC 4760 §3). */
function checkMandatory(bytes: Uint8Array, session: ParsingClass, plain: boolean, scan: UpdateScan): void {
  const { seen, stamp } = scan;
  if (plain && scan.nextHopLength !== 4 && seen[A.nextHop.code] === stamp) faultNextHop(bytes, scan);
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
