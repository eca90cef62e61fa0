/** Watches a configuration and hands out whole sets of files, once they have come to rest. */
import { basename, dirname, join } from "node:path";
import { type FSWatcher, watch } from "chokidar";
import { type ConfigFile, type ConfigSnapshot, type FileProblem, readConfigFiles } from "./config-files.ts";

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
  /** Reads now, as on SIGHUP; resolves when the outcome has been reported. */
  reread(): Promise<void>;
  /** Further files (secrets) whose changes count from now on; replaces those named before. */
  watchAlso(paths: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

const SETTLE_MS = 50;
/** Events that may each start the quiet time anew. */
const POSTPONEMENTS = 1000;
/** Looks at files that keep changing before what is there is taken as a problem. */
const LOOKS = 20;

/** Resolves when changes are being noticed and the present state has been reported. */
export async function watchConfig(path: string, options: ConfigWatchOptions): Promise<ConfigWatch> {
  const settleMs = options.settleMs ?? SETTLE_MS;
  let reported = options.known && contentOf({ files: options.known, secrets: [] });
  let lastProblem = "";
  let also: readonly string[] = [];
  let watcher: FSWatcher | undefined;
  let watched = "";
  let timer: NodeJS.Timeout | undefined;
  let postponed = 0;
  let closed = false;
  let work = Promise.resolve();

  /** One look after another, never two at once. */
  function reread(): Promise<void> {
    clearTimeout(timer);
    postponed = 0;
    work = work.then(look, look);
    return work;
  }

  /** Each event starts the quiet time anew, but files that never rest are read all the same. */
  function soon(): void {
    if (closed || postponed === POSTPONEMENTS) return;
    clearTimeout(timer);
    postponed++;
    timer = setTimeout(() => void reread(), settleMs);
  }

  async function look(): Promise<void> {
    let snapshot = await readConfigFiles(path, also);
    for (let looks = 1; ; looks++) {
      if (closed) return;
      // First the watch, then the look that counts: no change falls between.
      await follow(snapshot);
      const again = await readConfigFiles(path, also);
      const calm = again.identity === snapshot.identity && contentOf(again) === contentOf(snapshot);
      snapshot = again;
      if (calm || looks === LOOKS) break;
    }
    if (!closed) report(snapshot);
  }

  function report(snapshot: ConfigSnapshot): void {
    const { files, problems } = snapshot;
    const problem = JSON.stringify(problems);
    if (problems.length > 0) {
      if (problem !== lastProblem) options.onProblem(problems);
      lastProblem = problem;
      return;
    }
    lastProblem = "";
    const content = contentOf(snapshot);
    if (content === reported) return;
    reported = content;
    options.onChange(files);
  }

  /** Watches the places of the snapshot; a new watcher where a directory was replaced, since the old one saw its inode. */
  async function follow(snapshot: ConfigSnapshot): Promise<void> {
    const directories = [...snapshot.places.keys()].sort();
    const wanted = JSON.stringify([directories, directoryMarks(snapshot)]);
    if (wanted === watched) return;
    watched = wanted;
    const { places } = snapshot;
    const matters = (file: string) => {
      const directory = dirname(file);
      return places.has(file) || (places.has(directory) && (places.get(directory)?.has(basename(file)) ?? true));
    };
    const previous = watcher;
    const next = watch(directories, {
      depth: 0,
      ignoreInitial: true,
      followSymlinks: false,
      ignored: (file) => !matters(file),
    });
    watcher = next;
    // The raw event comes for every entry of a directory, also for links and for names that were not there before.
    next.on("raw", (_event, name, details: unknown) => {
      const place = (details as { watchedPath?: string }).watchedPath ?? "";
      if (!name || matters(join(place, name)) || matters(place)) soon();
    });
    next.on("all", soon);
    next.on("error", soon);
    // A directory that may not be read gives an error in place of readiness.
    await new Promise<void>((resolve) => {
      next.once("ready", () => resolve());
      next.once("error", () => resolve());
    });
    await previous?.close();
  }

  await reread();
  return {
    reread,
    watchAlso(paths) {
      also = [...paths];
      return reread();
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await work;
      await watcher?.close();
    },
  };
}

function contentOf({ files, secrets }: Pick<ConfigSnapshot, "files" | "secrets">): string {
  return JSON.stringify([files, secrets].map((list) => list.map((file) => [file.path, file.text])));
}

function directoryMarks(snapshot: ConfigSnapshot): string[] {
  return snapshot.identity.split("\n").filter((line) => / (-> |\d+:\d+$)/.test(line));
}
