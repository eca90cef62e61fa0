/** What the commands that read Calico's datastore have in common on the command line. */
import type { Argv } from "yargs";
import type { CalicoVersion } from "../confgen/compile/input.ts";
import { DATASTORES, type DatastoreType } from "./datastore-type.ts";
import { CliError, EXIT } from "./exit-codes.ts";

export interface CalicoArguments {
  datastore: DatastoreType | undefined;
  "datastore-path": string | undefined;
  node: string | undefined;
  "calico-version": string;
  "missing-password": "hold" | "open";
}

/** Whose configuration is made of what. Undefined: as the environment says. */
export interface CalicoOptions {
  readonly datastore: DatastoreType | undefined;
  /** Of `files`. */
  readonly path: string | undefined;
  readonly node: string | undefined;
  readonly version: CalicoVersion;
  readonly missingPassword: "hold" | "open";
}

/** As `3.31`. */
const VERSIONS: Readonly<Record<string, CalicoVersion>> = Object.fromEntries(
  ([28, 29, 30, 31, 32, 33] as const).map((minor) => [`3.${minor}`, minor]),
);

/** `nodes`: where the node's name is taken from, for the help. */
export function calicoOptions<T>(yargs: Argv<T>, nodes: string): Argv<T & CalicoArguments> {
  return yargs
    .option("datastore", {
      choices: DATASTORES,
      requiresArg: true,
      describe:
        "Where Calico's resources are (default: DATASTORE_TYPE, else etcdv3 with ETCD_ENDPOINTS, else kubernetes)",
    })
    .option("datastore-path", {
      type: "string",
      requiresArg: true,
      describe: "With --datastore files: a folder, or one file, of YAML or JSON",
    })
    .option("node", { type: "string", requiresArg: true, describe: `Name of the node (default: ${nodes})` })
    .option("calico-version", {
      // Without it 3.30 would be the number 3.3.
      type: "string",
      choices: Object.keys(VERSIONS),
      default: "3.33",
      requiresArg: true,
      describe: "Release of Calico whose behaviour is followed",
    })
    .option("missing-password", {
      choices: ["hold", "open"] as const,
      default: "hold" as const,
      requiresArg: true,
      describe: "A session whose password cannot be found is held down, or runs without one as with Calico",
    }) as never;
}

export function calicoOptionsOf(argv: CalicoArguments): CalicoOptions {
  const told = argv.datastore ?? (process.env.CALICO_DATASTORE_TYPE || process.env.DATASTORE_TYPE);
  // Another datastore would be read without a word, and the path would not.
  if (argv["datastore-path"] !== undefined && told !== "files")
    throw new CliError(EXIT.usage, "--datastore-path is for --datastore files: say that too, or leave the path out");
  return {
    datastore: argv.datastore,
    path: argv["datastore-path"],
    node: argv.node,
    version: VERSIONS[argv["calico-version"]]!,
    missingPassword: argv["missing-password"],
  };
}

const LONGEST_TIMEOUT_SECONDS = 86_400;

/** Throws where it is no time: a timer would end at once. */
export function timeoutMsOf({ timeout }: { readonly timeout: number }): number {
  if (timeout > 0 && timeout <= LONGEST_TIMEOUT_SECONDS) return timeout * 1000;
  throw new CliError(EXIT.usage, `--timeout takes seconds, more than 0 and at most ${LONGEST_TIMEOUT_SECONDS}`);
}

/** For commands that are not run in calico-node's container: the name is said, or stands in NODENAME. */
export function namedNode(argv: CalicoArguments): string {
  const node = argv.node || process.env.NODENAME;
  if (!node) throw new CliError(EXIT.usage, "say --node NAME, the name of this node");
  return node;
}
