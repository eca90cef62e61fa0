/** A list of communities, patterns among them, as one condition: any of them on the route is enough. */
import { type CommunityPattern, type MaskedWords, matchesAny } from "../bgp/community-pattern.ts";
import { u32 } from "../bgp/octets.ts";
import type { PathAttributes } from "../bgp/path-attributes.ts";
import { exactWords } from "./community-text.ts";
import type { Edits } from "./edits.ts";

export const COMMUNITY_KINDS = ["standard", "extended", "large"] as const;
export type CommunityKind = (typeof COMMUNITY_KINDS)[number];

/** Words of one community, and the keys of edits that change the list. */
export const KIND = {
  standard: { size: 1, set: "setCommunities", remove: "removeCommunities", add: "addCommunities" },
  extended: {
    size: 2,
    set: "setExtendedCommunities",
    remove: "removeExtendedCommunities",
    add: "addExtendedCommunities",
  },
  large: { size: 3, set: "setLargeCommunities", remove: "removeLargeCommunities", add: "addLargeCommunities" },
} as const;

/** Exact communities are stored as triples whatever their kind, so that one comparison serves all. */
const STRIDE = 3;
/** A longer list of exact communities is searched by halves. */
const FEW = 8;

type Item = number | readonly number[];

export class CommunityMatcher {
  readonly #kind: CommunityKind;
  readonly #patterns: readonly MaskedWords[];
  readonly #exact: Uint32Array;
  /** The words at hand, for patterns that remove. */
  readonly #words = new Uint32Array(STRIDE);

  constructor(kind: CommunityKind, patterns: readonly CommunityPattern[]) {
    this.#kind = kind;
    this.#patterns = patterns.filter((pattern) => !exactWords(pattern)).flatMap(({ any }) => any);
    const exact = patterns.flatMap((pattern) => {
      const words = exactWords(pattern);
      return words ? [[words[0] ?? 0, words[1] ?? 0, words[2] ?? 0] as const] : [];
    });
    exact.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
    this.#exact = Uint32Array.from(exact.flat());
  }

  /** `pending`: what earlier rules changed. */
  matches(attributes: PathAttributes, pending: Edits | undefined): boolean {
    if (pending !== undefined) {
      const keys = KIND[this.#kind];
      const added = pending[keys.add];
      if (added !== undefined && this.#anyItem(added)) return true;
      const set = pending[keys.set];
      if (set !== undefined) return this.#anyItem(set);
      return this.#anyOf(attributes, pending[keys.remove]);
    }
    return this.#anyOf(attributes, undefined);
  }

  #anyItem(items: readonly Item[]): boolean {
    for (let i = 0; i < items.length; i++) {
      const item = items[i]!;
      if (typeof item === "number" ? this.#has(item, 0, 0) : this.#has(item[0]!, item[1]!, item[2] ?? 0)) return true;
    }
    return false;
  }

  #anyOf(attributes: PathAttributes, removed: readonly CommunityPattern[] | undefined): boolean {
    const count = communityCount(this.#kind, attributes);
    for (let i = 0; i < count; i++) {
      readCommunity(this.#kind, attributes, i, this.#words);
      const words = this.#words;
      if (!this.#has(words[0]!, words[1]!, words[2]!)) continue;
      if (removed === undefined || !matchesAny(removed, words, 0)) return true;
    }
    return false;
  }

  #has(a: number, b: number, c: number): boolean {
    if (this.#hasExact(a, b, c)) return true;
    for (let i = 0; i < this.#patterns.length; i++) {
      const { words, masks } = this.#patterns[i]!;
      if (((a ^ words[0]!) & masks[0]!) !== 0) continue;
      if (words.length > 1 && ((b ^ words[1]!) & masks[1]!) !== 0) continue;
      if (words.length > 2 && ((c ^ words[2]!) & masks[2]!) !== 0) continue;
      return true;
    }
    return false;
  }

  #hasExact(a: number, b: number, c: number): boolean {
    const exact = this.#exact;
    let low = 0;
    let high = exact.length / STRIDE;
    while (high - low > FEW) {
      const middle = (low + high) >>> 1;
      const at = middle * STRIDE;
      const order = exact[at]! - a || exact[at + 1]! - b || exact[at + 2]! - c;
      if (order === 0) return true;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    for (let at = low * STRIDE; at < high * STRIDE; at += STRIDE)
      if (exact[at] === a && exact[at + 1] === b && exact[at + 2] === c) return true;
    return false;
  }
}

function communityCount(kind: CommunityKind, attributes: PathAttributes): number {
  if (kind === "standard") return attributes.communities.length;
  return kind === "large" ? Math.floor(attributes.largeCommunities.length / 3) : attributes.extendedCommunities.length;
}

/** Words beyond those of the kind are 0. */
function readCommunity(kind: CommunityKind, attributes: PathAttributes, index: number, out: Uint32Array): void {
  if (kind === "standard") out[0] = attributes.communities[index]!;
  else if (kind === "large") for (let i = 0; i < 3; i++) out[i] = attributes.largeCommunities[3 * index + i]!;
  else {
    const octets = attributes.extendedCommunities[index]!;
    out[0] = u32(octets, 0);
    out[1] = u32(octets, 4);
  }
}

/** The communities of the kind after edits, as words: for explanations. */
export function communitiesAfter(
  kind: CommunityKind,
  attributes: PathAttributes,
  pending: Edits | undefined,
): (readonly number[])[] {
  const { size, set, remove, add } = KIND[kind];
  const words = new Uint32Array(STRIDE);
  const had = Array.from({ length: communityCount(kind, attributes) }, (_, i) => {
    readCommunity(kind, attributes, i, words);
    return [...words.subarray(0, size)];
  });
  const listed = (items: readonly Item[] | undefined) =>
    items?.map((item) => (typeof item === "number" ? [item] : item));
  const kept = listed(pending?.[set]) ?? had.filter((each) => !matchesAny(pending?.[remove] ?? [], each, 0));
  const all = [...kept, ...(listed(pending?.[add]) ?? [])];
  return [...new Map(all.map((each) => [each.join(), each])).values()];
}
