/**
 * The datastore `files`: a file, or a directory with all that is below it, as `kubectl apply -R -f` would take it. An event
 * of the file system leads to one file being read; whatever is not a plain file in a directory that is known leads to a
 * look at everything.
 */
import { lstat } from "node:fs/promises";
import type { Datastore, DatastoreOptions, DatastoreStatus, Interest } from "../../confgen/datastore/datastore.ts";
import { type FileContent, type FileObject, parseDocuments } from "../../confgen/datastore/documents.ts";
import { createKnownObjects } from "../../confgen/datastore/known-objects.ts";
import type { Kind } from "../../confgen/resources/model.ts";
import { forEach } from "../files/at-once.ts";
import { fileFault } from "../files/places.ts";
import { createFileTexts } from "../files/texts.ts";
import { POLL_MS, watchPlaces } from "../files/watch-places.ts";
import { isDoubtful, statusOf } from "./files-status.ts";
import { createHolders } from "./holders.ts";
import { type Tree, walkTree } from "./tree.ts";

export interface FilesOptions extends DatastoreOptions {
  /** Quiet time before what changed is read. */
  readonly settleMs?: number;
  /** How long a file must stay empty or cut off before that is said. */
  readonly hushMs?: number;
  /** And before it is believed to be meant so. */
  readonly doubtMs?: number;
  /** As for `watchPlaces`. */
  readonly listedEntries?: number;
}

const SETTLE_MS = 20;
/** Changes that never rest are read all the same after so long. */
const PATIENCE_MS = 200;
/** A file that is being written is whole soon. One that a full disk has cut stays so until somebody has seen it. */
const HUSH_MS = 1000;
const DOUBT_MS = 30_000;
const FILE_OCTETS = 64 * 1024 * 1024;
/** The kernel drops events that are not taken in time: after so many at once everything is looked at. */
const EVENTS_TO_DOUBT = 2000;
/** Looks at a tree that keeps changing before it is taken as it was found. */
const LOOKS = 10;

/** A file as it was last read. */
interface Held {
  readonly text: string;
  /** Of the last text that could be read. */
  readonly content: (FileContent & { readonly ok: true }) | undefined;
  readonly fault: string | undefined;
  /** A text that may be half of one, and when it was first seen. */
  readonly doubted?: { readonly text: string; readonly sinceMs: number };
}

