import type { Family } from "./address.ts";

/** A row number of a PrefixTable; rows are reused after `remove`. */
export type PrefixRow = number;

/**
 * Prefixes as rows of typed arrays: found by open addressing, never an object per prefix.
 * The bytes read are those of an NLRI: only ceil(length / 8) octets need to be there, bits beyond `length` are ignored.
 */
export interface PrefixTable {
  readonly family: Family;
  /** Live rows. */
  readonly size: number;
  /** Rows 0..highWater-1 have been used; a walk goes over them and asks `isLive`. */
  readonly highWater: number;
  isLive(row: PrefixRow): boolean;
  /** The row of the prefix, made when it is missing; -1 when the table is at its bound. */
  add(bytes: Uint8Array, at: number, length: number): PrefixRow;
  /** The row of the prefix, or -1. */
  find(bytes: Uint8Array, at: number, length: number): PrefixRow;
  remove(row: PrefixRow): void;
  length(row: PrefixRow): number;
  /** Writes the NLRI form: length octet and ceil(length / 8) octets; returns the offset behind it. */
  writeNlri(row: PrefixRow, out: Uint8Array, at: number): number;
  /** Writes all 4 or 16 octets of the address. */
  writeAddress(row: PrefixRow, out: Uint8Array, at: number): void;
  /** The longest prefix that contains the address (4 or 16 octets at `at`) and for which `accept` holds; -1 when none. */
  longestMatch(bytes: Uint8Array, at: number, accept?: (row: PrefixRow) => boolean, maxLength?: number): PrefixRow;
}

/**
 * A prefix table whose owner keeps words of its own beside each prefix, in the same row: word `i` of a row stands at
 * `rows[row * stride + extraAt + i]`. Those words are 0 in a new row.
 */
export interface PrefixRows extends PrefixTable {
  readonly rows: Int32Array;
  readonly stride: number;
  readonly extraAt: number;
  /** Most rows the table can hold. */
  readonly bound: number;
}
