import { HashIndex } from "./hash-index.ts";
import type { PrefixRow, PrefixRows } from "./prefix-table.ts";
import { reserveWords } from "./reserve.ts";

/** Four words of address; in a free row the first holds the next free row. */
const ADDRESS = 0;
/** Length, plus LIVE in a row that is in use. */
const LENGTH = 4;
const LIVE = 0x100;
const LENGTHS = 129;

/** IPv6 prefixes, found by a hash of the four masked words and the length, then compared with the row. */
export class Ipv6Table implements PrefixRows {
  readonly family = "ipv6";
  readonly rows: Int32Array;
  readonly stride: number;
  readonly extraAt = 5;
  readonly bound: number;
  size = 0;
  highWater = 0;
  private readonly index: HashIndex;
  private readonly perLength = new Int32Array(LENGTHS);
  private free = -1;
  /** The masked key last read: four fields rather than an array that would have to be made. */
  private w0 = 0;
  private w1 = 0;
  private w2 = 0;
  private w3 = 0;

  constructor(bound: number, extraWords: number) {
    this.stride = this.extraAt + extraWords;
    this.rows = reserveWords(bound * this.stride);
    this.bound = Math.min(bound, Math.floor(this.rows.length / this.stride));
    this.index = new HashIndex(this.bound);
  }

  isLive(row: PrefixRow): boolean {
    return (this.rows[row * this.stride + LENGTH]! & LIVE) !== 0;
  }

  add(bytes: Uint8Array, at: number, length: number): PrefixRow {
    this.read(bytes, at, length);
    const hash = this.hash(length);
    const found = this.search(hash, length);
    if (found >= 0) return found;
    const row = this.free >= 0 ? this.free : this.highWater;
    if (row >= this.bound || length > 128) return -1;
    const at0 = row * this.stride;
    if (this.free >= 0) this.free = this.rows[at0 + ADDRESS]!;
    else this.highWater++;
    this.rows[at0 + ADDRESS] = this.w0;
    this.rows[at0 + ADDRESS + 1] = this.w1;
    this.rows[at0 + ADDRESS + 2] = this.w2;
    this.rows[at0 + ADDRESS + 3] = this.w3;
    this.rows[at0 + LENGTH] = length | LIVE;
    this.index.insert(hash, row + 1);
    this.perLength[length]!++;
    this.size++;
    return row;
  }

  find(bytes: Uint8Array, at: number, length: number): PrefixRow {
    this.read(bytes, at, length);
    return this.search(this.hash(length), length);
  }

  remove(row: PrefixRow): void {
    const at = row * this.stride;
    if ((this.rows[at + LENGTH]! & LIVE) === 0) throw new Error(`Cannot remove prefix row ${row}: it is free`);
    const length = this.rows[at + LENGTH]! & 0xff;
    this.w0 = this.rows[at + ADDRESS]!;
    this.w1 = this.rows[at + ADDRESS + 1]!;
    this.w2 = this.rows[at + ADDRESS + 2]!;
    this.w3 = this.rows[at + ADDRESS + 3]!;
    this.index.remove(this.hash(length), row + 1);
    this.rows.fill(0, at, at + this.stride);
    this.rows[at + ADDRESS] = this.free;
    this.free = row;
    this.perLength[length]!--;
    this.size--;
  }

  length(row: PrefixRow): number {
    return this.rows[row * this.stride + LENGTH]! & 0xff;
  }

  writeNlri(row: PrefixRow, out: Uint8Array, at: number): number {
    const base = row * this.stride;
    const length = this.rows[base + LENGTH]! & 0xff;
    out[at] = length;
    let end = at + 1;
    for (let bit = 0; bit < length; bit += 8)
      out[end++] = this.rows[base + ADDRESS + (bit >> 5)]! >>> (24 - (bit & 31));
    return end;
  }

  writeAddress(row: PrefixRow, out: Uint8Array, at: number): void {
    const base = row * this.stride + ADDRESS;
    for (let i = 0; i < 16; i++) out[at + i] = this.rows[base + (i >> 2)]! >>> (24 - 8 * (i & 3));
  }

  longestMatch(bytes: Uint8Array, at: number, accept?: (row: PrefixRow) => boolean, maxLength = 128): PrefixRow {
    for (let length = Math.min(maxLength, 128); length >= 0; length--) {
      if (this.perLength[length] === 0) continue;
      this.read(bytes, at, length);
      const row = this.search(this.hash(length), length);
      if (row >= 0 && (accept === undefined || accept(row))) return row;
    }
    return -1;
  }

  private read(bytes: Uint8Array, at: number, length: number): void {
    this.w0 = readWord(bytes, at, length);
    this.w1 = length > 32 ? readWord(bytes, at + 4, length - 32) : 0;
    this.w2 = length > 64 ? readWord(bytes, at + 8, length - 64) : 0;
    this.w3 = length > 96 ? readWord(bytes, at + 12, length - 96) : 0;
  }

  private hash(length: number): number {
    let h = Math.imul(this.w0 ^ length, 0x7feb352d);
    h = Math.imul(h ^ (h >>> 15) ^ this.w1, 0x2c1b3c6d);
    h = Math.imul(h ^ (h >>> 13) ^ this.w2, 0x297a2d39);
    h = Math.imul(h ^ (h >>> 16) ^ this.w3, 0x846ca68b);
    return h ^ (h >>> 15);
  }

  private search(hash: number, length: number): PrefixRow {
    const slots = this.index.segment(hash);
    const mask = slots.length - 2;
    const { rows, stride } = this;
    for (let s = (hash << 1) & mask; ; s = (s + 2) & mask) {
      const id = slots[s + 1]!;
      if (id === 0) return -1;
      if (slots[s] !== hash) continue;
      const at = (id - 1) * stride;
      if (
        rows[at + LENGTH] === (length | LIVE) &&
        rows[at + ADDRESS] === this.w0 &&
        rows[at + ADDRESS + 1] === this.w1 &&
        rows[at + ADDRESS + 2] === this.w2 &&
        rows[at + ADDRESS + 3] === this.w3
      )
        return id - 1;
    }
  }
}

/** Up to 32 bits of the octets at `at`; only as many octets are read as the bits need. */
function readWord(bytes: Uint8Array, at: number, bits: number): number {
  if (bits <= 0) return 0;
  let word = bytes[at]! << 24;
  if (bits > 8) word |= bytes[at + 1]! << 16;
  if (bits > 16) word |= bytes[at + 2]! << 8;
  if (bits > 24) word |= bytes[at + 3]!;
  return bits >= 32 ? word : word & (-1 << (32 - bits));
}
