import type { PrefixRow, PrefixRows } from "../ip/prefix-table.ts";

/**
 * Prefixes in the order in which they changed, each standing once: a list linked through a word of the prefix rows
 * themselves, so it needs no memory and cannot overflow. The word is 0 outside the list, 1 at its end, else the next
 * row + 2.
 */
export class ChangedQueue {
  private readonly rows: Int32Array;
  private readonly stride: number;
  private readonly at: number;
  private head = -1;
  private tail = -1;
  size = 0;
  /** Called when the first row enters an empty queue. */
  onFirst: () => void = () => {};

  constructor(prefixes: PrefixRows, word: number) {
    this.rows = prefixes.rows;
    this.stride = prefixes.stride;
    this.at = prefixes.extraAt + word;
  }

  has(row: PrefixRow): boolean {
    return this.rows[row * this.stride + this.at] !== 0;
  }

  push(row: PrefixRow): void {
    const at = row * this.stride + this.at;
    if (this.rows[at] !== 0) return;
    this.rows[at] = 1;
    if (this.tail < 0) this.head = row;
    else this.rows[this.tail * this.stride + this.at] = row + 2;
    this.tail = row;
    if (this.size++ === 0) this.onFirst();
  }

  /** The row that changed first; -1 when there is none. */
  shift(): PrefixRow {
    const row = this.head;
    if (row < 0) return -1;
    const at = row * this.stride + this.at;
    this.head = this.rows[at]! - 2;
    if (this.head < 0) this.tail = -1;
    this.rows[at] = 0;
    this.size--;
    return row;
  }
}
