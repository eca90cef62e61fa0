import { reserveWords } from "./reserve.ts";

/** Segments are chosen by the top bits of the hash and grow one at a time, so that no growth holds the loop for long. */
const SEGMENT_BITS = 6;
const SEGMENTS = 1 << SEGMENT_BITS;
const FIRST_SLOTS = 8;

/**
 * Open addressing from a 32-bit hash to a row number: [hash, id] side by side, load at most one half, linear probing,
 * deletion by shifting back. Ids are not 0, which marks an empty slot. Whoever searches probes by itself, so that the
 * comparison of keys stays in the loop:
 *
 *     const slots = index.segment(hash), mask = slots.length - 2;
 *     for (let s = (hash << 1) & mask; slots[s + 1] !== 0; s = (s + 2) & mask) if (slots[s] === hash && …) …
 *
 * At 2 million entries the largest copy is that of 32,768 slots. With a bound known, segments stand in address space
 * reserved for their largest extent and grow in place: arrays that were outgrown would wait for a full garbage
 * collection, and together they are as large as the index.
 */
export class HashIndex {
  private readonly segments: Int32Array[] = [];
  private readonly used = new Int32Array(SEGMENTS);
  private readonly reserved: Int32Array;
  /** Words of `reserved` for each segment. */
  private readonly room: number;
  /** Entries of the segment that grows. */
  private outgrown: Int32Array;

  /** `bound`: most entries there can be; 0 when that is not known. */
  constructor(bound = 0) {
    const first = 2 * FIRST_SLOTS;
    let room = first;
    while (room < (4 * bound) / SEGMENTS) room *= 2;
    this.reserved = reserveWords(room * SEGMENTS, first * SEGMENTS);
    while (room * SEGMENTS > this.reserved.length) room /= 2;
    this.room = room;
    this.outgrown = new Int32Array(first);
    for (let i = 0; i < SEGMENTS; i++) this.segments.push(this.reserved.subarray(i * room, i * room + first));
  }

  /** Slots among which the hash stands, two words each. */
  segment(hash: number): Int32Array {
    return this.segments[hash >>> (32 - SEGMENT_BITS)]!;
  }

  /** Enters an id that is not there yet. */
  insert(hash: number, id: number): void {
    const which = hash >>> (32 - SEGMENT_BITS);
    let slots = this.segments[which]!;
    if (this.used[which]! * 4 >= slots.length) slots = this.grow(which);
    place(slots, hash, id);
    this.used[which]!++;
  }

  /** Removes an id that is there. */
  remove(hash: number, id: number): void {
    const slots = this.segment(hash);
    const mask = slots.length - 2;
    let hole = (hash << 1) & mask;
    while (slots[hole + 1] !== id) {
      if (slots[hole + 1] === 0) throw new Error("Cannot remove from the index: no such entry");
      hole = (hole + 2) & mask;
    }
    this.used[hash >>> (32 - SEGMENT_BITS)]!--;
    // An entry may move back into the hole unless its own place lies behind the hole.
    for (let s = (hole + 2) & mask; slots[s + 1] !== 0; s = (s + 2) & mask) {
      const home = (slots[s]! << 1) & mask;
      if (((s - home) & mask) < ((s - hole) & mask)) continue;
      slots[hole] = slots[s]!;
      slots[hole + 1] = slots[s + 1]!;
      hole = s;
    }
    slots[hole + 1] = 0;
  }

  private grow(which: number): Int32Array {
    const old = this.segments[which]!;
    const words = old.length * 2;
    // Only where keys fall together, by chance or by intent, does a segment outgrow its room.
    const slots = words > this.room ? new Int32Array(words) : this.growInPlace(which, old, words);
    const from = words > this.room ? old : this.outgrown;
    for (let s = 0; s < old.length; s += 2) if (from[s + 1] !== 0) place(slots, from[s]!, from[s + 1]!);
    this.segments[which] = slots;
    return slots;
  }

  /** The segment, empty and larger; what it held stands in `outgrown`. */
  private growInPlace(which: number, old: Int32Array, words: number): Int32Array {
    if (this.outgrown.length < old.length) this.outgrown = new Int32Array(old.length);
    this.outgrown.set(old);
    old.fill(0);
    const at = which * this.room;
    return this.reserved.subarray(at, at + words);
  }
}

function place(slots: Int32Array, hash: number, id: number): void {
  const mask = slots.length - 2;
  let s = (hash << 1) & mask;
  while (slots[s + 1] !== 0) s = (s + 2) & mask;
  slots[s] = hash;
  slots[s + 1] = id;
}

/** A bijection of 32-bit words that spreads every bit (xor-shift and multiply). */
export function mix(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x7feb352d);
  h ^= h >>> 15;
  h = Math.imul(h, 0x846ca68b);
  return h ^ (h >>> 16);
}
