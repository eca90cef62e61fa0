/**
 * Generations on their way to the disk. The daemon has them already, so nothing waits for this: of several that come while
 * one is written only the newest follows, and what cannot be written is tried again.
 */
import type { GeneratorOutput } from "../confgen/generator-ports.ts";
import type { Log } from "../daemon/ports.ts";
import type { Generations } from "../io/system/generations.ts";
import { writeGeneration } from "./confgen.ts";

export interface GenerationWriter {
  write(output: GeneratorOutput): void;
  /** What waits is still written, once. */
  close(): Promise<void>;
}

const AGAIN_MS = 5000;
const meanwhile = "it is in force, and would be lost with the process";

/** Without generations that are open, `open` is asked with each attempt to write until it succeeds. */
export function createGenerationWriter(
  opened: Generations | undefined,
  open: () => Promise<Generations>,
  log: Log,
  after: (delayMs: number, run: () => void) => () => void,
): GenerationWriter {
  let generations = opened;
  let next: GeneratorOutput | undefined;
  let writing: Promise<void> | undefined;
  let cancel = () => {};
  let reason: string | undefined;
  let isClosed = false;

  function start(): void {
    if (next === undefined) return;
    writing ??= work().finally(() => {
      writing = undefined;
    });
  }

  async function work(): Promise<void> {
    while (next !== undefined) {
      const output = next;
      next = undefined;
      try {
        generations ??= await open();
        await writeGeneration(generations, output, log);
        if (reason !== undefined) log("info", "generations written again", {});
        reason = undefined;
      } catch (error) {
        const now = error instanceof Error ? error.message : String(error);
        // Once for each reason: a full disk stays full.
        if (now !== reason) log("error", "generation not written", { reason: now, retryInMs: AGAIN_MS, meanwhile });
        reason = now;
        next ??= output;
        if (!isClosed) cancel = after(AGAIN_MS, start);
        return;
      }
    }
  }

  return {
    write(output) {
      next = output;
      cancel();
      start();
    },
    async close() {
      isClosed = true;
      cancel();
      await writing;
      if (next !== undefined) await work();
      await generations?.close();
    },
  };
}
