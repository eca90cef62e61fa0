/** Reads a configuration: one file, or a directory's `*.yaml` and `peers/*.yaml`. */
import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { forEach } from "../files/at-once.ts";
import { createTrace, fileFault, follow, isLocal, markOf, type Places, type Trace } from "../files/places.ts";
import { createFileTexts, type FileTexts } from "../files/texts.ts";

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
}

const FILE_OCTETS = 64 * 1024 * 1024;
const FILES = 20_000;
/** Files looked at in one turn of the event loop. */
const SLICE = 128;

/** Remembers the texts of files that did not change since. */
export function createConfigTexts(): FileTexts {
  return createFileTexts(FILE_OCTETS);
}

/** Which files there are to read, and what leads to them. */
export interface FoundFiles {
  readonly files: readonly Wanted[];
  readonly secrets: readonly Wanted[];
  readonly problems: readonly FileProblem[];
  /** Differs where other files are to be read, or by other links and directories. */
  readonly identity: string;
  /** Each place with what tells whether it is still the same directory: where they differ, others are to be watched. */
  readonly directories: ReadonlyMap<string, string>;
  /** Symbolic links that were followed. */
  readonly links: ReadonlySet<string>;
  /** Directories whose events matter, with the names that matter in them; undefined stands for every name. */
  readonly places: Places;
}

/** Reads everything; never throws. `also` are further files, those that hold secrets. */
export async function readConfigFiles(path: string, also: readonly string[] = []): Promise<ConfigSnapshot> {
  return readFound(await findConfigFiles(path, also), createConfigTexts());
}

/** Never throws. */
export async function findConfigFiles(path: string, also: readonly string[] = []): Promise<FoundFiles> {
  const look: Look = { trace: createTrace(), problems: [] };
  const files = await find(look, path);
  const secrets: Wanted[] = [];
  for (const shown of also) secrets.push({ shown, real: await follow(look.trace, resolve(shown)) });
  const { marks, places } = look.trace;
  return {
    files,
    secrets,
    problems: look.problems,
    identity: [...marks, ...files.map(({ real }) => real)].join("\n"),
    directories: directories(look),
    links: linksOf(marks),
    places,
  };
}

/** Never throws. */
export async function readFound(found: FoundFiles, texts: FileTexts): Promise<ConfigSnapshot> {
  const problems = [...found.problems];
  const marks: string[] = [];
  const files = await readAll(found.files, texts, problems, marks);
  // Faults of secrets are not those of the configuration.
  const secrets = await readAll(found.secrets, texts, [], marks);
  texts.forgetOthers();
  return { files, secrets, problems, identity: `${found.identity}\n${marks.join("\n")}` };
}

interface Look {
  readonly trace: Trace;
  readonly problems: FileProblem[];
}

export interface Wanted {
  readonly shown: string;
  /** Without symbolic links. */
  readonly real: string;
  /** On this machine for sure. */
  readonly isLocal?: boolean;
}

/**
 * The files to read. The path is followed once, and all are read below where it led: where a link on the way is switched
 * meanwhile, they are still those of one directory.
 */
async function find(look: Look, path: string): Promise<Wanted[]> {
  const real = await follow(look.trace, resolve(path));
  const found = await stat(real).catch(() => undefined);
  if (!found?.isDirectory()) return [{ shown: path, real }];
  const files: Wanted[] = [];
  await addFiles(look, files, path, real);
  const shownPeers = join(path, "peers");
  const realPeers = await follow(look.trace, join(real, "peers"));
  const foundPeers = await stat(realPeers).catch(() => undefined);
  if (foundPeers?.isDirectory()) await addFiles(look, files, shownPeers, realPeers);
  if (files.length > FILES) look.problems.push({ path, message: `more than ${FILES} files` });
  return files.slice(0, FILES);
}

async function addFiles(look: Look, files: Wanted[], shown: string, real: string): Promise<void> {
  const [entries, local] = await Promise.all([list(look, real, shown), isLocal(real)]);
  for (const entry of entries) {
    if (!isYaml(entry)) continue;
    const [path, name] = [`${real}/${entry.name}`, join(shown, entry.name)];
    if (entry.isSymbolicLink()) files.push({ shown: name, real: await follow(look.trace, path) });
    else files.push({ shown: name, real: path, isLocal: local });
  }
}

/** Hidden names are editors' and Kubernetes' own (`.#a.yaml`, `..data`). */
function isYaml({ name }: Dirent): boolean {
  return name.endsWith(".yaml") && !name.startsWith(".");
}

async function list(look: Look, real: string, shown: string): Promise<Dirent[]> {
  look.trace.places.set(real, undefined);
  try {
    const entries = await readdir(real, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    look.problems.push({ path: shown, message: `cannot read the directory: ${fileFault(error)}` });
    return [];
  }
}

/** Several at a time, put together in their order. */
async function readAll(
  wanted: readonly Wanted[],
  texts: FileTexts,
  problems: FileProblem[],
  marks: string[],
): Promise<ConfigFile[]> {
  const outcomes: (ConfigFile | FileProblem | undefined)[] = wanted.map(() => undefined);
  const first = marks.length;
  for (const { shown } of wanted) marks.push(shown);
  const rest: number[] = [];
  for (const [i, { shown, real, isLocal }] of wanted.entries()) {
    if (i % SLICE === SLICE - 1) await new Promise((resolve) => setImmediate(resolve));
    const known = isLocal ? texts.known(real) : undefined;
    if (known) {
      marks[first + i] += ` ${markOf(known.found)}`;
      outcomes[i] = { path: shown, text: known.text };
    } else rest.push(i);
  }
  await forEach(rest, async (i) => {
    const { shown, real } = wanted[i]!;
    try {
      const { text, found } = await texts.read(real);
      marks[first + i] += ` ${markOf(found)}`;
      outcomes[i] = { path: shown, text };
    } catch (error) {
      outcomes[i] = { path: shown, message: `cannot read the file: ${fileFault(error)}` };
    }
  });
  const files: ConfigFile[] = [];
  for (const outcome of outcomes) {
    if (outcome && "text" in outcome) files.push(outcome);
    else if (outcome) problems.push(outcome);
  }
  return files;
}

/** Each place with what tells whether it is still the same directory. */
function directories({ trace }: Look): Map<string, string> {
  const marks = new Map(
    trace.marks.flatMap((line) => {
      const [, path, mark] = /^(.*) (\d+:\d+)$/.exec(line) ?? [];
      return path === undefined || mark === undefined ? [] : [[path, mark] as const];
    }),
  );
  return new Map([...trace.places.keys()].sort().map((directory) => [directory, marks.get(directory) ?? ""]));
}

function linksOf(marks: readonly string[]): Set<string> {
  const links = new Set<string>();
  for (const line of marks) {
    const at = line.indexOf(" -> ");
    if (at > 0) links.add(line.slice(0, at));
  }
  return links;
}
