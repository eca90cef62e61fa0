/**
 * Generations of configuration files on disk:
 *
 *     OUT/current -> generations/17      what the daemon is started with: the last good generation
 *     OUT/generations/17/router.yaml     one generation; never changes while `current` leads to it
 *     OUT/generations/16, 15             for readers that came by an older link, and to look back at
 *     OUT/.lock                          who writes here
 *
 * A generation is made beside the others and comes into force by one rename of the link, after all of it is on disk.
 * Whenever the process or the machine dies, `current` leads to a whole generation, the one before or the one after.
 * Unchanged files are hard links. To make 1000 links and remove 1000 of an old generation takes 18 ms of processor time;
 * so the generation that would be removed is taken for the next one, and only what differs in it is done.
 */
import { closeSync, fchmodSync, linkSync, openSync, unlinkSync, writeFileSync } from "node:fs";
import { lstat, mkdir, open, readdir, readFile, readlink, rename, rm, stat, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { GeneratedFile } from "../../confgen/generation.ts";
import { forEach } from "../files/at-once.ts";
import { lockFile, syncFileSystem } from "./file-lock.ts";
import { makeFolder } from "./folders.ts";

export interface Generations {
  /** What `current` held when this was opened, in order of the paths; empty where there was none. */
  readonly previous: readonly GeneratedFile[];
  /**
   * Makes these files the current generation. One write at a time. Throws what the file system throws; `current` is then
   * as it was, and the next write begins anew.
   */
  write(files: readonly GeneratedFile[]): Promise<WrittenGeneration>;
  close(): Promise<void>;
}

export interface WrittenGeneration {
  readonly number: number;
  /** False: the current generation has these files already, and nothing was written. */
  readonly isNew: boolean;
  /** Paths of files that were written, and those that are no more. */
  readonly written: readonly string[];
  readonly removed: readonly string[];
}

export interface GenerationsOptions {
  /** Called before each step that changes the disk. A test throws here as a crash would end us. */
  readonly onStep?: (step: string) => void;
}

type Files = ReadonlyMap<string, GeneratedFile>;

/** A generation's folder. Files are not known of those that another process made. */
interface Slot {
  readonly number: number;
  readonly files: Files | undefined;
}

/** Generations that stay behind the current one. */
const KEPT = 2;
/** From so many new files on, the file system is synced as a whole: an fsync of each would take longer. */
const SYNC_ALL_FROM = 16;
/** Files made in one turn of the event loop. */
const SLICE = 64;
const NEXT = ".next";
const DIRECTORY_MODE = 0o750;
const FILE_MODE = 0o640;
const SECRET_MODE = 0o600;

/** Opens the folder for writing, and removes what a process that died has left. Throws where another process writes there. */
export async function openGenerations(out: string, options: GenerationsOptions = {}): Promise<Generations> {
  const step = options.onStep ?? (() => undefined);
  const root = join(out, "generations");
  // Before anything is made in it: it may be the folder of something else.
  await mustBeOurs(out, root, await presentNumber(out));
  await makeFolder(root, DIRECTORY_MODE);
  const lock = lockFile(join(out, ".lock"));
  try {
    const present = await presentNumber(out);
    const slots = await tidy(root, present);
    const previous = present === undefined ? [] : await readGeneration(join(root, `${present}`));
    if (present !== undefined) slots.push({ number: present, files: byPath(previous) });
    return writerOf(out, root, slots, previous, step, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/**
 * The files that `current` leads to, of a folder that cannot be written; empty where there is none. Throws what the file
 * system throws.
 */
export async function readCurrent(out: string): Promise<readonly GeneratedFile[]> {
  const present = await presentNumber(out);
  return present === undefined ? [] : readGeneration(join(out, "generations", `${present}`));
}

function writerOf(
  out: string,
  root: string,
  slots: Slot[],
  previous: readonly GeneratedFile[],
  step: (name: string) => void,
  lock: { release(): void },
): Generations {
  const next = join(root, NEXT);
  /** The write that runs, or ran last. Never rejects. */
  let writing: Promise<unknown> = Promise.resolve();

  /** A folder for the next generation, with what stands in it. */
  async function prepare(): Promise<Map<string, GeneratedFile>> {
    const oldest = slots.length > KEPT ? slots[0] : undefined;
    step("remove leftovers");
    await rm(next, { recursive: true, force: true });
    if (oldest) {
      step("take the oldest generation");
      await rename(join(root, `${oldest.number}`), next);
      slots.shift();
      if (oldest.files) return new Map(oldest.files);
      await rm(next, { recursive: true, force: true });
    }
    await mkdir(next, { mode: DIRECTORY_MODE });
    return new Map();
  }

  async function write(files: readonly GeneratedFile[]): Promise<WrittenGeneration> {
    const now = slots.at(-1);
    const current: Files = now?.files ?? new Map();
    const wanted = byPath(files);
    const removed = [...current.keys()].filter((path) => !wanted.has(path));
    const written = files.filter((file) => !isSame(current.get(file.path), file)).map(({ path }) => path);
    if (now && written.length === 0 && removed.length === 0)
      return { number: now.number, isNew: false, written, removed };

    const there = await prepare();
    const touched = await change(
      next,
      there,
      wanted,
      now && { folder: join(root, `${now.number}`), files: current },
      step,
    );
    // Of a first generation nothing of before can be lost; it need not wait for a disk that others keep busy.
    if (written.length < SYNC_ALL_FROM)
      await Promise.all([...written.map((path) => join(next, path)), ...touched].map(sync));
    else if (now) await syncFileSystem(next);
    const number = (now?.number ?? 0) + 1;
    const folder = join(root, `${number}`);
    // A write that failed after this step has left one of that name. `current` may lead to it where only the last sync
    // failed: then the generation before comes into force again until the new one does.
    if (await isThere(folder)) {
      step("remove what never came into force");
      if (now) await switchTo(out, now.number, step);
      await rm(folder, { recursive: true });
    }
    step("name the generation");
    await rename(next, folder);
    await sync(root);
    await switchTo(out, number, step);
    slots.push({ number, files: wanted });
    return { number, isNew: true, written, removed };
  }

  return {
    previous,
    write(files) {
      const written = write(files);
      writing = written.catch(() => undefined);
      return written;
    },
    async close() {
      // Another process must not write beside it.
      await writing;
      lock.release();
    },
  };
}

/** Makes of a folder that holds `there` one that holds `wanted`. Returns the folders whose entries changed. */
async function change(
  folder: string,
  there: ReadonlyMap<string, GeneratedFile>,
  wanted: Files,
  current: { readonly folder: string; readonly files: Files } | undefined,
  step: (name: string) => void,
): Promise<ReadonlySet<string>> {
  const touched = new Set<string>([folder]);
  const gone = [...there.keys()].filter((path) => !wanted.has(path));
  const fresh = [...wanted.values()].filter((file) => !isSame(there.get(file.path), file));
  for (const directory of new Set(fresh.map(({ path }) => dirname(path))))
    if (directory !== ".") await makeFolder(join(folder, directory), DIRECTORY_MODE);
  await inSlices(gone, (path) => {
    step(`remove ${path}`);
    unlinkSync(join(folder, path));
    touched.add(dirname(join(folder, path)));
  });
  await inSlices(fresh, (file) => {
    const to = join(folder, file.path);
    touched.add(dirname(to));
    // Never written in place: the inode belongs to other generations too.
    if (there.has(file.path)) unlinkSync(to);
    step(`make ${file.path}`);
    if (current && isSame(current.files.get(file.path), file)) linkSync(join(current.folder, file.path), to);
    else create(to, file);
  });
  return touched;
}

/**
 * Each item in turn, and a turn of the event loop after so many. A call that waits for its answer takes 15 µs for a small
 * file, of which the disk hears later; one that does not takes ten times that.
 */
async function inSlices<T>(items: readonly T[], run: (item: T) => void): Promise<void> {
  for (let at = 0; at < items.length; at += SLICE) {
    if (at > 0) await new Promise((resolve) => setImmediate(resolve));
    for (const item of items.slice(at, at + SLICE)) run(item);
  }
}

function create(path: string, { text, secret }: GeneratedFile): void {
  const mode = secret ? SECRET_MODE : FILE_MODE;
  const fd = openSync(path, "wx", mode);
  try {
    writeFileSync(fd, text);
    // Whatever the umask is: by its mode a secret file is known again.
    if ((process.umask() & mode) !== 0) fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
}

/** The one step by which a generation comes into force. */
async function switchTo(out: string, number: number, step: (name: string) => void): Promise<void> {
  const draft = join(out, ".current");
  await rm(draft, { force: true });
  step("make the link");
  await symlink(join("generations", `${number}`), draft);
  step("switch the link");
  await rename(draft, join(out, "current"));
  step("sync the link");
  await sync(out);
}

/** The generation that `current` leads to; undefined where it leads nowhere. Throws where it is no link of ours. */
async function presentNumber(out: string): Promise<number | undefined> {
  const path = join(out, "current");
  const target = await readlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw new Error(error.code === "EINVAL" ? `${path} is not a symbolic link: move it away` : error.message);
  });
  if (target === undefined) return undefined;
  const [, number] = /^generations\/(\d+)$/.exec(target) ?? [];
  if (number === undefined) throw new Error(`${path} leads to ${target}, which is no generation: move it away`);
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ? Number(number) : undefined;
}

async function isThere(folder: string): Promise<boolean> {
  return (await lstat(folder).catch(() => undefined)) !== undefined;
}

/** Throws where there are generations of which none was ever ours: tidying would remove what is somebody else's. */
async function mustBeOurs(out: string, root: string, present: number | undefined): Promise<void> {
  if (present !== undefined || (await stat(join(out, ".lock")).catch(() => undefined))) return;
  const names = await readdir(root).catch(() => []);
  if (names.length > 0) throw new Error(`${root} holds something else (${names[0]}): give another folder than ${out}`);
}

/** Removes drafts, generations that never came into force, and those that are too old. Returns what stays before the present. */
async function tidy(root: string, present: number | undefined): Promise<Slot[]> {
  const names = await readdir(root);
  const numbers = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const kept = numbers
    .filter((number) => number < (present ?? 0))
    .sort((a, b) => a - b)
    .slice(-KEPT);
  for (const name of names)
    if (Number(name) !== present && !kept.includes(Number(name)))
      await rm(join(root, name), { recursive: true, force: true });
  return kept.map((number) => ({ number, files: undefined }));
}

/** All files below, in order of their paths. */
async function readGeneration(folder: string): Promise<GeneratedFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files: GeneratedFile[] = [];
  await forEach(paths, async (path) => {
    const [text, { mode }] = await Promise.all([readFile(path, "utf8"), stat(path)]);
    files.push({ path: path.slice(folder.length + 1), text, secret: (mode & 0o777) === SECRET_MODE });
  });
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function byPath(files: readonly GeneratedFile[]): Files {
  return new Map(files.map((file) => [file.path, file]));
}

function isSame(a: GeneratedFile | undefined, b: GeneratedFile): boolean {
  return a === b || (a !== undefined && a.text === b.text && a.secret === b.secret);
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
