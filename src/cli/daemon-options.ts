/** What `run` and `node` have in common on the command line. */
import type { Argv } from "yargs";
import { LOG_THRESHOLDS, type LogThreshold } from "../config/model.ts";
import { CliError, EXIT } from "./exit-codes.ts";
import { DEFAULT_SOCKET } from "./socket-path.ts";

export interface LogArguments {
  "log-format": "auto" | "json" | "text";
  "log-level": LogThreshold | undefined;
}

export interface DaemonArguments extends LogArguments {
  socket: string;
}

/** `level`: which one it is by default, for the help. */
export function logOptions<T>(yargs: Argv<T>, level: string): Argv<T & LogArguments> {
  return yargs
    .option("log-format", {
      choices: ["auto", "json", "text"] as const,
      default: "auto" as const,
      requiresArg: true,
      describe: "auto: text on a terminal, JSON elsewhere",
    })
    .option("log-level", {
      choices: LOG_THRESHOLDS,
      requiresArg: true,
      describe: `Least level that is logged (default: ${level})`,
    });
}

export function daemonOptions(yargs: Argv): Argv<DaemonArguments> {
  const withSocket = yargs.option("socket", {
    type: "string",
    requiresArg: true,
    default: process.env.CALIDRIS_SOCKET || DEFAULT_SOCKET,
    describe: "Control socket to serve (or CALIDRIS_SOCKET)",
  });
  return logOptions(withSocket, "the configuration's, else info");
}

/** Half a daemon must not stay: what it opened already would keep the process alive. */
export async function runOrExit(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(error instanceof CliError ? error.exit : EXIT.error);
  }
}
