/**
 * A Map whose iteration is in order of its keys whenever somebody looks. Setting what is there and deleting keep the order;
 * after keys were added out of turn the map is put in order once, at the next look, however many they were.
 */
export interface OrderedMap<T> {
  get(key: string): T | undefined;
  set(key: string, value: T): void;
  delete(key: string): boolean;
  /** In order until the next `set`. The same map each time. */
  inOrder(): ReadonlyMap<string, T>;
}

export function createOrderedMap<T>(): OrderedMap<T> {
  const map = new Map<string, T>();
  let isOrdered = true;
  /** Not less than any key. */
  let last = "";

  function order(): void {
    const entries = [...map].sort(([a], [b]) => (a < b ? -1 : 1));
    map.clear();
    for (const [key, value] of entries) map.set(key, value);
    last = entries.at(-1)?.[0] ?? "";
    isOrdered = true;
  }

  return {
    get: (key) => map.get(key),
    set(key, value) {
      if (!map.has(key)) {
        if (key < last) isOrdered = false;
        else last = key;
      }
      map.set(key, value);
    },
    delete: (key) => map.delete(key),
    inOrder() {
      if (!isOrdered) order();
      return map;
    },
  };
}
