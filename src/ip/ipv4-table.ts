import { HashIndex } from "./hash-index.ts";
import type { PrefixRow, PrefixRows } from "./prefix-table.ts";
import { reserveWords } from "./reserve.ts";

const ADDRESS = 0;
/** Length, plus LIVE in a row that is in use. In a free row ADDRESS holds the next free row. */
const LENGTH = 1;
const LIVE = 0x100;
const LENGTHS = 33;

/**
 * IPv4 prefixes. A prefix shorter than /32 is one word: its address with a 1 behind its last bit. A /32 needs all bits
 * for itself (and `1 << 32` is `1 << 0`), so its id stands negated in the index. The hash is a bijection of that word:
 * equal hashes are equal prefixes, and a row is read only after it was found.
 */
export class Ipv4Table implements PrefixRows {
  readonly family = "ipv4";
  readonly rows: Int32Array;
  readonly stride: number;
  readonly extraAt = 2;
  readonly bound: number;
  size = 0;
  highWater = 0;
  private readonly index: HashIndex;
  private readonly perLength = new Int32Array(LENGTHS);
  private free = -1;

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
    const address = readMasked(bytes, at, length);
    const hash = hashOf(address, length);
    const found = this.search(hash, length);
    if (found >= 0) return found;
    const row = this.free >= 0 ? this.free : this.highWater;
    if (row >= this.bound || length > 32) return -1;
    const at0 = row * this.stride;
    if (this.free >= 0) this.free = this.rows[at0 + ADDRESS]!;
    else this.highWater++;
    this.rows[at0 + ADDRESS] = address;
    this.rows[at0 + LENGTH] = length | LIVE;
    this.index.insert(hash, idOf(row, length));
    this.perLength[length]!++;
    this.size++;
    return row;
  }

  find(bytes: Uint8Array, at: number, length: number): PrefixRow {
    return this.search(hashOf(readMasked(bytes, at, length), length), length);
  }

  remove(row: PrefixRow): void {
    const at = row * this.stride;
    if ((this.rows[at + LENGTH]! & LIVE) === 0) throw new Error(`Cannot remove prefix row ${row}: it is free`);
    const length = this.rows[at + LENGTH]! & 0xff;
    this.index.remove(hashOf(this.rows[at + ADDRESS]!, length), idOf(row, length));
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
    const address = this.rows[row * this.stride + ADDRESS]!;
    const length = this.rows[row * this.stride + LENGTH]! & 0xff;
    out[at] = length;
    let end = at + 1;
    for (let bit = 0; bit < length; bit += 8) out[end++] = address >>> (24 - bit);
    return end;
  }

  writeAddress(row: PrefixRow, out: Uint8Array, at: number): void {
    const address = this.rows[row * this.stride + ADDRESS]!;
    out[at] = address >>> 24;
    out[at + 1] = address >>> 16;
    out[at + 2] = address >>> 8;
    out[at + 3] = address;
  }

  longestMatch(bytes: Uint8Array, at: number, accept?: (row: PrefixRow) => boolean, maxLength = 32): PrefixRow {
    const address = readMasked(bytes, at, 32);
    for (let length = Math.min(maxLength, 32); length >= 0; length--) {
      if (this.perLength[length] === 0) continue;
      const row = this.search(hashOf(length === 0 ? 0 : address & (-1 << (32 - length)), length), length);
      if (row >= 0 && (accept === undefined || accept(row))) return row;
    }
    return -1;
  }

  private search(hash: number, length: number): PrefixRow {
    const slots = this.index.segment(hash);
    const mask = slots.length - 2;
    const host = length === 32;
    for (let s = (hash << 1) & mask; ; s = (s + 2) & mask) {
      const id = slots[s + 1]!;
      if (id === 0) return -1;
      if (slots[s] === hash && id < 0 === host) return (host ? -id : id) - 1;
    }
  }
}

function idOf(row: PrefixRow, length: number): number {
  return length === 32 ? -(row + 1) : row + 1;
}

/**
 * `address` is masked to `length`. The hash keeps the low bits of a /24's third octet as its own low bits, so eight /24
 * in a row stand in one cache line of the index: prefixes that one network announces come together. All other bits are
 * mixed among themselves, which leaves it a bijection.
 */
function hashOf(address: number, length: number): number {
  const key = length < 32 ? address | (1 << (31 - length)) : address;
  let high = ((key >>> 11) << 8) | (key & 0xff);
  high ^= high >>> 15;
  high = Math.imul(high, 0x0d352d2b) & HIGH_BITS;
  high ^= high >>> 14;
  high = Math.imul(high, 0x068ca68b) & HIGH_BITS;
  high ^= high >>> 15;
  return (high << 3) | ((key >>> 8) & 7);
}

/** The 29 bits of a key that are mixed. */
const HIGH_BITS = 0x1fff_ffff;

function readMasked(bytes: Uint8Array, at: number, length: number): number {
  let address = 0;
  if (length > 0) address = bytes[at]! << 24;
  if (length > 8) address |= bytes[at + 1]! << 16;
  if (length > 16) address |= bytes[at + 2]! << 8;
  if (length > 24) address |= bytes[at + 3]!;
  return length === 0 ? 0 : address & (-1 << (32 - length));
}
