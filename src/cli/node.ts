/** `calidris node`: the generator and the daemon in one process, as the environment of calico-node says. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { CompileInput } from "../confgen/compile/input.ts";
import type { Log } from "../daemon/ports.ts";
import {
  compiledEnvironment,
  type DatastoreType,
  datastoreChoice,
  endpointStatusPrefix,
  isWithoutBgp,
  nodeName,
  nodeNameFile,
  type Variables,
} from "./calico-environment.ts";
import { EXIT } from "./exit-codes.ts";
import { generatedConfig } from "./generated-config.ts";
import { openSources } from "./open-sources.ts";
import { type RunOptions, runDaemon } from "./run-daemon.ts";

export interface NodeOptions extends RunOptions {
  /** These go before what the environment says. */
  readonly node: string | undefined;
  readonly datastore: DatastoreType | undefined;
  readonly datastorePath: string | undefined;
  /** Of the generations. */
  readonly out: string;
  readonly version: CompileInput["version"];
  readonly missingPassword: CompileInput["missingPassword"];
  /** By which other programs find the process; undefined: as it was started. */
  readonly processTitle: string | undefined;
}

/** Runs until a signal ends it. Throws where it cannot start. */
export async function runNode(options: NodeOptions, variables: Variables): Promise<void> {
  if (isWithoutBgp(variables)) return idle(variables);
  const choice = datastoreChoice(variables, options.datastore, options.datastorePath);
  const node = options.node ?? nodeName(variables, readName(nodeNameFile(variables)), hostname());
  const { version, missingPassword, out } = options;
  const settings = { node, environment: compiledEnvironment(variables), version, missingPassword };
  const sources = await openSources(choice, endpointStatusPrefix(variables));
  if (options.processTitle !== undefined) process.title = options.processTitle;
  await runDaemon(options, (log: Log) => {
    log("info", "node", { node, datastore: choice.type, out });
    return generatedConfig({ out, settings, sources }, log);
  });
}

/**
 * Calico's own image does not start BIRD with such a backend. A supervisor would start us again if we ended, so that it is
 * waited for the end; nothing is opened, and other routes are left alone.
 */
async function idle(variables: Variables): Promise<void> {
  process.stderr.write(
    `CALICO_NETWORKING_BACKEND is ${variables.CALICO_NETWORKING_BACKEND}: there is no BGP on this node, and nothing to do\n`,
  );
  const alive = setInterval(() => {}, 2 ** 30);
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
    process.on("SIGHUP", () => {});
  });
  clearInterval(alive);
  process.exit(EXIT.ok);
}

/** Undefined where Calico's startup has not written it. */
function readName(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
