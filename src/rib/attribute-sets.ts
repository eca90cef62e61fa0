import { applyEdits } from "../bgp/attribute-edits.ts";
import { MAX_CANONICAL_OCTETS, scanAttributes, writeCanonical } from "../bgp/canonical.ts";
import { COMMUNITY } from "../bgp/iana.ts";
import { LONG_LIVED_CLASS, type ParsingClass } from "../bgp/parsing-class.ts";
import type { AttributeEdits, PathAttributes } from "../bgp/path-attributes.ts";
import { decodeAttributes } from "../bgp/path-attributes.ts";
import { createUpdateScan, type UpdateScan } from "../bgp/update-scan.ts";
import { HashIndex } from "../ip/hash-index.ts";
import { reserveWords } from "../ip/reserve.ts";
import { NO_METRIC } from "../policy/types.ts";
import { OctetArena } from "./octet-arena.ts";
import { hashOctets, sameOctets } from "./octet-words.ts";
import { holdsCommunity } from "./session-checks.ts";
import { SetMemo } from "./set-memo.ts";
import type { AttributeSets, NextHopId, SetHandle } from "./types.ts";

// A row: 64 octets, one cache line. Row 0 is not used.
const STRIDE = 16;
/** 0 in a free row. */
const REFERENCES = 0;
/** In a free row: the next free one. */
const HASH = 1;
const AT = 2;
const OCTETS = 3;
const CLASS = 4;
const NEXT_HOP = 5;
const PREFERENCE = 6;
const METRIC = 7;
const LOCAL_PREF = 8;
/** AS_PATH length, and CLUSTER_LIST length in the upper half: an attribute holds fewer than 2^16 of either. */
const LENGTHS = 9;
/** ORIGIN, and LONG_LIVED_STALE. */
const ORIGIN = 10;
const MED = 11;
const NEIGHBOR_AS = 12;
const ORIGINATOR_ID = 13;
/** Counts the sets that have had this row. */
const SERIAL = 14;
const MEMO = 15;

/** Above the octet of ORIGIN: the set has LLGR_STALE, in a class where that counts. */
const LONG_LIVED_STALE = 0x100;

/** Class of sets that no session brought. */
const OWN_CLASS = 0xffff_ffff | 0;
const DEFAULT_LOCAL_PREF = 100;
const DEFAULT_BGP_PREFERENCE = 100;
const ORIGIN_IGP = 0;
/** Results kept per set, on average. */
const MEMO_PER_SET = 4;
/** What edits may add to a set. */
const EDIT_OCTETS = 65_536;

/** What a table of sets needs of the next hops: those that no set names may be forgotten. */
export interface NextHopHolders {
  hold(id: NextHopId): void;
  unhold(id: NextHopId): void;
}

export interface AttributeSetsOptions {
  readonly maxSets: number;
  /** Octets of attributes, free blocks between them included. */
  readonly maxOctets: number;
  readonly nextHops: NextHopHolders;
}

/**
 * AttributeSets over one table of rows and one arena. The identity of a set is its canonical octets with parsing class,
 * next hop, preference and metric. A clean UPDATE that was seen before costs a hash and a comparison of its octets.
 */
export class SetTable implements AttributeSets {
  private readonly rows: Int32Array;
  private readonly bound: number;
  private readonly index: HashIndex;
  private readonly octetArena: OctetArena;
  private readonly memo: SetMemo;
  private readonly nextHops: NextHopHolders;
  private readonly scan = createUpdateScan();
  private scratch = new Uint8Array(MAX_CANONICAL_OCTETS + EDIT_OCTETS);
  private free: SetHandle = 0;
  private nextRow: SetHandle = 1;
  private decoded: PathAttributes | undefined;
  private decodedSet: SetHandle = 0;
  size = 0;

  constructor(options: AttributeSetsOptions) {
    this.rows = reserveWords((options.maxSets + 1) * STRIDE);
    this.bound = Math.min(options.maxSets + 1, Math.floor(this.rows.length / STRIDE));
    this.index = new HashIndex(options.maxSets);
    this.nextHops = options.nextHops;
    this.memo = new SetMemo(options.maxSets * MEMO_PER_SET);
    this.octetArena = new OctetArena(
      options.maxOctets,
      (set) => this.octets(set),
      (set, at) => {
        this.rows[set * STRIDE + AT] = at;
      },
    );
  }

  intern(bytes: Uint8Array, scan: UpdateScan, session: ParsingClass, nextHop: NextHopId, ofMpReach = false): SetHandle {
    let from = scan.attributesAt;
    let octets = scan.attributesEnd - from;
    let source = bytes;
    if (!scan.clean || ofMpReach) {
      octets = writeCanonical(bytes, scan, session, ofMpReach, this.scratch);
      source = this.scratch;
      from = 0;
    }
    const hash = hashOf(source, from, octets, session.id, nextHop, DEFAULT_BGP_PREFERENCE, NO_METRIC);
    const known = this.lookUp(hash, source, from, octets, session.id, nextHop, DEFAULT_BGP_PREFERENCE, NO_METRIC);
    if (known !== 0) return known;
    return this.create(hash, source, from, octets, session.id, nextHop, DEFAULT_BGP_PREFERENCE, NO_METRIC, scan);
  }

