import type { CommandModule } from "yargs";
import { limitYoungGeneration } from "../io/system/young-generation.ts";
import { VERSIONS } from "./command-confgen.ts";
import { type DaemonArguments, daemonOptions, runOrExit } from "./daemon-options.ts";
import { DATASTORES, type DatastoreType } from "./datastore-type.ts";

interface NodeArguments extends DaemonArguments {
  node: string | undefined;
  datastore: DatastoreType | undefined;
  "datastore-path": string | undefined;
  out: string;
  state: string;
  "bird-socket": string;
  "calico-version": string;
  "missing-password": "hold" | "open";
  "process-title": string;
}

/** On the host in Calico's manifests: the first outlives a reboot, the second a container. */
const KEPT = "/var/lib/calico/calidris";
const RUNNING = "/var/run/calico";

export const nodeCommand: CommandModule<object, NodeArguments> = {
  command: "node",
  describe: "Run the daemon with what Calico's datastore says, as calico-node's sidecar",
  builder: (yargs) =>
    daemonOptions(yargs)
      .option("node", {
        type: "string",
        requiresArg: true,
        describe: "Name of this node (default: NODENAME, /var/lib/calico/nodename, the host's name)",
      })
      .option("datastore", {
        choices: DATASTORES,
        requiresArg: true,
        describe: "Where Calico's resources are (default: DATASTORE_TYPE)",
      })
      .option("datastore-path", {
        type: "string",
        requiresArg: true,
        describe: "With --datastore files: the folder",
      })
      .option("out", {
        type: "string",
        requiresArg: true,
        default: KEPT,
        describe: "Folder of the generated configurations; the last one serves a start without the datastore",
      })
      .option("state", {
        type: "string",
        requiresArg: true,
        default: `${RUNNING}/calidris.state`,
        describe: "File by which the next process knows that this one ran",
      })
      .option("bird-socket", {
        type: "string",
        requiresArg: true,
        default: RUNNING,
        describe: "Folder in which bird.ctl and bird6.ctl speak as BIRD 1.6 does; none: nowhere",
      })
      .option("calico-version", {
        choices: Object.keys(VERSIONS),
        default: "3.33",
        requiresArg: true,
        describe: "Release whose behaviour is followed",
      })
      .option("missing-password", {
        choices: ["hold", "open"] as const,
        default: "hold" as const,
        requiresArg: true,
        describe: "A session whose password cannot be found is held down, or runs without one as upstream",
      })
      .option("process-title", {
        type: "string",
        requiresArg: true,
        default: "bird",
        describe: "Name of the process, by which calicoctl finds it; none: as it was started",
      }) as never,
  handler: async (argv) => {
    limitYoungGeneration();
    const { runNode } = await import("./node.ts");
    const named = (text: string) => (text === "none" ? undefined : text);
    await runOrExit(() =>
      runNode(
        {
          node: argv.node,
          datastore: argv.datastore,
          datastorePath: argv["datastore-path"],
          out: argv.out,
          version: VERSIONS[argv["calico-version"]]!,
          missingPassword: argv["missing-password"],
          processTitle: named(argv["process-title"]),
          socket: argv.socket,
          state: argv.state,
          birdSockets: named(argv["bird-socket"]),
          logFormat: argv["log-format"],
          logLevel: argv["log-level"],
        },
        process.env,
      ),
    );
  },
};
