/** Whether resources of a kind are the same as last time, so that what is computed from all of them may stay. */
import type { Entry } from "../resources/view.ts";

export interface Watcher {
  /** True when the same entries stood there, in the same order, at the last call. */
  unchanged(entries: ReadonlyMap<string, Entry<unknown>>): boolean;
}

export function createWatcher(): Watcher {
  let known: Entry<unknown>[] | undefined;
  return {
    unchanged(entries) {
      if (!known || known.length !== entries.size) {
        known = [...entries.values()];
        return false;
      }
      let at = 0;
      for (const entry of entries.values()) {
        if (known[at] !== entry) {
          known = [...entries.values()];
          return false;
        }
        at++;
      }
      return true;
    },
  };
}
