/**
 * The configuration of `calidris node`: what the generator makes of Calico's datastore reaches the daemon in memory, and
 * the files follow. The last good generation serves a start without the datastore.
 */
import { join } from "node:path";
import type { CompileInput } from "../confgen/compile/input.ts";
import type { GeneratedFile } from "../confgen/generation.ts";
import { createGenerator, type Generator } from "../confgen/generator.ts";
import type { Source } from "../confgen/generator-ports.ts";
import type { Config } from "../config/model.ts";
import { formatProblem, parseConfig } from "../config/parse.ts";
import type { Log } from "../daemon/ports.ts";
import { systemClock } from "../io/system/clock.ts";
import { type Generations, openGenerations, readCurrent } from "../io/system/generations.ts";
import { readSecret } from "./check-configuration.ts";
import { createCompile } from "./confgen.ts";
import type { ConfigSource } from "./config-source.ts";
import { createGenerationWriter, type GenerationWriter } from "./generation-writer.ts";

export interface GeneratedConfigOptions {
  /** Of the generations. */
  readonly out: string;
  readonly settings: Omit<CompileInput, "resources">;
  readonly sources: readonly Source[];
}

export function generatedConfig({ out, settings, sources }: GeneratedConfigOptions, log: Log): ConfigSource {
  const clock = systemClock();
  const folder = join(out, "current");
  let writer: GenerationWriter | undefined;
  let generator: Generator | undefined;

  /**
   * The last generation. It is read without a lock where nobody can write, or another process does: that one's folder stays
   * whole, and the node serves without files of its own.
   */
  async function openFolder(): Promise<readonly GeneratedFile[]> {
    let generations: Generations | undefined;
    let fault: unknown;
    try {
      generations = await openGenerations(out);
    } catch (error) {
      fault = error;
      log("error", "generations not kept", { reason: wordsOf(error), meanwhile: "it runs without, and tries again" });
    }
    writer = createGenerationWriter(generations, () => openGenerations(out), log, clock.after);
    if (generations) return generations.previous;
    return readCurrent(out).catch((error) => {
      if (wordsOf(error) !== wordsOf(fault)) log("error", "last generation not read", { reason: wordsOf(error) });
      return [];
    });
  }

  function parseLast(previous: readonly GeneratedFile[]): Config | undefined {
    if (previous.length === 0) return undefined;
    const files = previous.map(({ path, text }) => ({ path: join(folder, path), text }));
    const parsed = parseConfig(files, { secrets: readSecret });
    if (parsed.ok) {
      log("info", "last generation used", { folder, files: files.length });
      return parsed.config;
    }
    for (const problem of parsed.problems) log("error", "last generation refused", { problem: formatProblem(problem) });
    return undefined;
  }

  return {
    async begin() {
      return parseLast(await openFolder());
    },
    async follow(sink) {
      generator = createGenerator({
        settings,
        compile: createCompile(),
        sources,
        clock,
        log,
        folder,
        onGeneration(output) {
          sink.changed(output.config);
          writer?.write(output);
        },
        onRound({ outcome }) {
          const { held } = generator?.status() ?? {};
          if (outcome === "refused" && held !== undefined) sink.rejected(held);
        },
      });
    },
    waitingFor() {
      const status = generator?.status();
      const failing = status?.sources.flatMap(({ name, status: now }) =>
        now?.state === "failing" ? [`${name}: ${now.reason}`] : [],
      );
      return failing?.length ? failing.join("; ") : (status?.held ?? "the datastore has not been read yet");
    },
    state: () => ({ ...generator?.status() }),
    reread: () => log("info", "nothing to read again", { reason: "the datastore is followed" }),
    async close() {
      await generator?.close();
      await writer?.close();
    },
  };
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
