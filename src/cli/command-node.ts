import type { CommandModule } from "yargs";
import { limitYoungGeneration } from "../io/system/young-generation.ts";
import { type CalicoArguments, calicoOptions, calicoOptionsOf } from "./calico-options.ts";
import { type DaemonArguments, daemonOptions, runOrExit } from "./daemon-options.ts";

interface NodeArguments extends DaemonArguments, CalicoArguments {
  out: string;
  state: string;
  "bird-socket": string;
  "process-title": string;
}

/** On the host in Calico's manifests: the first outlives a reboot, the second a container. */
const KEPT = "/var/lib/calico/calidris";
const RUNNING = "/var/run/calico";

export const nodeCommand: CommandModule<object, NodeArguments> = {
  command: "node",
  describe: "Run the daemon with what Calico's datastore says, as calico-node's sidecar",
  builder: (yargs) =>
    calicoOptions(daemonOptions(yargs), "NODENAME, /var/lib/calico/nodename, the host's name")
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
          ...calicoOptionsOf(argv),
          out: argv.out,
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
