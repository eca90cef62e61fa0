/**
 * Where resources come from. A datastore gives objects as they are written there, in the v3 form: whatever its own layout
 * is (etcd's raw affinities, the annotations of a Kubernetes Node, v1 documents), it turns into
 * `{ kind, metadata: { name, namespace?, labels? }, spec, status? }`. It validates nothing else: that is admission's part.
 */
import type { Kind } from "../resources/model.ts";

export interface StoredObject {
  readonly kind: Kind;
  /** `name`, or `namespace/name` of what has a namespace. */
  readonly name: string;
  /** The v3 object. Undefined: what is stored there cannot even be read, for the reason in `fault`. */
  readonly object?: Readonly<Record<string, unknown>>;
  readonly fault?: string;
  /** For messages: `peers.yaml:12`, an etcd key, a path of the API. */
  readonly origin: string;
}

export type DatastoreEvent =
  | { readonly type: "set"; readonly stored: StoredObject }
  | { readonly type: "delete"; readonly kind: Kind; readonly name: string }
  /**
   * All that is wanted has been given once, as far as `wanted` says: from here on the view is complete. Given again each
   * time a widened interest has been satisfied.
   */
  | { readonly type: "synced"; readonly wanted: Interest }
  /** The connection works, or why it does not: what was given before may be old until it works again. */
  | { readonly type: "status"; readonly status: DatastoreStatus };

export type DatastoreStatus =
  | { readonly state: "connected" }
  /** `reason` says what an operator can do about it; `retryAt` is in milliseconds of the clock. */
  | { readonly state: "failing"; readonly reason: string; readonly retryAt?: number };

/** What is read besides the resources that every node needs. */
export interface Interest {
  /** `namespace/name`: each is watched by its name. */
  readonly secrets: readonly string[];
  /** Services and EndpointSlices. */
  readonly services: boolean;
}

/**
 * A datastore that is being followed. Between two events of one object the newest state wins: states may be left out, never
 * their order or the last one. After a gap (compaction, 410, a reconnect) the difference is found by listing again: what is
 * gone is said by `delete`, what is unchanged is not said again.
 */
export interface Datastore {
  /** Replaces the interest; what is no longer wanted is forgotten by `delete` events. */
  want(interest: Interest): void;
  close(): Promise<void>;
}

export interface DatastoreOptions {
  /** Our node: block affinities of others are left out. */
  readonly node: string;
  /** Block affinities are not read (USE_POD_CIDR). */
  readonly podCidrs: boolean;
  readonly onEvent: (event: DatastoreEvent) => void;
}
