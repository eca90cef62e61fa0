/** What is below the keys that a node reads, as objects: each change of it is said once, through KnownObjects. */
import { withSettings } from "../resources/legacy-forms.ts";
import { convertLegacyKeys } from "../resources/legacy-keys.ts";
import type { Kind } from "../resources/model.ts";
import type { StoredObject } from "./datastore.ts";
import { affinityRange, type EtcdRange, etcdRanges, LEGACY_PREFIXES, legacyPlace } from "./etcd-keys.ts";
import type { EtcdOptions } from "./etcd-options.ts";
import type { KnownObjects } from "./known-objects.ts";

export type EtcdPair = readonly [key: string, value: string];

export interface EtcdChange {
  readonly key: string;
  /** Absent: the key is gone. */
  readonly value?: string;
}

export interface EtcdContent {
  /** All keys that begin with one of them are read. */
  readonly prefixes: readonly string[];
  /** What a listing found: as long as the prefixes. What it lacks is gone. */
  replace(listed: readonly (readonly EtcdPair[])[]): void;
  /** In their order, below the prefix of that index. */
  change(index: number, changes: readonly EtcdChange[]): void;
}

export interface ContentOptions {
  readonly node: string;
  readonly podCidrs: boolean;
  readonly layout: NonNullable<EtcdOptions["layout"]>;
  readonly known: KnownObjects;
  /** The same for the same text only. */
  readonly hash: (text: string) => string;
}

/** Each part has prefixes of its own, one behind the other. */
export function createEtcdContent(options: ContentOptions): EtcdContent {
  const { node, podCidrs, layout } = options;
  const ranges = layout === "v3" ? etcdRanges(node, podCidrs) : podCidrs ? [] : [affinityRange(node)];
  const parts = [
    ...(layout === "v1" ? [legacyContent(options)] : []),
    ...ranges.map((range) => rangeContent(range, options)),
  ];
  const starts = parts.map((_, at) => parts.slice(0, at).reduce((sum, { prefixes }) => sum + prefixes.length, 0));
  return {
    prefixes: parts.flatMap(({ prefixes }) => prefixes),
    replace(listed) {
      for (const [at, part] of parts.entries())
        part.replace(listed.slice(starts[at], starts[at]! + part.prefixes.length));
    },
    change(index, changes) {
      const at = starts.findLastIndex((start) => start <= index);
      parts[at]!.change(index - starts[at]!, changes);
    },
  };
}

/** Each key is an object of its own. */
function rangeContent(range: EtcdRange, { known, hash }: ContentOptions): EtcdContent {
  function set(key: string, value: string): string | undefined {
    const stored = range.read(key, value);
    if (stored !== undefined) known.set(stored, hash(value));
    return stored?.name;
  }
  return {
    prefixes: [range.prefix],
    replace([pairs = []]) {
      const names = new Set<string>();
      for (const [key, value] of pairs) {
        const name = set(key, value);
        if (name !== undefined) names.add(name);
      }
      known.keepOnly(range.kind, names);
    },
    change(_index, changes) {
      for (const { key, value } of changes) {
        if (value !== undefined) {
          set(key, value);
          continue;
        }
        const name = range.nameOf(key);
        if (name !== undefined) known.delete(range.kind, name);
      }
    },
  };
}

const LEGACY_KINDS = ["Node", "BGPConfiguration", "BGPPeer", "IPPool"] as const satisfies readonly Kind[];

/** Several keys make an object, so all of them are kept, and converted again when one has changed. */
function legacyContent({ known, hash }: ContentOptions): EtcdContent {
  const pairs = LEGACY_PREFIXES.map(() => new Map<string, string>());

  function convert(): void {
    const { objects, settings, problems } = convertLegacyKeys(pairs.flatMap((map) => [...map]));
    const names = new Map<Kind, Set<string>>(LEGACY_KINDS.map((kind) => [kind, new Set()]));
    const all = new Map<string, StoredObject>();
    const note = (stored: StoredObject) => all.set(`${stored.kind}/${stored.name}`, stored);
    for (const stored of withSettings(objects, settings)) note(stored);
    // An object of which a key cannot be read cannot be read: half of it might mean something else.
    for (const problem of problems) {
      const [key = "", fault = problem] = problem.split(/: (.*)/s);
      const place = legacyPlace(key);
      if (place !== undefined) note({ ...place, fault, origin: key });
    }
    for (const stored of all.values()) {
      names.get(stored.kind)?.add(stored.name);
      known.set(stored, hash(JSON.stringify(stored.object ?? stored.fault)));
    }
    for (const [kind, kept] of names) known.keepOnly(kind, kept);
  }
  return {
    prefixes: LEGACY_PREFIXES,
    replace(listed) {
      for (const [at, map] of pairs.entries()) {
        map.clear();
        for (const [key, value] of listed[at] ?? []) map.set(key, value);
      }
      convert();
    },
    change(index, changes) {
      const map = pairs[index]!;
      for (const { key, value } of changes) {
        if (value === undefined) map.delete(key);
        else map.set(key, value);
      }
      convert();
    },
  };
}
