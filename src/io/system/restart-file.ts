import { readFileSync } from "node:fs";
import { rename, unlink, writeFile } from "node:fs/promises";
import type { Log, RestartMemory } from "../../daemon/ports.ts";

/** A restart memory as a file; in /run, for it means nothing after a reboot. */
export interface RestartFile extends RestartMemory {
  /** What was last saved or forgotten has been done. */
  flush(): Promise<void>;
}

const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/**
 * Reads what the process before left. Its first line says when it was written: the boot, and the milliseconds of the
 * monotonic clock, which no change of the date moves. Never throws: without the file each start is a cold one. Its
 * folder is there already, for the control socket is in it.
 */
export function openRestartFile(path: string, log: Log): RestartFile {
  const boot = read(BOOT_ID)?.trim() ?? "";
  const stored = read(path);
  /** The text, null for no file; undefined: nothing to do. */
  let wanted: string | null | undefined;
  let isThere = stored !== undefined;
  let working: Promise<void> | undefined;
  let lastFailure = "";

  async function work(): Promise<void> {
    while (wanted !== undefined) {
      const text = wanted;
      wanted = undefined;
      try {
        if (text !== null) await replace(path, `${boot} ${Math.round(monotonicMs())}\n${text}`);
        else if (isThere) await unlink(path);
        isThere = text !== null;
        lastFailure = "";
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        // Once, not at each heartbeat.
        if (reason !== lastFailure) log("error", "restart file", { path, reason });
        lastFailure = reason;
      }
    }
    working = undefined;
  }

  function want(text: string | null): void {
    wanted = text;
    working ??= work();
  }

  return {
    previous: stored === undefined ? undefined : previousOf(stored, boot),
    save: want,
    forget() {
      if (isThere || working) want(null);
    },
    async flush() {
      await working;
    },
  };
}

function previousOf(stored: string, boot: string): RestartMemory["previous"] {
  const end = stored.indexOf("\n");
  const [writtenIn, at] = stored.slice(0, end).split(" ");
  const ageMs = monotonicMs() - Number(at);
  if (end < 0 || writtenIn !== boot || !(ageMs >= 0)) return undefined;
  return { text: stored.slice(end + 1), ageMs };
}

/** Milliseconds since boot, the same for all processes. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** In one step: a reader finds the old text or the new one, whenever we are killed. */
async function replace(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, text, { mode: 0o600 });
  await rename(draft, path);
}
