/** Octets compared and hashed four at a time. */
import { mix } from "../ip/hash-index.ts";

/** Goes on from the hash of what else identifies the octets. */
export function hashOctets(seed: number, bytes: Uint8Array, from: number, octets: number): number {
  let hash = seed;
  const end = from + octets;
  let at = from;
  for (; at + 4 <= end; at += 4) hash = turn(hash, wordAt(bytes, at));
  if (at < end) hash = turn(hash, partialWord(bytes, at, end));
  return mix(hash ^ octets);
}

function turn(hash: number, word: number): number {
  const h = Math.imul(hash ^ word, 0x2c1b3c6d);
  return (h << 13) | (h >>> 19);
}

/** Stored octets against those of a message. `at` is a whole word, and what is stored is padded with zeros. */
export function sameOctets(words: Int32Array, at: number, bytes: Uint8Array, from: number, octets: number): boolean {
  let w = at >> 2;
  let i = from;
  const end = from + octets;
  for (; i + 4 <= end; i += 4) if (words[w++] !== wordAt(bytes, i)) return false;
  return i === end || words[w] === partialWord(bytes, i, end);
}

/** As the machine's Int32Array reads it: little-endian, as all machines that Node runs on in practice. */
function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function partialWord(bytes: Uint8Array, at: number, end: number): number {
  let word = 0;
  for (let i = at; i < end; i++) word |= bytes[i]! << (8 * (i - at));
  return word;
}
