import { attributeEnd, attributeValue, writeAttributeHeader } from "./attribute-octets.ts";
import { type CommunityPattern, matchesAny } from "./community-pattern.ts";
import { ATTRIBUTE, COMMUNITY, FLAG, SEGMENT } from "./iana.ts";
import { copy, u32, writeU32 } from "./octets.ts";
import type { AttributeEdits } from "./path-attributes.ts";

const A = ATTRIBUTE;

/** The attributes that edits can touch, in order of type. */
const EDITED = [
  A.asPath,
  A.nextHop,
  A.med,
  A.localPref,
  A.communities,
  A.extendedCommunities,
  A.largeCommunities,
] as const;
type Edited = (typeof EDITED)[number];
const IS_EDITED = new Uint8Array(256);
for (const { code } of EDITED) IS_EDITED[code] = 1;

/** Longest attribute value: its length has 16 bits. */
const MAX_VALUE_OCTETS = 0xffff;

/**
 * Writes canonical octets `[at, end)` with the edits applied to the start of `out` and returns their length. A next hop
 * "self", preference and metric are not octets and are left to who knows them. A list that edits would lengthen beyond
 * 65535 octets stays as it was. `out` has MAX_CANONICAL_OCTETS.
 */
export function applyEdits(bytes: Uint8Array, at: number, end: number, edits: AttributeEdits, out: Uint8Array): number {
  let o = 0;
  let pending = 0;
  for (let p = at; p < end; p = attributeEnd(bytes, p)) {
    const type = bytes[p + 1]!;
    if (IS_EDITED[type] === 1) continue;
    while (pending < EDITED.length && EDITED[pending]!.code < type)
      o = writeEdited(bytes, at, end, EDITED[pending++]!, edits, out, o);
    o = copy(bytes, p, attributeEnd(bytes, p) - p, out, o);
  }
  while (pending < EDITED.length) o = writeEdited(bytes, at, end, EDITED[pending++]!, edits, out, o);
  return o;
}

function writeEdited(
  bytes: Uint8Array,
  at: number,
  end: number,
  spec: Edited,
  edits: AttributeEdits,
  out: Uint8Array,
  o: number,
): number {
  const from = find(bytes, at, end, spec.code);
  const value = editedValue(bytes, from, spec, edits);
  if (value === undefined || value.length > MAX_VALUE_OCTETS)
    return from < 0 ? o : copy(bytes, from, attributeEnd(bytes, from) - from, out, o);
  if (value.length === 0 && spec !== A.asPath) return o;
  const flags = from < 0 ? spec.flags : bytes[from]! & ~FLAG.extendedLength;
  return copy(value, 0, value.length, out, writeAttributeHeader(out, o, flags, spec.code, value.length));
}

/** The new value; empty takes the attribute away, undefined leaves it as it is. `from` is -1 where the set has none. */
function editedValue(bytes: Uint8Array, from: number, spec: Edited, edits: AttributeEdits): Uint8Array | undefined {
  const old = from < 0 ? bytes.subarray(0, 0) : bytes.subarray(attributeValue(bytes, from), attributeEnd(bytes, from));
  switch (spec) {
    case A.asPath:
      return edits.prepend === undefined || edits.prepend.length === 0 ? undefined : prepend(old, edits.prepend);
    case A.nextHop:
      return edits.nextHop === undefined || edits.nextHop === "self" ? undefined : edits.nextHop.bytes;
    case A.med:
      return edits.med === undefined ? undefined : octetsOf(edits.med === null ? [] : [edits.med]);
    case A.localPref:
      return edits.localPref === undefined ? undefined : octetsOf([edits.localPref]);
    case A.communities:
      return keepStale(old, editList(old, 1, edits.setCommunities, edits.removeCommunities, edits.addCommunities));
    case A.extendedCommunities:
      return editList(
        old,
        2,
        edits.setExtendedCommunities,
        edits.removeExtendedCommunities,
        edits.addExtendedCommunities,
      );
    default:
      return editList(old, 3, edits.setLargeCommunities, edits.removeLargeCommunities, edits.addLargeCommunities);
  }
}

/** Nobody takes LLGR_STALE off a route: others would prefer it to fresh ones (RFC 9494 §4.3). */
function keepStale(old: Uint8Array, edited: Uint8Array | undefined): Uint8Array | undefined {
  if (edited === undefined || !numbersOf(old).includes(COMMUNITY.llgrStale)) return edited;
  const kept = numbersOf(edited);
  return kept.includes(COMMUNITY.llgrStale) ? edited : octetsOf([...kept, COMMUNITY.llgrStale]);
}

type Items = readonly (number | readonly number[])[] | undefined;

/** First `set` replaces, then `remove` takes away, then `add` adds what is missing. An item has `size` words. */
function editList(
  old: Uint8Array,
  size: number,
  set: Items,
  remove: readonly CommunityPattern[] | undefined,
  add: Items,
): Uint8Array | undefined {
  if (!set && !remove && !add) return undefined;
  const start = set ? set.flat() : numbersOf(old);
  const kept: number[] = [];
  for (let i = 0; i + size <= start.length; i += size)
    if (!remove || !matchesAny(remove, start, i)) kept.push(...start.slice(i, i + size));
  const words = (add ?? []).flat();
  for (let i = 0; i < words.length; i += size) if (!holds(kept, words, i, size)) kept.push(...words.slice(i, i + size));
  return octetsOf(kept);
}

function holds(list: readonly number[], words: readonly number[], at: number, size: number): boolean {
  for (let i = 0; i < list.length; i += size) {
    let same = 0;
    while (same < size && list[i + same] === words[at + same]) same++;
    if (same === size) return true;
  }
  return false;
}

/** The ASes in front of the path, in its leading sequence as far as that has room (RFC 4271 §5.1.2). */
function prepend(path: Uint8Array, asns: readonly number[]): Uint8Array {
  let whole = path;
  for (const asn of [...asns].reverse()) {
    const grows = whole.length > 0 && whole[0] === SEGMENT.sequence && whole[1]! < 255;
    const next = new Uint8Array(whole.length + (grows ? 4 : 6));
    next[0] = SEGMENT.sequence;
    next[1] = grows ? whole[1]! + 1 : 1;
    writeU32(next, 2, asn);
    next.set(grows ? whole.subarray(2) : whole, 6);
    whole = next;
  }
  return whole;
}

function numbersOf(octets: Uint8Array): number[] {
  return Array.from({ length: octets.length >>> 2 }, (_, i) => u32(octets, 4 * i));
}

function octetsOf(numbers: readonly number[]): Uint8Array {
  const out = new Uint8Array(4 * numbers.length);
  for (const [i, value] of numbers.entries()) writeU32(out, 4 * i, value);
  return out;
}

function find(bytes: Uint8Array, at: number, end: number, type: number): number {
  for (let p = at; p < end; p = attributeEnd(bytes, p)) if (bytes[p + 1] === type) return p;
  return -1;
}
