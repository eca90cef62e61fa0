import { existsSync } from "node:fs";
import type { CommandModule } from "yargs";
import type { Config } from "../config/model.ts";
import { type CalicoArguments, calicoOptions, calicoOptionsOf, namedNode, timeoutMsOf } from "./calico-options.ts";
import { CliError, EXIT } from "./exit-codes.ts";
import { type ListedRows, rowsOf, withListedRows } from "./listed-rows.ts";
import { type OutputOnceOptions, withOutputOnce } from "./output.ts";

type ShadowArguments = OutputOnceOptions &
  CalicoArguments &
  ListedRows & {
    config: string | undefined;
    timeout: number;
    "bird-socket": string | undefined;
    "bird6-socket": string | undefined;
  };

const SOCKETS = { ipv4: "/var/run/calico/bird.ctl", ipv6: "/var/run/calico/bird6.ctl" } as const;

export const shadowCommand: CommandModule<object, ShadowArguments> = {
  command: "shadow",
  describe: "Beside a running BIRD: which sessions, announcements and kernel routes would differ. Writes nothing",
  builder: (yargs) =>
    calicoOptions(
      withListedRows(withOutputOnce(yargs, ["table", "json", "yaml"]), "Every route that differs"),
      "NODENAME",
    )
      .option("config", {
        type: "string",
        requiresArg: true,
        describe: "Compare with this configuration, a file or a folder, in place of what the datastore gives",
      })
      .option("timeout", {
        type: "number",
        default: 30,
        requiresArg: true,
        describe: "Seconds to wait for the datastore",
      })
      .option("bird-socket", {
        type: "string",
        requiresArg: true,
        describe: `Control socket of the IPv4 BIRD (default: ${SOCKETS.ipv4}, where it is there)`,
      })
      .option("bird6-socket", {
        type: "string",
        requiresArg: true,
        describe: `Control socket of the IPv6 BIRD (default: ${SOCKETS.ipv6}, where it is there)`,
      }) as never,
  handler: async (argv) => {
    const sockets = birdSockets(argv["bird-socket"], argv["bird6-socket"]);
    const { shadow } = await import("./shadow.ts");
    await shadow(argv, await configOf(argv), sockets, rowsOf(argv));
  },
};

/** What we would run with: a configuration that is there, or what Calico's datastore gives for the node. */
async function configOf(argv: ShadowArguments): Promise<Config> {
  if (argv.config !== undefined) return (await import("./preview.ts")).readNext(argv.config);
  const { compileForNode } = await import("./confgen.ts");
  const { config } = await compileForNode({
    ...calicoOptionsOf(argv),
    node: namedNode(argv),
    timeoutMs: timeoutMsOf(argv),
  });
  return config;
}

/** Those named; where none is, Calico's, as far as they are there. */
function birdSockets(ipv4: string | undefined, ipv6: string | undefined) {
  if (ipv4 !== undefined || ipv6 !== undefined) return { ipv4, ipv6 };
  const [first, second] = [SOCKETS.ipv4, SOCKETS.ipv6].map((path) => (existsSync(path) ? path : undefined));
  if (first === undefined && second === undefined)
    throw new CliError(EXIT.unreachable, `There is no ${SOCKETS.ipv4}: say --bird-socket PATH`);
  return { ipv4: first, ipv6: second };
}
