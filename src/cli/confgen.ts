/** `calidris confgen`: follows Calico's datastore, and writes what it makes of it. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { compile, createCompileMemo } from "../confgen/compile/compile.ts";
import type { CalicoVersion, Environment as Compiled, CompileInput } from "../confgen/compile/input.ts";
import { calicoVariable, type Environment } from "../confgen/environment.ts";
import { createGenerator, type Generator } from "../confgen/generator.ts";
import type { GeneratorOptions, GeneratorOutput, Round, Source } from "../confgen/generator-ports.ts";
import type { LogThreshold } from "../config/model.ts";
import { formatProblem } from "../config/parse.ts";
import type { Log } from "../daemon/ports.ts";
import { systemClock } from "../io/system/clock.ts";
import { type Generations, openGenerations } from "../io/system/generations.ts";
import { createLog } from "../io/system/log.ts";
import { onSignals } from "../io/system/signals.ts";
import { growHeapSlowly } from "../io/system/young-generation.ts";
import type { CalicoOptions } from "./calico-options.ts";
import { datastoreType, openSources } from "./confgen-sources.ts";
import { CliError, EXIT } from "./exit-codes.ts";

export interface ConfgenOptions extends CalicoOptions {
  readonly node: string;
  readonly out: string;
  readonly mode: "follow" | "once" | "diff";
  /** Of `once` and `diff`. */
  readonly timeoutMs: number;
  readonly limit: number;
  readonly socket: string | undefined;
  readonly logFormat: "auto" | "json" | "text";
  readonly logLevel: LogThreshold;
}

/** `follow` runs until a signal ends it. Throws CliError where there is no generation to make. */
export async function runConfgen(options: ConfgenOptions): Promise<void> {
  const growFreely = growHeapSlowly();
  const { log, flush } = createLog({ format: options.logFormat, level: options.logLevel });
  const sources = await sourcesOf(options);
  try {
    switch (options.mode) {
      case "follow":
        return await follow(options, sources, log, growFreely);
      case "once":
        return await writeOnce(options, sources, log);
      case "diff": {
        const output = await compileOnce(options, sources, log, () => undefined);
        const { printDifference } = await import("./confgen-diff.ts");
        return await printDifference(options, output);
      }
    }
  } finally {
    await flush();
  }
}

/** What every way of running the generator has; the environment is Calico's. */
export function generatorSettings(
  given: { readonly node: string; readonly version: CalicoVersion; readonly missingPassword: "hold" | "open" },
  environment: Environment,
): Omit<CompileInput, "resources"> {
  const { node, version, missingPassword } = given;
  const names = ["CALICO_ROUTER_ID", "CALICO_K8S_NODE_REF", "CALICO_ADVERTISE_CLUSTER_IPS", "NAMESPACE"] as const;
  const told = names.flatMap((name) => (environment[name] ? [[name, environment[name]]] : []));
  const podCidr = calicoVariable(environment, "USE_POD_CIDR");
  return {
    node,
    version,
    missingPassword,
    environment: { ...Object.fromEntries(told), ...(podCidr && { USE_POD_CIDR: podCidr }) } as Compiled,
    sha256: (bytes) => createHash("sha256").update(bytes).digest(),
  };
}

/** The compiler with a memory of its own. */
export function createCompile(): GeneratorOptions["compile"] {
  const memo = createCompileMemo();
  return (input) => compile(input, memo);
}

function start(
  options: Pick<ConfgenOptions, "node" | "version" | "missingPassword" | "out">,
  sources: readonly Source[],
  log: Log,
  onGeneration: GeneratorOptions["onGeneration"],
  onRound?: (round: Round) => void,
): Generator {
  return createGenerator({
    settings: generatorSettings(options, process.env),
    compile: createCompile(),
    sources,
    clock: systemClock(),
    log,
    folder: join(options.out, "current"),
    onGeneration,
    ...(onRound && { onRound }),
  });
}

