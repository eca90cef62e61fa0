/** `calidris node`: the generator and the daemon in one process, as the environment of calico-node says. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { Environment } from "../confgen/environment.ts";
import { backendWithoutBgp, nodeName, nodeNameFile } from "./calico-environment.ts";
import type { CalicoOptions } from "./calico-options.ts";
import { generatorSettings } from "./confgen.ts";
import { datastoreType, openSources } from "./confgen-sources.ts";
import { EXIT } from "./exit-codes.ts";
import { generatedConfig } from "./generated-config.ts";
import { type RunOptions, runDaemon } from "./run-daemon.ts";

/** What the options of CalicoOptions say goes before the environment. */
export interface NodeOptions extends RunOptions, CalicoOptions {
  /** Of the generations. */
  readonly out: string;
  /** By which other programs find the process; undefined: as it was started. */
  readonly processTitle: string | undefined;
}

/** Runs until a signal ends it. Throws where it cannot start. */
export async function runNode(options: NodeOptions, environment: Environment): Promise<void> {
  const backend = backendWithoutBgp(environment);
  if (backend !== undefined) return idle(backend);
  const datastore = options.datastore ?? datastoreType(environment);
  const node = options.node || nodeName(environment, readName(nodeNameFile(environment)), hostname());
  const { version, missingPassword, out } = options;
  const settings = generatorSettings({ node, version, missingPassword }, environment);
  const sources = await openSources({ datastore, path: options.path, environment });
  if (options.processTitle !== undefined) process.title = options.processTitle;
  await runDaemon(options, (log) => {
    log("info", "node", { node, datastore, out });
    return generatedConfig({ out, settings, sources }, log);
  });
}

/**
 * Calico's own image does not start BIRD with such a backend. A supervisor would start us again if we ended, so the end is
 * waited for; nothing is opened, and no route is touched.
 */
async function idle(backend: string): Promise<void> {
  process.stderr.write(`CALICO_NETWORKING_BACKEND is ${backend}: there is no BGP on this node, and nothing to do\n`);
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
