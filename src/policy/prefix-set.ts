import type { Family } from "../ip/address.ts";
import type { PrefixMatch } from "./types.ts";

/**
 * A prefix list as disjoint ranges of addresses, found by binary search: the bounds of all entries cut the address space,
 * and every range knows which route lengths match in it, one bit each, for all entries around it together. A bit at a
 * length is only ever set by entries no longer than it, so the range of a route's first address answers for the route.
 */
export interface PrefixSet {
  /** Only ceil(length / 8) octets need to be there; bits beyond `length` are ignored. */
  has(family: Family, bytes: Uint8Array, at: number, length: number): boolean;
}

export function createPrefixSet(entries: readonly PrefixMatch[]): PrefixSet {
  return new BothFamilies(entries);
}

class BothFamilies implements PrefixSet {
  readonly #ipv4: Ipv4Set;
  readonly #ipv6: FamilySet;

  constructor(entries: readonly PrefixMatch[]) {
    const of = (family: Family) => entries.filter(({ prefix }) => prefix.family === family);
    this.#ipv4 = new Ipv4Set(of("ipv4"));
    this.#ipv6 = new FamilySet(128, of("ipv6"));
  }

  has(family: Family, bytes: Uint8Array, at: number, length: number): boolean {
    return family === "ipv4" ? this.#ipv4.has(bytes, at, length) : this.#ipv6.has(bytes, at, length);
  }
}

/** Most leading bits by which ranges are found: 65,536 entries. */
const MOST_INDEX_BITS = 16;

/** The same as FamilySet with addresses as numbers; the leading bits of an address say where to begin. */
class Ipv4Set {
  /** First addresses of the ranges. */
  readonly #starts: Uint32Array;
  /** Lengths 0 to 31 that match in a range, and whether 32 does. */
  readonly #lengths: Uint32Array;
  readonly #hosts: Uint8Array;
  readonly #anywhere: Uint32Array;
  readonly #shift: number;
  /** By leading bits: the last range that begins at or before the first address with these bits. */
  readonly #index: Uint32Array;

  constructor(entries: readonly PrefixMatch[]) {
    const bases = entries.map((entry) => baseOf(entry, 32)).sort(outerFirst);
    const ranges = rangesOf(bases, new Uint32Array(1), new Uint32Array(2));
    const starts = Uint32Array.from(ranges, ({ start }) => start[0]!);
    this.#starts = starts;
    this.#lengths = Uint32Array.from(ranges, ({ lengths }) => lengths[0]!);
    this.#hosts = Uint8Array.from(ranges, ({ lengths }) => lengths[1]! & 1);
    this.#anywhere = bases.reduce<Uint32Array>((all, { lengths }) => union(all, lengths), new Uint32Array(2));
    const bits = Math.min(MOST_INDEX_BITS, Math.max(1, Math.ceil(Math.log2(ranges.length)) + 1));
    this.#shift = 32 - bits;
    let range = 0;
    this.#index = Uint32Array.from({ length: 2 ** bits }, (_, i) => {
      const first = i * 2 ** this.#shift;
      while (range + 1 < starts.length && starts[range + 1]! <= first) range++;
      return range;
    });
  }

  has(bytes: Uint8Array, at: number, length: number): boolean {
    if (length > 32 || !bit(this.#anywhere, 0, length)) return false;
    const octets = (length + 7) >> 3;
    let address = octets > 0 ? bytes[at]! << 24 : 0;
    if (octets > 1) address |= bytes[at + 1]! << 16;
    if (octets > 2) address |= bytes[at + 2]! << 8;
    if (octets > 3) address |= bytes[at + 3]!;
    address = (address & maskWord(length, 0)) >>> 0;
    const place = address >>> this.#shift;
    const starts = this.#starts;
    let low = this.#index[place]!;
    let high = place + 1 < this.#index.length ? this.#index[place + 1]! + 1 : starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! <= address) low = middle;
      else high = middle;
    }
    return length === 32 ? this.#hosts[low] === 1 : ((this.#lengths[low]! >>> length) & 1) === 1;
  }
}

/** Routes that match below a base: bit n is length n, 2 words for IPv4 and 5 for IPv6. */
interface Base {
  readonly start: Uint32Array;
  readonly end: Uint32Array;
  readonly lengths: Uint32Array;
}

class FamilySet {
  readonly #bits: number;
  readonly #words: number;
  readonly #lengthWords: number;
  /** Ranges; range i ends where i + 1 starts, and the first starts at zero. */
  readonly #count: number;
  /** First addresses, 1 or 4 words each, ascending. */
  readonly #starts: Uint32Array;
  readonly #lengths: Uint32Array;
  /** Lengths that match anywhere: most routes of no such length are done without a search. */
  readonly #anywhere: Uint32Array;
  readonly #address: Uint32Array;

