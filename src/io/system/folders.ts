/** Folders that a program makes for its own files. */
import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Makes the folder and those above it that are missing. Throws an Error that names the folder that cannot be made and why.
 * (Node's own recursive mkdir never ends where a folder that is there refuses new entries with ENOENT, as those of /proc do.)
 */
export async function makeFolder(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && (await isFolder(path))) return;
    const parent = dirname(path);
    if (code !== "ENOENT" || parent === path || (await isFolder(parent)))
      throw new Error(`${path}: the folder cannot be made: ${reasonOf(error as NodeJS.ErrnoException)}`);
    await makeFolder(parent, mode);
    // The parent is there now: what is thrown this time is final.
    await makeFolder(path, mode);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "not permitted there",
  EROFS: "the file system is read-only",
  ENOTDIR: "what is above it is no folder",
  EEXIST: "something else has this name",
  ENOSPC: "the disk is full",
  ENOENT: "what is above it takes no folders",
};

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  return REASONS[code ?? ""] ?? message;
}
