import type { CommandModule } from "yargs";
import type { CalicoVersion } from "../confgen/compile/input.ts";
import { LOG_THRESHOLDS, type LogThreshold } from "../config/model.ts";
import { limitYoungGeneration } from "../io/system/young-generation.ts";
import { DATASTORES, type DatastoreType } from "./datastore-type.ts";
import { CliError, EXIT } from "./exit-codes.ts";
import { withSocket } from "./output.ts";

interface ConfgenArguments {
  datastore: DatastoreType | undefined;
  "datastore-path": string | undefined;
  node: string | undefined;
  out: string;
  once: boolean;
  diff: boolean;
  "calico-version": string;
  "missing-password": "hold" | "open";
  timeout: number;
  limit: number;
  socket: string | undefined;
  "log-format": "auto" | "json" | "text";
  "log-level": LogThreshold | undefined;
}

/** As `3.31`. */
export const VERSIONS: Readonly<Record<string, CalicoVersion>> = Object.fromEntries(
  ([28, 29, 30, 31, 32, 33] as const).map((minor) => [`3.${minor}`, minor]),
);

export const confgenCommand: CommandModule<object, ConfgenArguments> = {
  command: "confgen",
  describe: "Make a node's configuration from Calico's datastore, and follow it",
  builder: (yargs) =>
    withSocket(yargs)
      .option("datastore", {
        choices: DATASTORES,
        requiresArg: true,
        describe:
          "Where Calico's resources are (default: DATASTORE_TYPE, else etcdv3 with ETCD_ENDPOINTS, else kubernetes)",
      })
      .option("datastore-path", {
        type: "string",
        requiresArg: true,
        describe: "For files: a folder, or one file, of YAML or JSON",
      })
      .option("node", {
        type: "string",
        requiresArg: true,
        default: process.env.NODENAME || undefined,
        describe: "Name of the node (or NODENAME)",
      })
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
      .option("calico-version", {
        choices: Object.keys(VERSIONS),
        default: "3.33",
        requiresArg: true,
        describe: "Release of Calico whose behaviour is wanted",
      })
      .option("missing-password", {
        choices: ["hold", "open"] as const,
        default: "hold" as const,
        requiresArg: true,
        describe: "A session whose password cannot be found: held down, or run without one as Calico does",
      })
      .option("timeout", {
        type: "number",
        default: 30,
        requiresArg: true,
        describe: "Seconds that --once and --diff wait for the datastore",
      })
      .option("limit", {
        type: "number",
        default: 10,
        requiresArg: true,
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
    const { node } = argv;
    if (node === undefined || node === "") throw new CliError(EXIT.usage, "say --node NAME, the name of this node");
    if (argv.once && argv.diff) throw new CliError(EXIT.usage, "--once writes and --diff does not: say one of them");
    // Before all else: loading the compiler would let the young generation grow.
    limitYoungGeneration();
    const { runConfgen } = await import("./confgen.ts");
    await runConfgen({
      datastore: argv.datastore,
      path: argv["datastore-path"],
      node,
      out: argv.out,
      mode: argv.once ? "once" : argv.diff ? "diff" : "follow",
      version: VERSIONS[argv["calico-version"]]!,
      missingPassword: argv["missing-password"],
      timeoutMs: argv.timeout * 1000,
      limit: argv.limit,
      socket: argv.socket,
      logFormat: argv["log-format"],
      logLevel: argv["log-level"] ?? (argv.diff ? "warn" : "info"),
    });
  },
};
