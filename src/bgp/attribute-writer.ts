import { attributeEnd, attributeValue, writeAttributeHeader } from "./attribute-octets.ts";
import { AS_TRANS, ATTRIBUTE, FLAG, SEGMENT } from "./iana.ts";
import { copy, u16, u32, writeU16, writeU32 } from "./octets.ts";

const A = ATTRIBUTE;

/** What of a session decides how attributes are rewritten for it; one object per update group. */
export interface ExportRule {
  /** The peer is external: our AS goes in front, what is internal comes off (RFC 4271 §5.1). */
  readonly external: boolean;
  /** Put in front of AS_PATH towards an external peer. */
  readonly localAs: number;
  /** Put behind `localAs`: our own AS where a session has another (RFC 7705 §3.2); 0: nothing. */
  readonly innerAs: number;
  /** The peer reads four-octet ASes; otherwise AS_TRANS and AS4_PATH (RFC 6793 §4.2.2). */
  readonly fourOctetAs: boolean;
  /** Our cluster id when the route is reflected, 0 when it is not (RFC 4456 §8). */
  readonly clusterId: number;
  /** MED goes to an external peer: the route is our own, or the export policy set it. */
  readonly keepMed: boolean;
}

/** Sorted keys of the attributes to write: type << 20 | offset from the start, or ADDED for one the set does not have. */
const order = new Int32Array(512);
const ADDED = 0xfffff;

/**
 * Rewrites canonical octets at `[at, end)` for a session and writes them at `outAt`, ordered by type: bgp-4's export
 * rules (RFC 4271 §5.1, RFC 4456 §8, RFC 6793 §4.2.2). Returns the end; when that lies beyond `out.length` it did not
 * fit, and what was written is of no use.
 *
 * - `nextHopLength` 4 writes NEXT_HOP from `nextHop`; 0 writes none, for MP_REACH_NLRI in front.
 * - `originatorId` is added when the set has none and the rule reflects; 0 adds none.
 * - `defaultLocalPref` is what an internal peer gets where the set has no LOCAL_PREF.
 */
export function writeAttributes(
  bytes: Uint8Array,
  at: number,
  end: number,
  rule: ExportRule,
  nextHop: Uint8Array,
  nextHopLength: number,
  originatorId: number,
  defaultLocalPref: number,
  out: Uint8Array,
  outAt: number,
): number {
  const count = sortAttributes(bytes, at, end, rule, nextHopLength, originatorId);
  let o = outAt;
  for (let i = 0; i < count; i++) {
    const type = order[i]! >>> 20;
    const offset = order[i]! & ADDED;
    const from = at + offset;
    switch (offset === ADDED ? -type : type) {
      case A.asPath.code:
        o = writePath(bytes, from, rule, out, o);
        break;
      case A.nextHop.code:
      case -A.nextHop.code:
        o = copy(nextHop, 0, nextHopLength, out, writeAttributeHeader(out, o, 0x40, A.nextHop.code, nextHopLength));
        break;
      case -A.localPref.code:
        o = writeU32(out, writeAttributeHeader(out, o, 0x40, A.localPref.code, 4), defaultLocalPref);
        break;
      case A.aggregator.code:
        o = writeAggregator(bytes, from, rule, out, o);
        break;
      case -A.originatorId.code:
        o = writeU32(out, writeAttributeHeader(out, o, 0x80, A.originatorId.code, 4), originatorId);
        break;
      case A.clusterList.code:
      case -A.clusterList.code:
        o = writeClusterList(bytes, offset === ADDED ? -1 : from, rule.clusterId, out, o);
        break;
      case A.extendedCommunities.code:
        o = rule.external ? writeTransitive(bytes, from, 8, out, o) : copyAttribute(bytes, from, out, o);
        break;
      case A.ipv6ExtendedCommunities.code:
        o = rule.external ? writeTransitive(bytes, from, 20, out, o) : copyAttribute(bytes, from, out, o);
        break;
      case -A.as4Path.code:
        o = writeAs4Path(bytes, at, end, rule, out, o);
        break;
      case -A.as4Aggregator.code:
        o = writeAs4Aggregator(bytes, at, end, out, o);
        break;
      default:
        o = copyAttribute(bytes, from, out, o);
    }
  }
  return o;
}

