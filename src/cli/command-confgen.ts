import type { CommandModule } from "yargs";
import { LOG_THRESHOLDS, type LogThreshold } from "../config/model.ts";
import { limitYoungGeneration } from "../io/system/young-generation.ts";
import { type CalicoArguments, calicoOptions, calicoOptionsOf, namedNode } from "./calico-options.ts";
import { CliError, EXIT } from "./exit-codes.ts";
import { count, seconds } from "./number-option.ts";
import { withSocket } from "./output.ts";

interface ConfgenArguments extends CalicoArguments {
  out: string;
  once: boolean;
  diff: boolean;
  timeout: number;
  limit: number;
  socket: string | undefined;
  "log-format": "auto" | "json" | "text";
  "log-level": LogThreshold | undefined;
}

export const confgenCommand: CommandModule<object, ConfgenArguments> = {
  command: "confgen",
  describe: "Make a node's configuration from Calico's datastore, and follow it",
  builder: (yargs) =>
    calicoOptions(withSocket(yargs), "NODENAME")
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
        describe: "Least level that is logged (default: info; with --diff warn)",
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
      timeoutMs: argv.timeout * 1000,
      limit: argv.limit,
      socket: argv.socket,
      logFormat: argv["log-format"],
      logLevel: argv["log-level"] ?? (argv.diff ? "warn" : "info"),
    });
  },
};
