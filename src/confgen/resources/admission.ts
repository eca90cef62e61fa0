/**
 * Admission: every object of the datastore is validated when it comes, and what the compiler sees is the last valid form
 * of each. A change that means nothing to BGP, as a Node's heartbeat, changes nothing here.
 */
import type { StoredObject } from "../datastore/datastore.ts";
import type { Kind, Resource, ResourceTypes } from "./model.ts";
import { OrderedMap } from "./ordered-map.ts";
import { cidrOfPool } from "./parse-ipam.ts";
import { KINDS, parseResource } from "./parse-resource.ts";
import { sameValue } from "./same-value.ts";
import type { Entry, ResourceView } from "./view.ts";

export interface ResourceTable {
  /** Takes the object's present form. True when that changed what the view shows. */
  apply(stored: StoredObject): boolean;
  /** Forgets the resource with its last valid form. True when it was there. */
  remove(kind: Kind, name: string): boolean;
  /**
   * Follows the table; it and its maps are the same objects all the time. An entry is the same object as long as nothing
   * about the resource changed.
   */
  readonly view: ResourceView;
  /** Kinds of which the view changed since the last call. */
  changed(): ReadonlySet<Kind>;
}

export function createResourceTable(): ResourceTable {
  const view = createView();
  let changed = new Set<Kind>();

  return {
    apply(stored) {
      const table: OrderedMap<Entry<Resource>> = view[stored.kind];
      const before = table.get(stored.name);
      const entry = admit(stored, before);
      if (entry === before) return false;
      table.set(stored.name, entry);
      changed.add(stored.kind);
      return true;
    },
    remove(kind, name) {
      const wasThere = view[kind].delete(name);
      if (wasThere) changed.add(kind);
      return wasThere;
    },
    view,
    changed() {
      const kinds = changed;
      changed = new Set();
      return kinds;
    },
  };
}

function createView() {
  const maps = KINDS.map((kind) => [kind, new OrderedMap()] as const);
  return Object.fromEntries(maps) as { readonly [K in Kind]: OrderedMap<Entry<ResourceTypes[K]>> };
}

/** The entry for the object's present form: `before` itself where it is no other. */
function admit(stored: StoredObject, before: Entry<Resource> | undefined): Entry<Resource> {
  const { kind, name, object } = stored;
  const parsed = object
    ? parseResource(kind, name, object)
    : { ok: false as const, faults: [stored.fault ?? "cannot be read"] };
  const last = before?.value;
  if (parsed.ok) {
    if (!last || !sameValue(last, parsed.value)) return { value: parsed.value };
    return before.faults ? { value: last } : before;
  }
  const cidr = kind === "IPPool" && !last ? cidrOfPool(object) : undefined;
  const entry: Entry<Resource> = {
    ...(last && { value: last }),
    faults: parsed.faults,
    origin: stored.origin,
    ...(cidr !== undefined && { cidr }),
  };
  return before && sameValue(before, entry) ? before : entry;
}