/** Fills `order` with what is to be written, sorted by type; returns how many. */
function sortAttributes(
  bytes: Uint8Array,
  at: number,
  end: number,
  rule: ExportRule,
  nextHopLength: number,
  originatorId: number,
): number {
  let count = 0;
  let nextHop = false;
  let localPref = false;
  let originator = false;
  let clusters = false;
  let wide = !rule.fourOctetAs && rule.external && (rule.localAs > 0xffff || rule.innerAs > 0xffff);
  let wideAggregator = false;
  for (let p = at; p < end; p = attributeEnd(bytes, p)) {
    const type = bytes[p + 1]!;
    switch (type) {
      case A.asPath.code:
        if (!rule.fourOctetAs && !wide) wide = holdsWideAs(bytes, p);
        break;
      case A.nextHop.code:
        if (nextHopLength === 0) continue;
        nextHop = true;
        break;
      case A.med.code:
        if (rule.external && !rule.keepMed) continue;
        break;
      case A.localPref.code:
        if (rule.external) continue;
        localPref = true;
        break;
      case A.aggregator.code:
        if (!rule.fourOctetAs) wideAggregator = u32(bytes, attributeValue(bytes, p)) > 0xffff;
        break;
      case A.originatorId.code:
        if (rule.external) continue;
        originator = true;
        break;
      case A.clusterList.code:
        if (rule.external) continue;
        clusters = true;
        break;
      default:
        // A non-transitive attribute we do not understand stays within the AS.
        if (rule.external && (bytes[p]! & (FLAG.optional | FLAG.transitive)) === FLAG.optional) continue;
    }
    count = insert(count, type, p - at);
  }
  if (nextHopLength !== 0 && !nextHop) count = insert(count, A.nextHop.code, ADDED);
  if (!rule.external) {
    if (!localPref) count = insert(count, A.localPref.code, ADDED);
    if (rule.clusterId !== 0) {
      if (!originator && originatorId !== 0) count = insert(count, A.originatorId.code, ADDED);
      if (!clusters) count = insert(count, A.clusterList.code, ADDED);
    }
  }
  if (wide) count = insert(count, A.as4Path.code, ADDED);
  if (wideAggregator) count = insert(count, A.as4Aggregator.code, ADDED);
  return count;
}

/** Sets are nearly always in order already, so this seldom moves anything. */
function insert(count: number, type: number, offset: number): number {
  const key = (type << 20) | offset;
  let i = count;
  for (; i > 0 && order[i - 1]! > key; i--) order[i] = order[i - 1]!;
  order[i] = key;
  return count + 1;
}

function copyAttribute(bytes: Uint8Array, from: number, out: Uint8Array, o: number): number {
  return copy(bytes, from, attributeEnd(bytes, from) - from, out, o);
}

function holdsWideAs(bytes: Uint8Array, from: number): boolean {
  const end = attributeEnd(bytes, from);
  for (let p = attributeValue(bytes, from); p < end; p += 2 + 4 * bytes[p + 1]!)
    for (let i = 0; i < bytes[p + 1]!; i++) if (u16(bytes, p + 2 + 4 * i) !== 0) return true;
  return false;
}

/** AS_PATH, with our AS in front towards an external peer (RFC 4271 §5.1.2). */
function writePath(bytes: Uint8Array, from: number, rule: ExportRule, out: Uint8Array, o: number): number {
  const width = rule.fourOctetAs ? 4 : 2;
  return writeSegments(bytes, from, rule, width, A.asPath.flags, A.asPath.code, out, o);
}

/** The path with its real ASes for those behind a two-octet speaker. */
function writeAs4Path(
  bytes: Uint8Array,
  at: number,
  end: number,
  rule: ExportRule,
  out: Uint8Array,
  o: number,
): number {
  for (let p = at; p < end; p = attributeEnd(bytes, p))
    if (bytes[p + 1] === A.asPath.code)
      return writeSegments(bytes, p, rule, 4, A.as4Path.flags, A.as4Path.code, out, o);
  return o;
}

