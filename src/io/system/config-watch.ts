/** Watches a configuration and hands out whole sets of files, once they have come to rest. */
import { join } from "node:path";
import type { Places } from "../files/places.ts";
import { POLL_MS, watchPlaces } from "../files/watch-places.ts";
import {
  type ConfigFile,
  type ConfigSnapshot,
  createConfigTexts,
  type FileProblem,
  type FoundFiles,
  findConfigFiles,
  readFound,
} from "./config-files.ts";

export interface ConfigWatchOptions {
  /** The configuration's files, where they or those watched beside them differ from the set before. */
  readonly onChange: (files: readonly ConfigFile[]) => void;
  /** The files cannot be read now; what was read before stays in force. Said once per cause. */
  readonly onProblem: (problems: readonly FileProblem[]) => void;
  /** What the caller has read already: only differences from it are reported. */
  readonly known?: readonly ConfigFile[];
  /** Quiet time before the files are read: editors and tools write in several steps. */
  readonly settleMs?: number;
}

export interface ConfigWatch {
  /** Reads now, as on SIGHUP, every file anew; resolves when the outcome has been reported. */
  reread(): Promise<void>;
  /** Further files (secrets) whose changes count from now on; replaces those named before. */
  watchAlso(paths: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

const SETTLE_MS = 50;
/** The same where a link on the way is switched: what is switched to has been written before. */
const SWITCH_MS = 5;
/** Events that may each start the quiet time anew. */
const POSTPONEMENTS = 1000;
/** Looks at files that keep changing before what is there is taken as a problem. */
const LOOKS = 20;

type Content = Pick<ConfigSnapshot, "files" | "secrets">;

/** Resolves when changes are being noticed and the present state has been reported. */
export async function watchConfig(path: string, options: ConfigWatchOptions): Promise<ConfigWatch> {
  const settleMs = options.settleMs ?? SETTLE_MS;
  const texts = createConfigTexts();
  let reported: Content | undefined = options.known && { files: options.known, secrets: [] };
  let lastProblem = "";
  let also: readonly string[] = [];
  let places: Places = new Map();
  let links: ReadonlySet<string> = new Set();
  let timer: NodeJS.Timeout | undefined;
  let postponed = 0;
  let closed = false;
  let isHeard = true;
  /** Something changed since the look began. */
  let isDisturbed = false;
  let watched = "";
  let work = Promise.resolve();
  const watcher = watchPlaces({
    onEvent: (directory, name) => {
      if (name !== undefined && links.has(join(directory, name))) soon(Math.min(settleMs, SWITCH_MS));
      else if (name === undefined || matters(places, directory, name)) soon(settleMs);
    },
  });

  /** One look after another, never two at once. */
  function lookAgain(): Promise<void> {
    clearTimeout(timer);
    postponed = 0;
    work = work.then(look, look);
    return work;
  }

  /** Each event starts the quiet time anew, but files that never rest are read all the same. */
  function soon(delayMs: number): void {
    isDisturbed = true;
    if (closed || postponed === POSTPONEMENTS) return;
    clearTimeout(timer);
    postponed++;
    timer = setTimeout(() => void lookAgain(), delayMs);
  }

  async function look(): Promise<void> {
    let snapshot: ConfigSnapshot | undefined;
    for (let looks = 0; looks < LOOKS && !closed; looks++) {
      clearTimeout(timer);
      isDisturbed = false;
      const found = await watchFound();
      const before = snapshot;
      snapshot = await readFound(found, texts);
      // What changed meanwhile has been told after this, where it is told at all.
      await turn();
      if (isHeard ? !isDisturbed : before?.identity === snapshot.identity) break;
    }
    if (closed) return;
    if (!isHeard) poll();
    if (snapshot) report(snapshot);
  }

  /** First the watch, then the look that counts: no change falls between. */
  async function watchFound(): Promise<FoundFiles> {
    let found = await findConfigFiles(path, also);
    for (let looks = 0; looks < LOOKS && !closed; looks++) {
      ({ places, links } = found);
      const wanted = JSON.stringify([...found.directories]);
      if (wanted === watched) return found;
      watched = wanted;
      isHeard = await watcher.set(found.directories);
      const again = await findConfigFiles(path, also);
      const isSettled = again.identity === found.identity;
      found = again;
      if (isSettled) return found;
    }
    return found;
  }

  function poll(): void {
    clearTimeout(timer);
    timer = setTimeout(() => void lookAgain(), POLL_MS);
  }

  function report(snapshot: ConfigSnapshot): void {
    const { files, secrets, problems } = snapshot;
    const problem = JSON.stringify(problems);
    if (problems.length > 0) {
      if (problem !== lastProblem) options.onProblem(problems);
      lastProblem = problem;
      return;
    }
    lastProblem = "";
    if (reported && isSame(snapshot, reported)) return;
    reported = { files, secrets };
    options.onChange(files);
  }

  await lookAgain();
  return {
    reread() {
      texts.clear();
      return lookAgain();
    },
    watchAlso(paths) {
      also = [...paths];
      return lookAgain();
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await work;
      await watcher.close();
    },
  };
}

/** Events that wait are told, and what they cause is done. */
async function turn(): Promise<void> {
  for (let turns = 0; turns < 2; turns++) await new Promise((resolve) => setImmediate(resolve));
}

/** An entry that is watched, a directory that is one, or any entry of a directory that is listed. */
function matters(places: Places, directory: string, name: string): boolean {
  if (places.has(join(directory, name))) return true;
  return places.has(directory) && (places.get(directory)?.has(name) ?? true);
}

function isSame(a: Content, b: Content): boolean {
  return isSameList(a.files, b.files) && isSameList(a.secrets, b.secrets);
}

function isSameList(a: readonly ConfigFile[], b: readonly ConfigFile[]): boolean {
  return a.length === b.length && a.every(({ path, text }, i) => path === b[i]!.path && text === b[i]!.text);
}
