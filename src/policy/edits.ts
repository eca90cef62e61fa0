import type { AttributeEdits } from "../bgp/path-attributes.ts";
import type { KernelEdits } from "./types.ts";

export type Edits = AttributeEdits & KernelEdits;

/**
 * The edits that do in one go what `first` and then `second` do. Within one set of edits communities are replaced
 * first, then removed, then added; `setCommunities` of the result already has all that followed it.
 */
export function mergeEdits(first: Edits, second: Edits): Edits {
  const merged: Edits = { ...first, ...second };
  const large = [...(first.addLargeCommunities ?? []), ...(second.addLargeCommunities ?? [])];
  const prepend = [...(second.prepend ?? []), ...(first.prepend ?? [])];
  if (large.length > 0) merged.addLargeCommunities = distinct(large, (each) => each.join());
  else delete merged.addLargeCommunities;
  if (prepend.length > 0) merged.prepend = prepend;
  else delete merged.prepend;
  return withCommunities(merged, first, second);
}

function withCommunities(merged: Edits, first: Edits, second: Edits): Edits {
  const { setCommunities: _set, addCommunities: _add, removeCommunities: _remove, ...rest } = merged;
  const base = second.setCommunities ?? replaced(first);
  const earlierAdds = second.setCommunities ? [] : (first.addCommunities ?? []);
  const earlierRemoves = second.setCommunities ? [] : (first.removeCommunities ?? []);
  const removes = second.removeCommunities ?? [];
  const adds = second.addCommunities ?? [];
  if (base) {
    const kept = base.filter((each) => !removes.includes(each));
    return { ...rest, setCommunities: distinct([...kept, ...adds], String) };
  }
  const add = distinct([...earlierAdds.filter((each) => !removes.includes(each)), ...adds], String);
  const remove = distinct([...earlierRemoves, ...removes], String);
  return {
    ...rest,
    ...(add.length > 0 && { addCommunities: add }),
    ...(remove.length > 0 && { removeCommunities: remove }),
  };
}

/** What `setCommunities` leaves after the removals and additions beside it. */
function replaced(edits: Edits): readonly number[] | undefined {
  if (!edits.setCommunities) return undefined;
  const kept = edits.setCommunities.filter((each) => !edits.removeCommunities?.includes(each));
  return distinct([...kept, ...(edits.addCommunities ?? [])], String);
}

function distinct<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [key(item), item])).values()];
}

/** One rule's edits in the same normal form; undefined when they change nothing. */
export function normalEdits(edits: Edits): Edits | undefined {
  const merged = mergeEdits({}, edits);
  return Object.values(merged).every((value) => value === undefined) ? undefined : merged;
}

/** Whether a route that had the community, or not, has it after the edits. */
export function hasAfter(edits: Edits, community: number, had: boolean): boolean {
  if (edits.addCommunities?.includes(community)) return true;
  if (edits.setCommunities) return edits.setCommunities.includes(community);
  return had && !edits.removeCommunities?.includes(community);
}
