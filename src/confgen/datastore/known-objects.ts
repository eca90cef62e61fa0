/**
 * What a datastore has said so far, so that it says each change once: an object that did not change is not said again, and
 * after a gap what is gone is found by listing.
 */
import type { Kind } from "../resources/model.ts";
import type { DatastoreEvent, StoredObject } from "./datastore.ts";

export interface KnownObjects {
  /** `version` is any text that differs when the object does: a revision, a hash. */
  set(stored: StoredObject, version: string): void;
  delete(kind: Kind, name: string): void;
  /** Says that of the kind only these names are left. */
  keepOnly(kind: Kind, names: ReadonlySet<string>): void;
  readonly size: number;
  sizeOf(kind: Kind): number;
}

export function createKnownObjects(onEvent: (event: DatastoreEvent) => void): KnownObjects {
  const versions = new Map<Kind, Map<string, string>>();
  function of(kind: Kind): Map<string, string> {
    let known = versions.get(kind);
    if (!known) {
      known = new Map();
      versions.set(kind, known);
    }
    return known;
  }
  function forget(kind: Kind, name: string): void {
    if (of(kind).delete(name)) onEvent({ type: "delete", kind, name });
  }
  return {
    set(stored, version) {
      const known = of(stored.kind);
      if (known.get(stored.name) === version) return;
      known.set(stored.name, version);
      onEvent({ type: "set", stored });
    },
    delete: forget,
    keepOnly(kind, names) {
      for (const name of [...of(kind).keys()]) if (!names.has(name)) forget(kind, name);
    },
    get size() {
      let size = 0;
      for (const known of versions.values()) size += known.size;
      return size;
    },
    sizeOf: (kind) => of(kind).size,
  };
}
