/** What is wrong with an UPDATE, in words for the operator and the peer's vendor. Cold: a fault is put into words seldom. */
import { ATTRIBUTE, type AttributeSpec, attributeName, ERROR, FLAG, SEGMENT } from "./iana.ts";
import { u16, u32 } from "./octets.ts";
import type { ParsingClass } from "./parsing-class.ts";
import type { UpdateScan } from "./update-scan.ts";

const SUB = ERROR.update.sub;
const A = ATTRIBUTE;
const SPECS: ReadonlyMap<number, AttributeSpec> = new Map(Object.values(ATTRIBUTE).map((spec) => [spec.code, spec]));

/** The value of the attribute at fault. */
interface Value {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly end: number;
}

/** Why the scan of the body at `[from, to)` did not end in `none`: `ORIGIN: value 9, must be 0, 1 or 2`. */
export function describeFault(
  bytes: Uint8Array,
  from: number,
  to: number,
  scan: UpdateScan,
  session: ParsingClass,
): string {
  const { faultType: type, errorSubcode: subcode } = scan;
  if (subcode === SUB.invalidNetworkField) return "a prefix is longer than 32 bits or runs over its field";
  if (subcode === SUB.malformedAttributeList) return describeList(bytes, from, to, scan);
  const name = attributeName(type);
  if (subcode === SUB.missingWellKnown) return `${name} is missing`;
  const flags = bytes[scan.faultAt]!;
  const at = scan.faultAt + ((flags & FLAG.extendedLength) !== 0 ? 4 : 3);
  const value = { bytes, at, end: scan.faultAt + scan.faultLength };
  if (subcode === SUB.unrecognizedWellKnown) return `${name}: not optional, and not known to us`;
  if (subcode === SUB.attributeFlags) return `${name}: ${describeFlags(flags, type)}`;
  return `${name}: ${describeValue(type, subcode, value, scan, session)}`;
}

/** 3/1: lengths that do not fit, and attributes that are there twice. */
function describeList(bytes: Uint8Array, from: number, to: number, scan: UpdateScan): string {
  const { faultType: type, faultAt: at, attributesEnd: end } = scan;
  if (end === from) return `the lengths of its fields do not fit its ${to - from} octets`;
  if (type === 0) {
    if (scan.faultLength > 0) return "attribute type 0 is reserved";
    return `the attributes end within the head of one (${end - at} octets are left)`;
  }
  const extended = (bytes[at]! & FLAG.extendedLength) !== 0;
  if (end - at < (extended ? 4 : 3)) return `${attributeName(type)}: its head is cut off`;
  const length = extended ? u16(bytes, at + 2) : bytes[at + 2]!;
  const left = end - at - (extended ? 4 : 3);
  if (length > left) return `${attributeName(type)}: length ${length} where the attributes end after ${left} octets`;
  return `${attributeName(type)} is there twice`;
}

const hex = (octet: number): string => `0x${octet.toString(16).padStart(2, "0")}`;

function describeFlags(flags: number, type: number): string {
  const wanted = SPECS.get(type)?.flags ?? 0;
  const partial = wanted === (FLAG.optional | FLAG.transitive) ? FLAG.partial : 0;
  return `flags ${hex(flags & ~FLAG.extendedLength & ~partial & 0xf0)}, must be ${hex(wanted)}`;
}

function describeValue(
  type: number,
  subcode: number,
  { bytes, at, end }: Value,
  scan: UpdateScan,
  session: ParsingClass,
): string {
  const length = end - at;
  const spec = SPECS.get(type);
  if (spec?.internalOnly && !session.internal) return "not allowed from an external peer";
  if (subcode === SUB.invalidOrigin) return `value ${bytes[at]}, must be 0, 1 or 2`;
  switch (type) {
    case A.asPath.code:
      return describePath(bytes, at, end, session.fourOctetAs ? 4 : 2, session.allowAsSets === true);
    case A.as4Path.code:
      return session.fourOctetAs ? WIDE : describePath(bytes, at, end, 4, session.allowAsSets === true);
    case A.as4Aggregator.code:
      if (session.fourOctetAs) return WIDE;
      return length === 8 ? "AS 0 (RFC 7607)" : `length ${length}, must be 8`;
    case A.aggregator.code:
      return subcode === SUB.optionalAttribute
        ? "AS 0 (RFC 7607)"
        : `length ${length}, must be ${session.fourOctetAs ? 8 : 6}`;
    case A.mpReach.code:
      return describeReach(bytes, at, end, scan, session);
    case A.mpUnreach.code:
      return length < 3 ? `length ${length}, must be 3 or more` : PREFIX;
    case A.prefixSid.code:
      return "its TLVs do not end where it does";
  }
  if (spec === undefined) return `length ${length}`;
  if (typeof spec.size === "number") return `length ${length}, must be ${spec.size}`;
  if (spec.size !== "any")
    return length === 0 ? "empty" : `length ${length}, must be a multiple of ${spec.size.multipleOf}`;
  return `length ${length}`;
}

const WIDE = "not allowed on a session with four-octet ASes";
const PREFIX = "a prefix is too long for its family or runs over the attribute";

function describeReach(bytes: Uint8Array, at: number, end: number, scan: UpdateScan, session: ParsingClass): string {
  if (end - at < 5) return `length ${end - at}, must be 5 or more`;
  const nextHop = bytes[at + 3]!;
  if (5 + nextHop > end - at) return `a next hop of ${nextHop} octets where ${end - at - 5} are left`;
  const both = nextHop === 16 || nextHop === 32;
  const legal = scan.reachAfi === 1 ? nextHop === 4 || (both && session.extendedNextHop === true) : both;
  return legal ? PREFIX : `a next hop of ${nextHop} octets for AFI ${scan.reachAfi}`;
}

/** The first thing wrong with the segments of a path. */
function describePath(bytes: Uint8Array, from: number, end: number, width: 2 | 4, allowSets: boolean): string {
  for (let at = from; at < end; ) {
    if (end - at < 2) return "an octet is left behind the last segment";
    const kind = bytes[at]!;
    const count = bytes[at + 1]!;
    if (kind === SEGMENT.confedSequence || kind === SEGMENT.confedSet) return "a confederation segment";
    if (kind !== SEGMENT.sequence && kind !== SEGMENT.set) return `segment type ${kind}`;
    if (count === 0) return "a segment without ASes";
    at += 2;
    if (at + count * width > end) return `a segment of ${count} ASes where ${end - at} octets are left`;
    if (kind === SEGMENT.set && !allowSets) return "an AS_SET (RFC 9774)";
    for (const stop = at + count * width; at < stop; at += width)
      if ((width === 4 ? u32(bytes, at) : u16(bytes, at)) === 0) return "AS 0 (RFC 7607)";
  }
  return "too long";
}
