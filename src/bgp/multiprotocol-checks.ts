import { AFI, ATTRIBUTE, familyOf } from "./iana.ts";
import { checkNlri } from "./nlri.ts";
import { u16 } from "./octets.ts";
import type { ParsingClass } from "./parsing-class.ts";
import { reset } from "./scan-fault.ts";
import type { UpdateScan } from "./update-scan.ts";

const A = ATTRIBUTE;

/** MP_REACH_NLRI (RFC 4760 §3). A family other than IPv4 and IPv6 unicast is located but not looked into. */
export function takeReach(
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
  if (!familyOf(afi, safi)) return false;
  const legal =
    afi === AFI.ipv4
      ? nextHopLength === 4 || (session.extendedNextHop === true && (nextHopLength === 16 || nextHopLength === 32))
      : nextHopLength === 16 || nextHopLength === 32;
  if (!legal || !checkFamilyNlri(bytes, scan.reachAt, end, afi, session)) reset(scan, A.mpReach.code, at, end);
  return false;
}

/** MP_UNREACH_NLRI (RFC 4760 §4). */
export function takeUnreach(
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
  if (!familyOf(scan.unreachAfi, scan.unreachSafi)) return false;
  if (!checkFamilyNlri(bytes, scan.unreachAt, end, scan.unreachAfi, session)) reset(scan, A.mpUnreach.code, at, end);
  return false;
}

function checkFamilyNlri(bytes: Uint8Array, at: number, end: number, afi: number, session: ParsingClass): boolean {
  return afi === AFI.ipv4
    ? checkNlri(bytes, at, end, 32, session.addPathIpv4 === true)
    : checkNlri(bytes, at, end, 128, session.addPathIpv6 === true);
}
