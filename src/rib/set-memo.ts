import { reserveWords } from "../ip/reserve.ts";

const STRIDE = 4;
const NEXT = 0;
const KEY = 1;
const VALUE = 2;
/** Of the set that is the value, so that a set that took its place is not mistaken for it. */
const SERIAL = 3;

/**
 * Results remembered per attribute set: short chains that hang off the sets' rows and die with them. A chain is named
 * by its first entry, 0 when empty. Nothing is retained by an entry: a value may have died, which its serial tells.
 */
export class SetMemo {
  private readonly rows: Int32Array;
  private readonly bound: number;
  private free = 0;
  private next = 1;
  private readonly keys = new Set<number>();
  private lastKey = 0;
  /** The serial that stands beside the value last found. */
  serial = 0;
  size = 0;

  constructor(bound: number) {
    this.rows = reserveWords((bound + 1) * STRIDE);
    this.bound = Math.floor(this.rows.length / STRIDE);
  }

  newKey(): number {
    this.keys.add(++this.lastKey);
    return this.lastKey;
  }

  /** Entries of the key mean nothing any more; each goes when its chain is next added to. */
  retireKey(key: number): void {
    this.keys.delete(key);
  }

  /** The value under the key, 0 when there is none. */
  find(chain: number, key: number): number {
    const { rows } = this;
    for (let entry = chain; entry !== 0; entry = rows[entry * STRIDE + NEXT]!) {
      if (rows[entry * STRIDE + KEY] !== key) continue;
      this.serial = rows[entry * STRIDE + SERIAL]!;
      return rows[entry * STRIDE + VALUE]!;
    }
    return 0;
  }

  /** Enters or replaces a value; returns the chain's new name. Where there is no room nothing is remembered. */
  put(chain: number, key: number, value: number, serial: number): number {
    const { rows } = this;
    let kept = 0;
    for (let entry = chain; entry !== 0; ) {
      const at = entry * STRIDE;
      const following = rows[at + NEXT]!;
      if (rows[at + KEY] === key || !this.keys.has(rows[at + KEY]!)) this.release(entry);
      else {
        rows[at + NEXT] = kept;
        kept = entry;
      }
      entry = following;
    }
    const entry = this.free !== 0 ? this.free : this.next < this.bound ? this.next++ : 0;
    if (entry === 0) return kept;
    const at = entry * STRIDE;
    if (entry === this.free) this.free = rows[at + NEXT]!;
    rows[at + NEXT] = kept;
    rows[at + KEY] = key;
    rows[at + VALUE] = value;
    rows[at + SERIAL] = serial;
    this.size++;
    return entry;
  }

  drop(chain: number): void {
    for (let entry = chain; entry !== 0; ) {
      const following = this.rows[entry * STRIDE + NEXT]!;
      this.release(entry);
      entry = following;
    }
  }

  private release(entry: number): void {
    this.rows[entry * STRIDE + NEXT] = this.free;
    this.free = entry;
    this.size--;
  }
}
