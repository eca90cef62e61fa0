/** Files that belong to one running daemon: its lock, and small state that outlives it. */
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import koffi from "koffi";

const flock = koffi.load(null).func("int flock(int fd, int operation)");
const LOCK_EX = 2;
const LOCK_NB = 4;

export interface Lock {
  release(): void;
}

/**
 * Takes the lock of a file, which then holds our process id. The kernel releases it when the process ends in whatever
 * way, so there is no stale lock. Throws with the holder's id when another process has it.
 */
export function takeLock(path: string): Lock {
  mkdirSync(dirname(path), { recursive: true });
  const fd = openSync(path, "a+", 0o644);
  if (flock(fd, LOCK_EX | LOCK_NB) !== 0) {
    closeSync(fd);
    throw new Error(`Another daemon runs already: process ${readHolder(path)} holds ${path}`);
  }
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`);
  let held = true;
  return {
    // The file stays: removing it would let two processes lock two files of one name.
    release() {
      if (held) closeSync(fd);
      held = false;
    },
  };
}

function readHolder(path: string): string {
  try {
    return readFileSync(path, "latin1").trim() || "?";
  } catch {
    return "?";
  }
}

/** The value last saved; undefined when there is none or it is damaged. */
export function readState(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

/** Saves a JSON value so that a reader, or a power cut, meets the old or the new one whole. Throws what the file system says. */
export function writeState(path: string, value: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  const fd = openSync(temporary, "w", 0o600);
  try {
    try {
      writeSync(fd, `${JSON.stringify(value)}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
