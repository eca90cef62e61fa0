import { type CommunityPattern, matchesAny } from "../bgp/community-pattern.ts";
import type { AttributeEdits } from "../bgp/path-attributes.ts";
import { COMMUNITY_KINDS, KIND } from "./community-match.ts";
import type { KernelEdits } from "./types.ts";

export type Edits = AttributeEdits & KernelEdits;

/**
 * The edits that do in one go what `first` and then `second` do. Within one set of edits communities are replaced
 * first, then removed, then added; a replacement in the result already has all that followed it.
 */
export function mergeEdits(first: Edits, second: Edits): Edits {
  const merged: Edits = { ...first, ...second };
  const prepend = [...(second.prepend ?? []), ...(first.prepend ?? [])];
  if (prepend.length > 0) merged.prepend = prepend;
  else delete merged.prepend;
  for (const kind of COMMUNITY_KINDS) {
    const keys = KIND[kind];
    const { set, remove, add } = mergeLists(listEdits(first, kind), listEdits(second, kind));
    put(merged, keys.set, set);
    put(merged, keys.remove, remove);
    put(merged, keys.add, add);
  }
  return merged;
}

type Item = number | readonly number[];

interface ListEdits {
  readonly set: readonly Item[] | undefined;
  readonly remove: readonly CommunityPattern[] | undefined;
  readonly add: readonly Item[] | undefined;
}

function listEdits(edits: Edits, kind: (typeof COMMUNITY_KINDS)[number]): ListEdits {
  const keys = KIND[kind];
  return { set: edits[keys.set], remove: edits[keys.remove], add: edits[keys.add] };
}

/** Typed by the caller: `value` belongs to the key. */
function put(edits: Edits, key: keyof Edits, value: unknown): void {
  if (value === undefined) delete edits[key];
  else (edits as Record<string, unknown>)[key] = value;
}

function mergeLists(first: ListEdits, second: ListEdits): ListEdits {
  const removes = second.remove ?? [];
  const adds = second.add ?? [];
  const base = second.set ?? replaced(first);
  if (base) return { set: distinct([...without(base, removes), ...adds]), remove: undefined, add: undefined };
  const add = distinct([...without(first.add ?? [], removes), ...adds]);
  const remove = [...new Map([...(first.remove ?? []), ...removes].map((each) => [each.text, each])).values()];
  return {
    set: undefined,
    remove: remove.length > 0 ? remove : undefined,
    add: add.length > 0 ? add : undefined,
  };
}

/** What replacing leaves after the removals and additions beside it. */
function replaced({ set, remove, add }: ListEdits): readonly Item[] | undefined {
  return set && distinct([...without(set, remove ?? []), ...(add ?? [])]);
}

function without(items: readonly Item[], patterns: readonly CommunityPattern[]): readonly Item[] {
  return items.filter((item) => !matchesAny(patterns, typeof item === "number" ? [item] : item, 0));
}

function distinct(items: readonly Item[]): Item[] {
  return [...new Map(items.map((item) => [String(item), item])).values()];
}

/** One rule's edits in the same normal form; undefined when they change nothing. */
export function normalEdits(edits: Edits): Edits | undefined {
  const merged = mergeEdits({}, edits);
  return Object.values(merged).every((value) => value === undefined) ? undefined : merged;
}
