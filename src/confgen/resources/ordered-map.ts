/**
 * A map whose iteration is in order of its keys. Keys that are added wait until somebody looks: a few are then put in their
 * places, many are sorted at once, so that neither one change nor the first load costs more than it must. It is not to be
 * changed while it is iterated.
 */
export class OrderedMap<T> implements ReadonlyMap<string, T> {
  readonly #values = new Map<string, T>();
  /** In order. */
  #keys: string[] = [];
  /** In none, and not among `#keys`. */
  #added: string[] = [];

  get size(): number {
    return this.#values.size;
  }

  get(key: string): T | undefined {
    return this.#values.get(key);
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  set(key: string, value: T): void {
    if (!this.#values.has(key)) this.#added.push(key);
    this.#values.set(key, value);
  }

  delete(key: string): boolean {
    if (!this.#values.has(key)) return false;
    const keys = this.#inOrder();
    keys.splice(placeOf(keys, key), 1);
    return this.#values.delete(key);
  }

  *entries(): MapIterator<[string, T]> {
    for (const key of this.#inOrder()) yield [key, this.#values.get(key) as T];
  }

  *keys(): MapIterator<string> {
    yield* this.#inOrder();
  }

  *values(): MapIterator<T> {
    for (const key of this.#inOrder()) yield this.#values.get(key) as T;
  }

  [Symbol.iterator](): MapIterator<[string, T]> {
    return this.entries();
  }

  forEach(callback: (value: T, key: string, map: ReadonlyMap<string, T>) => void): void {
    for (const key of this.#inOrder()) callback(this.#values.get(key) as T, key, this);
  }

  #inOrder(): string[] {
    const added = this.#added;
    if (added.length === 0) return this.#keys;
    if (added.length > MOST_PLACED) this.#keys = [...this.#keys, ...added].sort(byCodeUnits);
    else for (const key of added) this.#keys.splice(placeOf(this.#keys, key), 0, key);
    this.#added = [];
    return this.#keys;
  }
}

/** Above this, sorting is cheaper than moving what follows each key. */
const MOST_PLACED = 32;

const byCodeUnits = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Of the key itself, or where it belongs. */
function placeOf(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
