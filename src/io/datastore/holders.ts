/**
 * Which files hold a resource. Where several do, the first by its path counts. Parts, which v1 kept apart, are laid under it:
 * they make up one resource, the first going before the others.
 */
import type { FileObject } from "../../confgen/datastore/documents.ts";
import type { Json } from "../../confgen/datastore/json.ts";
import type { Kind } from "../../confgen/resources/model.ts";

export interface Holder {
  readonly path: string;
  readonly object: FileObject;
}

export interface Holders {
  /** What a file holds now in place of `before`. Keys (`Kind/name`) whose first holder may be another are added to `changed`. */
  replace(path: string, before: readonly FileObject[], now: readonly FileObject[], changed: Set<string>): void;
  first(key: string): Holder | undefined;
  keysOf(kinds: readonly Kind[]): string[];
  /** A sentence for each resource that stands twice, in order. */
  duplicates(): string[];
}

export function createHolders(): Holders {
  const byKey = new Map<string, Holder[]>();
  const several = new Set<string>();

  function count(key: string, holders: readonly Holder[]): void {
    if (holders.filter(isWhole).length > 1) several.add(key);
    else several.delete(key);
  }
  return {
    replace(path, before, now, changed) {
      for (const object of before) {
        const key = keyOf(object);
        const left = (byKey.get(key) ?? []).filter((holder) => holder.object !== object);
        if (left.length > 0) byKey.set(key, left);
        else byKey.delete(key);
        count(key, left);
        changed.add(key);
      }
      for (const object of now) {
        const key = keyOf(object);
        const holders = byKey.get(key) ?? [];
        holders.push({ path, object });
        holders.sort(byPlace);
        byKey.set(key, holders);
        count(key, holders);
        changed.add(key);
      }
    },
    first(key) {
      const holders = byKey.get(key) ?? [];
      const whole = holders.find(isWhole) ?? holders[0];
      const parts = holders.filter((holder) => !isWhole(holder));
      return whole && parts.length > 0 ? laidOver(whole, parts) : whole;
    },
    keysOf: (kinds) => [...byKey.keys()].filter((key) => kinds.some((kind) => key.startsWith(`${kind}/`))),
    duplicates: () =>
      [...several].sort().map((key) => {
        const wholes = byKey.get(key)!.filter(isWhole);
        const [first, second] = wholes.map(({ path, object }) => `${path}:${object.line}`);
        return `${second}: ${key} stands at ${first} already, which counts; remove one of them`;
      }),
  };
}

const isWhole = ({ object }: Holder) => !object.isPart;

function laidOver({ path, object }: Holder, parts: readonly Holder[]): Holder {
  const specs = [object, ...parts.map((part) => part.object)].map(({ object }) => object.spec ?? {});
  // What is no mapping is for admission to refuse.
  if (specs.some((spec) => typeof spec !== "object" || Array.isArray(spec))) return { path, object };
  const joined = { ...object.object, spec: Object.assign({}, ...specs.reverse()) as Json };
  return { path, object: { ...object, object: joined, version: JSON.stringify(joined) } };
}

function keyOf({ kind, name }: FileObject): string {
  return `${kind}/${name}`;
}

function byPlace(a: Holder, b: Holder): number {
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  return a.object.line - b.object.line;
}
