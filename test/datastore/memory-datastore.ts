/** A datastore in memory: what is put is said at once, as the interest allows. */
import type {
  Datastore,
  DatastoreEvent,
  DatastoreOptions,
  DatastoreStatus,
  Interest,
  StoredObject,
} from "../../src/confgen/datastore/datastore.ts";
import type { Kind } from "../../src/confgen/resources/model.ts";

export interface MemoryStore {
  put(stored: StoredObject): void;
  remove(kind: Kind, name: string): void;
  open(options: DatastoreOptions): Datastore;
  /** While it is false, an interest is not satisfied and nothing is synced. */
  setReadable(isReadable: boolean): void;
  say(status: DatastoreStatus): void;
  readonly interest: Interest;
}

export function createMemoryStore(): MemoryStore {
  const objects = new Map<string, StoredObject>();
  let said = new Set<string>();
  let options: DatastoreOptions | undefined;
  let interest: Interest = { secrets: [], services: false };
  let isReadable = true;

  function isWanted({ kind, name, object }: StoredObject): boolean {
    switch (kind) {
      case "Secret":
        return interest.secrets.includes(name);
      case "Service":
      case "EndpointSlice":
        return interest.services;
      case "BlockAffinity":
        return !options!.podCidrs && (object?.spec as { node?: string } | undefined)?.node === options!.node;
      default:
        return true;
    }
  }

  function emit(event: DatastoreEvent): void {
    options?.onEvent(event);
  }

  /** Says what differs from what was said. */
  function sync(): void {
    if (!options || !isReadable) return;
    const before = said;
    said = new Set();
    for (const [key, stored] of objects)
      if (isWanted(stored)) {
        said.add(key);
        if (!before.has(key)) emit({ type: "set", stored });
      }
    for (const key of before)
      if (!said.has(key)) {
        const [kind = "", ...rest] = key.split("/");
        emit({ type: "delete", kind: kind as Kind, name: rest.join("/") });
      }
    emit({ type: "synced", wanted: interest });
  }

  return {
    put(stored) {
      const key = `${stored.kind}/${stored.name}`;
      objects.set(key, stored);
      if (!options || !isReadable) return;
      if (isWanted(stored)) {
        said.add(key);
        emit({ type: "set", stored });
      } else if (said.delete(key)) emit({ type: "delete", kind: stored.kind, name: stored.name });
    },
    remove(kind, name) {
      const key = `${kind}/${name}`;
      objects.delete(key);
      if (said.delete(key)) emit({ type: "delete", kind, name });
    },
    open(given) {
      options = given;
      sync();
      return {
        want(wanted) {
          interest = wanted;
          sync();
        },
        async close() {
          options = undefined;
        },
      };
    },
    setReadable(readable) {
      isReadable = readable;
      sync();
    },
    say: (status) => emit({ type: "status", status }),
    get interest() {
      return interest;
    },
  };
}