  originate(nextHop: NextHopId, preference: number, metric: number): SetHandle {
    const { scratch } = this;
    scratch.set([0x40, 1, 1, ORIGIN_IGP, 0x40, 2, 0]);
    return this.internCanonical(7, OWN_CLASS, nextHop, preference, metric);
  }

  derive(set: SetHandle, edits: AttributeEdits, nextHop: NextHopId): SetHandle {
    const at = this.offset(set);
    const octets = applyEdits(this.arena(), at, at + this.octets(set), edits, this.scratch);
    const row = set * STRIDE;
    return this.internCanonical(
      octets,
      this.rows[row + CLASS]!,
      nextHop,
      edits.preference ?? this.preference(set),
      edits.metric ?? this.rows[row + METRIC]!,
    );
  }

  retain(set: SetHandle): void {
    this.rows[set * STRIDE + REFERENCES]!++;
  }

  release(set: SetHandle): void {
    const left = --this.rows[set * STRIDE + REFERENCES]!;
    if (left === 0) this.remove(set);
    else if (left < 0) throw new Error(`Cannot release attribute set ${set}: nobody holds it`);
  }

  attributes(set: SetHandle): PathAttributes {
    if (this.decodedSet !== set || this.decoded === undefined) {
      const at = this.offset(set);
      // A copy, for the typed form may keep parts of what it was decoded from.
      const octets = this.arena().slice(at, at + this.octets(set));
      this.decoded = decodeAttributes(octets, 0, octets.length);
      this.decodedSet = set;
    }
    return this.decoded;
  }

  /** A result remembered for the set under the key: a live set handle (not retained), a negative code, or 0. */
  recall(set: SetHandle, key: number): number {
    const chain = this.rows[set * STRIDE + MEMO]!;
    if (chain === 0) return 0;
    const value = this.memo.find(chain, key);
    if (value <= 0) return value;
    const at = value * STRIDE;
    return this.rows[at + REFERENCES]! > 0 && this.rows[at + SERIAL] === this.memo.serial ? value : 0;
  }

  /** Remembers a set handle or a negative code until the set, or that handle's set, is gone. */
  remember(set: SetHandle, key: number, value: number): void {
    const at = set * STRIDE + MEMO;
    const serial = value > 0 ? this.rows[value * STRIDE + SERIAL]! : 0;
    this.rows[at] = this.memo.put(this.rows[at]!, key, value, serial);
  }

  /** A key for `recall` that nobody else uses. */
  newMemoKey(): number {
    return this.memo.newKey();
  }

  retireMemoKey(key: number): void {
    this.memo.retireKey(key);
  }

  /** More than half of the arena is free. */
  get wantsCompaction(): boolean {
    return this.octetArena.wantsCompaction;
  }

  /** A slice of compaction, over about `budget` octets; true when done. Offsets of sets change. */
  compact(budget: number): boolean {
    return this.octetArena.compact(budget);
  }

  /** Octets in use and the arena's extent. */
  usage(): { readonly live: number; readonly extent: number; readonly remembered: number } {
    return { live: this.octetArena.live, extent: this.octetArena.extent, remembered: this.memo.size };
  }

  arena(): Uint8Array {
    return this.octetArena.octets;
  }

  offset(set: SetHandle): number {
    return this.rows[set * STRIDE + AT]!;
  }

  octets(set: SetHandle): number {
    return this.rows[set * STRIDE + OCTETS]!;
  }

  references(set: SetHandle): number {
    return this.rows[set * STRIDE + REFERENCES]!;
  }

  preference(set: SetHandle): number {
    return this.rows[set * STRIDE + PREFERENCE]! >>> 0;
  }

  localPref(set: SetHandle): number {
    return this.rows[set * STRIDE + LOCAL_PREF]! >>> 0;
  }

  metric(set: SetHandle): number {
    const metric = this.rows[set * STRIDE + METRIC]!;
    return metric === NO_METRIC ? NO_METRIC : metric >>> 0;
  }

  asPathLength(set: SetHandle): number {
    return this.rows[set * STRIDE + LENGTHS]! & 0xffff;
  }

  origin(set: SetHandle): number {
    return this.rows[set * STRIDE + ORIGIN]! & 0xff;
  }

  staleness(set: SetHandle): 0 | 1 {
    return this.rows[set * STRIDE + ORIGIN]! >= LONG_LIVED_STALE ? 1 : 0;
  }

  med(set: SetHandle): number {
    return this.rows[set * STRIDE + MED]! >>> 0;
  }

  neighborAs(set: SetHandle): number {
    return this.rows[set * STRIDE + NEIGHBOR_AS]! >>> 0;
  }

  nextHop(set: SetHandle): NextHopId {
    return this.rows[set * STRIDE + NEXT_HOP]!;
  }