  constructor(bits: number, entries: readonly PrefixMatch[]) {
    this.#bits = bits;
    this.#words = bits / 32;
    this.#lengthWords = (bits >> 5) + 1;
    this.#address = new Uint32Array(this.#words);
    const bases = entries.map((entry) => baseOf(entry, bits)).sort(outerFirst);
    const ranges = rangesOf(bases, new Uint32Array(this.#words), new Uint32Array(this.#lengthWords));
    this.#count = ranges.length;
    this.#starts = Uint32Array.from(ranges.flatMap(({ start }) => [...start]));
    this.#lengths = Uint32Array.from(ranges.flatMap(({ lengths }) => [...lengths]));
    this.#anywhere = bases.reduce<Uint32Array>(
      (all, { lengths }) => union(all, lengths),
      new Uint32Array(this.#lengthWords),
    );
  }

  has(bytes: Uint8Array, at: number, length: number): boolean {
    if (length > this.#bits || !bit(this.#anywhere, 0, length)) return false;
    readWords(this.#address, bytes, at, length);
    let low = 0;
    let high = this.#count;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#startsAtMost(middle)) low = middle;
      else high = middle;
    }
    return bit(this.#lengths, low * this.#lengthWords, length);
  }

  #startsAtMost(range: number): boolean {
    const at = range * this.#words;
    for (let word = 0; word < this.#words; word++) {
      const start = this.#starts[at + word]!;
      const address = this.#address[word]!;
      if (start !== address) return start < address;
    }
    return true;
  }
}

function bit(words: Uint32Array, at: number, n: number): boolean {
  return ((words[at + (n >> 5)]! >>> (n & 31)) & 1) === 1;
}

function readWords(words: Uint32Array, bytes: Uint8Array, at: number, length: number): void {
  for (let word = 0; word < words.length; word++) {
    const octets = Math.min(4, ((length + 7) >> 3) - 4 * word);
    let value = 0;
    for (let i = 0; i < octets; i++) value |= bytes[at + 4 * word + i]! << (24 - 8 * i);
    words[word] = value & maskWord(length, word);
  }
}

/** Shifting by 32 is shifting by 0 in this language, hence the cases. */
function maskWord(length: number, word: number): number {
  const bits = length - 32 * word;
  return bits <= 0 ? 0 : bits >= 32 ? -1 : -1 << (32 - bits);
}

function baseOf({ prefix, ge, le }: PrefixMatch, bits: number): Base {
  const start = new Uint32Array(bits / 32);
  readWords(start, prefix.bytes, 0, prefix.length);
  const end = start.map((word, i) => word | ~maskWord(prefix.length, i));
  const lengths = new Uint32Array((bits >> 5) + 1);
  for (let n = Math.max(ge, prefix.length); n <= Math.min(le, bits); n++)
    lengths[n >> 5] = lengths[n >> 5]! | (1 << (n & 31));
  return { start, end, lengths };
}

/** By first address, the wider one first. */
function outerFirst(a: Base, b: Base): number {
  return compareWords(a.start, b.start) || compareWords(b.end, a.end);
}

/** Prefixes nest or are apart, so a stack of those that are open gives the entries around each range. */
function rangesOf(
  bases: readonly Base[],
  zero: Uint32Array,
  none: Uint32Array,
): { start: Uint32Array; lengths: Uint32Array }[] {
  const ranges = [{ start: zero, lengths: none }];
  const open: Base[] = [];
  const around = () => open.at(-1)?.lengths ?? none;
  const emit = (start: Uint32Array) => {
    if (compareWords(ranges.at(-1)!.start, start) === 0) ranges.pop();
    ranges.push({ start, lengths: around() });
  };
  const closeUntil = (start: Uint32Array | undefined) => {
    while (open.length > 0 && (start === undefined || compareWords(open.at(-1)!.end, start) < 0)) {
      const after = successor(open.pop()!.end);
      if (after) emit(after);
    }
  };
  for (const base of bases) {
    closeUntil(base.start);
    open.push({ ...base, lengths: union(around(), base.lengths) });
    emit(base.start);
  }
  closeUntil(undefined);
  return ranges;
}

function union(a: Uint32Array, b: Uint32Array): Uint32Array {
  return a.map((word, i) => word | b[i]!);
}

function compareWords(a: Uint32Array, b: Uint32Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! < b[i]! ? -1 : 1;
  return 0;
}

/** Undefined after the last address. */
function successor(words: Uint32Array): Uint32Array | undefined {
  const next = words.slice();
  for (let i = next.length - 1; i >= 0; i--) {
    next[i] = next[i]! + 1;
    if (next[i] !== 0) return next;
  }
  return undefined;
}
