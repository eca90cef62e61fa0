/** The files below a directory, symbolic links followed. */
import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { createTrace, fileFault, follow, type Trace } from "../files/places.ts";

export interface Tree {
  /** Files to read, in order of their paths as an operator would write them; with the path to read from. */
  readonly files: Map<string, string>;
  readonly faults: readonly { readonly path: string; readonly message: string }[];
  /** Directories whose events matter, each with what tells that it is still the same. */
  readonly directories: ReadonlyMap<string, string>;
  /** Differs when other directories are to be watched, or files come by other links. */
  readonly watchKey: string;
  readonly place: (directory: string, name: string) => Place;
}

/** What an event is about. */
export type Place =
  /** None of ours. */
  | { readonly kind: "none" }
  /** A link, or a directory on the way: everything is to be looked at. */
  | { readonly kind: "all" }
  /** A plain file, or what is to be one; `shown` are the paths by which it was reached. */
  | { readonly kind: "file"; readonly real: string; readonly shown: readonly string[] }
  /** A name that is nothing to us unless it is a directory. */
  | { readonly kind: "name"; readonly real: string };

/** Bounds of what is taken for a datastore; beyond, it is said that there is more. */
const FILES = 50_000;
const DEPTH = 16;

interface Walk {
  readonly trace: Trace;
  readonly files: Map<string, string>;
  readonly faults: { path: string; message: string }[];
  /** By the directory's path without links: whether it is large, and the paths by which it was reached. */
  readonly seen: Map<string, string[]>;
  /** Paths without links of directories, and of what links lead to. */
  readonly special: Set<string>;
}

/** YAML and JSON. Hidden names are editors' and Kubernetes' own. */
function isDocument(name: string): boolean {
  return !name.startsWith(".") && /\.(ya?ml|json)$/.test(name);
}

/** Never throws. A path that is a file is taken whatever its name is. */
export async function walkTree(path: string): Promise<Tree> {
  const walk: Walk = { trace: createTrace(), files: new Map(), faults: [], seen: new Map(), special: new Set() };
  const real = await follow(walk.trace, resolve(path));
  const found = await stat(real).catch((error: unknown) => fileFault(error));
  if (typeof found === "string") walk.faults.push({ path, message: found });
  else if (found.isDirectory()) await walkDirectory(walk, path, real, []);
  else walk.files.set(path, real);
  return treeOf(walk);
}

async function walkDirectory(walk: Walk, shown: string, real: string, above: readonly string[]): Promise<void> {
  if (above.includes(real)) return; // a link that leads to where it stands
  if (above.length >= DEPTH) {
    walk.faults.push({ path: shown, message: `more than ${DEPTH} directories in each other` });
    return;
  }
  let entries: Dirent[];
  try {
    entries = await readdir(real, { withFileTypes: true });
  } catch (error) {
    walk.faults.push({ path: shown, message: `cannot read the directory: ${fileFault(error)}` });
    return;
  }
  walk.seen.set(real, [...(walk.seen.get(real) ?? []), shown]);
  walk.trace.places.set(real, undefined);
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) await walkEntry(walk, entry, shown, real, [...above, real]);
}

async function walkEntry(
  walk: Walk,
  entry: Dirent,
  shown: string,
  real: string,
  above: readonly string[],
): Promise<void> {
  const { name } = entry;
  if (name.startsWith(".")) return;
  const path = join(shown, name);
  const at = join(real, name);
  if (entry.isDirectory()) {
    walk.special.add(at);
    walk.trace.marks.push(await directoryMark(at));
    await walkDirectory(walk, path, at, above);
    return;
  }
  if (!entry.isSymbolicLink()) {
    if (isDocument(name) && entry.isFile()) addFile(walk, path, at);
    return;
  }
  walk.special.add(at);
  const target = await follow(walk.trace, at);
  const found = await stat(target).catch((error: unknown) => fileFault(error));
  if (typeof found === "string") {
    if (isDocument(name)) walk.faults.push({ path, message: `cannot read the file: ${found}` });
  } else if (found.isDirectory()) await walkDirectory(walk, path, target, above);
  else if (isDocument(name)) addFile(walk, path, target);
}

async function directoryMark(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return `${path} ${found?.dev}:${found?.ino}`;
}

function addFile(walk: Walk, shown: string, real: string): void {
  if (walk.files.size < FILES) walk.files.set(shown, real);
  else if (!walk.faults.some(({ message }) => message.startsWith("more than")))
    walk.faults.push({ path: shown, message: `more than ${FILES} files` });
}

function treeOf({ trace, files, faults, seen, special }: Walk): Tree {
  const marks = new Map(trace.marks.map((line) => [line.slice(0, line.lastIndexOf(" ")), line]));
  const directories = new Map([...trace.places.keys()].sort().map((each) => [each, marks.get(each) ?? ""]));
  const linked = new Set(trace.marks.map((line) => line.slice(0, line.indexOf(" -> "))));
  const links = trace.marks.filter((line) => line.includes(" -> "));
  return {
    files,
    faults,
    directories,
    watchKey: JSON.stringify([...directories, links]),
    place(directory, name) {
      const real = join(directory, name);
      if (special.has(real) || trace.places.get(directory)?.has(name)) return { kind: "all" };
      const shown = seen.get(directory);
      if (!shown) return { kind: trace.places.has(directory) ? "none" : "all" };
      // An event of a directory itself has its own name.
      if (name === basename(directory)) return { kind: "all" };
      if (name.startsWith(".")) return { kind: linked.has(real) ? "all" : "none" };
      if (!isDocument(name)) return { kind: "name", real };
      return { kind: "file", real, shown: shown.map((each) => join(each, name)) };
    },
  };
}
