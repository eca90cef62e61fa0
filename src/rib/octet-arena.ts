import { reserveWords } from "../ip/reserve.ts";

/** Blocks of up to this size have a class for every 8 octets; larger ones four classes to a doubling. */
const EXACT = 512;
const EXACT_CLASSES = EXACT / 8 + 1;
const CLASSES = EXACT_CLASSES + 4 * 23;
/** Below this an arena is not worth compacting. */
const WORTH_COMPACTING = 1 << 20;
/** Up to this much is copied at once to a fresh arena, so that the pages of the old one go back to the system. */
const RENEW_OCTETS = 1 << 20;

/**
 * Octets of varying length, kept in blocks of size classes within one array:
 *
 *     | header: owner, or -size when free | octets, padded with zeros to whole words … |
 *
 * Free blocks of a class form a list through their second word. Compaction slides live blocks together, in slices;
 * `moved` tells the owner where its octets now are.
 */
export class OctetArena {
  octets: Uint8Array;
  words: Int32Array;
  /** In blocks that are in use. */
  live = 0;
  private top = 0;
  private highest = 0;
  private readonly firstFree = new Int32Array(CLASSES).fill(-1);
  private readonly bound: number;
  private readonly moved: (owner: number, at: number) => void;
  private readonly lengthOf: (owner: number) => number;
  /** Blocks before `slideTo` and from `slideFrom` on are in place; -1 when no compaction is under way. */
  private slideFrom = -1;
  private slideTo = 0;

  constructor(bound: number, lengthOf: (owner: number) => number, moved: (owner: number, at: number) => void) {
    this.words = reserveWords(bound >>> 2);
    this.octets = new Uint8Array(this.words.buffer);
    this.bound = this.octets.length;
    this.lengthOf = lengthOf;
    this.moved = moved;
  }

  /** Copies octets in; returns where they stand, or -1 at the bound. */
  store(owner: number, bytes: Uint8Array, from: number, length: number): number {
    const kind = classOf(length + 4);
    const size = sizeOf(kind);
    let block = this.firstFree[kind]!;
    if (block >= 0) this.firstFree[kind] = this.words[(block >> 2) + 1]!;
    else {
      if (this.top + size > this.bound) return -1;
      block = this.top;
      this.top += size;
      if (this.top > this.highest) this.highest = this.top;
    }
    this.live += size;
    this.words[block >> 2] = owner;
    const { octets } = this;
    const at = block + 4;
    this.words[(at + length - 1) >> 2] = 0;
    for (let i = 0; i < length; i++) octets[at + i] = bytes[from + i]!;
    return at;
  }

  free(at: number, length: number): void {
    const block = at - 4;
    const kind = classOf(length + 4);
    const size = sizeOf(kind);
    this.live -= size;
    this.words[block >> 2] = -size;
    // What the slide has yet to pass it skips by its header; it may not be used again before.
    if (this.slideFrom >= 0 && block >= this.slideFrom) return;
    this.words[(block >> 2) + 1] = this.firstFree[kind]!;
    this.firstFree[kind] = block;
  }

  /** Octets from the start to the last block, free ones between included. */
  get extent(): number {
    return this.top;
  }

  get wantsCompaction(): boolean {
    return this.slideFrom >= 0 || (this.top > WORTH_COMPACTING && this.live * 2 < this.top);
  }

  /** Goes on sliding over about `budget` octets; true when there is nothing left to do. Offsets change. */
  compact(budget: number): boolean {
    if (!this.wantsCompaction) return true;
    if (this.slideFrom < 0) {
      this.slideFrom = 0;
      this.slideTo = 0;
      this.firstFree.fill(-1);
    }
    const stop = Math.min(this.top, this.slideFrom + budget);
    while (this.slideFrom < stop) {
      const owner = this.words[this.slideFrom >> 2]!;
      if (owner < 0) this.slideFrom -= owner;
      else this.slide(owner);
    }
    if (this.slideFrom < this.top) return false;
    this.top = this.slideTo;
    this.slideFrom = -1;
    if (this.top <= RENEW_OCTETS && this.highest > 8 * RENEW_OCTETS) this.renew();
    return true;
  }

  private slide(owner: number): void {
    const size = sizeOf(classOf(this.lengthOf(owner) + 4));
    if (this.slideTo !== this.slideFrom) {
      this.octets.copyWithin(this.slideTo, this.slideFrom, this.slideFrom + size);
      this.moved(owner, this.slideTo + 4);
    }
    this.slideFrom += size;
    this.slideTo += size;
  }

  private renew(): void {
    const words = reserveWords(this.bound >>> 2);
    if (words.length < this.words.length) return;
    words.set(this.words.subarray(0, this.top >> 2));
    this.words = words;
    this.octets = new Uint8Array(words.buffer);
    this.highest = this.top;
  }
}

/** Class of the smallest block with room for `octets`. */
function classOf(octets: number): number {
  if (octets <= EXACT) return (octets + 7) >> 3;
  const doubling = 31 - Math.clz32(octets - 1);
  const quarter = (octets - 1 - (1 << doubling)) >> (doubling - 2);
  return EXACT_CLASSES + 4 * (doubling - 9) + quarter;
}

function sizeOf(kind: number): number {
  if (kind < EXACT_CLASSES) return kind << 3;
  const doubling = 9 + ((kind - EXACT_CLASSES) >> 2);
  const quarter = (kind - EXACT_CLASSES) & 3;
  return (1 << doubling) + ((quarter + 1) << (doubling - 2));
}