  originatorId(set: SetHandle): number {
    return this.rows[set * STRIDE + ORIGINATOR_ID]! >>> 0;
  }

  clusterListLength(set: SetHandle): number {
    return this.rows[set * STRIDE + LENGTHS]! >>> 16;
  }

  /** Interns the canonical octets at the start of `scratch`. */
  private internCanonical(octets: number, kind: number, nextHop: NextHopId, preference: number, metric: number) {
    const { scratch, scan } = this;
    const hash = hashOf(scratch, 0, octets, kind, nextHop, preference, metric);
    const known = this.lookUp(hash, scratch, 0, octets, kind, nextHop, preference, metric);
    if (known !== 0) return known;
    scanAttributes(scratch, 0, octets, scan);
    return this.create(hash, scratch, 0, octets, kind, nextHop, preference, metric, scan);
  }

  private lookUp(
    hash: number,
    bytes: Uint8Array,
    from: number,
    octets: number,
    kind: number,
    nextHop: NextHopId,
    preference: number,
    metric: number,
  ): SetHandle {
    const slots = this.index.segment(hash);
    const mask = slots.length - 2;
    const { rows } = this;
    for (let s = (hash << 1) & mask; ; s = (s + 2) & mask) {
      const set = slots[s + 1]!;
      if (set === 0) return 0;
      if (slots[s] !== hash) continue;
      const row = set * STRIDE;
      if (
        rows[row + OCTETS] === octets &&
        rows[row + NEXT_HOP] === nextHop &&
        rows[row + CLASS] === kind &&
        rows[row + PREFERENCE] === (preference | 0) &&
        rows[row + METRIC] === (metric | 0) &&
        sameOctets(this.octetArena.words, rows[row + AT]!, bytes, from, octets)
      ) {
        rows[row + REFERENCES]!++;
        return set;
      }
    }
  }

  private create(
    hash: number,
    bytes: Uint8Array,
    from: number,
    octets: number,
    kind: number,
    nextHop: NextHopId,
    preference: number,
    metric: number,
    scan: UpdateScan,
  ): SetHandle {
    const set = this.free !== 0 ? this.free : this.nextRow;
    if (set >= this.bound) return 0;
    const at = this.octetArena.store(set, bytes, from, octets);
    if (at < 0) return 0;
    const { rows } = this;
    const row = set * STRIDE;
    if (set === this.free) this.free = rows[row + HASH]!;
    else this.nextRow++;
    rows[row + REFERENCES] = 1;
    rows[row + HASH] = hash;
    rows[row + AT] = at;
    rows[row + OCTETS] = octets;
    rows[row + CLASS] = kind;
    rows[row + NEXT_HOP] = nextHop;
    rows[row + PREFERENCE] = preference;
    rows[row + METRIC] = metric;
    rows[row + LOCAL_PREF] = scan.hasLocalPref ? scan.localPref : DEFAULT_LOCAL_PREF;
    rows[row + LENGTHS] = scan.asPathLength | (scan.clusterListLength << 16);
    rows[row + ORIGIN] = scan.origin | (isLongLivedStale(kind, bytes, from, from + octets) ? LONG_LIVED_STALE : 0);
    rows[row + MED] = scan.hasMed ? scan.med : 0;
    rows[row + NEIGHBOR_AS] = scan.neighborAs;
    rows[row + ORIGINATOR_ID] = scan.hasOriginatorId ? scan.originatorId : 0;
    rows[row + MEMO] = 0;
    this.index.insert(hash, set);
    this.nextHops.hold(nextHop);
    this.size++;
    return set;
  }

  private remove(set: SetHandle): void {
    const { rows } = this;
    const row = set * STRIDE;
    this.index.remove(rows[row + HASH]!, set);
    this.octetArena.free(rows[row + AT]!, rows[row + OCTETS]!);
    this.nextHops.unhold(rows[row + NEXT_HOP]!);
    if (rows[row + MEMO] !== 0) this.memo.drop(rows[row + MEMO]!);
    if (this.decodedSet === set) this.decodedSet = 0;
    rows[row + SERIAL]!++;
    rows[row + HASH] = this.free;
    this.free = set;
    this.size--;
  }
}

export function createAttributeSets(options: AttributeSetsOptions): SetTable {
  return new SetTable(options);
}

function isLongLivedStale(kind: number, bytes: Uint8Array, from: number, to: number): boolean {
  return kind > 0 && (kind & LONG_LIVED_CLASS) !== 0 && holdsCommunity(bytes, from, to, COMMUNITY.llgrStale);
}

function hashOf(
  bytes: Uint8Array,
  from: number,
  octets: number,
  kind: number,
  nextHop: number,
  preference: number,
  metric: number,
): number {
  const hash =
    Math.imul(kind, 0x9e3779b1) ^ Math.imul(nextHop, 0x85ebca77) ^ Math.imul(preference, 0xc2b2ae3d) ^ metric;
  return hashOctets(hash, bytes, from, octets);
}
