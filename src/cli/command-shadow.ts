import { existsSync } from "node:fs";
import type { CommandModule } from "yargs";
import { CliError, EXIT } from "./exit-codes.ts";
import { type OutputOptions, withOutput } from "./output.ts";

type ShadowArguments = OutputOptions & {
  config: string;
  "bird-socket": string | undefined;
  "bird6-socket": string | undefined;
  all: boolean;
  limit: number;
};

/** Rows told of each list. */
const ROWS = 10;
const SOCKETS = { ipv4: "/var/run/calico/bird.ctl", ipv6: "/var/run/calico/bird6.ctl" } as const;

export const shadowCommand: CommandModule<object, ShadowArguments> = {
  command: "shadow",
  describe: "Beside a running BIRD: which sessions, announcements and kernel routes would differ. Writes nothing",
  builder: (yargs) =>
    withOutput(yargs, ["table", "json", "yaml"])
      .option("config", {
        type: "string",
        requiresArg: true,
        demandOption: "say --config PATH, a file or a folder",
        describe: "Configuration to compare with BIRD",
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
      })
      .option("all", { type: "boolean", default: false, describe: "Every route that differs" })
      .option("limit", {
        type: "number",
        default: ROWS,
        requiresArg: true,
        describe: "Routes named of each list",
      }) as never,
  handler: async (argv) => {
    const sockets = birdSockets(argv["bird-socket"], argv["bird6-socket"]);
    const { readNext } = await import("./preview.ts");
    const { shadow } = await import("./shadow.ts");
    await shadow(argv, await readNext(argv.config), sockets, argv.all ? Number.POSITIVE_INFINITY : argv.limit);
  },
};

/** Those named; where none is, Calico's, as far as they are there. */
function birdSockets(ipv4: string | undefined, ipv6: string | undefined) {
  if (ipv4 !== undefined || ipv6 !== undefined) return { ipv4, ipv6 };
  const [first, second] = [SOCKETS.ipv4, SOCKETS.ipv6].map((path) => (existsSync(path) ? path : undefined));
  if (first === undefined && second === undefined)
    throw new CliError(EXIT.unreachable, `There is no ${SOCKETS.ipv4}: say --bird-socket PATH`);
  return { ipv4: first, ipv6: second };
}
