/**
 * The configuration of `calidris node`: what the generator makes of Calico's datastore reaches the daemon in memory, and
 * the files follow. The last good generation serves a start without the datastore.
 */
import { join } from "node:path";
import type { CompileInput } from "../confgen/compile/input.ts";
import { createGenerator, type Generator } from "../confgen/generator.ts";
import type { Source } from "../confgen/generator-ports.ts";
import type { Config } from "../config/model.ts";
import { formatProblem, parseConfig } from "../config/parse.ts";
import type { Log } from "../daemon/ports.ts";
import { systemClock } from "../io/system/clock.ts";
import { type Generations, openGenerations } from "../io/system/generations.ts";
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

  /** The node serves without its files; what cannot be kept is said. */
  async function openFolder(): Promise<Generations | undefined> {
    try {
      return await openGenerations(out);
    } catch (error) {
      log("error", "generations not kept", { reason: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  }

  function parseLast({ previous }: Generations): Config | undefined {
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
      const generations = await openFolder();
      if (!generations) return undefined;
      writer = createGenerationWriter(generations, log, clock.after);
      return parseLast(generations);
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
