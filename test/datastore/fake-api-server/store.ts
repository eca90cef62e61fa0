/** What an API server keeps in etcd: objects with one revision for all of them, and a history that is forgotten. */

/** A Kubernetes object. */
export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

export interface StoreChange {
  readonly revision: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  /** Of a deleted object its last form, with the revision of the deletion. */
  readonly object: ApiObject;
  /** What was there before, for watches that select by fields. */
  readonly before: ApiObject | undefined;
}

export interface ApiStore {
  /** Of the last change to anything. */
  readonly revision: number;
  /** Changes up to this revision are forgotten. */
  readonly forgotten: number;
  /** Creates or replaces. */
  put(resource: string, object: ApiObject): void;
  /** `name`, or `namespace/name`. False: there is none. */
  delete(resource: string, name: string): boolean;
  get(resource: string, name: string): ApiObject | undefined;
  /** All objects in order of their keys, now. The array does not change afterwards. */
  list(resource: string): readonly ApiObject[];
  /** Changes after a revision, oldest first. */
  since(resource: string, revision: number): readonly StoreChange[];
  /** Forgets all changes up to now. */
  compact(): void;
  /** Called after each change; returns what ends that. */
  subscribe(resource: string, onChange: (change: StoreChange) => void): () => void;
}

/** `window`: how many changes are remembered. */
export function createApiStore(window = 100_000): ApiStore {
  const objects = new Map<string, Map<string, ApiObject>>();
  const listed = new Map<string, readonly ApiObject[]>();
  const subscribers = new Map<string, Set<(change: StoreChange) => void>>();
  let log: { readonly resource: string; readonly change: StoreChange }[] = [];
  let revision = 1000;
  let forgotten = revision;
  let uid = 0;

  function of(resource: string): Map<string, ApiObject> {
    let kept = objects.get(resource);
    if (kept === undefined) {
      kept = new Map();
      objects.set(resource, kept);
    }
    return kept;
  }
  function record(resource: string, change: StoreChange): void {
    listed.delete(resource);
    log.push({ resource, change });
    // In steps, since each of them moves what is left.
    if (log.length > 2 * window) {
      log = log.slice(-window);
      forgotten = log[0]!.change.revision - 1;
    }
    for (const tell of [...(subscribers.get(resource) ?? [])]) tell(change);
  }

  return {
    get revision() {
      return revision;
    },
    get forgotten() {
      const oldest = log.at(-window)?.change.revision;
      return oldest === undefined ? forgotten : Math.max(forgotten, oldest - 1);
    },
    put(resource, object) {
      revision += 1;
      const before = of(resource).get(keyOf(object));
      const { metadata } = object;
      const kept: ApiObject = {
        ...object,
        metadata: {
          ...metadata,
          uid: before?.metadata.uid ?? `00000000-0000-0000-0000-${String(++uid).padStart(12, "0")}`,
          resourceVersion: String(revision),
          creationTimestamp: before?.metadata.creationTimestamp ?? "2026-01-01T00:00:00Z",
          managedFields: [{ manager: "kubectl", operation: "Update", apiVersion: object.apiVersion, fieldsV1: {} }],
        },
      };
      of(resource).set(keyOf(object), kept);
      record(resource, { revision, type: before === undefined ? "ADDED" : "MODIFIED", object: kept, before });
    },
    delete(resource, name) {
      const before = of(resource).get(name);
      if (before === undefined) return false;
      revision += 1;
      of(resource).delete(name);
      const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(revision) } };
      record(resource, { revision, type: "DELETED", object, before });
      return true;
    },
    get: (resource, name) => of(resource).get(name),
    list(resource) {
      let all = listed.get(resource);
      if (all === undefined) {
        const kept = of(resource);
        all = [...kept.keys()].sort().map((key) => kept.get(key)!);
        listed.set(resource, all);
      }
      return all;
    },
    since: (resource, from) =>
      log.flatMap((entry) => (entry.resource === resource && entry.change.revision > from ? [entry.change] : [])),
    compact() {
      log = [];
      forgotten = revision;
    },
    subscribe(resource, onChange) {
      let all = subscribers.get(resource);
      if (all === undefined) {
        all = new Set();
        subscribers.set(resource, all);
      }
      all.add(onChange);
      return () => all.delete(onChange);
    },
  };
}

export function keyOf({ metadata }: ApiObject): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}
