/** First in, first out, of pairs of small integers; grows by doubling. Bounded by its users: a row stands in it once. */
export class RowRing {
  private slots = new Int32Array(2 * 64);
  private head = 0;
  private count = 0;

  get size(): number {
    return this.count;
  }

  push(row: number, note: number): void {
    const capacity = this.slots.length >> 1;
    if (this.count === capacity) this.grow();
    const at = 2 * ((this.head + this.count) & ((this.slots.length >> 1) - 1));
    this.slots[at] = row;
    this.slots[at + 1] = note;
    this.count++;
  }

  /** The row in front; only when `size` is not 0. */
  row(): number {
    return this.slots[2 * this.head]!;
  }

  note(): number {
    return this.slots[2 * this.head + 1]!;
  }

  shift(): number {
    const row = this.row();
    this.head = (this.head + 1) & ((this.slots.length >> 1) - 1);
    this.count--;
    return row;
  }

  private grow(): void {
    const old = this.slots;
    const next = new Int32Array(old.length * 2);
    next.set(old.subarray(2 * this.head));
    next.set(old.subarray(0, 2 * this.head), old.length - 2 * this.head);
    this.slots = next;
    this.head = 0;
  }
}
