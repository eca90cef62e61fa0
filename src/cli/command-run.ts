import type { CommandModule } from "yargs";
import { LOG_THRESHOLDS, type LogThreshold } from "../config/model.ts";
import { limitYoungGeneration } from "../io/system/young-generation.ts";
import { CliError, EXIT } from "./exit-codes.ts";
import { DEFAULT_SOCKET, stateBeside } from "./socket-path.ts";

interface RunArguments {
  config: string;
  socket: string;
  state: string | undefined;
  "log-format": "auto" | "json" | "text";
  "log-level": LogThreshold | undefined;
}

export const runCommand: CommandModule<object, RunArguments> = {
  command: "run",
  describe: "Run the daemon",
  builder: (yargs) =>
    yargs
      .option("config", {
        type: "string",
        requiresArg: true,
        demandOption: "say --config PATH, a file or a folder",
        describe: "Configuration: a file, or a folder with *.yaml and peers/*.yaml",
      })
      .option("socket", {
        type: "string",
        requiresArg: true,
        default: process.env.CALIDRIS_SOCKET || DEFAULT_SOCKET,
        describe: "Control socket to serve (or CALIDRIS_SOCKET)",
      })
      .option("state", {
        type: "string",
        requiresArg: true,
        describe: "File by which the next process knows that this one ran (default: beside the control socket)",
      })
      .option("log-format", {
        choices: ["auto", "json", "text"] as const,
        default: "auto" as const,
        requiresArg: true,
        describe: "auto: text on a terminal, JSON elsewhere",
      })
      .option("log-level", {
        choices: LOG_THRESHOLDS,
        requiresArg: true,
        describe: "Least level that is logged (default: the configuration's, else info)",
      }),
  handler: async (argv) => {
    // Before all else: loading the daemon would let the young generation grow.
    limitYoungGeneration();
    const { runDaemon } = await import("./run-daemon.ts");
    try {
      await runDaemon({
        config: argv.config,
        socket: argv.socket,
        state: argv.state ?? stateBeside(argv.socket),
        logFormat: argv["log-format"],
        logLevel: argv["log-level"],
      });
    } catch (error) {
      // Half a daemon must not stay: what it opened already would keep the process alive.
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      process.exit(error instanceof CliError ? error.exit : EXIT.error);
    }
  },
};
