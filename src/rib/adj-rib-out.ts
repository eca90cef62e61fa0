/**
 * The Adj-RIB-Out of one update group: what was last announced per row, and one doubly linked list of these rows in the
 * order in which they changed. A row stands in the list once, so whoever walks it sees the newest state only.
 *
 * Slot s holds row s - 1; slot 0 is the list's own end, so that the list is a ring and needs no special cases.
 *
 *      cell  0     1                      2      3
 *            set   source << 8 | flags    prev   next
 *
 * 16 octets a row; a source is below 2^24. A small array doubles when a row beyond its end appears. A large one is
 * moved once, to address space for all rows there can be: pages that are never touched cost nothing, and no copy holds
 * the loop or stands beside its original in memory.
 */
import { reserveWords } from "../ip/reserve.ts";
import type { NextHopId, PeerId, SetHandle } from "./types.ts";

/** In the list and announced. */
export const LIVE = 1;
/** In the list, withdrawn: some member may not know yet. The set cell keeps the key of the next hop last announced. */
export const TOMBSTONE = 2;
/** A member that may not receive the present path may hold an earlier one, from another source or next hop. */
export const MIXED = 4;
/** A position or a mark may stand here; cleared when that turns out to be stale. */
export const ANCHOR = 8;
/** Announced as far as policy goes, but the attributes do not fit a message. */
export const TOO_LONG = 16;
/** All members have been sent the present state. */
export const SETTLED = 32;
/** All members held what the group remembers of this row, and none has been sent anything since. */
export const UNSENT = 64;
export const SOURCE_SHIFT = 8;
const FLAGS = 0xff;
const CELLS_SHIFT = 2;
/** Slots up to which the array doubles: 1 MiB. */
const SMALL = 65_536;

export class AdjRibOut {
  cells: Int32Array;
  /** Slots 1..highWater-1 have been used. */
  highWater = 1;
  live = 0;
  tombstones = 0;
  /** Announced rows by their source. */
  private bySource = new Int32Array(64);
  private capacity: number;
  private readonly maxRows: number;

  /** `maxRows`: rows that there can be; 0 when that is not known, then the array keeps doubling. */
  constructor(expectedRows: number, maxRows: number) {
    this.maxRows = maxRows;
    this.capacity = Math.max(1024, expectedRows + 1);
    this.cells = new Int32Array(this.capacity << CELLS_SHIFT);
  }

  /** Makes room for the slot. */
  reserve(slot: number): void {
    if (slot >= this.capacity) {
      const grown = this.grow(slot);
      grown.set(this.cells);
      this.cells = grown;
      this.capacity = grown.length >>> CELLS_SHIFT;
    }
    if (slot >= this.highWater) this.highWater = slot + 1;
  }

  /** A larger array, with room for the slot. */
  private grow(slot: number): Int32Array {
    let capacity = this.capacity;
    while (capacity <= slot) capacity *= 2;
    if (capacity <= SMALL || slot > this.maxRows) return new Int32Array(capacity << CELLS_SHIFT);
    return reserveWords((this.maxRows + 1) << CELLS_SHIFT, capacity << CELLS_SHIFT);
  }

  flags(slot: number): number {
    return slot < this.highWater ? this.cells[(slot << CELLS_SHIFT) + 1]! & FLAGS : 0;
  }

  source(slot: number): PeerId {
    return this.cells[(slot << CELLS_SHIFT) + 1]! >>> SOURCE_SHIFT;
  }

  set(slot: number): SetHandle {
    return this.cells[slot << CELLS_SHIFT]!;
  }

  /** Of a tombstone: key of the next hop that was last announced. */
  lastNextHop(slot: number): NextHopId {
    return this.cells[slot << CELLS_SHIFT]!;
  }

  prev(slot: number): number {
    return this.cells[(slot << CELLS_SHIFT) + 2]!;
  }

  next(slot: number): number {
    return this.cells[(slot << CELLS_SHIFT) + 3]!;
  }

  get tail(): number {
    return this.cells[2]!;
  }

  raise(slot: number, flag: number): void {
    this.cells[(slot << CELLS_SHIFT) + 1]! |= flag;
  }

  lower(slot: number, flag: number): void {
    this.cells[(slot << CELLS_SHIFT) + 1]! &= ~flag;
  }

  /** Writes what is announced, keeping the place in the list. */
  write(slot: number, set: SetHandle, source: PeerId, flags: number): void {
    const at = slot << CELLS_SHIFT;
    const old = this.cells[at + 1]!;
    if ((old & LIVE) !== 0) this.bySource[old >>> SOURCE_SHIFT]!--;
    if ((flags & LIVE) !== 0) this.count(source);
    this.cells[at] = set;
    this.cells[at + 1] = (source << SOURCE_SHIFT) | flags;
  }

  private count(source: PeerId): void {
    if (source >= this.bySource.length) {
      const grown = new Int32Array(2 * source);
      grown.set(this.bySource);
      this.bySource = grown;
    }
    this.bySource[source]!++;
  }

  /** Rows announced whose path is of this source. */
  announcedFrom(source: PeerId): number {
    return this.bySource[source] ?? 0;
  }

  /** Puts a slot that is not in the list at its end. */
  append(slot: number): void {
    const cells = this.cells;
    const tail = cells[2]!;
    const at = slot << CELLS_SHIFT;
    cells[at + 2] = tail;
    cells[at + 3] = 0;
    cells[(tail << CELLS_SHIFT) + 3] = slot;
    cells[2] = slot;
  }

  /** Puts a slot that is not in the list at its head. */
  prepend(slot: number): void {
    const cells = this.cells;
    const head = cells[3]!;
    const at = slot << CELLS_SHIFT;
    cells[at + 2] = 0;
    cells[at + 3] = head;
    cells[(head << CELLS_SHIFT) + 2] = slot;
    cells[3] = slot;
  }

  unlink(slot: number): void {
    const cells = this.cells;
    const at = slot << CELLS_SHIFT;
    const prev = cells[at + 2]!;
    const next = cells[at + 3]!;
    cells[(prev << CELLS_SHIFT) + 3] = next;
    cells[(next << CELLS_SHIFT) + 2] = prev;
  }

  moveToTail(slot: number): void {
    if (this.cells[2] === slot) return;
    this.unlink(slot);
    this.append(slot);
  }

  /** Forgets a slot that has left the list. */
  clear(slot: number): void {
    const at = slot << CELLS_SHIFT;
    this.cells.fill(0, at, at + 4);
  }
}
