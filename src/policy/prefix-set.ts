import type { Family } from "../ip/address.ts";
import type { PrefixMatch } from "./types.ts";

/**
 * A prefix list as an open-addressing table in one Int32Array, found by (base length, masked base). A row holds
 * which route lengths match below that base, one bit each; for every route length the base lengths worth probing
 * are known beforehand, so that a list of exact prefixes costs one probe whatever its size.
 *
 *      | base length + 1 (0: free) | base, 1 or 4 words | bits of matching lengths, 2 or 5 words |
 */
export interface PrefixSet {
  /** Only ceil(length / 8) octets need to be there; bits beyond `length` are ignored. */
  has(family: Family, bytes: Uint8Array, at: number, length: number): boolean;
}

export function createPrefixSet(entries: readonly PrefixMatch[]): PrefixSet {
  const ipv4 = new FamilySet(
    32,
    entries.filter(({ prefix }) => prefix.family === "ipv4"),
  );
  const ipv6 = new FamilySet(
    128,
    entries.filter(({ prefix }) => prefix.family === "ipv6"),
  );
  return {
    has: (family, bytes, at, length) => (family === "ipv4" ? ipv4 : ipv6).has(bytes, at, length),
  };
}

/** One for each width, so that the hot function stays monomorphic. */
class FamilySet {
  readonly #bits: number;
  readonly #words: number;
  readonly #stride: number;
  readonly #mask: number;
  readonly #rows: Int32Array;
  /** For each route length where its base lengths begin in `#bases`, and after the last one. */
  readonly #from: Uint16Array;
  readonly #bases: Uint8Array;
  /** Masks of the words of an address for each base length. */
  readonly #masks: Int32Array;
  readonly #address: Int32Array;

  constructor(bits: number, entries: readonly PrefixMatch[]) {
    this.#bits = bits;
    this.#words = bits / 32;
    this.#stride = 1 + this.#words + (bits >> 5) + 1;
    let rows = 4;
    while (rows < entries.length * 2) rows *= 2;
    this.#mask = rows - 1;
    this.#rows = new Int32Array(rows * this.#stride);
    this.#address = new Int32Array(this.#words);
    this.#masks = new Int32Array((bits + 1) * this.#words);
    for (let length = 0; length <= bits; length++)
      for (let word = 0; word < this.#words; word++) this.#masks[length * this.#words + word] = maskWord(length, word);
    const wanted = Array.from({ length: bits + 1 }, () => new Set<number>());
    for (const { prefix, ge, le } of entries) {
      readWords(this.#address, prefix.bytes, 0, prefix.length);
      const row = this.#find(prefix.length);
      this.#rows[row] = prefix.length + 1;
      for (let word = 0; word < this.#words; word++)
        this.#rows[row + 1 + word] = this.#address[word]! & maskWord(prefix.length, word);
      for (let length = Math.max(ge, prefix.length); length <= Math.min(le, bits); length++) {
        const at = row + 1 + this.#words + (length >> 5);
        this.#rows[at] = this.#rows[at]! | (1 << (length & 31));
        wanted[length]!.add(prefix.length);
      }
    }
    const sorted = wanted.map((bases) => [...bases].sort((a, b) => b - a));
    this.#bases = Uint8Array.from(sorted.flat());
    this.#from = new Uint16Array(bits + 2);
    for (const [length, bases] of sorted.entries()) this.#from[length + 1] = this.#from[length]! + bases.length;
  }

  has(bytes: Uint8Array, at: number, length: number): boolean {
    if (length > this.#bits) return false;
    const end = this.#from[length + 1]!;
    let next = this.#from[length]!;
    if (next === end) return false;
    readWords(this.#address, bytes, at, length);
    for (; next < end; next++) {
      const row = this.#find(this.#bases[next]!);
      if (this.#rows[row] === 0) continue;
      if (((this.#rows[row + 1 + this.#words + (length >> 5)]! >>> (length & 31)) & 1) === 1) return true;
    }
    return false;
  }

  /** Where the row of `#address` masked to `base` bits stands, or would. */
  #find(base: number): number {
    const words = this.#words;
    const masks = base * words;
    let hash = Math.imul(base + 1, 0x9e3779b1);
    for (let word = 0; word < words; word++)
      hash = Math.imul((hash ^ (hash >>> 15)) + (this.#address[word]! & this.#masks[masks + word]!), 0x85ebca6b);
    hash ^= hash >>> 13;
    for (let slot = hash & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const row = slot * this.#stride;
      const tag = this.#rows[row]!;
      if (tag === 0) return row;
      if (tag !== base + 1) continue;
      let word = 0;
      while (word < words && this.#rows[row + 1 + word] === (this.#address[word]! & this.#masks[masks + word]!)) word++;
      if (word === words) return row;
    }
  }
}

/** Shifting by 32 is shifting by 0 in this language, hence the cases. */
function maskWord(length: number, word: number): number {
  const bits = length - 32 * word;
  return bits <= 0 ? 0 : bits >= 32 ? -1 : -1 << (32 - bits);
}

function readWords(words: Int32Array, bytes: Uint8Array, at: number, length: number): void {
  const octets = (length + 7) >> 3;
  for (let word = 0; word < words.length; word++) {
    let value = 0;
    for (let i = 4 * word; i < 4 * word + 4; i++) value = (value << 8) | (i < octets ? bytes[at + i]! : 0);
    words[word] = value;
  }
}
