/** Which directories and symbolic links a path leads over: what has to be watched to notice that it leads elsewhere. */
import type { Stats } from "node:fs";
import { lstat, readlink, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";

/** What was met on the way, in order. */
export interface Trace {
  /** One line for each directory and link; they differ when one of them is replaced. */
  readonly marks: string[];
  /** Directories whose events matter, with the names that matter in them; undefined stands for every name. */
  readonly places: Places;
}

export type Places = Map<string, Set<string> | undefined>;

/** As the kernel bounds the symbolic links on one path. */
const LINKS = 40;

export function createTrace(): Trace {
  return { marks: [], places: new Map() };
}

/**
 * The path without symbolic links. Each link on the way, and the last component, becomes a place to watch, since
 * replacing any of them changes what is read.
 */
export async function follow(trace: Trace, path: string): Promise<string> {
  let rest = path.split("/").filter((part) => part !== "");
  let at = "/";
  for (let links = 0; rest.length > 0; ) {
    const name = rest.shift()!;
    if (name === ".") continue;
    if (name === "..") {
      at = dirname(at);
      continue;
    }
    const here = join(at, name);
    const found = await lstat(here).catch(() => undefined);
    if (!found || rest.length === 0 || found.isSymbolicLink()) addPlace(trace.places, at, name);
    if (!found) return join(here, ...rest);
    if (!found.isSymbolicLink()) {
      if (found.isDirectory()) trace.marks.push(`${here} ${found.dev}:${found.ino}`);
      at = here;
      continue;
    }
    if (++links > LINKS) return join(here, ...rest);
    const target = await readlink(here).catch(() => "");
    trace.marks.push(`${here} -> ${target}`);
    if (target.startsWith("/")) at = "/";
    rest = [...target.split("/").filter((part) => part !== ""), ...rest];
  }
  return at;
}

function addPlace(places: Places, directory: string, name: string): void {
  const names = places.get(directory);
  if (names) names.add(name);
  else if (!places.has(directory)) places.set(directory, new Set([name]));
}

/** File systems whose answers come from this machine: a server that is away does not keep a caller waiting. */
const LOCAL = new Set([
  0xef53 /* ext */, 0x58465342 /* xfs */, 0x9123683e /* btrfs */, 0x01021994 /* tmpfs */,
  0x794c7630 /* overlay, whose layers are local as a rule */,
]);

export async function isLocal(path: string): Promise<boolean> {
  const found = await statfs(path).catch(() => undefined);
  return found !== undefined && LOCAL.has(found.type);
}

/** Differs when the file's content may. */
export function markOf(found: Stats): string {
  return `${found.dev}:${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`;
}

/** Why a file or directory cannot be read, in words. */
export function fileFault(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code === "ENOENT") return "there is none";
  if (code === "EACCES") return "permission denied";
  return error instanceof Error ? error.message : String(error);
}
