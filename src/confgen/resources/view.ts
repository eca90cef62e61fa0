/** What the compiler is given of the datastore. */
import type { Kind, ResourceTypes } from "./model.ts";

/**
 * One resource as admitted. The value is the last valid form and its identity changes only when the resource does, so it
 * may stand as a key of a memo. Without a value the resource is there but was never valid: what depends on it is held
 * closed.
 */
export interface Entry<T> {
  readonly value?: T;
  /** Present: the resource's present form is invalid, for these reasons. */
  readonly faults?: readonly string[];
  /** Where the invalid form is written, beside `faults`: `peers.yaml:12`, an etcd key. */
  readonly origin?: string;
  /** CIDR of an IPPool that was never valid, where at least that can be read: it is neither exported nor programmed. */
  readonly cidr?: string;
}

/** All resources, by kind and name. Iteration is in order of names. */
export type ResourceView = { readonly [K in Kind]: ReadonlyMap<string, Entry<ResourceTypes[K]>> };