/** Confederation segments go neither to an external peer nor into AS4_PATH. */
function writeSegments(
  bytes: Uint8Array,
  from: number,
  rule: ExportRule,
  width: 2 | 4,
  flags: number,
  type: number,
  out: Uint8Array,
  outAt: number,
): number {
  const end = attributeEnd(bytes, from);
  const keepConfed = !rule.external && type === A.asPath.code;
  // Written behind the longer header; a short value moves back by an octet.
  const valueAt = outAt + 4;
  let o = valueAt;
  // How many ASes of ours are still to go in front.
  let own = !rule.external ? 0 : rule.innerAs === 0 ? 1 : 2;
  for (let p = attributeValue(bytes, from); p < end; ) {
    const kind = bytes[p]!;
    let count = bytes[p + 1]!;
    p += 2;
    const confed = kind !== SEGMENT.sequence && kind !== SEGMENT.set;
    if (confed && !keepConfed) {
      p += 4 * count;
      continue;
    }
    if (own > 0 && (kind !== SEGMENT.sequence || count + own > 255)) {
      o = writeOwnSegment(rule, width, out, o);
      own = 0;
    }
    out[o] = kind;
    out[o + 1] = count + own;
    o += 2;
    if (own > 0) o = writeOwn(rule, width, out, o);
    own = 0;
    for (; count > 0; count--, p += 4) o = width === 4 ? copy(bytes, p, 4, out, o) : writeAs(u32(bytes, p), 2, out, o);
  }
  if (own > 0) o = writeOwnSegment(rule, width, out, o);
  const length = o - valueAt;
  const start = writeAttributeHeader(out, outAt, flags, type, length);
  if (start !== valueAt) out.copyWithin(start, valueAt, o);
  return start + length;
}

function writeOwnSegment(rule: ExportRule, width: 2 | 4, out: Uint8Array, o: number): number {
  out[o] = SEGMENT.sequence;
  out[o + 1] = rule.innerAs === 0 ? 1 : 2;
  return writeOwn(rule, width, out, o + 2);
}

function writeOwn(rule: ExportRule, width: 2 | 4, out: Uint8Array, o: number): number {
  const end = writeAs(rule.localAs, width, out, o);
  return rule.innerAs === 0 ? end : writeAs(rule.innerAs, width, out, end);
}

function writeAs(asn: number, width: 2 | 4, out: Uint8Array, o: number): number {
  return width === 4 ? writeU32(out, o, asn) : writeU16(out, o, asn > 0xffff ? AS_TRANS : asn);
}

function writeAggregator(bytes: Uint8Array, from: number, rule: ExportRule, out: Uint8Array, o: number): number {
  if (rule.fourOctetAs) return copyAttribute(bytes, from, out, o);
  const valueAt = attributeValue(bytes, from);
  const value = writeAttributeHeader(out, o, bytes[from]! & ~FLAG.extendedLength, A.aggregator.code, 6);
  return copy(bytes, valueAt + 4, 4, out, writeAs(u32(bytes, valueAt), 2, out, value));
}

function writeAs4Aggregator(bytes: Uint8Array, at: number, end: number, out: Uint8Array, o: number): number {
  for (let p = at; p < end; p = attributeEnd(bytes, p))
    if (bytes[p + 1] === A.aggregator.code)
      return copy(
        bytes,
        attributeValue(bytes, p),
        8,
        out,
        writeAttributeHeader(out, o, A.as4Aggregator.flags, A.as4Aggregator.code, 8),
      );
  return o;
}

/** CLUSTER_LIST with our id in front when reflecting; `from` is -1 where the set has none. */
function writeClusterList(bytes: Uint8Array, from: number, clusterId: number, out: Uint8Array, o: number): number {
  if (clusterId === 0) return copyAttribute(bytes, from, out, o);
  const valueAt = from < 0 ? 0 : attributeValue(bytes, from);
  const length = from < 0 ? 0 : attributeEnd(bytes, from) - valueAt;
  const value = writeAttributeHeader(out, o, A.clusterList.flags, A.clusterList.code, length + 4);
  return copy(bytes, valueAt, length, out, writeU32(out, value, clusterId));
}

/** Extended communities of `size` octets without the non-transitive ones (RFC 4360 §6); nothing when none is left. */
function writeTransitive(bytes: Uint8Array, from: number, size: number, out: Uint8Array, outAt: number): number {
  const end = attributeEnd(bytes, from);
  const valueAt = outAt + 4;
  let o = valueAt;
  for (let p = attributeValue(bytes, from); p < end; p += size)
    if ((bytes[p]! & 0x40) === 0) o = copy(bytes, p, size, out, o);
  if (o === valueAt) return outAt;
  const start = writeAttributeHeader(out, outAt, bytes[from]! & ~FLAG.extendedLength, bytes[from + 1]!, o - valueAt);
  if (start !== valueAt) out.copyWithin(start, valueAt, o);
  return start + o - valueAt;
}