/** Events come when the call has returned. Never throws: what cannot be read is told as the status. */
export function openFilesDatastore(path: string, options: FilesOptions): Datastore {
  const { settleMs = SETTLE_MS, hushMs = HUSH_MS, doubtMs = DOUBT_MS } = options;
  const mapping = { node: options.node, podCidrs: options.podCidrs };
  const texts = createFileTexts(FILE_OCTETS);
  const files = new Map<string, Held>();
  const holders = createHolders();
  const known = createKnownObjects((event) => isClosed || options.onEvent(event));
  let interest: Interest = { secrets: [], services: false };
  let tree: Tree | undefined;
  let status: DatastoreStatus | undefined;
  let synced: Interest | undefined;
  /** Files to be read, by their real paths with those by which they were reached; whether everything is to be looked at. */
  let dirty = new Map<string, readonly string[]>();
  /** Names that may have become directories. */
  let names = new Set<string>();
  let isAllDirty = true;
  /** Keys of resources that may be others than those that were given. */
  let unsaid = new Set<string>();
  let isRead = false;
  let isHeard = true;
  /** The last look ended by a fault that nobody thought of. */
  let hasFailed = false;
  let events = 0;
  let timer: NodeJS.Timeout | undefined;
  let dueMs = Number.POSITIVE_INFINITY;
  let firstMs: number | undefined;
  let isClosed = false;
  let working: Promise<void> | undefined;

  const watcher = watchPlaces({
    onEvent: take,
    ...(options.listedEntries !== undefined && { listedEntries: options.listedEntries }),
  });

  function take(directory: string, name: string | undefined): void {
    if (isClosed) return;
    const place = tree && name !== undefined ? tree.place(directory, name) : undefined;
    if (place?.kind === "none") return;
    if (!place || place.kind === "all" || ++events > EVENTS_TO_DOUBT) isAllDirty = true;
    else if (place.kind === "name") names.add(place.real);
    else dirty.set(place.real, place.shown);
    const now = performance.now();
    firstMs ??= now;
    plan(Math.min(now + settleMs, firstMs + PATIENCE_MS), true);
  }

  /** Work at this time; `isLater` allows to put off what is planned. */
  function plan(atMs: number, isLater = false): void {
    if (isClosed || working || (!isLater && dueMs <= atMs)) return;
    clearTimeout(timer);
    dueMs = atMs;
    timer = setTimeout(start, Math.max(0, atMs - performance.now()));
  }

  function start(): void {
    clearTimeout(timer);
    dueMs = Number.POSITIVE_INFINITY;
    firstMs = undefined;
    hasFailed = false;
    working = work()
      .catch(fail)
      .finally(() => {
        working = undefined;
        if (isAllDirty || dirty.size > 0 || names.size > 0) plan(performance.now() + settleMs);
        else planLater();
      });
  }

  /** What was given stays; everything is looked at again when something changes, or after a while. */
  function fail(error: unknown): void {
    hasFailed = true;
    isAllDirty = false;
    if (!isClosed) sayStatus([`${path}: ${fileFault(error)}`]);
  }

  async function work(): Promise<void> {
    events = 0;
    const changed = unsaid;
    const [files, found] = [dirty, names];
    if (!isAllDirty) {
      dirty = new Map();
      names = new Set();
      for (const real of found) if (await isOther(real)) isAllDirty = true;
      for (const [real, shown] of files) await readChanged(real, shown, changed);
    }
    if (isAllDirty) await readAll(changed);
    if (isClosed) return;
    isRead = true;
    publish(changed);
    unsaid = new Set();
  }

  /** A file that came, changed or went. */
  async function readChanged(real: string, shown: readonly string[], changed: Set<string>): Promise<void> {
    const found = await lstat(real).catch(() => undefined);
    if (found && !found.isFile()) isAllDirty = true;
    for (const path of shown) {
      if (found?.isFile()) {
        tree!.files.set(path, real);
        await readOne(path, real, changed);
      } else if (!found) {
        tree!.files.delete(path);
        drop(path, changed);
      }
    }
  }

  /** First the watch, then the look that counts: no change falls between. */
  async function readAll(changed: Set<string>): Promise<void> {
    for (let looks = 0; looks < LOOKS && isAllDirty && !isClosed; looks++) {
      isAllDirty = false;
      dirty = new Map();
      names = new Set();
      const found = await walkTree(path);
      const isWatched = tree !== undefined && tree.watchKey === found.watchKey;
      tree = found;
      if (!isWatched) {
        isHeard = await watcher.set(found.directories);
        isAllDirty = true;
        continue;
      }
      await forEach([...found.files], ([shown, real]) => readOne(shown, real, changed));
      texts.forgetOthers();
      // What stands where something could not be read stays.
      for (const shown of files.keys())
        if (!found.files.has(shown) && !found.faults.some((fault) => isBelow(shown, fault.path))) drop(shown, changed);
    }
  }

  async function readOne(shown: string, real: string, changed: Set<string>): Promise<void> {
    const before = files.get(shown);
    let text: string;
    try {
      ({ text } = await texts.read(real));
    } catch (error) {
      // One that went since it was found causes another event.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      hold(shown, { ...(before ?? NOTHING), fault: `${shown}: cannot read the file: ${fileFault(error)}` }, changed);
      return;
    }
    if (before && before.text === text && !before.doubted && !before.fault) return;
    if (before?.content && isDoubtful(before.text, text)) {
      const doubted = before.doubted?.text === text ? before.doubted : { text, sinceMs: performance.now() };
      if (performance.now() - doubted.sinceMs < doubtMs) {
        hold(shown, { ...before, doubted }, changed);
        return;
      }
    }
    const content = parseDocuments(text, mapping, before?.content?.parts);
    const held: Held = content.ok
      ? { text, content, fault: undefined }
      : { text, content: before?.content, fault: `${shown}:${content.line}: ${content.message}` };
    hold(shown, held, changed);
  }

  function hold(shown: string, held: Held, changed: Set<string>): void {
    const before = files.get(shown)?.content;
    files.set(shown, held);
    if (before !== held.content) holders.replace(shown, before?.objects ?? [], held.content?.objects ?? [], changed);
  }

  function drop(shown: string, changed: Set<string>): void {
    holders.replace(shown, files.get(shown)?.content?.objects ?? [], [], changed);
    files.delete(shown);
  }

  /** A text that is doubted is looked at again when the time is over, and all where events are not heard. */
  function planLater(): void {
    if (!isHeard || hasFailed) {
      isAllDirty = true;
      plan(performance.now() + POLL_MS);
    }
    for (const [shown, { doubted }] of files)
      if (doubted) {
        const real = tree?.files.get(shown);
        if (real === undefined) continue;
        dirty.set(real, [shown]);
        plan(doubted.sinceMs + (isSaid(doubted.sinceMs) ? doubtMs : hushMs));
      }
  }

  function publish(changed: Iterable<string>): void {
    for (const key of changed) say(key);
    sayStatus(faultsNow());
    if (synced === interest || (synced === undefined && !isWhole())) return;
    synced = interest;
    options.onEvent({ type: "synced", wanted: interest });
  }

  /** A file that was never readable may hold anything: at the start, what there is without it must not count as all. */
  function isWhole(): boolean {
    return tree?.faults.length === 0 && [...files.values()].every(({ content }) => content !== undefined);
  }

  function say(key: string): void {
    const winner = holders.first(key);
    const [kind, name] = split(key);
    if (!winner || !isWanted(winner.object)) known.delete(kind, name);
    else {
      const { object, line, version } = winner.object;
      known.set({ kind, name, object, origin: `${winner.path}:${line}` }, version);
    }
  }

  function isWanted({ kind, name }: FileObject): boolean {
    if (kind === "Secret") return interest.secrets.includes(name);
    if (kind === "Service" || kind === "EndpointSlice") return interest.services;
    return kind !== "BlockAffinity" || !options.podCidrs;
  }

  function faultsNow(): string[] {
    const unread = [...files.values()].flatMap(({ fault }) => fault ?? []);
    const missing = (tree?.faults ?? []).map((fault) => `${fault.path}: ${fault.message}`);
    return [...missing, ...unread.sort(), ...holders.duplicates()];
  }

  function isSaid(sinceMs: number): boolean {
    return performance.now() - sinceMs >= hushMs;
  }

  function sayStatus(faults: readonly string[]): void {
    const doubts = [...files].flatMap(([shown, { doubted }]) =>
      doubted && isSaid(doubted.sinceMs) ? [{ shown, text: doubted.text, untilMs: doubted.sinceMs + doubtMs }] : [],
    );
    const next = statusOf(faults, doubts);
    if (status && JSON.stringify(status) === JSON.stringify(next)) return;
    status = next;
    options.onEvent({ type: "status", status });
  }

  queueMicrotask(start);
  return {
    want(wanted) {
      interest = wanted;
      if (isRead && !isClosed) publish(holders.keysOf(["Secret", "Service", "EndpointSlice"]));
    },
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await working;
      await watcher.close();
    },
  };
}

const NOTHING: Held = { text: "", content: undefined, fault: undefined };

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** Whether it is something else than a plain file: a directory, or a link that may lead to one. */
async function isOther(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found !== undefined && !found.isFile();
}

function split(key: string): [Kind, string] {
  const at = key.indexOf("/");
  return [key.slice(0, at) as Kind, key.slice(at + 1)];
}
