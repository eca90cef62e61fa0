/** Reads a configuration: one file, or a directory's `*.yaml` and `peers/*.yaml`. */
import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { forEach } from "../files/at-once.ts";
import { addTrace, createTrace, fileFault, follow, markOf, type Places, type Trace } from "../files/places.ts";
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
  /** The directories among it, with the links on the way to them: where they differ, others are to be watched. */
  readonly directories: ReadonlyMap<string, string>;
  /** Directories whose events matter, with the names that matter in them; undefined stands for every name. */
  readonly places: Places;
}

const FILE_OCTETS = 64 * 1024 * 1024;
const FILES = 20_000;

/** Remembers the texts of files that did not change since. */
export function createConfigTexts(): FileTexts {
  return createFileTexts(FILE_OCTETS);
}

/** Reads everything; never throws. `also` are further files, those that hold secrets. */
export async function readConfigFiles(
  path: string,
  also: readonly string[] = [],
  texts: FileTexts = createConfigTexts(),
): Promise<ConfigSnapshot> {
  const look: Look = { trace: createTrace(), problems: [] };
  const wanted = await find(look, path);
  const files = await readAll(look, wanted, texts);
  // Faults of secrets are not those of the configuration.
  const aside: Look = { trace: look.trace, problems: [] };
  const secrets = await readAll(
    aside,
    also.map((shown) => ({ shown, real: resolve(shown), isDirect: false })),
    texts,
  );
  texts.forgetOthers();
  const { marks, places } = look.trace;
  return {
    files,
    secrets,
    problems: look.problems,
    identity: marks.join("\n"),
    directories: directories(look),
    places,
  };
}

interface Look {
  readonly trace: Trace;
  readonly problems: FileProblem[];
}

interface Wanted {
  readonly shown: string;
  readonly real: string;
  /** No symbolic link: nothing is to be followed. */
  readonly isDirect: boolean;
}

/**
 * The files to read. The path is followed once, and all are read below where it led: where a link on the way is switched
 * meanwhile, they are still those of one directory.
 */
async function find(look: Look, path: string): Promise<Wanted[]> {
  const real = await follow(look.trace, resolve(path));
  const found = await stat(real).catch(() => undefined);
  if (!found?.isDirectory()) return [{ shown: path, real: resolve(path), isDirect: false }];
  const entries = await list(look, real, path);
  const files = entries.filter(isYaml).map((entry) => wantedOf(entry, path, real));
  const shownPeers = join(path, "peers");
  const realPeers = await follow(look.trace, join(real, "peers"));
  const foundPeers = await stat(realPeers).catch(() => undefined);
  const peers = foundPeers?.isDirectory() ? await list(look, realPeers, shownPeers) : [];
  for (const entry of peers) if (isYaml(entry)) files.push(wantedOf(entry, shownPeers, realPeers));
  if (files.length > FILES) look.problems.push({ path, message: `more than ${FILES} files` });
  return files.slice(0, FILES);
}

function wantedOf(entry: Dirent, shown: string, real: string): Wanted {
  return { shown: join(shown, entry.name), real: join(real, entry.name), isDirect: !entry.isSymbolicLink() };
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

/** Several at a time; what they met is put together in their order, so that equal looks are equal. */
async function readAll(look: Look, wanted: readonly Wanted[], texts: FileTexts): Promise<ConfigFile[]> {
  const outcomes = wanted.map(() => ({ trace: createTrace() }) as Outcome);
  await forEach(wanted, async ({ shown, real, isDirect }, i) => {
    const outcome = outcomes[i]!;
    try {
      const { text, found } = await texts.read(isDirect ? real : await follow(outcome.trace, real));
      outcome.trace.marks.push(`${shown} ${markOf(found)}`);
      outcome.file = { path: shown, text };
    } catch (error) {
      outcome.trace.marks.push(`${shown} unreadable`);
      outcome.problem = { path: shown, message: `cannot read the file: ${fileFault(error)}` };
    }
  });
  for (const { trace, problem } of outcomes) {
    addTrace(look.trace, trace);
    if (problem) look.problems.push(problem);
  }
  return outcomes.flatMap(({ file }) => file ?? []);
}

interface Outcome {
  readonly trace: Trace;
  file?: ConfigFile;
  problem?: FileProblem;
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
