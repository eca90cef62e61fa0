/** What a peer takes over from its group. */
import type { Address } from "../ip/address.ts";
import type { Prefix } from "../ip/prefix.ts";
import type { Located } from "./parse-file.ts";
import type { PeerGroupInput, PeerInput } from "./schema.ts";
import { NESTED_KEYS } from "./session-schema.ts";
import type { KeyPath } from "./yaml-source.ts";

/** A peer with its group's keys filled in. */
export type WholePeer = PeerInput & { readonly asn: number };
export type AddressedPeer = WholePeer & { readonly address: Address };
export type RangePeer = WholePeer & { readonly prefix: Prefix };

export interface LocatedPeer<T = WholePeer> extends Located<T> {
  /** As its own entry says. */
  readonly own: PeerInput;
  readonly group?: Located<PeerGroupInput>;
}

/** The peer's own keys win; inner mappings merge key by key. */
export function withGroup(own: PeerInput, group: PeerGroupInput): PeerInput {
  const merged: Record<string, unknown> = { ...group, ...own };
  for (const key of NESTED_KEYS)
    if (group[key] !== undefined && own[key] !== undefined) merged[key] = { ...group[key], ...own[key] };
  // Each says the whole of the same thing.
  if (own.password !== undefined) delete merged.passwordFile;
  if (own.passwordFile !== undefined) delete merged.password;
  return merged as PeerInput;
}

/** Where a key of the peer stands: in its own entry, or in its group's. */
export function placeOf({ own, group, file, path }: LocatedPeer<unknown>, keys: KeyPath): [string, KeyPath] {
  const inGroup = group !== undefined && keys.length > 0 && !holds(own, keys) && holds(group.value, keys);
  return inGroup ? [group.file, [...group.path, ...keys]] : [file, [...path, ...keys]];
}

function holds(value: unknown, keys: KeyPath): boolean {
  let node = value;
  for (const key of keys) {
    if (typeof node !== "object" || node === null) return false;
    node = (node as Record<string | number, unknown>)[key];
  }
  return node !== undefined;
}

export function isAddressed(peer: LocatedPeer): peer is LocatedPeer<AddressedPeer> {
  return peer.value.address !== undefined;
}

export function isRange(peer: LocatedPeer): peer is LocatedPeer<RangePeer> {
  return peer.value.prefix !== undefined;
}
