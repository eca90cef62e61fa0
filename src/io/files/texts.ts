/** Texts of files, read again only where they may have changed. */
import { type Stats, stat, statSync } from "node:fs";
import { readFile } from "node:fs/promises";

export interface FileTexts {
  /** Throws what the file system throws, and where it is no regular file or too large. */
  read(path: string): Promise<FileText>;
  /**
   * The text of a file that did not change since it was read; undefined: it is to be read, or fails to be. It waits for the file
   * system (3 µs, against 15 of `read`), so the path must be on one that does not wait for anybody else.
   */
  known(path: string): FileText | undefined;
  /** Forgets texts that were not read since the last call. */
  forgetOthers(): void;
  /** The next read of each file is one from the disk. */
  clear(): void;
}

export interface FileText {
  readonly text: string;
  readonly found: Stats;
}

interface Known extends FileText {
  readonly path: string;
  /** By `Date.now` before the text was read. */
  readonly readAtMs: number;
  round: number;
}

/**
 * A file that is written twice within one tick of the kernel's coarse clock has one time for both, so a text that was read
 * so soon after the change is not relied on. Two seconds are the coarsest times of any file system.
 */
const SETTLED_MS = 2000;

/**
 * A text is known by the file's inode, size and times, so that a hard link of a file that is known is not read again,
 * wherever it stands. Making a link changes the inode's ctime: that is compared where the path is the same.
 */
export function createFileTexts(maxOctets: number): FileTexts {
  const known = new Map<string, Known>();
  let round = 0;

  function unchanged(found: Stats, path: string): Known | undefined {
    const before = known.get(`${found.dev}:${found.ino}`);
    if (!before || !isUnchanged(before, found, path)) return undefined;
    before.round = round;
    return before;
  }
  return {
    known(path) {
      let found: Stats;
      try {
        found = statSync(path);
      } catch {
        return undefined;
      }
      const before = found.isFile() ? unchanged(found, path) : undefined;
      return before && { text: before.text, found };
    },
    async read(path) {
      const found = await statOf(path);
      if (found.isDirectory()) throw new Error("it is a directory");
      if (!found.isFile()) throw new Error("it is not a regular file");
      if (found.size > maxOctets) throw new Error(`it is larger than ${maxOctets} octets`);
      const same = unchanged(found, path);
      if (same) return { text: same.text, found };
      const key = `${found.dev}:${found.ino}`;
      const before = known.get(key);
      const readAtMs = Date.now();
      const text = await readFile(path, "utf8");
      // The same string where the content is the same: comparing it costs nothing then.
      const kept = before?.text === text ? before.text : text;
      known.set(key, { text: kept, found, path, readAtMs, round });
      return { text: kept, found };
    },
    forgetOthers() {
      for (const [key, entry] of known) if (entry.round !== round) known.delete(key);
      round++;
    },
    clear() {
      known.clear();
    },
  };
}

/** By callback: a thousand files take 8 ms of processor time so, and 14 by the promises of the file system. */
function statOf(path: string): Promise<Stats> {
  return new Promise((resolve, reject) => {
    stat(path, (error, found) => (error ? reject(error) : resolve(found)));
  });
}

function isUnchanged(before: Known, found: Stats, path: string): boolean {
  const was = before.found;
  if (was.size !== found.size || was.mtimeMs !== found.mtimeMs) return false;
  // Another file that was given the same inode; its mtime may have been set by who copied it.
  if (was.birthtimeMs !== found.birthtimeMs) return false;
  if (before.readAtMs - was.mtimeMs < SETTLED_MS) return false;
  return before.path !== path || (was.ctimeMs === found.ctimeMs && before.readAtMs - was.ctimeMs >= SETTLED_MS);
}
