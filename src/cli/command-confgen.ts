import type { CommandModule } from "yargs";
import { limitYoungGeneration } from "../io/system/young-generation.ts";
import { type CalicoArguments, calicoOptions, calicoOptionsOf, namedNode, timeoutMsOf } from "./calico-options.ts";
import { type LogArguments, logOptions } from "./daemon-options.ts";
import { CliError, EXIT } from "./exit-codes.ts";
import { count, seconds } from "./number-option.ts";
import { withSocket } from "./output.ts";

interface ConfgenArguments extends CalicoArguments, LogArguments {
  out: string;
  once: boolean;
  diff: boolean;
  timeout: number;
  limit: number;
  socket: string | undefined;
}

export const confgenCommand: CommandModule<object, ConfgenArguments> = {
  command: "confgen",
  describe: "Make a node's configuration from Calico's datastore, and follow it",
  builder: (yargs) =>
    logOptions(calicoOptions(withSocket(yargs), "NODENAME"), "info; with --diff warn")
      .option("out", {
        type: "string",
        requiresArg: true,
        demandOption: "say --out DIR, the folder of which DIR/current is for run --config",
        describe: "Folder for the generations; DIR/current is the present one",
      })
      .option("once", { type: "boolean", default: false, describe: "Write one generation and end" })
      .option("diff", {
        type: "boolean",
        default: false,
        describe: "Print what would change, and write nothing",
      })
      .option("timeout", {
        type: "number",
        default: 30,
        requiresArg: true,
        coerce: seconds("timeout"),
        describe: "Seconds that --once and --diff wait for the datastore",
      })
      .option("limit", {
        type: "number",
        default: 10,
        requiresArg: true,
        coerce: count("limit"),
        describe: "Names and routes that --diff tells of each list",
      }) as never,
  handler: async (argv) => {
    const node = namedNode(argv);
    if (argv.once && argv.diff) throw new CliError(EXIT.usage, "--once writes and --diff does not: say one of them");
    // Before all else: loading the compiler would let the young generation grow.
    limitYoungGeneration();
    const { runConfgen } = await import("./confgen.ts");
    await runConfgen({
      ...calicoOptionsOf(argv),
      node,
      out: argv.out,
      mode: argv.once ? "once" : argv.diff ? "diff" : "follow",
      timeoutMs: timeoutMsOf(argv),
      limit: argv.limit,
      socket: argv.socket,
      logFormat: argv["log-format"],
      logLevel: argv["log-level"] ?? (argv.diff ? "warn" : "info"),
    });
  },
};
