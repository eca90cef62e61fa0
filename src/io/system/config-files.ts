/** Reads a configuration: one file, or a directory's `*.yaml` and `peers/*.yaml`. */
import type { Stats } from "node:fs";
import { lstat, readdir, readFile, readlink, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

export interface ConfigFile {
  /** As an operator would write it: below the configured path, symbolic links not followed. */
  readonly path: string;
  readonly text: string;
}

export interface FileProblem {
  readonly path: string;
  readonly message: string;
}

/** One look at the files. Where there are problems, `files` is not to be used. */
export interface ConfigSnapshot {
  /** In order of their paths. */
  readonly files: readonly ConfigFile[];
  /** Further files, as asked for. One that cannot be read is left out: who needs it says so, with the line that names it. */
  readonly secrets: readonly ConfigFile[];
  readonly problems: readonly FileProblem[];
  /**
   * Changes when a file, a listed directory or a symbolic link on the way is replaced; two looks with the same
   * identity before and after saw one state.
   */
  readonly identity: string;
  /** Directories whose events matter, with the names that matter in them; undefined stands for every name. */
  readonly places: ReadonlyMap<string, ReadonlySet<string> | undefined>;
}

const FILE_OCTETS = 64 * 1024 * 1024;
const FILES = 20_000;
/** As the kernel bounds the symbolic links on one path. */
const LINKS = 40;

/** Reads everything; never throws. `also` are further files, those that hold secrets. */
export async function readConfigFiles(path: string, also: readonly string[] = []): Promise<ConfigSnapshot> {
  const look = createLook();
  await readRoot(look, path);
  const { files, problems, marks, places } = look;
  const aside: Look = { files: [], problems: [], marks, places };
  for (const file of also) await readOne(aside, file);
  return { files, secrets: aside.files, problems, identity: marks.join("\n"), places };
}

interface Look {
  readonly files: ConfigFile[];
  readonly problems: FileProblem[];
  readonly marks: string[];
  readonly places: Map<string, Set<string> | undefined>;
}

function createLook(): Look {
  return { files: [], problems: [], marks: [], places: new Map() };
}

async function readRoot(look: Look, path: string): Promise<void> {
  const real = await follow(look, resolve(path));
  const found = await stat(real).catch(() => undefined);
  if (!found?.isDirectory()) {
    await readOne(look, path);
    return;
  }
  const names = await list(look, real, path);
  if (names === undefined) return;
  for (const name of names.filter(isYaml)) await readOne(look, join(path, name));
  const peers = join(path, "peers");
  const realPeers = await follow(look, resolve(peers));
  const foundPeers = await stat(realPeers).catch(() => undefined);
  if (!foundPeers?.isDirectory()) return;
  const peerNames = await list(look, realPeers, peers);
  for (const name of peerNames?.filter(isYaml) ?? []) await readOne(look, join(peers, name));
}

/** Hidden names are editors' and Kubernetes' own (`.#a.yaml`, `..data`). */
function isYaml(name: string): boolean {
  return name.endsWith(".yaml") && !name.startsWith(".");
}

async function list(look: Look, real: string, shown: string): Promise<string[] | undefined> {
  look.places.set(real, undefined);
  try {
    const names = await readdir(real);
    return names.sort();
  } catch (error) {
    look.problems.push({ path: shown, message: `cannot read the directory: ${say(error)}` });
    return undefined;
  }
}

async function readOne(look: Look, path: string): Promise<void> {
  if (look.files.length >= FILES) {
    if (look.files.length === FILES) look.problems.push({ path, message: `more than ${FILES} files` });
    return;
  }
  const real = await follow(look, resolve(path));
  try {
    const found = await stat(real);
    look.marks.push(`${path} ${mark(found)}`);
    if (found.isDirectory()) throw new Error("it is a directory");
    if (!found.isFile()) throw new Error("it is not a regular file");
    if (found.size > FILE_OCTETS) throw new Error(`it is larger than ${FILE_OCTETS} octets`);
    look.files.push({ path, text: await readFile(real, "utf8") });
  } catch (error) {
    look.problems.push({ path, message: `cannot read the file: ${say(error)}` });
  }
}

/**
 * The path without symbolic links. Each link on the way, and the last component, becomes a place to watch, since
 * replacing any of them changes what is read.
 */
async function follow(look: Look, path: string): Promise<string> {
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
    if (!found || rest.length === 0 || found.isSymbolicLink()) addPlace(look, at, name);
    if (!found) return join(here, ...rest);
    if (!found.isSymbolicLink()) {
      if (found.isDirectory()) look.marks.push(`${here} ${found.dev}:${found.ino}`);
      at = here;
      continue;
    }
    if (++links > LINKS) return join(here, ...rest);
    const target = await readlink(here).catch(() => "");
    look.marks.push(`${here} -> ${target}`);
    if (target.startsWith("/")) at = "/";
    rest = [...target.split("/").filter((part) => part !== ""), ...rest];
  }
  return at;
}

function addPlace(look: Look, directory: string, name: string): void {
  const names = look.places.get(directory);
  if (names) names.add(name);
  else if (!look.places.has(directory)) look.places.set(directory, new Set([name]));
}

function mark(found: Stats): string {
  return `${found.dev}:${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`;
}

function say(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code === "ENOENT") return "there is none";
  if (code === "EACCES") return "permission denied";
  return error instanceof Error ? error.message : String(error);
}
