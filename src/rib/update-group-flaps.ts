/**
 * What all members of a group held of a row when it began to change, so that a path that goes and comes back between two
 * flushes is no news. A direct-mapped table: a row that loses its place here is merely announced again.
 */
import type { PeerId, SetHandle } from "./types.ts";
import type { GroupEncoder } from "./update-group-types.ts";

/** Rows remembered at once; a power of two. 16 octets each. */
const RECORDS = 1024;
const CELLS = 3;

export class Flaps {
  private readonly encoder: GroupEncoder;
  /** slot, set, source; slot 0 is none. */
  private readonly records = new Int32Array(RECORDS * CELLS);
  private readonly used = new Int32Array(RECORDS);
  private usedCount = 0;

  constructor(encoder: GroupEncoder) {
    this.encoder = encoder;
  }

  /** Remembers what the row was; takes over the caller's hold on the set. */
  record(slot: number, set: SetHandle, source: PeerId): void {
    const { records } = this;
    const index = slot & (RECORDS - 1);
    const at = index * CELLS;
    if (records[at] === 0) this.used[this.usedCount++] = index;
    else this.encoder.release(records[at + 1]!);
    records[at] = slot;
    records[at + 1] = set;
    records[at + 2] = source;
  }

  /** The set the row had, 0 when that is not known. */
  set(slot: number): SetHandle {
    const at = (slot & (RECORDS - 1)) * CELLS;
    return this.records[at] === slot ? this.records[at + 1]! : 0;
  }

  source(slot: number): PeerId {
    return this.records[(slot & (RECORDS - 1)) * CELLS + 2]!;
  }

  forget(): void {
    for (let i = 0; i < this.usedCount; i++) {
      const at = this.used[i]! * CELLS;
      this.encoder.release(this.records[at + 1]!);
      this.records[at] = 0;
    }
    this.usedCount = 0;
  }
}
