/** A lock that goes with its process, and a sync of a whole file system: two calls that Node does not offer. */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import koffi from "koffi";

// The running process already has the C library, glibc or musl, so no file name is needed.
const libc = koffi.load(null);
const cFlock = libc.func("int flock(int fd, int operation)");
const cSyncfs = libc.func("int syncfs(int fd)");

const LOCK_EX = 2;
const LOCK_NB = 4;

export interface FileLock {
  release(): void;
}

/**
 * Takes the file as a lock (flock): the kernel frees it when the process ends, however it ends. The file stays, for who
 * removed it would let two processes hold two files of one name. Throws where another process has it.
 */
export function lockFile(path: string): FileLock {
  const fd = openSync(path, "a+", 0o600);
  if (cFlock(fd, LOCK_EX | LOCK_NB) !== 0) {
    const holder = readFileSync(path, "utf8").trim();
    closeSync(fd);
    throw new Error(`${path}: another process${holder === "" ? "" : ` (${holder})`} writes there`);
  }
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`);
  return { release: () => closeSync(fd) };
}

/** Everything written on the file system of the path is on disk when this resolves. */
export async function syncFileSystem(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    const outcome = await new Promise<number>((resolve, reject) => {
      cSyncfs.async(handle.fd, (error: Error | null, result: number) => (error ? reject(error) : resolve(result)));
    });
    if (outcome !== 0) throw new Error(`${path}: the file system cannot be synced`);
  } finally {
    await handle.close();
  }
}