/** Writes a generation, and says so. True: it is another than before. */
export async function writeGeneration(generations: Generations, output: GeneratorOutput, log: Log): Promise<boolean> {
  const { number, isNew, written, removed } = await generations.write(output.generation.files);
  if (!isNew) return false;
  for (const warning of output.warnings) log("warn", "configuration", { problem: formatProblem(warning) });
  log("info", "generation written", { number, files: written.length, removed: removed.length });
  return true;
}

async function follow(
  options: ConfgenOptions,
  sources: readonly Source[],
  log: Log,
  onWritten: () => void,
): Promise<void> {
  const generations = await openGenerations(options.out);
  if (generations.previous.length > 0)
    log("info", "last generation", { path: join(options.out, "current"), files: generations.previous.length });
  const generator = start(options, sources, log, async (output) => {
    await writeGeneration(generations, output, log);
    onWritten();
  });
  await new Promise<void>((resolve) => {
    onSignals({
      reload: () => undefined,
      dump: () => log("info", "state", { ...generator.status() }),
      stop: (_signal, again) => (again ? process.exit(EXIT.error) : resolve()),
    });
  });
  log("info", "stopping", {});
  await generator.close();
  await generations.close();
}

async function writeOnce(options: ConfgenOptions, sources: readonly Source[], log: Log): Promise<void> {
  const generations = await openGenerations(options.out);
  try {
    await compileOnce(options, sources, log, async (output) => {
      if (await writeGeneration(generations, output, log)) return;
      log("info", "generation unchanged", { path: join(options.out, "current") });
    });
  } finally {
    await generations.close();
  }
}

/** What the datastore gives for a node at present, for commands that write nothing. Only warnings are logged. */
export async function compileForNode(
  options: CalicoOptions & Pick<ConfgenOptions, "node" | "timeoutMs">,
): Promise<GeneratorOutput> {
  const { log, flush } = createLog({ format: "auto", level: "warn" });
  const sources = await sourcesOf(options);
  try {
    return await compileOnce({ ...options, out: "generated" }, sources, log, () => undefined);
  } finally {
    await flush();
  }
}

function sourcesOf({ datastore, path }: CalicoOptions): Promise<Source[]> {
  return openSources({ datastore: datastore ?? datastoreType(process.env), path, environment: process.env });
}

/** The first generation that the datastore gives. Throws CliError where there is none in time. */
async function compileOnce(
  options: Pick<ConfgenOptions, "node" | "version" | "missingPassword" | "out" | "timeoutMs">,
  sources: readonly Source[],
  log: Log,
  take: GeneratorOptions["onGeneration"],
): Promise<GeneratorOutput> {
  let output: GeneratorOutput | undefined;
  let failure: unknown;
  let ended: (outcome: Round["outcome"] | "late") => void = () => undefined;
  const outcome = new Promise<Round["outcome"] | "late">((resolve) => {
    ended = resolve;
  });
  const timer = setTimeout(() => ended("late"), options.timeoutMs);
  const onGeneration = async (given: GeneratorOutput) => {
    output = given;
    try {
      await take(given);
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  const generator = start(options, sources, log, onGeneration, (round) => {
    if (round.outcome !== "waiting") ended(round.outcome);
  });
  const end = await outcome;
  clearTimeout(timer);
  const status = generator.status();
  await generator.close();
  if (failure) throw failure;
  if (end === "delivered" && output) return output;
  const reasons = status.sources.flatMap(({ name, status: said }) =>
    said?.state === "failing" ? `${name}: ${said.reason}` : [],
  );
  const errors = status.findings.filter(({ severity }) => severity === "error");
  if (end === "late") {
    const why = reasons.length > 0 ? reasons : [status.held ?? "nothing was said"];
    const wait = `within ${options.timeoutMs / 1000} s (--timeout)`;
    throw new CliError(EXIT.unreachable, `The datastore could not be read ${wait}: ${why.join("; ")}`);
  }
  const why = [...errors.map(({ resource, message }) => `${resource}: ${message}`), ...reasons];
  throw new CliError(
    EXIT.error,
    [`There is no configuration for node ${options.node}`, ...(why.length > 0 ? why : [status.held])].join("\n"),
  );
}
