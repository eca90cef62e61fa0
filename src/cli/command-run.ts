import type { CommandModule } from "yargs";
import { limitYoungGeneration } from "../io/system/young-generation.ts";
import { type DaemonArguments, daemonOptions, runOrExit } from "./daemon-options.ts";
import { stateBeside } from "./socket-path.ts";

interface RunArguments extends DaemonArguments {
  config: string;
  state: string | undefined;
  "bird-socket": string | undefined;
}

export const runCommand: CommandModule<object, RunArguments> = {
  command: "run",
  describe: "Run the daemon",
  builder: (yargs) =>
    daemonOptions(yargs)
      .option("config", {
        type: "string",
        requiresArg: true,
        demandOption: "say --config PATH, a file or a folder",
        describe: "Configuration: a file, or a folder with *.yaml and peers/*.yaml",
      })
      .option("state", {
        type: "string",
        requiresArg: true,
        describe: "File by which the next process knows that this one ran (default: beside the control socket)",
      })
      .option("bird-socket", {
        type: "string",
        requiresArg: true,
        describe: "Folder in which bird.ctl and bird6.ctl speak as BIRD 1.6 does (default: nowhere)",
      }),
  handler: async (argv) => {
    // Before all else: loading the daemon would let the young generation grow.
    limitYoungGeneration();
    const [{ runDaemon }, { watchedFiles }] = await Promise.all([
      import("./run-daemon.ts"),
      import("./watched-files.ts"),
    ]);
    const options = {
      socket: argv.socket,
      state: argv.state ?? stateBeside(argv.socket),
      birdSockets: argv["bird-socket"],
      logFormat: argv["log-format"],
      logLevel: argv["log-level"],
    };
    await runOrExit(() => runDaemon(options, (log) => watchedFiles(argv.config, log)));
  },
};
